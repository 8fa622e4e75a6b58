// client/profile.h — where the connection file of a cluster is, by the rules that all peers share.
#pragma once

#include <string>

#include "engineroom/client.h"

namespace engineroom::client {

// From the options, then $IPP_PROFILE_DIR and $IPP_CLUSTER_ID, then $IPYTHONDIR. Not checked to
// exist.
std::string find_connection_file(const ClientOptions& options);

}  // namespace engineroom::client
