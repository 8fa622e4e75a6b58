// syntax/stmt.h — statements. Names and fields are those of Python's `ast` where it has the node.
#pragma once

#include <cstdint>
#include <string_view>

#include "syntax/ctype.h"
#include "syntax/expr.h"
#include "syntax/node.h"
#include "syntax/pattern.h"

namespace engineroom::syntax {

enum class StmtKind : std::uint8_t {
  // Simple statements
  kExprStmt,
  kAssign,
  kAugAssign,
  kAnnAssign,
  kReturn,
  kDelete,
  kPass,
  kBreak,
  kContinue,
  kRaise,
  kAssert,
  kGlobal,
  kNonlocal,
  kImport,
  kImportFrom,
  kTypeAlias,
  // Compound statements
  kIf,
  kWhile,
  kFor,
  kTry,
  kWith,
  kMatch,
  kFunctionDef,
  kClassDef,
  // Python 2
  kPrint,
  kExec,
  // Cython
  kCVarDef,
  kCFuncDef,
  kCDefBlock,
  kCExternBlock,
  kCStructDef,
  kCEnumDef,
  kCFusedDef,
  kCTypedef,
  kCClassDef,
  kCppClassDef,
  kPropertyDef,
  kCImport,
  kFromCImport,
  kInclude,
  kForFrom,
  kGilBlock,
  kCompileTimeDef,
  kCompileTimeIf,
  // Stands for what could not be read; an error was reported.
  kError,
};

struct Stmt {
  StmtKind kind;
  SourceRange range;  // of compound statements: to the end of the last statement in it
};

template <StmtKind K>
struct StmtOf : Stmt {
  static constexpr StmtKind kKind = K;
  explicit StmtOf(SourceRange where) : Stmt{K, where} {}
};

// The statements of a suite. A docstring is simply its first statement.
using Block = List<const Stmt*>;

// ---- simple statements ----

// An expression whose value is not used.
struct ExprStmt : StmtOf<StmtKind::kExprStmt> {
  using StmtOf::StmtOf;
  const Expr* value = nullptr;
};

// targets[0] = targets[1] = ... = value
struct Assign : StmtOf<StmtKind::kAssign> {
  using StmtOf::StmtOf;
  List<const Expr*> targets;  // one or more
  const Expr* value = nullptr;
};

// target op= value
struct AugAssign : StmtOf<StmtKind::kAugAssign> {
  using StmtOf::StmtOf;
  const Expr* target = nullptr;
  Operator op{};
  const Expr* value = nullptr;
};

// target: annotation = value
struct AnnAssign : StmtOf<StmtKind::kAnnAssign> {
  using StmtOf::StmtOf;
  const Expr* target = nullptr;
  const Expr* annotation = nullptr;
  const Expr* value = nullptr;  // null if none
};

struct Return : StmtOf<StmtKind::kReturn> {
  using StmtOf::StmtOf;
  const Expr* value = nullptr;  // null if none
};

struct Delete : StmtOf<StmtKind::kDelete> {
  using StmtOf::StmtOf;
  List<const Expr*> targets;
};

struct Pass : StmtOf<StmtKind::kPass> {
  using StmtOf::StmtOf;
};
struct Break : StmtOf<StmtKind::kBreak> {
  using StmtOf::StmtOf;
};
struct Continue : StmtOf<StmtKind::kContinue> {
  using StmtOf::StmtOf;
};

// raise exc from cause; at level 2 also raise exc, value, traceback. Each may be null, `exc` only
// if all are.
struct Raise : StmtOf<StmtKind::kRaise> {
  using StmtOf::StmtOf;
  const Expr* exc = nullptr;
  const Expr* cause = nullptr;
  const Expr* value = nullptr;
  const Expr* traceback = nullptr;
};

struct Assert : StmtOf<StmtKind::kAssert> {
  using StmtOf::StmtOf;
  const Expr* test = nullptr;
  const Expr* message = nullptr;  // null if none
};

struct Global : StmtOf<StmtKind::kGlobal> {
  using StmtOf::StmtOf;
  List<Identifier> names;
};

struct Nonlocal : StmtOf<StmtKind::kNonlocal> {
  using StmtOf::StmtOf;
  List<Identifier> names;
};

// name as asname. In Import and CImport the name is dotted; "*" stands for all.
struct Alias {
  SourceRange range;
  Identifier name;
  Identifier asname;  // empty if none
};

struct Import : StmtOf<StmtKind::kImport> {
  using StmtOf::StmtOf;
  List<Alias> names;
};

struct ImportFrom : StmtOf<StmtKind::kImportFrom> {
  using StmtOf::StmtOf;
  Identifier module;  // dotted; may be empty if level > 0
  int level = 0;      // number of leading dots
  List<Alias> names;
};

enum class TypeParamKind : std::uint8_t { kTypeVar, kTypeVarTuple, kParamSpec };

// T: bound = default, *Ts, **P (PEP 695)
struct TypeParam {
  SourceRange range;
  TypeParamKind kind = TypeParamKind::kTypeVar;
  Identifier name;
  const Expr* bound = nullptr;          // null if none
  const Expr* default_value = nullptr;  // null if none
};

// type name[type_params] = value
struct TypeAlias : StmtOf<StmtKind::kTypeAlias> {
  using StmtOf::StmtOf;
  Identifier name;
  List<TypeParam> type_params;
  const Expr* value = nullptr;
};

// ---- compound statements ----

// One condition of an If and what it guards.
struct IfClause {
  SourceRange range;
  const Expr* test = nullptr;
  Block body;
};

// Unlike in Python's `ast`, `elif` is a further clause and not an If in `orelse`: a long chain is
// not a deep tree.
struct If : StmtOf<StmtKind::kIf> {
  using StmtOf::StmtOf;
  List<IfClause> clauses;  // `if`, then each `elif`
  Block orelse;
};

struct While : StmtOf<StmtKind::kWhile> {
  using StmtOf::StmtOf;
  const Expr* test = nullptr;
  Block body;
  Block orelse;
};

struct For : StmtOf<StmtKind::kFor> {
  using StmtOf::StmtOf;
  const Expr* target = nullptr;
  const Expr* iter = nullptr;
  Block body;
  Block orelse;
  bool is_async = false;
};

struct ExceptHandler {
  SourceRange range;
  const Expr* type = nullptr;    // null: catches everything
  const Expr* target = nullptr;  // after `as`; null if none. A Name, at level 2 anything assignable
  bool forgets_target = false;   // it has no value afterwards: `as` of Python 3
  Block body;
};

struct Try : StmtOf<StmtKind::kTry> {
  using StmtOf::StmtOf;
  Block body;
  List<ExceptHandler> handlers;
  Block orelse;
  Block finalbody;
  bool has_finally = false;
  bool is_star = false;  // except*
};

struct WithItem {
  const Expr* context = nullptr;
  const Expr* target = nullptr;  // after `as`; null if none
};

// `nogil` and `gil` items are GilBlocks: `with nogil, parallel(): body` is a GilBlock around a
// With.
struct With : StmtOf<StmtKind::kWith> {
  using StmtOf::StmtOf;
  List<WithItem> items;
  Block body;
  bool is_async = false;
};

struct MatchCase {
  SourceRange range;
  const Pattern* pattern = nullptr;
  const Expr* guard = nullptr;  // null if none
  Block body;
};

struct Match : StmtOf<StmtKind::kMatch> {
  using StmtOf::StmtOf;
  const Expr* subject = nullptr;
  List<MatchCase> cases;
};

// def and async def.
struct FunctionDef : StmtOf<StmtKind::kFunctionDef> {
  using StmtOf::StmtOf;
  Identifier name;
  List<const Expr*> decorators;
  List<TypeParam> type_params;
  const Params* params = nullptr;
  const Expr* returns = nullptr;  // the annotation after ->; null if none
  Block body;
  bool is_async = false;
  SourceRange header;  // from `def` to the colon
};

struct ClassDef : StmtOf<StmtKind::kClassDef> {
  using StmtOf::StmtOf;
  Identifier name;
  List<const Expr*> decorators;
  List<TypeParam> type_params;
  List<const Expr*> bases;  // may hold Starred
  List<Keyword> keywords;
  Block body;
};

// ---- Python 2 ----

// print >>file, values
struct Print : StmtOf<StmtKind::kPrint> {
  using StmtOf::StmtOf;
  const Expr* file = nullptr;  // null if none
  List<const Expr*> values;
  bool newline = true;  // false if a comma ends it
};

// exec code in globals, locals
struct Exec : StmtOf<StmtKind::kExec> {
  using StmtOf::StmtOf;
  const Expr* code = nullptr;
  const Expr* globals = nullptr;  // null if none
  const Expr* locals = nullptr;   // null if none
};

// ---- Cython: declarations ----

enum class Visibility : std::uint8_t {
  kPrivate,
  kPublic,    // of module-level names: exported to C; of attributes: Python may read and write
  kReadonly,  // of attributes: Python may read
  kExtern,    // defined elsewhere, in C
};

// What surrounds or precedes a C declaration. Blocks (`cdef public:`, `cdef extern from ...:`) pass
// theirs down: every declaration has its own complete copy.
struct CContext {
  Visibility visibility = Visibility::kPrivate;
  bool api = false;
  bool is_inline = false;
  bool nogil = false;  // within `cdef extern from ... nogil:` or `cdef nogil:`
  // Of the extern block: what is declared without a C name is `name_space::name` there. Or empty.
  std::string_view name_space;
};

struct CDeclarator {
  SourceRange range;
  Identifier name;
  std::string_view cname;  // of `int f "c_f"`; empty if none
  const CType* type = nullptr;
  const Expr* value = nullptr;  // initial value; null if none
};

// cdef int x, *p = NULL. Also fields of structs and C++ classes, and variables in extern blocks.
// Declared functions are CFuncDef without body, one each.
struct CVarDef : StmtOf<StmtKind::kCVarDef> {
  using StmtOf::StmtOf;
  CContext context;
  List<CDeclarator> declarators;
};

// A C function: defined, or only declared (extern, .pxd, C++ class).
struct CFuncDef : StmtOf<StmtKind::kCFuncDef> {
  using StmtOf::StmtOf;
  CContext context;
  Identifier name;  // "operator+" and the like in C++ classes
  std::string_view cname;
  const CFunctionType* type = nullptr;
  List<const Expr*> decorators;
  List<Identifier> template_params;  // T f[T](T x)
  bool is_cpdef = false;
  bool has_body = false;
  Block body;
  const Expr* value =
      nullptr;         // `cdef int f() = g` does not exist, but is reported later; null else
  SourceRange header;  // without the body
};

// cdef: ... or ctypedef-less blocks such as `cdef public:`; the context is already in the body.
struct CDefBlock : StmtOf<StmtKind::kCDefBlock> {
  using StmtOf::StmtOf;
  CContext context;
  Block body;
};

// cdef extern from "header" namespace "name":
struct CExternBlock : StmtOf<StmtKind::kCExternBlock> {
  using StmtOf::StmtOf;
  CContext context;
  bool any_header = false;    // from *
  std::string_view header;    // "math.h", or "<math.h>"
  std::string_view verbatim;  // C text to be emitted after the include; empty if none
  SourceRange verbatim_range;
  Block body;
};

enum class CStructKind : std::uint8_t { kStruct, kUnion };

// cdef struct, cdef union, cdef packed struct, ctypedef struct.
struct CStructDef : StmtOf<StmtKind::kCStructDef> {
  using StmtOf::StmtOf;
  CContext context;
  CStructKind struct_kind{};
  bool packed = false;
  bool is_typedef = false;
  bool has_body = false;  // else only announced
  Identifier name;
  std::string_view cname;
  Block body;  // CVarDef, nested CStructDef and CEnumDef, Pass
};

struct CEnumItem {
  SourceRange range;
  Identifier name;
  std::string_view cname;
  const Expr* value = nullptr;  // null if none
};

// cdef enum, cpdef enum, cdef enum class, ctypedef enum.
struct CEnumDef : StmtOf<StmtKind::kCEnumDef> {
  using StmtOf::StmtOf;
  CContext context;
  bool is_cpdef = false;
  bool is_typedef = false;
  bool scoped = false;  // enum class
  bool has_body = false;
  Identifier name;  // empty if anonymous
  std::string_view cname;
  const CType* underlying = nullptr;  // of `enum class X(int)`; null if none
  const Str* doc = nullptr;           // null if none
  List<CEnumItem> items;
};

// ctypedef fused name: a list of types
struct CFusedDef : StmtOf<StmtKind::kCFusedDef> {
  using StmtOf::StmtOf;
  CContext context;
  Identifier name;
  List<const CType*> types;
};

// ctypedef type name
struct CTypedef : StmtOf<StmtKind::kCTypedef> {
  using StmtOf::StmtOf;
  CContext context;
  CDeclarator declarator;
};

// [object name, type name, check_size how] of a cdef class.
struct CClassOptions {
  std::string_view objstruct;   // name of the object's struct; empty if none
  std::string_view typeobj;     // name of the type object; empty if none
  std::string_view check_size;  // "error", "warn", "ignore", "opaque"; empty if none
};

// cdef class module.name as as_name(bases): ..., ctypedef class, cdef extern class.
struct CClassDef : StmtOf<StmtKind::kCClassDef> {
  using StmtOf::StmtOf;
  CContext context;
  bool is_typedef = false;
  bool has_body = false;         // else only announced
  std::string_view module_name;  // of extern classes, dotted; empty if none
  Identifier name;
  Identifier as_name;  // empty if none
  CClassOptions options;
  List<const Expr*> decorators;
  List<const Expr*> bases;  // more than one, and keywords, are refused later unless allowed
  List<Keyword> keywords;
  Block body;
};

struct CppTemplateParam {
  Identifier name;
  bool optional = false;  // T=*
};

// cdef cppclass name[T, U=*] (bases): ...
struct CppClassDef : StmtOf<StmtKind::kCppClassDef> {
  using StmtOf::StmtOf;
  CContext context;
  bool has_body = false;  // else only announced
  Identifier name;
  std::string_view cname;
  List<CppTemplateParam> template_params;
  List<const CType*> bases;
  List<const Expr*> decorators;
  Block body;
};

// property name: ... in a cdef class.
struct PropertyDef : StmtOf<StmtKind::kPropertyDef> {
  using StmtOf::StmtOf;
  Identifier name;
  Block body;  // a docstring, __get__, __set__, __del__
};

// cimport a.b as c
struct CImport : StmtOf<StmtKind::kCImport> {
  using StmtOf::StmtOf;
  List<Alias> names;
};

// from .a cimport b as c
struct FromCImport : StmtOf<StmtKind::kFromCImport> {
  using StmtOf::StmtOf;
  Identifier module;  // dotted; may be empty if level > 0
  int level = 0;
  List<Alias> names;
};

// include "file.pxi"; reading the file is the caller's business.
struct Include : StmtOf<StmtKind::kInclude> {
  using StmtOf::StmtOf;
  const Str* path = nullptr;
};

// ---- Cython: statements ----

// for target from lower <= target < upper by step:
struct ForFrom : StmtOf<StmtKind::kForFrom> {
  using StmtOf::StmtOf;
  const Expr* target = nullptr;
  ForBounds bounds;
  Block body;
  Block orelse;
};

// with nogil: and with gil:
struct GilBlock : StmtOf<StmtKind::kGilBlock> {
  using StmtOf::StmtOf;
  bool nogil = true;                // false: with gil
  const Expr* condition = nullptr;  // of `with nogil(condition)`; null if none
  Block body;
};

// DEF name = value
struct CompileTimeDef : StmtOf<StmtKind::kCompileTimeDef> {
  using StmtOf::StmtOf;
  Identifier name;
  const Expr* value = nullptr;
};

// IF test: ... ELIF test: ... ELSE: ...
struct CompileTimeIf : StmtOf<StmtKind::kCompileTimeIf> {
  using StmtOf::StmtOf;
  List<IfClause> clauses;  // IF, then ELIFs
  Block orelse;
};

struct ErrorStmt : StmtOf<StmtKind::kError> {
  using StmtOf::StmtOf;
};

}  // namespace engineroom::syntax
