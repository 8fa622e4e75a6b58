#include "client/request_encoder.h"

#include <utility>

#include <unistd.h>

#include "base/clock.h"
#include "wire/message.h"

namespace engineroom::client {
namespace {

double to_epoch_seconds(std::chrono::system_clock::time_point when) {
  return std::chrono::duration<double>(when.time_since_epoch()).count();
}

}  // namespace

double seconds_since_epoch() { return to_epoch_seconds(std::chrono::system_clock::now()); }

Timestamp Timestamp::now() {
  const auto now = std::chrono::system_clock::now();
  return {to_epoch_seconds(now), iso8601(now)};
}

RequestEncoder::RequestEncoder(std::string session, std::string username, std::string key)
    : session_(std::move(session)),
      username_(std::move(username)),
      key_(std::move(key)),
      id_prefix_(session_ + "_" + std::to_string(getpid()) + "_") {}

std::string RequestEncoder::next_msg_id() {
  return id_prefix_ + std::to_string(counter_.fetch_add(1, std::memory_order_relaxed));
}

wire::Signer RequestEncoder::take_signer() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_signers_.empty()) {
      wire::Signer signer = std::move(idle_signers_.back());
      idle_signers_.pop_back();
      return signer;
    }
  }
  return wire::Signer(key_);
}

RequestEncoder::Lease::Lease(RequestEncoder& encoder)
    : encoder_(encoder), signer_(encoder.take_signer()) {}

RequestEncoder::Lease::~Lease() {
  const std::lock_guard lock(encoder_.mutex_);
  encoder_.idle_signers_.push_back(std::move(signer_));
}

Frames RequestEncoder::Lease::encode(const std::string& msg_id, const RequestParts& parts,
                                     std::string_view date, const Frames& buffers,
                                     const Frames& more_buffers) {
  const Bytes header =
      wire::make_header(msg_id, parts.msg_type, encoder_.session_, encoder_.username_, date);
  const Bytes parent_header = Bytes::of_static("{}");
  Frames frames;
  frames.reserve(7 + buffers.size() + more_buffers.size());
  if (!parts.identity.empty()) frames.push_back(Bytes::copy_of(parts.identity));
  frames.push_back(Bytes::of_static(wire::kDelimiter));
  frames.push_back(signer_.sign_frame(header.view(), parent_header.view(), parts.metadata.view(),
                                      parts.content.view()));
  frames.push_back(header);
  frames.push_back(parent_header);
  frames.push_back(parts.metadata);
  frames.push_back(parts.content);
  frames.insert(frames.end(), buffers.begin(), buffers.end());
  frames.insert(frames.end(), more_buffers.begin(), more_buffers.end());
  return frames;
}

}  // namespace engineroom::client
