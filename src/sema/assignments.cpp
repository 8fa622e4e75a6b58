#include <algorithm>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

namespace {

const syntax::List<const syntax::Expr*>* elements_of(const syntax::Expr& e) {
  if (e.kind == ExprKind::kTuple) return &as<syntax::Tuple>(e).elts;
  if (e.kind == ExprKind::kList) return &as<syntax::ListExpr>(e).elts;
  return nullptr;
}

bool has_star(const syntax::List<const syntax::Expr*>& elements) {
  for (const syntax::Expr* e : elements)
    if (e->kind == ExprKind::kStarred) return true;
  return false;
}

}  // namespace

const Type* Analyzer::target_type(const syntax::Expr& target) {
  if (target.kind == ExprKind::kName) {
    const std::string_view id = as<syntax::Name>(target).id;
    for (auto scope = inner_scopes_.rbegin(); scope != inner_scopes_.rend(); ++scope) {
      const auto found = scope->find(id);
      if (found != scope->end()) return found->second->type;
    }
    const auto local = context_->locals.find(id);
    if (local != context_->locals.end()) return local->second->type;
    const Symbol* symbol = find_symbol(id);
    if (symbol != nullptr && symbol->kind == SymbolKind::kVariable) return symbol->type;
    return object_;
  }
  return nullptr;
}

// a, b = [1, 2, 3]: that it does not fit can be seen.
bool Analyzer::refuse_misfit(const syntax::Expr& target, const syntax::Expr& value) {
  const auto* targets = elements_of(target);
  const auto* values = elements_of(value);
  if (targets == nullptr || values == nullptr || has_star(*values)) return false;
  const std::size_t n_targets = targets->size();
  const std::size_t n_values = values->size();
  if (!has_star(*targets)) {
    if (n_targets != n_values) {
      const auto of = [](std::size_t n, const char* what) {
        return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
      };
      diagnostics_.error(
          "unpacking", target.range,
          of(n_values, "value") + " cannot be unpacked to " + of(n_targets, "target"));
      return true;
    }
    for (std::size_t i = 0; i < n_targets; ++i)
      if (refuse_misfit(*(*targets)[i], *(*values)[i])) return true;
    return false;
  }
  if (n_values + 1 >= n_targets) return false;
  diagnostics_.error("unpacking", target.range,
                     "at least " + std::to_string(n_targets - 1) + " values are needed here, not " +
                         std::to_string(n_values));
  return true;
}

void Analyzer::assign_statement(const syntax::Assign& stmt, Block& out) {
  for (const syntax::Expr* target : stmt.targets)
    if (refuse_misfit(*target, *stmt.value)) return;
  // a, b = c, d with as many values as targets needs no tuple.
  if (stmt.targets.size() == 1) {
    const auto* targets = elements_of(*stmt.targets[0]);
    const auto* values = elements_of(*stmt.value);
    if (targets != nullptr && values != nullptr && targets->size() == values->size() &&
        !has_star(*targets) && !has_star(*values) && !targets->empty()) {
      std::vector<Variable*> kept;
      for (std::size_t i = 0; i < values->size(); ++i) {
        const Type* wanted = target_type(*(*targets)[i]);
        ExprPtr value = expr(*(*values)[i], wanted);
        if (wanted != nullptr) value = coerce(std::move(value), wanted);
        if (refuse_dangling(*value)) return;
        kept.push_back(keep(std::move(value), out));
      }
      for (std::size_t i = 0; i < targets->size(); ++i)
        assign(*(*targets)[i], variable(kept[i], (*values)[i]->range), out);
      return;
    }
  }
  if (stmt.targets.size() == 1) {
    if (ExprPtr part = array_part(*stmt.targets[0], *stmt.value))
      return assign(*stmt.targets[0], std::move(part), out);
  }
  const Type* wanted = target_type(*stmt.targets[0]);
  if (const Type* array = assigned_array(*stmt.targets[0], *stmt.value);
      array != nullptr && stmt.targets.size() == 1)
    wanted = array;
  ExprPtr value = expr(*stmt.value, wanted);
  if (stmt.targets.size() == 1) return assign(*stmt.targets[0], std::move(value), out);
  // a = b = value: the value is converted for each.
  const bool is_simple = value->kind == tree::ExprKind::kLiteral;
  if (is_simple && !value->type->is_object()) {
    const std::string cpp = tree::as<tree::Literal>(*value).cpp;
    for (const syntax::Expr* target : stmt.targets)
      assign(*target, c_literal(value->type, cpp, value->range), out);
    return;
  }
  // A memoryview is made once for all that want the same.
  const bool is_one_view =
      wanted != nullptr && wanted->is_view() &&
      std::all_of(stmt.targets.begin(), stmt.targets.end(),
                  [&](const syntax::Expr* target) { return target_type(*target) == wanted; });
  if (is_one_view) value = coerce(std::move(value), wanted);
  if (refuse_dangling_copies(*value, stmt.targets)) return;
  Variable* kept = keep(std::move(value), out);
  for (const syntax::Expr* target : stmt.targets)
    assign(*target, variable(kept, stmt.value->range), out);
}

