#include <algorithm>

#include "sema/analyzer.h"
#include "sema/assigned.h"
#include "sema/names.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

void Analyzer::while_loop(const syntax::While& stmt, Block& out) {
  auto node = make_stmt<tree::While>(stmt.range);
  node->test = condition(*stmt.test);
  ++context_->loops;
  node->body = block(stmt.body);
  --context_->loops;
  node->orelse = block(stmt.orelse);
  out.push_back(std::move(node));
}

// Of the function, or of a comprehension in it; null if there is none of this name.
Variable* Analyzer::local_variable(std::string_view name) const {
  for (auto scope = inner_scopes_.rbegin(); scope != inner_scopes_.rend(); ++scope) {
    const auto found = scope->find(name);
    if (found != scope->end()) return found->second;
  }
  const auto local = context_->locals.find(name);
  return local != context_->locals.end() ? local->second : nullptr;
}

// The local that the expression names, if any object may be assigned to it; null if it is none.
Variable* Analyzer::object_variable(const syntax::Expr& e) const {
  if (e.kind != ExprKind::kName) return nullptr;
  Variable* local = local_variable(as<syntax::Name>(e).id);
  const bool is_plain = local != nullptr && local->type == object_ && !local->is_captured() &&
                        !const_variables_.contains(local);
  return is_plain ? local : nullptr;
}

Variable* Analyzer::c_variable(const syntax::Expr* e) {
  if (e == nullptr || e->kind != ExprKind::kName) return nullptr;
  const std::string_view id = as<syntax::Name>(*e).id;
  if (Variable* local = local_variable(id)) return local->type->is_object() ? nullptr : local;
  const Symbol* symbol = find_symbol(id);
  if (symbol == nullptr || symbol->kind != SymbolKind::kVariable ||
      symbol->variable->type->is_object())
    return nullptr;
  return symbol->variable;
}

Analyzer::LoopPlan Analyzer::plan_loop(const syntax::Expr* target, const syntax::Expr& iter,
                                       Block& out) {
  if (std::optional<LoopPlan> memory = memory_loop(iter, out)) return std::move(*memory);
  if (std::optional<LoopPlan> view = view_loop(iter, out)) return std::move(*view);
  LoopPlan plan;
  const auto* call = syntax::try_as<syntax::Call>(&iter);
  const auto* callee = call != nullptr ? syntax::try_as<syntax::Name>(call->func) : nullptr;
  const bool is_range = callee != nullptr && (callee->id == "range" || callee->id == "xrange") &&
                        is_builtin(callee->id) && call->keywords.empty() && !call->args.empty() &&
                        call->args.size() <= 3;
  if (!is_range) {
    plan.iterable = object(iter);
    return plan;
  }
  std::vector<ExprPtr> args;
  bool is_c = true;
  for (const syntax::Expr* arg : call->args) {
    if (arg->kind == ExprKind::kStarred) is_c = false;
    args.push_back(is_c ? expr(*arg) : nullptr);
    is_c = is_c && args.back()->type->is_integral();
  }
  const Variable* variable = c_variable(target);
  const bool is_c_target = variable != nullptr && variable->type->is_numeric();
  const bool is_plain = args.back() != nullptr;
  if (is_plain && (is_c || is_c_target)) {
    if (!is_c)
      for (ExprPtr& arg : args) arg = coerce(std::move(arg), variable->type);
    if (args.size() == 3) plan.step = std::move(args[2]);
    plan.start =
        args.size() == 1 ? c_literal(types_.long_type(), "0L", iter.range) : std::move(args[0]);
    plan.stop = std::move(args[args.size() == 1 ? 0 : 1]);
    return plan;
  }
  plan.iterable = object(iter);
  return plan;
}

