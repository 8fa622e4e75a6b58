// How requests leave: encoded and signed on the submitter's thread, noted, and sent.

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "client/session.h"

namespace engineroom::client {
namespace {

// Tasks of a batch handed over together: enough to make locking cheap, few enough for the I/O
// thread to start early.
constexpr std::size_t kBatchChunk = 128;

Channel channel_of(Route route) {
  switch (route) {
    case Route::kDirect:
      return Channel::kMux;
    case Route::kBalanced:
      return Channel::kTask;
    case Route::kBroadcast:
      return Channel::kBroadcast;
    case Route::kControl:
      return Channel::kControl;
    case Route::kQuery:
      return Channel::kRegistration;
  }
  return Channel::kRegistration;
}

std::string or_empty_object(std::string json) { return json.empty() ? "{}" : std::move(json); }

std::string targets_json(const std::vector<EngineEntry>& targets) {
  JsonWriter w;
  w.begin_array();
  for (const EngineEntry& engine : targets)
    w.begin_array().value(engine.uuid).value(engine.id).end_array();
  w.end_array();
  return w.take();
}

Result<std::string> broadcast_metadata(const std::string& metadata,
                                       const std::vector<EngineEntry>& targets, bool coalescing) {
  Result<std::string> json = wire::with_key(metadata, "targets", targets_json(targets));
  if (json.ok()) json = wire::with_key(json.value(), "is_broadcast", "true");
  if (json.ok())
    json = wire::with_key(json.value(), "is_coalescing", coalescing ? "true" : "false");
  return json;
}

Bytes view_of(const std::shared_ptr<const std::string>& text) {
  return Bytes(text, text->data(), text->size());
}

// The one task of a broadcast to all of `targets`.
TaskPtr coalesced_task(const std::string& msg_id, const std::string& msg_type,
                       const std::vector<EngineEntry>& targets,
                       const std::shared_ptr<const std::string>& metadata, double now) {
  Task::Origin origin;
  origin.msg_id = msg_id;
  origin.route = Route::kBroadcast;
  origin.msg_type = msg_type;
  origin.metadata = metadata;
  origin.submitted = now;
  for (const EngineEntry& engine : targets) origin.coalesced_targets.push_back(engine.uuid);
  return std::make_shared<Task>(std::move(origin));
}

// What is there of a request that nobody answers.
Task::Completion unanswered(double now) {
  Task::Completion completion;
  completion.reply.header = completion.reply.metadata = completion.reply.content =
      Bytes::of_static("{}");
  completion.received = now;
  completion.output_done = true;
  return completion;
}

}  // namespace

TaskPtr Session::make_task(std::string msg_id, const Request& request,
                           std::shared_ptr<const std::string> metadata, double now) const {
  Task::Origin origin;
  origin.msg_id = std::move(msg_id);
  origin.route = request.route;
  origin.msg_type = request.msg_type;
  origin.target = request.target;
  origin.metadata = std::move(metadata);
  origin.submitted = now;
  origin.releases = releases_;
  return std::make_shared<Task>(std::move(origin), request.inputs);
}

bool Session::add(const Outgoing& message, double now) {
  const bool is_kept = !journal_.id.empty() && is_journaled(message.channel);
  const auto kept = is_kept ? std::make_shared<const Frames>(message.frames) : nullptr;
  bool is_needed = false;
  const auto add_task = [&](const TaskPtr& task) {
    state_.add(task, now);
    if (kept) state_.keep_request(*task, message.channel, kept);
    is_needed = is_needed || !task->done();
  };
  if (message.task) add_task(message.task);
  for (const TaskPtr& task : message.more) add_task(task);
  return is_needed;
}

void Session::add_and_send(Outgoing message, double now) {
  bool is_needed;
  {
    const std::lock_guard lock(mutex_);
    is_needed = add(message, now);
  }
  if (is_needed) send(std::move(message));
}

void Session::send(Outgoing message) {
  if (!loop_.try_send(message)) outbox_.push(std::move(message));
}

TaskPtr Session::submit(Request request) {
  loop_.share_large(request.buffers);
  const Timestamp now = Timestamp::now();
  auto metadata = std::make_shared<const std::string>(or_empty_object(std::move(request.metadata)));
  const RequestParts parts = {.msg_type = request.msg_type,
                              .identity = request.target,
                              .metadata = view_of(metadata),
                              .content = Bytes(or_empty_object(std::move(request.content)))};
  const TaskPtr task = make_task(encoder_.next_msg_id(), request, metadata, now.seconds);
  Frames frames =
      RequestEncoder::Lease(encoder_).encode(task->msg_id(), parts, now.iso, request.buffers);
  Outgoing message{channel_of(request.route), std::move(frames), task};
  if (request.expect_reply) {
    add_and_send(std::move(message), now.seconds);
  } else {
    task->complete(unanswered(now.seconds));
    send(std::move(message));
  }
  return task;
}

// What the requests of a batch are made with, one after another.
struct Session::Batch {
  // `common_buffers`: what only the first that is sent has; null: each is sent in full.
  Batch(const RequestBatch& given, const CommonBuffers* common_buffers, RequestEncoder& encoder)
      : requests(given),
        common(common_buffers),
        metadata(std::make_shared<const std::string>(given.metadata)),
        request({.route = given.route, .msg_type = given.msg_type}),
        parts({.msg_type = given.msg_type,
               .identity = {},
               .metadata = common != nullptr ? Bytes(common->first_metadata) : view_of(metadata),
               .content = Bytes(given.content)}),
        signer(encoder) {}

