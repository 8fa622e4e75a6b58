// controller/config_file.h — the literals of a profile's ipcontroller_config.py.
//
// Such a file is Python, which the controller cannot and must not run. Most say only things like
//   c.HeartMonitor.period = 200
// so lines of this form with a number, a string or True/False are read; everything else is reported
// as ignored.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engineroom::controller {

struct ConfigFile {
  // "HeartMonitor.period" → "200", in order; strings without their quotes.
  std::vector<std::pair<std::string, std::string>> values;
  // Lines that are assignments but no literals, shortened.
  std::vector<std::string> ignored;
};

ConfigFile parse_config(std::string_view text);
// Empty if there is no such file, or if others may write to it (which is in `ignored`).
ConfigFile read_config_file(const std::string& path);

}  // namespace engineroom::controller
