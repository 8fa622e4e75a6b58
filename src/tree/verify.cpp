#include "tree/verify.h"

#include <set>
#include <string_view>

#include "tree/children.h"
#include "tree/print.h"

namespace engineroom::tree {
namespace {

class Verifier {
 public:
  explicit Verifier(const Module& module) : module_(module) {
    for (const Variable& variable : module.variables) known_.insert(&variable);
    for (const Function& function : module.functions) functions_.insert(&function);
  }

  std::vector<std::string> run() {
    for (std::size_t i = 0; i < module_.constants.size(); ++i) {
      for (const std::size_t item : module_.constants[i].items)
        check(item < i, "constant " + std::to_string(i) + " has an item that is made later");
    }
    std::set<std::string_view> names;
    for (const Function& function : module_.functions) {
      function_ = &function;
      check(names.insert(function.cpp).second, "two functions are called " + function.cpp);
      verify_function(function);
    }
    return std::move(found_);
  }

 private:
  void check(bool holds, const std::string& what) {
    if (!holds) found_.push_back((function_ != nullptr ? function_->name + ": " : "") + what);
  }
  void check(bool holds, const std::string& what, const Expr& where) {
    if (!holds) check(false, what + ": " + (is_printable_ ? print(where) : "?"));
  }

  void verify_function(const Function& function);
  void block(const Block& block) {
    for (const StmtPtr& stmt : block) statement(*stmt);
  }
  void statement(const Stmt& stmt);
  void privates(const std::vector<Private>& list);
  void parallel_loop(const ParallelLoop& loop);
  // False if it is null or has no type: nothing else can be said of it.
  bool expr(const Expr* e, const char* role);
  void parts(const Expr& e);
  void condition(const Expr* e) {
    if (expr(e, "a condition"))
      check(e->type->is_integral() || e->type->is_pointer(),
            "a condition is of type " + e->type->name, *e);
  }
  void object(const Expr* e, const char* role) {
    if (expr(e, role))
      check(e->type->is_object(), std::string(role) + " is of type " + e->type->name, *e);
  }
  void same_types(const Type* a, const Type* b, const char* what, const Expr& where) {
    check(are_same(a, b), std::string(what) + ": " + a->name + " and " + b->name, where);
  }
  // Objects of known classes are objects; the class was checked where it had to be.
  static bool are_same(const Type* a, const Type* b) {
    if (a == b || (a->is_object() && b->is_object())) return true;
    // Both may be arrays that became pointers, or differ in const alone.
    return a->kind == b->kind || (a->is_pointer_like() && b->is_pointer_like());
  }
  void variable(const Variable* v, const char* role) {
    check(v != nullptr, std::string(role) + " is null");
    if (v == nullptr) return;
    check(v->type != nullptr, v->name + " has no type");
    check(v->kind == VariableKind::kExtern || known_.contains(v) || locals_.contains(v) ||
              (v->is_captured() && is_in_reach(*v->scope)),
          v->name + " is no variable of this function");
  }

  // Is it a scope that this function makes, or one that its object holds?
  bool is_in_reach(const ClosureScope& scope) const {
    for (const ClosureScope* own : function_->scopes)
      if (own == &scope) return true;
    for (const ClosureScope* held = function_->outer_scope; held != nullptr; held = held->outer)
      if (held == &scope) return true;
    return false;
  }

