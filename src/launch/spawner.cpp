#include "launch/spawner.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/guardian.h"

namespace engineroom::launch {
namespace {

// Runs functions on one thread that never ends.
class Spawner {
 public:
  static Spawner& instance() {
    // Never destroyed: its thread uses it until the process is gone. A process made by fork() has
    // no such thread and starts its own.
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

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// In the child. Returns only if it cannot become the program.
void become(const SpawnPlan& plan, char* const* argv, char* const* envp, pid_t parent) {
  if (plan.signal_if_orphaned != 0) {
    prctl(PR_SET_PDEATHSIG, plan.signal_if_orphaned);
    if (getppid() != parent) _exit(127);  // it died before that
  }
  setsid();
  announce_group(plan.guardian, getpid());
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(plan.in, STDIN_FILENO);
  dup2(plan.out, STDOUT_FILENO);
  dup2(plan.out, STDERR_FILENO);
  execve(plan.program.c_str(), argv, envp);
}

}  // namespace

Result<pid_t> spawn(const SpawnPlan& plan) {
  // The child writes errno here if it fails; the pipe closes by itself if it does not.
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0)
    return Status(ErrorCode::kIo, std::string("pipe: ") + std::strerror(errno));
  const std::vector<char*> argv = pointers(plan.arguments);
  const std::vector<char*> envp = pointers(plan.environment);
  const pid_t parent = getpid();

  const pid_t pid = Spawner::instance().run([&] {
    const pid_t child = fork();
    if (child != 0) return child < 0 ? -errno : child;
    become(plan, argv.data(), envp.data(), parent);
    const int error = errno;
    withdraw_group(plan.guardian, getpid());
    [[maybe_unused]] const ssize_t n = write(report[1], &error, sizeof error);
    _exit(127);
  });
  close(report[1]);
  int error = pid < 0 ? -pid : 0;
  if (pid > 0 && read(report[0], &error, sizeof error) != sizeof error) error = 0;
  close(report[0]);
  if (error == 0) return pid;
  if (pid > 0) waitpid(pid, nullptr, 0);
  return Status(ErrorCode::kIo, "cannot start " + plan.program + ": " + std::strerror(error));
}

}  // namespace engineroom::launch
