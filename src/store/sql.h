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
#include "store/record.h"

namespace engineroom::store {

class Query;
struct Span;

using SqlValue = std::variant<std::string, std::int64_t>;

struct SqlCondition {
  std::string text;  // "msg_id = $1 AND submitted < $2"; "TRUE" if there is none
  std::vector<SqlValue> values;
};

// Of the texts in a database: byte by byte, as Query compares them, or in another one, when only
// equality is asked of the database.
enum class TextOrder : std::uint8_t { kBytes, kOther };

// What the database can tell of the query: it may let records pass that Query::matches() refuses,
// never the other way round.
SqlCondition to_sql(const Query& query, TextOrder order = TextOrder::kBytes);
// And submitted within `span`.
SqlCondition to_sql(const Query& query, const Span& span, TextOrder order = TextOrder::kBytes);

// The columns of table "tasks", in the order in which rows are written and read.
inline constexpr const char* kTaskColumns =
    "msg_id, header, metadata, content, buffers, submitted, client_uuid, engine_uuid, started, "
    "completed, resubmitted, received, result_header, result_metadata, result_content, "
    "result_buffers, queue, execute_input, execute_result, error, stdout, stderr, label, "
    "payload_dropped";

// The same without those of buffers, which are NULL.
std::string columns_without_buffers();

// From to_string(QueueKind).
QueueKind parse_queue(std::string_view name);

std::int64_t to_micros(WallTime when);
WallTime from_micros(std::int64_t micros);

// count, sizes, bytes; numbers are 64 bits, little-endian. Nothing for no buffers.
std::string pack_frames(const Frames& frames);
// Of the blob.
std::size_t packed_size(const Frames& frames);
// What it puts before the bytes.
std::string pack_sizes(const Frames& frames);
// kMalformed if `blob` is not what pack_frames() makes.
Result<Frames> unpack_frames(std::string_view blob);
// The same without a copy: the frames keep `blob`.
Result<Frames> unpack_frames(const Bytes& blob);

}  // namespace engineroom::store
