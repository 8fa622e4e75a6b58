#include "store/sqlite_database.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/log.h"
#include "store/query.h"
#include "store/sql.h"
#include "store/sqlite_payloads.h"
#include "store/sqlite_statement.h"

namespace engineroom::store {

using sqlite::failure;
using sqlite::Handle;
using sqlite::Statement;

namespace {

// "engr" in SQLite's header says whose file it is; the version says which columns it has.
constexpr int kApplicationId = 0x656e6772;
constexpr int kSchemaVersion = 3;

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

constexpr const char* kInsert =
    "INSERT INTO tasks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
    "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)";

// kTaskColumns, with what is in `payloads` in its place.
std::string columns() {
  std::string text = kTaskColumns;
  const auto replace = [&text](const std::string& name, SqlitePayloads::Part part) {
    text.replace(text.find(" " + name + ",") + 1, name.size(), SqlitePayloads::column(name, part));
  };
  replace("buffers", SqlitePayloads::kRequest);
  replace("result_buffers", SqlitePayloads::kResult);
  return text;
}

// In the order of kTaskColumns.
Result<Record> read_record(const Statement& row, const SqlitePayloads& payloads) {
  Record record;
  record.msg_id = row.text(0);
  record.header = row.text(1);
  record.metadata = row.text(2);
  record.content = row.text(3);
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
  record.queue = parse_queue(row.text(16));
  record.execute_input = row.text(17);
  record.execute_result = row.text(18);
  record.error = row.text(19);
  record.stdout_text = row.text(20);
  record.stderr_text = row.text(21);
  record.label = row.text(22);
  record.payload_dropped = row.number(23) != 0;
  for (auto [at, frames] : {std::pair(4, &record.buffers), {15, &record.result_buffers}}) {
    Result<Frames> read = payloads.read(row, at);
    if (!read.ok() && read.status().code() != ErrorCode::kNotFound) return read.status();
    if (read.ok()) *frames = read.take();
    if (!read.ok()) record.payload_dropped = true;  // since the row was read
  }
  return record;
}

}  // namespace

struct SqliteDatabase::State {
  State(Handle opened, std::string file, std::uint64_t max_saved_bytes)
      : handle(std::move(opened)),
        path(std::move(file)),
        payloads(handle.get(), path + "-payloads", max_saved_bytes) {}

  Status execute(const char* sql) const { return sqlite::execute(handle.get(), sql); }
  Result<std::int64_t> number(const char* sql) const { return sqlite::number(handle.get(), sql); }
  Status make_tables();
  Status prepare();
  // After a commit.
  void tidy_up();
  Status erase_by(Statement& statement);
  Status insert(const Record& record);
  Status insert_new(const Record& record);
  Status erase(std::string_view msg_id);
  Status update(const Change& change);
  Status write(const ChangeBatch& batch);
  template <typename Visit>
  Status read(const std::string& what, const Query& query, const Span& span, Visit visit) const;

  Handle handle;
  std::string path;
  SqlitePayloads payloads;
  // Made once: preparing takes as long as inserting.
  std::optional<Statement> insert_statement;
  std::optional<Statement> erase_statement;
  std::optional<Statement> update_statement;
  std::optional<Statement> result_statement;
  std::optional<Statement> output_statement;
};

// ---- opening ----

SqliteDatabase::SqliteDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteDatabase::~SqliteDatabase() = default;

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path, Access access,
                                                             std::uint64_t max_saved_bytes) {
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
  auto state = std::make_unique<State>(std::move(handle), path, max_saved_bytes);
  if (Status status = state->make_tables(); !status.ok()) return status;
  // The one that writes keeps the folder of large buffers in order.
  if (access == Access::kReadWrite) {
    if (Status status = state->prepare(); !status.ok()) return status;
  }
  return std::unique_ptr<SqliteDatabase>(new SqliteDatabase(std::move(state)));
}

