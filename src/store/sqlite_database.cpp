#include "store/sqlite_database.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "store/query.h"
#include "store/sql.h"

namespace engineroom::store {
namespace {

// "engr" in SQLite's header says whose file it is; the version says which columns it has.
constexpr int kApplicationId = 0x656e6772;
constexpr int kSchemaVersion = 2;

// Buffers from this size on have rows of their own in `payloads`: SQLite writes a whole row anew
// when any column of it changes, and a task's does three times.
constexpr std::size_t kLargePayload = std::size_t{32} << 10;
// In `tasks.large`, and which of them a row of `payloads` is.
constexpr std::int64_t kRequestPart = 1;
constexpr std::int64_t kResultPart = 2;

constexpr const char* kSchema = R"(
CREATE TABLE tasks (
  msg_id TEXT PRIMARY KEY NOT NULL,
  header TEXT, metadata TEXT, content TEXT, buffers BLOB,
  submitted INTEGER NOT NULL, client_uuid TEXT, engine_uuid TEXT,
  started INTEGER, completed INTEGER, resubmitted TEXT, received INTEGER,
  result_header TEXT, result_metadata TEXT, result_content TEXT, result_buffers BLOB,
  queue TEXT, execute_input TEXT, execute_result TEXT, error TEXT,
  stdout TEXT NOT NULL DEFAULT '', stderr TEXT NOT NULL DEFAULT '', label TEXT,
  payload_dropped INTEGER NOT NULL DEFAULT 0);
CREATE INDEX tasks_by_time ON tasks (submitted);
CREATE INDEX tasks_unfinished ON tasks (submitted) WHERE received IS NULL;
)";

// What came with version 2; a file of version 1 gets it when it is opened.
constexpr const char* kPayloads = R"(
ALTER TABLE tasks ADD COLUMN large INTEGER NOT NULL DEFAULT 0;
CREATE TABLE payloads (
  msg_id TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (msg_id, part));
CREATE TRIGGER payloads_go AFTER DELETE ON tasks WHEN old.large
  BEGIN DELETE FROM payloads WHERE msg_id = old.msg_id; END;
)";

constexpr const char* kInsert =
    "INSERT INTO tasks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
    "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)";

// kTaskColumns, with what is in `payloads` in its place.
std::string columns() {
  std::string text = kTaskColumns;
  const auto replace = [&text](const std::string& name, std::int64_t part) {
    const std::string bit = std::to_string(part);
    text.replace(text.find(" " + name + ","), name.size() + 1,
                 " CASE WHEN large & " + bit +
                     " THEN (SELECT data FROM payloads WHERE payloads.msg_id = tasks.msg_id AND "
                     "part = " +
                     bit + ") ELSE " + name + " END");
  };
  replace("buffers", kRequestPart);
  replace("result_buffers", kResultPart);
  return text;
}

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using Handle = std::unique_ptr<sqlite3, CloseDatabase>;

Status failure(sqlite3* database, const std::string& what) {
  const int code = sqlite3_errcode(database);
  const std::string text = what + ": " + sqlite3_errmsg(database);
  if (sqlite3_extended_errcode(database) == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return {ErrorCode::kInvalidArgument, text};
  }
  // Another process writes; the disk is full or gone; all else does not change by itself.
  const bool may_pass =
      code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL || code == SQLITE_IOERR;
  return {may_pass ? ErrorCode::kUnavailable : ErrorCode::kIo, text};
}

