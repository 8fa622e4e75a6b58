#include "races/walker.h"

#include <algorithm>

#include "races/effects.h"
#include "tree/children.h"

namespace engineroom::races {

using tree::as;
using tree::Expr;
using tree::StmtKind;
using tree::try_as;
using tree::Variable;

namespace {

bool takes_lock(std::string_view name, bool* is_taken) {
  constexpr std::string_view kTakes[] = {"omp_set_lock", "omp_set_nest_lock",
                                         "PyThread_acquire_lock", "pthread_mutex_lock"};
  constexpr std::string_view kGives[] = {"omp_unset_lock", "omp_unset_nest_lock",
                                         "PyThread_release_lock", "pthread_mutex_unlock"};
  *is_taken = std::find(std::begin(kTakes), std::end(kTakes), name) != std::end(kTakes);
  return *is_taken || std::find(std::begin(kGives), std::end(kGives), name) != std::end(kGives);
}

}  // namespace

Walker::Walker(const tree::Function& function, const tree::Stmt& region)
    : function_(function), region_(region) {
  tree::for_each_block(region, [this](const tree::Block& block) {
    collect_assigned(block, written_);
    collect_touched(block, touched_);
  });
  collect_assigned(function.body, given_);
  collect_addressed(function.body, addressed_);
  collect_aliases(function.body, region, aliases_);
  record_.thread = record_.space.add({SymbolKind::kThread, {}, {}, 1, {}, {}});
  if (region.kind != StmtKind::kParallelLoop) return;
  const auto& loop = as<tree::ParallelLoop>(region);
  written_.insert(loop.variable);
  for (const tree::Private& one : loop.privates) tracked_.insert(one.variable);
  for (const tree::Reduction& one : loop.reductions) tracked_.insert(one.variable);
  for (const Variable* variable : tracked_) {
    record_.variables[variable];
    written_.insert(variable);
  }
}

Record Walker::run() {
  if (region_.kind == StmtKind::kParallelBlock) {
    block(as<tree::ParallelBlock>(region_).body);
    return std::move(record_);
  }
  const auto& loop = as<tree::ParallelLoop>(region_);
  enter(loop);
  block(loop.body);
  State end = state_;
  for (const State& one : ends_) end = merged(end, one);
  for (auto& [variable, notes] : record_.variables) {
    notes.is_kept = end.is_dead || !end.maybe.contains(variable);
    for (const State& one : breaks_) {
      const bool is_kept = notes.is_kept && !one.maybe.contains(variable);
      if (!is_kept && !one.assigned.contains(variable)) notes.at_break = Carried::kMaybe;
    }
    if (end.is_dead || end.assigned.contains(variable)) continue;
    notes.at_end = end.if_turned.contains(variable) ? Carried::kIfNoTurns : Carried::kMaybe;
  }
  return std::move(record_);
}

// ---- branches ----

Walker::State Walker::merged(const State& a, const State& b) {
  if (a.is_dead) return b;
  if (b.is_dead) return a;
  State both;
  std::set_intersection(a.assigned.begin(), a.assigned.end(), b.assigned.begin(), b.assigned.end(),
                        std::inserter(both.assigned, both.assigned.end()));
  std::set_intersection(a.if_turned.begin(), a.if_turned.end(), b.if_turned.begin(),
                        b.if_turned.end(), std::inserter(both.if_turned, both.if_turned.end()));
  std::set_union(a.maybe.begin(), a.maybe.end(), b.maybe.begin(), b.maybe.end(),
                 std::inserter(both.maybe, both.maybe.end()));
  const auto keep_equal = [](const auto& one, const auto& other, auto& result) {
    for (const auto& [variable, known] : one)
      if (const auto found = other.find(variable); found != other.end() && found->second == known)
        result.emplace(variable, known);
  };
  keep_equal(a.values, b.values, both.values);
  keep_equal(a.places, b.places, both.places);
  return both;
}

// i == k: true for one turn only.
std::vector<Polynomial> Walker::conditions_of(const Expr& test, bool is_true) {
  const Expr& expr = bare(test);
  if (const auto* logical = try_as<tree::Logical>(&expr)) {
    if (logical->is_and != is_true) return {};
    std::vector<Polynomial> both = conditions_of(*logical->left, is_true);
    for (Polynomial& one : conditions_of(*logical->right, is_true)) both.push_back(std::move(one));
    return both;
  }
  const auto* binary = try_as<tree::Binary>(&expr);
  if (binary == nullptr || std::string_view(binary->op) != (is_true ? "==" : "!=") ||
      !binary->left->type->is_integral() || !binary->right->type->is_integral())
    return {};
  return {value(*binary->left) - value(*binary->right)};
}

namespace {

// Does a variable of the one type take values of the other as they are?
bool takes_all(const tree::Type& type, const tree::Type& of) {
  const tree::Type& to = type.without_const();
  const tree::Type& from = of.without_const();
  if (to.cpp == from.cpp) return true;
  return to.kind == from.kind && to.rank >= from.rank && to.is_signed == from.is_signed &&
         !to.is_extern && !from.is_extern && (to.is_float() || to.kind == tree::TypeKind::kInt);
}

}  // namespace

bool Walker::extreme(const tree::If& stmt) {
  std::optional<Extreme> found = extreme_of(stmt);
  if (!found || !tracked_.contains(found->variable)) return false;
  bool is_taken = false;
  std::set<const Variable*> all = {found->variable};
  for (const tree::StmtPtr& one : stmt.body) {
    const auto& assign = as<tree::Assign>(*one);
    if (&assign == found->taken) {
      is_taken = true;
      continue;
    }
    // Before it is taken, the value is that of another iteration.
    if (!is_taken && mentions(*assign.value, *found->variable)) return false;
    const Variable* companion = variable_of(*assign.target);
    if (companion->kind == tree::VariableKind::kTemporary) continue;
    const bool is_plain = companion->type->is_numeric() || companion->type->is_pointer();
    if (!is_plain || !tracked_.contains(companion) || !all.insert(companion).second ||
        !takes_all(*found->variable->type, *bare(*found->value).type))
      return false;
  }
  visit(*found->value);
  Use use{Use::Kind::kUpdate, found->taken->range, carried(*found->variable), found->update};
  if (!found->companions.empty()) {
    record_.extremes.push_back(*found);
    use.extreme = &record_.extremes.back();
  }
  note_use(*found->variable, use);
  state_.values.erase(found->variable);
  state_.maybe.insert(found->variable);
  if (use.extreme != nullptr) companions(stmt, *use.extreme);
  return true;
}

void Walker::companions(const tree::If& stmt, const Extreme& extreme) {
  for (const tree::StmtPtr& one : stmt.body) {
    const auto& assign = as<tree::Assign>(*one);
    if (&assign == extreme.taken) continue;
    const Variable& companion = *variable_of(*assign.target);
    std::vector<Use>& uses = record_.variables[extreme.variable].uses;
    const std::size_t n_uses = uses.size();
    visit(*assign.value);
    uses.resize(n_uses);  // what is read there has just been taken
    if (companion.kind == tree::VariableKind::kTemporary) {
      set_assigned(companion);
      continue;
    }
    Use use{Use::Kind::kWrite, assign.range};
    use.extreme = &extreme;
    note_use(companion, use);
    state_.values.erase(&companion);
    state_.places.erase(&companion);
    state_.maybe.insert(&companion);
  }
}

void Walker::if_statement(const tree::If& stmt) {
  if (extreme(stmt)) return;
  visit(*stmt.test);
  const State before = state_;
  const std::size_t n_conditions = conditions_.size();
  for (Polynomial& one : conditions_of(*stmt.test, true)) conditions_.push_back(std::move(one));
  block(stmt.body);
  conditions_.resize(n_conditions);
  State after = before;
  std::swap(after, state_);
  for (Polynomial& one : conditions_of(*stmt.test, false)) conditions_.push_back(std::move(one));
  block(stmt.orelse);
  conditions_.resize(n_conditions);
  state_ = merged(after, state_);
}

void Walker::try_statement(const tree::Try& stmt) {
  State before = state_;
  block(stmt.body);
  block(stmt.orelse);
  State after = state_;
  for (const tree::Handler& handler : stmt.handlers) {
    state_ = before;
    forget(stmt.body);
    block(handler.body);
    after = merged(after, state_);
  }
  state_ = std::move(after);
}

// ---- statements ----

void Walker::block(const tree::Block& statements) {
  for (const tree::StmtPtr& stmt : statements) statement(*stmt);
}

void Walker::statement(const tree::Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kExpr:
      visit(*as<tree::ExprStmt>(stmt).value);
      return note_lock(stmt);
    case StmtKind::kAssign:
      return assign(as<tree::Assign>(stmt));
    case StmtKind::kIf:
      return if_statement(as<tree::If>(stmt));
    case StmtKind::kWhile:
      return while_loop(as<tree::While>(stmt));
    case StmtKind::kCountLoop:
      return count_loop(as<tree::CountLoop>(stmt));
    case StmtKind::kIterate:
      return iterate(as<tree::Iterate>(stmt));
    case StmtKind::kParallelLoop:
      return inner_loop(as<tree::ParallelLoop>(stmt));
    case StmtKind::kBreak:
      (loops_.empty() ? breaks_ : loops_.back().breaks).push_back(state_);
      state_.is_dead = true;
      return;
    case StmtKind::kContinue:
      (loops_.empty() ? ends_ : loops_.back().continues).push_back(state_);
      state_.is_dead = true;
      return;
    case StmtKind::kReturn:
      if (as<tree::Return>(stmt).value) visit(*as<tree::Return>(stmt).value);
      state_.is_dead = true;
      return;
    case StmtKind::kTry:
      return try_statement(as<tree::Try>(stmt));
    case StmtKind::kFinally: {
      block(as<tree::Finally>(stmt).body);
      return block(as<tree::Finally>(stmt).cleanup);
    }
    case StmtKind::kWith:
      visit(*as<tree::With>(stmt).manager);
      return block(as<tree::With>(stmt).body);
    case StmtKind::kGilBlock: {
      const int n_gils = as<tree::GilBlock>(stmt).releases ? 0 : 1;
      n_protections_ += n_gils;
      block(as<tree::GilBlock>(stmt).body);
      n_protections_ -= n_gils;
      return;
    }
    case StmtKind::kParallelBlock:
      return block(as<tree::ParallelBlock>(stmt).body);
    case StmtKind::kUnbind:
    case StmtKind::kMakeScope:
      return;
  }
}

