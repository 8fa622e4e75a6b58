// wire/golden_messages.h — messages recorded from a stock peer, for tests: see
// testdata/record_golden.py.
#pragma once

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace engineroom::wire {

struct GoldenMessage {
  std::string name;
  std::string key;
  std::size_t n_identities = 0;
  std::size_t n_buffers = 0;
  std::map<std::string, std::string> header;  // field to text
  std::vector<std::string> frames;

  Frames received() const {
    Frames copy;
    for (const std::string& frame : frames) copy.push_back(Bytes::copy_of(frame));
    return copy;
  }
};

inline std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline std::vector<GoldenMessage> read_golden_messages(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<GoldenMessage> messages;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' ');
    const std::string word = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (word == "case") {
      messages.emplace_back().name = rest;
    } else if (word == "key") {
      messages.back().key = from_hex(rest);
    } else if (word == "identities") {
      messages.back().n_identities = std::stoul(rest);
    } else if (word == "buffers") {
      messages.back().n_buffers = std::stoul(rest);
    } else if (word == "frame") {
      messages.back().frames.push_back(from_hex(rest));
    } else {
      messages.back().header[word] = from_hex(rest);
    }
  }
  return messages;
}

}  // namespace engineroom::wire
