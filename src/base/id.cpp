#include "base/id.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <sys/random.h>
#include <unistd.h>

namespace engineroom {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

void fill_random(unsigned char* out, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = getrandom(out + done, size - done, 0);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      // Keys come from here: without randomness there is no safe way to go on.
      std::perror("getrandom");
      std::abort();
    }
  }
}

}  // namespace

std::string random_hex(std::size_t n_bytes) {
  std::string bytes(n_bytes, '\0');
  fill_random(reinterpret_cast<unsigned char*>(bytes.data()), n_bytes);
  std::string hex;
  hex.reserve(2 * n_bytes);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kHexDigits[byte >> 4];
    hex += kHexDigits[byte & 15];
  }
  return hex;
}

std::string new_session_id() { return random_hex(4) + "-" + random_hex(12); }

MessageIdSource::MessageIdSource(std::string session)
    : session_(std::move(session)), prefix_(session_ + "_" + std::to_string(getpid()) + "_") {}

std::string MessageIdSource::next() { return prefix_ + std::to_string(counter_++); }

}  // namespace engineroom
