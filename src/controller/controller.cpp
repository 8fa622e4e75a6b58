#include "controller/controller.h"

#include <algorithm>
#include <utility>

#include "controller/json_object.h"
#include "controller/resources.h"
#include "controller/resumption.h"

namespace engineroom::controller {
namespace {

std::string ids_content(const std::vector<std::string>& msg_ids) {
  JsonWriter w;
  w.begin_object().key("msg_ids").begin_array();
  for (const std::string& msg_id : msg_ids) w.value(msg_id);
  return w.end_array().end_object().take();
}

}  // namespace

Controller::Controller(ControllerConfig config, Outbox& outbox, store::Store& store,
                       Journal* journal)
    : core_(std::move(config), outbox, store, journal),
      mux_(core_),
      control_(core_, [this](const std::vector<std::string>& msg_ids,
                             Time now) { tasks_.on_abort_requested(msg_ids, now); }),
      tasks_(core_,
             [this](const Engine& engine, const std::string& msg_id, Time now) {
               control_.send_own(engine, "abort_request", ids_content({msg_id}), now);
             }),
      broadcasts_(core_),
      iopub_(core_, [this](std::string_view uuid,
                           Time now) { lifecycle_.on_shutdown_announced(uuid, now); }),
      queries_(core_, [this](const store::Record& record,
                             Time now) { return tasks_.resubmit(record, now); }),
      results_(core_, [this](std::string_view task, std::string_view input,
                             EngineId at) { return tasks_.find_holder(task, input, at); }),
      lifecycle_(core_, lifecycle_events()),
      growth_(core_, tasks_.scheduler(),
              {.expect = [this](scheduler::Scheduler::Expected expected,
                                Time now) { tasks_.on_engines_expected(std::move(expected), now); },
               .retire = [this](EngineId id, Time now) { lifecycle_.retire(id, now); }}) {
  if (journal != nullptr) core_.delivery.set_epoch(journal->start());
}

Lifecycle::Events Controller::lifecycle_events() {
  Lifecycle::Events events;
  events.on_joined = [this](const Engine& engine, Time now) {
    tasks_.on_engine_joined(engine, now);
  };
  events.on_lost = [this](const Engine& engine, Time now) {
    tasks_.on_engine_lost(engine, now);
    broadcasts_.on_engine_lost(engine, now);
    mux_.on_engine_lost(engine, now);
    core_.host_buffers.on_engine_lost(engine.id, now);
    results_.on_engine_lost(engine, now);
  };
  events.on_unwanted = [this](std::string_view uuid) { control_.shut_down_stranger(uuid); };
  return events;
}

// ---- events ----

void Controller::on_message(Channel channel, Frames frames, int connection, Time now) {
  ++core_.counters.received[index_of(channel)];
  switch (channel) {
    case Channel::kRegistration:
      return on_registration_message(std::move(frames), connection, now);
    case Channel::kQuery:
      return on_query(std::move(frames), now);
    case Channel::kMuxClient:
      return mux_.on_request(std::move(frames), now);
    case Channel::kTaskClient:
      return tasks_.on_request(std::move(frames), now);
    case Channel::kBroadcastClient:
      return broadcasts_.on_request(std::move(frames), now);
    case Channel::kControlClient:
      return control_.on_request(std::move(frames), now);
    case Channel::kMuxEngine:
    case Channel::kTaskEngine:
    case Channel::kBroadcastEngine:
    case Channel::kControlEngine:
      return on_engine_reply(channel, std::move(frames), now);
    case Channel::kIopubEngine:
      return iopub_.on_message(std::move(frames), now);
    case Channel::kPing:
      return on_subscription(frames, now);
    case Channel::kPong:
      return lifecycle_.on_pong(std::move(frames), now);
    case Channel::kNotification:
    case Channel::kIopubClient:
      return;  // nobody writes to these
  }
}

void Controller::on_registration_message(Frames frames, int connection, Time now) {
  auto message = core_.accept(Channel::kRegistration, std::move(frames), 1, &core_.requests_seen);
  if (!message) return;
  const Bytes& peer = message->identities.front();
  const auto header = core_.accept_header(Channel::kRegistration, message->header, peer);
  if (!header) return;
  if (header->msg_type == "registration_request") {
    lifecycle_.on_registration_request(*message, connection, now);
  } else if (header->msg_type == "unregistration_request") {
    lifecycle_.on_unregistration_request(*message, now);
  } else if (header->msg_type == "result_request") {
    results_.on_question(*message, now);
  } else if (header->msg_type == "result_reply") {
    results_.on_answer(std::move(*message), now);
  } else if (header->msg_type == "complete_notice") {
    on_complete_notice(*message, now);
  } else if (core_.journal != nullptr && header->msg_type == "return_notice") {
    on_engine_returned(*message, now);
  } else {
    core_.drop(Drop::kMalformed, Channel::kRegistration, peer,
               "engines do not send a " + header->msg_type);
  }
}

void Controller::on_query(Frames frames, Time now) {
  auto message = core_.accept(Channel::kQuery, std::move(frames), 1, &core_.requests_seen);
  if (!message) return;
  const auto header =
      core_.accept_header(Channel::kQuery, message->header, message->identities.front());
  if (!header) return;
  if (header->msg_type == "shutdown_request") return shut_down(*message, now);
  if (header->msg_type == "stats_request") return tell_stats(*message);
  if (header->msg_type == "adapt_request") {
    return tell(*message, "adapt_reply", growth_.on_adapt_requested(*message, now));
  }
  if (header->msg_type == "retire_request") {
    return tell(*message, "retire_reply", growth_.on_retire_requested(*message, now));
  }
  if (core_.journal != nullptr) {
    if (header->msg_type == "received_notice") return on_received(core_, *message);
    if (header->msg_type == "resume_request") return on_resume_requested(core_, *message);
  }
  queries_.on_request(*message, *header, now);
}

void Controller::on_engine_reply(Channel channel, Frames frames, Time now) {
  const Bytes sender = frames.empty() ? Bytes() : frames.front();
  bool is_engine = true;
  if (channel == Channel::kMuxEngine) is_engine = mux_.on_reply(std::move(frames), now);
  if (channel == Channel::kTaskEngine) is_engine = tasks_.on_reply(std::move(frames), now);
  if (channel == Channel::kBroadcastEngine)
    is_engine = broadcasts_.on_reply(std::move(frames), now);
  if (channel == Channel::kControlEngine) is_engine = control_.on_reply(std::move(frames), now);
  if (!is_engine) lifecycle_.on_stranger(sender.view(), now);
}

// XPUB reports "\x01<prefix>" for each new subscriber and "\x00<prefix>" for one that leaves.
void Controller::on_subscription(const Frames& frames, Time now) {
  if (frames.size() == 1 && frames[0].view().starts_with('\x01')) lifecycle_.on_subscription(now);
}

void Controller::on_connection_closed(int connection, Time now) {
  lifecycle_.on_connection_closed(connection, now);
}

// The end of the cluster was asked for, so engines that are left go too: nobody else would end
// them.
void Controller::shut_down(const wire::Message& request, Time now) {
  ER_LOG_INFO("a client asked for shutdown");
  const std::string content = R"({"status":"ok"})";
  core_.delivery.to_client(Channel::kQuery, core_.messages.make({.identities = request.identities,
                                                                 .type = "shutdown_reply",
                                                                 .parent_header = request.header,
                                                                 .content = content},
                                                                Side::kClients));
  core_.delivery.to_client(Channel::kNotification,
                           core_.messages.make({.identities = {},
                                                .type = "shutdown_notification",
                                                .parent_header = request.header,
                                                .content = content},
                                               Side::kClients));
  for (const auto& [id, engine] : core_.registry.all()) {
    control_.send_own(engine, "shutdown_request", R"({"restart":false})", now);
  }
  wants_to_stop_ = true;
}

void Controller::tell_stats(const wire::Message& request) {
  tell(request, "stats_reply", R"({"status":"ok","stats":)" + stats_json() + "}");
}

void Controller::tell(const wire::Message& request, std::string_view type,
                      const Result<std::string>& content) {
  const std::string_view answer = content.ok() ? type : "hub_error";
  core_.delivery.to_client(
      Channel::kQuery,
      core_.messages.make(
          {.identities = request.identities,
           .type = answer,
           .parent_header = request.header,
           .content = content.ok() ? content.value()
                                   : to_content({"ValueError", content.status().message()})},
          Side::kClients));
}

// ---- time ----

void Controller::on_time(Time now) {
  if (now >= lifecycle_.next_deadline()) lifecycle_.on_time(now);
  tasks_.on_time(now);
  core_.delivery.on_time(now);
  results_.on_time(now);
  growth_.on_time(now);
  core_.batches.on_time(now);
  queries_.on_time(now);
  tell_receipts(now);
  tell_released(now);
  if (patient_until_ && now >= *patient_until_) {
    patient_until_.reset();
    core_.delivery.set_patient(false);
  }
}

Time Controller::next_deadline() const {
  Time next = lifecycle_.next_deadline();
  if (const auto tasks = tasks_.next_deadline()) next = std::min(next, *tasks);
  if (const auto delivery = core_.delivery.next_deadline()) next = std::min(next, *delivery);
  if (const auto results = results_.next_deadline()) next = std::min(next, *results);
  if (const auto receipts = core_.receipts.next_deadline()) next = std::min(next, *receipts);
  if (const auto growth = growth_.next_deadline()) next = std::min(next, *growth);
  if (const auto buffers = core_.host_buffers.next_deadline()) next = std::min(next, *buffers);
  if (const auto batches = core_.batches.next_deadline()) next = std::min(next, *batches);
  if (const auto queries = queries_.next_deadline()) next = std::min(next, *queries);
  if (patient_until_) next = std::min(next, *patient_until_);
  return next;
}

// ---- buffers that a host has once ----

// {"msg_ids":[…]}: requests that have all their buffers.
void Controller::on_complete_notice(const wire::Message& message, Time now) {
  const Engine* engine = core_.registry.find(message.identities.front().view());
  const auto content = read_object(core_.json, message.content.view());
  if (engine == nullptr || !content) return;
  for (const std::string& msg_id : content->texts("msg_ids")) {
    core_.host_buffers.on_received(engine->id, msg_id, now);
  }
}

void Controller::tell_released(Time now) {
  for (const auto& [id, buffers] : core_.host_buffers.take_released(now)) {
    const Engine* engine = core_.registry.find(id);
    if (engine != nullptr) {
      control_.send_own(*engine, "release_request", ids_content(buffers), now);
    }
  }
}

// ---- queries ----

std::string Controller::stats_json() const {
  const store::StoreStats records = core_.store.stats();
  JsonWriter w;
  w.begin_object();
  core_.counters.write(w);
  w.key("engines").value(std::uint64_t{core_.registry.registered_count()});
  w.key("waiting").value(std::uint64_t{tasks_.scheduler().waiting_count()});
  w.key("outstanding").value(std::uint64_t{tasks_.scheduler().outstanding_count()});
  const auto resources = tasks_.scheduler().resources();
  w.key("resources").begin_object().key("offered").raw(to_json(resources.offered));
  w.key("held").raw(to_json(resources.held)).end_object();
  w.key("direct").value(std::uint64_t{mux_.pending_count()});
  w.key("broadcasts").value(std::uint64_t{broadcasts_.pending_count()});
  w.key("host_buffers");
  core_.host_buffers.write(w);
  w.key("records").begin_object().key("pending").value(std::uint64_t{records.pending});
  w.key("finished").value(std::uint64_t{records.finished});
  w.key("bytes").value(std::uint64_t{records.pending_bytes + records.finished_bytes});
  w.key("culled").value(std::uint64_t{records.culled}).end_object();
  w.end_object();
  return w.take();
}

void Controller::sanity_check() const {
  core_.registry.sanity_check();
  core_.host_buffers.sanity_check();
  if (core_.journal != nullptr) core_.journal->sanity_check();
  tasks_.sanity_check();
}

}  // namespace engineroom::controller
