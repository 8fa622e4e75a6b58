#include "sema/gil_check.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "tree/children.h"
#include "tree/function_type.h"

namespace engineroom::sema {

using tree::as;
using tree::Block;
using tree::Expr;
using tree::ExprKind;
using tree::Stmt;
using tree::StmtKind;
using tree::TypeKind;
using tree::VariableKind;

namespace {

constexpr std::string_view kWithGil = "with gil:";

// What helpers do, by the beginnings of their names; the first that fits.
constexpr std::array<std::pair<std::string_view, std::string_view>, 33> kOperations = {{
    {"call", "Calling gil-requiring function"},
    {"get_attr", "Accessing Python attribute"},
    {"set_attr", "Accessing Python attribute"},
    {"load_global", "Accessing Python global or builtin"},
    {"store_global", "Assignment of Python object"},
    {"get_item", "Indexing Python object"},
    {"set_item", "Indexing Python object"},
    {"add_to_item", "Indexing Python object"},
    {"item", "Indexing Python object"},
    {"character_at", "Indexing Python object"},
    {"byte_at", "Indexing Python object"},
    {"make_slice", "Constructing Python slice object"},
    {"make_list", "Constructing Python list"},
    {"list_append", "Constructing Python list"},
    {"make_tuple", "Constructing Python tuple"},
    {"make_dict", "Constructing Python dict"},
    {"dict_set", "Constructing Python dict"},
    {"make_set", "Constructing Python set"},
    {"set_add", "Constructing Python set"},
    {"truth", "Truth-testing Python object"},
    {"import", "Python import"},
    {"to_object", "Converting to Python object"},
    {"ucs4_to_object", "Converting to Python object"},
    {"byte_to_object", "Converting to Python object"},
    {"from_object", "Coercion from Python"},
    {"ucs4_from_object", "Coercion from Python"},
    {"join_str", "String formatting"},
    {"format", "String formatting"},
    {"del", "Deleting Python object"},
    {"as_", "Python type test"},
    {"print", "Calling gil-requiring function"},
    {"len", "Calling gil-requiring function"},
    {"unpack", "Iterating over Python object"},
}};

std::string_view operation_of(std::string_view helper) {
  helper.remove_prefix(std::min<std::size_t>(4, helper.size()));  // er::
  for (const auto& [begin, operation] : kOperations)
    if (helper.starts_with(begin)) return operation;
  return "Operation";
}

bool has_objects(const tree::Helper& helper) {
  return helper.type->is_object() ||
         std::any_of(helper.args.begin(), helper.args.end(),
                     [](const tree::ExprPtr& arg) { return arg->type->is_object(); });
}

// `if xs:` of a list and its like only looks at how long it is.
bool is_length_test(const tree::Helper& helper) {
  using tree::ObjectClass;
  if (helper.name != "er::truth" || helper.args.size() != 1) return false;
  switch (helper.args[0]->type->object_class) {
    case ObjectClass::kList:
    case ObjectClass::kTuple:
    case ObjectClass::kDict:
    case ObjectClass::kSet:
    case ObjectClass::kFrozenSet:
    case ObjectClass::kStr:
    case ObjectClass::kBytes:
    case ObjectClass::kByteArray:
      return true;
    default:
      return false;
  }
}

bool is_conversion(std::string_view helper) {
  const std::string_view operation = operation_of(helper);
  return operation == "Converting to Python object" || operation == "Coercion from Python" ||
         operation == "Truth-testing Python object" || operation == "Python type test";
}

class GilChecker {
 public:
  GilChecker(const tree::Function& function, bool is_all, const tree::TypeTable& types,
             syntax::Diagnostics& diagnostics)
      : function_(function), is_all_(is_all), types_(types), diagnostics_(diagnostics) {}

  void run();

 private:
  void signature();
  void block(const Block& block) {
    for (const tree::StmtPtr& stmt : block) {
      statement(*stmt);
      // What comes after a jump is never reached.
      const StmtKind kind = stmt->kind;
      if (is_all_) continue;
      if (kind == StmtKind::kReturn || kind == StmtKind::kBreak || kind == StmtKind::kContinue)
        return;
    }
  }
  void statement(const Stmt& stmt);
  void assign(const tree::Assign& stmt);
  // True if it reported something.
  bool expr(const Expr& e);
  bool children(const Expr& e);
  bool complain(syntax::SourceRange range, std::string_view operation) {
    diagnostics_
        .error("needs-gil", range,
               std::string(operation) + (operation == "Coercion from Python"
                                             ? " not allowed without the GIL"
                                             : " not allowed without gil"))
        .hint(std::string(kWithGil));
    return true;
  }

