// sema/analyzer.h — the analysis itself: one class, its methods in a file per subject.
//
//   declarations.cpp   cdef, ctypedef, struct, enum, extern, cimport: what names are declared
//   ctypes.cpp         C types as written → types
//   declared_types.cpp what types variables, parameters and fields can have
//   constness.cpp      what cannot be assigned to
//   text_to_c.cpp      text that C cannot take
//   borrowed_pointers.cpp  pointers that would outlive what they point into
//   enums.cpp          enums, in C and as Python's classes
//   c_defaults.cpp     arguments that calls of C functions leave out
//   lending.cpp        C names of other compiled modules
//   arrays.cpp         C arrays as values
//   memory.cpp         slices of C memory, loops over it, lists that become arrays
//   tuples.cpp         C tuples
//   expansion.cpp      include, DEF, IF
//   cimports.cpp       cimport, and what is in .pxd files
//   extensions.cpp     classes that headers define
//   buffers.cpp        np.ndarray[double] x: types, items
//   view_types.cpp     memoryviews: their types
//   memoryviews.cpp    memoryviews: items, slices, attributes, conversions
//   view_classes.cpp   cython.view.array, also of C memory
//   functions.cpp      def, cdef, cpdef, lambda
//   closures.cpp       variables that functions share with functions inside them
//   annotations.cpp    what annotations say of types
//   pure_mode.cpp      cython.declare(), @cython.locals()
//   pure_functions.cpp @cython.cfunc, @cython.ccall
//   locals.cpp         which names are local to a function
//   inference.cpp      of what type those are that were not declared
//   statements.cpp, loops.cpp, assignments.cpp, exceptions.cpp
//   gil.cpp            blocks that release or take the GIL
//   parallel.cpp       prange(), parallel()
//   parallel_variables.cpp  private variables and reductions
//   expressions.cpp    each kind of expression; names, casts
//   literals.cpp       numbers, text and f-strings as written
//   access.cpp         attributes, items, slices
//   operators.cpp, folding.cpp, calls.cpp, builtins.cpp, displays.cpp
//   undeclared.cpp     names that are nowhere
//   coercions.cpp      a value of one type where another is wanted
//
// A module is analysed in three passes: C declarations, so that functions may use what is declared
// below them; then the signatures of functions; then statements and bodies, in order of the text.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sema/analyze.h"
#include "sema/control_flow.h"
#include "sema/directives.h"
#include "sema/free_names.h"
#include "sema/names.h"
#include "sema/scope.h"

namespace engineroom::sema {

using tree::Block;
using tree::ExprPtr;
using tree::Fail;
using tree::ObjectClass;
using tree::StmtPtr;
using tree::Type;
using tree::TypeKind;
using tree::Variable;
using tree::VariableKind;

// Python's text of a float, exactly.
std::string cpp_of(double value);
std::string cpp_string(std::string_view bytes);
// A word that C++ has another use for.
bool is_cpp_keyword(std::string_view word);
// "+", "//".
const char* sign_of(syntax::Operator op);
// The value, if the expression is a constant C integer.
std::optional<std::int64_t> constant_int(const tree::Expr& expr);
// Of a number, or arithmetic on numbers, as written.
std::optional<std::int64_t> written_int(const syntax::Expr& expr);
// Whether it is true, if that is known.
std::optional<bool> constant_truth(const tree::Expr& expr);
// Of a % b in C, which is only compared with 0: then it does not matter whose sign it has.
void forget_sign_of_rest(tree::Expr& value);
// What cython.view calls an axis; nothing if it has no such name.
std::optional<tree::Axis> axis_called(std::string_view name);
// int and float, to which other objects are converted.
bool is_converted_class(ObjectClass object_class);
// f(a, b): no keywords, no stars.
bool is_plain(const syntax::Call& call);

struct Assignments;   // assigned.h
struct NameAssigned;  // parallel_names.h

class Analyzer {
 public:
  Analyzer(const syntax::Module& module, syntax::Sources& sources, const Options& options,
           syntax::Diagnostics& diagnostics, tree::Module& out);

  void run();
  Scope take_scope() { return std::move(scope_); }

 private:
  // Of a parameter of a C function; both null: it has none.
  struct CDefault {
    const syntax::Expr* literal = nullptr;
    Variable* variable = nullptr;  // of the module
  };

  // What DEF gave a name to.
  struct Definition {
    const syntax::CompileTimeDef* stmt = nullptr;
    const syntax::Expr* value = nullptr;
  };
  using Definitions = std::map<std::string, Definition, std::less<>>;

  // By @cython.locals, to names.
  using GivenTypes = std::map<std::string, const Type*, std::less<>>;

  // A prange loop or parallel block that is being analysed.
  struct ParallelScope {
    ParallelScope* outer = nullptr;
    bool is_block = false;
    std::set<const Variable*> reductions;  // of a loop
    std::set<const Variable*> privates;    // of a block
  };

  // What is known while the body of a function is analysed.
  struct FunctionContext {
    tree::Function* function = nullptr;
    FunctionContext* outer = nullptr;
    std::map<std::string, Variable*, std::less<>> locals;
    std::set<std::string, std::less<>> globals;  // declared `global`
    std::set<const Variable*> bound;  // certainly has a value: parameters, loop variables
    // Reads of variables that certainly have a value there, by their place in the text.
    std::set<std::pair<std::uint32_t, const Variable*>> assigned_reads;
    Directives directives;
    Definitions definitions;
    Scope* scope = nullptr;         // what names are looked up in; null: the module's
    const Type* returns = nullptr;  // of a def function: its annotation, if that is a type
    GivenTypes given;
    bool is_module = false;
    // `nonlocal`: among the locals, as what the function uses of those around it.
    std::set<std::string, std::less<>> nonlocals;
    std::set<std::string, std::less<>> assigned_nonlocals;  // so far
    tree::ClosureScope* closure = nullptr;                  // that functions made here hold
    std::vector<tree::ClosureScope*> scopes;                // its own, and those of comprehensions
    std::set<const Variable*> captured_parameters;
    bool reaches_out = false;  // it, or a function inside, uses variables of functions around it
    // While a function inside is analysed: the comprehensions that it is in.
    std::vector<std::map<std::string, Variable*, std::less<>>> comprehensions;
    NameSet shared;  // variables of the comprehension being analysed that functions in it use
    bool has_gil = true;
    bool is_gil_known = true;  // not in a function that is called with it or without
    ParallelScope* parallel = nullptr;
    const Variable* reduced = nullptr;  // a reduction in the statement that adds to it
    int loops = 0;
    int next_temporary = 0;
    std::map<std::string, int> n_named;             // for unique names in C++
    std::set<std::string, std::less<>> undeclared;  // names that were reported already
    std::set<std::string, std::less<>> refused;     // constructs likewise
  };

