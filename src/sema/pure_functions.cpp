// C functions in Python's own syntax: a def with @cython.cfunc stands for `cdef`, with
// @cython.ccall for `cpdef`; further decorators are the clauses that these have behind their
// parameters.
//
// Types are cython's in annotations. Python's own words there mean objects which are checked, and
// these, as other decorators that a C function cannot have, are left to be refused.
#include <vector>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExceptKind;
using syntax::ExprKind;

namespace {

bool is_true(const syntax::Expr& e) { return e.kind == ExprKind::kTrue; }

// @cython.exceptval(-1, check=False); false if it is something else.
bool take_exceptval(const syntax::Call& call, syntax::ExceptClause& except) {
  bool is_checked = true;
  for (const syntax::Keyword& keyword : call.keywords) {
    const bool is_truth = is_true(*keyword.value) || keyword.value->kind == ExprKind::kFalse;
    if (keyword.name.text != "check" || !is_truth) return false;
    is_checked = is_true(*keyword.value);
  }
  if (call.args.size() > 1) return false;
  except.range = call.range;
  if (call.args.empty() || call.args[0]->kind == ExprKind::kNone) {
    except.kind = is_checked ? ExceptKind::kAlways : ExceptKind::kNoexcept;
    return true;
  }
  except.kind = is_checked ? ExceptKind::kMaybeValue : ExceptKind::kValue;
  except.value = call.args[0];
  return true;
}

}  // namespace

// Null if it is not cython's.
const syntax::CType* Analyzer::annotated_ctype(const syntax::Expr* annotation,
                                               syntax::SourceRange range) {
  if (annotation == nullptr) return made_.make<syntax::CImplicitType>(range);
  const syntax::Expr* owner = annotation;
  while (const auto* subscript = syntax::try_as<syntax::Subscript>(owner)) owner = subscript->value;
  return cython_name(*owner) ? written_ctype(*annotation) : nullptr;
}

// Those of C functions alone; false for others.
bool Analyzer::take_c_decorator(const syntax::Expr& decorator, syntax::CFuncDef& made,
                                syntax::CFunctionType& type) {
  const auto* call = syntax::try_as<syntax::Call>(&decorator);
  const std::optional<std::string> name = cython_name(call != nullptr ? *call->func : decorator);
  if (!name) return false;
  const bool is_on = call == nullptr || (call->args.size() == 1 && is_true(*call->args[0]));
  if (*name == "exceptval" && call != nullptr) return take_exceptval(*call, type.except);
  if (*name == "returns" && call != nullptr && call->args.size() == 1) {
    const syntax::CType* result = written_ctype(*call->args[0]);
    if (result != nullptr) type.result = result;
    return result != nullptr;
  }
  if (!is_on) return false;
  if (*name == "noexcept") {
    type.except.kind = ExceptKind::kNoexcept;
  } else if (*name == "nogil") {
    type.nogil = true;
  } else if (*name == "with_gil") {
    type.nogil = type.with_gil = true;
  } else if (*name == "inline") {
    made.context.is_inline = true;
  } else {
    return false;
  }
  return true;
}

// Null if it is a function of Python's.
const syntax::Block* Analyzer::c_function_of(const syntax::FunctionDef& def) {
  const auto is_called = [this](const syntax::Expr* e, std::string_view word) {
    return cython_name(*e) == word;
  };
  bool is_c = false;
  bool is_cpdef = false;
  for (const syntax::Expr* decorator : def.decorators) {
    is_c = is_c || is_called(decorator, "cfunc");
    is_cpdef = is_cpdef || is_called(decorator, "ccall");
  }
  if ((!is_c && !is_cpdef) || def.is_async || !def.type_params.empty()) return nullptr;
  const auto known = expanded_.find(&def);
  if (known != expanded_.end()) return &known->second;

  auto* type = made_.make<syntax::CFunctionType>(def.header);
  auto* made = made_.make<syntax::CFuncDef>(def.range);
  type->result = annotated_ctype(def.returns, def.header);
  std::vector<const syntax::Expr*> decorators;
  for (const syntax::Expr* decorator : def.decorators) {
    if (is_called(decorator, "cfunc") || is_called(decorator, "ccall")) continue;
    if (!take_c_decorator(*decorator, *made, *type)) decorators.push_back(decorator);
  }
  std::vector<syntax::Param> params;
  for (syntax::Param param : def.params->params) {
    const bool is_plain = param.kind == syntax::ParamKind::kNormal;
    if (param.type->kind == syntax::CTypeKind::kImplicit)
      param.type = is_plain ? annotated_ctype(param.annotation, param.range) : nullptr;
    if (!is_plain || param.type == nullptr) return nullptr;
    param.annotation = nullptr;
    params.push_back(param);
  }
  if (type->result == nullptr) return nullptr;
  auto* all = made_.make<syntax::Params>(*def.params);
  all->params = made_.list(params);
  type->params = all;
  made->name = def.name;
  made->type = type;
  made->decorators = made_.list(decorators);
  made->is_cpdef = is_cpdef;
  made->has_body = true;
  made->body = def.body;
  made->header = def.header;
  const std::vector<const syntax::Stmt*> block = {made};
  return &expanded_.emplace(&def, made_.list(block)).first->second;
}

}  // namespace engineroom::sema
