// syntax/syntax_dump.cpp — for developers: parse files, print the mistakes found, and the trees.
//
//   syntax_dump [-2|-3|-3str] [--tree] file.pyx ...
//
// The exit status is 1 if a file had mistakes. Text behind a line that begins with _ERRORS, as in
// Cython's own tests, is not read.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "syntax/parse.h"
#include "syntax/print.h"

namespace engineroom::syntax {
namespace {

FileKind kind_of(std::string_view path) {
  if (path.ends_with(".py")) return FileKind::kPy;
  if (path.ends_with(".pxd")) return FileKind::kPxd;
  return path.ends_with(".pxi") ? FileKind::kPxi : FileKind::kPyx;
}

// True if the file has no mistakes.
bool dump(const std::string& path, LanguageLevel level, bool print_tree) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad() || !file.is_open()) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  if (const std::size_t end = text.find("\n_ERRORS"); end != std::string::npos)
    text.resize(end + 1);

  Sources sources;
  ParseOptions options;
  options.level = level;
  options.file_kind = kind_of(path);
  // Which character it is does not matter here.
  options.character_by_name = [](std::string_view) { return std::optional<char32_t>(0xFFFD); };
  Diagnostics diagnostics;
  const Tree tree = parse(sources, sources.add(path, std::move(text)), options, diagnostics);
  std::fputs(render(diagnostics, sources).c_str(), stdout);
  if (print_tree) std::fputs(print(*tree.module).c_str(), stdout);
  return !diagnostics.has_errors();
}

}  // namespace
}  // namespace engineroom::syntax

int main(int argc, char** argv) {
  using namespace engineroom::syntax;
  LanguageLevel level = LanguageLevel::k3;
  bool print_tree = false;
  int n_files = 0;
  int n_bad = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "-2") {
      level = LanguageLevel::k2;
    } else if (arg == "-3") {
      level = LanguageLevel::k3;
    } else if (arg == "-3str") {
      level = LanguageLevel::k3Str;
    } else if (arg == "--tree") {
      print_tree = true;
    } else {
      ++n_files;
      if (!dump(argv[i], level, print_tree)) ++n_bad;
    }
  }
  if (n_files > 1) std::fprintf(stderr, "%d files, %d with mistakes\n", n_files, n_bad);
  return n_bad > 0 ? 1 : 0;
}