  // What was there before a comprehension.
  struct ComprehensionScope {
    tree::ClosureScope* closure = nullptr;
    NameSet shared;
  };

  // What is known of classes that headers define.
  struct ClassInfo {
    std::shared_ptr<Scope> members;  // properties
    const Type* struct_type = nullptr;
    tree::BufferMode mode = tree::BufferMode::kFull;
  };

  void set_directive(std::string_view key, std::string_view value, Directives& directives,
                     syntax::SourceRange range);

  // ---- declarations.cpp ----
  void declare_all(const syntax::Block& block, Scope& scope, bool is_pxd);
  void announce_all(const syntax::Block& block, Scope& scope, bool is_extern);
  void wrap_extern(const syntax::CFuncDef& def, const Type& type);
  tree::Type* announce_struct(const syntax::CStructDef& def, Scope& scope, bool is_extern);
  void declare(const syntax::Stmt& stmt, Scope& scope, bool is_pxd);
  void declare_variables(const syntax::CVarDef& def, Scope& scope, bool is_pxd);
  void declare_function(const syntax::CFuncDef& def, Scope& scope, bool is_pxd);
  void declare_struct(const syntax::CStructDef& def, Scope& scope, bool is_extern);
  void declare_typedef(const syntax::CTypedef& def, Scope& scope);
  void declare_extern(const syntax::CExternBlock& block, Scope& scope, bool is_pxd);
  // A name of C++ that the header being declared has.
  void note_cpp_name(std::string_view cpp);
  void add_symbol(Scope& scope, const syntax::Identifier& name, Symbol symbol);
  // A name whose declaration was refused, so that its uses are not.
  void add_refused(Scope& scope, const syntax::Identifier& name);
  std::string unique_cpp(std::string_view prefix, std::string_view name);
  std::string shared_suffix() const;

  // ---- declared_types.cpp ----
  const Type* declared_type(const syntax::CDeclarator& declarator, Scope& scope,
                            std::string_view what);
  bool refuse_incomplete(const Type& type, syntax::SourceRange range, std::string_view what);
  bool refuse_open_array(const syntax::CDeclarator& declarator);
  void refuse_void_parameter(const syntax::Param& param);
  void check_except(const syntax::ExceptClause& clause, const Type& result, Scope& scope);
  // That the definition of a function is what the own .pxd says.
  void check_announced(const syntax::CFuncDef& def, const Type& defined);

  // ---- constness.cpp ----
  // Each is true, and reports it, if what is assigned to is const.
  bool refuse_const(const Variable* variable, std::string_view name, syntax::SourceRange range);
  bool refuse_const(const tree::Expr& place);
  bool refuse_const_array(const Variable& variable, syntax::SourceRange range);

  // ---- text_to_c.cpp ----
  ExprPtr character_code(const tree::Expr& value, const Type& to);
  bool refuse_text(const tree::Expr& value, const Type& to);
  bool refuse_text_as_number(const tree::Expr& value, const tree::Constant& text, const Type& to);
  bool refuse_decoding(const tree::Expr& value, const Type& to);

  // ---- borrowed_pointers.cpp ----
  bool refuse_dangling(const tree::Expr& value);
  bool refuse_dangling_copies(const tree::Expr& value,
                              const syntax::List<const syntax::Expr*>& targets);

  // ---- c_defaults.cpp ----
  void declare_c_defaults(const syntax::CFuncDef& def, const Symbol& function);
  void evaluate_c_defaults(const syntax::CFuncDef& def, const std::string& cpp, Block& out);
  ExprPtr c_default(const tree::Expr& callee, std::size_t i, const Type* type,
                    syntax::SourceRange range);

  // ---- lending.cpp ----
  void declare_borrowed_function(const syntax::CFuncDef& def, Scope& scope, Symbol symbol);
  void declare_borrowed_variable(const syntax::CDeclarator& declarator, Scope& scope,
                                 Symbol symbol);
  void borrow(const tree::LentName& lent);
  void lend(const syntax::CFuncDef& def, const tree::Function& function);
  void lend(const syntax::CDeclarator& declarator, const Variable& variable);
  static std::string mangled_type(const Scope& scope, std::string_view keyword,
                                  std::string_view name);
  std::optional<std::string> lent_spelling(const syntax::CType& type, Scope& scope,
                                           const std::string& inner);
  std::optional<std::string> lent_parameter(const syntax::Param& param, Scope& scope);
  std::optional<std::string> lent_signature(const syntax::CFunctionType& type, Scope& scope,
                                            const std::string& inner, std::string_view last);
  std::optional<std::string> signature_of(const syntax::CFuncDef& def, Scope& scope);
  std::string absolute_module(const std::string& name, int level) const;

