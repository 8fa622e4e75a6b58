#include "wire/connection_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <simdjson.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "base/write_all.h"

namespace engineroom::wire {
namespace {

constexpr std::size_t kMaxFileBytes = 1u << 20;
constexpr std::size_t kCurveKeyChars = 40;

// ---- which keys there are ----

struct PortKey {
  const char* name;
  int ConnectionInfo::* member;
  bool for_clients;
  bool for_engines;

  bool applies_to(Role role) const { return role == Role::kClient ? for_clients : for_engines; }
};

constexpr PortKey kPortKeys[] = {
    {"registration", &ConnectionInfo::registration, true, true},
    {"control", &ConnectionInfo::control, true, true},
    {"mux", &ConnectionInfo::mux, true, true},
    {"task", &ConnectionInfo::task, true, true},
    {"iopub", &ConnectionInfo::iopub, true, true},
    {"notification", &ConnectionInfo::notification, true, false},
    {"hb_ping", &ConnectionInfo::hb_ping, false, true},
    {"hb_pong", &ConnectionInfo::hb_pong, false, true},
};

struct TextKey {
  const char* name;
  std::string ConnectionInfo::* member;
  bool required;
};

constexpr TextKey kTextKeys[] = {
    {"ssh", &ConnectionInfo::ssh, false},
    {"interface", &ConnectionInfo::interface, true},
    {"location", &ConnectionInfo::location, false},
    {"key", &ConnectionInfo::key, true},
    {"signature_scheme", &ConnectionInfo::signature_scheme, false},
    {"pack", &ConnectionInfo::pack, false},
    {"unpack", &ConnectionInfo::unpack, false},
    {"curve_serverkey", &ConnectionInfo::curve_serverkey, false},
    {"task_scheme", &ConnectionInfo::task_scheme, false},
};

// ---- parsing ----

Status invalid(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

Status read_text(const simdjson::dom::object& object, const TextKey& key, std::string& out) {
  simdjson::dom::element value;
  if (object[key.name].get(value) != simdjson::SUCCESS || value.is_null()) {
    if (key.required) return invalid(std::string("connection info has no '") + key.name + "'");
    return {};
  }
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    return invalid(std::string("connection info's '") + key.name + "' is no string");
  }
  out = text;
  return {};
}

Status parse_port(simdjson::dom::element value, const char* name, int& out) {
  std::int64_t port = 0;
  if (value.get(port) != simdjson::SUCCESS || port < 1 || port > 65535) {
    return invalid(std::string("connection info's '") + name + "' is no port number (1 to 65535)");
  }
  out = static_cast<int>(port);
  return {};
}

Status read_port(const simdjson::dom::object& object, const char* name, int& out) {
  simdjson::dom::element value;
  if (object[name].get(value) != simdjson::SUCCESS) {
    return invalid(std::string("connection info has no '") + name + "'");
  }
  return parse_port(value, name, out);
}

// One port or a list of them, whichever the writer preferred.
Status read_broadcast(const simdjson::dom::object& object, std::vector<int>& out) {
  simdjson::dom::array list;
  if (object["broadcast"].get(list) != simdjson::SUCCESS) {
    return read_port(object, "broadcast", out.emplace_back());
  }
  for (const simdjson::dom::element element : list) {
    if (Status status = parse_port(element, "broadcast", out.emplace_back()); !status.ok())
      return status;
  }
  if (out.empty()) return invalid("connection info's 'broadcast' lists no ports");
  return {};
}

// What we could not speak is refused here, with the remedy, rather than as garbage on the wire
// later.
Status check_supported(const ConnectionInfo& info) {
  for (const std::string& packer : {info.pack, info.unpack}) {
    if (packer == "json" || packer == "orjson") continue;
    return invalid(
        "messages packed with '" + packer +
        "' are not supported; start the controller with Session.packer='json' and unpacker='json'");
  }
  if (info.signature_scheme != "hmac-sha256") {
    return invalid(
        "signature scheme '" + info.signature_scheme +
        "' is not supported; start the controller with Session.signature_scheme='hmac-sha256'");
  }
  if (!info.interface.starts_with("tcp://") && !info.interface.starts_with("ipc://")) {
    return invalid("interface '" + info.interface +
                   "' is not supported; it must begin with tcp:// or ipc://");
  }
  if (!info.curve_serverkey.empty() && info.curve_serverkey.size() != kCurveKeyChars) {
    return invalid("curve_serverkey must have 40 characters (Z85), not " +
                   std::to_string(info.curve_serverkey.size()));
  }
  return {};
}

// ---- addresses ----

// True if `address` is one of this machine's numeric IPv4 or IPv6 addresses.
bool is_own_address(const std::string& address) {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return false;
  bool found = false;
  for (const ifaddrs* entry = first; entry != nullptr && !found; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    std::array<char, NI_MAXHOST> text{};
    const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    found = getnameinfo(entry->ifa_addr, length, text.data(), text.size(), nullptr, 0,
                        NI_NUMERICHOST) == 0 &&
            address == text.data();
  }
  freeifaddrs(first);
  return found;
}

bool is_this_host(const std::string& location) {
  if (location.empty() || location == "localhost") return true;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0 && location == name.data()) return true;
  return is_own_address(location);
}

// ---- files ----

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status io_error(const char* what, const std::string& path) {
  const int error = errno;
  const ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return Status(code, std::string("cannot ") + what + " " + path + ": " +
                          std::system_category().message(error));
}

Status write_new_file(const std::string& path, std::string_view text,
                      std::optional<unsigned> owner) {
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return io_error("create", path);
  // open() subtracted the umask, which may have taken our own right away.
  if (::fchmod(file.get(), 0600) != 0) return io_error("set the mode of", path);
  if (!write_all(file.get(), text)) return io_error("write", path);
  if (owner && ::fchown(file.get(), *owner, static_cast<gid_t>(-1)) != 0) {
    return io_error("give away", path);
  }
  if (::fsync(file.get()) != 0) return io_error("sync", path);
  return {};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes the rename itself survive a power failure. Some file systems cannot sync a folder; the file
// is whole anyway.
void sync_folder(const std::string& folder) {
  const FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
}

Status check_private(const struct stat& stat, const std::string& path) {
  if (!S_ISREG(stat.st_mode)) return invalid(path + " is no regular file");
  const uid_t user = geteuid();
  if (stat.st_uid != user && user != 0) {
    return invalid(path + " belongs to another user (uid " + std::to_string(stat.st_uid) +
                   "), who could put a false address into it; make your own copy with mode 600 if "
                   "you trust it");
  }
  if ((stat.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0) {
    return invalid(
        path +
        " can be read or written by other users, and it holds the key to run code as you; run: " +
        "chmod 600 " + path);
  }
  return {};
}

Result<std::string> read_private_file(const std::string& path) {
  // O_NONBLOCK: a named pipe in its place must not make us wait.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return io_error("open", path);
  struct stat stat{};
  if (::fstat(file.get(), &stat) != 0) return io_error("inspect", path);
  if (Status status = check_private(stat, path); !status.ok()) return status;

  std::string text;
  std::array<char, 4096> chunk;
  while (text.size() <= kMaxFileBytes) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("read", path);
    if (n == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return Status(ErrorCode::kResourceExhausted,
                path + " is larger than 1 MB, so it is no connection file");
}

}  // namespace

std::string ConnectionInfo::url(int port) const {
  std::string base = interface;
  if (base == "tcp://*" || base == "tcp://0.0.0.0") {
    base = "tcp://" + (is_this_host(location) ? std::string("127.0.0.1") : location);
  }
  return base + ":" + std::to_string(port);
}

Result<ConnectionInfo> parse_connection_info(std::string_view json, Role role) {
  JsonReader reader(kMaxFileBytes);
  Result<simdjson::dom::element> root = reader.parse(json);
  if (!root.ok())
    return Status(root.status().code(), "connection info is " + root.status().message());
  simdjson::dom::object object;
  if (root.value().get(object) != simdjson::SUCCESS) {
    return Status(ErrorCode::kMalformed, "connection info is no JSON object");
  }

  ConnectionInfo info;
  for (const TextKey& key : kTextKeys) {
    if (Status status = read_text(object, key, info.*key.member); !status.ok()) return status;
  }
  // Before the ports: an unusual packer says more about a foreign file than a port it lacks.
  if (Status status = check_supported(info); !status.ok()) return status;
  for (const PortKey& key : kPortKeys) {
    if (!key.applies_to(role)) continue;
    if (Status status = read_port(object, key.name, info.*key.member); !status.ok()) return status;
  }
  if (Status status = read_broadcast(object, info.broadcast); !status.ok()) return status;
  return info;
}

std::string to_json(const ConnectionInfo& info, Role role) {
  std::string out = "{";
  const auto add = [&](const char* name, const std::string& value_json) {
    if (out.size() > 1) out += ',';
    out += "\n  ";
    append_json_quoted(out, name);
    out += ": ";
    out += value_json;
  };
  const auto add_text = [&](const char* name, const std::string& text) {
    add(name, json_quote(text));
  };

  add_text("ssh", info.ssh);
  add_text("interface", info.interface);
  for (const PortKey& key : kPortKeys) {
    if (key.applies_to(role)) add(key.name, std::to_string(info.*key.member));
  }
  if (role == Role::kClient) {
    add("broadcast", std::to_string(info.broadcast.empty() ? 0 : info.broadcast.front()));
    add_text("task_scheme", info.task_scheme);
  } else {
    JsonWriter ports;
    ports.begin_array();
    for (const int port : info.broadcast) ports.value(port);
    ports.end_array();
    add("broadcast", ports.take());
  }
  add_text("key", info.key);
  add("curve_serverkey", info.curve_serverkey.empty() ? "null" : json_quote(info.curve_serverkey));
  add_text("location", info.location);
  add_text("pack", info.pack);
  add_text("unpack", info.unpack);
  add_text("signature_scheme", info.signature_scheme);
  return out + "\n}\n";
}

Result<ConnectionInfo> read_connection_file(const std::string& path, Role role) {
  Result<std::string> text = read_private_file(path);
  if (!text.ok()) return text.status();
  Result<ConnectionInfo> info = parse_connection_info(text.value(), role);
  if (!info.ok()) return Status(info.status().code(), path + ": " + info.status().message());
  return info;
}

Status write_connection_file(const std::string& path, const ConnectionInfo& info, Role role,
                             std::optional<unsigned> owner) {
  return write_private_file(path, to_json(info, role), owner);
}

Status write_private_file(const std::string& path, std::string_view text,
                          std::optional<unsigned> owner) {
  // A name that nobody can guess, in the same folder, since rename() does not cross file systems.
  const std::string temporary = path + ".tmp-" + random_hex(8);
  Status status = write_new_file(temporary, text, owner);
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0)
    status = io_error("rename to", path);
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  sync_folder(folder_of(path));
  return {};
}

}  // namespace engineroom::wire
