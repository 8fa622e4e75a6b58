// store/record_fields.h — the fields of a record by the names that queries use.
//
// The names and their order are those of stock ipyparallel's records (db_query's keys).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "store/record.h"

namespace engineroom::store {

enum class Field : std::uint8_t {
  kMsgId,
  kHeader,
  kMetadata,
  kContent,
  kBuffers,
  kSubmitted,
  kClientUuid,
  kEngineUuid,
  kStarted,
  kCompleted,
  kResubmitted,
  kReceived,
  kResultHeader,
  kResultMetadata,
  kResultContent,
  kResultBuffers,
  kQueue,
  kExecuteInput,
  kExecuteResult,
  kError,
  kStdout,
  kStderr,
  kLabel,
};

enum class FieldKind : std::uint8_t { kText, kDate, kJson, kBuffers };

// In the order of `Field`.
std::span<const Field> all_fields();
const char* to_string(Field field);
std::optional<Field> parse_field(std::string_view name);
FieldKind kind_of(Field field);

// nullopt where the record has none ("label", "engine_uuid" … that are empty). REQUIRES: kText
std::optional<std::string_view> text_of(const Record& record, Field field);
// REQUIRES: kDate
std::optional<WallTime> date_of(const Record& record, Field field);
// JSON text; empty: none. REQUIRES: kJson
std::string_view json_of(const Record& record, Field field);
// REQUIRES: kBuffers
const Frames& buffers_of(const Record& record, Field field);

}  // namespace engineroom::store