// A prepared statement, and its values by position from 1. (Ours are written ?1; those of to_sql()
// are $1, which SQLite numbers as they appear, and so in order.)
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql) : database_(database) {
    if (sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement_, nullptr) != SQLITE_OK) {
      status_ = failure(database, sql.substr(0, 60));
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  const Status& status() const { return status_; }

  // What is bound must live until the next reset().
  void bind(int at, std::string_view text) {
    sqlite3_bind_text64(statement_, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void bind_or_null(int at, std::string_view text) {
    if (!text.empty()) bind(at, text);
  }
  void bind_blob(int at, std::string_view blob) {
    if (blob.empty()) return;
    sqlite3_bind_blob64(statement_, at, blob.data(), blob.size(), SQLITE_STATIC);
  }
  void bind(int at, std::int64_t number) { sqlite3_bind_int64(statement_, at, number); }
  void bind(int at, const std::optional<WallTime>& when) {
    if (when) bind(at, to_micros(*when));
  }
  void bind(int at, const SqlValue& value) {
    std::visit([this, at](const auto& concrete) { bind(at, concrete); }, value);
  }
  void bind(int at, const std::string& text) { bind(at, std::string_view(text)); }

  // True: there is a row. False: it is done, or status() says what went wrong.
  bool step() {
    if (!status_.ok()) return false;
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) status_ = failure(database_, "step");
    return false;
  }
  // Runs it to its end, and makes it ready for other values.
  Status run() {
    while (step()) {
    }
    Status status = std::exchange(status_, {});
    reset();
    return status;
  }
  void reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  // Columns of the row, from 0.
  std::string_view text(int at) const {
    const void* data = sqlite3_column_blob(statement_, at);
    const int size = sqlite3_column_bytes(statement_, at);
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
  }
  std::int64_t number(int at) const { return sqlite3_column_int64(statement_, at); }
  std::optional<WallTime> time(int at) const {
    if (sqlite3_column_type(statement_, at) == SQLITE_NULL) return std::nullopt;
    return from_micros(number(at));
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  Status status_;
};

// In the order of kTaskColumns.
Result<Record> read_record(const Statement& row) {
  Record record;
  record.msg_id = row.text(0);
  record.header = row.text(1);
  record.metadata = row.text(2);
  record.content = row.text(3);
  Result<Frames> buffers = unpack_frames(row.text(4));
  record.submitted = from_micros(row.number(5));
  record.client_uuid = row.text(6);
  record.engine_uuid = row.text(7);
  record.started = row.time(8);
  record.completed = row.time(9);
  record.resubmitted = row.text(10);
  record.received = row.time(11);
  record.result_header = row.text(12);
  record.result_metadata = row.text(13);
  record.result_content = row.text(14);
  Result<Frames> result_buffers = unpack_frames(row.text(15));
  record.queue = parse_queue(row.text(16));
  record.execute_input = row.text(17);
  record.execute_result = row.text(18);
  record.error = row.text(19);
  record.stdout_text = row.text(20);
  record.stderr_text = row.text(21);
  record.label = row.text(22);
  record.payload_dropped = row.number(23) != 0;
  if (!buffers.ok()) return buffers.status();
  if (!result_buffers.ok()) return result_buffers.status();
  record.buffers = buffers.take();
  record.result_buffers = result_buffers.take();
  return record;
}

}  // namespace

struct SqliteDatabase::State {
  State(Handle opened, std::string file) : handle(std::move(opened)), path(std::move(file)) {}

  Status execute(const char* sql) const {
    char* message = nullptr;
    if (sqlite3_exec(handle.get(), sql, nullptr, nullptr, &message) == SQLITE_OK) return {};
    sqlite3_free(message);
    return failure(handle.get(), std::string(sql).substr(0, 60));
  }
  Result<std::int64_t> number(const char* sql) const {
    Statement statement(handle.get(), sql);
    if (statement.step()) return statement.number(0);
    return failure(handle.get(), sql);
  }
  Status prepare();
  Status insert(const Record& record);
  Status insert_new(const Record& record);
  Status erase(std::string_view msg_id);
  Status update(const Change& change);
  Status insert_payload(std::string_view msg_id, std::int64_t part, std::string_view data);
  Status write(const ChangeBatch& batch);

  Handle handle;
  std::string path;
  // Made once: preparing takes as long as inserting.
  std::optional<Statement> insert_statement;
  std::optional<Statement> erase_statement;
  std::optional<Statement> update_statement;
  std::optional<Statement> result_statement;
  std::optional<Statement> output_statement;
  std::optional<Statement> payload_statement;
};

// ---- opening ----

SqliteDatabase::SqliteDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteDatabase::~SqliteDatabase() = default;

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path) {
  // SQLite makes its files with the database's own mode, so that one is made first.
  const int file = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    return Status{ErrorCode::kIo, "cannot open " + path + ": " + std::string(std::strerror(errno))};
  }
  ::close(file);
  // Counting what it allocates takes a lock each time. (Refused if SQLite is in use already.)
  static const int counts_nothing = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)counts_nothing;
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Handle handle(raw);
  if (code != SQLITE_OK) return failure(raw, path);
  sqlite3_busy_timeout(raw, 5000);
  auto state = std::make_unique<State>(std::move(handle), path);
  if (Status status = state->prepare(); !status.ok()) return status;
  return std::unique_ptr<SqliteDatabase>(new SqliteDatabase(std::move(state)));
}