Status SqliteDatabase::State::make_tables() {
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
  const bool is_ours = owner.value() == kApplicationId && version.value() <= kSchemaVersion;
  if (!is_new && !is_ours) {
    return {ErrorCode::kInvalidArgument,
            path + " was made by another program or version; move it away, or name another file"};
  }
  for (auto next = is_new ? 1 : version.value() + 1; next <= kSchemaVersion; ++next) {
    const char* sql = next == 1 ? kSchema : SqlitePayloads::schema(static_cast<int>(next));
    if (Status status = execute(sql); !status.ok()) return status;
  }
  const std::string mark = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                           "; PRAGMA user_version=" + std::to_string(kSchemaVersion);
  if (Status status = execute(mark.c_str()); !status.ok()) return status;
  return execute("COMMIT");
}

Status SqliteDatabase::State::prepare() {
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
  for (const auto* statement : {&insert_statement, &erase_statement, &update_statement,
                                &result_statement, &output_statement}) {
    if (!(*statement)->status().ok()) return (*statement)->status();
  }
  return payloads.prepare();
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
  const bool is_large_request = SqlitePayloads::are_large(record.buffers);
  const bool is_large_result = SqlitePayloads::are_large(record.result_buffers);
  const std::string buffers = is_large_request ? "" : pack_frames(record.buffers);
  const std::string result_buffers = is_large_result ? "" : pack_frames(record.result_buffers);
  row.bind(1, std::string_view(record.msg_id));
  row.bind_or_null(2, record.header);
  row.bind_or_null(3, record.metadata);
  row.bind_or_null(4, record.content);
  row.bind_blob(5, buffers);
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
  row.bind_blob(16, result_buffers);
  row.bind(17, std::string_view(to_string(record.queue)));
  row.bind_or_null(18, record.execute_input);
  row.bind_or_null(19, record.execute_result);
  row.bind_or_null(20, record.error);
  row.bind(21, std::string_view(record.stdout_text));
  row.bind(22, std::string_view(record.stderr_text));
  row.bind_or_null(23, record.label);
  row.bind(24, std::int64_t{record.payload_dropped});
  row.bind(25, (is_large_request ? SqlitePayloads::kRequest : SqlitePayloads::kNone) |
                   (is_large_result ? SqlitePayloads::kResult : SqlitePayloads::kNone));
  Status status = row.run();
  if (status.ok() && is_large_request) {
    status = payloads.insert(record.msg_id, SqlitePayloads::kRequest, record.buffers);
  }
  if (status.ok() && is_large_result) {
    status = payloads.insert(record.msg_id, SqlitePayloads::kResult, record.result_buffers);
  }
  return status;
}

