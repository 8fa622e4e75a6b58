// What expressions read and assign, in the order in which they do it.
#include <functional>
#include <utility>

#include "sema/flow_builder.h"
#include "sema/names.h"
#include "syntax/children.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::Expr;
using syntax::ExprKind;
using syntax::SourceRange;
using syntax::Stmt;
using syntax::StmtKind;

void FlowBuilder::read(const Expr* e) {
  if (e != nullptr) read(*e);
}

void FlowBuilder::read(const Expr& e) {
  switch (e.kind) {
    case ExprKind::kName:
      return add_event(FlowEventKind::kRead, as<syntax::Name>(e).id, e.range);
    case ExprKind::kNamedExpr: {
      const auto& named = as<syntax::NamedExpr>(e);
      read(named.value);
      // The target is the function's, also in a comprehension.
      auto shadows = std::exchange(shadows_, {});
      add_event(FlowEventKind::kAssign, named.target->id, named.target->range);
      shadows_ = std::move(shadows);
      return;
    }
    case ExprKind::kBoolOp: {
      const auto& values = as<syntax::BoolOp>(e).values;
      read(values[0]);
      for (std::size_t i = 1; i < values.size(); ++i) maybe([&] { read(values[i]); });
      return;
    }
    case ExprKind::kIfExp: {
      const auto& conditional = as<syntax::IfExp>(e);
      read(conditional.test);
      const BlockIndex test = current_;
      const BlockIndex end = graph_.add_block();
      next_block();
      read(conditional.body);
      go_to(end);
      current_ = test;
      next_block();
      read(conditional.orelse);
      go_to(end);
      return meet(end);
    }
    case ExprKind::kListComp:
      return comprehension(as<syntax::ListComp>(e).generators,
                           [&] { read(as<syntax::ListComp>(e).elt); });
    case ExprKind::kSetComp:
      return comprehension(as<syntax::SetComp>(e).generators,
                           [&] { read(as<syntax::SetComp>(e).elt); });
    case ExprKind::kDictComp:
      return comprehension(as<syntax::DictComp>(e).generators, [&] {
        read(as<syntax::DictComp>(e).key);
        read(as<syntax::DictComp>(e).value);
      });
    case ExprKind::kGeneratorExp: {
      // Runs later, but for the first iterable.
      const auto& generators = as<syntax::GeneratorExp>(e).generators;
      if (!generators.empty()) read(generators[0].iter);
      return capture(e);
    }
    case ExprKind::kLambda:
      for (const syntax::Param& param : as<syntax::Lambda>(e).params->params)
        read(param.default_value);
      return capture(*as<syntax::Lambda>(e).body);
    case ExprKind::kAddressOf: {
      // What gets the address may assign through it.
      const Expr& value = *as<syntax::AddressOf>(e).value;
      if (value.kind != ExprKind::kName) return read(value);
      add_event(FlowEventKind::kTakeAddress, as<syntax::Name>(value).id, value.range);
      return;
    }
    case ExprKind::kSizeOf:
      return;
    case ExprKind::kCall: {
      // cython.typeof(x) and cython.sizeof(x) only look at the type.
      const Expr& callee = *as<syntax::Call>(e).func;
      const std::string_view name = callee.kind == ExprKind::kAttribute
                                        ? as<syntax::Attribute>(callee).attr.text
                                    : callee.kind == ExprKind::kName ? as<syntax::Name>(callee).id
                                                                     : std::string_view();
      if (name == "typeof" || name == "sizeof") return;
      return syntax::for_each_child(e, [this](const Expr& child) { read(child); });
    }
    default:
      return syntax::for_each_child(e, [this](const Expr& child) { read(child); });
  }
}

template <typename F>
void FlowBuilder::maybe(const F& what) {
  const BlockIndex before = current_;
  const BlockIndex end = graph_.add_block();
  go_to(end);
  next_block();
  what();
  go_to(end);
  current_ = before == kNowhere ? kNowhere : end;
}

template <typename F>
void FlowBuilder::comprehension(const syntax::List<syntax::Comprehension>& generators,
                                const F& element) {
  std::size_t n_shadows = 0;
  const std::function<void(std::size_t)> from = [&](std::size_t i) {
    if (i == generators.size()) return element();
    const syntax::Comprehension& generator = generators[i];
    read(generator.iter);
    if (generator.bounds != nullptr) {
      read(generator.bounds->lower);
      read(generator.bounds->upper);
      read(generator.bounds->step);
    }
    std::set<std::string_view> names;
    if (generator.is_scoped)
      for_each_target_name(*generator.target, [&](std::string_view name) { names.insert(name); });
    shadows_.push_back(std::move(names));
    ++n_shadows;
    const BlockIndex head = next_block();
    maybe([&] {
      if (!generator.is_scoped) assign(*generator.target);
      for (const Expr* test : generator.ifs) {
        read(test);
        next_block();
      }
      from(i + 1);
      go_to(head);
    });
  };
  from(0);
  shadows_.resize(shadows_.size() - n_shadows);
}

void FlowBuilder::capture(const Expr& e) {
  if (e.kind == ExprKind::kName) capture(as<syntax::Name>(e).id);
  if (e.kind == ExprKind::kNamedExpr) capture(as<syntax::NamedExpr>(e).target->id);
  syntax::for_each_child(e, [this](const Expr& child) { capture(child); });
}

void FlowBuilder::capture(std::string_view name) {
  const auto found = indices_.find(name);
  if (found != indices_.end()) captured_[found->second] = true;
}

void FlowBuilder::capture(const syntax::Block& stmts) {
  for (const Stmt* stmt : stmts) {
    if (stmt->kind == StmtKind::kNonlocal)
      for (const syntax::Identifier& name : as<syntax::Nonlocal>(*stmt).names) capture(name.text);
    syntax::for_each_expr(*stmt, [this](const Expr& e) { capture(e); });
    syntax::for_each_block(*stmt, [this](const syntax::Block& inner) { capture(inner); });
  }
}

void FlowBuilder::assign(const Expr& target) {
  switch (target.kind) {
    case ExprKind::kName:
      return add_event(FlowEventKind::kAssign, as<syntax::Name>(target).id, target.range);
    case ExprKind::kTuple:
      for (const Expr* e : as<syntax::Tuple>(target).elts) assign(*e);
      return;
    case ExprKind::kList:
      for (const Expr* e : as<syntax::ListExpr>(target).elts) assign(*e);
      return;
    case ExprKind::kStarred:
      return assign(*as<syntax::Starred>(target).value);
    default:
      return read(target);
  }
}

void FlowBuilder::remove(const Expr& target) {
  switch (target.kind) {
    case ExprKind::kName:
      return add_event(FlowEventKind::kDelete, as<syntax::Name>(target).id, target.range);
    case ExprKind::kTuple:
      for (const Expr* e : as<syntax::Tuple>(target).elts) remove(*e);
      return;
    case ExprKind::kList:
      for (const Expr* e : as<syntax::ListExpr>(target).elts) remove(*e);
      return;
    default:
      return read(target);
  }
}

}  // namespace engineroom::sema
