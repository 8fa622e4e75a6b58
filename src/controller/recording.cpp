#include "controller/recording.h"

#include "controller/json_object.h"

namespace engineroom::controller {

ReplyFacts read_reply_facts(JsonReader& json, std::string_view metadata) {
  ReplyFacts facts;
  const auto object = read_object(json, metadata);
  if (!object) return facts;
  facts.status = object->text("status").value_or("error");
  facts.dependencies_met = object->flag("dependencies_met").value_or(true);
  facts.started = object->text("started").value_or("");
  facts.is_idle = object->flag("idle").value_or(false);
  return facts;
}

std::string label_of(JsonReader& json, const Bytes& metadata) {
  const auto object = read_object(json, metadata.view());
  return object ? std::string(object->text("label").value_or("")) : std::string();
}

void record_request(Core& core, store::QueueKind queue, std::string_view msg_id,
                    const wire::Message& request, const wire::Header& header,
                    std::string_view label, Time now) {
  store::Request record;
  record.msg_id = msg_id;
  record.client_uuid = header.session;
  record.queue = queue;
  record.label = label;
  record.header = request.header.view();
  record.metadata = request.metadata.view();
  record.content = request.content.view();
  record.buffers = request.buffers;
  record.submitted = parse_iso8601(header.date).value_or(core.wall_time(now));
  if (const Status status = core.store.add_request(record); !status.ok()) {
    ER_LOG_DEBUG("no record of {}: {}", msg_id, status.message());
  }
}

void record_reply(Core& core, std::string_view msg_id, const wire::Message& reply,
                  const ReplyFacts& facts, std::string_view engine_uuid, Time now) {
  store::Reply record;
  record.engine_uuid = engine_uuid;
  record.header = reply.header.view();
  record.metadata = reply.metadata.view();
  record.content = reply.content.view();
  record.buffers = reply.buffers;
  record.started = parse_iso8601(facts.started);
  record.received = core.wall_time(now);
  if (const Result<wire::Header> header = wire::parse_header(reply.header.view()); header.ok()) {
    record.completed = parse_iso8601(header.value().date);
  }
  if (const Status status = core.store.add_result(msg_id, record); !status.ok()) {
    ER_LOG_DEBUG("no record of the reply to {}: {}", msg_id, status.message());
  }
}

}  // namespace engineroom::controller
