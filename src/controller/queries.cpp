#include "controller/queries.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "controller/record_queries.h"

namespace engineroom::controller {
namespace {

// What stock controllers answer and this one does not yet.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kNotSupported = {{
    {"become_dask_request", "becoming a Dask scheduler"},
    {"stop_distributed_request", "becoming a Dask scheduler"},
    {"load_request", "load_request; use queue_request"},
}};

std::string ok_content() { return R"({"status":"ok"})"; }

// The engines that "targets" means: null is all of them, else an id, a uuid, or a list of these. An
// error's text if one of them does not exist.
struct Targets {
  std::vector<const Engine*> engines;
  std::string error;
};

const Engine* find_engine(const Registry& registry, simdjson::dom::element element) {
  std::int64_t id = 0;
  std::string_view uuid;
  if (element.get(id) == simdjson::SUCCESS && id >= 0 && id <= std::numeric_limits<int>::max()) {
    return registry.find(EngineId{static_cast<int>(id)});
  }
  if (element.get(uuid) == simdjson::SUCCESS) return registry.find(uuid);
  return nullptr;
}

Targets find_targets(const Registry& registry, const JsonObject& content, std::string_view key) {
  Targets targets;
  const auto add = [&](simdjson::dom::element element) {
    const Engine* engine = find_engine(registry, element);
    if (engine != nullptr && engine->is_registered) {
      targets.engines.push_back(engine);
    } else if (targets.error.empty()) {
      targets.error = "No Such Engine: " + simdjson::minify(element);
    }
  };
  const auto wanted = content.element(key);
  if (!wanted || wanted->is_null()) {
    for (const auto& [id, engine] : registry.all()) {
      if (engine.is_registered) targets.engines.push_back(&engine);
    }
  } else if (const auto list = content.array(key)) {
    for (const simdjson::dom::element element : *list) add(element);
  } else {
    add(*wanted);
  }
  return targets;
}

void write_ids(JsonWriter& w, const std::vector<std::string>& ids) {
  w.begin_array();
  for (const std::string& id : ids) w.value(id);
  w.end_array();
}

}  // namespace

void Queries::on_request(const wire::Message& request, const wire::Header& header, Time now) {
  Answer made = answer(request, header, now);
  core_.delivery.to_client(Channel::kRegistration,
                           core_.messages.make({.identities = request.identities,
                                                .type = made.type,
                                                .parent_header = request.header,
                                                .content = std::move(made.content),
                                                .buffers = std::move(made.buffers)}));
}

Queries::Answer Queries::answer(const wire::Message& request, const wire::Header& header,
                                Time now) {
  const std::string& type = header.msg_type;
  const auto content = read_object(core_.json, request.content.view());
  if (!content) {
    return {"hub_error",
            to_content({"ValueError", "the content of " + type + " is no JSON object"})};
  }
  if (type == "connection_request") return connection();
  if (type == "queue_request") return queue_status(*content);
  if (type == "result_request") return results(*content);
  if (type == "history_request") return history();
  if (type == "purge_request") return purge(*content);
  if (type == "db_request") return records(*content);
  if (type == "resubmit_request") return resubmit(*content, now);
  for (const auto& [name, what] : kNotSupported) {
    if (type == name) {
      return {"hub_error", to_content({"NotImplementedError",
                                       fmt::format("not supported yet by engineroom: {}", what)})};
    }
  }
  ER_LOG_WARN("unknown request '{}'", type.substr(0, 100));
  return {"hub_error", to_content({"ValueError", "unknown request '" + type.substr(0, 100) + "'"})};
}

Queries::Answer Queries::connection() const {
  JsonWriter w;
  w.begin_object().key("status").value("ok").key("engines").begin_object();
  for (const auto& [id, engine] : core_.registry.all()) {
    if (engine.is_registered) w.key(std::to_string(number(id))).value(engine.uuid);
  }
  w.end_object().end_object();
  return {"connection_reply", w.take()};
}

Queries::Answer Queries::queue_status(const JsonObject& content) {
  const Targets targets = find_targets(core_.registry, content, "targets");
  if (!targets.error.empty()) return {"hub_error", to_content({"IndexError", targets.error})};
  const bool verbose = content.flag("verbose").value_or(false);
  JsonWriter w;
  w.begin_object().key("status").value("ok");
  for (const Engine* engine : targets.engines) {
    w.key(std::to_string(number(engine->id))).begin_object();
    if (verbose) {
      const store::EngineTasks tasks = core_.store.tasks_of(engine->uuid);
      write_ids(w.key("queue"), tasks.queue);
      write_ids(w.key("completed"), tasks.completed);
      write_ids(w.key("tasks"), tasks.tasks);
    } else {
      const store::EngineCounts counts = core_.store.counts(engine->uuid);
      w.key("queue").value(counts.queue).key("completed").value(counts.completed);
      w.key("tasks").value(counts.tasks);
    }
    w.end_object();
  }
  w.key("unassigned");
  if (verbose) {
    write_ids(w, core_.store.unassigned());
  } else {
    w.value(core_.store.unassigned_count());
  }
  w.end_object();
  return {"queue_reply", w.take()};
}

// ---- results ----

