#include "launch/process.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/guardian.h"
#include "launch/spawner.h"

extern char** environ;

namespace engineroom::launch {
namespace {

// ---- starting ----

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  std::string_view folders = path != nullptr ? path : "/usr/bin:/bin";
  while (!folders.empty()) {
    const std::size_t end = std::min(folders.find(':'), folders.size());
    const std::string candidate = std::string(folders.substr(0, end)) + "/" + name;
    if (end > 0 && access(candidate.c_str(), X_OK) == 0) return candidate;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return "";
}

std::vector<std::string> merged_environment(
    const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced =
        std::ranges::any_of(added, [&](const auto& a) { return a.first == name; });
    if (!replaced) merged.emplace_back(text);
  }
  for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
  return merged;
}

// ---- endings ----

Exit to_exit(const siginfo_t& info) {
  return {.by_signal = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED,
          .code = info.si_status};
}

// Sleeps until the process ends or the time is up.
void sleep_until_end(pid_t pid, Time deadline) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {  // an old kernel
    std::this_thread::sleep_for(std::clamp(left, milliseconds(0), milliseconds(10)));
    return;
  }
  pollfd item{fd, POLLIN, 0};
  const auto ms = std::clamp<std::int64_t>(left.count(), 0, 1'000'000);
  ::poll(&item, 1, static_cast<int>(ms));
  close(fd);
}

}  // namespace

std::string Exit::to_string() const {
  if (!by_signal) return "exited with status " + std::to_string(code);
  const char* name = strsignal(code);  // NOLINT(concurrency-mt-unsafe)
  return "was killed by signal " + std::to_string(code) +
         (name != nullptr ? std::string(" (") + name + ")" : "");
}

Result<Process> Process::start(const ProcessSpec& spec) {
  const std::string program = find_program(spec.command.at(0));
  if (program.empty()) {
    return Status(ErrorCode::kNotFound,
                  "there is no program " + spec.command[0] + " (looked for in $PATH)");
  }
  const std::string output = spec.output_file.empty() ? "/dev/null" : spec.output_file;
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) {
    const int error = errno;
    close(in);
    return Status(ErrorCode::kIo, "cannot write " + output + ": " + std::strerror(error));
  }
  const Result<pid_t> pid = spawn({.program = program,
                                   .arguments = spec.command,
                                   .environment = merged_environment(spec.environment),
                                   .in = in,
                                   .out = out,
                                   .signal_if_orphaned = spec.signal_if_orphaned,
                                   .guardian = guardian_socket()});
  close(in);
  close(out);
  if (!pid.ok()) return pid.status();
  return Process(pid.value());
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(std::exchange(other.exit_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_, other.exit_);
  return *this;
}

Process::~Process() {
  if (pid_ <= 0 || exit_) return;
  signal(SIGKILL);
  reap(true);
}

std::optional<Exit> Process::reap(bool block) {
  if (exit_ || pid_ <= 0) return exit_;
  siginfo_t info{};
  const int flags = WEXITED | WNOWAIT | (block ? 0 : WNOHANG);
  int rc = waitid(P_PID, static_cast<id_t>(pid_), &info, flags);
  while (rc != 0 && errno == EINTR) rc = waitid(P_PID, static_cast<id_t>(pid_), &info, flags);
  if (rc == 0 && info.si_pid == 0) return std::nullopt;
  // What it started ends with it. Now, because its number is ours until it is reaped.
  kill(-pid_, SIGKILL);
  // Somebody else may have reaped it: then nothing is known but that it is gone.
  exit_ = rc == 0 ? to_exit(info) : Exit{};
  release_group(pid_);
  waitpid(pid_, nullptr, 0);
  return exit_;
}

std::optional<Exit> Process::poll() { return reap(false); }

std::optional<Exit> Process::wait_until(Time deadline) {
  while (!reap(false) && Clock::now() < deadline) sleep_until_end(pid_, deadline);
  return exit_;
}

void Process::signal(int number) {
  if (pid_ > 0 && !reap(false)) kill(-pid_, number);
}

Exit Process::stop(Duration patience) {
  signal(SIGTERM);
  if (const std::optional<Exit> exit = wait_until(Clock::now() + patience)) return *exit;
  signal(SIGKILL);
  return *reap(true);
}

std::string last_lines(const std::string& path, std::size_t n_lines) {
  std::ifstream file(path);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(std::move(line));
    if (lines.size() > n_lines) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace engineroom::launch
