#include "launch/process.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace engineroom::launch {
namespace {

// ---- the thread that makes children ----

// Runs functions on one thread that never ends.
class Spawner {
 public:
  static Spawner& instance() {
    // Never destroyed: its thread uses it until the process is gone. A process made by fork() has no
    // such thread and starts its own.
    static std::atomic<Spawner*> current{nullptr};
    Spawner* spawner = current.load();
    if (spawner != nullptr && spawner->pid_ == getpid()) return *spawner;
    auto* fresh = new Spawner;
    return current.compare_exchange_strong(spawner, fresh) ? *fresh : *current.load();
  }

  pid_t run(std::function<pid_t()> f) {
    std::packaged_task<pid_t()> task(std::move(f));
    std::future<pid_t> result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
    return result.get();
  }

 private:
  Spawner() {
    std::thread([this] { loop(); }).detach();
  }

  void loop() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !tasks_.empty(); });
      std::packaged_task<pid_t()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  const pid_t pid_ = getpid();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<pid_t()>> tasks_;  // guarded by mutex_
};

// ---- what a child needs, made before the fork ----

// After the fork of a process with threads only system calls are safe: no allocation, no look-up.
struct Prepared {
  std::string program;  // a path
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::string output_file;
  int signal_if_orphaned = SIGKILL;
  pid_t parent = 0;
  int report_fd = -1;  // the child writes errno here if it cannot become the program
};

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

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// ---- in the child ----

[[noreturn]] void fail_child(const Prepared& prepared) {
  const int error = errno;
  [[maybe_unused]] const ssize_t n = write(prepared.report_fd, &error, sizeof error);
  _exit(127);
}

[[noreturn]] void become_program(const Prepared& prepared) {
  prctl(PR_SET_PDEATHSIG, prepared.signal_if_orphaned);
  if (getppid() != prepared.parent) _exit(127);  // it died before that
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int in = open("/dev/null", O_RDONLY);
  const int out = open(prepared.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (in < 0 || out < 0) fail_child(prepared);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execve(prepared.program.c_str(), prepared.argv.data(), prepared.envp.data());
  fail_child(prepared);
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
  Prepared prepared;
  prepared.program = find_program(spec.command.at(0));
  if (prepared.program.empty()) {
    return Status(ErrorCode::kNotFound,
                  "there is no program " + spec.command[0] + " (looked for in $PATH)");
  }
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0)
    return Status(ErrorCode::kIo, std::string("pipe: ") + std::strerror(errno));
  prepared.environment = merged_environment(spec.environment);
  prepared.argv = pointers(spec.command);
  prepared.envp = pointers(prepared.environment);
  prepared.output_file = spec.output_file.empty() ? "/dev/null" : spec.output_file;
  prepared.signal_if_orphaned = spec.signal_if_orphaned;
  prepared.parent = getpid();
  prepared.report_fd = report[1];

  const pid_t pid = Spawner::instance().run([&] {
    const pid_t child = fork();
    if (child == 0) become_program(prepared);
    return child < 0 ? -errno : child;
  });
  close(report[1]);
  int error = pid < 0 ? -pid : 0;
  if (pid > 0 && read(report[0], &error, sizeof error) != sizeof error) error = 0;
  close(report[0]);
  if (error == 0) return Process(pid);
  if (pid > 0) waitpid(pid, nullptr, 0);
  return Status(ErrorCode::kIo, "cannot start " + prepared.program + ": " + std::strerror(error));
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
