// tree/module.h — functions, variables and constants: the roots of the typed tree.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tree/expr.h"
#include "tree/stmt.h"

namespace engineroom::tree {

enum class VariableKind : std::uint8_t {
  kLocal,
  kParameter,
  kTemporary,  // made by the compiler
  kModule,     // a cdef variable of the module
  kExtern,     // of C: defined by a header
  kBorrowed,   // a cdef variable of another module
  kCaptured,   // of a function, and functions inside it use it too: it is in a ClosureScope
};

struct ClosureScope;

struct Variable {
  std::string name;  // as written
  std::string cpp;   // unique in its function or module
  VariableKind kind = VariableKind::kLocal;
  const Type* type = nullptr;
  // A parameter that is assigned to: it needs a reference of its own.
  bool is_assigned = false;
  // Items of its buffer are assigned to.
  bool is_written = false;
  const ClosureScope* scope = nullptr;  // kCaptured: what it is in

  bool is_captured() const { return kind == VariableKind::kCaptured; }
  // It lives longer than a call, and others see it.
  bool is_global() const {
    return kind == VariableKind::kModule || kind == VariableKind::kExtern ||
           kind == VariableKind::kBorrowed || kind == VariableKind::kCaptured;
  }
};

// The variables of a function, or of a comprehension, that functions inside it use. They live in an
// object on the heap, which all that use it hold. A variable is called `cpp`->member.
struct ClosureScope {
  struct Member {
    const Variable* variable = nullptr;
    std::string cpp;
  };
  std::string id;                       // unique in the module
  std::string cpp;                      // a pointer to the members
  const ClosureScope* outer = nullptr;  // held by this one
  std::vector<Member> members;
};

enum class ParamKind : std::uint8_t {
  kPositionalOnly,
  kNormal,
  kVarArgs,
  kKeywordOnly,
  kVarKeywords,
};

// A parameter of a def function. Arguments arrive as objects; `variable` has the declared type, and
// the conversion is done on entry, in order.
struct PyParameter {
  ParamKind kind = ParamKind::kNormal;
  Variable* variable = nullptr;
  bool has_default = false;
  bool is_converted = false;  // by the body: its class is not checked
  bool allows_none = true;    // for a known class: `not None` forbids it
};

enum class FunctionKind : std::uint8_t {
  kDef,         // called by Python only
  kCdef,        // called by C only
  kCpdef,       // both: Python calls a wrapper around the C function
  kModuleInit,  // the statements of the module
};

struct Function {
  FunctionKind kind = FunctionKind::kDef;
  std::string name;
  std::string qualname;
  std::string cpp;
  std::string doc;
  bool has_doc = false;
  syntax::SourceRange range;
  // kDef and kCpdef.
  std::vector<PyParameter> py_parameters;
  // kCdef and kCpdef: a function type, with `c_parameters` in its order. kDef: null; the result is
  // an object.
  const Type* type = nullptr;
  std::vector<Variable*> c_parameters;
  bool is_inline = false;
  bool takes_gil = false;          // `with gil`: on entry, whoever calls it
  bool is_of_pxd = false;          // an inline function: each module that uses it has its own
  std::deque<Variable> variables;  // all of them: parameters, locals, temporaries
  // Made by MakeScope statements of the body.
  std::vector<const ClosureScope*> scopes;
  // kDef: what the function object holds; null if it uses nothing of the functions around it.
  const ClosureScope* outer_scope = nullptr;
  Block body;

  const Type* result = nullptr;
};

enum class ConstantKind : std::uint8_t {
  kStr,      // `text` is UTF-8 (surrogates as surrogatepass); interned if it looks like a name
  kBytes,    // `text`
  kInt,      // `text` is decimal or 0x…
  kFloat,    // `value`
  kComplex,  // `value` is the imaginary part
  kTuple,    // `items` are indices of constants
  kFrozenSet,
};

struct Constant {
  ConstantKind kind{};
  std::string text;
  double value = 0;
  std::vector<std::size_t> items;
};

// C++ that comes first: the include of a header, or verbatim text of an extern block.
struct Prelude {
  std::string text;
  std::string header;  // empty for verbatim text
  // A header that a .pxd asks for is included only if one of these words is in the text.
  bool is_optional = false;
  std::vector<std::string> names = {};
};

// What another program has to be told to use what a module defines in C: pieces of C++, in order. A
// piece that two modules have is told once.
struct Declarations {
  std::vector<std::shared_ptr<const Declarations>> uses;  // to be told before, all of them
  std::vector<Prelude> pieces;
};

// What a compiled module lends to others, as Cython's modules do: the address of a C function or
// variable, by name and signature, in its dictionary __pyx_capi__.
struct LentName {
  std::string module;     // whose it is; of an export: empty
  std::string name;       // in that module
  std::string signature;  // as Cython spells it: "int (double, PyObject *)"
  // A function type, or the type of a variable; and the C++ name of its definition. An import's is
  // a pointer to it.
  const Type* type = nullptr;
  std::string cpp;
  // cpdef: the C function takes one more int, which says not to look for overriding methods.
  bool is_cpdef = false;
};

struct Module {
  explicit Module(std::shared_ptr<TypeTable> table = std::make_shared<TypeTable>())
      : type_table(std::move(table)) {}

  std::string name;
  std::string doc;
  bool has_doc = false;
  // Modules that use each other's types have one table.
  std::shared_ptr<TypeTable> type_table;
  TypeTable& types = *type_table;
  // Of earlier modules: what of them is used. Transitive, in order.
  std::vector<std::shared_ptr<const Declarations>> uses;
  // Names that the code looks up when it runs, in the order of the text.
  std::vector<std::string> loaded_names;
  std::vector<Prelude> prelude;      // in order
  std::vector<const Type*> structs;  // to be defined, in order; also enums
  std::deque<Variable> variables;    // cdef variables of the module
  std::deque<ClosureScope> scopes;
  std::deque<Function> functions;  // the last is the module's own statements
  std::vector<Constant> constants;
  // Imported before anything runs; er_classes[i] in literals.
  std::vector<const ExtensionClass*> classes;
  // C names of other compiled modules, looked up before anything runs; and what this one lends.
  std::vector<LentName> imports;
  std::vector<LentName> exports;
  bool uses_openmp = false;
};

}  // namespace engineroom::tree