void Analyzer::assign_to_variable(Variable* target, ExprPtr value, Block& out,
                                  syntax::SourceRange range) {
  if (target->type->kind == TypeKind::kArray) {
    if (ExprPtr made = array_value(std::move(value), target->type))
      assign_variable(out, target, std::move(made), range);
    return;
  }
  value = coerce(assigned_power(std::move(value), *target->type), target->type);
  if (refuse_dangling(*value)) return;
  assign_variable(out, target, std::move(value), range);
}

void Analyzer::assign_name(std::string_view name, ExprPtr value, Block& out,
                           syntax::SourceRange range) {
  for (auto scope = inner_scopes_.rbegin(); scope != inner_scopes_.rend(); ++scope) {
    const auto found = scope->find(name);
    if (found != scope->end())
      return assign_to_variable(found->second, std::move(value), out, range);
  }
  const auto local = context_->locals.find(name);
  const Symbol* symbol = find_symbol(name);
  const Variable* known = local != context_->locals.end() ? local->second
                          : symbol != nullptr             ? symbol->variable
                                                          : nullptr;
  if (refuse_const(known, name, range)) return;
  if (local != context_->locals.end())
    return assign_to_variable(local->second, std::move(value), out, range);
  if (symbol != nullptr && symbol->lent) borrow(*symbol->lent);
  if (symbol != nullptr && symbol->kind == SymbolKind::kVariable)
    return assign_to_variable(symbol->variable, std::move(value), out, range);
  if (symbol != nullptr && symbol->kind == SymbolKind::kError) return;
  // A module may be both cimported and imported under one name.
  const bool is_import = symbol != nullptr && symbol->kind == SymbolKind::kModule;
  if (symbol != nullptr && symbol->kind != SymbolKind::kPython && !is_import &&
      !(symbol->kind == SymbolKind::kFunction && symbol->is_also_python)) {
    diagnostics_.error("assignment", range,
                       "'" + std::string(name) + "' is not a variable: it cannot be assigned to");
    return;
  }
  do_helper(out, "er::store_global", range, globals(range), str_constant(name, range),
            to_object(std::move(value)));
}

