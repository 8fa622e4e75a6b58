// syntax/token.h — the words of the language.
//
// A token holds its kind and place only; what a number or a string means is decoded by the parser,
// once it knows that it needs it. Words that are keywords only in some places or at some language
// levels (match, print, nogil, public ...) are kName.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "syntax/source.h"

namespace engineroom::syntax {

enum class Tok : std::uint8_t {
  kEnd,  // the last token of every text
  kNewline,
  kIndent,
  kDedent,
  kError,  // was reported by the lexer: whoever stumbles over it says nothing
  kName,
  kNumber,
  kString,
  // f"a{b!r:>{c}}" is kFStringStart, kFStringMiddle `a`, kLBrace, kName, kExclaim, kName, kColon,
  // kFStringMiddle `>`, kLBrace, kName, kRBrace, kRBrace, kFStringEnd.
  kFStringStart,
  kFStringMiddle,
  kFStringEnd,

  // Brackets
  kLParen,
  kRParen,
  kLBracket,
  kRBracket,
  kLBrace,
  kRBrace,
  // Punctuation
  kComma,
  kColon,
  kSemicolon,
  kDot,
  kEllipsis,
  kArrow,
  kColonEqual,
  kEqual,
  kAt,
  kBackquote,
  kQuestion,
  kExclaim,
  // Operators
  kPlus,
  kMinus,
  kStar,
  kDoubleStar,
  kSlash,
  kDoubleSlash,
  kPercent,
  kAmper,
  kDoubleAmper,
  kPipe,
  kDoublePipe,
  kCaret,
  kTilde,
  kLeftShift,
  kRightShift,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqualEqual,
  kNotEqual,
  kLessGreater,  // <>, of Python 2
  // Assignments with an operator, in the order of syntax::Operator
  kPlusEqual,
  kMinusEqual,
  kStarEqual,
  kAtEqual,
  kSlashEqual,
  kDoubleSlashEqual,
  kPercentEqual,
  kDoubleStarEqual,
  kLeftShiftEqual,
  kRightShiftEqual,
  kPipeEqual,
  kCaretEqual,
  kAmperEqual,

  // Keywords. The first and the last one are named in is_keyword().
  kAnd,
  kAs,
  kAssert,
  kBreak,
  kClass,
  kContinue,
  kDef,
  kDel,
  kElif,
  kElse,
  kExcept,
  kFinally,
  kFor,
  kFrom,
  kGlobal,
  kIf,
  kImport,
  kIn,
  kIs,
  kLambda,
  kNonlocal,
  kNot,
  kOr,
  kPass,
  kRaise,
  kReturn,
  kTry,
  kWhile,
  kWith,
  kYield,
  // Cython's; names in a .py file
  kCdef,
  kCimport,
  kCpdef,
  kCtypedef,
  kDEF,
  kIF,
  kELIF,
  kELSE,
};

inline bool is_keyword(Tok kind) { return kind >= Tok::kAnd; }
inline bool is_augmented_assignment(Tok kind) {
  return kind >= Tok::kPlusEqual && kind <= Tok::kAmperEqual;
}

struct Token {
  Tok kind = Tok::kEnd;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  // Of an opening bracket and of kFStringStart: the index of the token that closes it. Of others,
  // and where none does: 0.
  std::uint32_t match = 0;
};

}  // namespace engineroom::syntax
