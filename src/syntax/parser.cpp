#include "syntax/parser.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "syntax/children.h"

namespace engineroom::syntax {

Parser::Parser(const Sources& sources, SourceId id, const ParseOptions& options, Arena& arena,
               Diagnostics& diagnostics)
    : id_(id),
      text_(sources[id].text()),
      options_(options),
      arena_(arena),
      diagnostics_(diagnostics),
      lexed_(lex(sources, id, options.file_kind != FileKind::kPy, diagnostics)),
      tokens_(lexed_.tokens),
      is_whole_(!diagnostics.has_errors_in(id)),
      level_(options.level) {}

const Module* Parser::parse_module() {
  Module* module = arena_.make<Module>();
  module->range = {id_, 0, static_cast<std::uint32_t>(text_.size())};
  module->file_kind = options_.file_kind;
  read_directives(*module);
  module->level = level_;

  Stmts body;
  while (!at(Tok::kEnd)) {
    parse_statements(body);
    // The lexer pairs them, so a dedent ends the loop only after a mistake.
    if (at(Tok::kDedent)) next();
  }
  module->body = arena_.list(body);
  module->is_whole = is_whole_;
  return module;
}

// ---- tokens ----

bool Parser::accept(Tok kind) {
  if (!at(kind)) return false;
  next();
  return true;
}

bool Parser::accept_word(std::string_view word) {
  if (!at_word(word)) return false;
  next();
  return true;
}

bool Parser::expect(Tok kind, std::string_view where) {
  if (accept(kind)) return true;
  const char* text = "";
  switch (kind) {
    case Tok::kColon:
      text = "':'";
      break;
    case Tok::kRParen:
      text = "')'";
      break;
    case Tok::kRBracket:
      text = "']'";
      break;
    case Tok::kRBrace:
      text = "'}'";
      break;
    case Tok::kLParen:
      text = "'('";
      break;
    case Tok::kLBracket:
      text = "'['";
      break;
    case Tok::kEqual:
      text = "'='";
      break;
    case Tok::kIn:
      text = "'in'";
      break;
    case Tok::kGreater:
      text = "'>'";
      break;
    case Tok::kBackquote:
      text = "'`'";
      break;
    default:
      text = "something else";
      break;
  }
  fail_expected(std::string(text) + " " + std::string(where));
  return false;
}

SourceRange Parser::range_from(std::size_t first) const {
  const std::size_t last = std::max(first, index_ > 0 ? index_ - 1 : 0);
  return {id_, tokens_[first].begin, std::max(tokens_[last].end, tokens_[first].begin)};
}

SourceRange Parser::block_range(std::size_t first) const {
  std::size_t last = index_;
  while (last > first + 1 && tokens_[last - 1].kind <= Tok::kDedent) --last;
  return {id_, tokens_[first].begin, tokens_[last > first ? last - 1 : first].end};
}

std::string Parser::describe_token() const {
  switch (kind()) {
    case Tok::kEnd:
    case Tok::kNewline:
      return "the end of the line";
    case Tok::kIndent:
    case Tok::kDedent:
      return "a change of indentation";
    case Tok::kString:
    case Tok::kFStringStart:
      return "a string";
    case Tok::kFStringMiddle:
    case Tok::kFStringEnd:
      return "the end of the expression";
    default:
      return in_quotes(token_text().substr(0, 40));
  }
}

// ---- mistakes ----

Diagnostics::Added Parser::fail(std::string_view code, SourceRange range, std::string message) {
  // After a first message about this line be silent. Also if the lexer has one about what is to
  // come: a bracket that is never closed makes strange what follows it.
  bool is_first = !failed_;
  failed_ = true;
  is_whole_ = false;
  for (; !at_line_end(); ++index_) {
    if (at(Tok::kError)) is_first = false;
  }
  if (!is_first) return Diagnostics::Added(nullptr);
  return diagnostics_.error(code, range, std::move(message));
}

Diagnostics::Added Parser::fail_expected(std::string_view what) {
  return fail_here("unexpected-token",
                   "expected " + std::string(what) + ", found " + describe_token());
}

Diagnostics::Added Parser::complain(std::string_view code, SourceRange range, std::string message) {
  if (failed_) return Diagnostics::Added(nullptr);
  return diagnostics_.error(code, range, std::move(message));
}

Diagnostics::Added Parser::complain_old(std::string_view code, SourceRange range,
                                        std::string message) {
  if (failed_) return Diagnostics::Added(nullptr);
  return is_py() ? diagnostics_.error(code, range, std::move(message))
                 : diagnostics_.warning(code, range, std::move(message));
}

bool Parser::enter() {
  if (++depth_ <= options_.max_depth) return true;
  fail_here("too-deep",
            "this is nested more than " + std::to_string(options_.max_depth) + " levels deep");
  // Whatever follows would give the same message again.
  index_ = tokens_.size() - 1;
  return false;
}

Identifier Parser::read_identifier(std::string_view what) {
  const bool is_constant = is_py() && (at_word("None") || at_word("True") || at_word("False"));
  if (at(Tok::kName) && !is_constant) {
    const Identifier name{token_text(), here()};
    next();
    return name;
  }
  if (is_keyword(kind()) || is_constant) {
    const std::string word(token_text());
    fail_here("keyword-as-name",
              in_quotes(word) + " is a keyword and cannot be " + std::string(what))
        .hint("choose another name, such as '" + word + "_'");
  } else {
    fail_expected(what);
  }
  return {};
}

Identifier Parser::read_dotted_name(std::string_view what) {
  const std::size_t first = index_;
  Identifier name = read_identifier(what);
  if (!at(Tok::kDot)) return name;
  std::string text(name.text);
  while (accept(Tok::kDot)) {
    text += '.';
    text += read_identifier("a name").text;
  }
  return {arena_.text(text), range_from(first)};
}

// ---- expressions' heights ----

std::uint16_t Parser::checked_height(std::size_t height, SourceRange range) {
  const auto limit = static_cast<std::size_t>(options_.max_height);
  if (height <= limit) return static_cast<std::uint16_t>(height);
  fail("too-deep", range,
       "this expression has more than " + std::to_string(options_.max_height) + " levels")
      .hint("split it into several statements");
  index_ = tokens_.size() - 1;
  return static_cast<std::uint16_t>(limit);
}

const Expr* Parser::done(Expr* expr) {
  std::size_t height = 0;
  for_each_child(*expr, [&](const Expr& child) {
    assert(failed_ ||
           (child.range.begin >= expr->range.begin && child.range.end <= expr->range.end));
    height = std::max<std::size_t>(height, child.height);
  });
  if (const TypeExpr* type = try_as<TypeExpr>(expr)) height = type->type->height;
  if (const Cast* cast = try_as<Cast>(expr))
    height = std::max<std::size_t>(height, cast->type->height);
  if (const New* made = try_as<New>(expr))
    height = std::max<std::size_t>(height, made->type->height);
  expr->height = checked_height(height + 1, expr->range);
  return expr;
}

const CType* Parser::done(CType* type, std::size_t height_of_parts) {
  type->height = checked_height(height_of_parts + 1, type->range);
  return type;
}

const Expr* Parser::error_expr() { return make<ErrorExpr>(point_here()); }

}  // namespace engineroom::syntax
