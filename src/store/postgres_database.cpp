#include "store/postgres_database.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include <fmt/core.h>
#include <pqxx/pqxx>

#include "base/log.h"
#include "store/postgres_connection.h"
#include "store/postgres_text.h"
#include "store/query.h"
#include "store/sql.h"

namespace engineroom::store {
namespace {

// ---- rows as arrays, one per column ----

using Column = ArrayText;

void add_text_or_null(Column& column, std::string_view text) {
  text.empty() ? column.add_null() : column.add_text(text);
}
void add_time(Column& column, const std::optional<WallTime>& when) {
  when ? column.add_number(to_micros(*when)) : column.add_null();
}
void add_frames(Column& column, const Frames& frames) {
  frames.empty() ? column.add_null() : column.add_bytea(pack_frames(frames));
}

// The parameters of a statement.
template <std::size_t kCount>
std::vector<std::string> take_all(std::array<Column, kCount>& columns) {
  std::vector<std::string> texts;
  texts.reserve(kCount);
  for (Column& column : columns) texts.push_back(column.take());
  return texts;
}

constexpr const char* kInsertName = "insert_tasks";

// "excluded.a, excluded.b" of "a, b": the row that was to be inserted.
std::string excluded(std::string_view columns) {
  std::string out;
  while (!columns.empty()) {
    const std::size_t end = std::min(columns.find(", "), columns.size());
    if (!out.empty()) out += ", ";
    out += "excluded.";
    out += columns.substr(0, end);
    columns.remove_prefix(std::min(end + 2, columns.size()));
  }
  return out;
}

std::string insert_statement() {
  return fmt::format(
      "INSERT INTO tasks ({0}) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], "
      "$4::text[], $5::bytea[], $6::bigint[], $7::text[], $8::text[], $9::bigint[], "
      "$10::bigint[], $11::text[], $12::bigint[], $13::text[], $14::text[], $15::text[], "
      "$16::bytea[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], "
      "$22::text[], $23::text[], $24::bool[]) ON CONFLICT (msg_id) DO UPDATE SET ({0}, place) = "
      "({1}, excluded.place)",
      kTaskColumns, excluded(kTaskColumns));
}

class Insertions {
 public:
  void add(const Record& record) {
    auto column = columns_.begin();
    (column++)->add_text(record.msg_id);
    add_text_or_null(*column++, record.header);
    add_text_or_null(*column++, record.metadata);
    add_text_or_null(*column++, record.content);
    add_frames(*column++, record.buffers);
    (column++)->add_number(to_micros(record.submitted));
    add_text_or_null(*column++, record.client_uuid);
    add_text_or_null(*column++, record.engine_uuid);
    add_time(*column++, record.started);
    add_time(*column++, record.completed);
    add_text_or_null(*column++, record.resubmitted);
    add_time(*column++, record.received);
    add_text_or_null(*column++, record.result_header);
    add_text_or_null(*column++, record.result_metadata);
    add_text_or_null(*column++, record.result_content);
    add_frames(*column++, record.result_buffers);
    (column++)->add_text(to_string(record.queue));
    add_text_or_null(*column++, record.execute_input);
    add_text_or_null(*column++, record.execute_result);
    add_text_or_null(*column++, record.error);
    (column++)->add_text(record.stdout_text);
    (column++)->add_text(record.stderr_text);
    add_text_or_null(*column++, record.label);
    (column++)->add_flag(record.payload_dropped);
    ++count_;
  }
  void run(pqxx::transaction_base& work) {
    if (count_ == 0) return;
    work.exec_prepared0(kInsertName, pqxx::prepare::make_dynamic_params(take_all(columns_)));
  }

