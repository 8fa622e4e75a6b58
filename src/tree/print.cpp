#include "tree/print.h"

#include <cstdio>
#include <string_view>
#include <vector>

#include "tree/function_type.h"

namespace engineroom::tree {
namespace {

const char* name_of(FunctionKind kind) {
  switch (kind) {
    case FunctionKind::kDef:
      return "def";
    case FunctionKind::kCdef:
      return "cdef";
    case FunctionKind::kCpdef:
      return "cpdef";
    case FunctionKind::kModuleInit:
      return "module";
  }
  return "";
}

std::string clause_of(const Type& function) {
  switch (function.except) {
    case Except::kNever:
      return " noexcept";
    case Except::kNull:
      return "";
    case Except::kValue:
      return " except " + function.except_value;
    case Except::kMaybeValue:
      return " except? " + function.except_value;
    case Except::kAlwaysAsk:
      return " except *";
    case Except::kCpp:
      return " except +" + function.except_value;
  }
  return "";
}

class Printer {
 public:
  explicit Printer(const std::vector<Constant>* constants) : constants_(constants) {}

  std::string take() { return std::move(text_); }

  void function(const Function& function) {
    line(header(function));
    ++indent_;
    for (const Variable& variable : function.variables) {
      if (variable.kind == VariableKind::kParameter) continue;
      line((variable.is_captured() ? "captured " : "local ") + name(variable) + ": " +
           variable.type->name);
    }
    for (const StmtPtr& stmt : function.body) statement(*stmt);
    --indent_;
  }

  void variable(const Variable& variable) {
    line("variable " + variable.name + ": " + variable.type->name);
  }

  void type(const Type& type) {
    if (type.kind == TypeKind::kEnum) return line("enum " + type.name);
    line((type.is_union ? "union " : "struct ") + type.name);
    ++indent_;
    for (const Field& field : type.fields) line(field.name + ": " + field.type->name);
    --indent_;
  }

  std::string expr(const Expr& e);

 private:
  void line(const std::string& text) {
    text_.append(static_cast<std::size_t>(indent_) * 2, ' ');
    text_ += text;
    text_ += '\n';
  }

  static std::string name(const Variable& variable) {
    return variable.kind == VariableKind::kTemporary || variable.name.empty() ? variable.cpp
                                                                              : variable.name;
  }

  std::string header(const Function& function);
  void block(const Block& block) {
    ++indent_;
    for (const StmtPtr& stmt : block) statement(*stmt);
    --indent_;
  }
  void clause(const char* word, const Block& body) {
    if (body.empty()) return;
    line(word);
    block(body);
  }
  void statement(const Stmt& stmt);
  void parallel_loop(const ParallelLoop& loop);
  std::string team(const ExprPtr& n_threads, const ExprPtr& use_threads);
  std::string privates(const std::vector<Private>& list);
  std::string typed(const Expr& e) { return expr(e) + " : " + e.type->name; }
  std::string constant(std::size_t index) const;
  template <typename Exprs>
  std::string list(const Exprs& exprs) {
    std::string text;
    for (const ExprPtr& e : exprs) text += (text.empty() ? "" : ", ") + expr(*e);
    return text;
  }

