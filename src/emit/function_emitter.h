// emit/function_emitter.h — the body of one function; its methods are in a file per subject:
//
//   function_emitter.cpp  parameters, locals, the way out
//   expressions.cpp       values and temporaries
//   calls.cpp             calls of C functions, function objects
//   taken.cpp             new objects as arguments, without temporaries
//   faster_forms.cpp      calls of builtins
//   statements.cpp        the simple ones, and blocks
//   loops.cpp             while, for
//   buffers.cpp           variables with a buffer; items of theirs, and of memoryviews
//   views.cpp             memoryviews: parts of them, conversions
//   control.cpp           return, break, continue through finally; try
//   regions.cpp           blocks without the GIL; what parallel regions have in common
//   parallel.cpp          parallel loops and blocks
//   reductions.cpp        what threads put together
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "emit/conversions.h"
#include "emit/effects.h"
#include "emit/emit.h"
#include "emit/hoisted_checks.h"
#include "emit/inner_variables.h"
#include "emit/item_types.h"
#include "emit/lanes.h"
#include "emit/last_uses.h"
#include "emit/writer.h"

namespace engineroom::emit {

// What the functions of one module share.
struct ModuleContext {
  const tree::Module& module;
  const syntax::Sources& sources;
  const EmitOptions& options;
  std::string file;  // the source that er_file stands for
  ItemTypes item_types = {};
  Conversions conversions{item_types};
  LaneFunctions lane_functions{module};
  std::vector<Refusal> refusals = {};
  bool uses_global_caches = false;  // er_caches[i]: of the global called constants[i]
};

// Of C++ operators, as far as this code makes them; a higher one binds tighter.
enum Precedence : std::uint8_t {
  kConditional = 1,
  kOr,
  kAnd,
  kBitOr,
  kBitXor,
  kBitAnd,
  kEquality,
  kRelational,
  kShift,
  kSum,
  kProduct,
  kUnary,
  kPrimary,
};

struct Value {
  enum class Form : std::uint8_t {
    kPlain,     // a C value, or a borrowed PyObject* or er::View
    kVariable,  // an object: the er::Ref of a variable; a memoryview: its er::ViewRef
    kOwned,     // the same, which nobody else needs
  };
  std::string text;
  Precedence precedence = kPrimary;
  Form form = Form::kPlain;
  int depth = 0;  // of nested parentheses, about
};

// Of a local; "" if it begins undefined.
std::string initial_value(const tree::Type& type);

// Does it never come to its end?
bool ends_with_jump(const tree::Block& block);

using Bound = std::set<const tree::Variable*>;

class FunctionEmitter {
 public:
  FunctionEmitter(ModuleContext& context, const tree::Function& function);

  // The whole function, or with kCpdef the C function.
  Writer emit();
  // Of kCpdef: what Python calls.
  Writer emit_wrapper();

  // "static double f(double x)" and the like.
  std::string c_signature(bool with_names) const;
  static std::string python_signature(const std::string& name, const char* self = "") {
    return "static PyObject* " + name + "(PyObject*" + self + ", PyObject* const* er_args)";
  }
  static std::string wrapper_name(const tree::Function& function) {
    return "er_py_" + function.cpp;
  }

 private:
  using Form = Value::Form;
  using Variables = std::vector<const tree::Variable*>;

  // ---- function_emitter.cpp ----
  std::string declare_parameters();
  void take_python_arguments();
  void declare_locals(Writer& head) const;
  void declare_local(const tree::Variable& variable, Writer& head) const;
  void end(Writer& out);
  std::string failure_value() const;
  bool is_c_function() const;
  bool may_lack_gil() const {
    return function_.type != nullptr && function_.type->is_nogil && !function_.takes_gil;
  }
  bool returns_object() const {
    return function_.kind == tree::FunctionKind::kDef ||
           (is_c_function() && function_.type->base->is_object());
  }
  std::string result_declaration() const;

  std::uint32_t line_of(syntax::SourceRange range) const;
  // "{ er_at = 3; goto fail; }"
  std::string fail(syntax::SourceRange range);
  std::string fail_at(std::uint32_t line);
  std::string file_of(syntax::SourceRange range) const;
  std::string traceback_arguments() const;
  bool owns(const tree::Variable& variable) const;

