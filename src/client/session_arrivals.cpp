// What the loop calls, by one thread at a time: what arrives is verified and noted, and what the
// session says of its own accord is sent.

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "client/session.h"

namespace engineroom::client {
namespace {

// A controller that was away for less is taken for a hiccup of the network.
constexpr std::chrono::seconds kLostAfter{2};
// Notifications published before our subscription reached the controller are lost, so the list of
// engines is asked for again.
constexpr std::chrono::milliseconds kResynchroniseAfter[] = {std::chrono::milliseconds(200),
                                                             std::chrono::milliseconds(1500)};
// Replies are acknowledged this often at the latest, or this many together; and tasks asked for
// after a restart of the controller.
constexpr std::chrono::milliseconds kAcknowledgeEvery{100};
constexpr std::size_t kAcknowledgeMany = 512;
constexpr std::size_t kResumeChunk = 5000;
}  // namespace

// ---- called by the loop, by one thread at a time ----

std::string Session::tell(std::string_view msg_type, std::string content) {
  std::string msg_id = encoder_.next_msg_id();
  const std::string type(msg_type);
  const RequestParts parts = {.msg_type = type,
                              .identity = {},
                              .metadata = Bytes::of_static("{}"),
                              .content = Bytes(std::move(content))};
  outbox_.push({Channel::kRegistration,
                RequestEncoder::Lease(encoder_).encode(msg_id, parts, Timestamp::now().iso, {}),
                nullptr});
  return msg_id;
}

void Session::resynchronise() {
  const std::uint64_t version = engines_version();
  engine_queries_[tell("connection_request", R"({"resumes":true})")] = version;
}

void Session::on_connection(bool up, Time now) {
  if (!up) {
    if (!down_since_) {
      down_since_ = now;
      down_at_ = seconds_since_epoch();
    }
    return;
  }
  down_since_.reset();
  engine_queries_.clear();
  resynchronise();
  resynchronise_at_.clear();
  for (const auto& delay : kResynchroniseAfter) resynchronise_at_.push_back(now + delay);
}

// Nothing waits for the answers.
void Session::send_releases() {
  for (const auto& [uuid, msg_ids] : releases_->take()) {
    JsonWriter content;
    content.begin_object().key("msg_ids").begin_array();
    for (const std::string& msg_id : msg_ids) content.value(msg_id);
    content.end_array().end_object();
    const RequestParts parts = {.msg_type = "release_request",
                                .identity = uuid,
                                .metadata = Bytes::of_static("{}"),
                                .content = Bytes(content.take())};
    outbox_.push({Channel::kControl,
                  RequestEncoder::Lease(encoder_).encode(encoder_.next_msg_id(), parts,
                                                         Timestamp::now().iso, {}),
                  nullptr});
  }
}

std::optional<Time> Session::on_turn(Time now) {
  send_releases();
  if (!resynchronise_at_.empty() && now >= resynchronise_at_.front()) {
    resynchronise_at_.erase(resynchronise_at_.begin());
    resynchronise();
  }
  std::optional<Time> next;
  if (!resynchronise_at_.empty()) next = resynchronise_at_.front();
  acknowledge(now);
  if (acknowledge_at_) next = next ? std::min(*next, *acknowledge_at_) : *acknowledge_at_;
  {
    const double wall = seconds_since_epoch();
    const std::lock_guard lock(mutex_);
    if (const std::optional<double> due = state_.on_time(wall)) {
      const Time at = now + from_seconds(std::max(0.0, *due - wall));
      next = next ? std::min(*next, at) : at;
    }
  }
  if (!down_since_) return next;
  const Time lost_at = *down_since_ + std::max<Duration>(kLostAfter, patience_);
  if (now < lost_at) return next ? std::min(*next, lost_at) : lost_at;
  const std::lock_guard lock(mutex_);
  state_.on_lost("the controller at " + endpoint_ + " is gone: its connection was closed",
                 seconds_since_epoch());
  changed_.notify_all();
  return next;
}

bool Session::expects_news() {
  const std::lock_guard lock(mutex_);
  return state_.expects_news();
}

// A quick look at a frame that every client gets of every engine: is it about a request of ours, or
// about a widget of nobody's request?
bool Session::is_for_us(const Frames& frames) const {
  const auto delimiter = std::find(frames.begin(), frames.end(), wire::kDelimiter);
  if (frames.end() - delimiter < 6) return false;
  const std::string_view header = delimiter[2].view();
  const std::string_view parent = delimiter[3].view();
  if (parent.find(id()) != std::string_view::npos) return true;
  return parent.size() <= 2 && header.find("\"comm_") != std::string_view::npos;
}

void Session::on_frames(Channel channel, Frames frames) {
  if (channel == Channel::kIopub && !is_for_us(frames)) return;
  Result<wire::Message> message = wire::decode(std::move(frames), signer_, &replays_);
  if (!message.ok()) return drop(channel, message.status());
  if (debug_) ER_LOG_INFO("client received {}", message.value().header.view());
  if (channel == Channel::kIopub) return on_iopub(message.value());
  if (channel == Channel::kNotification) return on_notification(message.value());
  on_reply(channel, message.value());
}

void Session::drop(Channel channel, const Status& why) {
  if (why.code() == ErrorCode::kUnauthenticated) rejected_.fetch_add(1);
  const std::string text = why.to_string();
  if (debug_ || logged_.first_time(text))
    ER_LOG_DEBUG("client dropped a message on channel {}: {}", static_cast<int>(channel), text);
}

void Session::on_reply(Channel channel, const wire::Message& message) {
  Result<ReplyFacts> facts = read_reply(message, reader_);
  if (!facts.ok()) return drop(Channel::kTask, facts.status());
  if (engine_queries_.contains(facts.value().parent_id))
    return on_engine_list(facts.value(), message);
  if (resume_queries_.erase(facts.value().parent_id) > 0) return on_resumed(message);
  if (patience_ > Duration::zero() && is_journaled(channel)) {
    received_.push_back(facts.value().parent_id);
    if (!acknowledge_at_) acknowledge_at_ = Clock::now() + kAcknowledgeEvery;
    if (received_.size() >= kAcknowledgeMany) acknowledge_at_ = Time{};
  }
  const double now = seconds_since_epoch();
  const std::lock_guard lock(mutex_);
  state_.on_reply(facts.value(), message, now);
}

void Session::on_engine_list(const ReplyFacts& facts, const wire::Message& message) {
  const auto query = engine_queries_.extract(facts.parent_id);
  Result<std::vector<EngineEntry>> list = read_engines(message.content.view(), reader_);
  if (!list.ok()) return drop(Channel::kRegistration, list.status());
  std::string instance = read_instance(message.content.view(), reader_);
  ControllerJournal journal = read_journal(message.content.view(), reader_);
  takes_batches_ = read_takes_batches(message.content.view(), reader_);
  const double now = seconds_since_epoch();
  const std::lock_guard lock(mutex_);
  state_.on_found();
  on_controller(std::move(instance), std::move(journal), now);
  state_.on_engine_list(list.value(), query.mapped(), now);
  connected_ = true;
  changed_.notify_all();
}

// With mutex_ held.
void Session::on_controller(std::string instance, ControllerJournal journal, double now) {
  patience_ = journal.id.empty() ? Duration::zero()
                                 : from_seconds(std::clamp(journal.patience_s, 0.1, 1e6));
  const bool is_same = instance == instance_;
  const bool goes_on = !journal.id.empty() && journal.id == journal_.id;
  instance_ = std::move(instance);
  journal_ = std::move(journal);
  if (is_same || !connected_) return;
  if (goes_on) return ask_for_pending(now);
  received_.clear();
  state_.on_replaced(
      "the controller at " + endpoint_ + " was replaced by one that knows nothing of this request",
      down_at_, now);
}

// With mutex_ held.
void Session::ask_for_pending(double now) {
  if (!received_.empty()) acknowledge_at_ = Time{};
  const std::vector<std::string> msg_ids = state_.on_restarted(down_at_, now);
  for (std::size_t start = 0; start < msg_ids.size(); start += kResumeChunk) {
    JsonWriter w;
    w.begin_object().key("msg_ids").begin_array();
    for (std::size_t i = start; i < std::min(msg_ids.size(), start + kResumeChunk); ++i) {
      w.value(msg_ids[i]);
    }
    w.end_array().end_object();
    resume_queries_.insert(tell("resume_request", w.take()));
  }
}

void Session::on_resumed(const wire::Message& message) {
  const Resumed resumed = read_resumed(message.content.view(), reader_);
  std::vector<SessionState::Again> again;
  {
    const std::lock_guard lock(mutex_);
    again = state_.on_resumed(resumed, seconds_since_epoch());
  }
  for (const SessionState::Again& request : again) {
    outbox_.push({request.channel, *request.frames, nullptr});
  }
}

void Session::acknowledge(Time now) {
  if (!acknowledge_at_ || now < *acknowledge_at_) return;
  acknowledge_at_.reset();
  if (received_.empty() || down_since_) return;
  JsonWriter w;
  w.begin_object().key("msg_ids").begin_array();
  for (const std::string& msg_id : received_) w.value(msg_id);
  w.end_array().end_object();
  received_.clear();
  tell("received_notice", w.take());
}

void Session::on_iopub(const wire::Message& message) {
  Result<OutputFacts> facts = read_output(message, reader_);
  if (!facts.ok()) return drop(Channel::kIopub, facts.status());
  const double now = seconds_since_epoch();
  const std::lock_guard lock(mutex_);
  state_.on_output(facts.value(), message, now);
}

void Session::on_notification(const wire::Message& message) {
  Result<wire::Header> header = wire::parse_header(message.header.view());
  if (!header.ok()) return drop(Channel::kNotification, header.status());
  const std::string& msg_type = header.value().msg_type;
  const double now = seconds_since_epoch();
  if (msg_type == "shutdown_notification") {
    const std::lock_guard lock(mutex_);
    state_.on_lost("the controller at " + endpoint_ + " is gone: it was shut down", now);
    state_.on_closed(state_.lost(), now);
    finished_.store(true, std::memory_order_release);
    changed_.notify_all();
    return;
  }
  if (msg_type != "registration_notification" && msg_type != "unregistration_notification") return;
  Result<EngineEntry> engine = read_engine(message.content.view(), reader_);
  if (!engine.ok()) return drop(Channel::kNotification, engine.status());
  const std::lock_guard lock(mutex_);
  if (msg_type == "registration_notification") {
    state_.on_engine_joined(engine.value());
  } else {
    state_.on_engine_left(engine.value(), now);
  }
  changed_.notify_all();
}

}  // namespace engineroom::client
