// session/pxd_index.h — which .pxd file declares a name: for hints, after a mistake.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engineroom::session {

// Modules with a .pxd file that declares the name: those that come with us (libc, cpython), of the
// folders' own files, and of numpy. Best first: libc before cpython before others. Reads the files
// anew each time, which takes some milliseconds.
std::vector<std::string> modules_declaring(const std::vector<std::string>& folders,
                                           std::string_view name);

}  // namespace engineroom::session