Status SqliteDatabase::State::prepare() {
  if (Status status = execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                              "PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=4000;");
      !status.ok()) {
    return {ErrorCode::kInvalidArgument, path + " is no database of records (" + status.message() +
                                             "); move it away, or name another file"};
  }
  // Two controllers may come to a new file at the same time.
  if (Status status = execute("BEGIN IMMEDIATE"); !status.ok()) return status;
  const Result<std::int64_t> owner = number("PRAGMA application_id");
  const Result<std::int64_t> version = number("PRAGMA user_version");
  const Result<std::int64_t> tables = number("SELECT count(*) FROM sqlite_master");
  if (!owner.ok()) return owner.status();
  if (!version.ok()) return version.status();
  if (!tables.ok()) return tables.status();
  const bool is_new = tables.value() == 0;
  const bool is_old = !is_new && owner.value() == kApplicationId && version.value() == 1;
  if (is_new || is_old) {
    const std::string mark = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                             "; PRAGMA user_version=" + std::to_string(kSchemaVersion);
    for (const char* sql : {is_new ? kSchema : "", kPayloads, mark.c_str()}) {
      if (Status status = execute(sql); !status.ok()) return status;
    }
  } else if (owner.value() != kApplicationId || version.value() != kSchemaVersion) {
    return {ErrorCode::kInvalidArgument,
            path + " was made by another program or version; move it away, or name another file"};
  }
  if (Status status = execute("COMMIT"); !status.ok()) return status;
  sqlite3* database = handle.get();
  insert_statement.emplace(database, kInsert);
  erase_statement.emplace(database, "DELETE FROM tasks WHERE msg_id = ?1");
  update_statement.emplace(database,
                           "UPDATE tasks SET engine_uuid = CASE WHEN ?2 THEN ?3 ELSE engine_uuid "
                           "END, started = coalesce(?4, started), resubmitted = coalesce(?5, "
                           "resubmitted) WHERE msg_id = ?1");
  result_statement.emplace(database,
                           "UPDATE tasks SET started = coalesce(?2, started), completed = ?3, "
                           "received = ?4, result_header = ?5, result_metadata = ?6, "
                           "result_content = ?7, result_buffers = ?8, payload_dropped = "
                           "payload_dropped OR ?9, large = (large & 1) | ?10 WHERE msg_id = ?1");
  output_statement.emplace(database,
                           "UPDATE tasks SET stdout = substr(stdout || ?2, 1, ?7), stderr = "
                           "substr(stderr || ?3, 1, ?7), execute_input = coalesce(?4, "
                           "execute_input), execute_result = coalesce(?5, execute_result), error = "
                           "coalesce(?6, error) WHERE msg_id = ?1");
  payload_statement.emplace(database, "INSERT OR REPLACE INTO payloads VALUES (?1, ?2, ?3)");
  for (const auto* statement : {&insert_statement, &erase_statement, &update_statement,
                                &result_statement, &output_statement, &payload_statement}) {
    if (!(*statement)->status().ok()) return (*statement)->status();
  }
  return {};
}

// ---- writing ----

// Nearly always it is new, and INSERT OR REPLACE prepares to undo what it does.
Status SqliteDatabase::State::insert(const Record& record) {
  Status status = insert_new(record);
  if (status.code() != ErrorCode::kInvalidArgument) return status;
  if (status = erase(record.msg_id); !status.ok()) return status;
  return insert_new(record);
}

Status SqliteDatabase::State::erase(std::string_view msg_id) {
  erase_statement->bind(1, msg_id);
  return erase_statement->run();
}

