#include "controller/files.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
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

std::string interface_of(const Options& options, const ConnectionFiles& files) {
  if (options.transport == "ipc") return "ipc://" + files.folder() + "/" + files.stem() + "-socket";
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
      engine_path_(folder_ + "/" + stem_ + "-engine.json") {}

std::string ConnectionFiles::database_path() const {
  return database_file_.starts_with('/') ? database_file_ : database_folder_ + "/" + database_file_;
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
  return {};
}

Result<std::optional<Addresses>> ConnectionFiles::read_existing() const {
  if (!fs::exists(client_path_) || !fs::exists(engine_path_)) return std::optional<Addresses>();
  auto client = wire::read_connection_file(client_path_, wire::Role::kClient);
  if (!client.ok()) return client.status();
  auto engine = wire::read_connection_file(engine_path_, wire::Role::kEngine);
  if (!engine.ok()) return engine.status();
  const bool is_consistent = client.value().key == engine.value().key &&
                             client.value().registration == engine.value().registration &&
                             client.value().interface == engine.value().interface;
  if (!is_consistent) {
    return Status(
        ErrorCode::kInvalidArgument,
        client_path_ + " and the engines' file beside it are not of one controller; remove both");
  }
  return std::optional(Addresses{client.take(), engine.take()});
}

Status ConnectionFiles::write(const Addresses& addresses) {
  // The engines' file last: launchers that wait for both often look for it.
  Status status = wire::write_connection_file(client_path_, addresses.client, wire::Role::kClient);
  if (!status.ok()) return status;
  status = wire::write_connection_file(engine_path_, addresses.engine, wire::Role::kEngine);
  if (!status.ok()) return status;
  client_text_ = read_text(client_path_).value_or("");
  engine_text_ = read_text(engine_path_).value_or("");
  return {};
}

void ConnectionFiles::remove() const {
  remove_if_same(client_path_, client_text_);
  remove_if_same(engine_path_, engine_text_);
}

Addresses plan_addresses(const Options& options, const ConnectionFiles& files,
                         const std::string& curve_server_key) {
  wire::ConnectionInfo info;
  info.interface = interface_of(options, files);
  info.location = options.location.empty() ? host_name() : options.location;
  info.curve_serverkey = curve_server_key;
  // CURVE authenticates every byte, so messages need no signature as well; stock peers expect none
  // then.
  if (curve_server_key.empty()) info.key = options.key.value_or(random_hex(32));
  info.task_scheme = options.scheme;
  Addresses addresses{info, info};
  addresses.client.ssh = options.ssh_server;
  addresses.engine.ssh = options.engine_ssh_server;
  return addresses;
}

bool is_local_only(const Options& options) {
  return options.transport == "ipc" || options.ip.empty() || options.ip == "localhost" ||
         options.ip.starts_with("127.");
}

Result<transport::CurveKeys> curve_keys(const Options& options, const ConnectionFiles& files) {
  transport::CurveKeys keys = transport::make_curve_keys();
  if (!options.curve_secret_key.empty()) {
    keys.secret_key = options.curve_secret_key;
    keys.public_key = options.curve_public_key;
    if (keys.secret_key.size() != 40 || keys.public_key.size() != 40) {
      return Status(ErrorCode::kInvalidArgument,
                    "CURVE keys are 40 characters each: set both IPP_CURVE_SECRETKEY and "
                    "IPP_CURVE_PUBLICKEY");
    }
  } else if (options.reuse_files) {
    // Peers keep the public key of the files that are reused, so the secret one has to last as
    // long.
    const std::string path = files.folder() + "/" + files.stem() + "-curve.secret";
    const auto kept = read_text(path);
    if (kept && kept->size() == 80) {
      keys.secret_key = kept->substr(0, 40);
      keys.public_key = kept->substr(40);
    } else if (Status status = wire::write_private_file(path, keys.secret_key + keys.public_key);
               !status.ok()) {
      return status;
    }
  }
  keys.is_server = true;
  return keys;
}

}  // namespace engineroom::controller
