#include "controller/journal.h"

#include <charconv>

#include "controller/json_object.h"

namespace engineroom::controller {
namespace {

// The digits of `text` at [from, from + count); nullopt if one is none.
std::optional<int> digits(std::string_view text, std::size_t from, std::size_t count) {
  int value = 0;
  const char* begin = text.data() + from;
  const auto [end, error] = std::from_chars(begin, begin + count, value);
  if (error != std::errc() || end != begin + count) return std::nullopt;
  return value;
}

}  // namespace

std::optional<store::WallTime> parse_date(std::string_view text) {
  constexpr std::string_view kForm = "2026-11-21T05:57:34.884217Z";
  if (text.size() != kForm.size() || text.back() != 'Z' || text[10] != 'T') return std::nullopt;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  const auto micros = digits(text, 20, 6);
  if (!year || !month || !day || !hour || !minute || !second || !micros) return std::nullopt;
  using namespace std::chrono;
  const year_month_day date(std::chrono::year(*year),
                            std::chrono::month(static_cast<unsigned>(*month)),
                            std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second) +
         microseconds(*micros);
}

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
  record.submitted = parse_date(header.date).value_or(core.wall_time(now));
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
  record.started = parse_date(facts.started);
  record.received = core.wall_time(now);
  if (const Result<wire::Header> header = wire::parse_header(reply.header.view()); header.ok()) {
    record.completed = parse_date(header.value().date);
  }
  if (const Status status = core.store.add_result(msg_id, record); !status.ok()) {
    ER_LOG_DEBUG("no record of the reply to {}: {}", msg_id, status.message());
  }
}

}  // namespace engineroom::controller