Status SqliteDatabase::State::insert_new(const Record& record) {
  Statement& row = *insert_statement;
  const std::string buffers = pack_frames(record.buffers);
  const std::string result_buffers = pack_frames(record.result_buffers);
  const bool is_large_request = buffers.size() >= kLargePayload;
  const bool is_large_result = result_buffers.size() >= kLargePayload;
  row.bind(1, std::string_view(record.msg_id));
  row.bind_or_null(2, record.header);
  row.bind_or_null(3, record.metadata);
  row.bind_or_null(4, record.content);
  if (!is_large_request) row.bind_blob(5, buffers);
  row.bind(6, to_micros(record.submitted));
  row.bind_or_null(7, record.client_uuid);
  row.bind_or_null(8, record.engine_uuid);
  row.bind(9, record.started);
  row.bind(10, record.completed);
  row.bind_or_null(11, record.resubmitted);
  row.bind(12, record.received);
  row.bind_or_null(13, record.result_header);
  row.bind_or_null(14, record.result_metadata);
  row.bind_or_null(15, record.result_content);
  if (!is_large_result) row.bind_blob(16, result_buffers);
  row.bind(17, std::string_view(to_string(record.queue)));
  row.bind_or_null(18, record.execute_input);
  row.bind_or_null(19, record.execute_result);
  row.bind_or_null(20, record.error);
  row.bind(21, std::string_view(record.stdout_text));
  row.bind(22, std::string_view(record.stderr_text));
  row.bind_or_null(23, record.label);
  row.bind(24, std::int64_t{record.payload_dropped});
  row.bind(25, (is_large_request ? kRequestPart : 0) | (is_large_result ? kResultPart : 0));
  Status status = row.run();
  if (status.ok() && is_large_request)
    status = insert_payload(record.msg_id, kRequestPart, buffers);
  if (status.ok() && is_large_result)
    status = insert_payload(record.msg_id, kResultPart, result_buffers);
  return status;
}

Status SqliteDatabase::State::insert_payload(std::string_view msg_id, std::int64_t part,
                                             std::string_view data) {
  payload_statement->bind(1, msg_id);
  payload_statement->bind(2, part);
  payload_statement->bind_blob(3, data);
  return payload_statement->run();
}

Status SqliteDatabase::State::update(const Change& change) {
  const Record& record = *change.record;
  if (change.sets_result) {
    Statement& row = *result_statement;
    const std::string buffers = pack_frames(record.result_buffers);
    row.bind(1, std::string_view(record.msg_id));
    row.bind(2, record.started);
    row.bind(3, record.completed);
    row.bind(4, record.received);
    row.bind_or_null(5, record.result_header);
    row.bind_or_null(6, record.result_metadata);
    row.bind_or_null(7, record.result_content);
    const bool is_large = buffers.size() >= kLargePayload;
    if (!is_large) row.bind_blob(8, buffers);
    row.bind(9, std::int64_t{record.payload_dropped});
    row.bind(10, is_large ? kResultPart : 0);
    if (Status status = row.run(); !status.ok()) return status;
    // A record that has been erased meanwhile gets none.
    if (is_large && sqlite3_changes(handle.get()) > 0) {
      if (Status status = insert_payload(record.msg_id, kResultPart, buffers); !status.ok())
        return status;
    }
  }
  if (change.sets_engine || change.sets_started || change.sets_resubmitted) {
    Statement& row = *update_statement;
    row.bind(1, std::string_view(record.msg_id));
    row.bind(2, std::int64_t{change.sets_engine});
    row.bind_or_null(3, record.engine_uuid);
    row.bind(4, record.started);
    row.bind_or_null(5, record.resubmitted);
    if (Status status = row.run(); !status.ok()) return status;
  }
  if (!change.adds_output) return {};
  Statement& row = *output_statement;
  row.bind(1, std::string_view(record.msg_id));
  row.bind(2, std::string_view(record.stdout_text));
  row.bind(3, std::string_view(record.stderr_text));
  row.bind_or_null(4, record.execute_input);
  row.bind_or_null(5, record.execute_result);
  row.bind_or_null(6, record.error);
  row.bind(7, std::int64_t{kMaxStreamBytes});
  return row.run();
}

Status SqliteDatabase::State::write(const ChangeBatch& batch) {
  Record row;  // one for all, which keeps its memory
  for (const Change& change : batch.changes()) {
    Status status;
    switch (change.kind) {
      case Change::Kind::kInsert:
        status = insert(change.whole(row));
        break;
      case Change::Kind::kUpdate:
        status = update(change);
        break;
      case Change::Kind::kErase:
        status = erase(change.msg_id());
        break;
    }
    if (!status.ok()) return status;
  }
  return {};
}