  // ---- enums.cpp ----
  const Type* announce_enum(const syntax::CEnumDef& def, Scope& scope, bool is_extern);
  void declare_enum(const syntax::CEnumDef& def, Scope& scope, bool is_extern);
  bool has_python_names(const Scope& scope) const;
  const Symbol* enum_symbol(const syntax::Expr& e);
  const tree::EnumItem* enum_item(const syntax::Attribute& attribute);
  ExprPtr enum_attribute(const syntax::Attribute& attribute);
  ExprPtr enum_class(const Type& type, syntax::SourceRange range);
  void make_enums(Block& out);

  // ---- arrays.cpp ----
  // null after a mistake.
  ExprPtr array_value(ExprPtr value, const Type* array);
  std::optional<std::int64_t> array_bound(const syntax::Expr* bound, const Type& array,
                                          std::int64_t otherwise);
  void assign_array_slice(ExprPtr array, const syntax::Slice& slice, ExprPtr value, Block& out);
  ExprPtr array_part(const syntax::Expr& target, const syntax::Expr& value);
  ExprPtr items_from(ExprPtr first, const Type* part);
  void assign_items(ExprPtr first, const Type* part, ExprPtr value, Block& out);

  // ---- tuples.cpp ----
  const Type* tuple_ctype(const syntax::CTupleType& type, Scope& scope);
  const Type* tuple_of(const std::vector<const Type*>& items, syntax::SourceRange range);
  ExprPtr tuple_field(ExprPtr tuple, std::size_t i, syntax::SourceRange range);
  ExprPtr tuple_item(ExprPtr& tuple, const syntax::Expr& index);
  ExprPtr tuple_display(const syntax::List<const syntax::Expr*>& items, const Type* wanted,
                        syntax::SourceRange range);
  ExprPtr converted_tuple(ExprPtr tuple, const Type* to);
  void unpack_tuple(const syntax::List<const syntax::Expr*>& targets, ExprPtr tuple, Block& out,
                    syntax::SourceRange range);

  // ---- pure_mode.cpp ----
  const syntax::CType* written_ctype(const syntax::Expr& e);
  const syntax::CType* annotated_ctype(const syntax::Expr* annotation, syntax::SourceRange range);
  bool take_c_decorator(const syntax::Expr& decorator, syntax::CFuncDef& made,
                        syntax::CFunctionType& type);
  const syntax::Block* c_function_of(const syntax::FunctionDef& def);
  const syntax::CType* written_view(const syntax::Subscript& e);
  const syntax::CType* written_pointer(const syntax::Expr& to, syntax::SourceRange range);
  const syntax::Block* declared_by_call(const syntax::Stmt& stmt);
  GivenTypes given_types(const syntax::List<const syntax::Expr*>& decorators);
  void apply_given_types(const GivenTypes& given);

  // ---- expansion.cpp ----
  // The statements that an `include`, IF or cython.declare() stands for; null if it is another
  // statement.
  const syntax::Block* stands_for(const syntax::Stmt& stmt);
  syntax::Block included(const syntax::Include& stmt);
  syntax::Block chosen(const syntax::CompileTimeIf& stmt);
  void define(const syntax::CompileTimeDef& stmt);
  // The literal that DEF gave the name to; null if it did not.
  const syntax::Expr* definition(std::string_view name);
  const syntax::Expr* compile_time_value(const syntax::Expr& expr);

  // ---- cimports.cpp ----
  bool declare_cython(const syntax::Alias& alias, Scope& scope);
  bool refuse_parallel_name(std::string_view module, const syntax::Alias& alias);
  void declare_cimport(const syntax::CImport& stmt, Scope& scope);
  void declare_import_of_cython(const syntax::Stmt& stmt, Scope& scope);
  bool is_imported(std::string_view name);
  void declare_from_cimport(const syntax::FromCImport& stmt, Scope& scope);
  void cimport_name(const syntax::FromCImport& stmt, const syntax::Alias& alias,
                    const syntax::Identifier& as_name, Scope& scope);
  std::shared_ptr<Scope> load_pxd(const std::string& name, syntax::SourceRange range,
                                  int level = 0);
  std::optional<syntax::SourceId> find_pxd(const std::string& name, int level,
                                           syntax::SourceId from);
  const syntax::Block& parse_pxd(syntax::SourceId source);
  void declare_own_pxd();
  void announce_unsupported(const syntax::Block& block, Scope& scope);
  void declare_in_pxd(const syntax::Stmt& stmt, Scope& scope);
  // True if the name is one of something that is not supported yet, which is then reported.
  bool refuse_unsupported(const Scope& scope, std::string_view name, syntax::SourceRange range);
  void use(const Symbol& function);
  // Compiles the inline functions of .pxd files that are used.
  void define_used();
  // What numpy's C functions need before anything else; null if none of them is used.
  ExprPtr import_array();

  // ---- extensions.cpp ----
  void declare_class(const syntax::CClassDef& def, Scope& scope, bool is_pxd);
  void declare_members(const syntax::Block& body, const Type& self, ClassInfo& info, Scope& scope);
  void declare_property(const syntax::CFuncDef& def, const Type& self, Scope& members, Scope& home);
  // In out_.classes.
  std::size_t class_index(const tree::ExtensionClass& extension);
  // The class as an object.
  ExprPtr class_object(const tree::ExtensionClass& extension, syntax::SourceRange range);
  // A field or property that C knows; null if it has no such.
  ExprPtr member(ExprPtr& value, const syntax::Attribute& attribute);

  // ---- buffers.cpp ----
  const Type* buffer_type(const syntax::CTemplateType& type, const Type& object, Scope& scope);
  void set_buffer_option(std::string_view name, const syntax::Expr& value,
                         tree::BufferLayout& layout, Scope& scope);
  // Reports a type that only local variables may have.
  bool reject_buffer(const Type& type, syntax::SourceRange range);
  // null if the indices are not one integer of C per dimension.
  ExprPtr buffer_item(ExprPtr& value, const syntax::Subscript& subscript);
  ExprPtr buffer_part(ExprPtr& value, const syntax::Attribute& attribute);
  // What the place is in will be written to.
  static void mark_written(const tree::Expr& place);

