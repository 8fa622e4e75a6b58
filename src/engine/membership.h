// engine/membership.h — whether this engine belongs to its controller: registered or not, and when
// to give up.
//
// A pure state machine: events and the time go in, what to do comes out. An engine that outlives
// its controller would hold memory and licences for ever, and nobody could stop it; one that gives
// up at once would not survive a restart of the controller. Hence the deadlines.
//
//   registering --reply ok--> registered --declared dead--> registering
//        any    --no connection for `gone_after`, too many missed pings, refused--> ended
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace engineroom::engine {

// Why the process ends, as its exit code: docs/dev/engine.md. Above 64 as in sysexits.h.
enum class Exit {
  kDone = 0,               // shut down by a client, the controller or SIGTERM
  kUsage = 64,             // a wrong option or connection file
  kNoConnectionFile = 66,  // it did not appear within the time given
  kControllerGone = 69,    // the connection was lost, or heartbeats stopped
  kNoAnswer = 75,          // no answer to the registration within the time given
  kRefused = 77,           // the controller refused the registration
};

struct MembershipOptions {
  // 0 = wait for ever for the first registration.
  Duration registration_timeout{0};
  Duration registration_retry = std::chrono::seconds(10);
  // How long without a connection until the controller counts as gone.
  Duration gone_after = std::chrono::seconds(5);
  // How many heartbeats may fail to come; 0 = any number.
  unsigned max_missed_pings = 50;
};

struct RegistrationReply {
  bool ok = false;
  int id = -1;
  Duration heartbeat_period{0};  // 0 = no heartbeats
  std::string error;             // if not ok
  // Of a controller that keeps a journal: its name, which start of a controller this is, how long
  // to wait for the next one, and whether it knows this engine from before.
  std::string journal = {};
  std::int64_t start = 0;
  Duration patience{0};
  bool knows_us = false;
};

class Membership {
 public:
  // What to do after an event; several may be wanted.
  struct Effects {
    bool send_registration = false;
    bool registered = false;      // id() is new
    bool drop_queue = false;      // nobody waits for what is queued
    bool returned = false;        // to a controller started anew, which wants to know what is here
    bool forget_replies = false;  // nobody asks for those that were sent
    std::optional<Exit> exit;
    std::string reason;  // with exit, for a person
  };

  explicit Membership(MembershipOptions options)
      : options_(options), gone_after_(options.gone_after) {}

  Effects on_start(Time now);
  Effects on_connected(Time now);
  Effects on_disconnected(Time now);
  Effects on_reply(const RegistrationReply& reply, Time now);
  // The controller took this engine for dead, and tells us that it is not.
  Effects on_unregistered(Time now);
  void on_ping(Time now);
  // To be called when deadline() has passed; harmless at other times.
  Effects on_time(Time now);
  std::optional<Time> deadline() const;

  bool registered() const { return registered_; }
  int id() const { return id_; }
  // The journal of the controller, "" if it keeps none, and which controller of those that have
  // kept it.
  const std::string& journal() const { return journal_; }
  std::int64_t start() const { return start_; }
  // How long without a connection until the controller counts as gone.
  Duration patience() const { return gone_after_; }

 private:
  Effects send(Time now);
  static Effects end(Exit exit, std::string reason);

  const MembershipOptions options_;
  Duration gone_after_;
  std::string journal_;
  std::int64_t start_ = 0;
  bool connected_ = false;
  bool was_connected_ = false;
  bool registered_ = false;
  int id_ = -1;
  Time started_{};
  std::optional<Time> retry_at_;
  std::optional<Time> gone_at_;
  Duration heartbeat_period_{0};
  std::optional<Time> next_ping_check_;
  // Counted by checks rather than measured as time: a machine that slept is not at fault.
  unsigned missed_pings_ = 0;
  bool pinged_ = false;
};

}  // namespace engineroom::engine
