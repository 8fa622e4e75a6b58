#include "controller/user_messages.h"

#include <string>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "controller/json_object.h"

namespace engineroom::controller {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

constexpr std::string_view kNothing = "{}";

// `json` with a key set; empty if that is no object.
std::string changed(std::string_view json, std::string_view key, std::string_view value) {
  auto result = wire::with_key(json, key, value);
  return result.ok() ? result.take() : std::string(kNothing);
}

void write_ids(JsonWriter& w, element ids, const Scope& scope) {
  w.begin_array();
  std::string_view one;
  simdjson::dom::array several;
  if (ids.get(one) == SUCCESS) {
    w.value(scope.inside(one));
  } else if (ids.get(several) == SUCCESS) {
    for (const element each : several) {
      if (each.get(one) == SUCCESS) w.value(scope.inside(one));
    }
  }
  w.end_array();
}

// An id, a list of them, or {"dependencies": either, …}.
std::string dependency(element value, const Scope& scope) {
  JsonWriter w;
  simdjson::dom::object object;
  if (value.get(object) != SUCCESS) {
    write_ids(w, value, scope);
    return w.take();
  }
  w.begin_object();
  for (const simdjson::dom::key_value_pair member : object) {
    w.key(member.key);
    if (member.key == "dependencies") {
      write_ids(w, member.value, scope);
    } else {
      w.raw(simdjson::minify(member.value));
    }
  }
  w.end_object();
  return w.take();
}

// [{"id":…, "engine":…}…]
std::string inputs(element value, const Scope& scope) {
  JsonWriter w;
  w.begin_array();
  simdjson::dom::array list;
  if (value.get(list) == SUCCESS) {
    for (const element each : list) {
      std::string_view msg_id;
      std::string_view engine;
      if (each["id"].get(msg_id) != SUCCESS) continue;
      if (each["engine"].get(engine) != SUCCESS) engine = {};
      w.begin_object().key("id").value(scope.inside(msg_id));
      w.key("engine").value(engine).end_object();
    }
  }
  w.end_array();
  return w.take();
}

void mark_metadata(Bytes& metadata, const Scope& scope, JsonReader& reader) {
  const auto object = read_object(reader, metadata.view());
  if (!object) {
    metadata = Bytes::of_static(kNothing);
    return;
  }
  std::vector<std::pair<std::string_view, std::string>> changes;
  for (const std::string_view key : {"after", "follow"}) {
    const auto value = object->element(key);
    if (value && !value->is_null()) changes.emplace_back(key, dependency(*value, scope));
  }
  if (const auto value = object->element("inputs")) {
    changes.emplace_back("inputs", inputs(*value, scope));
  }
  // The controller's to say.
  for (const std::string_view key : {"holders", "original_msg_id"}) {
    if (object->element(key)) changes.emplace_back(key, "null");
  }
  if (changes.empty()) return;
  std::string text = metadata.str();
  for (const auto& [key, value] : changes) text = changed(text, key, value);
  metadata = Bytes(std::move(text));
}

}  // namespace

void mark_request(wire::Message& request, const wire::Header& header, std::string_view user,
                  const Scope& scope, JsonReader& reader) {
  const std::string named =
      changed(request.header.view(), "msg_id", json_quote(scope.inside(header.msg_id)));
  request.header = Bytes(changed(named, "username", json_quote(user)));
  mark_metadata(request.metadata, scope, reader);
}

bool mark_ids_in_content(wire::Message& request, const Scope& scope, JsonReader& reader) {
  const auto content = read_object(reader, request.content.view());
  const auto ids = content ? content->element("msg_ids") : std::nullopt;
  if (!ids || content->texts("msg_ids").empty()) return false;
  JsonWriter w;
  write_ids(w, *ids, scope);
  request.content = Bytes(changed(request.content.view(), "msg_ids", w.take()));
  return true;
}

bool unmark_parent(wire::Message& message, const Scope& scope) {
  const auto parent = wire::parse_header(message.parent_header.view(), true);
  if (!parent.ok()) return false;
  const auto msg_id = scope.outside(parent.value().msg_id);
  if (!msg_id) return false;
  message.parent_header = Bytes(unmarked_header(message.parent_header.view(), scope));
  // Of a broadcast: the request that its parts belong to.
  if (message.metadata.view().find("original_msg_id") == std::string_view::npos) return true;
  thread_local JsonReader reader;
  const auto metadata = read_object(reader, message.metadata.view());
  const auto original = metadata ? metadata->text("original_msg_id") : std::nullopt;
  if (!original) return true;
  if (const auto outside = scope.outside(*original)) {
    message.metadata =
        Bytes(changed(message.metadata.view(), "original_msg_id", json_quote(*outside)));
  }
  return true;
}

std::string unmarked_header(std::string_view header, const Scope& scope) {
  const auto parsed = wire::parse_header(header, true);
  const auto msg_id = parsed.ok() ? scope.outside(parsed.value().msg_id) : std::nullopt;
  return msg_id ? changed(header, "msg_id", json_quote(*msg_id)) : std::string(header);
}

}  // namespace engineroom::controller