  // ---- view_types.cpp ----
  const Type* view_ctype(const syntax::CMemoryViewType& type, Scope& scope);
  static std::string written_item(const syntax::CType& written, const Type& item);
  std::optional<tree::Axis> written_axis(const syntax::Slice& axis, bool& is_whole);
  bool settle_axes(std::vector<tree::Axis>& axes, std::size_t contiguous,
                   const syntax::CMemoryViewType& type);
  bool check_axes(const std::vector<tree::Axis>& axes, const syntax::CMemoryViewType& type);
  bool refuse_view_part(const Type& type, syntax::SourceRange range, const char* what);
  bool refuse_axes(std::size_t n, syntax::SourceRange range);
  static bool conforms(const Type& from, const Type& to, bool is_copied);
  ExprPtr refuse_view(const Type& from, const Type& to, syntax::SourceRange range);

  // ---- memoryviews.cpp ----
  const Type* view_subscript_type(const Type& view, const syntax::Expr& slice);
  ExprPtr view_index(const syntax::Expr& index);
  ExprPtr view_subscript(ExprPtr value, const syntax::Subscript& e);
  tree::ViewSlice::Part view_part(const syntax::Expr* index);
  const Type* transposed(const Type& view);
  const Type* contiguous(const Type& view, bool is_fortran);
  ExprPtr view_attribute(ExprPtr& value, const syntax::Attribute& e);
  ExprPtr view_method(tree::Helper& got, std::string_view name, const syntax::Call& call);
  ExprPtr item_size(const Type& view, syntax::SourceRange range);
  ExprPtr view_length(ExprPtr view, syntax::SourceRange range);
  ExprPtr to_view(ExprPtr value, const Type* to);
  void assign_items_of_view(ExprPtr place, ExprPtr value, Block& out);
  bool checks_views() const { return context_->directives.initializedcheck; }
  ExprPtr view_is_none(syntax::CompareOperator op, ExprPtr& left, ExprPtr& right,
                       syntax::SourceRange range);
  const Type* view_type_of(const syntax::Expr& e);

  // ---- view_classes.cpp ----
  const Type* view_class(std::string_view name);
  void keep_callback(const syntax::Attribute& target, Block& out);
  ExprPtr cython_object(std::string_view name, syntax::SourceRange range);
  ExprPtr array_as_view(ExprPtr array, const Type* to);
  ExprPtr pointer_array(const Type& view, ExprPtr pointer, std::vector<ExprPtr> shape,
                        bool is_fortran, syntax::SourceRange range);
  ExprPtr cast_to_view(const syntax::Cast& e);

  // ---- ctypes.cpp ----
  const Type* ctype(const syntax::CType& type, Scope& scope);
  const Symbol* type_symbol(const syntax::CNamedType& type, Scope& scope);
  const Type* named_ctype(const syntax::CNamedType& type, Scope& scope);
  bool refuse_cython_type(const syntax::CNamedType& type);
  const Type* basic_ctype(const syntax::CBasicType& type);
  // `self` is the type of a first parameter without one.
  const Type* function_ctype(const syntax::CFunctionType& type, Scope& scope, bool is_extern,
                             const Type* self = nullptr);
  // Names are looked up here.
  Scope& here() { return context_ != nullptr && context_->scope ? *context_->scope : scope_; }
  const Type* builtin_type(std::string_view name);
  const Type* cython_type(std::string_view name);
  // A type where an expression stands: sizeof(int), <...>; null if it is none.
  const Type* type_of_expr(const syntax::Expr& expr);
  std::string except_value(const syntax::Expr& expr, Scope& scope);
  std::optional<std::string> c_constant(const syntax::Expr& expr, Scope& scope);
  const Type* array_of_brackets(const syntax::CTemplateType& type, Scope& scope);
  const Type* array_type_of_expr(const syntax::Expr& expr);
  std::optional<std::int64_t> constant_value(const syntax::Expr& expr, Scope& scope);

  // ---- functions.cpp ----
  void define_functions(const syntax::Block& block);
  ExprPtr def_function(const syntax::FunctionDef& def);
  void c_function(const syntax::CFuncDef& def);
  ExprPtr lambda(const syntax::Lambda& lambda);

  // ---- closures.cpp ----
  tree::ClosureScope* new_scope();
  StmtPtr make_scope(const tree::ClosureScope* scope, syntax::SourceRange range);
  static void put_into(tree::ClosureScope& scope, Variable& variable);
  void capture(const NameSet& names, Block& out);
  Variable* free_variable(std::string_view name, bool in_comprehensions);
  bool is_out_of_reach(std::string_view name) const;
  void add_free_variables(const NameSet& names);
  void close_function();
  void declare_nonlocal(const syntax::Nonlocal& stmt);
  void refuse_nonlocal(const syntax::Identifier& name);
  ComprehensionScope open_comprehension(NameSet shared, Block& out, syntax::SourceRange range);
  void close_comprehension(ComprehensionScope before);
  ExprPtr make_function(tree::Function& function, const syntax::Params& params,
                        const syntax::Block* body, const syntax::Expr* value, const NameSet& names,
                        const syntax::Expr* returns, const Directives& directives,
                        GivenTypes given);
  Variable* take_buffer(const syntax::Param& param, Variable* parameter, Block& out);
  void add_parameters(FunctionContext& context, const syntax::Params& params);
  void convert_parameters();
  ExprPtr decorated(ExprPtr function, const syntax::List<const syntax::Expr*>& decorators);
  // True if it was a directive of Cython.
  bool apply_directive_decorator(const syntax::Expr& decorator, Directives& directives);
  tree::Function& new_function(tree::FunctionKind kind, std::string_view name,
                               syntax::SourceRange range);
  void take_docstring(const syntax::Block& body, std::string& doc, bool& has_doc);

