#include "syntax/spelling.h"

#include <algorithm>
#include <array>

namespace engineroom::syntax {
namespace {

struct ReservedWord {
  std::string_view word;
  Tok kind;
};

// Sorted, for the binary search.
constexpr std::array kPythonKeywords = {
    ReservedWord{"and", Tok::kAnd},
    ReservedWord{"as", Tok::kAs},
    ReservedWord{"assert", Tok::kAssert},
    ReservedWord{"break", Tok::kBreak},
    ReservedWord{"class", Tok::kClass},
    ReservedWord{"continue", Tok::kContinue},
    ReservedWord{"def", Tok::kDef},
    ReservedWord{"del", Tok::kDel},
    ReservedWord{"elif", Tok::kElif},
    ReservedWord{"else", Tok::kElse},
    ReservedWord{"except", Tok::kExcept},
    ReservedWord{"finally", Tok::kFinally},
    ReservedWord{"for", Tok::kFor},
    ReservedWord{"from", Tok::kFrom},
    ReservedWord{"global", Tok::kGlobal},
    ReservedWord{"if", Tok::kIf},
    ReservedWord{"import", Tok::kImport},
    ReservedWord{"in", Tok::kIn},
    ReservedWord{"is", Tok::kIs},
    ReservedWord{"lambda", Tok::kLambda},
    ReservedWord{"nonlocal", Tok::kNonlocal},
    ReservedWord{"not", Tok::kNot},
    ReservedWord{"or", Tok::kOr},
    ReservedWord{"pass", Tok::kPass},
    ReservedWord{"raise", Tok::kRaise},
    ReservedWord{"return", Tok::kReturn},
    ReservedWord{"try", Tok::kTry},
    ReservedWord{"while", Tok::kWhile},
    ReservedWord{"with", Tok::kWith},
    ReservedWord{"yield", Tok::kYield},
};

constexpr std::array kCythonKeywords = {
    ReservedWord{"DEF", Tok::kDEF},     ReservedWord{"ELIF", Tok::kELIF},
    ReservedWord{"ELSE", Tok::kELSE},   ReservedWord{"IF", Tok::kIF},
    ReservedWord{"cdef", Tok::kCdef},   ReservedWord{"cimport", Tok::kCimport},
    ReservedWord{"cpdef", Tok::kCpdef}, ReservedWord{"ctypedef", Tok::kCtypedef},
};

template <std::size_t N>
Tok look_up(const std::array<ReservedWord, N>& table, std::string_view word) {
  const auto at = std::lower_bound(
      table.begin(), table.end(), word,
      [](const ReservedWord& keyword, std::string_view text) { return keyword.word < text; });
  return at != table.end() && at->word == word ? at->kind : Tok::kName;
}

struct OperatorText {
  std::string_view text;
  Tok kind;
};

// Longer ones before their prefixes.
constexpr OperatorText kOperators[] = {
    {"...", Tok::kEllipsis},
    {"**=", Tok::kDoubleStarEqual},
    {"//=", Tok::kDoubleSlashEqual},
    {"<<=", Tok::kLeftShiftEqual},
    {">>=", Tok::kRightShiftEqual},
    {"->", Tok::kArrow},
    {":=", Tok::kColonEqual},
    {"==", Tok::kEqualEqual},
    {"!=", Tok::kNotEqual},
    {"<>", Tok::kLessGreater},
    {"<=", Tok::kLessEqual},
    {">=", Tok::kGreaterEqual},
    {"<<", Tok::kLeftShift},
    {">>", Tok::kRightShift},
    {"**", Tok::kDoubleStar},
    {"//", Tok::kDoubleSlash},
    {"&&", Tok::kDoubleAmper},
    {"||", Tok::kDoublePipe},
    {"+=", Tok::kPlusEqual},
    {"-=", Tok::kMinusEqual},
    {"*=", Tok::kStarEqual},
    {"/=", Tok::kSlashEqual},
    {"%=", Tok::kPercentEqual},
    {"&=", Tok::kAmperEqual},
    {"|=", Tok::kPipeEqual},
    {"^=", Tok::kCaretEqual},
    {"@=", Tok::kAtEqual},
    {"+", Tok::kPlus},
    {"-", Tok::kMinus},
    {"*", Tok::kStar},
    {"/", Tok::kSlash},
    {"%", Tok::kPercent},
    {"&", Tok::kAmper},
    {"|", Tok::kPipe},
    {"^", Tok::kCaret},
    {"~", Tok::kTilde},
    {"<", Tok::kLess},
    {">", Tok::kGreater},
    {"=", Tok::kEqual},
    {"@", Tok::kAt},
    {",", Tok::kComma},
    {":", Tok::kColon},
    {";", Tok::kSemicolon},
    {".", Tok::kDot},
    {"`", Tok::kBackquote},
    {"?", Tok::kQuestion},
    {"!", Tok::kExclaim},
};

}  // namespace

Tok kind_of_word(std::string_view word, bool cython_words) {
  const Tok kind = look_up(kPythonKeywords, word);
  return kind == Tok::kName && cython_words ? look_up(kCythonKeywords, word) : kind;
}

OperatorFound find_operator(std::string_view text) {
  for (const OperatorText& op : kOperators)
    if (text.starts_with(op.text)) return {op.kind, op.text.size()};
  return {Tok::kError, 0};
}

bool begins_statement_only(Tok kind) {
  switch (kind) {
    case Tok::kAssert:
    case Tok::kBreak:
    case Tok::kCdef:
    case Tok::kClass:
    case Tok::kContinue:
    case Tok::kCpdef:
    case Tok::kCtypedef:
    case Tok::kDef:
    case Tok::kDel:
    case Tok::kElif:
    case Tok::kFinally:
    case Tok::kGlobal:
    case Tok::kImport:
    case Tok::kNonlocal:
    case Tok::kPass:
    case Tok::kRaise:
    case Tok::kReturn:
    case Tok::kTry:
    case Tok::kWhile:
      return true;
    default:
      return false;
  }
}

Tok closer_of(Tok opener) {
  if (opener == Tok::kLParen) return Tok::kRParen;
  return opener == Tok::kLBracket ? Tok::kRBracket : Tok::kRBrace;
}

}  // namespace engineroom::syntax
