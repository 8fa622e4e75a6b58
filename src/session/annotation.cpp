#include "session/annotation.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "tree/children.h"

namespace engineroom::session {
namespace {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::StmtKind;
using tree::Variable;

struct Work {
  int weight;
  const char* text;
  const char* hint = "";
  bool is_arithmetic = false;  // the operands' types are to blame
};

// By the helper's name without "er::", the longest prefix that there is.
const std::map<std::string_view, Work>& works() {
  static const std::map<std::string_view, Work> kWorks = {
      {"add", {3, "+ of Python objects", "", true}},
      {"subtract", {3, "- of Python objects", "", true}},
      {"multiply", {3, "* of Python objects", "", true}},
      {"true_divide", {3, "/ of Python objects", "", true}},
      {"floor_divide", {3, "// of Python objects", "", true}},
      {"remainder", {3, "% of Python objects", "", true}},
      {"power", {3, "** of Python objects", "", true}},
      {"matmul", {5, "@ of Python objects"}},
      {"lshift", {3, "<< of Python objects", "", true}},
      {"rshift", {3, ">> of Python objects", "", true}},
      {"bit_", {3, "bits of Python objects", "", true}},
      {"inplace_", {3, "augmented assignment to a Python object", "", true}},
      {"negative", {3, "- of a Python object", "", true}},
      {"positive", {3, "+ of a Python object", "", true}},
      {"invert", {3, "~ of a Python object", "", true}},
      {"compare", {3, "comparison of Python objects", "", true}},
      {"contains", {3, "search in a Python object"}},
      {"truth", {1, "truth of a Python object"}},
      {"load_global", {2, "a name is looked up when the code runs"}},
      {"store_global", {2, "a Python name of the module is set"}},
      {"call", {5, "call of a Python object"}},
      {"append", {2, "append to a Python object"}},
      {"list_append", {2, "append to a list"}},
      {"print", {5, "print"}},
      {"get_attr", {3, "an attribute of a Python object is looked up"}},
      {"set_attr", {3, "an attribute of a Python object is set"}},
      {"del_attr", {3, "an attribute of a Python object is deleted"}},
      {"get_item", {3, "an item of a Python object is looked up"}},
      {"set_item", {3, "an item of a Python object is set"}},
      {"del_item", {3, "an item of a Python object is deleted"}},
      {"dict_", {3, "a dict is changed"}},
      {"set_", {3, "a set is changed"}},
      {"list_", {3, "a list is changed"}},
      {"make_", {3, "a Python object is made"}},
      {"join_str", {5, "a text is put together"}},
      {"format", {3, "a value becomes text"}},
      {"to_", {1, "a C value becomes a Python object"}},
      {"ucs4_to_object", {1, "a character becomes a Python object"}},
      {"from_object", {1, "a Python object becomes a C value"}},
      {"ucs4_from_object", {1, "a Python object becomes a character"}},
      {"as_", {1, "the class of an object is checked"}},
      {"len", {2, "length of a Python object"}},
      {"unpack", {3, "a Python object is unpacked"}},
      {"import_", {5, "import"}},
      {"raise", {5, "an exception is raised"}},
      {"exception_matches", {2, "an exception is matched"}},
      {"lookup_special", {3, "a method is looked up"}},
      {"floor_div",
       {1, "checked for a division by zero", "the directive cdivision=True spares it"}},
      {"mod", {1, "checked for a division by zero", "the directive cdivision=True spares it"}},
      {"true_div", {1, "checked for a division by zero", "the directive cdivision=True spares it"}},
      {"checked_", {1, "checked for overflow", "the directive overflowcheck=False spares it"}},
  };
  return kWorks;
}

const Work* work_of(std::string_view helper) {
  if (!helper.starts_with("er::")) return nullptr;
  helper.remove_prefix(4);
  for (std::size_t n = helper.size(); n > 0; --n) {
    const auto found = works().find(helper.substr(0, n));
    if (found != works().end()) return &found->second;
  }
  return nullptr;
}

// What an object variable holds, as far as its assignments tell.
enum class Holds : std::uint8_t { kNothing, kInts, kFloats, kOther };

Holds both(Holds a, Holds b) {
  if (a == Holds::kNothing || a == b) return b;
  if (b == Holds::kNothing) return a;
  const bool are_numbers = a != Holds::kOther && b != Holds::kOther;
  return are_numbers ? Holds::kFloats : Holds::kOther;
}

class Annotator {
 public:
  Annotator(const tree::Module& module, const syntax::Sources& sources)
      : module_(module), sources_(sources) {}

