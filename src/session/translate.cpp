#include "session/translate.h"

#include <sys/utsname.h>

#include <cassert>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "base/stopwatch.h"
#include "emit/emit.h"
#include "lower/lower.h"
#include "races/races.h"
#include "sema/analyze.h"
#include "sema/names.h"
#include "session/pxd_index.h"
#include "session/stub.h"
#include "syntax/parse.h"
#include "syntax/print.h"
#include "tree/print.h"
#include "tree/verify.h"

namespace engineroom::session {
namespace {

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Finds the .pxd files of one translation, each of which is read once, and what they include.
class PxdFinder {
 public:
  PxdFinder(const std::vector<std::string>& path, syntax::Sources& sources)
      : path_(path), sources_(sources) {}

  // Beside the text that includes it, then on the path.
  std::optional<syntax::SourceId> include(std::string_view file, syntax::SourceId from) {
    const std::string& including = sources_[from].name();
    std::vector<std::string> folders = path_;
    if (const std::size_t slash = including.rfind('/'); slash != std::string::npos)
      folders.insert(folders.begin(), including.substr(0, slash));
    for (const std::string& folder : folders) {
      std::string path = folder;
      path += '/';
      path += file;
      if (std::optional<std::string> text = read_file(path))
        return sources_.add(path, std::move(*text));
    }
    return std::nullopt;
  }

  std::optional<syntax::SourceId> find(std::string_view module) {
    const auto [known, is_new] = found_.try_emplace(std::string(module));
    if (!is_new) return known->second;
    for (const std::string& folder : path_) {
      known->second = in_folder(folder, module);
      if (known->second) break;
    }
    return known->second;
  }

  // One dot is the folder of `from`; each further one is the folder above.
  std::optional<syntax::SourceId> relative(std::string_view module, int level,
                                           syntax::SourceId from) {
    std::string folder = sources_[from].name();
    if (folder.find('/') == std::string::npos) return std::nullopt;
    for (; level > 0; --level) {
      const std::size_t slash = folder.rfind('/');
      if (slash == std::string::npos) return std::nullopt;
      folder.resize(slash);
    }
    return in_folder(folder, module);
  }

  std::optional<syntax::SourceId> at(const std::string& path) {
    const auto [known, is_new] = files_.try_emplace(path);
    if (is_new)
      if (std::optional<std::string> text = read_file(path))
        known->second = sources_.add(path, std::move(*text));
    return known->second;
  }

 private:
  std::optional<syntax::SourceId> in_folder(const std::string& folder, std::string_view module) {
    std::string stem = folder;
    if (!module.empty()) stem.append("/").append(module);
    for (std::size_t i = folder.size() + 1; i < stem.size(); ++i)
      if (stem[i] == '.') stem[i] = '/';
    // Some packages have one for old compilers, and one for those that know Cython 3.
    for (const char* ending :
         {".cython-30.pxd", ".pxd", "/__init__.cython-30.pxd", "/__init__.pxd"})
      if (const std::optional<syntax::SourceId> found = at(stem + ending)) return found;
    return std::nullopt;
  }