void Analyzer::assign(const syntax::Expr& target, ExprPtr value, Block& out) {
  const syntax::SourceRange range = target.range;
  if (const auto* elements = elements_of(target))
    return unpack(*elements, std::move(value), out, range);
  if (target.kind == ExprKind::kName)
    return assign_name(as<syntax::Name>(target).id, std::move(value), out, range);
  if (target.kind == ExprKind::kStarred) {
    diagnostics_.error("starred", range, "a starred target must be in a list or tuple");
    return;
  }
  if (target.kind != ExprKind::kAttribute && target.kind != ExprKind::kSubscript) return;
  // Python evaluates the value first, then the parts of the target.
  if (value->kind != tree::ExprKind::kLiteral && value->kind != tree::ExprKind::kPyConstant &&
      value->kind != tree::ExprKind::kVariable) {
    const syntax::SourceRange from = value->range;
    value = variable(keep(std::move(value), out), from);
  }
  if (target.kind == ExprKind::kAttribute) {
    const auto& attribute = as<syntax::Attribute>(target);
    ExprPtr place = this->attribute(attribute);
    if (is_error(*place)) return;
    if (place->kind == tree::ExprKind::kField || place->kind == tree::ExprKind::kVariable) {
      if (refuse_const(*place)) return;
      mark_written(*place);
      auto stmt = make_stmt<tree::Assign>(range);
      stmt->value = coerce(assigned_power(std::move(value), *place->type), place->type);
      if (refuse_dangling(*stmt->value)) return;
      stmt->target = std::move(place);
      out.push_back(std::move(stmt));
      return keep_callback(attribute, out);
    }
    auto* got = tree::try_as<tree::Helper>(place.get());
    if (got == nullptr || got->name != "er::get_attr") {
      diagnostics_.error("assignment", range, "this attribute cannot be assigned to");
      return;
    }
    do_helper(out, "er::set_attr", range, std::move(got->args[0]), std::move(got->args[1]),
              to_object(std::move(value)));
    return;
  }
  const auto& subscripted = as<syntax::Subscript>(target);
  const auto* slice = syntax::try_as<syntax::Slice>(subscripted.slice);
  const Type* owner = slice != nullptr ? quick_type(*subscripted.value) : nullptr;
  if (owner != nullptr && owner->is_pointer_like())
    return assign_array_slice(expr(*subscripted.value), *slice, std::move(value), out);
  ExprPtr place = subscript(subscripted);
  if (place->type->is_view()) return assign_items_of_view(std::move(place), std::move(value), out);
  if (place->kind == tree::ExprKind::kIndex || place->kind == tree::ExprKind::kBufferItem ||
      place->kind == tree::ExprKind::kField) {
    if (refuse_const(*place)) return;
    mark_written(*place);
    auto stmt = make_stmt<tree::Assign>(range);
    stmt->value = coerce(assigned_power(std::move(value), *place->type), place->type);
    if (refuse_dangling(*stmt->value)) return;
    stmt->target = std::move(place);
    out.push_back(std::move(stmt));
    return;
  }
  auto* got = tree::try_as<tree::Helper>(place.get());
  if (got == nullptr || !got->name.starts_with("er::get_item")) {
    if (!is_error(*place)) not_supported(range, "assignment to this");
    return;
  }
  const bool by_index = got->name == "er::get_item_index";
  do_helper(out, by_index ? "er::set_item_index" : "er::set_item", range, std::move(got->args[0]),
            std::move(got->args[1]), to_object(std::move(value)));
}

void Analyzer::unpack(const syntax::List<const syntax::Expr*>& targets, ExprPtr value, Block& out,
                      syntax::SourceRange range) {
  std::size_t before = targets.size();
  std::size_t n_stars = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i]->kind != ExprKind::kStarred) continue;
    if (n_stars++ == 0) before = i;
  }
  if (n_stars > 1) {
    diagnostics_.error("starred", range, "two starred targets in one assignment");
    return;
  }
  if (n_stars == 0 && value->type->is_tuple && value->type->fields.size() == targets.size())
    return unpack_tuple(targets, std::move(value), out, range);
  const auto count = [&](std::size_t n) {
    return c_literal(types_.py_ssize_t(), std::to_string(n), range);
  };
  const Type* tuple = types_.object(ObjectClass::kTuple);
  ExprPtr source = to_object(std::move(value));
  ExprPtr items = n_stars == 0
                      ? helper("er::unpack", tuple, Fail::kNull, range, std::move(source),
                               count(targets.size()))
                      : helper("er::unpack_starred", tuple, Fail::kNull, range, std::move(source),
                               count(before), count(targets.size() - before - 1));
  Variable* kept = keep(std::move(items), out);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool is_star = targets[i]->kind == ExprKind::kStarred;
    const Type* wanted = is_star ? target_type(*as<syntax::Starred>(*targets[i]).value) : nullptr;
    if (wanted != nullptr && !wanted->is_object()) {
      diagnostics_.error(
          "starred", targets[i]->range,
          "a starred target gets a list, which is no " + syntax::in_quotes(wanted->name));
      continue;
    }
    const Type* type = is_star ? types_.object(ObjectClass::kList) : object_;
    auto item = make<tree::Helper>(type, targets[i]->range);
    item->name = "er::item";
    item->is_borrowed = true;
    item->args.push_back(variable(kept, range));
    item->args.push_back(count(i));
    assign(is_star ? *as<syntax::Starred>(*targets[i]).value : *targets[i], std::move(item), out);
  }
}

// buffer[i] += value, where the items are objects: the indices are evaluated once.
void Analyzer::augmented_object_item(ExprPtr place, const syntax::AugAssign& stmt, Block& out) {
  mark_written(*place);
  auto& item = static_cast<tree::BufferItem&>(*place);
  auto again = make<tree::BufferItem>(item.type, item.range);
  again->checks_bounds = item.checks_bounds;
  again->wraps = item.wraps;
  again->checks_none = item.checks_none;
  const auto* known = tree::try_as<tree::VariableRef>(item.value.get());
  Variable* memory = known != nullptr ? known->variable : keep(std::move(item.value), out);
  if (known == nullptr) item.value = variable(memory, item.range);
  again->value = variable(memory, item.range);
  for (ExprPtr& index : item.indices) {
    Variable* kept = keep(std::move(index), out);
    index = variable(kept, item.range);
    again->indices.push_back(variable(kept, item.range));
  }
  auto assignment = make_stmt<tree::Assign>(stmt.range);
  assignment->value =
      to_object(binary(stmt.op, std::move(place), expr(*stmt.value), stmt.range, true));
  assignment->target = std::move(again);
  out.push_back(std::move(assignment));
}