namespace {

// Are all targets plain names? Then it does not matter in which order they are assigned.
bool is_all_names(const syntax::Expr& target) {
  if (target.kind == ExprKind::kName) return true;
  const auto* tuple = syntax::try_as<syntax::Tuple>(&target);
  return tuple != nullptr && std::all_of(tuple->elts.begin(), tuple->elts.end(),
                                         [](const syntax::Expr* e) { return is_all_names(*e); });
}

}  // namespace

const syntax::Name* enumerate_counter(const syntax::For& loop) {
  const auto* call = syntax::try_as<syntax::Call>(loop.iter);
  const auto* callee = call != nullptr ? syntax::try_as<syntax::Name>(call->func) : nullptr;
  const auto* pair = syntax::try_as<syntax::Tuple>(loop.target);
  if (callee == nullptr || callee->id != "enumerate" || call->args.size() != 1 ||
      !call->keywords.empty() || call->args[0]->kind == ExprKind::kStarred || pair == nullptr ||
      pair->elts.size() != 2 || pair->elts[0]->kind != ExprKind::kName ||
      !is_all_names(*pair->elts[1]))
    return nullptr;
  const auto& counter = as<syntax::Name>(*pair->elts[0]);
  bool is_same = false;
  for_each_target_name(*pair->elts[1],
                       [&](std::string_view name) { is_same = is_same || name == counter.id; });
  return is_same ? nullptr : &counter;
}

// for i, x in enumerate(xs): counts in C, and makes no tuples.
bool Analyzer::enumerate_loop(const syntax::For& stmt, Block& out) {
  if (enumerate_counter(stmt) == nullptr || !is_builtin("enumerate")) return false;
  const auto* call = syntax::try_as<syntax::Call>(stmt.iter);
  const auto* pair = syntax::try_as<syntax::Tuple>(stmt.target);
  const syntax::SourceRange range = pair->elts[0]->range;
  const Type* size = types_.py_ssize_t();
  Variable* counter = keep(c_literal(size, "0", range), out);
  counter->is_assigned = true;
  LoopPlan plan = plan_loop(pair->elts[1], *call->args[0], out);
  const auto body = [&] {
    Block inner;
    assign(*pair->elts[0], variable(counter, range), inner);
    assign_variable(
        inner, counter,
        binary_node(size, "+", variable(counter, range), c_literal(size, "1", range), range),
        range);
    for (StmtPtr& next : block(stmt.body)) inner.push_back(std::move(next));
    return inner;
  };
  loop(std::move(plan), *pair->elts[1], body, &stmt.orelse, out, stmt.range);
  return true;
}

void Analyzer::for_loop(const syntax::For& stmt, Block& out) {
  if (stmt.is_async) return not_supported(stmt.range, "async for");
  if (const auto* call = parallel_call(*stmt.iter, "parallel.prange"))
    return prange_loop(stmt, *call, out);
  if (enumerate_loop(stmt, out)) return;
  LoopPlan plan = plan_loop(stmt.target, *stmt.iter, out);
  loop(
      std::move(plan), *stmt.target, [&] { return block(stmt.body); }, &stmt.orelse, out,
      stmt.range);
}

void Analyzer::loop(LoopPlan plan, const syntax::Expr& target, const std::function<Block()>& body,
                    const syntax::Block* orelse, Block& out, syntax::SourceRange range) {
  if (plan.stop == nullptr) index_characters(plan, target, out);
  if (plan.stop != nullptr) return count(std::move(plan), target, body, orelse, out, range);
  auto node = make_stmt<tree::Iterate>(range);
  node->iterable = std::move(plan.iterable);
  node->item = object_variable(target);
  if (node->item == nullptr) {
    node->item = temporary(object_);
    assign(target, variable(node->item, target.range), node->body);
  }
  node->item->is_assigned = true;
  ++context_->loops;
  Block inner = body();
  --context_->loops;
  for (StmtPtr& stmt : inner) node->body.push_back(std::move(stmt));
  if (orelse != nullptr) node->orelse = block(*orelse);
  out.push_back(std::move(node));
}