  const std::vector<Constant>* constants_;
  std::string text_;
  int indent_ = 0;
};

std::string Printer::header(const Function& function) {
  if (function.kind == FunctionKind::kModuleInit) return "module";
  std::string parameters;
  const auto add = [&](const std::string& text) {
    parameters += (parameters.empty() ? "" : ", ") + text;
  };
  if (function.kind == FunctionKind::kCdef) {
    for (std::size_t i = 0; i < function.type->parameters.size(); ++i) {
      const Variable* variable =
          i < function.c_parameters.size() ? function.c_parameters[i] : nullptr;
      add((variable != nullptr ? name(*variable) : "_") + ": " +
          function.type->parameters[i].type->name);
    }
  } else {
    for (const PyParameter& parameter : function.py_parameters) {
      const char* stars = parameter.kind == ParamKind::kVarArgs       ? "*"
                          : parameter.kind == ParamKind::kVarKeywords ? "**"
                                                                      : "";
      add(stars + name(*parameter.variable) + ": " + parameter.variable->type->name +
          (parameter.allows_none ? "" : " not None") + (parameter.has_default ? " = …" : ""));
    }
  }
  std::string text =
      std::string(name_of(function.kind)) + " " + function.qualname + "(" + parameters + ")";
  if (function.type != nullptr)
    text += " -> " + function.type->base->name + clause_of(*function.type);
  return text;
}

std::string Printer::constant(std::size_t index) const {
  if (constants_ == nullptr || index >= constants_->size())
    return "constant " + std::to_string(index);
  const Constant& constant = (*constants_)[index];
  char number[40];
  std::snprintf(number, sizeof number, "%.17g", constant.value);
  switch (constant.kind) {
    case ConstantKind::kStr:
      return "'" + constant.text + "'";
    case ConstantKind::kBytes:
      return "b'" + constant.text + "'";
    case ConstantKind::kInt:
      return "int " + constant.text;
    case ConstantKind::kFloat:
      return "float " + std::string(number);
    case ConstantKind::kComplex:
      return std::string(number) + "j";
    case ConstantKind::kTuple:
    case ConstantKind::kFrozenSet:
      break;
  }
  std::string items;
  for (const std::size_t item : constant.items)
    if (item < index) items += (items.empty() ? "" : ", ") + this->constant(item);
  return (constant.kind == ConstantKind::kTuple ? "tuple (" : "frozenset (") + items + ")";
}

std::string Printer::expr(const Expr& e) {
  switch (e.kind) {
    case ExprKind::kLiteral:
      return as<Literal>(e).cpp;
    case ExprKind::kPyConstant:
      return constant(as<PyConstant>(e).index);
    case ExprKind::kVariable:
      return name(*as<VariableRef>(e).variable) + (as<VariableRef>(e).check_bound ? "?" : "");
    case ExprKind::kFunctionName:
      return as<FunctionName>(e).cpp;
    case ExprKind::kHelper: {
      const auto& helper = as<Helper>(e);
      return helper.name + "(" + list(helper.args) + ")" + (helper.fail == Fail::kNever ? "" : "!");
    }
    case ExprKind::kUnary:
      return std::string(as<Unary>(e).op) + "(" + expr(*as<Unary>(e).operand) + ")";
    case ExprKind::kBinary: {
      const auto& binary = as<Binary>(e);
      return "(" + expr(*binary.left) + " " + binary.op + " " + expr(*binary.right) + ")";
    }
    case ExprKind::kLogical: {
      const auto& logical = as<Logical>(e);
      std::string left = expr(*logical.left);
      if (logical.value != nullptr)
        left = "(" + name(*logical.value) + " = " + left + "; " + expr(*logical.test) + ")";
      return "(" + left + (logical.is_and ? " and " : " or ") + expr(*logical.right) + ")";
    }
    case ExprKind::kConditional: {
      const auto& conditional = as<Conditional>(e);
      return "(" + expr(*conditional.body) + " if " + expr(*conditional.test) + " else " +
             expr(*conditional.orelse) + ")";
    }
    case ExprKind::kCall: {
      const auto& call = as<Call>(e);
      return expr(*call.callee) + "(" + list(call.args) + ")" +
             (function_type(*call.callee).except == Except::kNever ? "" : "!");
    }
    case ExprKind::kField: {
      const auto& field = as<FieldAccess>(e);
      return expr(*field.value) + (field.value->type->is_pointer() ? "->" : ".") + field.cpp;
    }
    case ExprKind::kIndex:
      return expr(*as<IndexAccess>(e).value) + "[" + expr(*as<IndexAccess>(e).index) + "]";
    case ExprKind::kBufferItem: {
      const auto& item = as<BufferItem>(e);
      return expr(*item.value) + "[" + list(item.indices) + "]" + (item.checks_bounds ? "!" : "");
    }
    case ExprKind::kBufferPart:
      return expr(*as<BufferPart>(e).value) + "." + as<BufferPart>(e).part;
    case ExprKind::kViewSlice: {
      const auto& slice = as<ViewSlice>(e);
      std::string parts;
      for (const ViewSlice::Part& part : slice.parts) {
        if (!parts.empty()) parts += ", ";
        if (part.start) parts += expr(*part.start);
        if (part.kind == ViewSlice::Part::Kind::kNewAxis) parts += "None";
        if (part.kind == ViewSlice::Part::Kind::kSlice) parts += ":";
        if (part.stop) parts += expr(*part.stop);
        if (part.step) parts += ":" + expr(*part.step);
      }
      return expr(*slice.value) + "[" + parts + "]" + (slice.checks_bounds ? "!" : "");
    }
    case ExprKind::kAddressOf:
      return "&" + expr(*as<AddressOf>(e).value);
    case ExprKind::kCast:
      return "<" + e.type->name + ">" + expr(*as<Cast>(e).value);
    case ExprKind::kAssignment:
      return "(" + name(*as<AssignmentExpr>(e).target) +
             " := " + expr(*as<AssignmentExpr>(e).value) + ")";
    case ExprKind::kBlock: {
      // Its statements stand below the line that it is in.
      const auto& block = as<BlockExpr>(e);
      Printer inner(constants_);
      inner.indent_ = indent_ + 1;
      inner.line("{");
      inner.block(block.body);
      inner.line("} = " + inner.expr(*block.result));
      std::string text = inner.take();
      text.pop_back();
      return "\n" + text;
    }
    case ExprKind::kMakeFunction: {
      const auto& made = as<MakeFunction>(e);
      std::string text = "function " + made.function->qualname;
      if (!made.defaults.empty()) text += " with (" + list(made.defaults) + ")";
      return text;
    }
  }
  return "";
}

std::string Printer::team(const ExprPtr& n_threads, const ExprPtr& use_threads) {
  return (n_threads ? " with threads " + expr(*n_threads) : "") +
         (use_threads ? " if " + expr(*use_threads) : "");
}

std::string Printer::privates(const std::vector<Private>& list) {
  std::string text;
  for (const Private& one : list) text += (text.empty() ? " private " : ", ") + name(*one.variable);
  return text;
}

void Printer::parallel_loop(const ParallelLoop& loop) {
  constexpr const char* kSchedules[] = {"", " static", " dynamic", " guided", " runtime"};
  std::string text = "parallel count " + name(*loop.variable) + " from " + expr(*loop.start) +
                     " up to " + expr(*loop.stop) +
                     (loop.step != nullptr ? " by " + expr(*loop.step) : "") + " : " +
                     loop.counter->name;
  text += kSchedules[static_cast<std::size_t>(loop.schedule)];
  if (loop.chunk != nullptr) text += " chunks of " + expr(*loop.chunk);
  text += team(loop.n_threads, loop.use_threads);
  if (loop.is_shared_out) text += " shared out";
  if (loop.is_simd) text += " simd";
  if (loop.collapse > 1) text += " collapse " + std::to_string(loop.collapse);
  text += privates(loop.privates);
  for (const Reduction& one : loop.reductions) {
    text += std::string(" reduce ") + one.op + " " + name(*one.variable);
    for (const Variable* companion : one.companions) text += " with " + name(*companion);
    if (one.takes_last) text += " of the last";
  }
  line(text);
  block(loop.body);
  clause("else", loop.orelse);
}

void Printer::statement(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kExpr:
      return line(expr(*as<ExprStmt>(stmt).value));
    case StmtKind::kAssign:
      return line(expr(*as<Assign>(stmt).target) + " = " + typed(*as<Assign>(stmt).value));
    case StmtKind::kUnbind:
      return line("unbind " + name(*as<Unbind>(stmt).variable) +
                  (as<Unbind>(stmt).check ? "?" : ""));
    case StmtKind::kMakeScope: {
      std::string names;
      for (const ClosureScope::Member& member : as<MakeScope>(stmt).scope->members)
        names += (names.empty() ? "" : ", ") + name(*member.variable);
      return line("scope " + names);
    }
    case StmtKind::kIf:
      line("if " + expr(*as<If>(stmt).test));
      block(as<If>(stmt).body);
      return clause("else", as<If>(stmt).orelse);
    case StmtKind::kWhile:
      line("while " + expr(*as<While>(stmt).test));
      block(as<While>(stmt).body);
      return clause("else", as<While>(stmt).orelse);
    case StmtKind::kCountLoop: {
      const auto& loop = as<CountLoop>(stmt);
      line("count " + name(*loop.variable) + " from " + expr(*loop.start) +
           (loop.includes_stop ? " up to and with " : " up to ") + expr(*loop.stop) +
           (loop.step != nullptr ? " by " + expr(*loop.step) : "") + " : " + loop.counter->name);
      block(loop.body);
      return clause("else", loop.orelse);
    }
    case StmtKind::kIterate: {
      const auto& loop = as<Iterate>(stmt);
      line("for " + name(*loop.item) + " in " + expr(*loop.iterable));
      block(loop.body);
      return clause("else", loop.orelse);
    }
    case StmtKind::kBreak:
      return line("break");
    case StmtKind::kContinue:
      return line("continue");
    case StmtKind::kReturn:
      return line(as<Return>(stmt).value != nullptr ? "return " + typed(*as<Return>(stmt).value)
                                                    : "return");
    case StmtKind::kTry:
      line("try");
      block(as<Try>(stmt).body);
      for (const Handler& handler : as<Try>(stmt).handlers) {
        line(handler.matches != nullptr ? "except " + expr(*handler.matches) : "except");
        block(handler.body);
      }
      return clause("else", as<Try>(stmt).orelse);
    case StmtKind::kFinally:
      line("try");
      block(as<Finally>(stmt).body);
      line("finally");
      return block(as<Finally>(stmt).cleanup);
    case StmtKind::kWith: {
      const auto& with = as<With>(stmt);
      line("with " + expr(*with.manager) +
           (with.value != nullptr ? " as " + name(*with.value) : ""));
      return block(with.body);
    }
    case StmtKind::kGilBlock:
      line(as<GilBlock>(stmt).releases ? "without the GIL" : "with the GIL");
      return block(as<GilBlock>(stmt).body);
    case StmtKind::kParallelLoop:
      return parallel_loop(as<ParallelLoop>(stmt));
    case StmtKind::kParallelBlock: {
      const auto& parallel = as<ParallelBlock>(stmt);
      line("parallel" + team(parallel.n_threads, parallel.use_threads) +
           privates(parallel.privates));
      return block(parallel.body);
    }
  }
}

}  // namespace

std::string print(const Module& module) {
  Printer printer(&module.constants);
  for (const Type* type : module.structs) printer.type(*type);
  for (const Variable& variable : module.variables) {
    if (variable.kind == VariableKind::kModule) printer.variable(variable);
  }
  for (const Function& function : module.functions) printer.function(function);
  return printer.take();
}

std::string print(const Function& function) {
  Printer printer(nullptr);
  printer.function(function);
  return printer.take();
}

std::string print(const Expr& expr) { return Printer(nullptr).expr(expr); }

}  // namespace engineroom::tree
