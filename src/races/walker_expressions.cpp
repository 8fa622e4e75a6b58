// What expressions read and write.
#include <algorithm>

#include "races/walker.h"
#include "tree/children.h"

namespace engineroom::races {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::try_as;
using tree::Variable;

namespace {

// Functions of C that only look at what their arguments lead to, or make memory of their own.
bool only_reads(std::string_view function) {
  constexpr std::string_view kNames[] = {"malloc",  "calloc", "realloc", "free",   "printf",
                                         "fprintf", "strlen", "strcmp",  "memcmp", "puts"};
  return std::find(std::begin(kNames), std::end(kNames), function) != std::end(kNames) ||
         function.find("lock") != function.npos;
}

}  // namespace

void Walker::visit(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVariable: {
      const auto& ref = as<tree::VariableRef>(expr);
      return read_variable(*ref.variable, ref.range);
    }
    case ExprKind::kBufferItem:
    case ExprKind::kIndex:
    case ExprKind::kField:
      visit_children(expr);
      // Of a pointer or view that lies in memory, or an array, nothing is read yet.
      if (expr.type->kind != tree::TypeKind::kArray) access(place_of(expr), expr.range, false);
      return;
    case ExprKind::kAddressOf:
      return visit_children(*as<tree::AddressOf>(expr).value);
    case ExprKind::kBufferPart:
    case ExprKind::kViewSlice:
      return visit_children(expr);
    case ExprKind::kCall:
      return call(as<tree::Call>(expr));
    case ExprKind::kHelper:
      return helper(as<tree::Helper>(expr));
    case ExprKind::kAssignment: {
      const auto& assignment = as<tree::AssignmentExpr>(expr);
      return assign_variable(*assignment.target, *assignment.value, expr.range);
    }
    case ExprKind::kLogical: {
      const auto& logical = as<tree::Logical>(expr);
      visit(*logical.left);
      if (logical.test) visit(*logical.test);
      const State before = state_;
      visit(*logical.right);
      state_ = merged(state_, before);
      return;
    }
    case ExprKind::kConditional: {
      const auto& conditional = as<tree::Conditional>(expr);
      visit(*conditional.test);
      State after = state_;
      visit(*conditional.body);
      std::swap(after, state_);
      visit(*conditional.orelse);
      state_ = merged(after, state_);
      return;
    }
    case ExprKind::kBlock:
      for (const auto& stmt : as<tree::BlockExpr>(expr).body) statement(*stmt);
      return visit(*as<tree::BlockExpr>(expr).result);
    default:
      return visit_children(expr);
  }
}

// What stands below an item: its indices are values, what they belong to is not read as a whole.
void Walker::visit_children(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVariable:
      return;
    case ExprKind::kBufferItem: {
      const auto& item = as<tree::BufferItem>(expr);
      visit_children(*item.value);
      for (const tree::ExprPtr& index : item.indices) visit(*index);
      return;
    }
    case ExprKind::kIndex: {
      const auto& item = as<tree::IndexAccess>(expr);
      const Expr& owner = *item.value;
      // Of p[i][j] the pointer p[i] is read.
      if (owner.type->is_pointer()) {
        visit(owner);
      } else {
        visit_children(owner);
      }
      return visit(*item.index);
    }
    case ExprKind::kField: {
      const Expr& owner = *as<tree::FieldAccess>(expr).value;
      return owner.type->is_pointer() ? visit(owner) : visit_children(owner);
    }
    case ExprKind::kBufferPart:
      return visit_children(*as<tree::BufferPart>(expr).value);
    case ExprKind::kViewSlice: {
      const auto& slice = as<tree::ViewSlice>(expr);
      visit_children(*slice.value);
      for (const tree::ViewSlice::Part& part : slice.parts)
        for (const Expr* bound : {part.start.get(), part.stop.get(), part.step.get()})
          if (bound != nullptr) visit(*bound);
      return;
    }
    default:
      tree::for_each_child(expr, [this](const Expr& child) { visit(child); });
  }
}

void Walker::call(const tree::Call& call) {
  const auto* name = try_as<tree::FunctionName>(call.callee.get());
  if (name == nullptr) visit(*call.callee);
  for (const tree::ExprPtr& arg : call.args) {
    visit(*arg);
    const tree::Type& type = *arg->type;
    const bool is_memory = type.is_pointer() || type.is_view();
    if (!is_memory || type.base->is_const || (name != nullptr && only_reads(name->cpp))) continue;
    if (type.is_pointer() && type.base->kind == tree::TypeKind::kFunction) continue;
    Place place = type.is_view() ? whole(view_place(*arg)) : pointee(*arg);
    record_.passed.push_back(
        {std::move(place), arg->range, current_, call.callee->range, is_output(*arg, name)});
  }
}

bool Walker::is_output(const Expr& arg, const tree::FunctionName* function) const {
  const auto* address = try_as<tree::AddressOf>(&arg);
  const Variable* variable = address != nullptr ? variable_of(*address->value) : nullptr;
  return variable != nullptr && variable->kind == tree::VariableKind::kLocal &&
         variable->type->is_numeric() &&
         ((function != nullptr && !function->is_extern) || !given_.contains(variable));
}

void Walker::helper(const tree::Helper& helper) {
  for (const tree::ExprPtr& arg : helper.args) visit(*arg);
  const std::string_view name = helper.name;
  if (name.starts_with("er::fill_items")) {
    access(whole(view_place(*helper.args[0])), helper.args[0]->range, true);
  } else if (name.starts_with("er::copy_items")) {
    access(whole(view_place(*helper.args[0])), helper.args[0]->range, false);
    access(whole(view_place(*helper.args[1])), helper.args[1]->range, true);
  }
}

// ---- variables ----

Carried Walker::carried(const Variable& variable) const {
  if (state_.is_dead || state_.assigned.contains(&variable)) return Carried::kNever;
  return state_.if_turned.contains(&variable) ? Carried::kIfNoTurns : Carried::kMaybe;
}

void Walker::note_use(const Variable& variable, Use use) {
  if (tracked_.contains(&variable)) record_.variables[&variable].uses.push_back(std::move(use));
}

void Walker::read_variable(const Variable& variable, syntax::SourceRange range) {
  if (tracked_.contains(&variable))
    note_use(variable, {Use::Kind::kRead, range, carried(variable)});
}

// ---- memory ----

void Walker::access(Place place, syntax::SourceRange range, bool is_write, bool is_update) {
  if (place.owner == Place::Owner::kPrivate || state_.is_dead) return;
  record_.accesses.push_back({std::move(place), range, is_write, is_update, n_protections_ > 0,
                              current_, phase_, conditions_});
}

Place Walker::whole(Place place) {
  for (Step& step : place.steps) {
    if (step.kind != Step::Kind::kAxis) continue;
    SymbolInfo all{SymbolKind::kTurn, Polynomial(), {}, 1, {}, {}};
    const Polynomial at = Polynomial::of(record_.space.add(std::move(all)));
    step.index = step.stride == 0 ? other() : step.index + Polynomial::constant(step.stride) * at;
    step.kind = Step::Kind::kIndex;
  }
  place.axes.clear();
  return place;
}

}  // namespace engineroom::races
