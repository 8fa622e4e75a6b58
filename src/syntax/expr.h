// syntax/expr.h — expressions. Names and fields are those of Python's `ast` where it has the node.
//
// There is no Load/Store context: what is assigned to is known from the statement it stands in. The
// parser has checked that targets are expressions that can be assigned to.
#pragma once

#include <cstdint>
#include <string_view>

#include "syntax/node.h"

namespace engineroom::syntax {

enum class ExprKind : std::uint8_t {
  // Names and literals
  kName,
  kNone,
  kTrue,
  kFalse,
  kEllipsis,
  kNull,
  kInt,
  kFloat,
  kImaginary,
  kStr,
  kJoinedStr,
  kTemplateStr,
  kFormattedValue,
  // Operators
  kBoolOp,
  kBinOp,
  kUnaryOp,
  kCompare,
  kIfExp,
  kNamedExpr,
  // Access and calls
  kAttribute,
  kSubscript,
  kSlice,
  kCall,
  kStarred,
  // Displays
  kTuple,
  kList,
  kSet,
  kDict,
  kListComp,
  kSetComp,
  kDictComp,
  kGeneratorExp,
  // Functions
  kLambda,
  kYield,
  kYieldFrom,
  kAwait,
  // Python 2
  kRepr,
  // Cython
  kCast,
  kAddressOf,
  kSizeOf,
  kNew,
  kTypeExpr,
  // Stands where an expression was expected and none could be read; an error was reported.
  kError,
};

struct Expr {
  ExprKind kind;
  // Levels of expressions in it, 1 for a leaf; at most ParseOptions::max_height, so that functions
  // that walk the tree may be recursive.
  std::uint16_t height;
  SourceRange range;
};

template <ExprKind K>
struct ExprOf : Expr {
  static constexpr ExprKind kKind = K;
  explicit ExprOf(SourceRange where) : Expr{K, 1, where} {}
};

// ---- names and literals ----

struct Name : ExprOf<ExprKind::kName> {
  using ExprOf::ExprOf;
  std::string_view id;
};

struct NoneLiteral : ExprOf<ExprKind::kNone> {
  using ExprOf::ExprOf;
};
struct TrueLiteral : ExprOf<ExprKind::kTrue> {
  using ExprOf::ExprOf;
};
struct FalseLiteral : ExprOf<ExprKind::kFalse> {
  using ExprOf::ExprOf;
};
// `...`
struct EllipsisLiteral : ExprOf<ExprKind::kEllipsis> {
  using ExprOf::ExprOf;
};
// `NULL`; in a .py file it is an ordinary name.
struct NullLiteral : ExprOf<ExprKind::kNull> {
  using ExprOf::ExprOf;
};

// 42, 0x2A, 0b101010, 0o52, 052 (level 2), with C suffixes in any order: 42U, 42L, 42ULL.
struct Int : ExprOf<ExprKind::kInt> {
  using ExprOf::ExprOf;
  // Digits only, without prefix, underscores and suffix.
  std::string_view digits;
  int base = 10;                 // 2, 8, 10, 16
  bool unsigned_suffix = false;  // U
  int long_suffix = 0;           // number of L: 0, 1, 2
  bool fits = false;             // the value fits 64 bits unsigned, and is in `value`
  std::uint64_t value = 0;
};

struct Float : ExprOf<ExprKind::kFloat> {
  using ExprOf::ExprOf;
  std::string_view digits;  // as written, without underscores
  double value = 0;
};

// 2.5j; `value` is the imaginary part.
struct Imaginary : ExprOf<ExprKind::kImaginary> {
  using ExprOf::ExprOf;
  std::string_view digits;  // as written, without underscores and the j
  double value = 0;
};

enum class StrKind : std::uint8_t {
  kUnicode,  // u"", and "" at level 3
  kBytes,    // b""
  kStr,      // "" at levels 2 and 3str: str for Python, bytes where C wants a char*
  kChar,     // c"x": one C character
};

// A string literal, adjacent ones joined.
struct Str : ExprOf<ExprKind::kStr> {
  using ExprOf::ExprOf;
  StrKind str_kind = StrKind::kUnicode;
  // UTF-8, escapes replaced. A lone surrogate is written like any other code point (3 bytes).
  // Empty for kBytes and kChar.
  std::string_view text;
  // The value as bytes: \x80 is one byte, other text is UTF-8. Empty for kUnicode.
  // Only for kStr are `text` and `bytes` both there: it depends on the use which one counts.
  std::string_view bytes;
};

// f"": parts are Str and FormattedValue in order of the text. Literals around it are joined into
// it.
struct JoinedStr : ExprOf<ExprKind::kJoinedStr> {
  using ExprOf::ExprOf;
  List<const Expr*> values;
};

// t"" (PEP 750): as JoinedStr.
struct TemplateStr : ExprOf<ExprKind::kTemplateStr> {
  using ExprOf::ExprOf;
  List<const Expr*> values;
};

// {value!r:spec} in an f-string, and ast.Interpolation in a t-string.
struct FormattedValue : ExprOf<ExprKind::kFormattedValue> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
  char conversion = 0;                     // 'r', 's', 'a', or 0
  const JoinedStr* format_spec = nullptr;  // null if there is none
  // The text of the expression as written, with blanks around it if `is_debug`.
  std::string_view expression_text;
  // {x=}: the text and `=` are printed before the value. The parser has already put them into the
  // Str before this part, and set conversion to 'r' where Python does.
  bool is_debug = false;
};