  // ---- expressions.cpp ----
  Value value(const tree::Expr& expr);
  // In order; each stays as it is while the later ones are evaluated.
  // The one at `taken`, if any, is a new object that is an argument as it stands; see taken.cpp.
  std::vector<Value> values(const std::vector<const tree::Expr*>& exprs, int taken = -1);
  Value variable_value(const tree::VariableRef& expr);
  Value helper(const tree::Helper& expr);
  // The call's text, with its arguments evaluated.
  std::string helper_text(const tree::Helper& expr, const std::string& out = "");
  // What stands between its parentheses.
  std::vector<std::string> arguments(const tree::Helper& expr, const std::string& out = "");
  Value binary(const tree::Binary& expr);
  Value logical(const tree::Logical& expr);
  Value conditional(const tree::Conditional& expr);
  Value cast(const tree::Cast& expr);
  Value block_value(const tree::BlockExpr& expr);
  void drop(const tree::Expr& expr);
  // An int that is true or false; no object that its evaluation made is left.
  std::string condition(const tree::Expr& expr);
  std::string negated(const std::string& condition) const;

  Value temporary(const tree::Type& type, const std::string& value);
  Value owned_temporary(const std::string& new_reference);
  Value owned_temporary(const tree::Type& type, const std::string& new_reference);
  Value kept(Value value, const tree::Type& type);
  // A new name; the block that it is in must be one of its own.
  std::string new_name(const char* prefix);
  static std::string at(const Value& value, Precedence precedence);
  static std::string plain(const Value& value);   // a PyObject* or a C value
  static std::string as_ref(const Value& value);  // an er::Ref to be moved from
  static std::string as_new(const Value& value);  // a new reference
  void assign(const tree::Variable& target, const Value& value);

  // ---- calls.cpp ----
  Value call(const tree::Call& expr);
  std::string call_text(const tree::Call& expr);
  // Text that is a failed value of `name`, by the clause of a C function; "" if it cannot fail.
  std::string failure_test(const tree::Type& function, const std::string& name) const;
  // A new reference, null after an error.
  std::string make_function_text(const tree::MakeFunction& expr);

  // ---- taken.cpp ----
  // Which argument of a helper can be a taken one; -1: none.
  int taken_argument(const tree::Helper& expr);
  bool is_settled(const tree::Expr& expr);
  static bool makes_object(const tree::Expr& expr);
  // Of an expression that makes an object: the call that does, null after an error.
  std::string new_object_text(const tree::Expr& expr);
  std::string taken_text(const tree::Expr& expr);
  std::string item_truth_text(const tree::Helper& expr);

  // ---- buffers.cpp ----
  static void declare_buffer(const tree::Variable& variable, Writer& head);
  // `object` is a borrowed PyObject*.
  void acquire_buffer(const tree::Variable& variable, const std::string& object,
                      syntax::SourceRange range);
  void release_buffer(const tree::Variable& variable);
  // What has the parts of a memoryview, or of a variable with a buffer: the name of something whose
  // address nobody has. Other expressions of the operation are evaluated after it.
  std::string memory_name(const tree::Expr& value, const std::vector<const tree::Expr*>& later,
                          syntax::SourceRange range);
  // Raises IndexError if it is outside; the index, counted from the start.
  Value checked_index(const tree::Expr& expr, Value made, const std::string& memory, int axis,
                      bool wraps, bool checks_bounds, syntax::SourceRange range,
                      const char* raise = "er::raise_out_of_bounds");
  void check_none(const std::string& view, const char* verb, syntax::SourceRange range);
  Value buffer_item(const tree::BufferItem& expr);
  Value buffer_part(const tree::BufferPart& expr);

  // ---- views.cpp ----
  Value view_slice(const tree::ViewSlice& expr);
  Value indirect_slice(const tree::ViewSlice& expr, const std::string& from,
                       const std::vector<Value>& bounds);
  // Helpers of views that need tables of the module; "" if it is another.
  std::string view_helper_text(const tree::Helper& expr, const std::string& out);

  // ---- faster_forms.cpp ----
  std::string name_of(const tree::Expr& expr) const;
  std::string called_global(const tree::Helper& call) const;
  std::string global_cache(const tree::Expr& name);
  static int n_fixed_arguments(const std::string& name);
  std::string faster_name(const tree::Helper& expr) const;
  std::string dropped_text(const tree::Helper& expr);
  std::string operated_text(const tree::Variable& target, const tree::Helper& expr);
  bool is_range(const tree::Expr& iterable) const;

  // ---- statements.cpp ----
  void block(const tree::Block& block);
  void statement(const tree::Stmt& stmt);
  void assign(const tree::Assign& stmt);
  void unbind(const tree::Unbind& stmt);
  void if_statement(const tree::If& stmt);
  void flat_if_statement(const tree::If& stmt);
  void empty_temporaries(const tree::Stmt& after);
  // "if (!x) { er::raise_unbound_local("x"); … }", unless it is known to have a value.
  void check_bound(const tree::Variable& variable, const std::string& text,
                   syntax::SourceRange range);
  void note_bound(const tree::Variable& variable) {
    if (!variable.is_global()) bound_.insert(&variable);
  }
  // What can be said of variables after two ways that meet, either of which may end in a jump.
  static Bound meet(const Bound& a, bool a_ends, const Bound& b, bool b_ends);
  void forget_unbound(const Effects& effects);