bool Queries::write_result(JsonWriter& w, Frames& buffers, const std::string& msg_id) {
  Result<store::Record> found = core_.store.find(msg_id);
  if (!found.ok()) return false;
  const store::Record& record = found.value();
  w.key(msg_id).begin_object();
  write_json(w.key("header"), checker_, record.header);
  write_json(w.key("metadata"), checker_, record.metadata);
  write_json(w.key("result_metadata"), checker_, record.result_metadata);
  write_json(w.key("result_header"), checker_, record.result_header);
  write_json(w.key("result_content"), checker_, record.result_content);
  w.key("received");
  if (record.received) {
    w.value(iso8601(*record.received));
  } else {
    w.null();
  }
  w.key("io").begin_object();
  write_json(w.key("execute_input"), checker_, record.execute_input);
  write_json(w.key("execute_result"), checker_, record.execute_result);
  write_json(w.key("error"), checker_, record.error);
  w.key("stdout").value(record.stdout_text).key("stderr").value(record.stderr_text);
  w.end_object().end_object();
  buffers.insert(buffers.end(), record.result_buffers.begin(), record.result_buffers.end());
  return true;
}

Queries::Answer Queries::results(const JsonObject& content) {
  std::vector<std::string> msg_ids = content.texts("msg_ids");
  const bool status_only = content.flag("status_only").value_or(false);
  // Buffers come in the order of sorted ids; the client counts on it.
  std::sort(msg_ids.begin(), msg_ids.end());
  msg_ids.erase(std::unique(msg_ids.begin(), msg_ids.end()), msg_ids.end());

  std::vector<std::string> pending;
  std::vector<std::string> completed;
  for (const std::string& msg_id : msg_ids) {
    if (!core_.store.contains(msg_id)) {
      return {"result_reply", to_content({"KeyError", "'No such message: " + msg_id + "'"})};
    }
    (core_.store.is_pending(msg_id) ? pending : completed).push_back(msg_id);
  }
  JsonWriter w;
  Frames buffers;
  w.begin_object().key("status").value("ok");
  write_ids(w.key("pending"), pending);
  write_ids(w.key("completed"), completed);
  if (!status_only) {
    for (const std::string& msg_id : completed) write_result(w, buffers, msg_id);
  }
  w.end_object();
  return {"result_reply", w.take(), std::move(buffers)};
}

Queries::Answer Queries::history() const {
  JsonWriter w;
  w.begin_object().key("status").value("ok");
  write_ids(w.key("history"), core_.store.history());
  w.end_object();
  return {"history_reply", w.take()};
}

Queries::Answer Queries::records(const JsonObject& content) {
  Result<RecordsReply> reply = find_records(core_.store, checker_, content);
  if (!reply.ok()) {
    return {"db_reply", to_content({"ValueError", reply.status().message()})};
  }
  return {"db_reply", std::move(reply.value().content), std::move(reply.value().buffers)};
}

// All of them, or none.
Queries::Answer Queries::resubmit(const JsonObject& content, Time now) {
  constexpr const char* kReply = "resubmit_reply";
  const std::vector<std::string> msg_ids = content.texts("msg_ids");
  std::vector<store::Record> records;
  std::string missing;
  for (const std::string& msg_id : msg_ids) {
    Result<store::Record> found = core_.store.find(msg_id);
    if (!found.ok()) {
      missing += (missing.empty() ? "'" : ", '") + msg_id + "'";
      continue;
    }
    if (found.value().payload_dropped) {
      return {kReply, to_content({"ValueError", "'" + msg_id +
                                                    "' cannot run again: its arguments were "
                                                    "dropped from its record to save memory"})};
    }
    if (found.value().queue == store::QueueKind::kBroadcast && found.value().engine_uuid.empty()) {
      return {kReply, to_content({"ValueError", "'" + msg_id +
                                                    "' went to several engines at once: only a "
                                                    "request to one can run again"})};
    }
    records.push_back(found.take());
  }
  if (!missing.empty()) {
    return {kReply, to_content({"KeyError", "No such msg(s): [" + missing + "]"})};
  }
  JsonWriter w;
  w.begin_object().key("status").value("ok").key("resubmitted").begin_object();
  for (const store::Record& record : records) {
    const Result<std::string> again = resubmit_(record, now);
    if (!again.ok()) return {kReply, to_content({"ValueError", again.status().message()})};
    w.key(record.msg_id).value(again.value());
  }
  w.end_object().end_object();
  return {kReply, w.take()};
}

Queries::Answer Queries::purge(const JsonObject& content) {
  constexpr std::string_view kReply = "purge_reply";
  if (content.text("msg_ids") == "all") {
    core_.store.purge_all();
    return {std::string(kReply), ok_content()};
  }
  const std::vector<std::string> msg_ids = content.texts("msg_ids");
  const auto pending = std::find_if(msg_ids.begin(), msg_ids.end(), [this](const std::string& id) {
    return core_.store.is_pending(id);
  });
  if (pending != msg_ids.end()) {
    return {std::string(kReply), to_content({"IndexError", "msg pending: '" + *pending + "'"})};
  }
  (void)core_.store.purge(msg_ids);
  if (!content.element("engine_ids") || content.element("engine_ids")->is_null()) {
    return {std::string(kReply), ok_content()};
  }
  const Targets engines = find_targets(core_.registry, content, "engine_ids");
  for (const Engine* engine : engines.engines) core_.store.purge_engine(engine->uuid);
  if (!engines.error.empty())
    return {std::string(kReply), to_content({"IndexError", engines.error})};
  return {std::string(kReply), ok_content()};
}

}  // namespace engineroom::controller