  const tree::Function& function_;
  bool is_all_;
  const tree::TypeTable& types_;
  syntax::Diagnostics& diagnostics_;
  bool has_gil_ = true;
};

void GilChecker::run() {
  const bool may_lack_gil =
      function_.type != nullptr && function_.type->is_nogil && !function_.takes_gil;
  if (may_lack_gil) signature();
  has_gil_ = !may_lack_gil;
  block(function_.body);
}

void GilChecker::signature() {
  if (function_.type->base->is_object() && function_.type->base != types_.error())
    diagnostics_
        .error("needs-gil", function_.range,
               "Function with Python return type cannot be declared nogil")
        .hint("leave 'nogil' out, or write 'with gil' in its place");
}

void GilChecker::assign(const tree::Assign& stmt) {
  const bool is_object = stmt.target->type->is_object();
  if (has_gil_) {
    expr(*stmt.target);
    expr(*stmt.value);
    return;
  }
  const auto* target = tree::try_as<tree::VariableRef>(stmt.target.get());
  if (expr(*stmt.value) || !is_object) {
    if (!is_object) expr(*stmt.target);
    return;
  }
  // What the compiler keeps for itself is what it was made of.
  const bool is_temporary = target != nullptr && target->variable->kind == VariableKind::kTemporary;
  if (stmt.value->type == types_.error() || stmt.target->type == types_.error()) return;
  complain(stmt.range,
           is_temporary ? "Creating temporary Python reference" : "Assignment of Python object");
}

void GilChecker::statement(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kAssign:
      return assign(as<tree::Assign>(stmt));
    case StmtKind::kUnbind:
      if (!has_gil_ && as<tree::Unbind>(stmt).variable->type->is_object())
        complain(stmt.range, "Deleting Python object");
      return;
    case StmtKind::kIterate:
      if (has_gil_) break;
      if (!expr(*as<tree::Iterate>(stmt).iterable))
        complain(as<tree::Iterate>(stmt).iterable->range, "Iterating over Python object");
      return block(as<tree::Iterate>(stmt).orelse);
    case StmtKind::kReturn: {
      const Expr* value = as<tree::Return>(stmt).value.get();
      if (has_gil_ || value == nullptr) break;
      if (!expr(*value) && value->type->is_object() && value->type != types_.error())
        complain(stmt.range, "Returning Python object");
      return;
    }
    case StmtKind::kTry:
      if (!has_gil_) {
        complain(stmt.range, "Try-except statement");
        return block(as<tree::Try>(stmt).body);
      }
      break;
    case StmtKind::kWith:
      if (!has_gil_) {
        if (!expr(*as<tree::With>(stmt).manager)) complain(stmt.range, "'with' statement");
        return;
      }
      break;
    case StmtKind::kGilBlock: {
      const bool before = std::exchange(has_gil_, !as<tree::GilBlock>(stmt).releases);
      block(as<tree::GilBlock>(stmt).body);
      has_gil_ = before;
      return;
    }
    default:
      break;
  }
  tree::for_each_expr(stmt, [this](const Expr& e) { expr(e); });
  tree::for_each_block(stmt, [this](const Block& inner) { block(inner); });
}

bool GilChecker::children(const Expr& e) {
  bool found = false;
  // One thing at a time: what is around it is a consequence, more often than not.
  tree::for_each_child(e, [&](const Expr& child) { found = found || expr(child); });
  return found;
}

bool GilChecker::expr(const Expr& e) {
  if (e.type == types_.error()) return true;
  if (e.kind == ExprKind::kBlock) {
    if (!has_gil_ && e.type->is_object()) return complain(e.range, "Constructing Python object");
    block(as<tree::BlockExpr>(e).body);
  }
  if (has_gil_) return children(e);
  switch (e.kind) {
    case ExprKind::kHelper: {
      const auto& helper = as<tree::Helper>(e);
      if (!has_objects(helper) || is_length_test(helper)) return children(e);
      if (is_conversion(helper.name) && children(e)) return true;
      return complain(e.range, operation_of(helper.name));
    }
    case ExprKind::kCall: {
      const auto& call = as<tree::Call>(e);
      const tree::Type& type = tree::function_type(*call.callee);
      if (children(e)) return true;
      if (!type.is_nogil) {
        const auto* name = tree::try_as<tree::FunctionName>(call.callee.get());
        diagnostics_
            .error("needs-gil", e.range, "Calling gil-requiring function not allowed without gil")
            .hint(name != nullptr ? "declare it 'nogil', or call it in a 'with gil:'"
                                  : "declare the function pointer 'nogil'");
        return true;
      }
      if (e.type->is_object()) return complain(e.range, "Discarding owned Python object");
      return false;
    }
    case ExprKind::kMakeFunction:
      return complain(e.range, "Constructing Python function");
    case ExprKind::kLogical:
    case ExprKind::kConditional:
      if (children(e)) return true;
      if (e.type->is_object()) return complain(e.range, "Truth-testing Python object");
      return false;
    case ExprKind::kAssignment:
      if (children(e)) return true;
      if (e.type->is_object()) return complain(e.range, "Assignment of Python object");
      return false;
    case ExprKind::kBufferItem:
    case ExprKind::kField:
    case ExprKind::kIndex:
      if (children(e)) return true;
      if (e.type->is_object()) return complain(e.range, "Indexing Python object");
      return false;
    case ExprKind::kVariable:
      // Others may drop the object that it holds.
      if (e.type->is_object() && as<tree::VariableRef>(e).variable->is_global())
        return complain(e.range, "Accessing Python global or builtin");
      return false;
    default:
      return children(e);
  }
}

}  // namespace

void check_gil(const tree::Function& function, bool is_all, const tree::TypeTable& types,
               syntax::Diagnostics& diagnostics) {
  GilChecker(function, is_all, types, diagnostics).run();
}

}  // namespace engineroom::sema
