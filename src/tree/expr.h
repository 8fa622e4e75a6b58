// tree/expr.h — expressions of the typed tree.
//
// Everything is decided here: what a name means, each conversion, which helper of the runtime does
// an operation. What is left is C with a few things on top, and there are few kinds of nodes; most
// that Python does is a Helper.
//
// Evaluation is left to right, each operand once. An expression that fails leaves Python's error
// indicator set, and the statement it is in goes to its handler.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "syntax/source.h"
#include "tree/type.h"

namespace engineroom::tree {

enum class ExprKind : std::uint8_t {
  kLiteral,
  kPyConstant,
  kVariable,
  kFunctionName,
  kHelper,
  kUnary,
  kBinary,
  kLogical,
  kConditional,
  kCall,
  kField,
  kIndex,
  kBufferItem,
  kBufferPart,
  kViewSlice,
  kAddressOf,
  kCast,
  kAssignment,
  kBlock,
  kMakeFunction,
};

struct Expr {
  explicit Expr(ExprKind k) : kind(k) {}
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  const ExprKind kind;
  const Type* type = nullptr;  // never null once made
  syntax::SourceRange range;
};

using ExprPtr = std::unique_ptr<Expr>;

template <ExprKind K>
struct ExprOf : Expr {
  static constexpr ExprKind kKind = K;
  ExprOf() : Expr(K) {}
};

template <typename T>
const T& as(const Expr& expr) {
  return static_cast<const T&>(expr);
}
template <typename T>
T* try_as(Expr* expr) {
  return expr != nullptr && expr->kind == T::kKind ? static_cast<T*>(expr) : nullptr;
}
template <typename T>
const T* try_as(const Expr* expr) {
  return expr != nullptr && expr->kind == T::kKind ? static_cast<const T*>(expr) : nullptr;
}

// ---- leaves ----

// A C++ expression that is always the same and cannot fail: "42", "0x1.8p+1", "nullptr",
// "sizeof(int)", "Py_None" (borrowed), an extern constant or macro.
struct Literal : ExprOf<ExprKind::kLiteral> {
  std::string cpp;
};

// Module::constants[index], made once when the module is loaded. Borrowed.
struct PyConstant : ExprOf<ExprKind::kPyConstant> {
  std::size_t index = 0;
};

// Local, parameter or C variable of the module. Borrowed if it is an object.
struct VariableRef : ExprOf<ExprKind::kVariable> {
  Variable* variable = nullptr;
  // It may not have a value yet: reading raises UnboundLocalError (objects only).
  bool check_bound = false;
};

struct Function;

// A C function as a value.
struct FunctionName : ExprOf<ExprKind::kFunctionName> {
  std::string cpp;
  bool is_extern = false;   // a header defines it
  std::string python_name;  // of cpdef functions: what the module calls it; else empty
};

// ---- operations ----

// How a helper of the runtime says that it failed.
enum class Fail : std::uint8_t {
  kNever,
  kNull,        // returns null; else a new reference
  kMinusOne,    // returns -1 (an int that is otherwise 0 or more, and has the value)
  kMaybeMinus,  // returns -1, and PyErr_Occurred() decides
  kFalse,       // returns false; the value, if the type is not void, is written by a pointer that
                // comes last
};

// A function of the runtime: `name`(args…). Objects are passed as borrowed PyObject*. An object
// that it returns is a new reference, or borrowed if `is_borrowed` (with Fail::kNull too).
struct Helper : ExprOf<ExprKind::kHelper> {
  std::string name;  // C++: "er::add", "er::from_object<int>"
  std::vector<ExprPtr> args;
  Fail fail = Fail::kNever;
  bool is_borrowed = false;
};

// An operator of C on C values; cannot fail. Binary with the pointer arithmetic and comparisons of
// C; the type of operands has been made common, if C would.
struct Unary : ExprOf<ExprKind::kUnary> {
  const char* op = "";  // - + ~ !
  ExprPtr operand;
};
struct Binary : ExprOf<ExprKind::kBinary> {
  const char* op = "";  // + - * / % << >> & | ^ == != < <= > >=
  ExprPtr left;
  ExprPtr right;
};

// `left and right`, `left or right`. If the type is kBint both are conditions (kBint). Otherwise
// the value is that of one of them, both have the type of the whole, and `left` is the truth of
// the left value, which it reads from `value`.
struct Logical : ExprOf<ExprKind::kLogical> {
  bool is_and = true;
  ExprPtr left;
  ExprPtr right;
  Variable* value = nullptr;  // of a value: where left's value is kept
  ExprPtr test;               // of a value: kBint, looks at `value`
};

// body if test else orelse; both have the type of the whole, `test` is kBint.
struct Conditional : ExprOf<ExprKind::kConditional> {
  ExprPtr test;
  ExprPtr body;
  ExprPtr orelse;
};

// A C function or function pointer. How it fails says the function type of the callee.
struct Call : ExprOf<ExprKind::kCall> {
  ExprPtr callee;  // its type is kFunction, or a pointer to one
  std::vector<ExprPtr> args;
};

// ---- access ----

// value.field, value->field if `value` is a pointer.
struct FieldAccess : ExprOf<ExprKind::kField> {
  ExprPtr value;
  std::string cpp;
};

// value[index] of a pointer or array; unchecked.
struct IndexAccess : ExprOf<ExprKind::kIndex> {
  ExprPtr value;
  ExprPtr index;
};

// value[indices…] of a memoryview, or of a variable whose type has a buffer: an item of C, or an
// object that is borrowed from memory. The indices are integers of C, one per dimension.
struct BufferItem : ExprOf<ExprKind::kBufferItem> {
  ExprPtr value;  // a VariableRef, or a view
  std::vector<ExprPtr> indices;
  bool checks_bounds = true;  // outside: IndexError
  bool wraps = true;          // negative ones count from the end
  bool checks_none = false;   // of a view
};

// Where the memory of such is: "data", "shape", "strides" or "suboffsets".
struct BufferPart : ExprOf<ExprKind::kBufferPart> {
  ExprPtr value;  // a VariableRef, or a view
  const char* part = "";
  bool checks_none = false;
};

// value[parts…] of a memoryview: a view of some of its memory, which borrows the reference of
// `value`. As many parts take an axis of it as it has; bounds are Py_ssize_t, null if left out.
struct ViewSlice : ExprOf<ExprKind::kViewSlice> {
  struct Part {
    enum class Kind : std::uint8_t { kIndex, kSlice, kNewAxis } kind = Kind::kSlice;
    ExprPtr start;  // of kIndex: the index
    ExprPtr stop;
    ExprPtr step;
  };
  ExprPtr value;
  std::vector<Part> parts;
  bool checks_bounds = true;
  bool wraps = true;
  bool checks_none = false;
};

struct AddressOf : ExprOf<ExprKind::kAddressOf> {
  ExprPtr value;
};

// A conversion of C between C types, explicit or not; `reinterpret` between an object and a
// pointer, which counts no reference (to an object: the result is borrowed).
struct Cast : ExprOf<ExprKind::kCast> {
  ExprPtr value;
};

// ---- with statements in them ----

// (target := value): assigns, and has the value (borrowed from the variable).
struct AssignmentExpr : ExprOf<ExprKind::kAssignment> {
  Variable* target = nullptr;
  ExprPtr value;
};

struct Stmt;

// Runs statements, then has the value of `result`. Comprehensions are this.
struct BlockExpr : ExprOf<ExprKind::kBlock> {
  BlockExpr();
  ~BlockExpr() override;
  std::vector<std::unique_ptr<Stmt>> body;
  ExprPtr result;
};

// The function object of a def or lambda; defaults and annotations are evaluated now.
struct MakeFunction : ExprOf<ExprKind::kMakeFunction> {
  Function* function = nullptr;
  std::vector<ExprPtr> defaults;                             // one per parameter that has one
  std::vector<std::pair<std::string, ExprPtr>> annotations;  // "return" for the result
};

}  // namespace engineroom::tree
