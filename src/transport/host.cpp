#include "transport/host.h"

#include <array>
#include <fstream>

#include <unistd.h>

namespace engineroom::transport {

std::string this_host() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  std::array<char, 64> network{};
  const ssize_t size = ::readlink("/proc/self/ns/net", network.data(), network.size());
  return boot + "/" + std::string(network.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
}

}  // namespace engineroom::transport