  // ---- annotations.cpp ----
  struct Annotation {
    const Type* type = nullptr;  // null: it says nothing
    bool allows_none = false;
  };
  Annotation annotation(const syntax::Expr& expr);
  const Type* annotated_name(std::string_view name);
  static bool is_view_annotation(const syntax::Subscript& e);
  bool is_c_tuple(const syntax::Subscript& e);
  Annotation either_none(const syntax::Expr& a, const syntax::Expr& b);
  Annotation or_none(Annotation annotation) const;

  // ---- locals.cpp ----
  void collect_locals(const syntax::Block& body);
  void collect_local(const syntax::Stmt& stmt);
  void add_local(std::string_view name);
  void collect_in_expr(const syntax::Expr& expr);

  // ---- inference.cpp ----
  void infer_types(const syntax::Block& body);
  bool may_be_inferred(const Variable& local) const;
  const Type* inferred_type(std::string_view name, const Assignments& seen);
  const Type* quick_type(const syntax::Expr& expr);
  const Type* call_type(const syntax::Call& call);
  const Type* range_type(const syntax::Expr& iter);
  const Type* comprehension_type(std::string_view name, const syntax::Expr& iter,
                                 const Assignments& seen);
  const Type* operation_type(syntax::Operator op, const Type* a, const Type* b);

  // ---- flow_report.cpp ----
  // Of the function whose locals are known.
  void check_flow(const syntax::Params& params, const syntax::Block& body);
  void check_module_flow();
  void report(const FlowFinding& finding);

  // ---- statements.cpp ----
  Block block(const syntax::Block& stmts);
  void statement(const syntax::Stmt& stmt, Block& out);
  void if_statement(const syntax::If& stmt, Block& out);
  void return_statement(const syntax::Return& stmt, Block& out);
  void delete_target(const syntax::Expr& target, Block& out);
  void import_statement(const syntax::Import& stmt, Block& out);
  bool is_cimported_class(std::string_view bound, std::string_view module, std::string_view name);
  void import_from(const syntax::ImportFrom& stmt, Block& out);
  void refuse_local_without_gil(const Variable& local);
  void local_c_variables(const syntax::CVarDef& def, Block& out);
  void print_statement(const syntax::Print& stmt, Block& out);

  // ---- loops.cpp ----
  void while_loop(const syntax::While& stmt, Block& out);
  void for_loop(const syntax::For& stmt, Block& out);
  bool enumerate_loop(const syntax::For& stmt, Block& out);
  void for_from(const syntax::ForFrom& stmt, Block& out);
  struct FromBounds {
    const syntax::ForBounds* written = nullptr;
    ExprPtr lower;
    ExprPtr upper;
    ExprPtr step;  // null: 1
  };
  FromBounds evaluated(const syntax::ForBounds& bounds);
  void count_from(FromBounds bounds, const syntax::Expr& target, const std::function<Block()>& body,
                  const syntax::Block* orelse, Block& out, syntax::SourceRange range);
  // What a loop runs over: either a range of C integers, or an object.
  struct LoopPlan {
    ExprPtr start;
    ExprPtr stop;  // null: `iterable` counts
    ExprPtr step;
    ExprPtr iterable;
    // What the loop's variable is set to, made of what is counted; null: that itself.
    std::function<ExprPtr(ExprPtr)> item;
  };
  std::optional<LoopPlan> view_loop(const syntax::Expr& iter, Block& out);  // memoryviews.cpp
  // `target` may be null; if it is a variable of C, bounds are converted to its type.
  LoopPlan plan_loop(const syntax::Expr* target, const syntax::Expr& iter, Block& out);

  // ---- gil.cpp ----
  Block with_gil_state(bool has_gil, const std::function<Block()>& body);
  tree::StmtPtr gil_node(bool releases, Block body, syntax::SourceRange range);
  void gil_block(bool releases, const syntax::Expr* condition, syntax::SourceRange range,
                 const std::function<Block()>& body, Block& out);
  void without_gil(bool nogil, syntax::SourceRange range, std::string_view what,
                   const std::function<void()>& first, Block& out,
                   const std::function<void(Block&, bool)>& section);
  Block with_gil_again(bool takes_gil, const syntax::Block& body);
  Block with_gil_again(bool takes_gil, const std::function<Block()>& body);
  void taking_gil(syntax::SourceRange range, Block& out, const std::function<void(Block&)>& make);

  // ---- parallel.cpp ----
  // The call, if that is what it calls: "parallel.prange".
  const syntax::Call* parallel_call(const syntax::Expr& expr, std::string_view name);
  bool team_option(const syntax::Keyword& keyword, ExprPtr& n_threads, ExprPtr& use_threads);
  std::optional<tree::Schedule> schedule_option(const syntax::Expr& value);
  void prange_options(const syntax::Call& call, tree::ParallelLoop& loop, bool& nogil);
  Variable* prange_target(const syntax::Expr& target);
  bool prange_limits(const syntax::Call& call, tree::ParallelLoop& loop);
  bool can_collapse(const syntax::For& outer);
  bool flag_option(const syntax::Expr& value);
  bool can_be_simd(const syntax::For& stmt, const tree::ParallelLoop& loop,
                   syntax::SourceRange range);
  tree::ParallelChecks parallel_checks() const;
  void prange_loop(const syntax::For& stmt, const syntax::Call& call, Block& out);
  void inner_prange(const syntax::For& stmt, std::unique_ptr<tree::ParallelLoop> parallel,
                    bool nogil, syntax::SourceRange range, Block& out);
  void evaluate_first(tree::ParallelLoop& loop, Block& out);
  void evaluate_first(ExprPtr& part, Block& out);
  void parallel_block(const syntax::Call& call, const std::function<Block()>& body,
                      const syntax::Block& text, Block& out);

