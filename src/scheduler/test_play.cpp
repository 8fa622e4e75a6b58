#include "scheduler/test_play.h"

#include <cassert>
#include <sstream>

namespace engineroom::scheduler {

namespace {

std::string number(TaskId id) { return std::to_string(static_cast<std::uint64_t>(id)); }
std::string number(EngineId id) { return std::to_string(static_cast<std::int32_t>(id)); }

std::string reason(Failure why) {
  switch (why) {
    case Failure::kInvalidDependency:
      return "invalid dependency";
    case Failure::kImpossibleDependency:
      return "impossible dependency";
    case Failure::kInputFailed:
      return "input failed";
    case Failure::kNoSuchResources:
      return "no such resources";
    case Failure::kTimeout:
      return "timeout";
    case Failure::kEngineDied:
      return "engine died";
    case Failure::kNoEngineLeft:
      return "no engine left";
    case Failure::kAborted:
      return "aborted";
    case Failure::kQueueFull:
      return "queue full";
  }
  return "?";
}

struct Describe {
  std::string operator()(const Send& e) {
    return "send " + number(e.task) + " to " + number(e.engine);
  }
  std::string operator()(const Deliver& e) { return "deliver " + number(e.task); }
  std::string operator()(const Retry& e) {
    return "retry " + number(e.task) + " not on " + number(e.engine);
  }
  std::string operator()(const TakeBack& e) {
    return "take back " + number(e.task) + " from " + number(e.engine);
  }
  std::string operator()(const Reject& e) {
    std::string text = "reject " + number(e.task) + ": " + reason(e.why);
    if (e.engine) text.append(" ").append(number(*e.engine));
    if (e.input) text.append(" ").append(number(*e.input));
    return text;
  }
};

std::vector<TaskId> task_ids(const std::vector<int>& numbers) {
  std::vector<TaskId> ids;
  for (int n : numbers) ids.push_back(TaskId(n));
  return ids;
}

}  // namespace

std::string to_string(const Effect& effect) { return std::visit(Describe{}, effect); }

std::string to_string(const Effects& effects) {
  std::string text;
  for (const Effect& effect : effects) text += (text.empty() ? "" : ", ") + to_string(effect);
  return text;
}

Amounts amounts(const std::string& text) {
  Amounts result;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    const double value = std::stod(word.substr(equals + 1));
    result.push_back({word.substr(0, equals), static_cast<std::int64_t>(value * 1000)});
  }
  return sorted_amounts(std::move(result));
}

TaskSpec& TaskSpec::on(const std::vector<int>& engines) {
  for (int engine : engines) options_.targets.push_back(EngineId(engine));
  return *this;
}

TaskSpec& TaskSpec::retries(int n) {
  options_.retries = n;
  return *this;
}

TaskSpec& TaskSpec::priority(int n) {
  options_.priority = n;
  return *this;
}

TaskSpec& TaskSpec::with(const std::string& resources) {
  options_.resources = amounts(resources);
  return *this;
}

TaskSpec& TaskSpec::from(int client) {
  options_.client = static_cast<std::uint64_t>(client);
  return *this;
}

TaskSpec& TaskSpec::timeout_ms(int ms) {
  options_.timeout = std::chrono::milliseconds(ms);
  return *this;
}

TaskSpec& TaskSpec::after(const std::vector<int>& tasks) {
  last_ = &options_.after;
  last_->tasks = task_ids(tasks);
  return *this;
}

TaskSpec& TaskSpec::follow(const std::vector<int>& tasks) {
  last_ = &options_.follow;
  last_->tasks = task_ids(tasks);
  return *this;
}

TaskSpec& TaskSpec::inputs(const std::vector<int>& tasks) {
  options_.inputs = task_ids(tasks);
  return *this;
}

TaskSpec& TaskSpec::any() {
  last_->all = false;
  return *this;
}

