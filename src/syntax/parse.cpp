// The entry point, and what stands in the comments at the head of a text.
#include "syntax/parse.h"

#include <limits>
#include <string>

#include "syntax/parser.h"

namespace engineroom::syntax {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\f");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\f") - first + 1);
}

// What follows "# cython:" in a comment; nothing if it is another comment.
std::string_view after_marker(std::string_view comment, std::string_view marker) {
  comment.remove_prefix(1);
  comment = trim(comment);
  if (!comment.starts_with(marker)) return {};
  comment = trim(comment.substr(marker.size()));
  if (!comment.starts_with(':')) return {};
  return trim(comment.substr(1));
}

}  // namespace

void Parser::read_directives(Module& module) {
  std::vector<Directive> cython;
  std::vector<Directive> distutils;
  for (const SourceRange comment : lexed_.head_comments) {
    const std::string_view text = text_.substr(comment.begin, comment.end - comment.begin);
    const auto range_of = [&](std::string_view part) {
      const auto begin = static_cast<std::uint32_t>(part.data() - text_.data());
      return SourceRange{id_, begin, begin + static_cast<std::uint32_t>(part.size())};
    };
    if (const std::string_view list = after_marker(text, "cython"); !list.empty())
      read_directive_list(range_of(list), cython);
    // One per comment: its value may have commas.
    if (const std::string_view one = after_marker(text, "distutils"); !one.empty()) {
      const std::size_t equal = std::min(one.find('='), one.size());
      distutils.push_back({range_of(one), trim(one.substr(0, equal)),
                           equal < one.size() ? trim(one.substr(equal + 1)) : ""});
    }
  }
  for (const Directive& directive : cython) {
    if (directive.key == "language_level") apply_level(directive);
  }
  module.directives = arena_.list(cython);
  module.distutils = arena_.list(distutils);
}

// key=value, key=value
void Parser::read_directive_list(SourceRange range, std::vector<Directive>& out) {
  std::uint32_t begin = range.begin;
  while (begin < range.end) {
    const std::size_t comma = text_.find(',', begin);
    const auto end = static_cast<std::uint32_t>(std::min<std::size_t>(comma, range.end));
    const std::string_view item = trim(text_.substr(begin, end - begin));
    if (!item.empty()) {
      const std::size_t equal = std::min(item.find('='), item.size());
      const auto at = static_cast<std::uint32_t>(item.data() - text_.data());
      out.push_back({{id_, at, at + static_cast<std::uint32_t>(item.size())},
                     trim(item.substr(0, equal)),
                     equal < item.size() ? trim(item.substr(equal + 1)) : ""});
    }
    begin = end + 1;
  }
}

void Parser::apply_level(const Directive& directive) {
  std::string_view value = directive.value;
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\''))
    value = value.substr(1, value.size() - 2);
  if (value == "2") {
    level_ = LanguageLevel::k2;
  } else if (value == "3") {
    level_ = LanguageLevel::k3;
  } else if (value == "3str") {
    level_ = LanguageLevel::k3Str;
  } else {
    diagnostics_
        .error("bad-language-level", directive.range,
               "there is no language level " + in_quotes(value))
        .hint("the levels are 2, 3 and 3str");
  }
}

void Parser::note_future_import(const ImportFrom& import) {
  if (import.module.text != "__future__" || import.level > 0) return;
  for (const Alias& alias : import.names) {
    if (alias.name.text == "print_function") print_function_ = true;
    if (alias.name.text == "unicode_literals") unicode_literals_ = true;
  }
}

Tree parse(const Sources& sources, SourceId id, const ParseOptions& options,
           Diagnostics& diagnostics) {
  Tree tree;
  const std::size_t size = sources[id].text().size();
  if (size > std::min<std::size_t>(options.max_bytes, std::numeric_limits<std::uint32_t>::max())) {
    diagnostics.error("too-large", {id, 0, 0},
                      "the text has " + std::to_string(size) + " bytes; the limit is " +
                          std::to_string(options.max_bytes));
    Module* module = tree.arena.make<Module>();
    module->range = {id, 0, 0};
    module->is_whole = false;
    tree.module = module;
    return tree;
  }
  const std::size_t n_before = diagnostics.all().size();
  Parser parser(sources, id, options, tree.arena, diagnostics);
  tree.module = parser.parse_module();
  // The lexer has read all of the text before the parser, but readers go line by line.
  diagnostics.sort_since(n_before);
  return tree;
}

}  // namespace engineroom::syntax
