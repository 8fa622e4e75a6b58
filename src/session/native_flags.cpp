#include "session/native_flags.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace engineroom::session {
namespace {

bool means_nothing(std::string_view flag) {
  // -Wl, is for a linker, which we have not.
  static constexpr std::array<std::string_view, 8> kPrefixes = {
      "-W", "-g", "-std=", "-fPIC", "-pipe", "-march=native", "-mtune=", "-shared"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return flag.starts_with(prefix); });
}

int optimization_of(std::string_view flag) {
  const char level = flag.size() > 2 ? flag[2] : '1';
  if (std::isdigit(static_cast<unsigned char>(level)) != 0) return std::min(level - '0', 3);
  return level == 'f' ? 3 : 2;  // -Ofast, -Os
}

// Blanks or commas between them; one list may be written like Python's.
std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> result;
  std::string word;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == ',' || c == '[' || c == ']' ||
        c == '\'' || c == '"') {
      if (!word.empty()) result.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) result.push_back(std::move(word));
  return result;
}

}  // namespace

void settle_flags(jit::CompileJob& job) {
  std::vector<std::string> kept;
  // The value of "-Idir" or of "-I" "dir".
  const auto value = [&](std::size_t& i) {
    if (job.flags[i].size() > 2 || i + 1 == job.flags.size()) return job.flags[i].substr(2);
    return job.flags[++i];
  };
  for (std::size_t i = 0; i < job.flags.size(); ++i) {
    const std::string& flag = job.flags[i];
    if (flag == "-fopenmp")
      job.openmp = true;
    else if (flag.starts_with("-O"))
      job.optimization = optimization_of(flag);
    else if (flag.starts_with("-I"))
      job.include_dirs.push_back(value(i));
    else if (flag.starts_with("-L"))
      job.library_dirs.push_back(value(i));
    else if (flag.starts_with("-l"))
      job.libraries.push_back(value(i));
    else if (!means_nothing(flag))
      kept.push_back(flag);
  }
  job.flags = std::move(kept);
}

void add_distutils(const std::vector<std::pair<std::string, std::string>>& options,
                   jit::CompileJob& job) {
  for (const auto& [key, value] : options) {
    std::vector<std::string>* into = key == "libraries"            ? &job.libraries
                                     : key == "include_dirs"       ? &job.include_dirs
                                     : key == "library_dirs"       ? &job.library_dirs
                                     : key == "extra_compile_args" ? &job.flags
                                     : key == "extra_link_args"    ? &job.flags
                                                                   : nullptr;
    for (std::string& word : words(value)) {
      if (into != nullptr) into->push_back(word);
      if (key == "define_macros" || key == "undef_macros")
        job.flags.push_back((key == "define_macros" ? "-D" : "-U") + word);
    }
  }
}

}  // namespace engineroom::session
