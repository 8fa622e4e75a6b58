#include "races/walker.h"

#include <algorithm>

#include "tree/children.h"

namespace engineroom::races {

using tree::as;
using tree::Expr;
using tree::StmtKind;
using tree::try_as;
using tree::Variable;

namespace {

// Variables whose memory a block may write.
void collect_touched(const tree::Block& block, std::set<const Variable*>& touched) {
  const auto add = [&](const Expr& expr) {
    if (const Variable* root = root_of(expr)) touched.insert(root);
  };
  const auto visit = [&](const auto& self, const Expr& expr) -> void {
    if (const auto* address = try_as<tree::AddressOf>(&expr)) add(*address->value);
    const auto* call = try_as<tree::Call>(&expr);
    const auto* helper = try_as<tree::Helper>(&expr);
    if (call != nullptr || helper != nullptr)
      for (const tree::ExprPtr& arg : call != nullptr ? call->args : helper->args)
        if (arg->type->is_pointer_like() || arg->type->is_view()) add(*arg);
    tree::for_each_child(expr, [&](const Expr& child) { self(self, child); });
  };
  for (const tree::StmtPtr& stmt : block) {
    if (stmt->kind == StmtKind::kAssign) {
      const auto& assign = as<tree::Assign>(*stmt);
      const bool is_name = variable_of(*assign.target) != nullptr;
      // Through another name of the memory it may be written as well.
      const bool is_alias = assign.target->type->is_pointer() || assign.target->type->is_view();
      if (!is_name) add(*assign.target);
      if (is_name && is_alias) add(*assign.value);
    }
    tree::for_each_expr(*stmt, [&](const Expr& expr) { visit(visit, expr); });
    tree::for_each_block(*stmt, [&](const tree::Block& inner) { collect_touched(inner, touched); });
  }
}

// Numbers whose address is taken.
void collect_addressed(const tree::Block& block, std::set<const Variable*>& addressed) {
  const auto visit = [&](const auto& self, const Expr& expr) -> void {
    const auto* address = try_as<tree::AddressOf>(&expr);
    const Variable* variable = address != nullptr ? variable_of(*address->value) : nullptr;
    if (variable != nullptr && variable->type->is_numeric()) addressed.insert(variable);
    if (const auto* inner = try_as<tree::BlockExpr>(&expr))
      collect_addressed(inner->body, addressed);
    tree::for_each_child(expr, [&](const Expr& child) { self(self, child); });
  };
  for (const tree::StmtPtr& stmt : block) {
    tree::for_each_expr(*stmt, [&](const Expr& expr) { visit(visit, expr); });
    tree::for_each_block(*stmt,
                         [&](const tree::Block& inner) { collect_addressed(inner, addressed); });
  }
}

// The only values that pointers, views and temporaries get in a function; null for those that get
// several.
void collect_aliases(const tree::Block& block, const tree::Stmt& region,
                     std::map<const Variable*, const Expr*>& aliases) {
  for (const tree::StmtPtr& stmt : block) {
    if (stmt.get() == &region) continue;
    if (stmt->kind == StmtKind::kAssign) {
      const auto& assign = as<tree::Assign>(*stmt);
      const Variable* target = variable_of(*assign.target);
      const bool is_kept =
          target != nullptr && (target->type->is_pointer() || target->type->is_view() ||
                                target->kind == tree::VariableKind::kTemporary);
      if (is_kept) {
        const auto [known, is_new] = aliases.try_emplace(target, assign.value.get());
        if (!is_new) known->second = nullptr;
      }
    }
    tree::for_each_block(
        *stmt, [&](const tree::Block& inner) { collect_aliases(inner, region, aliases); });
  }
}

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

// ---- loops ----

void Walker::enter(const tree::ParallelLoop& loop) {
  current_ = &loop;
  n_collapsed_ = loop.collapse - 1;
  Symbol turn = -1;
  const Polynomial value = loop_value(limits_of(loop), true, &turn);
  record_.turns[&loop].insert(turn);
  state_.values[loop.variable] = value;
  set_assigned(*loop.variable);
}

Walker::Limits Walker::limits_of(const tree::ParallelLoop& loop) {
  return {loop.start.get(), loop.stop.get(), loop.step.get(), loop.step_sign, false};
}

// start + turn, or start - turn: a turn counts from 0 in multiples of the step.
Polynomial Walker::loop_value(const Limits& limits, bool is_parallel, Symbol* turn) {
  // What a parallel loop's limits are made of is the same in all iterations, known or not.
  const auto limit = [&](const Expr& expr) {
    const Polynomial known = value(expr);
    return is_parallel && !record_.space.is_same(known)
               ? Polynomial::of(record_.space.add({SymbolKind::kSame, {}, {}, 1, {}, {}}))
               : known;
  };
  const Polynomial start = limit(*limits.start);
  const Polynomial stop = limit(*limits.stop);
  const std::optional<std::int64_t> step = limits.step != nullptr ? integer_of(*limits.step) : 1;
  SymbolInfo info{SymbolKind::kTurn, Polynomial(), {}, 1, {}, {}};
  if (!step || *step == 0) {
    *turn = record_.space.add(std::move(info));
    return start + Polynomial::of(*turn) * limit(*limits.step);
  }
  const bool is_rising = *step > 0;
  info.step = is_rising ? *step : -*step;
  const Polynomial last = (is_rising ? stop - start : start - stop) -
                          Polynomial::constant(limits.includes_stop ? 0 : 1);
  info.high = last;
  if (!is_parallel) info.segment = segment_of(start, stop);
  const bool is_segment = info.segment.has_value();
  if (is_segment) info = {SymbolKind::kOther, {}, {}, 1, {}, info.segment};
  *turn = record_.space.add(std::move(info));
  const Polynomial at = Polynomial::of(*turn);
  if (is_segment) return at;
  // It runs, so n - 1 is 0 at least.
  if (last.terms().size() <= 2)
    for (const auto& [product, factor] : last.terms())
      if (product.size() == 1 && factor == 1 &&
          record_.space[product[0]].kind == SymbolKind::kSame &&
          (last - Polynomial::of(product[0])).as_constant())
        record_.space.assume_at_least(product[0], -last.constant_term());
  return is_rising ? start + at : start - at;
}

// `for k in range(starts[i], starts[i + 1])`: the number i of the segment.
std::optional<Polynomial> Walker::segment_of(const Polynomial& start,
                                             const Polynomial& stop) const {
  const auto origin = [this](const Polynomial& limit) -> const Place* {
    const std::set<Symbol> all = limit.symbols();
    if (all.size() != 1 || !(limit - Polynomial::of(*all.begin())).is_zero()) return nullptr;
    const auto found = origins_.find(*all.begin());
    return found != origins_.end() ? &found->second : nullptr;
  };
  const Place* from = origin(start);
  const Place* to = origin(stop);
  if (from == nullptr || to == nullptr || from->root == nullptr || from->root != to->root ||
      from->steps.size() != 1 || to->steps.size() != 1)
    return std::nullopt;
  const Polynomial distance = to->steps[0].index - from->steps[0].index;
  if (distance.as_constant() != 1) return std::nullopt;
  return from->steps[0].index;
}

bool Walker::surely_turns(const Limits& limits) {
  const std::optional<std::int64_t> step = limits.step != nullptr ? integer_of(*limits.step) : 1;
  if (!step) return false;
  const Polynomial distance = value(*limits.stop) - value(*limits.start);
  const std::optional<std::int64_t> n = distance.as_constant();
  return n && (*step > 0 ? *n : -*n) >= (limits.includes_stop ? 0 : 1);
}

namespace {

struct Assignments {
  std::map<const Variable*, int> n;
  bool has_continue = false;

