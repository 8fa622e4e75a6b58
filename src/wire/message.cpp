#include "wire/message.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/json.h"

namespace engineroom::wire {
namespace {

// Frames after the delimiter that every message has: the signature and four JSON frames.
constexpr std::size_t kFixedFrames = 5;

Status malformed(std::string message) { return Status(ErrorCode::kMalformed, std::move(message)); }

std::string in_units(std::size_t bytes) {
  if (bytes >= 10u << 20) return std::to_string(bytes >> 20) + " MB";
  if (bytes >= 10u << 10) return std::to_string(bytes >> 10) + " kB";
  return std::to_string(bytes) + " bytes";
}

struct NamedFrame {
  const char* name;
  const Bytes& frame;
};

std::array<NamedFrame, 4> json_frames(const Message& message) {
  return {{{"header", message.header},
           {"parent_header", message.parent_header},
           {"metadata", message.metadata},
           {"content", message.content}}};
}

Status check_sizes(const Message& message, const Limits& limits) {
  for (const auto& [name, frame] : json_frames(message)) {
    if (frame.size() <= limits.max_json_bytes) continue;
    return Status(ErrorCode::kResourceExhausted, std::string(name) + " is " +
                                                     in_units(frame.size()) + ", limit " +
                                                     in_units(limits.max_json_bytes));
  }
  return {};
}

Status check_depths(const Message& message, const Limits& limits) {
  for (const auto& [name, frame] : json_frames(message)) {
    if (json_depth_within(frame.view(), limits.max_json_depth)) continue;
    return Status(ErrorCode::kResourceExhausted, std::string(name) + " nests deeper than " +
                                                     std::to_string(limits.max_json_depth) +
                                                     " levels");
  }
  return {};
}

// The index of the delimiter, or an error saying why there is none.
Result<std::size_t> find_delimiter(const Frames& frames, const Limits& limits) {
  const std::size_t end = std::min(frames.size(), limits.max_identities + 1);
  for (std::size_t i = 0; i < end; ++i) {
    if (frames[i] == kDelimiter) return i;
  }
  if (end == frames.size())
    return malformed("no <IDS|MSG> delimiter in " + std::to_string(end) + " frames");
  return malformed("no <IDS|MSG> delimiter after " + std::to_string(limits.max_identities) +
                   " identities, the most allowed");
}

Frames lay_out(const Message& message, Bytes signature) {
  Frames frames;
  frames.reserve(message.identities.size() + 1 + kFixedFrames + message.buffers.size());
  frames.insert(frames.end(), message.identities.begin(), message.identities.end());
  frames.push_back(Bytes::of_static(kDelimiter));
  frames.push_back(std::move(signature));
  frames.push_back(message.header);
  frames.push_back(message.parent_header);
  frames.push_back(message.metadata);
  frames.push_back(message.content);
  frames.insert(frames.end(), message.buffers.begin(), message.buffers.end());
  return frames;
}

}  // namespace

Result<Message> split(Frames frames, const Limits& limits) {
  if (frames.size() > limits.max_frames) {
    return Status(ErrorCode::kResourceExhausted, "message has " + std::to_string(frames.size()) +
                                                     " frames, limit " +
                                                     std::to_string(limits.max_frames));
  }
  const Result<std::size_t> delimiter = find_delimiter(frames, limits);
  if (!delimiter.ok()) return delimiter.status();
  const std::size_t after = frames.size() - delimiter.value() - 1;
  if (after < kFixedFrames) {
    return malformed("only " + std::to_string(after) +
                     " frames after the delimiter, at least 5 are needed");
  }

  const auto start = std::make_move_iterator(frames.begin());
  auto next = start + static_cast<std::ptrdiff_t>(delimiter.value());
  Message message;
  message.identities.assign(start, next);
  ++next;
  message.signature = *next++;
  message.header = *next++;
  message.parent_header = *next++;
  message.metadata = *next++;
  message.content = *next++;
  message.buffers.assign(next, std::make_move_iterator(frames.end()));

  if (Status status = check_sizes(message, limits); !status.ok()) return status;
  return message;
}

Result<Message> decode(Frames frames, Signer& signer, ReplayGuard* replays, const Limits& limits) {
  Result<Message> result = split(std::move(frames), limits);
  if (!result.ok()) return result;
  const Message& message = result.value();

  if (signer.enabled()) {
    const std::string_view signature = message.signature.view();
    if (signature.empty()) return Status(ErrorCode::kUnauthenticated, "message is not signed");
    if (!signer.verify(signature, message.header.view(), message.parent_header.view(),
                       message.metadata.view(), message.content.view())) {
      return Status(ErrorCode::kUnauthenticated, "wrong signature");
    }
    if (replays != nullptr && !replays->is_fresh(signature)) {
      return Status(ErrorCode::kUnauthenticated, "signature was used before");
    }
  }
  if (Status status = check_depths(message, limits); !status.ok()) return status;
  return result;
}

Frames encode(const Message& message, Signer& signer) {
  return lay_out(message, signer.sign_frame(message.header.view(), message.parent_header.view(),
                                            message.metadata.view(), message.content.view()));
}

Frames join(const Message& message) { return lay_out(message, message.signature); }

}  // namespace engineroom::wire
