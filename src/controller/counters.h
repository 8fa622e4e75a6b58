// controller/counters.h — what the controller has done, for `--stats`, SIGUSR1 and the tests.
#pragma once

#include <array>
#include <cstdint>

#include "base/json.h"
#include "controller/channels.h"

namespace engineroom::controller {

// Why a message was not passed on.
enum class Drop {
  kBadSignature,   // wrong, missing or repeated
  kMalformed,      // not a message, or not the JSON it should be
  kTooLarge,       // beyond a limit
  kUnknownEngine,  // from somebody who is no engine
  kStale,          // a reply nobody waits for any more
  kNoPeer,         // the receiver has gone
  kQueueFull,      // the receiver does not read
};
inline constexpr std::array<const char*, 7> kDropNames = {
    "bad_signature", "malformed", "too_large", "unknown_engine", "stale", "no_peer", "queue_full"};

struct Counters {
  std::array<std::uint64_t, kChannelCount> received{};
  std::array<std::uint64_t, kChannelCount> sent{};
  std::array<std::uint64_t, kDropNames.size()> dropped{};
  std::uint64_t tasks_submitted = 0;
  std::uint64_t tasks_delivered = 0;
  std::uint64_t tasks_rejected = 0;
  std::uint64_t tasks_retried = 0;
  std::uint64_t tasks_taken_back = 0;
  std::uint64_t engines_joined = 0;
  std::uint64_t engines_lost = 0;

  std::uint64_t& operator[](Drop why) { return dropped[static_cast<std::size_t>(why)]; }
  std::uint64_t operator[](Drop why) const { return dropped[static_cast<std::size_t>(why)]; }

  // Adds the fields to the object that `w` is writing.
  void write(JsonWriter& w) const {
    w.key("received").begin_object();
    for (std::size_t i = 0; i < kChannelCount; ++i) w.key(kChannelNames[i]).value(received[i]);
    w.end_object().key("sent").begin_object();
    for (std::size_t i = 0; i < kChannelCount; ++i) w.key(kChannelNames[i]).value(sent[i]);
    w.end_object().key("dropped").begin_object();
    for (std::size_t i = 0; i < dropped.size(); ++i) w.key(kDropNames[i]).value(dropped[i]);
    w.end_object().key("tasks").begin_object();
    w.key("submitted").value(tasks_submitted).key("delivered").value(tasks_delivered);
    w.key("rejected").value(tasks_rejected).key("retried").value(tasks_retried);
    w.key("taken_back").value(tasks_taken_back).end_object();
    w.key("engines_joined").value(engines_joined).key("engines_lost").value(engines_lost);
  }
};

}  // namespace engineroom::controller