  // The request number `i` is about to be sent.
  void leave_out_common(Frames& frames, std::size_t i) {
    if (std::exchange(has_sent, true)) {
      frames = common->without(std::move(frames), requests.shared_buffers.size(),
                               requests.own_buffers[i].size());
    } else {
      parts.metadata = Bytes(common->others_metadata);
    }
  }

  const RequestBatch& requests;
  const CommonBuffers* const common;
  const std::shared_ptr<const std::string> metadata;  // of the tasks
  Request request;
  RequestParts parts;
  RequestEncoder::Lease signer;
  bool has_sent = false;
};

Result<std::vector<TaskPtr>> Session::submit_many(RequestBatch batch) {
  loop_.share_large(batch.shared_buffers);
  for (Frames& buffers : batch.own_buffers) loop_.share_large(buffers);
  const std::size_t n = batch.own_buffers.size();
  if (batch.targets.size() != 1 && batch.targets.size() != n) {
    return Status(ErrorCode::kInvalidArgument, std::to_string(batch.targets.size()) +
                                                   " targets for " + std::to_string(n) +
                                                   " tasks; give one for all or one each");
  }
  batch.metadata = or_empty_object(std::move(batch.metadata));
  batch.content = or_empty_object(std::move(batch.content));
  std::optional<CommonBuffers> common;
  if (takes_batches_.load() && !loop_.has_lane()) {
    common = find_common_buffers(batch.shared_buffers, n, batch.metadata, encoder_.next_msg_id());
  }
  return submit_batch(batch, common ? &*common : nullptr);
}

std::vector<TaskPtr> Session::submit_batch(const RequestBatch& requests,
                                           const CommonBuffers* common) {
  Batch batch(requests, common, encoder_);
  // With something in common, one by one: the first that is sent has it, and one that fails at once
  // is not the first. And one time for all: should the controller be killed now, either all are
  // asked for or none.
  const std::size_t n = requests.own_buffers.size();
  const std::size_t chunk = common != nullptr ? 1 : kBatchChunk;
  Timestamp now = Timestamp::now();
  std::vector<TaskPtr> tasks;
  tasks.reserve(n);
  for (std::size_t start = 0; start < n; start += chunk) {
    if (common == nullptr) now = Timestamp::now();
    std::vector<Outgoing> messages = encode(batch, start, std::min(n, start + chunk), now);
    for (const Outgoing& message : messages) tasks.push_back(message.task);
    {
      const std::lock_guard lock(mutex_);
      // Kept in full, should it have to be sent again.
      for (const Outgoing& message : messages) add(message, now.seconds);
    }
    std::erase_if(messages, [](const Outgoing& message) { return message.task->done(); });
    if (messages.empty()) continue;
    if (common != nullptr) batch.leave_out_common(messages[0].frames, start);
    outbox_.push(std::move(messages));
  }
  return tasks;
}

std::vector<Outgoing> Session::encode(Batch& batch, std::size_t begin, std::size_t end,
                                      const Timestamp& now) {
  const RequestBatch& requests = batch.requests;
  std::vector<Outgoing> messages;
  messages.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) {
    Request& request = batch.request;
    request.target = requests.targets.size() == 1 ? requests.targets[0] : requests.targets[i];
    batch.parts.identity = request.target;
    const TaskPtr task = make_task(encoder_.next_msg_id(), request, batch.metadata, now.seconds);
    messages.push_back({channel_of(request.route),
                        batch.signer.encode(task->msg_id(), batch.parts, now.iso,
                                            requests.shared_buffers, requests.own_buffers[i]),
                        task});
  }
  return messages;
}

Result<std::vector<TaskPtr>> Session::submit_broadcast(const std::vector<EngineEntry>& targets,
                                                       Request request, bool coalescing) {
  if (targets.empty()) return Status(ErrorCode::kInvalidArgument, "a broadcast to no engine");
  Result<std::string> json =
      broadcast_metadata(or_empty_object(std::move(request.metadata)), targets, coalescing);
  if (!json.ok()) return json.status();
  loop_.share_large(request.buffers);

  const Timestamp now = Timestamp::now();
  const auto metadata = std::make_shared<const std::string>(json.take());
  const std::string msg_id = encoder_.next_msg_id();
  request.route = Route::kBroadcast;
  const RequestParts parts = {.msg_type = request.msg_type,
                              .identity = {},
                              .metadata = view_of(metadata),
                              .content = Bytes(or_empty_object(std::move(request.content)))};
  Frames frames = RequestEncoder::Lease(encoder_).encode(msg_id, parts, now.iso, request.buffers);
  std::vector<TaskPtr> tasks;
  if (coalescing) {
    tasks.push_back(coalesced_task(msg_id, request.msg_type, targets, metadata, now.seconds));
  } else {
    for (const EngineEntry& engine : targets) {
      request.target = engine.uuid;
      tasks.push_back(make_task(msg_id + "_" + engine.uuid, request, metadata, now.seconds));
    }
  }
  add_and_send({Channel::kBroadcast, std::move(frames), nullptr, tasks}, now.seconds);
  return tasks;
}

}  // namespace engineroom::client