  // ---- closures.cpp ----
  // What holds the variables; "nullptr" of none.
  static std::string scope_owner(const tree::ClosureScope* scope);
  // Does it belong to a function around this one?
  bool is_free(const tree::Variable& variable) const;
  void declare_scopes(Writer& head) const;
  void make_scope(const tree::MakeScope& stmt);

  // ---- loops.cpp ----
  void while_loop(const tree::While& stmt);
  void count_loop(const tree::CountLoop& stmt);
  void iterate(const tree::Iterate& stmt);
  void loop_body(const tree::Block& body, const tree::Block& orelse, const std::string& close);
  // What may be left out of a loop from `least` to `largest`, if it has no `else`.
  template <typename Loop>
  HoistedChecks hoisted_checks(const Loop& stmt, const std::string& least,
                               const std::string& largest, bool may_nest = false);
  // `write` writes the loop: without these checks, and with them.
  template <typename Write>
  void with_and_without_checks(const HoistedChecks& hoisted, const std::string& has_turns,
                               const Write& write);

  // ---- control.cpp ----
  // kStop: another thread of the region has the reason.
  enum class Exit : std::uint8_t { kReturn, kBreak, kContinue, kStop };
  // Something around the current statement that an exit has to pass.
  struct Around {
    enum class Kind : std::uint8_t { kLoop, kFinally, kRegion };
    Kind kind = Kind::kLoop;
    bool is_loop = false;  // of a region: it is one, too
    // The number of a finally or region; a loop's label for break, "" if `break` will do.
    std::string name;
    std::vector<Exit> exits;  // those that pass it
    bool is_label_used = false;
  };
  // What generated code calls an exit; 0 and 1 are no exit and an exception.
  static int number_of(Exit exit) { return 2 + static_cast<int>(exit); }
  void leave(Exit exit);
  void return_statement(const tree::Return& stmt);
  void return_result();
  void try_statement(const tree::Try& stmt);
  void finally_statement(const tree::Finally& stmt);
  // With failures going to `label`; says whether there are any.
  template <typename Body>
  bool with_handler(const std::string& label, Body body);
  void enter_handler(const std::string& name);

  // ---- regions.cpp ----
  void gil_block(const tree::GilBlock& stmt);
  void declare_inner(const tree::Stmt& stmt);
  // A region whose body is written.
  struct Region {
    std::string id;
    Writer body;
    std::vector<Exit> exits;
    bool can_fail = false;
    bool takes_gil = false;
    bool uses_result = false;
    bool uses_label = false;
    std::vector<std::string> declarations;  // of what inner loops share between threads
    bool can_leave() const { return can_fail || !exits.empty(); }
  };
  Region region(const tree::Stmt& stmt, const tree::Block& body, bool is_loop);
  void declare_thread(const Region& region, const tree::Block& body);
  bool may_lose_errors(const tree::Block& body);
  // "firstprivate(v_a, v_b)", with a blank before it; "" if there are none.
  static std::string clause(const char* name, const std::vector<std::string>& names);
  std::string copied_clause(const tree::Stmt& stmt);
  Variables lend_views(const tree::Stmt& stmt);
  void declare_lent(const Variables& views);
  void take_back(const Variables& views);
  // `left`: what a turn that leaves the region leaves behind.
  void declare_leaving(const Region& region, const Variables& left, bool is_shared);
  void declare_exits(const Region& region);
  void way_out(const Region& region, const std::string& turn, const Variables& left,
               const std::string& end);
  void after_region(const Region& region, const Variables& left, bool is_loop, bool is_shared);

