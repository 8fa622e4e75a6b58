#include "client/task.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace engineroom::client {

const char* to_string(TaskStatus status) {
  switch (status) {
    case TaskStatus::kPending:
      return "pending";
    case TaskStatus::kOk:
      return "ok";
    case TaskStatus::kError:
      return "error";
    case TaskStatus::kAborted:
      return "aborted";
  }
  return "?";
}

Task::Task(Origin origin, std::vector<std::shared_ptr<Task>> inputs)
    : origin_(std::move(origin)),
      inputs_(std::move(inputs)),
      busy_engines_(std::max<std::size_t>(1, origin_.coalesced_targets.size())) {}

Task::~Task() {
  if (is_kept_ && origin_.releases) origin_.releases->add(engine_uuid(), origin_.msg_id);
}

// ---- progress ----

double Task::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

std::string Task::engine_uuid() const {
  const std::lock_guard lock(mutex_);
  return engine_uuid_.empty() ? origin_.target : engine_uuid_;
}

std::shared_ptr<const Reply> Task::reply() const {
  const std::lock_guard lock(mutex_);
  return reply_;
}

std::vector<Output> Task::outputs() const {
  const std::lock_guard lock(mutex_);
  return collected_ != nullptr ? collected_->outputs : std::vector<Output>();
}

std::string Task::stream_text(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (collected_ == nullptr) return {};
  return name == "stderr" ? collected_->stderr_text : collected_->stdout_text;
}

void Task::release() {
  // Freed after the lock: the memory may be large.
  std::unique_ptr<Collected> collected;
  std::shared_ptr<const Reply> reply;
  const std::lock_guard lock(mutex_);
  collected = std::move(collected_);
  if (reply_ == nullptr) return;
  // Copies, because the text of a reply's frames shares one block of memory.
  reply = std::make_shared<const Reply>(Reply{.msg_type = reply_->msg_type,
                                              .header = Bytes::copy_of(reply_->header.view()),
                                              .metadata = Bytes::copy_of(reply_->metadata.view()),
                                              .content = Bytes::of_static("{}"),
                                              .buffers = {}});
  reply_.swap(reply);
}

// ---- being told ----

bool Task::satisfied(Until until) const {
  switch (until) {
    case Until::kReplied:
      return done();
    case Until::kOutputDone:
      return done() && output_done();
    case Until::kReleased:
      return false;
  }
  return false;
}

bool Task::subscribe(std::shared_ptr<Watcher> watcher, std::size_t index, Until until) {
  const std::lock_guard lock(mutex_);
  if (satisfied(until)) return false;
  subscriptions_.push_back({std::move(watcher), index, until});
  return true;
}

void Task::unsubscribe(const Watcher* watcher) {
  const std::lock_guard lock(mutex_);
  std::erase_if(subscriptions_, [&](const Subscription& s) { return s.watcher.get() == watcher; });
}

std::vector<Task::Subscription> Task::take_satisfied_locked() {
  if (subscriptions_.empty()) return {};
  const auto first_satisfied =
      std::stable_partition(subscriptions_.begin(), subscriptions_.end(),
                            [&](const Subscription& s) { return !satisfied(s.until); });
  std::vector<Subscription> taken(std::make_move_iterator(first_satisfied),
                                  std::make_move_iterator(subscriptions_.end()));
  subscriptions_.erase(first_satisfied, subscriptions_.end());
  return taken;
}

void Task::tell(const std::vector<Subscription>& subscriptions) const {
  for (const Subscription& s : subscriptions) s.watcher->on_done(s.index, status());
}

// ---- for the session ----

bool Task::complete(Completion completion) {
  auto reply = std::make_shared<const Reply>(std::move(completion.reply));
  std::vector<Subscription> satisfied_now;
  // Let go of after the lock: these may be the last holders.
  std::vector<std::shared_ptr<Task>> inputs;
  {
    const std::lock_guard lock(mutex_);
    if (done()) return false;
    inputs.swap(inputs_);
    is_kept_ = completion.is_kept;
    reply_ = std::move(reply);
    received_ = completion.received;
    if (!completion.engine_uuid.empty() && completion.engine_uuid != origin_.target)
      engine_uuid_ = std::move(completion.engine_uuid);
    busy_engines_ -= std::min(busy_engines_, completion.quiet_engines);
    if (completion.output_done || busy_engines_ == 0)
      output_done_.store(true, std::memory_order_release);
    // Last: who sees a status finds all that belongs to it.
    status_.store(completion.status, std::memory_order_release);
    satisfied_now = take_satisfied_locked();
  }
  tell(satisfied_now);
  return true;
}

void Task::add_output(Output output, std::string_view stream_name, std::string_view stream_text) {
  std::vector<Subscription> listeners;
  {
    const std::lock_guard lock(mutex_);
    if (collected_ == nullptr) collected_ = std::make_unique<Collected>();
    if (stream_name == "stdout") collected_->stdout_text += stream_text;
    if (stream_name == "stderr") collected_->stderr_text += stream_text;
    collected_->outputs.push_back(output);
    std::copy_if(subscriptions_.begin(), subscriptions_.end(), std::back_inserter(listeners),
                 [](const Subscription& s) { return s.until == Until::kReleased; });
  }
  for (const Subscription& s : listeners) s.watcher->on_output(s.index, output);
}

bool Task::engine_idle() {
  std::vector<Subscription> satisfied_now;
  {
    const std::lock_guard lock(mutex_);
    if (busy_engines_ > 0) --busy_engines_;
    if (busy_engines_ > 0) return false;
    output_done_.store(true, std::memory_order_release);
    satisfied_now = take_satisfied_locked();
  }
  tell(satisfied_now);
  return true;
}

}  // namespace engineroom::client
