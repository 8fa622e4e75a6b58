#include "controller/files.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"

namespace engineroom::controller {
namespace {

namespace fs = std::filesystem;

Status io_error(const std::string& what, const std::string& why) {
  return Status(ErrorCode::kIo, what + ": " + why);
}

Status make_folder(const std::string& path, bool is_private) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return io_error("cannot make the folder " + path, error.message());
  if (is_private && ::chmod(path.c_str(), 0700) != 0) {
    return io_error("cannot make the folder " + path + " private", std::strerror(errno));
  }
  return {};
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void remove_if_same(const std::string& path, const std::string& text) {
  if (!text.empty() && read_text(path) == text) std::remove(path.c_str());
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

bool is_root() { return ::geteuid() == 0; }

// The system user of this name, if files can be given to them.
std::optional<uid_t> system_user(const std::string& name) {
  if (!is_root()) return std::nullopt;
  const passwd* entry = ::getpwnam(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  return entry != nullptr ? std::optional(entry->pw_uid) : std::nullopt;
}

std::string folder_of(const std::string& path) { return fs::path(path).parent_path().string(); }

std::string interface_of(const Options& options, const std::string& folder,
                         const std::string& stem) {
  if (options.transport == "ipc") return "ipc://" + folder + "/" + stem + "-socket";
  return "tcp://" + (options.ip.empty() || options.ip == "localhost" ? "127.0.0.1" : options.ip);
}

}  // namespace

ConnectionFiles::ConnectionFiles(const Options& options)
    : profile_dir_(resolve_profile_dir(options)),
      folder_(options.connection_dir.empty() ? profile_dir_ + "/security" : options.connection_dir),
      stem_(options.cluster_id.empty() ? "ipcontroller" : "ipcontroller-" + options.cluster_id),
      database_folder_(options.database_folder.empty() ? profile_dir_ : options.database_folder),
      database_file_(!options.database_file.empty() ? options.database_file
                     : options.cluster_id.empty()   ? "tasks.db"
                                                    : "tasks-" + options.cluster_id + ".db"),
      client_path_(folder_ + "/" + stem_ + "-client.json"),
      engine_path_(folder_ + "/" + stem_ + "-engine.json"),
      users_(options.users),
      are_kept_(options.reuse_files || options.keeps_journal),
      users_folder_(options.users_dir.empty() ? folder_ + "/users" : options.users_dir) {}

std::string ConnectionFiles::user_path(const std::string& name) const {
  return users_folder_ + "/" + name + "/" + stem_ + "-client.json";
}

std::string ConnectionFiles::database_path() const {
  return database_file_.starts_with('/') ? database_file_ : database_folder_ + "/" + database_file_;
}

std::string ConnectionFiles::kept_path(const std::string& name) const {
  return folder_ + "/" + stem_ + "-user-" + name + ".json";
}

Status ConnectionFiles::make_folders() const {
  // A folder that the user named stays as it is; the files in it are private anyway.
  const bool is_new = !fs::exists(folder_);
  if (Status status = make_folder(folder_, is_new); !status.ok()) return status;
  for (const char* name : {"security", "log", "pid", "startup"}) {
    const bool is_private = std::string_view(name) == "security";
    if (Status status = make_folder(profile_dir_ + "/" + name, is_private); !status.ok())
      return status;
  }
  return make_user_folders();
}

// Ours, so that nobody can put anything else in the place of what is in them. If files are for
// other system users, these can pass.
Status ConnectionFiles::make_user_folders() const {
  if (users_.empty()) return {};
  const mode_t mode = is_root() ? 0711 : 0700;
  std::vector<std::string> folders = {users_folder_};
  for (const std::string& name : users_) folders.push_back(folder_of(user_path(name)));
  for (const std::string& folder : folders) {
    const bool is_new = !fs::exists(folder);
    if (Status status = make_folder(folder, false); !status.ok()) return status;
    struct stat stat{};
    if (::lstat(folder.c_str(), &stat) != 0 || !S_ISDIR(stat.st_mode) ||
        stat.st_uid != ::geteuid()) {
      return io_error("cannot use the folder " + folder, "it is not ours");
    }
    if ((is_new || folder != users_folder_) && ::chmod(folder.c_str(), mode) != 0) {
      return io_error("cannot set the mode of the folder " + folder, std::strerror(errno));
    }
  }
  return {};
}

Result<std::optional<Addresses>> ConnectionFiles::read_existing(const Addresses& planned) const {
  if (!fs::exists(client_path_) || !fs::exists(engine_path_)) return std::optional<Addresses>();
  auto client = wire::read_connection_file(client_path_, wire::Role::kClient);
  if (!client.ok()) return client.status();
  auto engine = wire::read_connection_file(engine_path_, wire::Role::kEngine);
  if (!engine.ok()) return engine.status();
  if (client.value().interface != engine.value().interface) {
    return Status(
        ErrorCode::kInvalidArgument,
        client_path_ + " and the engines' file beside it are not of one controller; remove both");
  }
  Addresses addresses{client.take(), engine.take(), planned.users};
  for (std::size_t i = 0; i < users_.size(); ++i) {
    if (!fs::exists(kept_path(users_[i]))) continue;
    auto user = wire::read_connection_file(kept_path(users_[i]), wire::Role::kClient);
    if (!user.ok()) return user.status();
    addresses.users[i] = user.take();
  }
  // One port for both, as stock controllers have it: ours are two.
  if (addresses.client.registration == addresses.engine.registration) {
    addresses.client.registration = 0;
  }
  return std::optional(std::move(addresses));
}

Status ConnectionFiles::write(const Addresses& addresses) {
  if (Status status = write_users(addresses); !status.ok()) return status;
  // The engines' file last: launchers that wait for both often look for it.
  Status status = wire::write_connection_file(client_path_, addresses.client, wire::Role::kClient);
  if (!status.ok()) return status;
  status = wire::write_connection_file(engine_path_, addresses.engine, wire::Role::kEngine);
  if (!status.ok()) return status;
  client_text_ = read_text(client_path_).value_or("");
  engine_text_ = read_text(engine_path_).value_or("");
  return {};
}

Status ConnectionFiles::write_users(const Addresses& addresses) {
  for (std::size_t i = 0; i < users_.size(); ++i) {
    const std::string& name = users_[i];
    const wire::ConnectionInfo& info = addresses.users[i];
    Status status =
        wire::write_connection_file(user_path(name), info, wire::Role::kClient, system_user(name));
    if (status.ok() && are_kept_) {
      status = wire::write_connection_file(kept_path(name), info, wire::Role::kClient);
    }
    if (!status.ok()) return status;
    user_texts_.push_back(wire::to_json(info, wire::Role::kClient));
  }
  return {};
}

void ConnectionFiles::remove() const {
  for (std::size_t i = 0; i < user_texts_.size(); ++i) {
    remove_if_same(user_path(users_[i]), user_texts_[i]);
    remove_if_same(kept_path(users_[i]), user_texts_[i]);
  }
  remove_if_same(client_path_, client_text_);
  remove_if_same(engine_path_, engine_text_);
}

Addresses plan_addresses(const Options& options, const ConnectionFiles& files,
                         const std::optional<SideKeys>& curve) {
  wire::ConnectionInfo info;
  info.interface = interface_of(options, files.folder(), files.stem());
  info.location = options.location.empty() ? host_name() : options.location;
  info.task_scheme = options.scheme;
  Addresses addresses{info, info};
  addresses.client.ssh = options.ssh_server;
  addresses.engine.ssh = options.engine_ssh_server;
  if (curve) {
    // CURVE authenticates every byte, so messages need no signature as well; stock peers expect
    // none then.
    addresses.client.curve_serverkey = curve->clients.public_key;
    addresses.engine.curve_serverkey = curve->engines.public_key;
  } else {
    addresses.client.key = options.key.value_or(random_hex(32));
    addresses.engine.key = options.key.value_or(random_hex(32));
  }
  for (std::size_t i = 0; i < options.users.size(); ++i) {
    wire::ConnectionInfo& user = addresses.users.emplace_back(addresses.client);
    const std::string folder = folder_of(files.user_path(options.users[i]));
    user.interface = interface_of(options, folder, files.stem());
    // Both: two locks between users cost little.
    user.key = random_hex(32);
    user.curve_serverkey = curve ? curve->users[i].public_key : "";
  }
  return addresses;
}

bool is_local_only(const Options& options) {
  return options.transport == "ipc" || options.ip.empty() || options.ip == "localhost" ||
         options.ip.starts_with("127.");
}

namespace {

constexpr std::size_t kKeySize = 40;

// Secret and public key of clients, then of engines.
std::string to_text(const SideKeys& keys) {
  return keys.clients.secret_key + keys.clients.public_key + keys.engines.secret_key +
         keys.engines.public_key;
}

std::optional<SideKeys> read_keys(const std::string& path) {
  const auto text = read_text(path);
  if (!text || text->size() != 4 * kKeySize) return std::nullopt;
  const auto part = [&](std::size_t n) { return text->substr(n * kKeySize, kKeySize); };
  SideKeys keys;
  keys.clients.secret_key = part(0);
  keys.clients.public_key = part(1);
  keys.engines.secret_key = part(2);
  keys.engines.public_key = part(3);
  return keys;
}

Result<transport::CurveKeys> user_keys(const std::string& name, bool is_kept,
                                       const ConnectionFiles& files) {
  transport::CurveKeys keys = transport::make_curve_keys();
  keys.is_server = true;
  if (!is_kept) return keys;
  const std::string path = files.folder() + "/" + files.stem() + "-curve-" + name + ".secret";
  const auto text = read_text(path);
  if (text && text->size() == 2 * kKeySize) {
    keys.secret_key = text->substr(0, kKeySize);
    keys.public_key = text->substr(kKeySize);
    return keys;
  }
  const Status status = wire::write_private_file(path, keys.secret_key + keys.public_key);
  return status.ok() ? Result<transport::CurveKeys>(keys) : Result<transport::CurveKeys>(status);
}

}  // namespace

Result<SideKeys> curve_keys(const Options& options, const ConnectionFiles& files) {
  SideKeys keys{transport::make_curve_keys(), transport::make_curve_keys()};
  const bool are_kept = options.reuse_files || options.keeps_journal;
  if (!options.curve_secret_key.empty()) {
    if (options.curve_secret_key.size() != kKeySize ||
        options.curve_public_key.size() != kKeySize) {
      return Status(ErrorCode::kInvalidArgument,
                    "CURVE keys are 40 characters each: set both IPP_CURVE_SECRETKEY and "
                    "IPP_CURVE_PUBLICKEY");
    }
    keys.clients.secret_key = options.curve_secret_key;
    keys.clients.public_key = options.curve_public_key;
    keys.engines = keys.clients;
  } else if (are_kept) {
    // Peers keep the public key of the files that are reused, so the secret one has to last as
    // long.
    const std::string path = files.folder() + "/" + files.stem() + "-curve.secret";
    if (auto kept = read_keys(path)) {
      keys = std::move(*kept);
    } else if (Status status = wire::write_private_file(path, to_text(keys)); !status.ok()) {
      return status;
    }
  }
  keys.clients.is_server = keys.engines.is_server = true;
  for (const std::string& name : options.users) {
    auto theirs = user_keys(name, are_kept, files);
    if (!theirs.ok()) return theirs.status();
    keys.users.push_back(theirs.take());
  }
  return keys;
}

}  // namespace engineroom::controller