  std::vector<LineNote> run() {
    for (const tree::Function& function : module_.functions) {
      if (function.is_of_pxd) continue;
      holds_.clear();
      learn(function.body);
      block(function.body);
    }
    std::stable_sort(notes_.begin(), notes_.end(),
                     [](const LineNote& a, const LineNote& b) { return a.line < b.line; });
    return std::move(notes_);
  }

 private:
  // ---- what variables hold ----

  void learn(const tree::Block& block) {
    for (const tree::StmtPtr& stmt : block) {
      if (stmt->kind == StmtKind::kAssign) {
        const auto& assign = as<tree::Assign>(*stmt);
        if (const auto* target = tree::try_as<tree::VariableRef>(assign.target.get()))
          note_value(target->variable, *assign.value);
      } else if (stmt->kind == StmtKind::kIterate) {
        const auto& loop = as<tree::Iterate>(*stmt);
        if (is_range(*loop.iterable)) add(loop.item, Holds::kInts);
      }
      tree::for_each_block(*stmt, [this](const tree::Block& inner) { learn(inner); });
    }
  }

  void add(const Variable* variable, Holds holds) {
    Holds& known = holds_[variable];
    known = both(known, holds);
  }

  void note_value(const Variable* variable, const Expr& value) {
    if (!variable->type->is_object()) return;
    add(variable, holds(value));
  }

  Holds holds(const Expr& value) {
    switch (value.kind) {
      case ExprKind::kPyConstant: {
        const tree::ConstantKind kind = module_.constants[as<tree::PyConstant>(value).index].kind;
        if (kind == tree::ConstantKind::kInt) return Holds::kInts;
        return kind == tree::ConstantKind::kFloat ? Holds::kFloats : Holds::kOther;
      }
      case ExprKind::kVariable: {
        const auto found = holds_.find(as<tree::VariableRef>(value).variable);
        return found == holds_.end() ? Holds::kNothing : found->second;
      }
      case ExprKind::kHelper: {
        const auto& helper = as<tree::Helper>(value);
        const Work* work = work_of(helper.name);
        if (helper.name == "er::to_object" && !helper.args.empty())
          return helper.args[0]->type->is_float() ? Holds::kFloats : Holds::kInts;
        if (helper.name == "er::true_divide") return Holds::kFloats;
        if (work == nullptr || !work->is_arithmetic) return Holds::kOther;
        Holds result = Holds::kNothing;
        for (const tree::ExprPtr& arg : helper.args)
          if (arg->type->is_object()) result = both(result, holds(*arg));
        return result;
      }
      default:
        return Holds::kOther;
    }
  }

  // range(…) that did not become a loop of C.
  bool is_range(const Expr& value) const {
    const auto* call = tree::try_as<tree::Helper>(&value);
    if (call == nullptr || !call->name.starts_with("er::call") || call->args.empty()) return false;
    const auto* callee = tree::try_as<tree::Helper>(call->args[0].get());
    return callee != nullptr && callee->name == "er::load_global" && name_in(*callee) == "range";
  }

  // The constant text among the arguments: of which name it is.
  std::string name_in(const tree::Helper& helper) const {
    for (const tree::ExprPtr& arg : helper.args) {
      const auto* constant = tree::try_as<tree::PyConstant>(arg.get());
      if (constant == nullptr) continue;
      const tree::Constant& value = module_.constants[constant->index];
      if (value.kind == tree::ConstantKind::kStr) return value.text;
    }
    return "";
  }

  // ---- notes ----

