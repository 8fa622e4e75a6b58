#include "controller/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <utility>

#include <engineroom/version.h>
#include <fmt/format.h>

#include "controller/config_file.h"
#include "controller/user_scope.h"

namespace engineroom::controller {
namespace {

// ---- values ----

Status bad_value(std::string_view what) {
  return Status(ErrorCode::kInvalidArgument, std::string(what));
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "True" || text == "true" || text == "1") return true;
  if (text == "False" || text == "false" || text == "0") return false;
  return std::nullopt;
}

// "10000-10010,10020" or "[10000, 10001]"
std::optional<std::vector<int>> parse_ports(std::string text) {
  std::erase_if(text,
                [](char c) { return c == ' ' || c == '[' || c == ']' || c == '{' || c == '}'; });
  std::vector<int> ports;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string_view item = std::string_view(text).substr(at, end - at);
    const std::size_t dash = item.find('-');
    const auto first = parse_number<int>(item.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_number<int>(item.substr(dash + 1));
    if (!first || !last || *first < 1 || *last > 65535 || *first > *last) return std::nullopt;
    for (int port = *first; port <= *last; ++port) ports.push_back(port);
    at = end + 1;
  }
  return ports;
}

// ---- setters: a member of Options from a flag's text ----

using Set = std::function<Status(Options&, std::string_view)>;

Set text(std::string Options::* member) {
  return [member](Options& options, std::string_view value) {
    options.*member = value;
    return Status();
  };
}

Set flag(bool Options::* member) {
  return [member](Options& options, std::string_view value) {
    const auto parsed = parse_flag(value);
    if (!parsed) return bad_value("wants True or False");
    options.*member = *parsed;
    return Status();
  };
}

template <typename Number>
Set number(Number Options::* member, Number min) {
  return [member, min](Options& options, std::string_view value) {
    const auto parsed = parse_number<Number>(value);
    if (!parsed || *parsed < min)
      return bad_value(fmt::format("wants a number of at least {}", min));
    options.*member = *parsed;
    return Status();
  };
}

Set ports(std::vector<int> Options::* member) {
  return [member](Options& options, std::string_view value) {
    auto parsed = parse_ports(std::string(value));
    if (!parsed) return bad_value("wants ports like 10000-10020,10030");
    options.*member = std::move(*parsed);
    return Status();
  };
}

// `unit_seconds`: what 1 means.
Set duration(Duration Options::* member, double unit_seconds) {
  return [member, unit_seconds](Options& options, std::string_view value) {
    const auto parsed = parse_number<double>(value);
    if (!parsed || !(*parsed > 0) || *parsed * unit_seconds > 1e6) {
      return bad_value("wants a positive number");
    }
    options.*member = from_seconds(*parsed * unit_seconds);
    return Status();
  };
}

Status set_restore(Options& options, std::string_view value) {
  const auto parsed = parse_flag(value);
  if (!parsed) return bad_value("wants True or False");
  options.restore = *parsed;
  options.keeps_journal = options.keeps_journal || *parsed;
  return {};
}

Status set_hwm(Options& options, std::string_view value) {
  const auto parsed = parse_number<int>(value);
  if (!parsed || *parsed < 0) return bad_value("wants a number of tasks; 0 is no limit");
  options.hwm = *parsed;
  return {};
}

Status set_key(Options& options, std::string_view value) {
  options.key = std::string(value);
  return {};
}

// "alice,bob" or "['alice', 'bob']"; further ones are added.
Status add_users(Options& options, std::string_view value) {
  constexpr std::size_t kMaxUsers = 100;
  std::string names(value);
  std::erase_if(names,
                [](char c) { return std::string_view(" []'\"").find(c) != std::string::npos; });
  for (std::size_t at = 0; at <= names.size();) {
    const std::size_t end = std::min(names.find(',', at), names.size());
    const std::string name = names.substr(at, end - at);
    at = end + 1;
    if (!is_user_name(name)) {
      return bad_value(
          "wants names of letters, digits, '_', '.' and '-', separated by commas: alice,bob");
    }
    const bool is_new =
        std::find(options.users.begin(), options.users.end(), name) == options.users.end();
    if (is_new) options.users.push_back(name);
  }
  if (options.users.size() > kMaxUsers) {
    return bad_value(fmt::format("wants {} users at most", kMaxUsers));
  }
  return {};
}

Status set_transport(Options& options, std::string_view value) {
  if (value != "tcp" && value != "ipc") return bad_value("wants tcp or ipc");
  options.transport = value;
  return {};
}

// ipyparallel.controller.dictdb.NoDB and its like.
Status set_db_class(Options& options, std::string_view value) {
  const auto is = [value](std::string_view name) { return value.find(name) != value.npos; };
  options.records = is("NoDB")       ? Records::kNone
                    : is("DictDB")   ? Records::kMemory
                    : is("Postgres") ? Records::kPostgres
                                     : Records::kSqlite;
  options.are_records_chosen = true;
  if (is("Mongo")) {
    options.remarks.push_back(fmt::format("no {}: records are kept in a SQLite file", value));
  }
  return {};
}

Status set_postgres(Options& options, std::string_view value) {
  options.records = Records::kPostgres;
  options.are_records_chosen = true;
  options.postgres_url = value;
  return {};
}

// ---- the table ----

struct Setting {
  std::string_view group;
  // Empty: only the trait exists.
  std::string_view flag;
  std::string_view trait;
  // Empty: the flag takes no value and means True, or `implied`.
  std::string_view metavar;
  std::string_view help;
  Set set;
  std::string_view implied = "True";
};

constexpr std::string_view kFiles = "Files";
constexpr std::string_view kNetwork = "Network";
constexpr std::string_view kSecurity = "Security";
constexpr std::string_view kTasks = "Tasks and engines";
constexpr std::string_view kOther = "Log and limits";

const std::vector<Setting>& settings() {
  static const std::vector<Setting> table = {
      {kFiles, "profile", "BaseIPythonApplication.profile", "NAME",
       "the IPython profile to use (default)", text(&Options::profile)},
      {kFiles, "profile-dir", "ProfileDir.location", "DIR", "the profile's folder itself",
       text(&Options::profile_dir)},
      {kFiles, "ipython-dir", "BaseIPythonApplication.ipython_dir", "DIR",
       "where profiles are ($IPYTHONDIR, else ~/.ipython)", text(&Options::ipython_dir)},
      {kFiles, "connection-dir", "", "DIR",
       "where to write the two connection files (<profile>/security)",
       text(&Options::connection_dir)},
      {kFiles, "cluster-id", "BaseParallelApplication.cluster_id", "ID",
       "tells several clusters of one profile apart", text(&Options::cluster_id)},
      {kFiles, "reuse", "IPController.reuse_files", "",
       "keep ports and key of the connection files that exist, and the files at exit",
       flag(&Options::reuse_files)},
      {kFiles, "journal", "", "", "keep a journal of what is under way, for --restore (off)",
       flag(&Options::keeps_journal)},
      {kFiles, "restore", "", "",
       "go on with the journal, ports and key of a controller that was killed; keep one as well",
       set_restore},
      {kFiles, "restart-patience", "", "SECONDS",
       "how long clients and engines wait for that, and it for engines (30)",
       duration(&Options::restart_patience, 1)},

      {kNetwork, "ip", "IPController.ip", "ADDRESS",
       "the address to listen on; * is all (127.0.0.1)", text(&Options::ip)},
      {kNetwork, "location", "IPController.location", "NAME",
       "what other machines call this one (its host name)", text(&Options::location)},
      {kNetwork, "transport", "IPController.transport", "tcp|ipc",
       "ipc: Unix sockets, this machine only (tcp)", set_transport},
      {kNetwork, "ports", "IPController.ports", "LIST",
       "ports to use, like 10000-10020 (free ones)", ports(&Options::ports)},
      {kNetwork, "", "IPController.engine_ports", "LIST", "the same, for engines",
       ports(&Options::engine_ports)},
      {kNetwork, "", "IPController.client_ports", "LIST", "the same, for clients",
       ports(&Options::client_ports)},
      {kNetwork, "ssh", "IPController.ssh_server", "HOST",
       "the server through which clients reach us", text(&Options::ssh_server)},
      {kNetwork, "enginessh", "IPController.engine_ssh_server", "HOST", "the same for engines",
       text(&Options::engine_ssh_server)},

      {kSecurity, "enable-curve", "IPController.enable_curve", "",
       "encrypt and authenticate with CURVE; always on when --ip is not this machine only",
       flag(&Options::enable_curve)},
      {kSecurity, "", "IPController.curve_secretkey", "KEY", "Z85; better in $IPP_CURVE_SECRETKEY",
       text(&Options::curve_secret_key)},
      {kSecurity, "", "IPController.curve_publickey", "KEY", "Z85",
       text(&Options::curve_public_key)},
      {kSecurity, "", "Session.key", "KEY", "the signing key; better in $IPP_SESSION_KEY (random)",
       set_key},

      {kSecurity, "users", "IPController.users", "NAMES",
       "users like alice,bob, who see nothing of each other's tasks: each has a connection file",
       add_users},
      {kSecurity, "user", "", "NAME", "one more of them", add_users},
      {kSecurity, "users-dir", "IPController.users_dir", "DIR",
       "where those files go: DIR/NAME/ (<profile>/security/users)", text(&Options::users_dir)},

      {kTasks, "ping", "HeartMonitor.period", "MS", "time between heartbeats (3000)",
       duration(&Options::ping_period, 0.001)},
      {kTasks, "", "HeartMonitor.max_heartmonitor_misses", "N",
       "heartbeats an engine may miss in a row (10)", number<int>(&Options::max_misses, 0)},
      {kTasks, "", "IPController.registration_timeout", "SECONDS",
       "for an engine to start its heart (30)", duration(&Options::registration_timeout, 1)},
      {kTasks, "scheme", "TaskScheduler.scheme_name", "NAME",
       "leastload, lru, plainrandom, twobin or weighted (leastload)", text(&Options::scheme)},
      {kTasks, "hwm", "TaskScheduler.hwm", "N",
       "tasks outstanding per engine, 0: no limit (automatic)", set_hwm},
      {kTasks, "sqlitedb", "", "", "keep records in a SQLite file (this is the default)",
       set_db_class, "SQLiteDB"},
      {kTasks, "dictdb", "", "", "keep records in memory", set_db_class, "DictDB"},
      {kTasks, "nodb", "", "", "keep no record of finished tasks", set_db_class, "NoDB"},
      {kTasks, "mongodb", "", "", "", set_db_class, "MongoDB"},
      {kTasks, "", "IPController.db_class", "CLASS", "", set_db_class},
      {kTasks, "max-records", "DictDB.record_limit", "N",
       "finished tasks to keep in memory (16384)", number<std::size_t>(&Options::max_records, 0)},
      {kTasks, "", "DictDB.size_limit", "BYTES", "and their size (64 MiB)",
       number<std::int64_t>(&Options::max_record_bytes, 0)},
      {kTasks, "db-file", "SQLiteDB.filename", "NAME",
       "the file of --sqlitedb (tasks.db, tasks-<cluster id>.db)", text(&Options::database_file)},
      {kTasks, "", "SQLiteDB.location", "DIR", "and its folder (the profile's)",
       text(&Options::database_folder)},
      {kTasks, "postgres", "PostgresDB.url", "URL",
       "records on a PostgreSQL server: postgresql://user@host/database; a password here can be "
       "seen by all: better in ~/.pgpass",
       set_postgres},
      {kTasks, "postgres-schema", "PostgresDB.schema", "NAME",
       "where in that database (engineroom, engineroom_<cluster id>)",
       text(&Options::postgres_schema)},
      {kTasks, "max-saved-records", "", "N", "tasks that it keeps (1000000)",
       number<std::uint64_t>(&Options::max_saved_records, 1)},
      {kTasks, "max-saved-bytes", "", "BYTES",
       "and what their large buffers take in --sqlitedb (4 GiB)",
       number<std::uint64_t>(&Options::max_saved_bytes, 0)},

      {kOther, "log-level", "Application.log_level", "LEVEL", "10 or debug, 20 or info … (info)",
       text(&Options::log_level)},
      {kOther, "debug", "", "", "the same as --log-level=debug", text(&Options::log_level), "10"},
      {kOther, "quiet", "", "", "only errors", text(&Options::log_level), "40"},
      {kOther, "log-format", "", "FORMAT",
       "text, or json: an object per line (what ENGINEROOM_LOG_FORMAT says)",
       text(&Options::log_format)},
      {kOther, "log-url", "BaseParallelApplication.log_url", "URL",
       "send copies to a ZeroMQ SUB socket that listens there: tcp://host:port",
       text(&Options::log_url)},
      {kOther, "stats", "", "", "log counters at exit (and whenever SIGUSR1 comes)",
       flag(&Options::log_stats)},
      {kOther, "max-data-bytes", "", "BYTES", "the largest buffer accepted (16 GiB)",
       number<std::int64_t>(&Options::max_data_bytes, 1)},
      {kOther, "max-request-bytes", "", "BYTES",
       "the same on the hub's and control channels (64 MiB)",
       number<std::int64_t>(&Options::max_request_bytes, 1)},
      {kOther, "max-client-requests", "", "N",
       "requests that one client may have unanswered (1000000)",
       number<std::size_t>(&Options::max_client_requests, 1)},
      {kOther, "max-client-bytes", "", "BYTES", "and their size (8 GiB)",
       number<std::int64_t>(&Options::max_client_bytes, 1)},
  };
  return table;
}

const Setting* find_setting(std::string_view name) {
  if (name.empty()) return nullptr;
  for (const Setting& setting : settings()) {
    if (name == setting.flag || name == setting.trait) return &setting;
  }
  return nullptr;
}

// ---- reading the command line ----

struct Assignment {
  const Setting* setting;
  std::string name;
  std::string value;
};

Status apply(const Assignment& assignment, Options& options) {
  Status status = assignment.setting->set(options, assignment.value);
  if (status.ok()) return status;
  return bad_value(fmt::format("{}={} {}", assignment.name, assignment.value, status.message()));
}

class ArgumentReader {
 public:
  explicit ArgumentReader(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  void read() {
    for (at_ = 0; at_ < arguments_.size(); ++at_) read_one(arguments_[at_]);
  }

  std::vector<Assignment> assignments;
  std::vector<std::string> ignored;
  Instead instead = Instead::kNothing;

 private:
  void read_one(const std::string& argument) {
    if (argument == "-h" || argument == "--help") {
      instead = Instead::kHelp;
    } else if (argument == "--help-all") {
      instead = Instead::kHelp;
    } else if (argument == "--version" || argument == "-V") {
      instead = Instead::kVersion;
    } else if (!argument.starts_with("--")) {
      ignored.push_back(argument);
    } else {
      read_flag(argument);
    }
  }

  void read_flag(const std::string& argument) {
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Setting* setting = find_setting(name);
    if (setting == nullptr) {
      ignored.push_back(argument);
    } else if (equals != std::string::npos) {
      assignments.push_back({setting, "--" + name, argument.substr(equals + 1)});
    } else if (setting->metavar.empty()) {
      assignments.push_back({setting, "--" + name, std::string(setting->implied)});
    } else if (at_ + 1 < arguments_.size()) {
      assignments.push_back({setting, "--" + name, arguments_[++at_]});
    } else {
      ignored.push_back(argument);
    }
  }

  const std::vector<std::string>& arguments_;
  std::size_t at_ = 0;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

void read_environment(Options& options) {
  if (const std::string id = environment("IPP_CLUSTER_ID"); !id.empty()) options.cluster_id = id;
  if (const std::string dir = environment("IPP_PROFILE_DIR"); !dir.empty())
    options.profile_dir = dir;
  if (const std::string key = environment("IPP_SESSION_KEY"); !key.empty()) options.key = key;
  if (environment("IPP_ENABLE_CURVE") == "1") options.enable_curve = true;
  if (const std::string key = environment("IPP_CURVE_SECRETKEY"); !key.empty())
    options.curve_secret_key = key;
  if (const std::string key = environment("IPP_CURVE_PUBLICKEY"); !key.empty())
    options.curve_public_key = key;
}

// A value in the configuration that makes no sense is a remark, not an error: stock files may hold
// more than we read.
void read_config(Options& options) {
  const std::string path = resolve_profile_dir(options) + "/ipcontroller_config.py";
  ConfigFile config = read_config_file(path);
  for (const auto& [trait, value] : config.values) {
    const Setting* setting = find_setting(trait);
    Status status = setting != nullptr ? apply({setting, trait, value}, options)
                                       : bad_value(trait + " is not used");
    if (!status.ok()) config.ignored.push_back(status.message());
  }
  if (config.ignored.empty()) return;
  options.remarks.push_back(fmt::format("{}: ignored {}", path, fmt::join(config.ignored, "; ")));
}

}  // namespace

Result<CommandLine> read_command_line(const std::vector<std::string>& arguments) {
  ArgumentReader reader(arguments);
  reader.read();
  CommandLine line;
  line.instead = reader.instead;
  if (line.instead != Instead::kNothing) return line;

  // The command line says where the configuration is, and also overrides it: it is applied twice.
  read_environment(line.options);
  for (int round = 0; round < 2; ++round) {
    for (const Assignment& assignment : reader.assignments) {
      if (Status status = apply(assignment, line.options); !status.ok()) return status;
    }
    if (round > 0) break;
    line.options.remarks.clear();
    read_config(line.options);
    read_environment(line.options);
  }
  if (!reader.ignored.empty()) {
    line.options.remarks.push_back(fmt::format("ignored: {}", fmt::join(reader.ignored, " ")));
  }
  return line;
}

std::string help_text() {
  std::string help =
      "Usage: engineroom-controller [FLAG]...\n\n"
      "The process that clients and engines connect to. It writes two connection files, by which "
      "they\n"
      "find and trust it, and runs until SIGTERM, Ctrl-C or a client's shutdown. Example:\n\n"
      "  engineroom-controller --profile=work --ip=10.0.0.1 &\n"
      "  engineroom-engine --profile=work\n\n"
      "Flags of ipyparallel's ipcontroller are understood, traits too "
      "(--HeartMonitor.period=250).\n"
      "Defaults are in parentheses.\n";
  std::string_view group;
  for (const Setting& setting : settings()) {
    if (setting.help.empty()) continue;
    if (setting.group != group) help += fmt::format("\n{}:\n", group = setting.group);
    std::string name = fmt::format("--{}", setting.flag.empty() ? setting.trait : setting.flag);
    if (!setting.metavar.empty()) name += fmt::format("={}", setting.metavar);
    help += fmt::format("  {:<26}{}{}\n", name,
                        name.size() > 25 ? "\n                            " : "", setting.help);
  }
  return help +
         "\n  -h, --help                print this\n  --version                 print the "
         "version\n";
}

// Like the other programs': the number alone, for scripts.
std::string version_text() { return fmt::format("{}\n", ENGINEROOM_VERSION); }

std::string resolve_profile_dir(const Options& options) {
  if (!options.profile_dir.empty()) return options.profile_dir;
  std::string dir = options.ipython_dir;
  if (dir.empty()) dir = environment("IPYTHONDIR");
  if (dir.empty()) dir = environment("HOME") + "/.ipython";
  return dir + "/profile_" + options.profile;
}

}  // namespace engineroom::controller
