#include "controller/queries.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <simdjson.h>

#include "controller/record_queries.h"
#include "controller/resources.h"
#include "controller/user_messages.h"

namespace engineroom::controller {
namespace {

// What stock controllers answer and this one does not, and what to do instead. (The keys of a stock
// load_reply are no ids but the reprs of so many zero bytes; no client asks for it.)
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kNotSupported = {{
    {"become_dask_request",
     "a controller of engineroom is no Dask scheduler; become_dask() of engineroom's Client starts "
     "one on an engine"},
    {"load_request", "load_request is not supported; use queue_request"},
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

// Those of `ids` that are theirs, as they call them.
std::vector<std::string> theirs(std::vector<std::string> ids, const Scope& scope) {
  if (scope.is_everything()) return ids;
  std::vector<std::string> out;
  for (const std::string& id : ids) {
    if (const auto msg_id = scope.outside(id)) out.emplace_back(*msg_id);
  }
  return out;
}

}  // namespace

void Queries::on_request(const wire::Message& request, const wire::Header& header, Time now) {
  if (std::optional<Answer> made = answer(request, header, now)) {
    reply({request.identities, request.header}, *std::move(made));
  }
}

void Queries::reply(const Asker& asker, Answer answer) {
  core_.delivery.to_client(Channel::kQuery,
                           core_.messages.make({.identities = asker.identities,
                                                .type = answer.type,
                                                .parent_header = asker.parent_header,
                                                .content = std::move(answer.content),
                                                .buffers = std::move(answer.buffers)},
                                               Side::kClients));
}

std::optional<Queries::Answer> Queries::answer(const wire::Message& request,
                                               const wire::Header& header, Time now) {
  const std::string& type = header.msg_type;
  const auto content = read_object(core_.json, request.content.view());
  if (!content) {
    return Answer{"hub_error",
                  to_content({"ValueError", "the content of " + type + " is no JSON object"})};
  }
  if (type == "connection_request") {
    const bool resumes = content->flag("resumes").value_or(false);
    if (core_.journal != nullptr && resumes) {
      core_.journal->note_client(request.identities.front().view());
    }
    return connection();
  }
  const Scope scope = scope_of(request.identities.front().view());
  if (type == "queue_request") return queue_status(*content, scope);
  if (type == "result_request") return results(*content, scope);
  if (type == "history_request") return history(scope);
  if (type == "purge_request") return purge(*content, scope);
  if (type == "db_request") return records(request, *content, scope);
  if (type == "resubmit_request") return resubmit(*content, scope, now);
  // What stock controllers say when none runs in them: here none ever does.
  if (type == "stop_distributed_request") return Answer{"stop_distributed_reply", ok_content()};
  for (const auto& [name, what] : kNotSupported) {
    if (type == name) {
      return Answer{"hub_error", to_content({"NotImplementedError", std::string(what)})};
    }
  }
  ER_LOG_WARN("unknown request '{}'", type.substr(0, 100));
  return Answer{"hub_error",
                to_content({"ValueError", "unknown request '" + type.substr(0, 100) + "'"})};
}

Queries::Answer Queries::connection() const {
  JsonWriter w;
  w.begin_object().key("status").value("ok").key("engines").begin_object();
  for (const auto& [id, engine] : core_.registry.all()) {
    if (engine.is_registered) w.key(std::to_string(number(id))).value(engine.uuid);
  }
  w.end_object();
  if (!core_.config.instance.empty()) {
    w.key("instance").value(core_.config.instance).key("batches").value(true);
  }
  if (core_.journal != nullptr) w.key("journal").raw(journal_json(core_));
  w.end_object();
  return {"connection_reply", w.take()};
}

Queries::Answer Queries::queue_status(const JsonObject& content, const Scope& scope) {
  const Targets targets = find_targets(core_.registry, content, "targets");
  if (!targets.error.empty()) return {"hub_error", to_content({"IndexError", targets.error})};
  const bool verbose = content.flag("verbose").value_or(false);
  const bool resources = content.flag("resources").value_or(false);
  JsonWriter w;
  w.begin_object().key("status").value("ok");
  for (const Engine* engine : targets.engines) {
    w.key(std::to_string(number(engine->id)));
    if (resources) {
      w.begin_object().key("resources").raw(to_json(engine->offer)).end_object();
    } else {
      write_queue(w, *engine, scope, verbose);
    }
  }
  w.key("unassigned");
  if (verbose) {
    write_ids(w, theirs(core_.store.unassigned(), scope));
  } else if (scope.is_everything()) {
    w.value(core_.store.unassigned_count());
  } else {
    w.value(std::uint64_t{theirs(core_.store.unassigned(), scope).size()});
  }
  w.end_object();
  return {"queue_reply", w.take()};
}

void Queries::write_queue(JsonWriter& w, const Engine& engine, const Scope& scope,
                          bool verbose) const {
  store::EngineTasks tasks;
  store::EngineCounts counts;
  if (verbose || !scope.is_everything()) {
    tasks = core_.store.tasks_of(engine.uuid);
    for (auto* ids : {&tasks.queue, &tasks.completed, &tasks.tasks}) {
      *ids = theirs(std::move(*ids), scope);
    }
    counts = {tasks.queue.size(), tasks.tasks.size(), tasks.completed.size()};
  } else {
    counts = core_.store.counts(engine.uuid);
  }
  w.begin_object();
  if (verbose) {
    write_ids(w.key("queue"), tasks.queue);
    write_ids(w.key("completed"), tasks.completed);
    write_ids(w.key("tasks"), tasks.tasks);
  } else {
    w.key("queue").value(counts.queue).key("completed").value(counts.completed);
    w.key("tasks").value(counts.tasks);
  }
  w.end_object();
}

// ---- results ----

namespace {

// The content of its reply: an error, if what the task returned is no longer there.
std::string content_of_result(JsonReader& json, const store::Record& record) {
  if (!record.payload_dropped || !record.result_buffers.empty()) return record.result_content;
  const auto header = read_object(json, record.result_header);
  if (!header || header->text("msg_type") != "apply_reply") return record.result_content;
  const auto content = read_object(json, record.result_content);
  if (!content || content->text("status") != "ok") return record.result_content;
  std::string text = "'The result of ";
  text += record.msg_id;
  text += " was dropped from its record: it was too large, or there are newer ones'";
  return to_content({"KeyError", std::move(text)});
}

}  // namespace

bool Queries::write_result(JsonWriter& w, Frames& buffers, const std::string& msg_id,
                           const Scope& scope) {
  Result<store::Record> found = core_.store.find(scope.inside(msg_id));
  if (!found.ok()) return false;
  const store::Record& record = found.value();
  w.key(msg_id).begin_object();
  write_json(w.key("header"), checker_, unmarked_header(record.header, scope));
  write_json(w.key("metadata"), checker_, record.metadata);
  write_json(w.key("result_metadata"), checker_, record.result_metadata);
  write_json(w.key("result_header"), checker_, record.result_header);
  write_json(w.key("result_content"), checker_, content_of_result(checker_, record));
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

Queries::Answer Queries::results(const JsonObject& content, const Scope& scope) {
  std::vector<std::string> msg_ids = content.texts("msg_ids");
  const bool status_only = content.flag("status_only").value_or(false);
  // Buffers come in the order of sorted ids; the client counts on it.
  std::sort(msg_ids.begin(), msg_ids.end());
  msg_ids.erase(std::unique(msg_ids.begin(), msg_ids.end()), msg_ids.end());

  std::vector<std::string> pending;
  std::vector<std::string> completed;
  for (const std::string& msg_id : msg_ids) {
    const std::string inside = scope.inside(msg_id);
    if (!core_.store.contains(inside)) {
      return {"result_reply", to_content({"KeyError", "'No such message: " + msg_id + "'"})};
    }
    (core_.store.is_pending(inside) ? pending : completed).push_back(msg_id);
  }
  JsonWriter w;
  Frames buffers;
  w.begin_object().key("status").value("ok");
  write_ids(w.key("pending"), pending);
  write_ids(w.key("completed"), completed);
  if (!status_only) {
    for (const std::string& msg_id : completed) write_result(w, buffers, msg_id, scope);
  }
  w.end_object();
  return {"result_reply", w.take(), std::move(buffers)};
}

Queries::Answer Queries::history(const Scope& scope) const {
  JsonWriter w;
  w.begin_object().key("status").value("ok");
  write_ids(w.key("history"), theirs(core_.store.history(), scope));
  w.end_object();
  return {"history_reply", w.take()};
}

std::optional<Queries::Answer> Queries::records(const wire::Message& request,
                                                const JsonObject& content, const Scope& scope) {
  Result<RecordsQuery> query = RecordsQuery::parse(content, scope);
  if (!query.ok()) return Answer{"db_reply", to_content({"ValueError", query.status().message()})};
  if (std::optional<Answer> answer = advance(query.value())) return answer;
  if (record_queries_.size() >= kMaxQueries) {
    return Answer{"db_reply", to_content({"RuntimeError",
                                          fmt::format("{} queries of records are being answered; "
                                                      "ask again when some of them are",
                                                      kMaxQueries)})};
  }
  record_queries_.push_back({{request.identities, request.header}, query.take()});
  return std::nullopt;
}

std::optional<Queries::Answer> Queries::advance(RecordsQuery& query) {
  if (const Status status = query.step(core_.store, checker_); !status.ok()) {
    return Answer{"db_reply", to_content({"ValueError", status.message()})};
  }
  if (!query.is_done()) return std::nullopt;
  RecordsReply found = query.finish();
  return Answer{"db_reply", std::move(found.content), std::move(found.buffers)};
}

void Queries::on_time() {
  if (record_queries_.empty()) return;
  RecordsAsked asked = std::move(record_queries_.front());
  record_queries_.pop_front();
  if (std::optional<Answer> answer = advance(asked.query)) {
    reply(asked.asker, *std::move(answer));
  } else {
    record_queries_.push_back(std::move(asked));
  }
}

// All of them, or none.
Queries::Answer Queries::resubmit(const JsonObject& content, const Scope& scope, Time now) {
  constexpr const char* kReply = "resubmit_reply";
  const std::vector<std::string> msg_ids = content.texts("msg_ids");
  std::vector<store::Record> records;
  std::string missing;
  for (const std::string& msg_id : msg_ids) {
    Result<store::Record> found = core_.store.find(scope.inside(msg_id));
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
    w.key(scope.outside(record.msg_id).value_or(""))
        .value(scope.outside(again.value()).value_or(""));
  }
  w.end_object().end_object();
  return {kReply, w.take()};
}

Queries::Answer Queries::purge(const JsonObject& content, const Scope& scope) {
  constexpr std::string_view kReply = "purge_reply";
  if (content.text("msg_ids") == "all") {
    purge_all(scope);
    return {std::string(kReply), ok_content()};
  }
  std::vector<std::string> msg_ids = content.texts("msg_ids");
  for (std::string& msg_id : msg_ids) {
    std::string inside = scope.inside(msg_id);
    if (core_.store.is_pending(inside)) {
      return {std::string(kReply), to_content({"IndexError", "msg pending: '" + msg_id + "'"})};
    }
    msg_id = std::move(inside);
  }
  (void)core_.store.purge(msg_ids);
  if (!content.element("engine_ids") || content.element("engine_ids")->is_null()) {
    return {std::string(kReply), ok_content()};
  }
  const Targets engines = find_targets(core_.registry, content, "engine_ids");
  for (const Engine* engine : engines.engines) purge_engine(engine->uuid, scope);
  if (!engines.error.empty())
    return {std::string(kReply), to_content({"IndexError", engines.error})};
  return {std::string(kReply), ok_content()};
}

void Queries::purge_all(const Scope& scope) {
  if (scope.is_everything()) return core_.store.purge_all();
  std::vector<std::string> ids = core_.store.history();
  std::erase_if(
      ids, [&](const std::string& id) { return !scope.outside(id) || core_.store.is_pending(id); });
  (void)core_.store.purge(ids);
}

void Queries::purge_engine(std::string_view uuid, const Scope& scope) {
  if (scope.is_everything()) return core_.store.purge_engine(uuid);
  std::vector<std::string> ids = core_.store.tasks_of(uuid).completed;
  std::erase_if(ids, [&](const std::string& id) { return !scope.outside(id); });
  (void)core_.store.purge(ids);
}

}  // namespace engineroom::controller