  void block(const tree::Block& block) {
    for (const tree::StmtPtr& stmt : block) {
      if (stmt->kind == StmtKind::kIterate) {
        const auto& loop = as<tree::Iterate>(*stmt);
        note(stmt->range, 3, "loop over a Python object",
             is_range(*loop.iterable) ? declaration_of(*loop.item) : "");
      }
      tree::for_each_expr(*stmt, [this](const Expr& e) { expr(e); });
      tree::for_each_block(*stmt, [this](const tree::Block& inner) { this->block(inner); });
    }
  }

  void expr(const Expr& e) {
    if (e.kind == ExprKind::kBlock) block(as<tree::BlockExpr>(e).body);
    tree::for_each_child(e, [this](const Expr& child) { expr(child); });
    if (e.kind == ExprKind::kMakeFunction)
      note(e.range, 1, "a Python function is made; its arguments arrive as Python objects");
    if (e.kind == ExprKind::kBufferItem && as<tree::BufferItem>(e).checks_bounds)
      note(e.range, 1, "the index is checked", "the directive boundscheck=False spares it");
    if (e.kind != ExprKind::kHelper) return;
    const auto& helper = as<tree::Helper>(e);
    const Work* work = work_of(helper.name);
    if (work == nullptr || (helper.fail == tree::Fail::kNever && work->weight < 2)) return;
    const std::string name = name_in(helper);
    std::string text = work->text;
    if (!name.empty() && (helper.name == "er::load_global" || helper.name.ends_with("_attr")))
      text += ": '" + name + "'";
    note(e.range, work->weight, std::move(text),
         work->is_arithmetic ? blame(helper) : std::string(work->hint));
  }

  // The variables without a type that make it an operation of Python.
  std::string blame(const tree::Helper& helper) {
    std::string hint;
    Holds others = Holds::kNothing;
    for (const tree::ExprPtr& arg : helper.args)
      if (arg->type->is_object()) others = both(others, holds(*arg));
    for (const tree::ExprPtr& arg : helper.args) {
      const auto* ref = tree::try_as<tree::VariableRef>(arg.get());
      if (ref == nullptr || ref->variable->kind == tree::VariableKind::kTemporary) continue;
      const std::string declaration = declaration_of(*ref->variable, others);
      if (declaration.empty() || hint.find(declaration) != std::string::npos) continue;
      hint += (hint.empty() ? "" : "; ") + declaration;
    }
    return hint;
  }

  // «k is a Python object: declare `cdef int k`». `others`: what it is computed with.
  std::string declaration_of(const Variable& variable, Holds others = Holds::kNothing) {
    if (!variable.type->is_object()) return "";
    const auto found = holds_.find(&variable);
    Holds holds = found == holds_.end() ? Holds::kNothing : found->second;
    const bool is_parameter = variable.kind == tree::VariableKind::kParameter;
    if (holds == Holds::kOther || (holds == Holds::kNothing && !is_parameter)) return "";
    if (holds == Holds::kNothing) holds = others;
    const std::string type = holds == Holds::kInts ? "int" : "double";
    return variable.name + " is a Python object: declare `" + (is_parameter ? "" : "cdef ") + type +
           " " + variable.name + "`" + (is_parameter ? " in the parameters" : "");
  }

  void note(syntax::SourceRange range, int weight, std::string text, std::string hint = "") {
    if (range.source != main_ || static_cast<std::size_t>(range.source) >= sources_.size()) return;
    const auto line = static_cast<std::uint32_t>(sources_[range.source].line_of(range.begin));
    notes_.push_back({line, weight, std::move(text), std::move(hint)});
  }

  const tree::Module& module_;
  const syntax::Sources& sources_;
  const syntax::SourceId main_ =
      module_.functions.empty() ? syntax::SourceId{} : module_.functions.back().range.source;
  std::map<const Variable*, Holds> holds_;
  std::vector<LineNote> notes_;
};

}  // namespace

std::vector<LineNote> annotate(const tree::Module& module, const syntax::Sources& sources) {
  return Annotator(module, sources).run();
}

}  // namespace engineroom::session
