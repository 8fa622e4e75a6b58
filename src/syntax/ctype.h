// syntax/ctype.h — C types as written in declarations, casts and template arguments.
//
// C writes a type inside out (`int (*f[3])(double)`); the parser turns it the right way round: here
// that is Array(3) of Pointer to Function returning int. Declarations that share a base type
// (`cdef int x, *p`) share its node. Names are not looked up yet.
#pragma once

#include <cstdint>
#include <string_view>

#include "syntax/expr.h"
#include "syntax/node.h"

namespace engineroom::syntax {

enum class CTypeKind : std::uint8_t {
  kImplicit,
  kBasic,
  kNamed,
  kTemplate,
  kNested,
  kPointer,
  kReference,
  kRvalueReference,
  kArray,
  kFunction,
  kQualified,
  kMemoryView,
  kTuple,
  kError,
};

struct CType {
  CTypeKind kind;
  // As of Expr; counts the expressions in it, too.
  std::uint16_t height;
  SourceRange range;
};

template <CTypeKind K>
struct CTypeOf : CType {
  static constexpr CTypeKind kKind = K;
  explicit CTypeOf(SourceRange where) : CType{K, 1, where} {}
};

// No type was written: a Python object, or the `self` of a cdef class. The range is empty.
struct CImplicitType : CTypeOf<CTypeKind::kImplicit> {
  using CTypeOf::CTypeOf;
};

enum class CBasic : std::uint8_t {
  kVoid,
  kChar,
  kShort,
  kInt,
  kLong,
  kLongLong,
  kFloat,
  kDouble,
  kLongDouble,
  kBint,
};

enum class CSign : std::uint8_t { kPlain, kSigned, kUnsigned };

// A type made of C's own words. `sign` is kPlain unless it was written.
struct CBasicType : CTypeOf<CTypeKind::kBasic> {
  using CTypeOf::CTypeOf;
  CBasic basic = CBasic::kInt;
  CSign sign = CSign::kPlain;
  bool is_complex = false;  // double complex
};

// A type by its name: MyStruct, np.double_t, object, Py_ssize_t, struct Foo.
struct CNamedType : CTypeOf<CTypeKind::kNamed> {
  using CTypeOf::CTypeOf;
  List<Identifier> path;  // module parts, then the name; one or more
  // A parameter of a C function that is a single word: `f(x)`. If `x` names no type, it is the name
  // of a parameter that is a Python object.
  bool may_be_name = false;

  std::string_view name() const { return path.back().text; }
};

// base[args]: a C++ template (vector[int]), a buffer (np.ndarray[np.double_t, ndim=1]), a builtin
// container (list[int]), an array (my_t[10]). Which one depends on what the base is; if it is one
// of C's own words, the parser has made a CArrayType of it. Of my_t[3][4] the outer node has the 4.
struct CTemplateType : CTypeOf<CTypeKind::kTemplate> {
  using CTypeOf::CTypeOf;
  const CType* base = nullptr;
  List<const Expr*>
      args;  // TypeExpr whenever it can be read as a type, even if it may be a constant
  List<Keyword> keywords;
};

// outer.name, where outer is no plain name: vector[int].iterator
struct CNestedType : CTypeOf<CTypeKind::kNested> {
  using CTypeOf::CTypeOf;
  const CType* outer = nullptr;
  Identifier name;
};

struct CPointerType : CTypeOf<CTypeKind::kPointer> {
  using CTypeOf::CTypeOf;
  const CType* to = nullptr;
};

struct CReferenceType : CTypeOf<CTypeKind::kReference> {
  using CTypeOf::CTypeOf;
  const CType* to = nullptr;
};

// T&&
struct CRvalueReferenceType : CTypeOf<CTypeKind::kRvalueReference> {
  using CTypeOf::CTypeOf;
  const CType* to = nullptr;
};

struct CArrayType : CTypeOf<CTypeKind::kArray> {
  using CTypeOf::CTypeOf;
  const CType* element = nullptr;
  const Expr* size = nullptr;  // null: []
};

// What a C function does when an exception occurs in it.
enum class ExceptKind : std::uint8_t {
  kUnspecified,  // nothing was written; the rules of the context apply
  kNoexcept,     // noexcept
  kValue,        // except -1: this value always means an exception
  kMaybeValue,   // except? -1: this value may mean one; ask Python
  kAlways,       // except *: ask Python after every call
  kCpp,          // except +, except +MemoryError, except +handler
  kCppAlways,    // except +*: C++ exceptions, and ask Python too
};

struct ExceptClause {
  ExceptKind kind = ExceptKind::kUnspecified;
  SourceRange range;
  const Expr* value = nullptr;  // of kValue and kMaybeValue; the handler of kCpp, or null
};

struct CFunctionType : CTypeOf<CTypeKind::kFunction> {
  using CTypeOf::CTypeOf;
  const CType* result = nullptr;
  const Params* params = nullptr;
  ExceptClause except;
  bool nogil = false;                   // may be called without the GIL
  bool with_gil = false;                // takes the GIL on entry
  std::string_view calling_convention;  // "__stdcall", or empty
};

struct CQualifiedType : CTypeOf<CTypeKind::kQualified> {
  using CTypeOf::CTypeOf;
  const CType* type = nullptr;
  bool is_const = false;
  bool is_volatile = false;
};

// element[:, ::1]. An axis is a Slice; what its parts may be is checked later.
struct CMemoryViewType : CTypeOf<CTypeKind::kMemoryView> {
  using CTypeOf::CTypeOf;
  const CType* element = nullptr;
  List<const Slice*> axes;
};

// (int, double)
struct CTupleType : CTypeOf<CTypeKind::kTuple> {
  using CTypeOf::CTypeOf;
  List<const CType*> items;
};

// An error was reported here.
struct CErrorType : CTypeOf<CTypeKind::kError> {
  using CTypeOf::CTypeOf;
};

// ---- parameters, of Python and C functions alike ----

enum class ParamKind : std::uint8_t {
  kPositionalOnly,
  kNormal,
  kVarArgs,  // *args
  kKeywordOnly,
  kVarKeywords,  // **kwargs
};

enum class NoneRule : std::uint8_t {
  kUnspecified,
  kNotNone,  // `x not None`
  kOrNone,   // `x or None`
};

struct Param {
  SourceRange range;
  ParamKind kind = ParamKind::kNormal;
  const CType* type = nullptr;  // never null; CImplicitType if none was written
  Identifier name;              // empty in C declarations such as `int f(int)`
  std::string_view cname;       // empty if none
  NoneRule none_rule = NoneRule::kUnspecified;
  const Expr* annotation = nullptr;     // `x: int`; null if none
  const Expr* default_value = nullptr;  // null if none
  bool default_elsewhere = false;       // `=*`, `=?`: there is one, in the implementation
};

struct Params {
  SourceRange range;       // without the parentheses
  List<Param> params;      // in order of the text; the kinds appear in the order of ParamKind
  bool c_varargs = false;  // `...` at the end
};

}  // namespace engineroom::syntax