  const Module& module_;
  const Function* function_ = nullptr;
  std::set<const Variable*> known_;
  std::set<const Variable*> locals_;
  std::set<const Function*> functions_;
  int loops_ = 0;
  bool is_printable_ = true;
  std::vector<std::string> found_;
};

void Verifier::verify_function(const Function& function) {
  locals_.clear();
  std::set<std::string_view> names;
  for (const Variable& v : function.variables) {
    locals_.insert(&v);
    check(v.type != nullptr, v.name + " has no type");
    check(v.kind == VariableKind::kModule || names.insert(v.cpp).second,
          "two variables are called " + v.cpp);
  }
  for (const PyParameter& parameter : function.py_parameters)
    variable(parameter.variable, "a parameter");
  const bool is_c = function.kind == FunctionKind::kCdef || function.kind == FunctionKind::kCpdef;
  check(!is_c || (function.type != nullptr && function.type->kind == TypeKind::kFunction),
        "a C function has no function type");
  if (is_c && function.type != nullptr) {
    check(function.c_parameters.size() == function.type->parameters.size(),
          "not as many parameters as its type has");
  }
  loops_ = 0;
  block(function.body);
}

void Verifier::privates(const std::vector<Private>& list) {
  for (const Private& one : list) {
    variable(one.variable, "a private variable");
    if (one.variable != nullptr && one.variable->type != nullptr)
      check(!one.variable->type->is_object(), one.variable->name + ", an object, is private");
  }
}

void Verifier::parallel_loop(const ParallelLoop& loop) {
  variable(loop.variable, "the variable of a loop");
  check(loop.counter != nullptr, "a loop has no counter");
  check(loop.start != nullptr && loop.stop != nullptr, "a parallel loop has no limits");
  for_each_expr(loop, [this](const Expr& e) { expr(&e, "an option of a parallel loop"); });
  const bool is_nest = loop.body.size() == 1 && loop.body[0]->kind == StmtKind::kCountLoop;
  check(!loop.is_simd || (loop.step == nullptr && loop.orelse.empty() && !loop.is_shared_out),
        "a loop in lanes has a step or an else, or is in a block");
  check(loop.collapse == 1 || is_nest, "what is collapsed is no loop in a loop");
  privates(loop.privates);
  std::set<const Variable*> own = {loop.variable};
  for (const Private& one : loop.privates)
    check(own.insert(one.variable).second, "a variable is private twice");
  for (const Reduction& one : loop.reductions) {
    variable(one.variable, "a reduction");
    check(own.insert(one.variable).second, "a reduction is private, or there twice");
    check(one.companions.empty() == (one.taken == nullptr), "an extreme is never taken");
    for (const Variable* companion : one.companions) {
      variable(companion, "what comes with an extreme");
      check(own.insert(companion).second, "what comes with an extreme is private, or there twice");
    }
  }
  ++loops_;
  block(loop.body);
  --loops_;
  block(loop.orelse);
}

void Verifier::statement(const Stmt& stmt) {
  const auto loop_body = [this](const Block& body, const Block& orelse) {
    ++loops_;
    block(body);
    --loops_;
    block(orelse);
  };
  switch (stmt.kind) {
    case StmtKind::kExpr:
      expr(as<ExprStmt>(stmt).value.get(), "a statement");
      return;
    case StmtKind::kAssign: {
      const auto& assign = as<Assign>(stmt);
      const bool has_both = expr(assign.target.get(), "the target of an assignment") &
                            expr(assign.value.get(), "the value of an assignment");
      if (!has_both) return;
      const ExprKind kind = assign.target->kind;
      check(kind == ExprKind::kVariable || kind == ExprKind::kField || kind == ExprKind::kIndex ||
                kind == ExprKind::kBufferItem,
            "this cannot be assigned to", *assign.target);
      same_types(assign.target->type, assign.value->type, "target and value of an assignment",
                 *assign.value);
      return;
    }
    case StmtKind::kUnbind:
      variable(as<Unbind>(stmt).variable, "what is unbound");
      if (as<Unbind>(stmt).variable != nullptr)
        check(as<Unbind>(stmt).variable->type->is_counted(), "a C variable is unbound");
      return;
    case StmtKind::kMakeScope:
      return check(as<MakeScope>(stmt).scope != nullptr && is_in_reach(*as<MakeScope>(stmt).scope),
                   "a scope of no function");
    case StmtKind::kIf:
      condition(as<If>(stmt).test.get());
      block(as<If>(stmt).body);
      return block(as<If>(stmt).orelse);
    case StmtKind::kWhile:
      condition(as<While>(stmt).test.get());
      return loop_body(as<While>(stmt).body, as<While>(stmt).orelse);
    case StmtKind::kCountLoop: {
      const auto& loop = as<CountLoop>(stmt);
      variable(loop.variable, "the variable of a loop");
      check(loop.counter != nullptr, "a loop has no counter");
      for (const Expr* e : {loop.start.get(), loop.stop.get(), loop.step.get()}) {
        if (e == nullptr && e == loop.step.get()) continue;
        if (expr(e, "a limit of a loop") && loop.counter != nullptr)
          same_types(loop.counter, e->type, "counter and limit of a loop", *e);
      }
      return loop_body(loop.body, loop.orelse);
    }
    case StmtKind::kIterate: {
      const auto& loop = as<Iterate>(stmt);
      object(loop.iterable.get(), "what is iterated over");
      variable(loop.item, "the item of a loop");
      return loop_body(loop.body, loop.orelse);
    }
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return check(loops_ > 0, "break or continue outside of a loop");
    case StmtKind::kReturn: {
      const Expr* value = as<Return>(stmt).value.get();
      if (value == nullptr || !expr(value, "a result")) return;
      const Type* result = function_->type != nullptr ? function_->type->base : nullptr;
      if (result != nullptr) {
        same_types(result, value->type, "result and value of return", *value);
      } else {
        object(value, "a result");
      }
      return;
    }
    case StmtKind::kTry:
      block(as<Try>(stmt).body);
      for (const Handler& handler : as<Try>(stmt).handlers) {
        if (handler.matches != nullptr) condition(handler.matches.get());
        block(handler.body);
      }
      return block(as<Try>(stmt).orelse);
    case StmtKind::kFinally:
      block(as<Finally>(stmt).body);
      return block(as<Finally>(stmt).cleanup);
    case StmtKind::kWith:
      object(as<With>(stmt).manager.get(), "what is after 'with'");
      if (as<With>(stmt).value != nullptr) variable(as<With>(stmt).value, "the value of 'with'");
      return block(as<With>(stmt).body);
    case StmtKind::kGilBlock:
      return block(as<GilBlock>(stmt).body);
    case StmtKind::kParallelLoop:
      return parallel_loop(as<ParallelLoop>(stmt));
    case StmtKind::kParallelBlock:
      privates(as<ParallelBlock>(stmt).privates);
      for_each_expr(stmt, [this](const Expr& e) { expr(&e, "an option of 'parallel'"); });
      return block(as<ParallelBlock>(stmt).body);
  }
}

bool Verifier::expr(const Expr* e, const char* role) {
  check(e != nullptr, std::string(role) + " is missing");
  if (e == nullptr) return false;
  check(e->type != nullptr, std::string(role) + " has no type");
  if (e->type == nullptr) {
    is_printable_ = false;
    return false;
  }
  parts(*e);
  return true;
}

void Verifier::parts(const Expr& e) {
  switch (e.kind) {
    case ExprKind::kLiteral:
      return check(!as<Literal>(e).cpp.empty(), "an empty literal");
    case ExprKind::kPyConstant:
      return check(as<PyConstant>(e).index < module_.constants.size(), "no such constant");
    case ExprKind::kVariable:
      variable(as<VariableRef>(e).variable, "a variable");
      return check(!as<VariableRef>(e).check_bound || e.type->is_counted(),
                   "a C variable is asked if it is bound", e);
    case ExprKind::kFunctionName:
      return check(e.type->kind == TypeKind::kFunction || e.type->is_pointer(),
                   "the name of a function is of type " + e.type->name);
    case ExprKind::kHelper: {
      const auto& helper = as<Helper>(e);
      for (const ExprPtr& arg : helper.args) expr(arg.get(), "an argument");
      check(!helper.is_borrowed || e.type->is_counted(), "a C value is borrowed", e);
      check(helper.fail != Fail::kNull || e.type->is_object() || e.type->is_pointer(),
            "what is null after an error is of type " + e.type->name, e);
      check(helper.fail != Fail::kMinusOne || !e.type->is_object(),
            "what is -1 after an error is an object", e);
      return;
    }
    case ExprKind::kUnary:
      if (expr(as<Unary>(e).operand.get(), "an operand"))
        check(!as<Unary>(e).operand->type->is_object(), "C's operator on an object", e);
      return;
    case ExprKind::kBinary: {
      const auto& binary = as<Binary>(e);
      const bool has_both =
          expr(binary.left.get(), "an operand") & expr(binary.right.get(), "an operand");
      const std::string_view op = binary.op;
      if (has_both && op != "==" && op != "!=") {
        check(!binary.left->type->is_object() && !binary.right->type->is_object(),
              "C's operator on an object", e);
      }
      return;
    }
    case ExprKind::kLogical: {
      const auto& logical = as<Logical>(e);
      if (logical.value == nullptr) {
        condition(logical.left.get());
        return condition(logical.right.get());
      }
      variable(logical.value, "the variable of `and` or `or`");
      condition(logical.test.get());
      for (const Expr* side : {logical.left.get(), logical.right.get()}) {
        if (expr(side, "a side of `and` or `or`"))
          same_types(e.type, side->type, "`and` or `or`, and its side", *side);
      }
      return;
    }
    case ExprKind::kConditional: {
      const auto& conditional = as<Conditional>(e);
      condition(conditional.test.get());
      for (const Expr* branch : {conditional.body.get(), conditional.orelse.get()}) {
        if (expr(branch, "a branch"))
          same_types(e.type, branch->type, "`if` and its branch", *branch);
      }
      return;
    }
    case ExprKind::kCall: {
      const auto& call = as<Call>(e);
      if (!expr(call.callee.get(), "a callee")) return;
      const Type* type = call.callee->type;
      if (type->is_pointer()) type = type->base;
      check(type->kind == TypeKind::kFunction, "what is called is no function", e);
      if (type->kind != TypeKind::kFunction) return;
      const std::size_t n = type->parameters.size();
      check(call.args.size() == n || (call.args.size() > n && type->has_varargs),
            "a call with " + std::to_string(call.args.size()) + " arguments for " +
                std::to_string(n) + " parameters",
            e);
      for (std::size_t i = 0; i < call.args.size(); ++i) {
        if (expr(call.args[i].get(), "an argument") && i < n)
          same_types(type->parameters[i].type, call.args[i]->type, "parameter and argument", e);
      }
      return;
    }
    case ExprKind::kField:
      expr(as<FieldAccess>(e).value.get(), "what has a field");
      return;
    case ExprKind::kIndex:
      if (expr(as<IndexAccess>(e).value.get(), "what is indexed"))
        check(as<IndexAccess>(e).value->type->is_pointer_like(), "an index of no pointer", e);
      expr(as<IndexAccess>(e).index.get(), "an index");
      return;
    case ExprKind::kBufferItem: {
      const auto& item = as<BufferItem>(e);
      if (!expr(item.value.get(), "a buffer")) return;
      check(item.value->type->buffer != nullptr || item.value->type->is_view(),
            "an item of no buffer", e);
      for (const ExprPtr& index : item.indices)
        if (expr(index.get(), "an index"))
          check(index->type->is_integral(), "an index of a buffer is no integer", *index);
      return;
    }
    case ExprKind::kBufferPart:
      expr(as<BufferPart>(e).value.get(), "a buffer");
      return;
    case ExprKind::kViewSlice: {
      const auto& slice = as<ViewSlice>(e);
      if (!expr(slice.value.get(), "a memoryview")) return;
      check(slice.value->type->is_view(), "a slice of no memoryview", e);
      std::size_t n_taken = 0;
      for (const ViewSlice::Part& part : slice.parts) {
        n_taken += part.kind != ViewSlice::Part::Kind::kNewAxis;
        for (const Expr* bound : {part.start.get(), part.stop.get(), part.step.get()}) {
          if (bound != nullptr && expr(bound, "a bound"))
            check(bound->type->is_integral(), "a bound of a slice is no integer", *bound);
        }
      }
      check(n_taken == slice.value->type->axes.size(), "not as many parts as axes", e);
      return;
    }
    case ExprKind::kAddressOf:
      expr(as<AddressOf>(e).value.get(), "what has an address");
      return;
    case ExprKind::kCast:
      expr(as<Cast>(e).value.get(), "what is cast");
      return;
    case ExprKind::kAssignment:
      variable(as<AssignmentExpr>(e).target, "the target of :=");
      expr(as<AssignmentExpr>(e).value.get(), "the value of :=");
      return;
    case ExprKind::kBlock: {
      const int loops = loops_;
      loops_ = 0;
      block(as<BlockExpr>(e).body);
      loops_ = loops;
      expr(as<BlockExpr>(e).result.get(), "the result of a block");
      return;
    }
    case ExprKind::kMakeFunction:
      check(functions_.contains(as<MakeFunction>(e).function), "a function of no module");
      if (const ClosureScope* scope = as<MakeFunction>(e).function->outer_scope)
        check(is_in_reach(*scope), "a function is made where its scope is not", e);
      for (const ExprPtr& value : as<MakeFunction>(e).defaults) object(value.get(), "a default");
      for (const auto& [name, value] : as<MakeFunction>(e).annotations)
        object(value.get(), "an annotation");
      return;
  }
}

}  // namespace

std::vector<std::string> verify(const Module& module) { return Verifier(module).run(); }

}  // namespace engineroom::tree
