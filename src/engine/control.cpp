#include "engine/control.h"

#include <algorithm>
#include <array>
#include <csignal>

#include <unistd.h>

#include <simdjson.h>

namespace engineroom::engine {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

// Those that one may want to send to a task. The numbers differ between systems, so clients send
// names.
constexpr std::array<std::pair<std::string_view, int>, 12> kSignals{{
    {"INT", SIGINT},
    {"TERM", SIGTERM},
    {"KILL", SIGKILL},
    {"HUP", SIGHUP},
    {"QUIT", SIGQUIT},
    {"USR1", SIGUSR1},
    {"USR2", SIGUSR2},
    {"STOP", SIGSTOP},
    {"CONT", SIGCONT},
    {"TSTP", SIGTSTP},
    {"ALRM", SIGALRM},
    {"ABRT", SIGABRT},
}};

// True for what the process as a whole obeys, without any handler running.
bool is_for_process(int number) {
  return number == SIGKILL || number == SIGSTOP || number == SIGCONT || number == SIGTERM;
}

// "journal": {"id":…,"start":…,"patience":seconds}, "returned": known from before.
void read_journal(const element& root, RegistrationReply& reply) {
  element journal;
  std::string_view id;
  if (root["journal"].get(journal) != SUCCESS || journal["id"].get(id) != SUCCESS) return;
  double patience = 0;
  std::int64_t start = 0;
  bool returned = false;
  if (journal["patience"].get(patience) == SUCCESS && patience > 0) {
    reply.patience = from_seconds(std::min(patience, 1e9));
  }
  if (journal["start"].get(start) == SUCCESS) reply.start = start;
  if (root["returned"].get(returned) == SUCCESS) reply.knows_us = returned;
  reply.journal = id;
}

}  // namespace

Result<RegistrationReply> read_registration_reply(std::string_view content, JsonReader& json) {
  Result<element> root = json.parse(content);
  if (!root.ok()) return root.status();
  RegistrationReply reply;
  std::string_view status;
  std::int64_t id = -1;
  if (root.value()["status"].get(status) == SUCCESS && status == "ok") {
    if (root.value()["id"].get(id) != SUCCESS || id < 0 || id > 1'000'000'000) {
      return Status(ErrorCode::kMalformed, "a registration_reply without an id");
    }
    reply.ok = true;
    reply.id = static_cast<int>(id);
    double period_ms = 0;
    if (root.value()["hb_period"].get(period_ms) == SUCCESS && period_ms > 0) {
      reply.heartbeat_period = from_seconds(std::min(period_ms, 1e9) / 1000);
    }
    read_journal(root.value(), reply);
    return reply;
  }
  std::string_view evalue = "no reason given";
  if (root.value()["evalue"].get(evalue) != SUCCESS) evalue = "no reason given";
  reply.error = evalue;
  return reply;
}

std::vector<std::string> read_ids(std::string_view content, JsonReader& json) {
  std::vector<std::string> msg_ids;
  Result<element> root = json.parse(content);
  element wanted;
  if (!root.ok() || root.value()["msg_ids"].get(wanted) != SUCCESS) return msg_ids;
  std::string_view one;
  if (wanted.get(one) == SUCCESS) return {std::string(one)};
  simdjson::dom::array several;
  if (wanted.get(several) != SUCCESS) return msg_ids;
  for (const element item : several) {
    if (item.get(one) == SUCCESS) msg_ids.emplace_back(one);
  }
  return msg_ids;
}

Result<int> read_signal(std::string_view content, JsonReader& json) {
  Result<element> root = json.parse(content);
  if (!root.ok()) return root.status();
  std::int64_t number = 0;
  if (root.value()["sig"].get(number) == SUCCESS) {
    if (number >= 0 && number < NSIG) return static_cast<int>(number);
    return Status(ErrorCode::kInvalidArgument,
                  "no signal has the number " + std::to_string(number));
  }
  std::string_view name;
  if (root.value()["sig"].get(name) != SUCCESS) {
    return Status(ErrorCode::kInvalidArgument, "a signal_request needs 'sig', a number or a name");
  }
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const auto& [known, value] : kSignals) {
    if (name == known) return value;
  }
  return Status(ErrorCode::kInvalidArgument, "unknown signal: " + std::string(name));
}

std::string read_string(std::string_view content, const char* key, JsonReader& json) {
  Result<element> root = json.parse(content);
  std::string_view value;
  if (!root.ok() || root.value()[key].get(value) != SUCCESS) return {};
  return std::string(value);
}

bool read_flag(std::string_view content, const char* key, JsonReader& json) {
  Result<element> root = json.parse(content);
  bool value = false;
  return root.ok() && root.value()[key].get(value) == SUCCESS && value;
}

void deliver_signal(int number, pthread_t python) {
  // Long enough for what was answered to leave the process.
  if (number == SIGKILL || number == SIGSTOP) ::usleep(20'000);
  if (is_for_process(number)) {
    ::kill(::getpid(), number);
  } else {
    // To Python's thread, which may be in a system call that the signal must interrupt.
    pthread_kill(python, number);
  }
}

int task_interrupt_signal() { return SIGRTMIN + 3; }

std::string error_content(std::string_view ename, std::string_view evalue) {
  JsonWriter json;
  json.begin_object().key("status").value("error");
  json.key("ename").value(ename).key("evalue").value(evalue);
  json.key("traceback").begin_array().end_array().end_object();
  return json.take();
}

}  // namespace engineroom::engine