  explicit Assignments(const tree::Block& block) { add(block); }

 private:
  void add(const tree::Block& block) {
    for (const tree::StmtPtr& stmt : block) {
      tree::for_each_block(*stmt, [&](const tree::Block& inner) { add(inner); });
      has_continue |= stmt->kind == StmtKind::kContinue;
      if (stmt->kind == StmtKind::kCountLoop) ++n[as<tree::CountLoop>(*stmt).variable];
      if (stmt->kind == StmtKind::kIterate) ++n[as<tree::Iterate>(*stmt).item];
      if (stmt->kind == StmtKind::kAssign)
        if (const Variable* variable = variable_of(*as<tree::Assign>(*stmt).target)) ++n[variable];
      tree::for_each_expr(*stmt, [this](const Expr& expr) { add(expr); });
    }
  }
  void add(const Expr& expr) {
    if (const auto* assignment = try_as<tree::AssignmentExpr>(&expr)) ++n[assignment->target];
    if (const auto* inner = try_as<tree::BlockExpr>(&expr)) add(inner->body);
    tree::for_each_child(expr, [this](const Expr& child) { add(child); });
  }
};

// By how much each turn of the body changes the variable, in one of its statements; null if it is
// not that simple.
std::optional<std::int64_t> step_of(const Variable& variable, const tree::Block& body) {
  const Assignments all(body);
  const auto n = all.n.find(&variable);
  if (all.has_continue || n == all.n.end() || n->second != 1) return std::nullopt;
  for (const tree::StmtPtr& stmt : body) {
    const auto* assign = stmt->kind == StmtKind::kAssign ? &as<tree::Assign>(*stmt) : nullptr;
    if (assign == nullptr || variable_of(*assign->target) != &variable) continue;
    const auto* sum = try_as<tree::Binary>(&bare(*assign->value));
    if (sum == nullptr || variable_of(bare(*sum->left)) != &variable) return std::nullopt;
    const std::string_view op = sum->op;
    const std::optional<std::int64_t> by = integer_of(*sum->right);
    if (!by || (op != "+" && op != "-")) return std::nullopt;
    return op == "+" ? *by : -*by;
  }
  return std::nullopt;
}

}  // namespace

std::map<const Variable*, Polynomial> Walker::inductions(const tree::CountLoop& loop, Symbol turn) {
  std::map<const Variable*, Polynomial> found;
  if (record_.space[turn].kind != SymbolKind::kTurn || record_.space[turn].step != 1) return found;
  Assignments all(loop.body);
  if (all.has_continue) return found;
  const State before = state_;
  forget(loop.body);
  const State inside = state_;
  for (const tree::StmtPtr& stmt : loop.body) {
    if (stmt->kind != StmtKind::kAssign) continue;
    const auto& assign = as<tree::Assign>(*stmt);
    const Variable* variable = variable_of(*assign.target);
    if (variable == nullptr || all.n[variable] != 1 || !variable->type->is_integral()) continue;
    const auto start = before.values.find(variable);
    if (start == before.values.end()) continue;
    // What else the loop assigns to is not known in it.
    state_ = inside;
    state_.values[variable] = start->second;
    const Polynomial by = value(*assign.value) - start->second;
    if (!record_.space.is_same(by)) continue;
    found[variable] = start->second + by * Polynomial::of(turn);
  }
  state_ = before;
  return found;
}

void Walker::count_loop(const tree::CountLoop& loop) {
  const Limits limits{loop.start.get(), loop.stop.get(), loop.step.get(), loop.step_sign,
                      loop.includes_stop};
  tree::for_each_expr(loop, [this](const Expr& expr) { visit(expr); });
  const bool has_turns = surely_turns(limits);
  const bool is_collapsed = n_collapsed_ > 0;
  Symbol turn = -1;
  const Polynomial at = loop_value(limits, is_collapsed, &turn);
  if (is_collapsed) {
    --n_collapsed_;
    record_.turns[current_].insert(turn);
  }
  const State before = state_;
  const std::map<const Variable*, Polynomial> counted = inductions(loop, turn);
  forget(loop.body);
  for (const auto& [variable, known] : counted) state_.values[variable] = known;
  note_use(*loop.variable, {Use::Kind::kWrite, loop.range});
  state_.values[loop.variable] = loop.counts_in_variable ? other() : at;
  set_assigned(*loop.variable);
  const State inside = state_;
  state_ = before;
  forget(loop.body);
  State empty = state_;
  state_ = inside;
  // Behind the loop nothing is known of the variable.
  turns(loop.body, {}, false);
  state_.values.erase(loop.variable);
  if (!has_turns) {
    empty.values.erase(loop.variable);
    State after = merged(state_, empty);
    after.if_turned = state_.if_turned;
    state_ = std::move(after);
  }
  block(loop.orelse);
}

// The threads of a block share its turns.
void Walker::inner_loop(const tree::ParallelLoop& loop) {
  tree::for_each_expr(loop, [this](const Expr& expr) { visit(expr); });
  const State before = state_;
  enter(loop);
  turns(loop.body, {}, false);
  current_ = nullptr;
  ++phase_;  // threads wait for each other
  state_ = merged(before, state_);
  block(loop.orelse);
}

// Its bound is the same in all turns; what else the loop assigns to is not known in it.
std::optional<Walker::Counted> Walker::counted(const tree::While& loop) {
  const Expr* whole = &bare(*loop.test);
  while (const auto* logical = try_as<tree::Logical>(whole)) {
    if (!logical->is_and) return std::nullopt;
    whole = &bare(*logical->left);
  }
  const auto* test = try_as<tree::Binary>(whole);
  if (test == nullptr || !test->left->type->is_integral() || !test->right->type->is_integral())
    return std::nullopt;
  const std::string_view op = test->op;
  const Variable* variable = variable_of(bare(*test->left));
  const auto start = variable != nullptr ? state_.values.find(variable) : state_.values.end();
  if ((op[0] != '<' && op[0] != '>') || start == state_.values.end()) return std::nullopt;
  const std::optional<std::int64_t> by = step_of(*variable, loop.body);
  if (!by || *by == 0 || (*by > 0) != (op[0] == '<')) return std::nullopt;
  const State before = state_;
  const Polynomial first = start->second;
  forget(loop.body);
  const Polynomial limit = value(*test->right);
  state_ = before;
  const Polynomial distance = *by > 0 ? limit - first : first - limit;
  SymbolInfo info{SymbolKind::kTurn, Polynomial(), {}, *by > 0 ? *by : -*by, {}, {}};
  const std::set<Symbol> of_limit = limit.symbols();
  const bool is_limit_kept =
      limit.is_valid() && std::all_of(of_limit.begin(), of_limit.end(), [this](Symbol s) {
        const SymbolKind kind = record_.space[s].kind;
        return kind == SymbolKind::kSame || kind == SymbolKind::kTurn;
      });
  if (is_limit_kept) info.high = distance - Polynomial::constant(op.size() == 2 ? 0 : 1);
  const Polynomial turn = Polynomial::of(record_.space.add(std::move(info)));
  return Counted{variable, *by > 0 ? first + turn : first - turn};
}

void Walker::while_loop(const tree::While& loop) {
  const std::optional<Counted> found = counted(loop);
  forget(loop.body);
  if (found) state_.values[found->variable] = found->value;
  visit(*loop.test);
  const bool is_endless = integer_of(*loop.test) == 1;
  State before = state_;
  if (found) before.values.erase(found->variable);
  turns(loop.body, loop.orelse, is_endless);
  if (is_endless) return;
  State after = merged(state_, before);
  after.if_turned = state_.if_turned;
  state_ = std::move(after);
}

void Walker::iterate(const tree::Iterate& loop) {
  visit(*loop.iterable);
  forget(loop.body);
  const State before = state_;
  note_use(*loop.item, {Use::Kind::kWrite, loop.range});
  set_assigned(*loop.item);
  turns(loop.body, loop.orelse, false);
  state_ = merged(state_, before);
}

void Walker::turns(const tree::Block& body, const tree::Block& orelse, bool is_endless) {
  loops_.emplace_back();
  const int phase = phase_;
  block(body);
  if (phase_ != phase) record_.same_phases.emplace_back(phase, phase_);
  for (const State& one : loops_.back().continues) state_ = merged(state_, one);
  if (is_endless) state_.is_dead = true;
  block(orelse);
  for (const State& one : loops_.back().breaks) state_ = merged(state_, one);
  loops_.pop_back();
  forget(body);
}

// What a loop assigns to may be anything in any of its turns.
void Walker::forget(const tree::Block& body) {
  std::set<const Variable*> assigned;
  collect_assigned(body, assigned);
  for (const Variable* variable : assigned) {
    state_.values.erase(variable);
    state_.places.erase(variable);
    state_.maybe.insert(variable);
  }
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
