#include "wire/dependency_error.h"

#include <simdjson.h>

namespace engineroom::wire {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;
using simdjson::dom::object;

std::string text_of(const object& content, std::string_view key, std::string_view fallback) {
  std::string_view text = fallback;
  if (content[key].get(text) != SUCCESS) text = fallback;
  return std::string(text);
}

}  // namespace

std::string dependency_error(std::string_view input, std::string_view failure, JsonReader& reader) {
  std::string ename = "TaskAborted";
  std::string evalue = "it was aborted";
  std::string traceback = "[]";
  std::string cause = "null";
  Result<element> root = reader.parse(failure);
  object content;
  if (root.ok() && root.value().get(content) == SUCCESS) {
    object deeper;
    if (content["cause"].get(deeper) == SUCCESS) content = deeper;
    // An aborted task's content says no more than that.
    if (element name; content["ename"].get(name) == SUCCESS) {
      ename = text_of(content, "ename", "Error");
      evalue = text_of(content, "evalue", "");
      cause = simdjson::minify(content);
    }
    if (simdjson::dom::array lines; content["traceback"].get(lines) == SUCCESS) {
      traceback = simdjson::minify(lines);
    }
  }
  JsonWriter w;
  w.begin_object().key("status").value("error").key("ename").value("DependencyError");
  w.key("evalue").value("input '" + std::string(input) + "' failed: " + ename + ": " + evalue);
  w.key("traceback").raw(traceback).key("engine_info").begin_object().end_object();
  w.key("cause").raw(cause).end_object();
  return w.take();
}

}  // namespace engineroom::wire
