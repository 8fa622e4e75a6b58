// controller/options.h — the command line and the profile's configuration.
//
// Two spellings are understood, because two kinds of callers exist: a person types `--ping=250` or
// `--ping 250`; ipyparallel's launchers and configuration files say `--HeartMonitor.period=250` and
// `c.HeartMonitor.period = 250`. A table (options.cpp) joins flag, trait, help and setter. What
// stock controllers know and this one does not need is ignored with one line in the log, so that
// existing scripts keep working.
//
// Order: defaults, then <profile>/ipcontroller_config.py (literals only: nothing here can run
// Python), then the environment, then the command line. Nothing is read from the working directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace engineroom::controller {

// Where records of requests and results are kept.
enum class Records { kNone, kMemory, kSqlite, kPostgres };

struct Options {
  // Where files are. Empty: derived, see resolve_profile_dir().
  std::string ipython_dir;
  std::string profile = "default";
  std::string profile_dir;
  std::string connection_dir;
  std::string cluster_id;

  // The address to bind: an IPv4 address, "*", or with transport ipc a path.
  std::string ip = "127.0.0.1";
  std::string transport = "tcp";
  // What peers on other machines call this one. Empty: the host name.
  std::string location;
  std::string ssh_server;
  std::string engine_ssh_server;
  // Ports to use, in the order in which sockets are bound; random ones when they run out.
  std::vector<int> ports;
  std::vector<int> engine_ports;
  std::vector<int> client_ports;
  // Use the ports and the key of the connection files that exist; keep the files at exit.
  bool reuse_files = false;

  // Keep a journal, so that a controller started after this one can go on; and go on with one.
  bool keeps_journal = false;
  bool restore = false;
  Duration restart_patience = std::chrono::seconds(30);

  bool enable_curve = false;
  std::string curve_secret_key;
  std::string curve_public_key;
  // The HMAC key. Absent: a random one.
  std::optional<std::string> key;

  // Users who see nothing of each other, each with a connection file (user_gate.h), and where those
  // are: a folder per user. Empty: "users" beside the other connection files.
  std::vector<std::string> users;
  std::string users_dir;

  Duration ping_period = std::chrono::milliseconds(3000);
  int max_misses = 10;
  Duration registration_timeout{};

  std::string scheme = "leastload";
  // Tasks outstanding per engine. Absent: automatic; 0: no limit.
  std::optional<int> hwm;

  Records records = Records::kSqlite;
  bool are_records_chosen = false;  // not just by default
  // In memory: finished ones.
  std::size_t max_records = 16'384;
  std::int64_t max_record_bytes = 64ll << 20;
  // In the database. Empty: "tasks.db", or "tasks-<cluster id>.db", in the profile's folder.
  std::string database_file;
  std::string database_folder;
  // What libpq takes: a URL, words, or nothing. Empty: "engineroom", or "engineroom_<cluster id>".
  std::string postgres_url;
  std::string postgres_schema;
  std::uint64_t max_saved_records = 1'000'000;
  std::uint64_t max_saved_bytes = std::uint64_t{4} << 30;  // of large buffers, in SQLite

  // Frames that claim to be larger end the connection they come on. Data: mux, task, broadcast,
  // iopub.
  std::int64_t max_data_bytes = 16ll << 30;
  std::int64_t max_request_bytes = 64ll << 20;

  // That one client may have unanswered.
  std::size_t max_client_requests = 1'000'000;
  std::int64_t max_client_bytes = 8ll << 30;

  std::string log_level = "20";
  std::string log_format;  // "json", else text; empty: what ENGINEROOM_LOG_FORMAT says
  std::string log_url;     // see transport/log_forwarder.h; empty: nowhere
  bool log_stats = false;

  // Said once logging is up.
  std::vector<std::string> remarks;
};

// What to do instead of running.
enum class Instead { kNothing, kHelp, kVersion };

struct CommandLine {
  Options options;
  Instead instead = Instead::kNothing;
};

// `arguments` without the program's name. kInvalidArgument names the flag and the remedy.
Result<CommandLine> read_command_line(const std::vector<std::string>& arguments);

std::string help_text();
std::string version_text();

// The folder that holds security/, log/ …, from --profile-dir, IPP_PROFILE_DIR, --profile,
// --ipython-dir, IPYTHONDIR.
std::string resolve_profile_dir(const Options& options);

}  // namespace engineroom::controller