 private:
  std::array<Column, 24> columns_;
  std::size_t count_ = 0;
};

// What a change does not set is NULL in its row, or has a flag of its own where NULL is a value.
constexpr const char* kUpdateName = "update_tasks";
constexpr const char* kUpdate = R"(
UPDATE tasks AS t SET
  engine_uuid = CASE WHEN c.sets_engine THEN c.engine_uuid ELSE t.engine_uuid END,
  started = coalesce(c.started, t.started),
  resubmitted = coalesce(c.resubmitted, t.resubmitted),
  completed = CASE WHEN c.sets_result THEN c.completed ELSE t.completed END,
  received = CASE WHEN c.sets_result THEN c.received ELSE t.received END,
  result_header = CASE WHEN c.sets_result THEN c.result_header ELSE t.result_header END,
  result_metadata = CASE WHEN c.sets_result THEN c.result_metadata ELSE t.result_metadata END,
  result_content = CASE WHEN c.sets_result THEN c.result_content ELSE t.result_content END,
  result_buffers = CASE WHEN c.sets_result THEN c.result_buffers ELSE t.result_buffers END,
  payload_dropped = t.payload_dropped OR c.payload_dropped,
  stdout = CASE WHEN c.stdout IS NULL THEN t.stdout ELSE substr(t.stdout || c.stdout, 1, $19) END,
  stderr = CASE WHEN c.stderr IS NULL THEN t.stderr ELSE substr(t.stderr || c.stderr, 1, $19) END,
  execute_input = coalesce(c.execute_input, t.execute_input),
  execute_result = coalesce(c.execute_result, t.execute_result),
  error = coalesce(c.error, t.error)
FROM unnest($1::text[], $2::bool[], $3::text[], $4::bigint[], $5::text[], $6::bool[], $7::bigint[],
            $8::bigint[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::bool[],
            $14::text[], $15::text[], $16::text[], $17::text[], $18::text[])
  AS c(msg_id, sets_engine, engine_uuid, started, resubmitted, sets_result, completed, received,
       result_header, result_metadata, result_content, result_buffers, payload_dropped,
       stdout, stderr, execute_input, execute_result, error)
WHERE t.msg_id = c.msg_id)";

class Updates {
 public:
  void add(const Change& change) {
    const Record& record = *change.record;
    auto column = columns_.begin();
    (column++)->add_text(record.msg_id);
    (column++)->add_flag(change.sets_engine);
    add_text_or_null(*column++, record.engine_uuid);
    add_time(*column++, record.started);
    add_text_or_null(*column++, record.resubmitted);
    (column++)->add_flag(change.sets_result);
    add_time(*column++, record.completed);
    add_time(*column++, record.received);
    add_text_or_null(*column++, record.result_header);
    add_text_or_null(*column++, record.result_metadata);
    add_text_or_null(*column++, record.result_content);
    add_frames(*column++, record.result_buffers);
    (column++)->add_flag(record.payload_dropped);
    add_text_or_null(*column++, record.stdout_text);
    add_text_or_null(*column++, record.stderr_text);
    add_text_or_null(*column++, record.execute_input);
    add_text_or_null(*column++, record.execute_result);
    add_text_or_null(*column++, record.error);
    ++count_;
  }
  void run(pqxx::transaction_base& work) {
    if (count_ == 0) return;
    std::vector<std::string> parameters = take_all(columns_);
    parameters.push_back(std::to_string(kMaxStreamBytes));
    work.exec_prepared0(kUpdateName, pqxx::prepare::make_dynamic_params(parameters));
  }

 private:
  std::array<Column, 18> columns_;
  std::size_t count_ = 0;
};

constexpr const char* kEraseName = "erase_tasks";

class Erasures {
 public:
  void add(const Record& record) {
    ids_.add_text(record.msg_id);
    ++count_;
  }
  void run(pqxx::transaction_base& work) {
    if (count_ > 0) work.exec_prepared0(kEraseName, ids_.take());
  }

 private:
  Column ids_;
  std::size_t count_ = 0;
};

void prepare_statements(pqxx::connection& connection) {
  connection.prepare(kInsertName, insert_statement());
  connection.prepare(kUpdateName, kUpdate);
  connection.prepare(kEraseName, "DELETE FROM tasks WHERE msg_id = ANY($1::text[])");
}

// A batch names each record once, so the order among them does not matter.
void write_changes(pqxx::transaction_base& work, std::span<const Change> changes) {
  Insertions insertions;
  Updates updates;
  Erasures erasures;
  Record row;  // one for all, which keeps its memory
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kInsert:
        insertions.add(change.whole(row));
        break;
      case Change::Kind::kUpdate:
        updates.add(change);
        break;
      case Change::Kind::kErase:
        erasures.add(*change.record);
        break;
    }
  }
  insertions.run(work);
  updates.run(work);
  erasures.run(work);
}

// ---- rows of a result ----

std::string_view view_of(const pqxx::field& field) {
  return field.is_null() ? std::string_view() : std::string_view(field.c_str(), field.size());
}
std::string text_of(const pqxx::field& field) { return unescape_text(view_of(field)); }
std::optional<WallTime> time_of(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return from_micros(field.as<std::int64_t>());
}
Result<Frames> frames_of(const pqxx::field& field) {
  if (field.is_null()) return Frames();
  const Result<std::string> blob = parse_bytea(view_of(field));
  if (!blob.ok()) return blob.status();
  return unpack_frames(blob.value());
}

