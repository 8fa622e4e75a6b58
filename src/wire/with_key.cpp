// wire/with_key.cpp — changing one key of a JSON object and nothing else in it.
//
// A relay that adds its mark to a message's metadata must not disturb what it does not understand
// (order of keys, big integers, spacing), so this edits text instead of parsing and writing anew.

#include <algorithm>
#include <optional>

#include <simdjson.h>

#include "base/json.h"
#include "wire/message.h"

namespace engineroom::wire {
namespace {

// Finds the members of a JSON object without interpreting their values. It checks as much as it
// needs to find where each value ends; text that is no JSON at all may pass, and then comes out as
// broken as it went in.
class ObjectScanner {
 public:
  explicit ObjectScanner(std::string_view text) : text_(text) {}

  struct Member {
    std::string_view raw_key;  // between the quotes, still escaped
    std::size_t value_begin = 0;
    std::size_t value_end = 0;
  };

  bool open() { return take('{'); }
  // After open(): the next member; nullopt at the closing brace, or at a mistake (then failed()).
  std::optional<Member> next() {
    if (take('}')) {
      skip_space();
      failed_ = at_ != text_.size();
      return std::nullopt;
    }
    Member member;
    if ((seen_any_ && !take(',')) || !member_at(member)) {
      failed_ = true;
      return std::nullopt;
    }
    seen_any_ = true;
    return member;
  }

  bool failed() const { return failed_; }
  bool seen_any() const { return seen_any_; }

 private:
  bool member_at(Member& member) {
    skip_space();
    const std::size_t quote = at_;
    if (!skip_string()) return false;
    member.raw_key = text_.substr(quote + 1, at_ - quote - 2);
    if (!take(':')) return false;
    skip_space();
    member.value_begin = at_;
    if (!skip_value()) return false;
    member.value_end = at_;
    return true;
  }

  bool skip_value() {
    if (at_ == text_.size()) return false;
    if (text_[at_] == '"') return skip_string();
    if (text_[at_] == '{' || text_[at_] == '[') return skip_nested();
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(",}] \t\r\n", at_), text_.size());
    return at_ > begin;
  }

  bool skip_nested() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return false;
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return true;
    }
    return false;
  }

  bool skip_string() {
    if (at_ == text_.size() || text_[at_] != '"') return false;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
    at_ = text_.size();
    return false;
  }

  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool seen_any_ = false;
  bool failed_ = false;
};

Status not_an_object() { return Status(ErrorCode::kMalformed, "not a JSON object"); }

bool key_equals(std::string_view raw_key, std::string_view key) {
  if (raw_key.find('\\') == std::string_view::npos) return raw_key == key;
  // "\u006bey" is "key" too; rare enough for the real parser.
  thread_local JsonReader reader;
  std::string quoted = "\"";
  quoted.append(raw_key).append("\"");
  const Result<simdjson::dom::element> parsed = reader.parse(quoted);
  std::string_view unescaped;
  return parsed.ok() && parsed.value().get(unescaped) == simdjson::SUCCESS && unescaped == key;
}

}  // namespace

Result<std::string> with_key(std::string_view json, std::string_view key,
                             std::string_view value_json) {
  ObjectScanner scanner(json);
  if (!scanner.open()) return not_an_object();

  std::string out;
  out.reserve(json.size() + key.size() + value_json.size() + 8);
  std::size_t copied = 0;
  bool found = false;
  // A repeated key is replaced everywhere, so that it no longer matters which of them a reader
  // believes.
  while (const std::optional<ObjectScanner::Member> member = scanner.next()) {
    if (!key_equals(member->raw_key, key)) continue;
    out.append(json, copied, member->value_begin - copied);
    out += value_json;
    copied = member->value_end;
    found = true;
  }
  if (scanner.failed()) return not_an_object();
  if (found) {
    out.append(json, copied);
    return out;
  }

  const std::size_t brace = json.rfind('}');
  out.append(json, 0, brace);
  if (scanner.seen_any()) out += ',';
  append_json_quoted(out, key);
  out += ':';
  out += value_json;
  out.append(json, brace);
  return out;
}

}  // namespace engineroom::wire
