#include "client/reply_facts.h"

#include <charconv>
#include <utility>

#include <simdjson.h>

namespace engineroom::client {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

Status malformed(std::string message) { return Status(ErrorCode::kMalformed, std::move(message)); }

std::string text_at(const object& from, std::string_view key) {
  std::string_view text;
  if (from[key].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

// The object that a frame is, or nullopt. Valid until the reader's next parse.
std::optional<object> parse_object(std::string_view json, JsonReader& reader) {
  Result<element> root = reader.parse(json);
  object out;
  if (!root.ok() || root.value().get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

std::optional<TaskStatus> to_status(std::string_view text) {
  if (text == "ok") return TaskStatus::kOk;
  if (text == "error") return TaskStatus::kError;
  if (text == "aborted") return TaskStatus::kAborted;
  return std::nullopt;
}

// Fills in what metadata says; the status, which may also be in the content, is returned.
std::optional<TaskStatus> read_reply_metadata(std::string_view json, JsonReader& reader,
                                              ReplyFacts& facts) {
  if (json.size() <= 2) return std::nullopt;
  const std::optional<object> metadata = parse_object(json, reader);
  if (!metadata) return std::nullopt;
  facts.engine_uuid = text_at(*metadata, "engine");
  facts.original_id = text_at(*metadata, "original_msg_id");
  element ignored;
  facts.from_engine = (*metadata)["started"].get(ignored) == simdjson::SUCCESS;
  std::uint64_t quiet = 0;
  if ((*metadata)["quiet_engines"].get(quiet) == simdjson::SUCCESS) facts.quiet_engines = quiet;
  bool idle = false;
  if ((*metadata)["idle"].get(idle) == simdjson::SUCCESS) facts.idle = idle;
  if ((*metadata)["kept"].get(facts.is_kept) != simdjson::SUCCESS) facts.is_kept = false;
  return to_status(text_at(*metadata, "status"));
}

// The status in a content frame. Only the start of large ones is looked at in the usual case.
std::optional<TaskStatus> read_content_status(std::string_view json, JsonReader& reader) {
  if (json == R"({"status": "ok"})" || json == R"({"status":"ok"})") return TaskStatus::kOk;
  const std::optional<object> content = parse_object(json, reader);
  if (!content) return std::nullopt;
  return to_status(text_at(*content, "status"));
}

}  // namespace

Result<ReplyFacts> read_reply(const wire::Message& message, JsonReader& reader) {
  Result<wire::Header> header = wire::parse_header(message.header.view());
  if (!header.ok()) return header.status();
  Result<wire::Header> parent = wire::parse_header(message.parent_header.view());
  if (!parent.ok()) return parent.status();

  ReplyFacts facts;
  facts.msg_type = std::move(header.value().msg_type);
  facts.parent_id = std::move(parent.value().msg_id);
  std::optional<TaskStatus> status = read_reply_metadata(message.metadata.view(), reader, facts);
  if (!status) status = read_content_status(message.content.view(), reader);
  facts.status = status.value_or(TaskStatus::kOk);
  return facts;
}

Result<OutputFacts> read_output(const wire::Message& message, JsonReader& reader) {
  Result<wire::Header> header = wire::parse_header(message.header.view());
  if (!header.ok()) return header.status();
  Result<wire::Header> parent = wire::parse_header(message.parent_header.view(), true);
  if (!parent.ok()) return parent.status();

  OutputFacts facts;
  facts.msg_type = std::move(header.value().msg_type);
  facts.parent_id = std::move(parent.value().msg_id);
  if (facts.msg_type == "status") {
    const std::optional<object> content = parse_object(message.content.view(), reader);
    facts.says_idle = content && text_at(*content, "execution_state") == "idle";
  } else if (facts.msg_type == "stream") {
    if (const std::optional<object> content = parse_object(message.content.view(), reader)) {
      facts.stream_name = text_at(*content, "name");
      facts.stream_text = text_at(*content, "text");
    }
  }
  return facts;
}

Result<EngineEntry> read_engine(std::string_view content, JsonReader& reader) {
  const std::optional<object> parsed = parse_object(content, reader);
  EngineEntry engine{};
  if (!parsed || (*parsed)["id"].get(engine.id) != simdjson::SUCCESS)
    return malformed("notification without an engine's id");
  engine.uuid = text_at(*parsed, "uuid");
  if (engine.uuid.empty()) return malformed("notification without an engine's uuid");
  return engine;
}

Result<std::vector<EngineEntry>> read_engines(std::string_view content, JsonReader& reader) {
  const std::optional<object> parsed = parse_object(content, reader);
  object engines;
  if (!parsed || (*parsed)["engines"].get(engines) != simdjson::SUCCESS)
    return malformed("connection_reply without engines");
  std::vector<EngineEntry> list;
  for (const simdjson::dom::key_value_pair field : engines) {
    EngineEntry engine{};
    const char* end = field.key.data() + field.key.size();
    const auto [stopped, error] = std::from_chars(field.key.data(), end, engine.id);
    std::string_view uuid;
    if (error != std::errc() || stopped != end || field.value.get(uuid) != simdjson::SUCCESS)
      return malformed("connection_reply with an engine that is no id and uuid");
    engine.uuid = uuid;
    list.push_back(std::move(engine));
  }
  return list;
}

std::string read_instance(std::string_view content, JsonReader& reader) {
  const std::optional<object> parsed = parse_object(content, reader);
  return parsed ? text_at(*parsed, "instance") : std::string();
}

bool read_takes_batches(std::string_view content, JsonReader& reader) {
  const std::optional<object> parsed = parse_object(content, reader);
  bool takes = false;
  return parsed && (*parsed)["batches"].get(takes) == simdjson::SUCCESS && takes;
}

ControllerJournal read_journal(std::string_view content, JsonReader& reader) {
  ControllerJournal journal;
  const std::optional<object> parsed = parse_object(content, reader);
  object said;
  if (!parsed || (*parsed)["journal"].get(said) != simdjson::SUCCESS) return journal;
  double patience = 0;
  if (said["start"].get(journal.start) != simdjson::SUCCESS) return journal;
  if (said["patience"].get(patience) == simdjson::SUCCESS) journal.patience_s = patience;
  journal.id = text_at(said, "id");
  return journal;
}

Resumed read_resumed(std::string_view content, JsonReader& reader) {
  Resumed resumed;
  const std::optional<object> parsed = parse_object(content, reader);
  if (!parsed) return resumed;
  const auto read_list = [&parsed](std::string_view key, std::vector<std::string>& list) {
    simdjson::dom::array ids;
    if ((*parsed)[key].get(ids) != simdjson::SUCCESS) return;
    for (const element id : ids) {
      std::string_view text;
      if (id.get(text) == simdjson::SUCCESS) list.emplace_back(text);
    }
  };
  read_list("unknown", resumed.unknown);
  read_list("ended", resumed.ended);
  return resumed;
}

}  // namespace engineroom::client