// In the order of kTaskColumns.
Result<Record> read_record(const pqxx::row& row) {
  Record record;
  record.msg_id = text_of(row[0]);
  record.header = text_of(row[1]);
  record.metadata = text_of(row[2]);
  record.content = text_of(row[3]);
  Result<Frames> buffers = frames_of(row[4]);
  record.submitted = from_micros(row[5].as<std::int64_t>());
  record.client_uuid = text_of(row[6]);
  record.engine_uuid = text_of(row[7]);
  record.started = time_of(row[8]);
  record.completed = time_of(row[9]);
  record.resubmitted = text_of(row[10]);
  record.received = time_of(row[11]);
  record.result_header = text_of(row[12]);
  record.result_metadata = text_of(row[13]);
  record.result_content = text_of(row[14]);
  Result<Frames> result_buffers = frames_of(row[15]);
  record.queue = parse_queue(view_of(row[16]));
  record.execute_input = text_of(row[17]);
  record.execute_result = text_of(row[18]);
  record.error = text_of(row[19]);
  record.stdout_text = text_of(row[20]);
  record.stderr_text = text_of(row[21]);
  record.label = text_of(row[22]);
  record.payload_dropped = view_of(row[23]) == "t";
  if (!buffers.ok()) return buffers.status();
  if (!result_buffers.ok()) return result_buffers.status();
  record.buffers = buffers.take();
  record.result_buffers = result_buffers.take();
  return record;
}

std::vector<std::string> parameters_of(const SqlCondition& condition) {
  std::vector<std::string> parameters;
  parameters.reserve(condition.values.size());
  for (const SqlValue& value : condition.values) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      parameters.push_back(escape_text(*text));
    } else {
      parameters.push_back(std::to_string(std::get<std::int64_t>(value)));
    }
  }
  return parameters;
}

}  // namespace

struct PostgresDatabase::State {
  State(PostgresOptions options, Access access) : connection(std::move(options), access) {
    connection.set_prepare(prepare_statements);
  }

  // Runs `work(pqxx::transaction_base&)` in a transaction.
  template <typename Work>
  Status change(Work work) {
    return connection.run([&](pqxx::connection& open) {
      pqxx::work transaction(open);
      work(transaction);
      transaction.commit();
    });
  }
  // The same for reading: once more, if the server had ended a connection that was idle.
  template <typename Work>
  Status read(Work work) {
    const bool was_open = connection.is_open();
    Status status = change(work);
    if (status.ok() || !was_open || connection.is_open()) return status;
    return change(work);
  }
  bool took_place(std::string_view transaction);
  Status write(std::span<const Change> changes);
  Status write_one_by_one(std::span<const Change> changes);

  PostgresConnection connection;
  // The number of the transaction whose commit broke off; empty: none did.
  std::string in_doubt;
};

PostgresDatabase::PostgresDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {}
PostgresDatabase::~PostgresDatabase() = default;

Result<std::unique_ptr<PostgresDatabase>> PostgresDatabase::open(PostgresOptions options,
                                                                 Access access) {
  auto state = std::make_unique<State>(std::move(options), access);
  if (Status status = state->connection.open(); !status.ok()) {
    return Status(status.code(), state->connection.name() + ": " + status.message());
  }
  return std::unique_ptr<PostgresDatabase>(new PostgresDatabase(std::move(state)));
}

// ---- writing ----

Status PostgresDatabase::State::write(std::span<const Change> changes) {
  std::string number;
  bool is_committing = false;
  Status status = change([&](pqxx::work& work) {
    number = work.exec1("SELECT txid_current()")[0].c_str();
    write_changes(work, changes);
    is_committing = true;
  });
  // Only what broke off at its end may have taken place.
  const bool may_have = !status.ok() && is_committing && !connection.is_open();
  in_doubt = may_have ? number : "";
  return status;
}

// What the server refuses must not take the others with it.
Status PostgresDatabase::State::write_one_by_one(std::span<const Change> changes) {
  return change([&](pqxx::work& work) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      work.exec0("SAVEPOINT one");
      try {
        write_changes(work, changes.subspan(i, 1));
      } catch (const pqxx::sql_error& error) {
        if (may_pass(error)) throw;
        ER_LOG_ERROR("records: {}: a change is lost: {}", connection.name(),
                     one_line(error.what()));
        work.exec0("ROLLBACK TO SAVEPOINT one");
      }
    }
  });
}

Status PostgresDatabase::write(const ChangeBatch& batch, bool again) {
  const std::string in_doubt = std::exchange(state_->in_doubt, {});
  if (again && !in_doubt.empty()) {
    std::string outcome;
    Status status = state_->change([&](pqxx::work& work) {
      outcome =
          work.exec_params1("SELECT coalesce(txid_status($1::bigint), '')", in_doubt)[0].c_str();
    });
    if (status.ok() && outcome == "committed") return {};
    if (status.ok() && outcome == "in progress") {
      status = {ErrorCode::kUnavailable, "the last transaction has not ended yet"};
    }
    if (!status.ok()) {
      state_->in_doubt = in_doubt;
      return status;
    }
  }
  Status status = state_->write(batch.changes());
  if (status.code() != ErrorCode::kIo || batch.size() < 2) return status;
  return state_->write_one_by_one(batch.changes());
}

