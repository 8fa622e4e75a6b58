#include "session/pxd_index.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "syntax/parse.h"
#include "syntax/stmt_children.h"

namespace engineroom::session {
namespace {

namespace fs = std::filesystem;
using syntax::as;
using syntax::StmtKind;

// Folders on Python's path may hold anything: only packages that are known to have .pxd files are
// looked into. In order of preference.
constexpr std::array<std::string_view, 4> kPackages = {"libc", "cpython", "posix", "numpy"};
constexpr std::size_t kMaxFiles = 300;

bool declares(const syntax::Block& block, std::string_view name);

bool declares(const syntax::Stmt& stmt, std::string_view name) {
  switch (stmt.kind) {
    case StmtKind::kCFuncDef:
      return as<syntax::CFuncDef>(stmt).name.text == name;
    case StmtKind::kCVarDef:
      for (const syntax::CDeclarator& declarator : as<syntax::CVarDef>(stmt).declarators)
        if (declarator.name.text == name) return true;
      return false;
    case StmtKind::kCTypedef:
      return as<syntax::CTypedef>(stmt).declarator.name.text == name;
    case StmtKind::kCStructDef:
      return as<syntax::CStructDef>(stmt).name.text == name;
    case StmtKind::kCEnumDef:
      for (const syntax::CEnumItem& item : as<syntax::CEnumDef>(stmt).items)
        if (item.name.text == name) return true;
      return as<syntax::CEnumDef>(stmt).name.text == name;
    case StmtKind::kCDefBlock:
      return declares(as<syntax::CDefBlock>(stmt).body, name);
    case StmtKind::kCExternBlock:
      return declares(as<syntax::CExternBlock>(stmt).body, name);
    default:
      return false;
  }
}

bool declares(const syntax::Block& block, std::string_view name) {
  return std::any_of(block.begin(), block.end(),
                     [&](const syntax::Stmt* stmt) { return declares(*stmt, name); });
}

bool file_declares(const fs::path& path, std::string_view name) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (text.find(name) == std::string::npos) return false;
  syntax::Sources sources;
  syntax::Diagnostics ignored;
  syntax::ParseOptions options;
  options.file_kind = syntax::FileKind::kPxd;
  const syntax::SourceId id = sources.add(path.string(), std::move(text));
  const syntax::Tree tree = syntax::parse(sources, id, options, ignored);
  return declares(tree.module->body, name);
}

// "libc/math.pxd" → "libc.math"; "numpy/__init__.pxd" → "numpy".
std::string module_of(const fs::path& relative) {
  std::string module = relative.parent_path().string();
  std::replace(module.begin(), module.end(), '/', '.');
  const std::string stem = relative.stem().string();
  if (stem == "__init__") return module;
  return module.empty() ? stem : module + "." + stem;
}

std::vector<fs::path> pxd_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;  // folders that are missing or may not be read have no files
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed))
    if (it->path().extension() == ".pxd") files.push_back(it->path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<std::string> modules_declaring(const std::vector<std::string>& folders,
                                           std::string_view name) {
  std::vector<std::string> modules;
  std::size_t n_files = 0;
  const auto look_into = [&](const std::string& root, std::string_view package) {
    for (const fs::path& file : pxd_files(fs::path(root) / package)) {
      if (++n_files > kMaxFiles) return;
      if (!file_declares(file, name)) continue;
      std::string module = module_of(fs::relative(file, root));
      if (std::find(modules.begin(), modules.end(), module) == modules.end())
        modules.push_back(std::move(module));
    }
  };
  for (const std::string_view package : kPackages)
    for (const std::string& root : folders) look_into(root, package);
  for (const std::string& root : folders) look_into(root, "");
  return modules;
}

}  // namespace engineroom::session
