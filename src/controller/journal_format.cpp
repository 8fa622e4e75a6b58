#include "controller/journal_format.h"

#include <bit>
#include <cstring>
#include <optional>

#include <fmt/core.h>

namespace engineroom::controller {
namespace {

static_assert(std::endian::native == std::endian::little, "the journal's numbers are as in memory");

constexpr std::size_t kFrameSize = 12;  // length and checksum
// Before a record can be believed its length must be: no body is smaller.
constexpr std::size_t kMinBody = 3 + 4 + 8 + 8 + 4 + 4;

template <typename Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  template <typename Number>
  bool get(Number& number) {
    if (rest_.size() < sizeof number) return false;
    std::memcpy(&number, rest_.data(), sizeof number);
    rest_.remove_prefix(sizeof number);
    return true;
  }

  bool get(std::string_view& text, std::uint64_t size) {
    if (rest_.size() < size) return false;
    text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

// Eight bytes a step: buffers of many megabytes pass here. It has to notice a record that was not
// written to its end, not an adversary, who could write checksums as well.
std::uint32_t checksum(std::string_view bytes) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio
  std::uint64_t sum = bytes.size() * kFactor;
  const auto mix = [&sum](std::uint64_t word) { sum = (std::rotl(sum, 23) ^ word) * kFactor; };
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    mix(word);
  }
  std::uint64_t last = 0;
  if (at < bytes.size()) std::memcpy(&last, bytes.data() + at, bytes.size() - at);
  mix(last);
  return static_cast<std::uint32_t>(sum ^ (sum >> 32));
}

// The size of the record at the start of `bytes`, frame included; nullopt if there is no good one.
std::optional<std::size_t> good_record(std::string_view bytes) {
  Reader reader(bytes);
  std::uint64_t length = 0;
  std::uint32_t sum = 0;
  std::string_view body;
  if (!reader.get(length) || !reader.get(sum)) return std::nullopt;
  if (length < kMinBody || !reader.get(body, length) || checksum(body) != sum) return std::nullopt;
  return kFrameSize + length;
}

Status malformed(const char* what) {
  return {ErrorCode::kMalformed, fmt::format("a record of the journal {}", what)};
}

Status damaged(std::string what) {
  return {ErrorCode::kMalformed,
          std::move(what) + "; without --restore a new journal takes its place"};
}

}  // namespace

void append_record(std::string& out, const JournalRecord& record) {
  const std::size_t start = out.size();
  out.append(kFrameSize, '\0');
  put(out, record.kind);
  put(out, record.channel);
  put(out, static_cast<std::uint8_t>(record.flag));
  put(out, record.engine);
  put(out, record.number);
  put(out, record.time);
  put(out, static_cast<std::uint32_t>(record.key.size()));
  out += record.key;
  put(out, static_cast<std::uint32_t>(record.frames.size()));
  for (const Bytes& frame : record.frames) {
    put(out, static_cast<std::uint64_t>(frame.size()));
    out += frame.view();
  }
  const std::string_view body = std::string_view(out).substr(start + kFrameSize);
  const auto length = std::uint64_t{body.size()};
  const std::uint32_t sum = checksum(body);
  std::memcpy(out.data() + start, &length, sizeof length);
  std::memcpy(out.data() + start + sizeof length, &sum, sizeof sum);
}

Result<JournalRecord> parse_record(std::string_view bytes) {
  if (good_record(bytes) != bytes.size()) return malformed("is incomplete or damaged");
  Reader reader(bytes.substr(kFrameSize));
  JournalRecord record;
  std::uint8_t flag = 0;
  std::uint32_t key_size = 0;
  std::uint32_t n_frames = 0;
  if (!reader.get(record.kind) || !reader.get(record.channel) || !reader.get(flag) ||
      !reader.get(record.engine) || !reader.get(record.number) || !reader.get(record.time) ||
      !reader.get(key_size) || !reader.get(record.key, key_size) || !reader.get(n_frames)) {
    return malformed("is too short");
  }
  record.flag = flag != 0;
  if (record.kind < RecordKind::kStart || record.kind > RecordKind::kPart) {
    return malformed("is of no known kind: it is of another version of engineroom");
  }
  if (n_frames > reader.left() / sizeof(std::uint64_t)) return malformed("has too many frames");
  record.frames.reserve(n_frames);
  for (std::uint32_t i = 0; i < n_frames; ++i) {
    std::uint64_t size = 0;
    std::string_view frame;
    if (!reader.get(size) || !reader.get(frame, size)) return malformed("has a frame cut off");
    record.frames.push_back(Bytes::of_static(frame));
  }
  if (reader.left() != 0) return malformed("has bytes left over");
  return record;
}

Result<JournalScan> scan_journal(
    std::string_view file, const std::function<void(const JournalRecord&, const Extent&)>& visit) {
  if (!file.starts_with(kJournalMagic)) return damaged("this is no journal of engineroom's");
  std::size_t at = kJournalMagic.size();
  while (at < file.size()) {
    const std::string_view rest = file.substr(at);
    const auto size = good_record(rest);
    if (!size) break;
    const auto record = parse_record(rest.substr(0, *size));
    if (!record.ok()) return damaged(record.status().message());
    visit(record.value(), Extent{at, *size});
    at += *size;
  }
  const JournalScan scan{at, at < file.size()};
  // Whatever follows a torn record was never written.
  if (scan.is_torn && file.size() - at >= kFrameSize) {
    std::uint64_t length = 0;
    std::memcpy(&length, file.data() + at, sizeof length);
    const std::size_t left = file.size() - at - kFrameSize;
    if (length < left && good_record(file.substr(at + kFrameSize + length))) {
      return damaged(fmt::format("the journal is damaged at byte {}", at));
    }
  }
  return scan;
}

}  // namespace engineroom::controller