// The characters of a str into a Py_UCS4, and those of bytes into an integer, need no objects.
void Analyzer::index_characters(LoopPlan& plan, const syntax::Expr& target, Block& out) {
  const Variable* known = c_variable(&target);
  if (known == nullptr || !known->type->is_integral()) return;
  const bool is_character = known->type == types_.ucs4();
  const ObjectClass wanted = is_character ? ObjectClass::kStr : ObjectClass::kBytes;
  if (plan.iterable->type->object_class != wanted || known->type->kind != TypeKind::kInt) return;
  Variable* text = keep(std::move(plan.iterable), out);
  const Type* size = types_.py_ssize_t();
  plan.start = c_literal(size, "0", target.range);
  plan.stop = helper(is_character ? "er::n_characters" : "er::n_bytes", size, Fail::kMinusOne,
                     target.range, variable(text, target.range));
  // Known before the loop: how wide characters are, and where they begin.
  const syntax::SourceRange range = target.range;
  ExprPtr length = coerce(std::move(plan.stop), size);
  plan.stop = variable(keep(std::move(length), out), range);
  if (!is_character) {
    plan.item = [=, this](ExprPtr index) {
      return helper("er::byte_at", types_.find_int("unsigned char"), Fail::kNever, range,
                    variable(text, range), std::move(index));
    };
    return;
  }
  const Type* address = types_.pointer_to(types_.void_type());
  Variable* kind = keep(
      helper("er::kind_of", types_.int_type(), Fail::kNever, range, variable(text, range)), out);
  Variable* data =
      keep(helper("er::data_of", address, Fail::kNever, range, variable(text, range)), out);
  // The text is named, so that it lives as long.
  plan.item = [=, this](ExprPtr index) {
    return helper("er::character_at", types_.ucs4(), Fail::kNever, range, variable(text, range),
                  variable(kind, range), variable(data, range), std::move(index));
  };
}

void Analyzer::count(LoopPlan plan, const syntax::Expr& target, const std::function<Block()>& body,
                     const syntax::Block* orelse, Block& out, syntax::SourceRange range) {
  auto node = make_stmt<tree::CountLoop>(range);
  const Type* type = types_.common(plan.start->type, plan.stop->type);
  if (constant_int(*plan.start)) type = types_.common(plan.stop->type, types_.int_type());
  if (constant_int(*plan.stop) && !constant_int(*plan.start))
    type = types_.common(plan.start->type, types_.int_type());
  if (plan.step != nullptr) {
    const std::optional<std::int64_t> step = constant_int(*plan.step);
    if (!step) type = types_.common(type, plan.step->type);
    node->step_sign = !step ? 0 : *step > 0 ? 1 : *step < 0 ? -1 : 0;
    if (node->step_sign < 0 && !type->is_signed) type = types_.find_int("long long");
    node->step = coerce(std::move(plan.step), type);
  }
  node->counter = type;
  node->start = coerce(std::move(plan.start), type);
  node->stop = coerce(std::move(plan.stop), type);
  Variable* known = plan.item == nullptr ? c_variable(&target) : nullptr;
  node->variable =
      known != nullptr && known->type->is_numeric() && !known->type->is_complex() ? known : nullptr;
  if (node->variable == nullptr) {
    node->variable = temporary(type);
    ExprPtr counted = variable(node->variable, target.range);
    assign(target, plan.item != nullptr ? plan.item(std::move(counted)) : std::move(counted),
           node->body);
  }
  node->variable->is_assigned = true;
  ++context_->loops;
  Block inner = body();
  --context_->loops;
  for (StmtPtr& stmt : inner) node->body.push_back(std::move(stmt));
  if (orelse != nullptr) node->orelse = block(*orelse);
  out.push_back(std::move(node));
}

