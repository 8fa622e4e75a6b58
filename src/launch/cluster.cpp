// launch/cluster.cpp — the public Cluster: processes, and the steps from none to a cluster.

#include "engineroom/cluster.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "launch/process.h"

namespace engineroom {
namespace {

namespace fs = std::filesystem;
using launch::Exit;
using launch::Process;
using launch::ProcessSpec;

constexpr std::size_t kLogLines = 12;
constexpr std::chrono::milliseconds kLookAgain{10};
constexpr double kEngineSlice = 0.2;  // seconds between looks at the engines' processes

std::string environment_or(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::vector<std::string> controller_command(const ClusterOptions& options) {
  if (!options.controller_command.empty()) return options.controller_command;
  return {environment_or("ENGINEROOM_CONTROLLER", "engineroom-controller")};
}

std::vector<std::string> engine_command(const ClusterOptions& options) {
  if (!options.engine_command.empty()) return options.engine_command;
  return {environment_or("ENGINEROOM_PYTHON", "python3"), "-m", "engineroom.engine"};
}

Result<std::string> make_temporary_folder() {
  std::string name = fs::temp_directory_path().string() + "/engineroom-XXXXXX";
  if (mkdtemp(name.data()) != nullptr) return name;
  return Status(ErrorCode::kIo, "cannot make a folder " + name + ": " + std::strerror(errno));
}

}  // namespace

struct Cluster::Impl {
  struct Member {
    std::string name;
    std::string log;
    Process process;
    bool ended_as_asked = false;
  };

  ClusterOptions options;
  std::string folder;
  bool remove_folder = false;
  std::string client_file;
  std::string engine_file;
  std::vector<Member> members;  // the controller first

  ~Impl() {
    static_cast<void>(stop(0.5));
    std::error_code ignored;
    if (remove_folder) fs::remove_all(folder, ignored);
  }

  Status prepare_folder() {
    folder = options.profile_dir;
    if (folder.empty()) {
      Result<std::string> made = make_temporary_folder();
      if (!made.ok()) return made.status();
      folder = made.take();
      remove_folder = true;
    }
    std::error_code error;
    for (const char* name : {"security", "log"}) {
      fs::create_directories(folder + "/" + name, error);
      if (error)
        return Status(ErrorCode::kIo,
                      "cannot make " + folder + "/" + name + ": " + error.message());
    }
    fs::permissions(folder + "/security", fs::perms::owner_all, error);
    const std::string suffix = options.cluster_id.empty() ? "" : "-" + options.cluster_id;
    client_file = folder + "/security/ipcontroller" + suffix + "-client.json";
    engine_file = folder + "/security/ipcontroller" + suffix + "-engine.json";
    // Those of an earlier controller would be taken for the new one's.
    fs::remove(client_file, error);
    fs::remove(engine_file, error);
    return {};
  }

  using Environment = std::vector<std::pair<std::string, std::string>>;

  Status start_member(std::string name, std::vector<std::string> command, int signal_if_orphaned,
                      Environment environment = {}) {
    command.push_back("--profile-dir=" + folder);
    if (!options.cluster_id.empty()) command.push_back("--cluster-id=" + options.cluster_id);
    std::string file_name = name;
    std::ranges::replace(file_name, ' ', '-');
    const std::string log = folder + "/log/" + file_name + ".log";
    Result<Process> process = Process::start({.command = std::move(command),
                                              .environment = std::move(environment),
                                              .output_file = log,
                                              .signal_if_orphaned = signal_if_orphaned});
    if (!process.ok()) return process.status();
    members.push_back({std::move(name), log, process.take()});
    return {};
  }

  // kUnavailable if a process that should run does not; says what its log says last.
  Status check_members() {
    for (Member& member : members) {
      const std::optional<Exit> exit = member.process.poll();
      if (!exit) continue;
      return Status(ErrorCode::kUnavailable, member.name + " " + exit->to_string() +
                                                 " while the cluster was starting; its log " +
                                                 member.log + " ends:\n" +
                                                 launch::last_lines(member.log, kLogLines));
    }
    return {};
  }

