// Going on after an earlier controller that kept a journal: the one that was killed, mostly.
//
// First all is as it was when the last record was written, but every engine is *awaited*: nothing
// is sent to it. An engine that is back says what it has (queued, running, or answered without a
// receipt); of what it was sent, the rest never arrived and is sent again. One that does not come
// back in time is lost like any other. So each task is started by one engine only, unless that one
// is lost and the task has retries.
#include <utility>

#include "controller/controller.h"
#include "controller/json_object.h"

namespace engineroom::controller {

void Controller::restore(Time now) {
  const Journal& journal = *core_.journal;
  patient_until_ = now + core_.config.restart_patience;
  core_.delivery.set_patient(true);
  lifecycle_.restore(now);
  for (const auto& [id, engine] : journal.engines()) core_.delivery.hold(id);
  tasks_.restore_past(journal);
  growth_.restore(*patient_until_, now);
  const auto open = journal.open_requests();
  for (const auto& [msg_id, request] : open) {
    std::string storage;
    const auto record = journal.load(request.extent, storage);
    if (!record.ok()) {
      ER_LOG_ERROR("journal: '{}' is lost: {}", msg_id, record.status().message());
    } else if (request.channel == Channel::kMuxClient) {
      mux_.restore(msg_id, record.value());
    } else if (request.channel == Channel::kTaskClient) {
      tasks_.restore(request, msg_id, record.value(), now);
    } else if (request.channel == Channel::kBroadcastClient) {
      broadcasts_.restore(request, msg_id, record.value(), now);
    }
  }
  lifecycle_.give_up_strangers(now);
  ER_LOG_INFO(
      "going on after an earlier controller: {} requests, {} replies not received, {} engines",
      open.size(), journal.kept_count(), journal.engines().size());
}

// {"uuid":…,"held":[msg_id…]}
void Controller::on_engine_returned(const wire::Message& message, Time now) {
  const auto content = read_object(core_.json, message.content.view());
  if (!content) return;
  Engine* engine = core_.registry.find(content->text("uuid").value_or(""));
  if (engine == nullptr || !engine->is_awaited) return;
  std::unordered_set<std::string> held;
  for (std::string& msg_id : content->texts("held")) held.insert(std::move(msg_id));
  lifecycle_.on_returned(*engine, now);
  core_.delivery.release(engine->id);
  mux_.on_engine_returned(*engine, held, now);
  tasks_.on_engine_returned(*engine, held, now);
  broadcasts_.on_engine_returned(*engine, held, now);
}

// Engines keep their replies until then.
void Controller::tell_receipts(Time now) {
  for (const auto& [uuid, msg_ids] : core_.receipts.take(now)) {
    const Engine* engine = core_.registry.find(std::string_view(uuid));
    if (engine == nullptr) continue;
    JsonWriter w;
    w.begin_object().key("msg_ids").begin_array();
    for (const std::string& msg_id : msg_ids) w.value(msg_id);
    w.end_array().end_object();
    control_.send_own(*engine, "received_notice", w.take(), now);
  }
}

}  // namespace engineroom::controller