  // ---- parallel_variables.cpp ----
  Variable* assigned_variable(std::string_view name);
  bool refuse_shared(const Variable& variable, syntax::SourceRange range);
  void add_private(std::vector<tree::Private>& privates, Variable* variable,
                   syntax::SourceRange range);
  void classify(const syntax::Block& body, tree::ParallelLoop& loop, ParallelScope& scope);
  void add_reduction(const NameAssigned& one, Variable* variable, tree::ParallelLoop& loop,
                     ParallelScope& scope);
  void classify_block(const syntax::Block& text, tree::ParallelBlock& parallel,
                      ParallelScope& scope);
  void check_reduction_read(const Variable* variable, syntax::SourceRange range);

  // ---- memory.cpp ----
  ExprPtr memory_bound(const syntax::Expr* bound, const Type& memory, ExprPtr otherwise);
  std::optional<LoopPlan> memory_range(const Type& memory, const syntax::Slice* slice,
                                       syntax::SourceRange range);
  Variable* first_item(ExprPtr memory, Block& out);
  ExprPtr item_at(Variable* first, ExprPtr index, syntax::SourceRange range);
  static LoopPlan loop_over(ExprPtr iterable);
  std::optional<LoopPlan> memory_loop(const syntax::Expr& iter, Block& out);
  const Type* memory_item_type(const syntax::Expr& iter);
  ExprPtr memory_slice(ExprPtr memory, const syntax::Slice& slice);
  ExprPtr text_to_decode(const syntax::Expr& e);
  ExprPtr text_slice(ExprPtr text, const syntax::Slice& slice);
  ExprPtr array_display(const syntax::List<const syntax::Expr*>& items, const Type* wanted,
                        syntax::SourceRange range);
  ExprPtr item_at_start(Variable* array, std::size_t i, syntax::SourceRange range);
  Variable* module_array(const Type* type);
  const Type* assigned_array(const syntax::Expr& target, const syntax::Expr& value);
  void assign_to_memory(ExprPtr memory, const syntax::Slice& slice, ExprPtr array, Block& out);
  Variable* keep_array(ExprPtr array, Block& out);
  void loop(LoopPlan plan, const syntax::Expr& target, const std::function<Block()>& body,
            const syntax::Block* orelse, Block& out, syntax::SourceRange range);
  void index_characters(LoopPlan& plan, const syntax::Expr& target, Block& out);
  void count(LoopPlan plan, const syntax::Expr& target, const std::function<Block()>& body,
             const syntax::Block* orelse, Block& out, syntax::SourceRange range);
  Variable* local_variable(std::string_view name) const;
  Variable* object_variable(const syntax::Expr& expr) const;
  // The C variable that an expression names; null if it is none.
  Variable* c_variable(const syntax::Expr* expr);

  // ---- assignments.cpp ----
  void assign_statement(const syntax::Assign& stmt, Block& out);
  bool refuse_misfit(const syntax::Expr& target, const syntax::Expr& value);
  void augmented(const syntax::AugAssign& stmt, Block& out);
  void augmented_object_item(ExprPtr place, const syntax::AugAssign& stmt, Block& out);
  void assign(const syntax::Expr& target, ExprPtr value, Block& out);
  void assign_name(std::string_view name, ExprPtr value, Block& out, syntax::SourceRange range);
  void unpack(const syntax::List<const syntax::Expr*>& targets, ExprPtr value, Block& out,
              syntax::SourceRange range);
  // The type that values assigned to the target should have; null: any.
  const Type* target_type(const syntax::Expr& target);
  void assign_to_variable(Variable* variable, ExprPtr value, Block& out, syntax::SourceRange range);

  // ---- exceptions.cpp ----
  void try_statement(const syntax::Try& stmt, Block& out);
  void with_statement(const syntax::With& stmt, std::size_t item, Block& out);
  void raise_statement(const syntax::Raise& stmt, Block& out);
  void assert_statement(const syntax::Assert& stmt, Block& out);
  void forget_name(const syntax::Expr& target, Block& out);
  bool directive_block(const syntax::Expr& context);

  // ---- expressions.cpp ----
  // `wanted` is a hint: what the value will be converted to. Never null; an error value if there
  // is a mistake in it.
  ExprPtr expr(const syntax::Expr& expr, const Type* wanted = nullptr);
  ExprPtr expr_of_kind(const syntax::Expr& expr, const Type* wanted);
  ExprPtr object(const syntax::Expr& expr);
  // kBint.
  ExprPtr condition(const syntax::Expr& expr);
  // `is_owner`: an attribute of it is looked up.
  ExprPtr name(const syntax::Name& name, bool is_owner = false);
  ExprPtr python_global(std::string_view name, syntax::SourceRange range);
  ExprPtr symbol_value(const Symbol& symbol, syntax::SourceRange range);
  ExprPtr cast(const syntax::Cast& cast);
  ExprPtr address_of(const syntax::AddressOf& expr);
  ExprPtr size_of(const syntax::SizeOf& expr);
  ExprPtr if_exp(const syntax::IfExp& expr, const Type* wanted);
  ExprPtr named_expr(const syntax::NamedExpr& expr);
  Symbol* find_symbol(std::string_view name);
  // Of the module's own C names, and of those of earlier modules that it does not bind itself.
  Symbol* module_symbol(std::string_view name);
  Symbol* inherit(std::string_view name, const Symbol& symbol);
  void use(const std::shared_ptr<const tree::Declarations>& earlier);
  std::shared_ptr<Scope> cimport_again(const Symbol& module);
  // A cimported name: `math.sqrt`; null if it is none.
  Symbol* find_dotted(const syntax::Expr& expr);
  // "cython.int" → "int"; nullopt if it does not start with the module cython.
  std::optional<std::string> cython_name(const syntax::Expr& expr);

