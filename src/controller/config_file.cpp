#include "controller/config_file.h"

#include <fstream>
#include <optional>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace engineroom::controller {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// True if nothing but space or a comment follows.
bool is_end(std::string_view rest) {
  rest = trim(rest);
  return rest.empty() || rest.front() == '#';
}

std::optional<std::string> parse_literal(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char quote = text.front();
  if (quote == '\'' || quote == '"') {
    const std::size_t end = text.find(quote, 1);
    // Escapes and triple quotes are beyond this reader.
    if (end == text.npos || text.substr(0, end).find('\\') != text.npos) return std::nullopt;
    if (!is_end(text.substr(end + 1))) return std::nullopt;
    return std::string(text.substr(1, end - 1));
  }
  const std::size_t end = std::min(text.find_first_of(" \t#"), text.size());
  const std::string_view word = text.substr(0, end);
  const bool is_number = word.find_first_not_of("0123456789.+-eE") == word.npos &&
                         word.find_first_of("0123456789") != word.npos;
  if (!is_end(text.substr(end)) || !(is_number || word == "True" || word == "False")) {
    return std::nullopt;
  }
  return std::string(word);
}

bool is_private(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return false;
  const bool is_trusted_owner = info.st_uid == ::geteuid() || info.st_uid == 0;
  return is_trusted_owner && (info.st_mode & S_IWOTH) == 0;
}

}  // namespace

ConfigFile parse_config(std::string_view text) {
  ConfigFile config;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (!line.starts_with("c.") || equals == line.npos) continue;
    const std::string name(trim(line.substr(2, equals - 2)));
    if (auto value = parse_literal(trim(line.substr(equals + 1)))) {
      config.values.emplace_back(name, std::move(*value));
    } else {
      config.ignored.push_back(name + " (no plain value)");
    }
  }
  return config;
}

ConfigFile read_config_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return {};
  if (!is_private(path))
    return {.values = {}, .ignored = {"all of it: others may write to the file"}};
  std::ostringstream text;
  text << file.rdbuf();
  return parse_config(text.str());
}

}  // namespace engineroom::controller
