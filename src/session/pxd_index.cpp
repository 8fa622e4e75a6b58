#include "session/pxd_index.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "syntax/parse.h"
#include "syntax/stmt.h"

namespace engineroom::session {
namespace {

namespace fs = std::filesystem;
using syntax::as;
using syntax::StmtKind;

// Folders on Python's path may hold anything: only packages that are known to have .pxd files are
// looked into. In order of preference.
constexpr std::array<std::string_view, 4> kPackages = {"libc", "cpython", "posix", "numpy"};
constexpr std::size_t kMaxFiles = 300;

// Calls `see` with each name that C declarations give.
template <typename See>
void declared_names(const syntax::Block& block, const See& see) {
  for (const syntax::Stmt* stmt : block) {
    switch (stmt->kind) {
      case StmtKind::kCFuncDef:
        see(as<syntax::CFuncDef>(*stmt).name.text);
        break;
      case StmtKind::kCVarDef:
        for (const syntax::CDeclarator& declarator : as<syntax::CVarDef>(*stmt).declarators)
          see(declarator.name.text);
        break;
      case StmtKind::kCTypedef:
        see(as<syntax::CTypedef>(*stmt).declarator.name.text);
        break;
      case StmtKind::kCStructDef:
        see(as<syntax::CStructDef>(*stmt).name.text);
        break;
      case StmtKind::kCEnumDef:
        for (const syntax::CEnumItem& item : as<syntax::CEnumDef>(*stmt).items) see(item.name.text);
        see(as<syntax::CEnumDef>(*stmt).name.text);
        break;
      case StmtKind::kCDefBlock:
        declared_names(as<syntax::CDefBlock>(*stmt).body, see);
        break;
      case StmtKind::kCExternBlock:
        declared_names(as<syntax::CExternBlock>(*stmt).body, see);
        break;
      default:
        break;
    }
  }
}

template <typename See>
void declared_names(const fs::path& path, const See& see) {
  std::ifstream file(path, std::ios::binary);
  syntax::Sources sources;
  syntax::Diagnostics ignored;
  syntax::ParseOptions options;
  options.file_kind = syntax::FileKind::kPxd;
  const syntax::SourceId id =
      sources.add(path.string(), std::string(std::istreambuf_iterator<char>(file), {}));
  const syntax::Tree tree = syntax::parse(sources, id, options, ignored);
  declared_names(tree.module->body, see);
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

PxdIndex::Index PxdIndex::make(const std::vector<std::string>& folders) {
  Index index;
  std::size_t n_files = 0;
  const auto look_into = [&](const std::string& root, std::string_view package) {
    for (const fs::path& file : pxd_files(fs::path(root) / package)) {
      if (++n_files > kMaxFiles) return;
      const std::string module = module_of(fs::relative(file, root));
      declared_names(file, [&](std::string_view name) {
        std::vector<std::string>& modules = index[std::string(name)];
        if (std::find(modules.begin(), modules.end(), module) == modules.end())
          modules.push_back(module);
      });
    }
  };
  for (const std::string_view package : kPackages)
    for (const std::string& root : folders) look_into(root, package);
  for (const std::string& root : folders) look_into(root, "");
  return index;
}

const std::vector<std::string>& PxdIndex::modules_declaring(std::string_view name) {
  static const std::vector<std::string> kNone;
  if (!index_) index_ = make(folders_);
  const auto found = index_->find(name);
  return found == index_->end() ? kNone : found->second;
}

}  // namespace engineroom::session