void Walker::note_lock(const tree::Stmt& stmt) {
  const auto* call = try_as<tree::Call>(&bare(*as<tree::ExprStmt>(stmt).value));
  const auto* name = call != nullptr ? try_as<tree::FunctionName>(call->callee.get()) : nullptr;
  bool is_taken;
  if (name == nullptr || !takes_lock(name->cpp, &is_taken)) return;
  n_protections_ = std::max(0, n_protections_ + (is_taken ? 1 : -1));
}

void Walker::assign(const tree::Assign& stmt) {
  if (const Variable* variable = variable_of(*stmt.target)) {
    if (variable_of(*stmt.value) == variable) return;  // x = x
    const std::optional<Update> update =
        tracked_.contains(variable) ? update_of(*variable, *stmt.value) : std::nullopt;
    if (!update) return assign_variable(*variable, *stmt.value, stmt.range);
    const VariableRecord before = record_.variables[variable];
    visit(*stmt.value);
    record_.variables[variable] = before;  // reads inside belong to the update
    note_use(*variable, {Use::Kind::kUpdate, stmt.range, carried(*variable), *update});
    state_.maybe.insert(variable);
    const Polynomial result = value(*stmt.value);
    state_.values[variable] = result;
    return;
  }
  const std::size_t n_accesses = record_.accesses.size();
  visit(*stmt.value);
  const std::size_t n_of_value = record_.accesses.size();
  if (const auto* item = try_as<tree::BufferItem>(stmt.target.get())) {
    visit_children(*item);
  } else {
    visit_children(*stmt.target);
  }
  Place target = place_of(*stmt.target);
  const auto value_end = record_.accesses.begin() + static_cast<std::ptrdiff_t>(n_of_value);
  const bool is_update =
      std::any_of(record_.accesses.begin() + static_cast<std::ptrdiff_t>(n_accesses), value_end,
                  [&](const Access& one) { return !one.is_write && one.place == target; });
  access(std::move(target), stmt.target->range, true, is_update);
}

void Walker::assign_variable(const Variable& variable, const Expr& assigned,
                             syntax::SourceRange range) {
  visit(assigned);
  if (variable.type->is_pointer()) {
    Place place = pointee(assigned);
    state_.places[&variable] = std::move(place);
  } else if (variable.type->is_view()) {
    Place place = view_place(assigned);
    state_.places[&variable] = std::move(place);
  } else if (variable.type->is_integral()) {
    Polynomial known = value(assigned);
    state_.values[&variable] = std::move(known);
  }
  Use use{Use::Kind::kWrite, range};
  use.op = in_place_operator(variable, assigned);
  if (const std::optional<std::int64_t> constant = integer_of(assigned))
    use.constant = static_cast<int>(*constant);
  note_use(variable, use);
  set_assigned(variable);
}

void Walker::set_assigned(const Variable& variable) {
  state_.assigned.insert(&variable);
  state_.if_turned.insert(&variable);
  state_.maybe.insert(&variable);
}

Record record(const tree::Function& function, const tree::Stmt& region) {
  return Walker(function, region).run();
}

}  // namespace engineroom::races
