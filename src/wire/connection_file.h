// wire/connection_file.h — the JSON files by which clients and engines find and trust a controller.
//
// Two files, ipcontroller[-<cluster_id>]-{client,engine}.json, 0600, written atomically (temporary
// name in the same folder, fsync, rename). Keys and their meaning: docs/formats/connection_file.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace engineroom::wire {

struct ConnectionInfo {
  std::string ssh;
  std::string interface;  // "tcp://127.0.0.1" or "ipc:///path"; a url is interface + ":" + port
  std::string location;   // host or address of the controller, used when interface is tcp://*
  std::string key;        // HMAC key; empty = unsigned (only with CURVE)
  std::string signature_scheme = "hmac-sha256";
  std::string pack = "json";
  std::string unpack = "json";
  std::string curve_serverkey;            // Z85, 40 characters; empty = no CURVE
  std::string task_scheme = "leastload";  // clients' file only
  int registration = 0;
  int control = 0;
  int mux = 0;
  int task = 0;
  int iopub = 0;
  int notification = 0;        // clients' file only
  int hb_ping = 0;             // engines' file only
  int hb_pong = 0;             // engines' file only
  std::vector<int> broadcast;  // one port for clients; one per leaf for engines

  // "tcp://127.0.0.1:4567". A wildcard interface is replaced by localhost or `location`.
  std::string url(int port) const;
};

enum class Role { kClient, kEngine };

Result<ConnectionInfo> parse_connection_info(std::string_view json, Role role);
std::string to_json(const ConnectionInfo& info, Role role);

// Refuses a file that other users can read or write, or that belongs to somebody else (the remedy
// is named).
Result<ConnectionInfo> read_connection_file(const std::string& path, Role role);
// `owner`: the system user whose file it is to be, if not this process's own (which takes root).
Status write_connection_file(const std::string& path, const ConnectionInfo& info, Role role,
                             std::optional<unsigned> owner = std::nullopt);

// Writes `text` to `path` with mode 0600, atomically.
Status write_private_file(const std::string& path, std::string_view text,
                          std::optional<unsigned> owner = std::nullopt);

}  // namespace engineroom::wire
