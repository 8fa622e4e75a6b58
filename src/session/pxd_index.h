// session/pxd_index.h — which .pxd file declares a name: for hints, after a mistake.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engineroom::session {

class PxdIndex {
 public:
  // REQUIRES: the folders live as long as this.
  explicit PxdIndex(const std::vector<std::string>& folders) : folders_(folders) {}

  // Modules with a .pxd file that declares the name: of the packages that have such files (libc,
  // cpython, numpy …), and files in the folders themselves. Best first: libc before cpython before
  // others. The first call reads the files, which takes some milliseconds.
  const std::vector<std::string>& modules_declaring(std::string_view name);

 private:
  using Index = std::map<std::string, std::vector<std::string>, std::less<>>;
  static Index make(const std::vector<std::string>& folders);

  const std::vector<std::string>& folders_;
  std::optional<Index> index_;
};

}  // namespace engineroom::session