Status SqliteDatabase::State::update(const Change& change) {
  const Record& record = *change.record;
  if (change.sets_result) {
    Statement& row = *result_statement;
    const bool is_large = SqlitePayloads::are_large(record.result_buffers);
    const std::string buffers = is_large ? "" : pack_frames(record.result_buffers);
    row.bind(1, std::string_view(record.msg_id));
    row.bind(2, record.started);
    row.bind(3, record.completed);
    row.bind(4, record.received);
    row.bind_or_null(5, record.result_header);
    row.bind_or_null(6, record.result_metadata);
    row.bind_or_null(7, record.result_content);
    row.bind_blob(8, buffers);
    row.bind(9, std::int64_t{record.payload_dropped});
    row.bind(10, is_large ? SqlitePayloads::kResult : SqlitePayloads::kNone);
    if (Status status = row.run(); !status.ok()) return status;
    // A record that has been erased meanwhile gets none.
    if (is_large && sqlite3_changes(handle.get()) > 0) {
      Status status =
          payloads.insert(record.msg_id, SqlitePayloads::kResult, record.result_buffers);
      if (!status.ok()) return status;
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
  if (status.ok()) {
    state_->tidy_up();
    return status;
  }
  // After some errors SQLite has rolled back by itself.
  if (sqlite3_get_autocommit(state_->handle.get()) == 0) (void)state_->execute("ROLLBACK");
  state_->payloads.on_rollback();
  return status;
}

// What is committed is not to be written again because this failed; the next commit tries it again.
void SqliteDatabase::State::tidy_up() {
  if (const Status status = payloads.on_commit(); !status.ok()) {
    ER_LOG_ERROR("records: {}: {}", path, status.message());
  }
}

Status SqliteDatabase::State::erase_by(Statement& statement) {
  Status status = statement.run();
  if (status.ok()) tidy_up();
  return status;
}

Status SqliteDatabase::erase_engine(std::string_view engine_uuid) {
  Statement statement(state_->handle.get(),
                      "DELETE FROM tasks WHERE engine_uuid = ?1 AND received IS NOT NULL");
  statement.bind(1, engine_uuid);
  return state_->erase_by(statement);
}

Status SqliteDatabase::erase_finished() {
  Statement statement(state_->handle.get(), "DELETE FROM tasks WHERE received IS NOT NULL");
  return state_->erase_by(statement);
}

Status SqliteDatabase::erase_oldest(std::uint64_t keep) {
  Statement statement(state_->handle.get(),
                      "DELETE FROM tasks WHERE received IS NOT NULL AND submitted <= (SELECT "
                      "submitted FROM tasks ORDER BY submitted DESC LIMIT 1 OFFSET ?1)");
  statement.bind(1, static_cast<std::int64_t>(keep));
  return state_->erase_by(statement);
}

// ---- reading ----

Result<Record> SqliteDatabase::find(std::string_view msg_id) {
  Statement statement(state_->handle.get(),
                      "SELECT " + columns() + " FROM tasks WHERE msg_id = ?1");
  statement.bind(1, msg_id);
  if (statement.step()) return read_record(statement, state_->payloads);
  if (!statement.status().ok()) return statement.status();
  return Status{ErrorCode::kNotFound, "No such message: " + std::string(msg_id)};
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

Result<std::optional<WallTime>> SqliteDatabase::latest() {
  Statement statement(state_->handle.get(), "SELECT max(submitted) FROM tasks");
  std::optional<WallTime> when;
  if (statement.step()) when = statement.time(0);
  if (!statement.status().ok()) return statement.status();
  return when;
}

// Of the rows, these columns, in order of submission, until `visit` gives false or an error.
template <typename Visit>
Status SqliteDatabase::State::read(const std::string& what, const Query& query, const Span& span,
                                   Visit visit) const {
  const SqlCondition condition = to_sql(query, span);
  Statement statement(handle.get(), "SELECT " + what + " FROM tasks WHERE " + condition.text +
                                        " ORDER BY submitted, rowid");
  for (std::size_t i = 0; i < condition.values.size(); ++i) {
    statement.bind(static_cast<int>(i + 1), condition.values[i]);
  }
  Result<bool> goes_on = true;
  while (goes_on.ok() && goes_on.value() && statement.step()) goes_on = visit(statement);
  return goes_on.ok() ? statement.status() : goes_on.status();
}

Status SqliteDatabase::select(const Query& query, const Span& span,
                              const std::function<bool(const Record&)>& visit) {
  const std::string what = query.wants_buffers() ? columns() : columns_without_buffers();
  return state_->read(what, query, span, [&](const Statement& row) -> Result<bool> {
    const Result<Record> record = read_record(row, state_->payloads);
    if (!record.ok()) return record.status();
    return visit(record.value());
  });
}

Result<std::vector<Listed>> SqliteDatabase::list(const Query& query, const Span& span) {
  std::vector<Listed> listed;
  const Status status =
      state_->read("msg_id, submitted", query, span, [&](const Statement& row) -> Result<bool> {
        listed.push_back({std::string(row.text(0)), row.time(1).value_or(WallTime())});
        return true;
      });
  if (!status.ok()) return status;
  return listed;
}

Result<std::uint64_t> SqliteDatabase::count() {
  const Result<std::int64_t> count = state_->number("SELECT count(*) FROM tasks");
  if (!count.ok()) return count.status();
  return static_cast<std::uint64_t>(count.value());
}

std::string SqliteDatabase::name() const { return "SQLite, " + state_->path; }

}  // namespace engineroom::store
