// client/request_encoder.h — requests as signed frames, made by the thread that submits them.
//
// Signing on the submitter's thread keeps the I/O thread free and lets several submitters use
// several cores. Signers belong to one thread at a time, so they are lent from a pool.
//
// Threads: any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "wire/signer.h"

namespace engineroom::client {

// What a request says, without who sends it and when.
struct RequestParts {
  std::string_view msg_type;
  std::string_view identity;  // the engine it is for, or ""
  Bytes metadata;
  Bytes content;
};

class RequestEncoder {
 public:
  RequestEncoder(std::string session, std::string username, std::string key);

  const std::string& session() const { return session_; }
  const std::string& key() const { return key_; }
  // "<session>_<pid>_<counter>"
  std::string next_msg_id();

  // A signer, for as long as this lives.
  class Lease {
   public:
    explicit Lease(RequestEncoder& encoder);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    // `buffers` are appended after the signed frames.
    Frames encode(const std::string& msg_id, const RequestParts& parts, std::string_view date,
                  const Frames& buffers, const Frames& more_buffers = {});

   private:
    RequestEncoder& encoder_;
    wire::Signer signer_;
  };

 private:
  wire::Signer take_signer();

  const std::string session_;
  const std::string username_;
  const std::string key_;
  const std::string id_prefix_;
  std::atomic<std::uint64_t> counter_{0};
  std::mutex mutex_;
  std::vector<wire::Signer> idle_signers_;  // guarded by mutex_
};

// One look at the clock, in the two forms that a request needs.
struct Timestamp {
  double seconds;  // since the epoch
  std::string iso;
  static Timestamp now();
};

double seconds_since_epoch();

}  // namespace engineroom::client
