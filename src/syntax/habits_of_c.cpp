// What people write who know C: hints for messages about what is not understood.
#include <algorithm>
#include <array>

#include "syntax/parser.h"

namespace engineroom::syntax {
namespace {

constexpr std::array<std::string_view, 10> kTypeWords = {
    "int", "long", "short", "char", "float", "double", "unsigned", "signed", "bint", "void"};

bool is_type_word(std::string_view word) {
  return std::find(kTypeWords.begin(), kTypeWords.end(), word) != kTypeWords.end();
}

}  // namespace

// Where the end of a statement was expected.
std::string Parser::hint_for_c() const {
  if (at(Tok::kArrow)) return "write '.': it also reads what a pointer points to";
  // (int) x
  const bool is_cast = index_ >= 3 && tokens_[index_ - 1].kind == Tok::kRParen &&
                       tokens_[index_ - 3].kind == Tok::kLParen &&
                       is_type_word(text_at(index_ - 2));
  if (!is_cast) return "";
  const std::string to(text_at(index_ - 2));
  const bool is_short = at(Tok::kName) || at(Tok::kNumber);
  return "a cast is written '<" + to + ">" + (is_short ? std::string(token_text()) : "x") + "'";
}

// Where an expression was expected: n++
std::string Parser::hint_for_increment() const {
  if (!at_statement_end() || index_ < 3) return "";
  const Token& first = tokens_[index_ - 2];
  const Token& second = tokens_[index_ - 1];
  const bool is_pair = first.kind == second.kind && first.end == second.begin;
  if (!is_pair || (first.kind != Tok::kPlus && first.kind != Tok::kMinus)) return "";
  const bool has_name = tokens_[index_ - 3].kind == Tok::kName;
  return "write '" + std::string(has_name ? text_at(index_ - 3) : "n") +
         (first.kind == Tok::kPlus ? " += 1'" : " -= 1'");
}

// for int i in …
std::string Parser::hint_for_loop_variable(const Expr& target) const {
  const Name* name = try_as<Name>(&target);
  if (name == nullptr || !is_type_word(name->id) || !at(Tok::kName)) return "";
  return "declare it before the loop: 'cdef " + std::string(name->id) + " " +
         std::string(token_text()) + "'";
}

}  // namespace engineroom::syntax
