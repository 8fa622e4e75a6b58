#include "session/translate.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "emit/emit.h"
#include "sema/analyze.h"
#include "session/pxd_index.h"
#include "syntax/parse.h"
#include "syntax/print.h"
#include "tree/print.h"

namespace engineroom::session {
namespace {

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Finds the .pxd files of one translation; each is read once.
class PxdFinder {
 public:
  PxdFinder(const std::vector<std::string>& path, syntax::Sources& sources)
      : path_(path), sources_(sources) {}

  std::optional<syntax::SourceId> find(std::string_view module) {
    const auto [known, is_new] = found_.try_emplace(std::string(module));
    if (is_new) known->second = read(std::string(module));
    return known->second;
  }

 private:
  std::optional<syntax::SourceId> read(std::string relative) {
    for (char& c : relative)
      if (c == '.') c = '/';
    for (const std::string& folder : path_) {
      // Some packages have one for old compilers, and one for those that know Cython 3.
      for (const char* ending :
           {".cython-30.pxd", ".pxd", "/__init__.cython-30.pxd", "/__init__.pxd"}) {
        const std::string path = folder + "/" + relative + ending;
        if (std::optional<std::string> text = read_file(path))
          return sources_.add(path, std::move(*text));
      }
    }
    return std::nullopt;
  }

  const std::vector<std::string>& path_;
  syntax::Sources& sources_;
  std::map<std::string, std::optional<syntax::SourceId>> found_;
};

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

}  // namespace

Translation translate(const Request& request) {
  Translation result;
  syntax::Sources sources;
  syntax::Diagnostics diagnostics;
  PxdFinder pxds(request.pxd_path, sources);
  const syntax::SourceId source = sources.add(request.file, request.text);

  syntax::ParseOptions parse_options;
  parse_options.level = request.level;
  const syntax::Tree tree = syntax::parse(sources, source, parse_options, diagnostics);
  result.syntax_text = syntax::print(*tree.module);
  if (!diagnostics.has_errors()) {
    sema::Options options;
    options.module_name = request.module;
    options.directives = request.directives;
    options.find_pxd = [&pxds](std::string_view module) { return pxds.find(module); };
    options.is_known = [&request](std::string_view name) {
      return request.known_names.contains(name);
    };
    options.modules_declaring = [&request](std::string_view name) {
      return modules_declaring(request.pxd_path, name);
    };
    const auto typed = sema::analyze(*tree.module, sources, options, diagnostics);
    if (!diagnostics.has_errors()) {
      result.types_text = tree::print(*typed);
      emit::Unit unit = emit::emit(*typed, sources, {.is_shared = false});
      result.cpp = std::move(unit.text);
      result.exec_symbol = std::move(unit.entry);
      result.headers = std::move(unit.headers);
    }
  }
  result.messages = messages_of(diagnostics, sources);
  result.ok = !diagnostics.has_errors();
  return result;
}

}  // namespace engineroom::session