// ---- operators ----

enum class BoolOperator : std::uint8_t { kAnd, kOr };

// a and b and c: two values or more.
struct BoolOp : ExprOf<ExprKind::kBoolOp> {
  using ExprOf::ExprOf;
  BoolOperator op{};
  List<const Expr*> values;
};

enum class Operator : std::uint8_t {
  kAdd,
  kSub,
  kMult,
  kMatMult,
  kDiv,
  kFloorDiv,
  kMod,
  kPow,
  kLShift,
  kRShift,
  kBitOr,
  kBitXor,
  kBitAnd,
};

struct BinOp : ExprOf<ExprKind::kBinOp> {
  using ExprOf::ExprOf;
  Operator op{};
  SourceRange op_range;
  const Expr* left = nullptr;
  const Expr* right = nullptr;
};

enum class UnaryOperator : std::uint8_t { kInvert, kNot, kPlus, kMinus };

struct UnaryOp : ExprOf<ExprKind::kUnaryOp> {
  using ExprOf::ExprOf;
  UnaryOperator op{};
  const Expr* operand = nullptr;
};

enum class CompareOperator : std::uint8_t {
  kEq,
  kNotEq,
  kLt,
  kLtE,
  kGt,
  kGtE,
  kIs,
  kIsNot,
  kIn,
  kNotIn,
};

struct Comparison {
  CompareOperator op{};
  SourceRange op_range;
  const Expr* right = nullptr;
};

// left op right op right ...
struct Compare : ExprOf<ExprKind::kCompare> {
  using ExprOf::ExprOf;
  const Expr* left = nullptr;
  List<Comparison> rest;  // one or more
};

// body if test else orelse
struct IfExp : ExprOf<ExprKind::kIfExp> {
  using ExprOf::ExprOf;
  const Expr* test = nullptr;
  const Expr* body = nullptr;
  const Expr* orelse = nullptr;
};

// (target := value)
struct NamedExpr : ExprOf<ExprKind::kNamedExpr> {
  using ExprOf::ExprOf;
  const Name* target = nullptr;
  const Expr* value = nullptr;
};

// ---- access and calls ----

struct Attribute : ExprOf<ExprKind::kAttribute> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
  Identifier attr;
};

// value[slice]. Several indices are one Tuple; indices may be Slice, Starred, and TypeExpr where a
// C type stands that is no expression (f[int*]).
struct Subscript : ExprOf<ExprKind::kSubscript> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
  const Expr* slice = nullptr;
};

// lower:upper:step, only within a Subscript and as axis of a memoryview type; each may be null.
struct Slice : ExprOf<ExprKind::kSlice> {
  using ExprOf::ExprOf;
  const Expr* lower = nullptr;
  const Expr* upper = nullptr;
  const Expr* step = nullptr;
};

// name=value, or **value if the name is empty.
struct Keyword {
  Identifier name;
  const Expr* value = nullptr;
};

struct Call : ExprOf<ExprKind::kCall> {
  using ExprOf::ExprOf;
  const Expr* func = nullptr;
  List<const Expr*> args;  // may hold Starred, and TypeExpr
  List<Keyword> keywords;  // in order of the text
};

