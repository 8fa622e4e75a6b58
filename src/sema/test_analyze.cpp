#include "sema/test_analyze.h"

#include <memory>

#include "syntax/parse.h"
#include "tree/print.h"
#include "tree/verify.h"

namespace engineroom::sema {
namespace {

struct Analyzed {
  syntax::Sources sources;
  syntax::Diagnostics diagnostics;
  syntax::Tree tree;
  std::unique_ptr<tree::Module> typed;
};

void analyze_text(const std::string& text, const With& with, Analyzed& out) {
  const syntax::SourceId id = out.sources.add("test", text);
  syntax::ParseOptions parse_options;
  parse_options.level = with.level;
  out.tree = syntax::parse(out.sources, id, parse_options, out.diagnostics);
  if (!out.tree.module->is_whole) return;
  Options options;
  options.directives = with.directives;
  options.find_pxd = [&](std::string_view module) -> std::optional<syntax::SourceId> {
    const auto found = with.pxds.find(std::string(module));
    if (found == with.pxds.end()) return std::nullopt;
    return out.sources.add(found->first + ".pxd", found->second);
  };
  options.find_include = [&](std::string_view path,
                             syntax::SourceId) -> std::optional<syntax::SourceId> {
    const auto found = with.pxds.find(std::string(path));
    if (found == with.pxds.end()) return std::nullopt;
    return out.sources.add(found->first, found->second);
  };
  options.modules_declaring = [&](std::string_view name) {
    std::vector<std::string> modules;
    for (const auto& [module, declared] : with.pxds)
      if (declared.find(" " + std::string(name) + "(") != std::string::npos)
        modules.push_back(module);
    return modules;
  };
  out.typed = analyze(*out.tree.module, out.sources, options, out.diagnostics).module;
}

std::string messages(const Analyzed& analyzed, syntax::Severity severity) {
  std::string out;
  for (const syntax::Diagnostic& diagnostic : analyzed.diagnostics.all()) {
    if (diagnostic.severity != severity) continue;
    const syntax::Source& source = analyzed.sources[diagnostic.range.source];
    const syntax::Position position = source.position_of(diagnostic.range.begin);
    if (source.name() != "test") out += source.name() + ":";
    out += std::to_string(position.line) + ":" + std::to_string(position.column) + " " +
           diagnostic.message + (diagnostic.hint.empty() ? "" : " | " + diagnostic.hint) + "\n";
  }
  return out;
}

std::string broken_rules(const Analyzed& analyzed) {
  std::string out;
  if (analyzed.diagnostics.has_errors()) return out;
  for (const std::string& rule : tree::verify(*analyzed.typed)) out += "broken: " + rule + "\n";
  return out;
}

}  // namespace

std::string errors(const std::string& text, const With& with) {
  Analyzed analyzed;
  analyze_text(text, with, analyzed);
  return messages(analyzed, syntax::Severity::kError) + broken_rules(analyzed);
}

std::string warnings(const std::string& text, const With& with) {
  Analyzed analyzed;
  analyze_text(text, with, analyzed);
  return messages(analyzed, syntax::Severity::kError) +
         messages(analyzed, syntax::Severity::kWarning) + broken_rules(analyzed);
}

std::string types(const std::string& text, const With& with) {
  Analyzed analyzed;
  analyze_text(text, with, analyzed);
  if (analyzed.diagnostics.has_errors()) return messages(analyzed, syntax::Severity::kError);
  return tree::print(*analyzed.typed) + broken_rules(analyzed);
}

}  // namespace engineroom::sema
