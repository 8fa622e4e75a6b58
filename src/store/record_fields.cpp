#include "store/record_fields.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace engineroom::store {
namespace {

struct Named {
  const char* name;
  FieldKind kind;
};

// In the order of `Field`.
constexpr std::array<Named, 23> kFields = {{
    {"msg_id", FieldKind::kText},         {"header", FieldKind::kJson},
    {"metadata", FieldKind::kJson},       {"content", FieldKind::kJson},
    {"buffers", FieldKind::kBuffers},     {"submitted", FieldKind::kDate},
    {"client_uuid", FieldKind::kText},    {"engine_uuid", FieldKind::kText},
    {"started", FieldKind::kDate},        {"completed", FieldKind::kDate},
    {"resubmitted", FieldKind::kText},    {"received", FieldKind::kDate},
    {"result_header", FieldKind::kJson},  {"result_metadata", FieldKind::kJson},
    {"result_content", FieldKind::kJson}, {"result_buffers", FieldKind::kBuffers},
    {"queue", FieldKind::kText},          {"execute_input", FieldKind::kJson},
    {"execute_result", FieldKind::kJson}, {"error", FieldKind::kJson},
    {"stdout", FieldKind::kText},         {"stderr", FieldKind::kText},
    {"label", FieldKind::kText},
}};

constexpr std::array<Field, kFields.size()> kAll = [] {
  std::array<Field, kFields.size()> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Field>(i);
  return all;
}();

const Named& named(Field field) { return kFields[static_cast<std::size_t>(field)]; }

std::optional<std::string_view> unless_empty(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

std::span<const Field> all_fields() { return kAll; }

const char* to_string(Field field) { return named(field).name; }

FieldKind kind_of(Field field) { return named(field).kind; }

std::optional<Field> parse_field(std::string_view name) {
  const auto found = std::find_if(kAll.begin(), kAll.end(),
                                  [name](Field field) { return name == to_string(field); });
  if (found == kAll.end()) return std::nullopt;
  return *found;
}

std::optional<std::string_view> text_of(const Record& record, Field field) {
  switch (field) {
    case Field::kMsgId:
      return record.msg_id;
    case Field::kClientUuid:
      return unless_empty(record.client_uuid);
    case Field::kEngineUuid:
      return unless_empty(record.engine_uuid);
    case Field::kResubmitted:
      return unless_empty(record.resubmitted);
    case Field::kQueue:
      return to_string(record.queue);
    case Field::kStdout:
      return record.stdout_text;
    case Field::kStderr:
      return record.stderr_text;
    default:
      assert(field == Field::kLabel);
      return unless_empty(record.label);
  }
}

std::optional<WallTime> date_of(const Record& record, Field field) {
  switch (field) {
    case Field::kSubmitted:
      return record.submitted;
    case Field::kStarted:
      return record.started;
    case Field::kCompleted:
      return record.completed;
    default:
      assert(field == Field::kReceived);
      return record.received;
  }
}

std::string_view json_of(const Record& record, Field field) {
  switch (field) {
    case Field::kHeader:
      return record.header;
    case Field::kMetadata:
      return record.metadata;
    case Field::kContent:
      return record.content;
    case Field::kResultHeader:
      return record.result_header;
    case Field::kResultMetadata:
      return record.result_metadata;
    case Field::kResultContent:
      return record.result_content;
    case Field::kExecuteInput:
      return record.execute_input;
    case Field::kExecuteResult:
      return record.execute_result;
    default:
      assert(field == Field::kError);
      return record.error;
  }
}

std::size_t Record::bytes() const {
  std::size_t bytes = header.size() + metadata.size() + content.size() + result_header.size() +
                      result_metadata.size() + result_content.size() + stdout_text.size() +
                      stderr_text.size() + execute_input.size() + execute_result.size() +
                      error.size();
  for (const Frames* frames : {&buffers, &result_buffers}) {
    for (const Bytes& frame : *frames) bytes += frame.size();
  }
  return bytes;
}

const Frames& buffers_of(const Record& record, Field field) {
  return field == Field::kBuffers ? record.buffers : record.result_buffers;
}

}  // namespace engineroom::store