Status PostgresDatabase::erase_engine(std::string_view engine_uuid) {
  return state_->change([&](pqxx::work& work) {
    work.exec_params0("DELETE FROM tasks WHERE engine_uuid = $1 AND received IS NOT NULL",
                      escape_text(engine_uuid));
  });
}

Status PostgresDatabase::erase_finished() {
  return state_->change(
      [](pqxx::work& work) { work.exec0("DELETE FROM tasks WHERE received IS NOT NULL"); });
}

Status PostgresDatabase::erase_oldest(std::uint64_t keep) {
  return state_->change([&](pqxx::work& work) {
    work.exec_params0(
        "DELETE FROM tasks WHERE received IS NOT NULL AND submitted <= (SELECT submitted FROM "
        "tasks ORDER BY submitted DESC LIMIT 1 OFFSET $1)",
        std::to_string(keep));
  });
}

// ---- reading ----

Result<Record> PostgresDatabase::find(std::string_view msg_id) {
  Result<Record> found = Status(ErrorCode::kNotFound, "No such message: " + std::string(msg_id));
  const Status status = state_->read([&](pqxx::work& work) {
    const pqxx::result rows = work.exec_params(
        fmt::format("SELECT {} FROM tasks WHERE msg_id = $1", kTaskColumns), escape_text(msg_id));
    if (!rows.empty()) found = read_record(rows[0]);
  });
  if (!status.ok()) return status;
  return found;
}

Result<std::optional<WallTime>> PostgresDatabase::later(std::optional<WallTime> after,
                                                        std::size_t count) {
  std::optional<WallTime> when;
  const Status status = state_->read([&](pqxx::work& work) {
    const pqxx::result rows = work.exec_params(
        "SELECT submitted FROM tasks WHERE submitted > $1 ORDER BY submitted LIMIT 1 OFFSET $2",
        to_micros(after.value_or(WallTime::min())), static_cast<std::int64_t>(count - 1));
    when = rows.empty() ? std::nullopt : time_of(rows[0][0]);
  });
  if (!status.ok()) return status;
  return when;
}

// Through a cursor: there may be more records than fit into memory.
Status PostgresDatabase::select(const Query& query, const Span& span,
                                const std::function<bool(const Record&)>& visit) {
  const SqlCondition condition = to_sql(query, span, TextOrder::kOther);
  Status malformed;
  bool has_visited = false;
  const auto visit_all = [&](pqxx::work& work) {
    if (has_visited) throw pqxx::broken_connection("the connection broke in the middle of a query");
    work.exec_params0(
        fmt::format("DECLARE found NO SCROLL CURSOR FOR SELECT {} FROM tasks WHERE {} "
                    "ORDER BY submitted, place",
                    query.wants_buffers() ? kTaskColumns : columns_without_buffers(),
                    condition.text),
        pqxx::prepare::make_dynamic_params(parameters_of(condition)));
    while (true) {
      const pqxx::result rows = work.exec("FETCH 200 FROM found");
      if (rows.empty()) return;
      for (const pqxx::row& row : rows) {
        const Result<Record> record = read_record(row);
        if (!record.ok()) {
          malformed = record.status();
          return;
        }
        has_visited = true;
        if (!visit(record.value())) return;
      }
    }
  };
  const Status status = state_->read(visit_all);
  return status.ok() ? malformed : status;
}

Result<std::optional<WallTime>> PostgresDatabase::latest() {
  std::optional<WallTime> when;
  const Status status = state_->read(
      [&](pqxx::work& work) { when = time_of(work.exec1("SELECT max(submitted) FROM tasks")[0]); });
  if (!status.ok()) return status;
  return when;
}

Result<std::vector<Listed>> PostgresDatabase::list(const Query& query, const Span& span) {
  const SqlCondition condition = to_sql(query, span, TextOrder::kOther);
  std::vector<Listed> listed;
  const Status status = state_->read([&](pqxx::work& work) {
    const pqxx::result rows = work.exec_params(
        fmt::format("SELECT msg_id, submitted FROM tasks WHERE {} ORDER BY submitted, place",
                    condition.text),
        pqxx::prepare::make_dynamic_params(parameters_of(condition)));
    listed.clear();
    for (const pqxx::row& row : rows) {
      listed.push_back({text_of(row[0]), time_of(row[1]).value_or(WallTime())});
    }
  });
  if (!status.ok()) return status;
  return listed;
}

Result<std::uint64_t> PostgresDatabase::count() {
  std::uint64_t count = 0;
  const Status status = state_->read([&](pqxx::work& work) {
    count = work.exec1("SELECT count(*) FROM tasks")[0].as<std::uint64_t>();
  });
  if (!status.ok()) return status;
  return count;
}

std::string PostgresDatabase::name() const { return state_->connection.name(); }

}  // namespace engineroom::store