  // ---- literals.cpp ----
  ExprPtr literal(const syntax::Expr& expr, const Type* wanted);
  ExprPtr int_literal(const syntax::Int& number, const Type* wanted);
  ExprPtr str_literal(const syntax::Str& text, const Type* wanted);
  ExprPtr char_literal(const syntax::Str& text, const Type* wanted);
  bool has_bytes(const syntax::Str& text) const;
  bool refuse_recoded_bytes(const syntax::Str& text);
  bool is_byte(const syntax::Str& text) const;
  ExprPtr joined_str(const syntax::JoinedStr& expr);

  // ---- access.cpp ----
  ExprPtr attribute(const syntax::Attribute& attribute);
  ExprPtr cimported_attribute(const syntax::Attribute& attribute, const Symbol& owner);
  ExprPtr struct_field(ExprPtr value, const syntax::Attribute& attribute);
  ExprPtr subscript(const syntax::Subscript& subscript);
  ExprPtr memory_item(ExprPtr value, const syntax::Subscript& subscript);
  ExprPtr slice_object(const syntax::Slice& slice);
  void warn_of_negative_bounds(const tree::Expr& value, const syntax::Slice& slice);

  // ---- undeclared.cpp ----
  ModuleNames& module_names();
  bool is_bound_in_module(std::string_view name);
  // A name that is no local and not of C.
  ExprPtr module_name(const syntax::Name& name, bool is_owner);
  ExprPtr undeclared_name(const syntax::Name& name, bool is_owner);
  // How to mend it; empty if there is no guess.
  std::string hint_for_name(std::string_view name, bool is_owner);
  std::string cimport_of(std::string_view name);
  std::string hint_for_type(const syntax::CNamedType& type);
  std::vector<std::string_view> names_in_sight();

  // ---- operators.cpp ----
  ExprPtr bin_op(const syntax::BinOp& expr, const Type* wanted);
  ExprPtr c_complex(ExprPtr value);
  ExprPtr complex_literal(double imaginary, syntax::SourceRange range);
  ExprPtr binary(syntax::Operator op, ExprPtr left, ExprPtr right, syntax::SourceRange range,
                 bool in_place = false);
  ExprPtr refuse_operands(std::string_view sign, const Type& left, const Type& right,
                          syntax::SourceRange range);
  ExprPtr c_division(syntax::Operator op, ExprPtr left, ExprPtr right, syntax::SourceRange range);
  ExprPtr c_power(ExprPtr left, ExprPtr right, syntax::SourceRange range);
  const Type* power_type(const Type* base, const Type* exponent, std::optional<std::int64_t> known);
  ExprPtr soft_complex(ExprPtr value);
  ExprPtr assigned_power(ExprPtr value, const Type& to);
  ExprPtr unary(const syntax::UnaryOp& expr, const Type* wanted);
  ExprPtr bool_op(const syntax::BoolOp& expr, const Type* wanted);
  ExprPtr compare(const syntax::Compare& expr);
  ExprPtr compared_literal(const syntax::Str& text, const Type& other);
  ExprPtr comparison(syntax::CompareOperator op, ExprPtr left, ExprPtr right,
                     syntax::SourceRange range);
  ExprPtr logical(bool is_and, ExprPtr left, ExprPtr right, syntax::SourceRange range,
                  const Type* wanted = nullptr);
  bool refuse_mixed_pointers(const tree::Expr& a, const tree::Expr& b, const Type* wanted,
                             syntax::SourceRange range);
  const Type* either(const Type* a, const Type* b, const Type* wanted = nullptr);
  const Type* arithmetic_type(const tree::Expr& left, const tree::Expr& right);

  // ---- folding.cpp ----
  ExprPtr int_constant(std::string digits, syntax::SourceRange range);
  ExprPtr folded(syntax::Operator op, ExprPtr& left, ExprPtr& right, syntax::SourceRange range);

  // ---- calls.cpp ----
  ExprPtr call(const syntax::Call& call, const Type* wanted);
  ExprPtr c_call(ExprPtr callee, const Type& function, const syntax::Call& call,
                 std::string_view name);
  ExprPtr struct_call(const Type& type, const syntax::List<const syntax::Expr*>& args,
                      const syntax::List<syntax::Keyword>& keywords, syntax::SourceRange range);
  ExprPtr cython_call(std::string_view name, const syntax::Call& call);
  ExprPtr codec_name(const syntax::Expr& arg);
  ExprPtr dict_view(ExprPtr call, std::string_view name);
  // `result`: an object type, as far as it is known.
  ExprPtr python_call(ExprPtr callee, const syntax::Call& call, const Type* result);

  // ---- builtins.cpp ----
  bool is_builtin(std::string_view name);
  const Type* builtin_result(std::string_view name) const;
  const Type* method_result(ObjectClass owner, std::string_view name) const;
  ExprPtr vararg(const syntax::Expr& arg);
  ExprPtr builtin_call(std::string_view name, const syntax::Call& call);
  template <typename... Args>
  ExprPtr call_builtin(std::string_view name, const syntax::Call& call, Args... args);
  ExprPtr any_or_all(bool is_any, const syntax::Call& call);
  ExprPtr len_call(const syntax::Call& call);
  ExprPtr abs_call(const syntax::Call& call);
  ExprPtr min_max_call(std::string_view name, const syntax::Call& call);
  ExprPtr namespace_call(std::string_view name, const syntax::Call& call);
  ExprPtr locals_dict(syntax::SourceRange range);

  // ---- displays.cpp ----
  ExprPtr sequence_display(const char* helper, ObjectClass object_class,
                           const syntax::List<const syntax::Expr*>& elts,
                           syntax::SourceRange range);
  ExprPtr dict_display(const syntax::Dict& dict);
  ExprPtr comprehension(ObjectClass object_class, const syntax::Expr* key,
                        const syntax::Expr& element,
                        const syntax::List<syntax::Comprehension>& generators,
                        syntax::SourceRange range);
  // `seen`: what is done in the whole of it.
  void comprehension_loops(const syntax::List<syntax::Comprehension>& generators, std::size_t depth,
                           const std::function<void(Block&)>& innermost, Block& out,
                           const Assignments& seen, syntax::SourceRange range);

