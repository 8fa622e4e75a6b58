#include "engine/membership.h"

#include <algorithm>
#include <utility>

namespace engineroom::engine {
namespace {

// A ping may be late by this much without counting as missed.
constexpr Duration kPingSlack = std::chrono::milliseconds(500);

}  // namespace

Membership::Effects Membership::on_start(Time now) {
  started_ = now;
  return send(now);
}

Membership::Effects Membership::on_connected(Time now) {
  const bool again = was_connected_;
  connected_ = was_connected_ = true;
  gone_at_.reset();
  missed_pings_ = 0;
  if (!again) return {};
  // The controller may be a new process, which has never heard of us.
  return send(now);
}

Membership::Effects Membership::on_disconnected(Time now) {
  connected_ = false;
  if (!gone_at_) gone_at_ = now + gone_after_;
  return {};
}

Membership::Effects Membership::on_reply(const RegistrationReply& reply, Time now) {
  if (!reply.ok) {
    // Asked twice, or again after a short loss of connection: it knows us.
    retry_at_.reset();
    if (registered_) return {};
    return end(Exit::kRefused, "the controller refused the registration: " + reply.error);
  }
  retry_at_.reset();
  registered_ = true;
  id_ = reply.id;
  heartbeat_period_ = reply.heartbeat_period;
  missed_pings_ = 0;
  pinged_ = true;
  next_ping_check_.reset();
  if (heartbeat_period_ > Duration::zero() && options_.max_missed_pings > 0) {
    next_ping_check_ = now + heartbeat_period_ + kPingSlack;
  }
  Effects effects;
  effects.registered = true;
  effects.returned = reply.knows_us;
  effects.forget_replies = !reply.knows_us;
  // Given up after all: what is queued here was answered, or given to others.
  effects.drop_queue = !reply.knows_us && !journal_.empty();
  journal_ = reply.journal;
  start_ = reply.start;
  gone_after_ = options_.gone_after;
  if (!journal_.empty()) gone_after_ = std::max(gone_after_, reply.patience);
  return effects;
}

Membership::Effects Membership::on_unregistered(Time now) {
  if (!registered_) return {};
  registered_ = false;
  started_ = now;
  next_ping_check_.reset();
  Effects effects = send(now);
  effects.drop_queue = true;
  return effects;
}

void Membership::on_ping(Time /*now*/) {
  pinged_ = true;
  missed_pings_ = 0;
}

Membership::Effects Membership::on_time(Time now) {
  if (gone_at_ && now >= *gone_at_) {
    gone_at_.reset();
    return end(Exit::kControllerGone, "the connection to the controller was lost");
  }
  if (next_ping_check_ && now >= *next_ping_check_) {
    missed_pings_ = pinged_ ? 0 : missed_pings_ + 1;
    pinged_ = false;
    next_ping_check_ = now + heartbeat_period_;
    if (missed_pings_ >= options_.max_missed_pings) {
      return end(Exit::kControllerGone,
                 std::to_string(missed_pings_) + " heartbeats of the controller failed to come");
    }
  }
  if (!registered_ && options_.registration_timeout > Duration::zero() &&
      now >= started_ + options_.registration_timeout) {
    return end(Exit::kNoAnswer, "the controller did not answer the registration");
  }
  if (retry_at_ && now >= *retry_at_) {
    // Without a connection the first request still waits in the socket.
    if (connected_) return send(now);
    retry_at_ = now + options_.registration_retry;
  }
  return {};
}

std::optional<Time> Membership::deadline() const {
  std::optional<Time> first;
  const auto consider = [&](const std::optional<Time>& time) {
    if (time) first = first ? std::min(*first, *time) : *time;
  };
  consider(gone_at_);
  consider(next_ping_check_);
  consider(retry_at_);
  if (!registered_ && options_.registration_timeout > Duration::zero()) {
    consider(started_ + options_.registration_timeout);
  }
  return first;
}

Membership::Effects Membership::send(Time now) {
  retry_at_ = now + options_.registration_retry;
  Effects effects;
  effects.send_registration = true;
  return effects;
}

Membership::Effects Membership::end(Exit exit, std::string reason) {
  Effects effects;
  effects.exit = exit;
  effects.reason = std::move(reason);
  return effects;
}

}  // namespace engineroom::engine
