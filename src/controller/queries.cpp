#include "controller/queries.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <simdjson.h>

#include "controller/history_query.h"
#include "controller/purge_query.h"
#include "controller/records_query.h"
#include "controller/resources.h"
#include "controller/result_query.h"

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

PurgeQuery::Engines engines_to_purge(const Registry& registry, const JsonObject& content) {
  PurgeQuery::Engines engines;
  const auto named = content.element("engine_ids");
  if (!named || named->is_null()) return engines;
  Targets targets = find_targets(registry, content, "engine_ids");
  for (const Engine* engine : targets.engines) engines.uuids.push_back(engine->uuid);
  engines.error = std::move(targets.error);
  return engines;
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

std::optional<Answer> Queries::answer(const wire::Message& request, const wire::Header& header,
                                      Time now) {
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
  // What stock controllers say when none runs in them: here none ever does.
  if (type == "stop_distributed_request") {
    return Answer{"stop_distributed_reply", R"({"status":"ok"})"};
  }
  std::optional<Answer> refusal;
  if (LongQueryPointer query = long_query(type, *content, scope, refusal)) {
    return begin(request, std::move(query), now);
  }
  if (refusal) return refusal;
  for (const auto& [name, what] : kNotSupported) {
    if (type == name) {
      return Answer{"hub_error", to_content({"NotImplementedError", std::string(what)})};
    }
  }
  ER_LOG_WARN("unknown request '{}'", type.substr(0, 100));
  return Answer{"hub_error",
                to_content({"ValueError", "unknown request '" + type.substr(0, 100) + "'"})};
}

Answer Queries::connection() const {
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

Answer Queries::queue_status(const JsonObject& content, const Scope& scope) {
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

// ---- long ones ----

LongQueryPointer Queries::long_query(const std::string& type, const JsonObject& content,
                                     Scope scope, std::optional<Answer>& refusal) const {
  if (type == "history_request") return std::make_unique<HistoryQuery>(std::move(scope));
  if (type == "result_request") return std::make_unique<ResultQuery>(content, std::move(scope));
  if (type == "purge_request") {
    return std::make_unique<PurgeQuery>(content, engines_to_purge(core_.registry, content),
                                        std::move(scope));
  }
  if (type == "resubmit_request") {
    return std::make_unique<ResubmitQuery>(content, std::move(scope), resubmit_);
  }
  if (type != "db_request") return nullptr;
  Result<LongQueryPointer> query = RecordsQuery::parse(content, std::move(scope));
  if (query.ok()) return query.take();
  refusal = Answer{"db_reply", to_content({"ValueError", query.status().message()})};
  return nullptr;
}

std::optional<Answer> Queries::begin(const wire::Message& request, LongQueryPointer query,
                                     Time now) {
  if (std::optional<Answer> answer = query->step({core_.store, checker_, now})) return answer;
  if (asked_.size() >= kMaxQueries) {
    return query->failure(
        {"RuntimeError", fmt::format("{} queries of records are being answered; ask again when "
                                     "some of them are",
                                     kMaxQueries)});
  }
  asked_.push_back({{request.identities, request.header}, std::move(query)});
  return std::nullopt;
}

void Queries::on_time(Time now) {
  if (asked_.empty()) return;
  Asked asked = std::move(asked_.front());
  asked_.pop_front();
  if (std::optional<Answer> answer = asked.query->step({core_.store, checker_, now})) {
    reply(asked.asker, *std::move(answer));
  } else {
    asked_.push_back(std::move(asked));
  }
}

}  // namespace engineroom::controller
