// Loops: what their variables are worth in terms of the turn, and what is known in all turns.
#include <algorithm>

#include "races/effects.h"
#include "races/walker.h"
#include "tree/children.h"

namespace engineroom::races {

using tree::as;
using tree::Expr;
using tree::StmtKind;
using tree::try_as;
using tree::Variable;

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

}  // namespace engineroom::races
