// wire/header.cpp — headers, the one JSON frame that is parsed for every message that passes.

#include <cstdlib>
#include <utility>

#include <pwd.h>
#include <simdjson.h>
#include <unistd.h>

#include "base/json.h"
#include "wire/message.h"

namespace engineroom::wire {
namespace {

Status malformed(std::string message) { return Status(ErrorCode::kMalformed, std::move(message)); }

// Reads a flat object of plain strings, which is what every peer's header is: calls `on_field(key,
// value)` for each member. False if there is anything else in it (escapes, other values, text that
// is not ASCII, mistakes), which the real parser then judges; so this one decides nothing by
// itself. It takes a third of the parser's time.
class FlatObject {
 public:
  explicit FlatObject(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  template <typename OnField>
  bool read(OnField on_field) {
    if (!take('{')) return false;
    if (take('}')) return at_end();
    do {
      std::string_view key;
      std::string_view value;
      if (!take_string(key) || !take(':') || !take_string(value)) return false;
      on_field(key, value);
    } while (take(','));
    return take('}') && at_end();
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool at_end() {
    skip_space();
    return at_ == end_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take_string(std::string_view& out) {
    if (!take('"')) return false;
    const char* start = at_;
    while (at_ != end_ && *at_ != '"') {
      // Controls and bytes beyond ASCII are negative or small as a signed char, wherever char is
      // signed or not.
      if (static_cast<signed char>(*at_) < 0x20 || *at_ == '\\') return false;
      ++at_;
    }
    if (at_ == end_) return false;
    out = std::string_view(start, static_cast<std::size_t>(at_ - start));
    ++at_;
    return true;
  }

  const char* at_;
  const char* end_;
};

// The member of `header` that a JSON key names, or null.
std::string* field_named(Header& header, std::string_view key) {
  if (key == "msg_id") return &header.msg_id;
  if (key == "msg_type") return &header.msg_type;
  if (key == "session") return &header.session;
  if (key == "username") return &header.username;
  if (key == "date") return &header.date;
  if (key == "version") return &header.version;
  return nullptr;
}

// Any legal JSON. A repeated key counts as its last value, as Python's parser has it.
Result<Header> parse_any_header(std::string_view json) {
  // One parser per thread: its buffers are reused, and a function of bytes alone has no place to
  // keep it.
  thread_local JsonReader reader;
  Result<simdjson::dom::element> root = reader.parse(json);
  if (!root.ok()) return Status(root.status().code(), "header is " + root.status().message());
  simdjson::dom::object object;
  if (root.value().get(object) != simdjson::SUCCESS) return malformed("header is no object");

  Header header;
  for (const simdjson::dom::key_value_pair field : object) {
    std::string* target = field_named(header, field.key);
    if (target == nullptr) continue;
    target->clear();
    std::string_view value;
    if (field.value.get(value) == simdjson::SUCCESS) {
      *target = value;
    } else if (!field.value.is_null()) {
      return malformed("header's " + std::string(field.key) + " is no string");
    }
  }
  return header;
}

Status check_header(const Header& header) {
  if (header.msg_id.empty()) return malformed("header has no msg_id");
  if (header.msg_type.empty()) return malformed("header has no msg_type");
  if (header.version != "5" && !header.version.starts_with("5.")) {
    return malformed("header's version is '" + header.version.substr(0, 20) + "', not 5.x");
  }
  return {};
}

}  // namespace

Result<Header> parse_header(std::string_view json, bool allow_empty) {
  Header header;
  bool empty = true;
  const bool flat = FlatObject(json).read([&](std::string_view key, std::string_view value) {
    empty = false;
    if (std::string* target = field_named(header, key)) target->assign(value);
  });
  if (!flat) {
    Result<Header> any = parse_any_header(json);
    if (!any.ok()) return any;
    header = any.take();
  } else if (empty && allow_empty) {
    return header;
  }
  if (Status status = check_header(header); !status.ok()) return status;
  return header;
}

Bytes make_header(std::string_view msg_id, std::string_view msg_type, std::string_view session,
                  std::string_view username, std::string_view date) {
  std::string out;
  out.reserve(100 + msg_id.size() + msg_type.size() + session.size() + username.size() +
              date.size());
  out += "{\"msg_id\":";
  append_json_quoted(out, msg_id);
  out += ",\"msg_type\":";
  append_json_quoted(out, msg_type);
  out += ",\"username\":";
  append_json_quoted(out, username);
  out += ",\"session\":";
  append_json_quoted(out, session);
  out += ",\"date\":";
  append_json_quoted(out, date);
  out += ",\"version\":";
  append_json_quoted(out, kProtocolVersion);
  out += '}';
  return Bytes(std::move(out));
}

const std::string& username() {
  // Read once: nothing in this process changes USER, and getpwuid is not called again.
  static const std::string name = [] {
    const char* user = std::getenv("USER");  // NOLINT(concurrency-mt-unsafe)
    if (user != nullptr && *user != '\0') return std::string(user);
    const passwd* entry = getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe)
    return std::string(entry != nullptr ? entry->pw_name : "username");
  }();
  return name;
}

}  // namespace engineroom::wire