namespace {

// Whether a block gives the name another value.
bool assigns_to(const syntax::Block& block, const syntax::Expr& name) {
  if (name.kind != ExprKind::kName) return false;
  bool found = false;
  const auto see = [&](const syntax::Expr& target) {
    for_each_target_name(target,
                         [&](std::string_view one) { found |= one == as<syntax::Name>(name).id; });
  };
  for (const syntax::Stmt* stmt : block) {
    if (stmt->kind == syntax::StmtKind::kAssign)
      for (const syntax::Expr* target : as<syntax::Assign>(*stmt).targets) see(*target);
    if (stmt->kind == syntax::StmtKind::kAugAssign) see(*as<syntax::AugAssign>(*stmt).target);
    if (stmt->kind == syntax::StmtKind::kFor) see(*as<syntax::For>(*stmt).target);
    syntax::for_each_block(*stmt,
                           [&](const syntax::Block& inner) { found |= assigns_to(inner, name); });
  }
  return found;
}

}  // namespace

// for i from a <= i < b: the variable itself counts, in its own type.
void Analyzer::for_from(const syntax::ForFrom& stmt, Block& out) {
  if (c_variable(stmt.target) == nullptr && assigns_to(stmt.body, *stmt.target))
    return not_supported(stmt.range,
                         "assigning to the Python object that counts a 'for … from' loop");
  count_from(
      evaluated(stmt.bounds), *stmt.target, [&] { return block(stmt.body); }, &stmt.orelse, out,
      stmt.range);
}

Analyzer::FromBounds Analyzer::evaluated(const syntax::ForBounds& bounds) {
  FromBounds made{&bounds, expr(*bounds.lower), expr(*bounds.upper), nullptr};
  if (bounds.step != nullptr) made.step = expr(*bounds.step);
  return made;
}

void Analyzer::count_from(FromBounds bounds, const syntax::Expr& target,
                          const std::function<Block()>& body, const syntax::Block* orelse,
                          Block& out, syntax::SourceRange range) {
  using syntax::CompareOperator;
  auto node = make_stmt<tree::CountLoop>(range);
  Variable* known = c_variable(&target);
  const Type* type = known != nullptr ? known->type : types_.long_type();
  // A fraction among C's numbers makes the counter of a Python object one.
  for (const ExprPtr* bound : {&bounds.lower, &bounds.upper, &bounds.step})
    if (known == nullptr && *bound != nullptr && (*bound)->type->is_float())
      type = types_.common(type, (*bound)->type);
  node->counter = type;
  node->variable = known;
  node->counts_in_variable = true;
  const CompareOperator first = bounds.written->relation1;
  const CompareOperator second = bounds.written->relation2;
  const bool is_up = first == CompareOperator::kLt || first == CompareOperator::kLtE;
  node->step_sign = is_up ? 1 : -1;
  node->start = coerce(std::move(bounds.lower), type);
  if (first == CompareOperator::kLt || first == CompareOperator::kGt)
    node->start = binary_node(type, is_up ? "+" : "-", std::move(node->start),
                              c_literal(type, "1", range), range);
  node->stop = coerce(std::move(bounds.upper), type);
  node->includes_stop = second == CompareOperator::kLtE || second == CompareOperator::kGtE;
  ExprPtr step = bounds.step ? coerce(std::move(bounds.step), type) : nullptr;
  if (!is_up) {
    auto negative = make<tree::Unary>(type, range);
    negative->op = "-";
    negative->operand = step ? std::move(step) : c_literal(type, "1", range);
    step = std::move(negative);
  }
  node->step = std::move(step);
  if (node->variable == nullptr) {
    node->variable = temporary(type);
    assign(target, variable(node->variable, range), node->body);
  }
  ++context_->loops;
  Block inner = body();
  --context_->loops;
  for (StmtPtr& s : inner) node->body.push_back(std::move(s));
  // After the last turn the name is one step further, as a variable of C would be.
  if (known == nullptr) assign(target, variable(node->variable, range), node->orelse);
  if (orelse != nullptr)
    for (StmtPtr& s : block(*orelse)) node->orelse.push_back(std::move(s));
  out.push_back(std::move(node));
}

}  // namespace engineroom::sema