  Status start_controller() {
    // Told to end when orphaned, it removes its connection files.
    Status status = start_member("controller", controller_command(options), SIGTERM);
    if (!status.ok()) return status;
    const Time deadline = Clock::now() + from_seconds(options.timeout_s);
    while (!fs::exists(client_file) || !fs::exists(engine_file)) {
      if (status = check_members(); !status.ok()) return status;
      if (Clock::now() >= deadline)
        return Status(ErrorCode::kTimeout, "the controller has not written " + client_file);
      std::this_thread::sleep_for(kLookAgain);
    }
    return {};
  }

  Status start_engines() {
    const int n = options.engines > 0
                      ? options.engines
                      : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    // OpenMP in an engine has its share of the processors, unless somebody has said more.
    Environment environment;
    if (environment_or("OMP_NUM_THREADS", "").empty()) {
      const int share = static_cast<int>(std::thread::hardware_concurrency()) / n;
      environment.emplace_back("OMP_NUM_THREADS", std::to_string(std::max(1, share)));
    }
    // Which part of the machine is an engine's to offer (engine/resources.py).
    environment.emplace_back("ENGINEROOM_ENGINES_HERE", std::to_string(n));
    environment.emplace_back("ENGINEROOM_ENGINE_HERE", "");
    for (int i = 0; i < n; ++i) {
      environment.back().second = std::to_string(i);
      Status status = start_member("engine " + std::to_string(i), engine_command(options), SIGKILL,
                                   environment);
      if (!status.ok()) return status;
    }
    Result<Client> client =
        Client::connect({.connection_file = client_file, .timeout_s = options.timeout_s});
    if (!client.ok()) return client.status();
    const Time deadline = Clock::now() + from_seconds(options.timeout_s);
    for (;;) {
      Status status = client.value().wait_for_engines(n, kEngineSlice);
      if (status.code() != ErrorCode::kTimeout) return status;
      if (Status alive = check_members(); !alive.ok()) return alive;
      if (Clock::now() >= deadline) return status;
    }
  }

  Status stop(double timeout_s) {
    const Time deadline = Clock::now() + from_seconds(std::clamp(timeout_s, 0.0, 3600.0));
    bool killed = false;
    // Engines first: the controller then sees them leave.
    for (auto it = members.rbegin(); it != members.rend(); ++it) {
      if (it->process.poll()) continue;
      it->ended_as_asked = true;
      it->process.signal(SIGTERM);
    }
    for (auto it = members.rbegin(); it != members.rend(); ++it) {
      if (it->process.wait_until(deadline)) continue;
      killed = true;
      it->process.stop(Duration::zero());
    }
    if (killed) return Status(ErrorCode::kTimeout, "some processes had to be killed");
    return {};
  }
};

Cluster::Cluster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cluster::Cluster(Cluster&&) noexcept = default;
Cluster& Cluster::operator=(Cluster&&) noexcept = default;
Cluster::~Cluster() = default;

Result<Cluster> Cluster::start(const ClusterOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  Status status = impl->prepare_folder();
  if (status.ok()) status = impl->start_controller();
  if (status.ok()) status = impl->start_engines();
  if (!status.ok()) return status;
  return Cluster(std::move(impl));
}

Result<Client> Cluster::connect(double timeout_s) const {
  return Client::connect({.connection_file = impl_->client_file, .timeout_s = timeout_s});
}

const std::string& Cluster::profile_dir() const { return impl_->folder; }

const std::string& Cluster::connection_file() const { return impl_->client_file; }

std::vector<std::string> Cluster::problems() const {
  std::vector<std::string> out;
  for (Impl::Member& member : impl_->members) {
    const std::optional<Exit> exit = member.process.poll();
    if (exit && !member.ended_as_asked) out.push_back(member.name + " " + exit->to_string());
  }
  return out;
}

Status Cluster::stop(double timeout_s) { return impl_->stop(timeout_s); }

}  // namespace engineroom
