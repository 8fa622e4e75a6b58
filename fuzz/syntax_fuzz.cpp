// fuzz/syntax_fuzz.cpp — any text at all: the lexer and the parser end, in bounded time and memory,
// and what they return hangs together.
//
// The first byte chooses level and kind of file, the rest is the text. Seeds:
// fuzz/corpus/syntax_fuzz.

#include <string>

#include "base/fuzz_input.h"
#include "syntax/children.h"
#include "syntax/parse.h"
#include "syntax/print.h"

namespace engineroom::syntax {
namespace {

// Children lie in the text, and the height is what it says.
void check(const Expr& expr, std::size_t text_size) {
  FUZZ_REQUIRE(expr.range.begin <= expr.range.end);
  FUZZ_REQUIRE(expr.range.end <= text_size);
  for_each_child(expr, [&](const Expr& child) {
    FUZZ_REQUIRE(child.height < expr.height);
    check(child, text_size);
  });
}

void check(const Module& module, std::size_t text_size) {
  std::uint32_t last = 0;
  for (const Stmt* stmt : module.body) {
    FUZZ_REQUIRE(stmt->range.begin <= stmt->range.end && stmt->range.end <= text_size);
    FUZZ_REQUIRE(stmt->range.begin >= last);
    last = stmt->range.begin;
    if (const ExprStmt* expression = try_as<ExprStmt>(stmt)) check(*expression->value, text_size);
    if (const Assign* assign = try_as<Assign>(stmt)) check(*assign->value, text_size);
  }
}

void check_text(std::string_view text, const ParseOptions& options) {
  Sources sources;
  const SourceId id = sources.add("fuzz", std::string(text));
  Diagnostics diagnostics;
  const Tree tree = parse(sources, id, options, diagnostics);
  FUZZ_REQUIRE(tree.module != nullptr);
  FUZZ_REQUIRE(tree.arena.bytes_used() <= 4096 + 1024 * text.size());
  FUZZ_REQUIRE(render(diagnostics, sources).empty() == diagnostics.all().empty());
  print(*tree.module);
  if (!diagnostics.has_errors()) check(*tree.module, sources[id].text().size());
}

}  // namespace
}  // namespace engineroom::syntax

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace engineroom;
  FuzzInput input(data, size);
  const unsigned choice = input.byte();
  syntax::ParseOptions options;
  options.level = static_cast<syntax::LanguageLevel>(choice % 3);
  options.file_kind = static_cast<syntax::FileKind>(choice / 3 % 4);
  syntax::check_text(input.rest(), options);
  return 0;
}