  // ---- parallel.cpp ----
  void parallel_loop(const tree::ParallelLoop& stmt);
  void parallel_block(const tree::ParallelBlock& stmt);
  struct Range {
    std::string start;
    std::string stop;
    std::string step = "1";
  };
  struct Limits {
    Range range;
    Range inner;           // of the loop that is collapsed with it
    std::string schedule;  // clauses, each with a blank before it
    std::string team;
  };
  struct Left {
    Variables variables;
    std::string clauses;
  };
  template <typename Loop>
  Range range_of(const Loop& stmt);
  static std::string index_text(const tree::Type& counter, const tree::Variable& variable,
                                const Range& range, const std::string& turn);
  static const tree::CountLoop* collapsed(const tree::ParallelLoop& stmt);
  Limits limits(const tree::ParallelLoop& stmt);
  void parallel_loop(const tree::ParallelLoop& stmt, const Limits& limits);
  // With turns in lanes; in loops on threads that are blocks of turns.
  void simd_loop(const tree::ParallelLoop& stmt, const Limits& limits);
  Left left_by(const tree::ParallelLoop& stmt);
  struct Reductions;
  void turn(const tree::ParallelLoop& stmt, const Limits& limits, const Region& region,
            const Left& left, const Reductions& reductions);
  void count_turns(const tree::ParallelLoop& stmt, const Limits& limits, const std::string& id);
  std::string team_clauses(const tree::ExprPtr& n_threads, const tree::ExprPtr& use_threads);
  // ---- reductions.cpp ----
  struct Reductions {
    std::string clauses;        // of the loop's pragma, or the region's
    bool needs_block = false;   // there are lines around the loop in each thread
    bool drops_beyond = false;  // what threads have beyond the turn that leaves does not count
  };
  Reductions reductions(const tree::ParallelLoop& stmt, const Region& region);
  // The variable that says in which turn a thread has taken an extreme.
  static std::string taken_turn(const tree::Reduction& reduction, const std::string& region);
  std::string declare_reduction(const tree::Reduction& reduction);
  void begin_reductions(const tree::ParallelLoop& stmt, const Region& region,
                        const Reductions& all);
  void end_reductions(const tree::ParallelLoop& stmt, const Region& region, const Reductions& all);
  std::string error_occurred() const {
    return has_gil_ ? "PyErr_Occurred()" : "er::error_occurred_nogil()";
  }

  ModuleContext& context_;
  const tree::Function& function_;
  EffectsOf effects_;
  std::set<const tree::Variable*> assigned_;  // parameters with a reference of their own
  LastUses last_uses_;
  std::set<const tree::Variable*> emptied_;  // temporaries that were, by what they are used in
  Writer out_;
  int n_names_ = 0;
  bool has_declared_ = false;  // the block that is being written has declarations
  int n_owned_ = 0;            // temporaries with a reference, so far
  int n_taken_around_ = 0;     // how deep taken arguments are nested here
  std::string handler_ = "fail";
  bool is_handler_used_ = false;
  bool uses_at_ = false;
  bool uses_result_ = false;
  std::vector<Around> around_;
  bool has_gil_ = true;     // here it is held; else it is not, or nobody knows
  bool takes_gil_ = false;  // something in the region that is being written takes it
  bool in_region_ = false;
  std::vector<std::string> shared_;  // declarations of what the threads of a block share
  // Assignments by which a turn takes an extreme: what says so.
  std::map<const tree::Assign*, std::string> takes_;
  InnerVariables inner_;
  // Memoryviews that the region which is being written has copies of, without references.
  std::set<const tree::Variable*> lent_views_;
  std::set<const tree::Variable*> addressed_;  // locals whose address is taken
  std::set<const tree::Expr*> inside_;         // subscripts that need no check here
  // Objects that certainly have a value here: a check that says so needs not be made again.
  Bound bound_;
};

template <typename Loop>
HoistedChecks FunctionEmitter::hoisted_checks(const Loop& stmt, const std::string& least,
                                              const std::string& largest, bool may_nest) {
  if (!stmt.orelse.empty()) return {};
  const CountedLoop loop{&stmt.body,
                         stmt.variable,
                         stmt.counter,
                         "er::Wide(" + least + ")",
                         "er::Wide(" + largest + ")",
                         may_nest};
  return hoist_checks(loop, effects_, addressed_);
}

template <typename Write>
void FunctionEmitter::with_and_without_checks(const HoistedChecks& hoisted,
                                              const std::string& has_turns, const Write& write) {
  std::string test = has_turns;
  for (const std::string& condition : hoisted.conditions) test += " && " + condition;
  const Bound bound = bound_;
  out_.open("if (" + test + ")");
  inside_.insert(hoisted.inside.begin(), hoisted.inside.end());
  write();
  for (const tree::Expr* index : hoisted.inside) inside_.erase(index);
  out_.next("} else {");
  bound_ = bound;
  write();
  out_.close();
}

template <typename Body>
bool FunctionEmitter::with_handler(const std::string& label, Body body) {
  const std::string handler = handler_;
  const bool was_used = is_handler_used_;
  handler_ = label;
  is_handler_used_ = false;
  body();
  const bool is_used = is_handler_used_;
  handler_ = handler;
  is_handler_used_ = was_used;
  return is_used;
}

}  // namespace engineroom::emit
