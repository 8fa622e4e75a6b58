#include "launch/guardian.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <string_view>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launch/spawner.h"

namespace engineroom::launch {
namespace {

// After the end of file it leaves a second for what ends by itself when told to.
constexpr char kScript[] = R"(
trap '' HUP INT TERM
groups=
while read -r verb group; do
  case $verb in
    watch) groups="$groups $group" ;;
    release)
      set --
      for g in $groups; do [ "$g" = "$group" ] || set -- "$@" "$g"; done
      groups="$*" ;;
  esac
done
[ -z "$groups" ] && exit
sleep 1
for g in $groups; do kill -KILL "-$g" 2>/dev/null; done
)";

class Guardian {
 public:
  static Guardian& instance() {
    static auto* guardian = new Guardian;  // as long as the process
    return *guardian;
  }

  int socket() {
    const std::lock_guard lock(mutex_);
    // A process made by fork() has groups of its own to look after.
    if (owner_ != getpid()) start_locked();
    return socket_;
  }

 private:
  void start_locked() {
    owner_ = getpid();
    socket_ = -1;
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const Result<pid_t> started = spawn({.program = "/bin/sh",
                                         .arguments = {"sh", "-c", kScript, "engineroom-guardian"},
                                         .environment = {"PATH=/usr/bin:/bin"},
                                         .in = ends[1],
                                         .out = null});
    close(ends[1]);
    close(null);
    if (started.ok()) {
      socket_ = ends[0];
    } else {
      close(ends[0]);
    }
  }

  std::mutex mutex_;
  pid_t owner_ = -1;  // guarded by mutex_: the process that started it
  int socket_ = -1;   // guarded by mutex_
};

// One line, by one system call: lines of several processes do not mix.
void tell(int socket, std::string_view verb, pid_t group) {
  if (socket < 0) return;
  std::array<char, 32> line{};
  char* end = std::ranges::copy(verb, line.data()).out;
  *end++ = ' ';
  end = std::to_chars(end, line.data() + line.size() - 1, group).ptr;
  *end++ = '\n';
  const auto size = static_cast<std::size_t>(end - line.data());
  // If somebody has killed it, there is still what the owner of the groups does itself.
  [[maybe_unused]] const ssize_t n = send(socket, line.data(), size, MSG_NOSIGNAL);
}

}  // namespace

int guardian_socket() { return Guardian::instance().socket(); }

void announce_group(int socket, pid_t group) { tell(socket, "watch", group); }

void withdraw_group(int socket, pid_t group) { tell(socket, "release", group); }

void release_group(pid_t group) { withdraw_group(guardian_socket(), group); }

}  // namespace engineroom::launch
