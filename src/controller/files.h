// controller/files.h — the profile's folders and the connection files in them: one for clients, one
// for engines, and one for each user, if there are any.
//
// The files appear when everything is bound, so whoever waits for them can connect at once; they
// are private to the user (0600: the key in them is the right to run code) and go away at a clean
// exit unless --reuse.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "controller/options.h"
#include "controller/sockets.h"
#include "transport/socket.h"

namespace engineroom::controller {

class ConnectionFiles {
 public:
  explicit ConnectionFiles(const Options& options);

  // Makes the profile's folders: security (private), log, pid, startup.
  Status make_folders() const;
  // What the existing files say, with --reuse; nullopt if there are none. An error if they
  // contradict each other. Users who had no file keep what `planned` says.
  Result<std::optional<Addresses>> read_existing(const Addresses& planned) const;
  Status write(const Addresses& addresses);
  // Removes what write() wrote, unless another controller has replaced it since.
  void remove() const;

  // The folder of the files; also where Unix sockets go.
  const std::string& folder() const { return folder_; }
  // "ipcontroller" or "ipcontroller-<cluster id>"
  const std::string& stem() const { return stem_; }
  // "<profile>/tasks.db", "<profile>/tasks-<cluster id>.db", or what the options say.
  std::string database_path() const;
  // "<profile>/security/ipcontroller.journal": private, as the connection files are.
  std::string journal_path() const { return folder_ + "/" + stem_ + ".journal"; }
  const std::string& client_path() const { return client_path_; }
  const std::string& engine_path() const { return engine_path_; }
  // "<profile>/security/users/<name>/ipcontroller-client.json"
  std::string user_path(const std::string& name) const;

 private:
  Status make_user_folders() const;
  Status write_users(const Addresses& addresses);
  // A copy for the next controller: a user may write to the file that is theirs.
  std::string kept_path(const std::string& name) const;

  std::string profile_dir_;
  std::string folder_;
  std::string stem_;
  std::string database_folder_;
  std::string database_file_;
  std::string client_path_;
  std::string engine_path_;
  std::string client_text_;
  std::string engine_text_;
  std::vector<std::string> users_;
  bool are_kept_;
  std::string users_folder_;
  std::vector<std::string> user_texts_;
};

// Addresses without ports, from options: interface, location, key, scheme …
// `curve`: nullopt = none, and then messages are signed.
Addresses plan_addresses(const Options& options, const ConnectionFiles& files,
                         const std::optional<SideKeys>& curve);

// True if only this machine can reach what is bound to it.
bool is_local_only(const Options& options);

// The key pair from options (environment), or with --reuse the one kept beside the connection
// files, or a new one.
Result<SideKeys> curve_keys(const Options& options, const ConnectionFiles& files);

}  // namespace engineroom::controller
