// store/database.h — where records outlive the controller: what SQLite and PostgreSQL have in
// common.
//
// A database is dumb on purpose: it writes batches and reads records. What is pending, how many
// tasks an engine has, when to write, is DatabaseStore's.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/change.h"
#include "store/record.h"
#include "store/store.h"

namespace engineroom::store {

class Query;

// Of times; what is missing is no limit.
struct Span {
  std::optional<WallTime> after;
  std::optional<WallTime> until;
};

enum class Access : std::uint8_t { kReadWrite, kReadOnly };

class Database {
 public:
  virtual ~Database() = default;

  // All of the batch or nothing of it, in one transaction. kUnavailable may succeed later: with
  // `again`, which says that this batch is the one of the last call.
  virtual Status write(const ChangeBatch& batch, bool again) = 0;
  // Finished records go: those of an engine; all; the oldest, until `keep` are left.
  virtual Status erase_engine(std::string_view engine_uuid) = 0;
  virtual Status erase_finished() = 0;
  virtual Status erase_oldest(std::uint64_t keep) = 0;

  // kNotFound
  virtual Result<Record> find(std::string_view msg_id) = 0;
  // Records of which the database cannot tell that they do not match (Query::matches() can), of
  // those submitted within `span`, in order of submission, until `visit` returns false.
  virtual Status select(const Query& query, const Span& span,
                        const std::function<bool(const Record&)>& visit) = 0;
  // When the one was submitted that is the `count`th after `after`; none: there are fewer.
  virtual Result<std::optional<WallTime>> later(std::optional<WallTime> after,
                                                std::size_t count) = 0;
  // The latest time of submission; none: there are no records.
  virtual Result<std::optional<WallTime>> latest() = 0;
  // Ids and times of what select() would visit.
  virtual Result<std::vector<Listed>> list(const Query& query, const Span& span) = 0;
  virtual Result<std::uint64_t> count() = 0;

  // For logs: "SQLite, /home/me/…/tasks.db".
  virtual std::string name() const = 0;
};

}  // namespace engineroom::store