  // ---- coercions.cpp ----
  ExprPtr coerce(ExprPtr value, const Type* to);
  std::string written_cast(const Type& to, syntax::SourceRange range) const;
  ExprPtr to_object(ExprPtr value);
  ExprPtr from_object(ExprPtr value, const Type* to);
  ExprPtr to_class(ExprPtr value, ObjectClass object_class);
  ExprPtr to_extension(ExprPtr value, const tree::ExtensionClass& extension);
  ExprPtr truth(ExprPtr value);
  bool can_be_object(const Type& type) const;
  bool can_be_read(const Type& type) const;

  // ---- building ----
  template <typename T>
  std::unique_ptr<T> make(const Type* type, syntax::SourceRange range) {
    auto node = std::make_unique<T>();
    node->type = type;
    node->range = range;
    return node;
  }
  template <typename T>
  std::unique_ptr<T> make_stmt(syntax::SourceRange range) {
    auto node = std::make_unique<T>();
    node->range = range;
    return node;
  }
  ExprPtr c_literal(const Type* type, std::string cpp, syntax::SourceRange range);
  ExprPtr none(syntax::SourceRange range);
  // After an error was reported. It fits everywhere, so that the error has no others in its wake.
  ExprPtr error_value(syntax::SourceRange range);
  bool is_error(const tree::Expr& value) const { return value.type == types_.error(); }
  ExprPtr constant(tree::Constant constant, ObjectClass object_class, syntax::SourceRange range);
  ExprPtr str_constant(std::string_view text, syntax::SourceRange range);
  ExprPtr variable(Variable* variable, syntax::SourceRange range);
  ExprPtr globals(syntax::SourceRange range);
  ExprPtr binary_node(const Type* type, const char* op, ExprPtr left, ExprPtr right,
                      syntax::SourceRange range);
  template <typename... Args>
  ExprPtr helper(const char* name, const Type* type, Fail fail, syntax::SourceRange range,
                 Args... args) {
    auto node = make<tree::Helper>(type, range);
    node->name = name;
    node->fail = fail;
    (node->args.push_back(std::move(args)), ...);
    return node;
  }
  // With an object as result, new and null if it failed.
  template <typename... Args>
  ExprPtr object_helper(const char* name, syntax::SourceRange range, Args... args) {
    return helper(name, object_, Fail::kNull, range, std::move(args)...);
  }
  // -1 if it failed; else nothing of interest.
  template <typename... Args>
  void do_helper(Block& out, const char* name, syntax::SourceRange range, Args... args) {
    add_expr(out, helper(name, types_.int_type(), Fail::kMinusOne, range, std::move(args)...));
  }
  void add_expr(Block& out, ExprPtr value);
  Variable* temporary(const Type* type);
  Variable* new_variable(std::string_view name, const Type* type, VariableKind kind);
  // Evaluates it once, now; the result may be read as often as needed.
  Variable* keep(ExprPtr value, Block& out);
  void assign_variable(Block& out, Variable* variable, ExprPtr value, syntax::SourceRange range);

  void not_supported(syntax::SourceRange range, std::string_view what);

  const syntax::Module& module_;
  syntax::Sources& sources_;
  const Options& options_;
  syntax::Diagnostics& diagnostics_;
  tree::Module& out_;
  tree::TypeTable& types_;
  const Type* object_;

  Scope scope_;  // of the module
  std::map<syntax::SourceId, std::shared_ptr<Scope>> pxds_;
  std::shared_ptr<Scope> numpy_;  // once it was cimported
  bool in_own_pxd_ = false;
  // Functions that the own .pxd declares.
  struct Announced {
    const Type* type = nullptr;
    syntax::SourceRange range;
  };
  std::map<std::string, Announced, std::less<>> announced_;
  std::vector<std::unique_ptr<syntax::Tree>> trees_;  // of .pxd files
  std::map<std::string, int> n_cpp_;                  // for unique names in C++
  std::map<std::pair<int, std::string>, std::size_t> constants_;
  std::map<const syntax::Stmt*, tree::Function*> functions_;  // declared, by their definition
  std::set<const Variable*> extern_variables_;
  std::set<std::string> borrowed_;  // imports, by their C++ name
  // Items of anonymous cpdef enums, and named ones, which Python is to know.
  std::vector<std::pair<tree::EnumItem, const Type*>> python_constants_;
  std::vector<std::pair<const Type*, const syntax::Str*>> python_enums_;
  std::vector<tree::Function*> python_functions_;  // cpdef functions that headers define
  std::set<std::string, std::less<>> is_loaded_;   // names that are in out_.loaded_names
  std::set<const Variable*> const_variables_;      // not to be assigned to again
  std::set<const Variable*> declared_;             // with a type, be it object
  std::optional<ModuleNames> module_names_;        // once they were asked for
  std::map<const tree::ExtensionClass*, ClassInfo> classes_;
  std::deque<Symbol> used_;  // functions of .pxd files, still to be compiled
  std::map<const syntax::Stmt*, syntax::Block> expanded_;
  std::map<syntax::SourceId, int> include_depths_;
  std::set<const syntax::Stmt*> missing_includes_;
  Definitions definitions_;
  std::map<std::string, std::vector<CDefault>, std::less<>> c_defaults_;  // by the function's C++
  syntax::Arena made_;                 // expressions that stand in no text
  std::optional<std::size_t> header_;  // in out_.prelude: whose names are declared now
  bool uses_numpy_ = false;
  bool calls_import_array_ = false;
  FunctionContext* context_ = nullptr;
  std::vector<std::map<std::string, Variable*, std::less<>>> inner_scopes_;  // comprehensions
};

}  // namespace engineroom::sema
