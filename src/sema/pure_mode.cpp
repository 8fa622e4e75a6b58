// Cython in Python's own syntax: x = cython.declare(cython.int, 0) stands for `cdef int x = 0`, and
// @cython.locals(x=cython.int) gives types to a function's parameters and variables.
//
// In both, Python's words mean what they mean after `cdef`: int is C's.
#include <array>
#include <utility>
#include <vector>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::CBasic;
using syntax::ExprKind;
using syntax::StmtKind;

namespace {

std::optional<CBasic> basic_word(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, CBasic>, 9> kWords = {{
      {"void", CBasic::kVoid},
      {"char", CBasic::kChar},
      {"short", CBasic::kShort},
      {"int", CBasic::kInt},
      {"long", CBasic::kLong},
      {"float", CBasic::kFloat},
      {"double", CBasic::kDouble},
      {"bint", CBasic::kBint},
      {"bool", CBasic::kBint},
  }};
  for (const auto& [known, basic] : kWords)
    if (word == known) return basic;
  return std::nullopt;
}

// a.b.c; false if it is something else.
bool dotted_path(const syntax::Expr& e, std::vector<syntax::Identifier>& path) {
  if (e.kind == ExprKind::kName) {
    path.push_back({as<syntax::Name>(e).id, e.range});
    return true;
  }
  if (e.kind != ExprKind::kAttribute) return false;
  if (!dotted_path(*as<syntax::Attribute>(e).value, path)) return false;
  path.push_back(as<syntax::Attribute>(e).attr);
  return true;
}

}  // namespace

// The type as `cdef` would have it; null for what is no name, pointer or array.
const syntax::CType* Analyzer::written_ctype(const syntax::Expr& e) {
  if (e.kind == ExprKind::kName && find_symbol(as<syntax::Name>(e).id) == nullptr) {
    if (const auto basic = basic_word(as<syntax::Name>(e).id)) {
      auto* type = made_.make<syntax::CBasicType>(e.range);
      type->basic = *basic;
      return type;
    }
  }
  if (std::vector<syntax::Identifier> path; dotted_path(e, path)) {
    auto* type = made_.make<syntax::CNamedType>(e.range);
    type->path = made_.list(path);
    return type;
  }
  if (e.kind == ExprKind::kSubscript) {
    const auto& subscript = as<syntax::Subscript>(e);
    if (cython_name(*subscript.value) == "pointer")
      return written_pointer(*subscript.slice, e.range);
    if (is_view_annotation(subscript)) return written_view(subscript);
    const bool is_size =
        subscript.slice->kind == ExprKind::kInt || subscript.slice->kind == ExprKind::kName;
    if (!is_size || !cython_name(*subscript.value)) return nullptr;
    auto* type = made_.make<syntax::CArrayType>(e.range);
    type->element = written_ctype(*subscript.value);
    type->size = subscript.slice;
    return type;
  }
  if (e.kind == ExprKind::kCall) {
    const auto& call = as<syntax::Call>(e);
    const bool is_pointer =
        is_plain(call) && call.args.size() == 1 && cython_name(*call.func) == "pointer";
    return is_pointer ? written_pointer(*call.args[0], e.range) : nullptr;
  }
  return nullptr;
}

const syntax::CType* Analyzer::written_view(const syntax::Subscript& e) {
  const syntax::CType* element = written_ctype(*e.value);
  if (element == nullptr) return nullptr;
  std::vector<const syntax::Slice*> axes;
  if (const auto* tuple = syntax::try_as<syntax::Tuple>(e.slice)) {
    for (const syntax::Expr* axis : tuple->elts) axes.push_back(&as<syntax::Slice>(*axis));
  } else {
    axes.push_back(&as<syntax::Slice>(*e.slice));
  }
  auto* view = made_.make<syntax::CMemoryViewType>(e.range);
  view->element = element;
  view->axes = made_.list(axes);
  return view;
}