TaskSpec& TaskSpec::if_failed() {
  last_->success = false;
  last_->failure = true;
  return *this;
}

TaskSpec& TaskSpec::whatever() {
  last_->success = true;
  last_->failure = true;
  return *this;
}

SchedulerConfig one_each() { return up_to(1); }

SchedulerConfig up_to(int high_water_mark) {
  SchedulerConfig config;
  config.high_water_mark = high_water_mark;
  return config;
}

SchedulerConfig automatic() { return up_to(SchedulerConfig::kAuto); }

Play::Play(int engines, const SchedulerConfig& config) : scheduler_(config) {
  for (int engine = 0; engine < engines; ++engine) join(engine);
}

std::string Play::finish_step() {
  scheduler_.sanity_check();
  for (const Effect& effect : effects_) {
    if (const Send* send = std::get_if<Send>(&effect)) {
      engine_of_[static_cast<int>(send->task)] = static_cast<int>(send->engine);
    }
  }
  std::string text = to_string(effects_);
  effects_.clear();
  return text;
}

std::string Play::join(int engine, const std::string& offer) {
  scheduler_.on_engine_joined(EngineId{engine}, now_, effects_, true, amounts(offer));
  return finish_step();
}

std::string Play::lose(int engine) {
  scheduler_.on_engine_lost(EngineId{engine}, now_, effects_);
  return finish_step();
}

std::string Play::expect(const Scheduler::Expected& expected) {
  scheduler_.on_engines_expected(expected, now_, effects_);
  return finish_step();
}

std::string Play::submit(const TaskSpec& spec) {
  scheduler_.on_task_submitted(TaskId(spec.id()), spec.options(), false, now_, effects_);
  return finish_step();
}

std::string Play::submit_with_unknown_dependency(int id) {
  scheduler_.on_task_submitted(TaskId(id), {}, true, now_, effects_);
  return finish_step();
}

std::string Play::submit_range(int first, int last) {
  for (int id = first; id <= last; ++id) {
    scheduler_.on_task_submitted(TaskId(id), {}, false, now_, effects_);
  }
  return finish_step();
}

std::string Play::reply(int id, bool ok, bool met, std::uint64_t bytes) {
  const EngineId engine{engine_of_.at(id)};
  if (!scheduler_.on_task_replied(TaskId(id), engine, ok, met, now_, effects_, bytes)) {
    return "stale";
  }
  return finish_step();
}

std::string Play::succeed(int id, int took_us, std::uint64_t bytes) {
  pass_us(took_us);
  return reply(id, true, true, bytes);
}

std::string Play::fail(int id) { return reply(id, false, true); }
std::string Play::unmet(int id) { return reply(id, false, false); }

std::string Play::give_back(int id) {
  const EngineId engine{engine_of_.at(id)};
  if (!scheduler_.on_task_returned(TaskId(id), engine, now_, effects_)) return "stale";
  return finish_step();
}

std::string Play::reply_from(int engine, int id) {
  if (!scheduler_.on_task_replied(TaskId(id), EngineId{engine}, true, true, now_, effects_)) {
    return finish_step() + "stale";
  }
  return finish_step();
}

std::string Play::abort(int id) {
  const auto engine = scheduler_.on_abort_requested(TaskId(id), now_, effects_);
  const std::string effects = finish_step();
  return engine ? "ask engine " + number(*engine) + effects : effects;
}

std::string Play::wait_ms(int ms) {
  now_ += std::chrono::milliseconds(ms);
  scheduler_.on_time(now_, effects_);
  return finish_step();
}

int Play::engine_of(int id) const {
  const auto found = engine_of_.find(id);
  return found == engine_of_.end() ? -1 : found->second;
}

std::vector<int> Play::tasks_on(int engine) const {
  std::vector<int> ids;
  for (TaskId id : scheduler_.tasks_on(EngineId{engine})) ids.push_back(static_cast<int>(id));
  return ids;
}

}  // namespace engineroom::scheduler