void Analyzer::augmented(const syntax::AugAssign& stmt, Block& out) {
  const syntax::Expr& target = *stmt.target;
  if (target.kind == ExprKind::kName) {
    const Variable* before = context_->reduced;
    if (context_->parallel != nullptr)
      context_->reduced = assigned_variable(as<syntax::Name>(target).id);
    ExprPtr old = expr(target);
    context_->reduced = before;
    const Type* type = old->type;
    ExprPtr value = binary(stmt.op, std::move(old), expr(*stmt.value, type), stmt.range, true);
    return assign(target, std::move(value), out);
  }
  ExprPtr place = expr(target);
  if (place->type->is_view()) {
    diagnostics_.error("assignment", target.range,
                       "augmented assignment does not work on slices of memoryviews");
    return;
  }
  if (is_error(*place)) {
    expr(*stmt.value);  // for the mistakes in it
    return;
  }
  if (place->kind == tree::ExprKind::kBufferItem && place->type->is_object())
    return augmented_object_item(std::move(place), stmt, out);
  if (place->kind == tree::ExprKind::kField || place->kind == tree::ExprKind::kIndex ||
      place->kind == tree::ExprKind::kBufferItem) {
    if (refuse_const(*place)) return;
    mark_written(*place);
    // The place is evaluated once: by its address.
    const Type* type = place->type;
    auto address = make<tree::AddressOf>(types_.pointer_to(type), target.range);
    address->value = std::move(place);
    Variable* kept = keep(std::move(address), out);
    const auto element = [&] {
      auto node = make<tree::IndexAccess>(type, target.range);
      node->value = variable(kept, target.range);
      node->index = c_literal(types_.int_type(), "0", target.range);
      return node;
    };
    auto assignment = make_stmt<tree::Assign>(stmt.range);
    assignment->target = element();
    assignment->value =
        coerce(binary(stmt.op, element(), expr(*stmt.value, type), stmt.range, true), type);
    out.push_back(std::move(assignment));
    return;
  }
  auto* got = tree::try_as<tree::Helper>(place.get());
  if (got == nullptr || got->args.size() != 2) {
    if (place->kind == tree::ExprKind::kVariable) {
      Variable* known = tree::as<tree::VariableRef>(*place).variable;
      ExprPtr value = binary(stmt.op, std::move(place), expr(*stmt.value), stmt.range, true);
      assign_to_variable(known, std::move(value), out, stmt.range);
      return;
    }
    diagnostics_.error("assignment", target.range, "this cannot be assigned to");
    return;
  }
  const char* setter = got->name == "er::get_attr"         ? "er::set_attr"
                       : got->name == "er::get_item_index" ? "er::set_item_index"
                                                           : "er::set_item";
  ExprPtr operand = expr(*stmt.value);
  // The order in which old value and operand are evaluated makes no difference.
  const auto* local = tree::try_as<tree::VariableRef>(operand.get());
  const bool is_simple = operand->kind == tree::ExprKind::kPyConstant ||
                         (local != nullptr && local->type->is_object() && !local->check_bound);
  if (stmt.op == syntax::Operator::kAdd && got->name == "er::get_item" && is_simple)
    return do_helper(out, "er::add_to_item", stmt.range, std::move(got->args[0]),
                     std::move(got->args[1]), std::move(operand));
  Variable* owner = keep(std::move(got->args[0]), out);
  Variable* key = keep(std::move(got->args[1]), out);
  const auto at = [&](Variable* kept) { return variable(kept, target.range); };
  const std::string getter = got->name;
  ExprPtr old = object_helper(getter.c_str(), target.range, at(owner), at(key));
  ExprPtr value = to_object(binary(stmt.op, std::move(old), std::move(operand), stmt.range, true));
  Variable* result = keep(std::move(value), out);
  do_helper(out, setter, stmt.range, at(owner), at(key), at(result));
}

}  // namespace engineroom::sema
