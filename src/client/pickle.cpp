#include "client/pickle.h"

#include <cstdint>
#include <limits>
#include <optional>

namespace engineroom::client {
namespace {

// Opcodes, by their names in pickletools.
constexpr char kProto = '\x80';
constexpr char kFrame = '\x95';
constexpr char kStop = '.';
constexpr char kGlobal = 'c';
constexpr char kEmptyDict = '}';
constexpr char kEmptyList = ']';
constexpr char kMark = '(';
constexpr char kSetItems = 'u';
constexpr char kBinInt = 'J';
constexpr char kShortBinUnicode = '\x8c';
constexpr char kBinUnicode = 'X';
constexpr char kBinUnicode8 = '\x8d';
constexpr char kMemoize = '\x94';
constexpr char kBinPut = 'q';
constexpr char kLongBinPut = 'r';

constexpr std::string_view kHead = "\x80\x04";

void append_little_endian(std::string& out, std::uint64_t number, int n_bytes) {
  for (int i = 0; i < n_bytes; ++i) out += static_cast<char>(number >> (8 * i) & 0xFF);
}

void append_text(std::string& out, std::string_view text) {
  if (text.size() <= std::numeric_limits<std::uint32_t>::max()) {
    out += kBinUnicode;
    append_little_endian(out, text.size(), 4);
  } else {
    out += kBinUnicode8;
    append_little_endian(out, text.size(), 8);
  }
  out += text;
}

void append_int(std::string& out, std::size_t number) {
  out += kBinInt;
  append_little_endian(out, number, 4);
}

// Takes bytes from the front of a pickle.
class Cursor {
 public:
  explicit Cursor(std::string_view rest) : rest_(rest) {}

  bool take(char opcode) {
    if (rest_.empty() || rest_[0] != opcode) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip(std::size_t n_bytes) {
    if (rest_.size() < n_bytes) return false;
    rest_.remove_prefix(n_bytes);
    return true;
  }
  std::optional<std::uint64_t> number(std::size_t n_bytes) {
    if (rest_.size() < n_bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = n_bytes; i > 0; --i)
      value = value << 8 | static_cast<unsigned char>(rest_[i - 1]);
    rest_.remove_prefix(n_bytes);
    return value;
  }
  std::optional<std::string_view> bytes(std::optional<std::uint64_t> size) {
    if (!size || *size > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return taken;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::optional<std::string_view> take_text(Cursor& cursor) {
  if (cursor.take(kShortBinUnicode)) return cursor.bytes(cursor.number(1));
  if (cursor.take(kBinUnicode)) return cursor.bytes(cursor.number(4));
  if (cursor.take(kBinUnicode8)) return cursor.bytes(cursor.number(8));
  return std::nullopt;
}

// Python remembers each text in case it comes again; ours never does.
bool skip_memo(Cursor& cursor) {
  if (cursor.take(kMemoize)) return true;
  if (cursor.take(kBinPut)) return cursor.skip(1);
  if (cursor.take(kLongBinPut)) return cursor.skip(4);
  return true;
}

}  // namespace

Bytes pickle_global(std::string_view module, std::string_view name) {
  std::string out(kHead);
  out += kGlobal;
  out.append(module).append("\n").append(name).append("\n");
  out += kStop;
  return Bytes(std::move(out));
}

Bytes pickle_text(std::string_view text) {
  std::string out(kHead);
  out.reserve(text.size() + 12);
  append_text(out, text);
  out += kStop;
  return Bytes(std::move(out));
}

Bytes pickle_call_shape(std::size_t n_arguments) {
  std::string out(kHead);
  out += kEmptyDict;
  out += kMark;
  append_text(out, "nargs");
  append_int(out, n_arguments);
  append_text(out, "narg_bufs");
  append_int(out, n_arguments);
  append_text(out, "kw_keys");
  out += kEmptyList;
  out += kSetItems;
  out += kStop;
  return Bytes(std::move(out));
}

Result<std::string> unpickle_text(std::string_view pickle) {
  const Status malformed(ErrorCode::kMalformed, "the result is no pickled text");
  Cursor cursor(pickle);
  if (cursor.take(kProto)) {
    const std::optional<std::uint64_t> protocol = cursor.number(1);
    if (!protocol || *protocol < 2 || *protocol > 5) return malformed;
  }
  if (cursor.take(kFrame) && !cursor.skip(8)) return malformed;
  const std::optional<std::string_view> text = take_text(cursor);
  if (!text || !skip_memo(cursor) || !cursor.take(kStop) || !cursor.at_end()) return malformed;
  return std::string(*text);
}

}  // namespace engineroom::client
