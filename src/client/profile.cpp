#include "client/profile.h"

#include <cstdlib>

namespace engineroom::client {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : "";
}

std::string profile_folder(const ClientOptions& options) {
  if (!options.profile_dir.empty()) return options.profile_dir;
  if (const std::string folder = environment("IPP_PROFILE_DIR"); !folder.empty()) return folder;
  std::string base = options.ipython_dir;
  if (base.empty()) base = environment("IPYTHONDIR");
  if (base.empty()) base = environment("HOME") + "/.ipython";
  return base + "/profile_" + (options.profile.empty() ? "default" : options.profile);
}

}  // namespace

std::string find_connection_file(const ClientOptions& options) {
  if (!options.connection_file.empty()) return options.connection_file;
  std::string id = options.cluster_id;
  if (id.empty()) id = environment("IPP_CLUSTER_ID");
  return profile_folder(options) + "/security/ipcontroller" + (id.empty() ? "" : "-" + id) +
         "-client.json";
}

}  // namespace engineroom::client
