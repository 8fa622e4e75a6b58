// store/sql.h — what SQLite and PostgreSQL share: the table, and queries as conditions in SQL.
//
// Times are whole microseconds since 1970, absent ones NULL; JSON is text, as it came; buffers are
// one blob (pack_frames). Empty texts of fields that may be missing are NULL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "store/query.h"
#include "store/record.h"

namespace engineroom::store {

using SqlValue = std::variant<std::string, std::int64_t>;

struct SqlCondition {
  std::string text;  // "msg_id = $1 AND submitted < $2"; "TRUE" if there is none
  std::vector<SqlValue> values;
};

// What the database can tell of the query: it may let records pass that Query::matches() refuses,
// never the other way round.
SqlCondition to_sql(const Query& query);

std::int64_t to_micros(WallTime when);
WallTime from_micros(std::int64_t micros);

// count, sizes, bytes; numbers are 64 bits, little-endian. Nothing for no buffers.
std::string pack_frames(const Frames& frames);
// kMalformed if `blob` is not what pack_frames() makes.
Result<Frames> unpack_frames(std::string_view blob);

}  // namespace engineroom::store
