#include "syntax/test_parse.h"

#include "syntax/print.h"

namespace engineroom::syntax {
namespace {

struct Parsed {
  Sources sources;
  Diagnostics diagnostics;
  Tree tree;
};

Parsed parse_text(const std::string& text, As as) {
  Parsed parsed;
  ParseOptions options;
  options.level = as.level;
  options.file_kind = as.file_kind;
  options.character_by_name = [](std::string_view name) {
    return name == "BULLET" ? std::optional<char32_t>(0x2022) : std::nullopt;
  };
  const SourceId id = parsed.sources.add("test", text);
  parsed.tree = parse(parsed.sources, id, options, parsed.diagnostics);
  return parsed;
}

std::string messages(const Parsed& parsed) {
  std::string out;
  for (const Diagnostic& diagnostic : parsed.diagnostics.all()) {
    const Position position =
        parsed.sources[diagnostic.range.source].position_of(diagnostic.range.begin);
    out += std::to_string(position.line) + ":" + std::to_string(position.column) + " " +
           diagnostic.message + (diagnostic.hint.empty() ? "" : " | " + diagnostic.hint) + "\n";
  }
  return out;
}

}  // namespace

std::string tree(const std::string& text, As as) {
  const Parsed parsed = parse_text(text, as);
  const std::string found = messages(parsed);
  return found.empty() ? print(*parsed.tree.module) : found;
}

std::string expr(const std::string& text, As as) {
  const std::string printed = tree(text, as);
  if (!printed.starts_with("Expr ")) return printed;
  return printed.substr(5, printed.size() - 6);
}

std::string declared(const std::string& text) {
  const Parsed parsed = parse_text("cdef " + text, {});
  if (const std::string found = messages(parsed); !found.empty()) return found;
  const Stmt& stmt = *parsed.tree.module->body[0];
  if (const CFuncDef* function = try_as<CFuncDef>(&stmt))
    return std::string(function->name.text) + ": " + print(*function->type);
  std::string out;
  for (const CDeclarator& declarator : as<CVarDef>(stmt).declarators) {
    if (!out.empty()) out += "; ";
    out += std::string(declarator.name.text) + ": " + print(*declarator.type);
  }
  return out;
}

std::string errors(const std::string& text, As as) { return messages(parse_text(text, as)); }

}  // namespace engineroom::syntax