Status SqliteDatabase::write(const ChangeBatch& batch, bool /*again*/) {
  if (Status status = state_->execute("BEGIN IMMEDIATE"); !status.ok()) return status;
  Status status = state_->write(batch);
  if (status.ok()) status = state_->execute("COMMIT");
  // After some errors SQLite has rolled back by itself.
  if (!status.ok() && sqlite3_get_autocommit(state_->handle.get()) == 0) {
    (void)state_->execute("ROLLBACK");
  }
  return status;
}

Status SqliteDatabase::erase_engine(std::string_view engine_uuid) {
  Statement statement(state_->handle.get(),
                      "DELETE FROM tasks WHERE engine_uuid = ?1 AND received IS NOT NULL");
  statement.bind(1, engine_uuid);
  return statement.run();
}

Status SqliteDatabase::erase_finished() {
  return state_->execute("DELETE FROM tasks WHERE received IS NOT NULL");
}

Status SqliteDatabase::erase_oldest(std::uint64_t keep) {
  Statement statement(state_->handle.get(),
                      "DELETE FROM tasks WHERE received IS NOT NULL AND submitted <= (SELECT "
                      "submitted FROM tasks ORDER BY submitted DESC LIMIT 1 OFFSET ?1)");
  statement.bind(1, static_cast<std::int64_t>(keep));
  return statement.run();
}

// ---- reading ----

Result<Record> SqliteDatabase::find(std::string_view msg_id) {
  Statement statement(state_->handle.get(),
                      "SELECT " + columns() + " FROM tasks WHERE msg_id = ?1");
  statement.bind(1, msg_id);
  if (statement.step()) return read_record(statement);
  if (!statement.status().ok()) return statement.status();
  return Status{ErrorCode::kNotFound, "No such message: " + std::string(msg_id)};
}

Result<bool> SqliteDatabase::contains(std::string_view msg_id) {
  Statement statement(state_->handle.get(), "SELECT 1 FROM tasks WHERE msg_id = ?1");
  statement.bind(1, msg_id);
  const bool found = statement.step();
  if (!statement.status().ok()) return statement.status();
  return found;
}

Result<std::optional<WallTime>> SqliteDatabase::later(std::optional<WallTime> after,
                                                      std::size_t count) {
  Statement statement(state_->handle.get(),
                      "SELECT submitted FROM tasks WHERE submitted > ?1 ORDER BY submitted LIMIT 1 "
                      "OFFSET ?2");
  statement.bind(1, to_micros(after.value_or(WallTime::min())));
  statement.bind(2, static_cast<std::int64_t>(count - 1));
  std::optional<WallTime> when;
  if (statement.step()) when = statement.time(0);
  if (!statement.status().ok()) return statement.status();
  return when;
}

Status SqliteDatabase::select(const Query& query, const Span& span,
                              const std::function<bool(const Record&)>& visit) {
  const SqlCondition condition = to_sql(query, span);
  Statement statement(state_->handle.get(), "SELECT " + columns() + " FROM tasks WHERE " +
                                                condition.text + " ORDER BY submitted, rowid");
  for (std::size_t i = 0; i < condition.values.size(); ++i) {
    statement.bind(static_cast<int>(i + 1), condition.values[i]);
  }
  while (statement.step()) {
    Result<Record> record = read_record(statement);
    if (!record.ok()) return record.status();
    if (query.matches(record.value()) && !visit(record.value())) return {};
  }
  return statement.status();
}

Result<std::vector<std::string>> SqliteDatabase::history() {
  Statement statement(state_->handle.get(), "SELECT msg_id FROM tasks ORDER BY submitted, rowid");
  std::vector<std::string> ids;
  while (statement.step()) ids.emplace_back(statement.text(0));
  if (!statement.status().ok()) return statement.status();
  return ids;
}

Result<std::uint64_t> SqliteDatabase::count() {
  const Result<std::int64_t> count = state_->number("SELECT count(*) FROM tasks");
  if (!count.ok()) return count.status();
  return static_cast<std::uint64_t>(count.value());
}

std::string SqliteDatabase::name() const { return "SQLite, " + state_->path; }

}  // namespace engineroom::store