  const std::vector<std::string>& path_;
  syntax::Sources& sources_;
  std::map<std::string, std::optional<syntax::SourceId>> found_;  // by module
  std::map<std::string, std::optional<syntax::SourceId>> files_;  // by path
};

// What IF may ask about the system.
std::map<std::string, std::string, std::less<>> system_names() {
  utsname system;
  if (::uname(&system) != 0) return {};
  return {{"UNAME_SYSNAME", system.sysname},
          {"UNAME_NODENAME", system.nodename},
          {"UNAME_RELEASE", system.release},
          {"UNAME_VERSION", system.version},
          {"UNAME_MACHINE", system.machine}};
}

std::vector<Message> messages_of(const syntax::Diagnostics& diagnostics,
                                 const syntax::Sources& sources) {
  std::vector<Message> messages;
  for (const syntax::Diagnostic& diagnostic : diagnostics.all()) {
    const syntax::Source& source = sources[diagnostic.range.source];
    const syntax::Position begin = source.position_of(diagnostic.range.begin);
    const syntax::Position end = source.position_of(diagnostic.range.end);
    messages.push_back({diagnostic.severity, std::string(diagnostic.code), source.name(),
                        begin.line, begin.column, end.line, end.column, diagnostic.message,
                        diagnostic.hint, syntax::render(diagnostic, sources)});
  }
  return messages;
}

// The names that a text binds, as they outlive it.
std::set<std::string> bound_by(const syntax::Module& module) {
  std::set<std::string> names;
  const sema::ModuleNames found = sema::names_bound_by(module);
  names.insert(found.bound.begin(), found.bound.end());
  names.insert(found.declared.begin(), found.declared.end());
  return names;
}

std::shared_ptr<Exports> exports_of(sema::Analysis typed, std::vector<tree::Prelude> declarations) {
  auto exports = std::make_shared<Exports>();
  exports->declarations = std::make_shared<tree::Declarations>(
      tree::Declarations{typed.module->uses, std::move(declarations)});
  for (auto& [name, symbol] : typed.scope.names) {
    if (symbol.origin.earlier != nullptr) continue;  // somebody else's
    const bool is_own = symbol.origin.pxd.empty() && symbol.kind != sema::SymbolKind::kModule &&
                        symbol.kind != sema::SymbolKind::kCython;
    if (is_own) symbol.origin.earlier = exports->declarations;
    exports->scope.names.emplace(name, std::move(symbol));
  }
  // The variables are what is still needed.
  typed.module->functions.clear();
  typed.module->constants.clear();
  exports->module = std::move(typed.module);
  return exports;
}

}  // namespace

Translation translate(const Request& request, const Earlier* earlier) {
  Translation result;
  syntax::Sources sources;
  syntax::Diagnostics diagnostics;
  PxdFinder pxds(request.pxd_path, sources);
  const syntax::SourceId source = sources.add_utf8(request.file, request.text);

  syntax::ParseOptions parse_options;
  parse_options.level = request.level;
  if (request.file.ends_with(".py")) parse_options.file_kind = syntax::FileKind::kPy;
  parse_options.character_by_name = request.character_by_name;
  const syntax::Tree tree = [&] {
    const Stopwatch stopwatch(result.timings.syntax);
    return syntax::parse(sources, source, parse_options, diagnostics);
  }();
  result.syntax_text = syntax::print(*tree.module);
  for (const syntax::Directive& option : tree.module->distutils)
    result.distutils.emplace_back(option.key, option.value);
  if (tree.module->is_whole) {
    sema::Options options;
    options.module_name = request.module;
    options.directives = request.directives;
    options.find_pxd = [&pxds](std::string_view module) { return pxds.find(module); };
    options.find_relative_pxd = [&pxds](std::string_view module, int level, syntax::SourceId from) {
      return pxds.relative(module, level, from);
    };
    if (!request.own_pxd.empty()) options.own_pxd = pxds.at(request.own_pxd);
    options.find_include = [&pxds](std::string_view path, syntax::SourceId from) {
      return pxds.include(path, from);
    };
    options.character_by_name = request.character_by_name;
    options.definitions = system_names();
    options.is_known = [&request](std::string_view name) {
      return request.known_names.contains(name);
    };
    PxdIndex index(request.pxd_path);
    options.modules_declaring = [&index](std::string_view name) {
      return index.modules_declaring(name);
    };
    if (earlier != nullptr) {
      options.id = earlier->id;
      options.earlier = earlier->names;
      options.types = earlier->types;
    }
    sema::Analysis typed = [&] {
      const Stopwatch stopwatch(result.timings.sema);
      return sema::analyze(*tree.module, sources, options, diagnostics);
    }();
    if (!diagnostics.has_errors()) races::check(*typed.module, sources, diagnostics);
    if (!diagnostics.has_errors()) {
      assert(tree::verify(*typed.module).empty() && "what sema makes keeps the typed tree's rules");
      result.types_text = tree::print(*typed.module);
      if (request.wants_stub) result.stub = stub_of(*tree.module, *typed.module);
      lower::lower(*typed.module);
      assert(tree::verify(*typed.module).empty() && "what lower makes does so, too");
      if (request.wants_notes) result.notes = annotate(*typed.module, sources);
      result.loaded_names = typed.module->loaded_names;
      result.bound_names = bound_by(*tree.module);
      emit::Unit unit = [&] {
        const Stopwatch stopwatch(result.timings.emit);
        return emit::emit(*typed.module, sources,
                          {.is_shared = earlier != nullptr,
                           .file = request.traceback_file,
                           .init_symbol = request.init_symbol});
      }();
      for (const emit::Refusal& one : unit.refusals)
        diagnostics.error("simd", one.range, "simd=True cannot be done here: " + one.why);
      result.uses_openmp = typed.module->uses_openmp;
      result.cpp = std::move(unit.text);
      result.lines = std::move(unit.lines);
      result.exec_symbol = std::move(unit.entry);
      result.headers = std::move(unit.headers);
      if (earlier != nullptr)
        result.exports = exports_of(std::move(typed), std::move(unit.declarations));
    }
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto id = static_cast<syntax::SourceId>(i);
    if (id != source) result.dependencies.push_back(sources[id].name());
  }
  result.messages = messages_of(diagnostics, sources);
  result.ok = !diagnostics.has_errors();
  return result;
}

}  // namespace engineroom::session