const syntax::CType* Analyzer::written_pointer(const syntax::Expr& to, syntax::SourceRange range) {
  const syntax::CType* type = written_ctype(to);
  if (type == nullptr) return nullptr;
  auto* pointer = made_.make<syntax::CPointerType>(range);
  pointer->to = type;
  return pointer;
}

// x = cython.declare(T), x = cython.declare(T, value), cython.declare(x=T, y=T). Other ways to
// write it are refused as expressions.
const syntax::Block* Analyzer::declared_by_call(const syntax::Stmt& stmt) {
  const bool is_assignment = stmt.kind == StmtKind::kAssign;
  if (!is_assignment && stmt.kind != StmtKind::kExprStmt) return nullptr;
  const auto* call = syntax::try_as<syntax::Call>(is_assignment ? as<syntax::Assign>(stmt).value
                                                                : as<syntax::ExprStmt>(stmt).value);
  if (call == nullptr || cython_name(*call->func) != "declare") return nullptr;
  const auto known = expanded_.find(&stmt);
  if (known != expanded_.end()) return &known->second;
  std::vector<syntax::CDeclarator> declarators;
  if (is_assignment) {
    const auto& targets = as<syntax::Assign>(stmt).targets;
    const bool fits = targets.size() == 1 && targets[0]->kind == ExprKind::kName &&
                      is_plain(*call) && (call->args.size() == 1 || call->args.size() == 2);
    const syntax::CType* type = fits ? written_ctype(*call->args[0]) : nullptr;
    if (type == nullptr) return nullptr;
    const syntax::Identifier name{as<syntax::Name>(*targets[0]).id, targets[0]->range};
    declarators.push_back(
        {stmt.range, name, {}, type, call->args.size() == 2 ? call->args[1] : nullptr});
  } else {
    if (!call->args.empty()) return nullptr;
    for (const syntax::Keyword& keyword : call->keywords) {
      const syntax::CType* type = keyword.name.empty() ? nullptr : written_ctype(*keyword.value);
      if (type == nullptr) return nullptr;
      declarators.push_back({keyword.value->range, keyword.name, {}, type, nullptr});
    }
  }
  auto* made = made_.make<syntax::CVarDef>(stmt.range);
  made->declarators = made_.list(declarators);
  const std::vector<const syntax::Stmt*> block = {made};
  return &expanded_.emplace(&stmt, made_.list(block)).first->second;
}

// What @cython.locals(x=T) says.
Analyzer::GivenTypes Analyzer::given_types(const syntax::List<const syntax::Expr*>& decorators) {
  GivenTypes given;
  for (const syntax::Expr* decorator : decorators) {
    const auto* call = syntax::try_as<syntax::Call>(decorator);
    if (call == nullptr || cython_name(*call->func) != "locals") continue;
    for (const syntax::Expr* arg : call->args)
      diagnostics_.error("directive", arg->range, "cython.locals takes names and their types")
          .hint("@cython.locals(x=cython.int)");
    for (const syntax::Keyword& keyword : call->keywords) {
      const syntax::CType* type = keyword.name.empty() ? nullptr : written_ctype(*keyword.value);
      if (type == nullptr) {
        not_supported(keyword.value->range, "this type in cython.locals");
        continue;
      }
      const syntax::CDeclarator declarator{keyword.value->range, keyword.name, {}, type, nullptr};
      const Type* found = declared_type(declarator, here(), "a variable");
      given.insert_or_assign(std::string(keyword.name.text), found);
    }
  }
  return given;
}

// Of those that are local; parameters have their type already.
void Analyzer::apply_given_types(const GivenTypes& given) {
  for (const auto& [name, type] : given) {
    const auto local = context_->locals.find(name);
    if (local == context_->locals.end() || local->second->kind != VariableKind::kLocal) continue;
    if (declared_.insert(local->second).second) local->second->type = type;
  }
}

}  // namespace engineroom::sema