// *value
struct Starred : ExprOf<ExprKind::kStarred> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
};

// ---- displays ----

// The range includes parentheses if there are any.
struct Tuple : ExprOf<ExprKind::kTuple> {
  using ExprOf::ExprOf;
  List<const Expr*> elts;
  bool parenthesized = false;
};

struct ListExpr : ExprOf<ExprKind::kList> {
  using ExprOf::ExprOf;
  List<const Expr*> elts;
};

struct Set : ExprOf<ExprKind::kSet> {
  using ExprOf::ExprOf;
  List<const Expr*> elts;
};

// key: value, or **value if the key is null.
struct DictItem {
  const Expr* key = nullptr;
  const Expr* value = nullptr;
};

struct Dict : ExprOf<ExprKind::kDict> {
  using ExprOf::ExprOf;
  List<DictItem> items;
};

// lower <= i < upper by step, of a loop over `i`.
struct ForBounds {
  const Expr* lower = nullptr;
  CompareOperator relation1{};  // between `lower` and the variable: < <= > >=
  CompareOperator relation2{};  // between the variable and `upper`
  const Expr* upper = nullptr;
  const Expr* step = nullptr;  // null if none
};

// for target in iter if ... if ...; or Cython's `for target from lower <= target < upper by step`.
struct Comprehension {
  SourceRange range;
  const Expr* target = nullptr;
  const Expr* iter = nullptr;         // null in the second form
  const ForBounds* bounds = nullptr;  // null in the first form
  List<const Expr*> ifs;
  bool is_async = false;
  // Its variables are its own; those of a list at level 2 belong to what is around it.
  bool is_scoped = true;
};

// [elt for ...]; `elt` may be Starred (PEP 798), as in the two below.
struct ListComp : ExprOf<ExprKind::kListComp> {
  using ExprOf::ExprOf;
  const Expr* elt = nullptr;
  List<Comprehension> generators;
};

struct SetComp : ExprOf<ExprKind::kSetComp> {
  using ExprOf::ExprOf;
  const Expr* elt = nullptr;
  List<Comprehension> generators;
};

struct GeneratorExp : ExprOf<ExprKind::kGeneratorExp> {
  using ExprOf::ExprOf;
  const Expr* elt = nullptr;
  List<Comprehension> generators;
};

// {key: value for ...}, or {**value for ...} if the key is null.
struct DictComp : ExprOf<ExprKind::kDictComp> {
  using ExprOf::ExprOf;
  const Expr* key = nullptr;
  const Expr* value = nullptr;
  List<Comprehension> generators;
};

// ---- functions ----

struct Lambda : ExprOf<ExprKind::kLambda> {
  using ExprOf::ExprOf;
  const Params* params = nullptr;
  const Expr* body = nullptr;
};

struct Yield : ExprOf<ExprKind::kYield> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;  // null: yields None
};

struct YieldFrom : ExprOf<ExprKind::kYieldFrom> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
};

struct Await : ExprOf<ExprKind::kAwait> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
};

// `value` in backquotes (level 2): repr(value).
struct Repr : ExprOf<ExprKind::kRepr> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
};

// ---- Cython ----

// <type>value, and <type?>value, which checks.
struct Cast : ExprOf<ExprKind::kCast> {
  using ExprOf::ExprOf;
  const CType* type = nullptr;
  const Expr* value = nullptr;
  bool checked = false;
};

// &value
struct AddressOf : ExprOf<ExprKind::kAddressOf> {
  using ExprOf::ExprOf;
  const Expr* value = nullptr;
};

// sizeof(operand). The operand is a TypeExpr if it can only be a type; a name may still be one.
struct SizeOf : ExprOf<ExprKind::kSizeOf> {
  using ExprOf::ExprOf;
  const Expr* operand = nullptr;
};

// new type(args)
struct New : ExprOf<ExprKind::kNew> {
  using ExprOf::ExprOf;
  const CType* type = nullptr;
  List<const Expr*> args;
  List<Keyword> keywords;
};

// A C type where an expression may stand: vector[int*], sizeof(unsigned long), typeid(int*).
struct TypeExpr : ExprOf<ExprKind::kTypeExpr> {
  using ExprOf::ExprOf;
  const CType* type = nullptr;
};

struct ErrorExpr : ExprOf<ExprKind::kError> {
  using ExprOf::ExprOf;
};

}  // namespace engineroom::syntax
