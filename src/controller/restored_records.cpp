#include "controller/restored_records.h"

#include <array>
#include <utility>
#include <vector>

#include "base/log.h"
#include "controller/json_object.h"
#include "controller/recording.h"
#include "wire/message.h"

namespace engineroom::controller {
namespace {

constexpr std::array<store::Output, 5> kOutputs = {
    store::Output::kStdout, store::Output::kStderr, store::Output::kExecuteInput,
    store::Output::kExecuteResult, store::Output::kError};

store::QueueKind queue_of(std::uint8_t channel) {
  switch (static_cast<Channel>(channel)) {
    case Channel::kMuxClient:
      return store::QueueKind::kMux;
    case Channel::kBroadcastClient:
      return store::QueueKind::kBroadcast;
    default:
      return store::QueueKind::kTask;
  }
}

store::WallTime wall_time(std::int64_t microseconds) {
  return store::WallTime(std::chrono::microseconds(microseconds));
}

class Restorer {
 public:
  Restorer(store::Store& store, const Journal& journal) : store_(store), journal_(journal) {}

  // All questions come before all changes: a database answers after it has written.
  void run() {
    std::vector<Journal::Ended> ended;
    for (const Journal::Ended& item : journal_.recently_ended()) {
      if (!is_recorded(item)) ended.push_back(item);
    }
    const auto open = journal_.open_requests();
    std::vector<store::Record> earlier(open.size());
    for (std::size_t i = 0; i < open.size(); ++i) {
      auto found = store_.find(open[i].first);
      if (found.ok()) earlier[i] = found.take();
    }
    for (const Journal::Ended& item : ended) {
      if (add_request(item.request, key_of(item.reply))) add_reply(item.reply);
    }
    // A broadcast has a record for each engine (BroadcastRoute::restore).
    for (std::size_t i = 0; i < open.size(); ++i) {
      const auto& [msg_id, request] = open[i];
      if (request.channel != Channel::kBroadcastClient) add_open(msg_id, request, earlier[i]);
    }
  }

 private:
  // What has ended: a request, or an engine's part of a broadcast.
  std::string key_of(const Extent& reply) const {
    std::string storage;
    const auto record = journal_.load(reply, storage);
    return record.ok() ? std::string(record.value().key) : std::string();
  }

  bool is_recorded(const Journal::Ended& item) const {
    std::string storage;
    const auto reply = journal_.load(item.reply, storage);
    if (!reply.ok()) return true;
    // The parts of a broadcast have been answered one by one: it has no reply of its own.
    const bool is_broadcast = queue_of(reply.value().channel) == store::QueueKind::kBroadcast;
    if (is_broadcast && reply.value().frames.empty()) return true;
    const auto found = store_.find(reply.value().key);
    return found.ok() && found.value().is_finished();
  }

  // Under this id, which is another than the request's for a part of a broadcast.
  bool add_request(const Extent& extent, std::string_view msg_id) {
    std::string storage;
    const auto record = journal_.load(extent, storage);
    auto message =
        record.ok() ? wire::split(record.value().frames) : Result<wire::Message>(record.status());
    auto header = message.ok() ? wire::parse_header(message.value().header.view())
                               : Result<wire::Header>(message.status());
    if (!header.ok()) {
      ER_LOG_ERROR("journal: {}", header.status().message());
      return false;
    }
    const wire::Message& request = message.value();
    Frames buffers;
    for (const Bytes& buffer : request.buffers) buffers.push_back(Bytes::copy_of(buffer.view()));
    const std::string label = label_of(json_, request.metadata);
    store::Request row;
    row.msg_id = msg_id;
    row.client_uuid = header.value().session;
    row.queue = queue_of(record.value().channel);
    row.label = label;
    row.header = request.header.view();
    row.metadata = request.metadata.view();
    row.content = request.content.view();
    row.buffers = buffers;
    row.submitted = parse_iso8601(header.value().date).value_or(wall_time(record.value().time));
    return store_.add_request(row).ok();
  }

  void add_reply(const Extent& extent) {
    std::string storage;
    const auto record = journal_.load(extent, storage);
    auto message =
        record.ok() ? wire::split(record.value().frames) : Result<wire::Message>(record.status());
    // Of a resubmitted task nobody was told: the engine's reply is lost.
    const bool has_reply = message.ok();
    store::Reply row;
    Frames buffers;
    ReplyFacts facts;
    std::string engine;
    if (has_reply) {
      const wire::Message& reply = message.value();
      row.header = reply.header.view();
      row.metadata = reply.metadata.view();
      row.content = reply.content.view();
      for (const Bytes& buffer : reply.buffers) buffers.push_back(Bytes::copy_of(buffer.view()));
      facts = read_reply_facts(json_, row.metadata);
      if (const auto metadata = read_object(json_, row.metadata)) {
        engine = metadata->text("engine").value_or("");
      }
      if (const auto header = wire::parse_header(row.header); header.ok()) {
        row.completed = parse_iso8601(header.value().date);
      }
    }
    row.buffers = buffers;
    row.engine_uuid = engine;
    row.started = parse_iso8601(facts.started);
    row.received = wall_time(record.ok() ? record.value().time : 0);
    if (record.ok()) (void)store_.add_result(record.value().key, row);
  }

  void add_open(const std::string& msg_id, const Journal::OpenRequest& open,
                const store::Record& earlier) {
    if (!add_request(open.extent, msg_id)) return;
    const auto engine = journal_.engines().find(open.engine);
    if (engine != journal_.engines().end()) (void)store_.mark_sent(msg_id, engine->second.uuid);
    for (const store::Output kind : kOutputs) {
      const std::string& text = store::output_of(earlier, kind);
      if (!text.empty()) (void)store_.add_output(msg_id, kind, text);
    }
  }

  store::Store& store_;
  const Journal& journal_;
  JsonReader json_;
};

}  // namespace

void restore_records(store::Store& store, const Journal& journal) {
  Restorer(store, journal).run();
}

}  // namespace engineroom::controller
