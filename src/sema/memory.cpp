// C memory as a sequence: slices of arrays and of what pointers point to, loops over them, and
// lists that become C arrays.
//
// memory[low:high:step] has no checks of bounds, as C knows none; what an array leaves out are its
// ends, and constants below zero count from its end. Of a pointer the end must be said, unless it
// points to characters, where it is the first that is 0.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

namespace {

bool is_given(const syntax::Expr* bound) {
  return bound != nullptr && bound->kind != ExprKind::kNone;
}

}  // namespace

// A bound of a slice of C memory: constants are checked, where the size is known.
ExprPtr Analyzer::memory_bound(const syntax::Expr* bound, const Type& memory, ExprPtr otherwise) {
  if (!is_given(bound)) return otherwise;
  const Type* size = types_.py_ssize_t();
  if (memory.kind == TypeKind::kArray && memory.c_size.empty() && constant_value(*bound, here())) {
    const auto known = array_bound(bound, memory, 0);
    return known ? c_literal(size, std::to_string(*known), bound->range)
                 : error_value(bound->range);
  }
  return coerce(expr(*bound), size);
}

// What memory[low:high:step] counts over; nothing after a mistake.
std::optional<Analyzer::LoopPlan> Analyzer::memory_range(const Type& memory,
                                                         const syntax::Slice* slice,
                                                         syntax::SourceRange range) {
  // Where only C knows how long an array is, its end must be said, as of a pointer.
  const bool is_array = memory.kind == TypeKind::kArray && memory.c_size.empty();
  const auto number = [&](std::int64_t n) {
    return c_literal(types_.py_ssize_t(), std::to_string(n), range);
  };
  const auto size = static_cast<std::int64_t>(memory.size);
  const syntax::Expr* step = slice != nullptr && is_given(slice->step) ? slice->step : nullptr;
  const syntax::Expr* low = slice != nullptr ? slice->lower : nullptr;
  const syntax::Expr* high = slice != nullptr ? slice->upper : nullptr;
  const std::optional<std::int64_t> known = step != nullptr ? constant_value(*step, here()) : 1;
  const bool is_down = known && *known < 0;
  const bool has_ends = known || (is_given(low) && is_given(high));
  // Backwards, the end that is left out is the first item.
  if (!has_ends || (!is_array && (is_down ? !is_given(low) : !is_given(high)))) {
    diagnostics_.error("memory-end", range, "the end of this slice of C memory must be given");
    return std::nullopt;
  }
  const std::size_t n_errors = diagnostics_.n_errors();
  LoopPlan plan;
  plan.start = memory_bound(low, memory, number(is_down ? size - 1 : 0));
  plan.stop = memory_bound(high, memory, number(is_down ? -1 : size));
  if (step != nullptr) plan.step = coerce(expr(*step), types_.py_ssize_t());
  if (diagnostics_.n_errors() != n_errors) return std::nullopt;
  return plan;
}

// A pointer to the first item, that is evaluated once.
Variable* Analyzer::first_item(ExprPtr memory, Block& out) {
  const Type* pointer = types_.pointer_to(memory->type->base);
  const syntax::SourceRange range = memory->range;
  Variable* first = temporary(pointer);
  auto decayed = make<tree::Cast>(pointer, range);
  decayed->value = std::move(memory);
  assign_variable(out, first, std::move(decayed), range);
  return first;
}

ExprPtr Analyzer::item_at(Variable* first, ExprPtr index, syntax::SourceRange range) {
  auto item = make<tree::IndexAccess>(first->type->base, range);
  item->value = variable(first, range);
  item->index = std::move(index);
  return item;
}

Analyzer::LoopPlan Analyzer::loop_over(ExprPtr iterable) {
  LoopPlan plan;
  plan.iterable = std::move(iterable);
  return plan;
}

// for x in memory[low:high], for x in array. Nothing if the loop is over something else.
std::optional<Analyzer::LoopPlan> Analyzer::memory_loop(const syntax::Expr& iter, Block& out) {
  const auto* subscript = syntax::try_as<syntax::Subscript>(&iter);
  const auto* slice =
      subscript != nullptr ? syntax::try_as<syntax::Slice>(subscript->slice) : nullptr;
  const syntax::Expr& sequence = slice != nullptr ? *subscript->value : iter;
  const Type* type = quick_type(sequence);
  if (type == nullptr || !type->is_pointer_like() || type->base->is_void()) return std::nullopt;
  const bool is_array = type->kind == TypeKind::kArray;
  if (slice == nullptr && !is_array) return std::nullopt;
  // Text that ends where it ends is bytes.
  if (type->is_char_pointer_like() && !is_array && !is_given(slice->upper) &&
      !is_given(slice->step))
    return std::nullopt;
  ExprPtr memory = expr(sequence);
  if (is_error(*memory)) return loop_over(std::move(memory));
  Variable* first = first_item(std::move(memory), out);
  std::optional<LoopPlan> plan = memory_range(*type, slice, iter.range);
  if (!plan) return loop_over(error_value(iter.range));
  plan->item = [=, this, range = iter.range](ExprPtr index) {
    return item_at(first, std::move(index), range);
  };
  return plan;
}

// Of what type the items are of a loop over C memory; null if it is none.
const Type* Analyzer::memory_item_type(const syntax::Expr& iter) {
  const auto* subscript = syntax::try_as<syntax::Subscript>(&iter);
  const bool is_slice = subscript != nullptr && subscript->slice->kind == ExprKind::kSlice;
  if (const Type* view = quick_type(iter); view != nullptr && view->is_view()) {
    if (view->axes.size() == 1) return view->base->is_object() ? nullptr : view->base;
    return types_.view_like(*view, {view->axes.begin() + 1, view->axes.end()});
  }
  const Type* type = quick_type(is_slice ? *subscript->value : iter);
  if (type == nullptr || (is_slice ? !type->is_pointer_like() : type->kind != TypeKind::kArray))
    return nullptr;
  const Type* item = &type->base->without_const();
  const bool is_value = item->is_numeric() || item->is_pointer() || item->kind == TypeKind::kStruct;
  return is_value ? item : nullptr;
}

// memory[low:high] as an object: a list, or bytes.
ExprPtr Analyzer::memory_slice(ExprPtr memory, const syntax::Slice& slice) {
  const Type& type = *memory->type;
  const syntax::SourceRange range = slice.range;
  if (type.is_char_pointer_like() && !is_given(slice.step))
    return text_slice(std::move(memory), slice);
  if (!can_be_object(*type.base) || type.base->is_void()) {
    diagnostics_.error("conversion", range,
                       "cannot convert items of type '" + type.base->name + "' to Python objects");
    return error_value(range);
  }
  const Type* list_type = types_.object(ObjectClass::kList);
  auto block = make<tree::BlockExpr>(list_type, range);
  Variable* first = first_item(std::move(memory), block->body);
  std::optional<LoopPlan> plan = memory_range(type, &slice, range);
  if (!plan) return error_value(range);
  Variable* list = keep(helper("er::make_list", list_type, Fail::kNull, range), block->body);
  auto loop = make_stmt<tree::CountLoop>(range);
  loop->variable = temporary(types_.py_ssize_t());
  loop->variable->is_assigned = true;
  loop->counter = types_.py_ssize_t();
  loop->start = std::move(plan->start);
  loop->stop = std::move(plan->stop);
  if (plan->step != nullptr) {
    const std::optional<std::int64_t> step = constant_int(*plan->step);
    loop->step_sign = !step ? 0 : *step > 0 ? 1 : *step < 0 ? -1 : 0;
    loop->step = std::move(plan->step);
  }
  do_helper(loop->body, "er::list_append", range, variable(list, range),
            to_object(item_at(first, variable(loop->variable, range), range)));
  block->body.push_back(std::move(loop));
  block->result = variable(list, range);
  return block;
}

// text[low:high] of characters: bytes.
ExprPtr Analyzer::text_slice(ExprPtr text, const syntax::Slice& slice) {
  const syntax::SourceRange range = slice.range;
  const Type* bytes = types_.object(ObjectClass::kBytes);
  const Type& type = *text->type;
  ExprPtr low = memory_bound(slice.lower, type, c_literal(types_.py_ssize_t(), "0", range));
  if (!is_given(slice.upper))
    return helper("er::bytes_from", bytes, Fail::kNull, range, std::move(text), std::move(low));
  ExprPtr high = memory_bound(slice.upper, type, nullptr);
  return helper("er::bytes_of", bytes, Fail::kNull, range, std::move(text), std::move(low),
                std::move(high));
}

// text[low:high] of text[low:high].decode(…), where bounds below zero count from the first 0. Null
// if it is something else.
ExprPtr Analyzer::text_to_decode(const syntax::Expr& e) {
  const auto* subscript = syntax::try_as<syntax::Subscript>(&e);
  const auto* slice =
      subscript != nullptr ? syntax::try_as<syntax::Slice>(subscript->slice) : nullptr;
  if (slice == nullptr || is_given(slice->step)) return nullptr;
  const Type* type = quick_type(*subscript->value);
  if (type == nullptr || !type->is_char_pointer_like()) return nullptr;
  const Type* size = types_.py_ssize_t();
  const auto bound = [&](const syntax::Expr* written) {
    return is_given(written) ? coerce(expr(*written), size) : c_literal(size, "0", e.range);
  };
  ExprPtr text = expr(*subscript->value);
  ExprPtr low = bound(slice->lower);
  ExprPtr high = bound(slice->upper);
  const char* has_high = is_given(slice->upper) ? "true" : "false";
  return helper("er::bytes_within", types_.object(ObjectClass::kBytes), Fail::kNull, e.range,
                std::move(text), std::move(low), std::move(high),
                c_literal(types_.bint(), has_high, e.range));
}

// ---- lists where C arrays are wanted ----

// [a, b, c] as a C array that lives as long as the function, or the module; null if the wanted type
// is no array of as many items, nor a pointer.
ExprPtr Analyzer::array_display(const syntax::List<const syntax::Expr*>& items, const Type* wanted,
                                syntax::SourceRange range) {
  if (wanted == nullptr || !wanted->is_pointer_like() || wanted->base->is_void()) return nullptr;
  const bool is_array = wanted->kind == TypeKind::kArray;
  if (items.empty() || (is_array && wanted->size != items.size())) return nullptr;
  for (const syntax::Expr* item : items)
    if (item->kind == ExprKind::kStarred) return nullptr;
  const Type* base = &wanted->base->without_const();
  const Type* type = types_.array_of(base, items.size());
  auto block = make<tree::BlockExpr>(wanted, range);
  Variable* made = is_array || !context_->is_module ? temporary(type) : module_array(type);
  for (std::size_t i = 0; i < items.size(); ++i) {
    ExprPtr value = expr(*items[i], base);
    if (base->kind == TypeKind::kArray) {
      value = array_value(std::move(value), base);
      if (value == nullptr) return error_value(range);
    } else {
      value = coerce(std::move(value), base);
      if (refuse_dangling(*value)) return error_value(range);
    }
    auto stmt = make_stmt<tree::Assign>(range);
    stmt->target = item_at_start(made, i, range);
    stmt->value = std::move(value);
    block->body.push_back(std::move(stmt));
  }
  made->is_assigned = true;
  if (is_array) {
    block->result = variable(made, range);
    return block;
  }
  auto decayed = make<tree::Cast>(wanted, range);
  decayed->value = variable(made, range);
  block->result = std::move(decayed);
  return block;
}

ExprPtr Analyzer::item_at_start(Variable* array, std::size_t i, syntax::SourceRange range) {
  return item_at(array, c_literal(types_.py_ssize_t(), std::to_string(i), range), range);
}

// What a pointer of the module may point to when its statements have run.
Variable* Analyzer::module_array(const Type* type) {
  Variable& made = out_.variables.emplace_back();
  const std::string name = "array" + std::to_string(out_.variables.size());
  made = {name, unique_cpp("g_", name) + shared_suffix(), VariableKind::kModule, type, false};
  return &made;
}

// The type of array that a list should become which is assigned to a slice of C memory.
const Type* Analyzer::assigned_array(const syntax::Expr& target, const syntax::Expr& value) {
  const auto* subscript = syntax::try_as<syntax::Subscript>(&target);
  const auto* list = syntax::try_as<syntax::ListExpr>(&value);
  if (subscript == nullptr || list == nullptr || subscript->slice->kind != ExprKind::kSlice)
    return nullptr;
  const Type* type = quick_type(*subscript->value);
  if (type == nullptr || !type->is_pointer_like() || type->base->is_object()) return nullptr;
  return list->elts.empty() ? nullptr : types_.array_of(type->base, list->elts.size());
}

// memory[low:high] = an array. Where it goes to is `first`; how many items that are is checked, if
// it is said.
void Analyzer::assign_to_memory(ExprPtr memory, const syntax::Slice& slice, ExprPtr array,
                                Block& out) {
  const Type& type = *memory->type;
  const Type* part = array->type;
  const syntax::SourceRange range = slice.range;
  const Type* size = types_.py_ssize_t();
  const bool is_array = type.kind == TypeKind::kArray;
  if (!part->c_size.empty()) return not_supported(range, "assignment to this slice of C memory");
  Variable* value = keep_array(std::move(array), out);
  Variable* first = first_item(std::move(memory), out);
  Variable* low = keep(memory_bound(slice.lower, type, c_literal(size, "0", range)), out);
  if (is_given(slice.upper) || is_array) {
    ExprPtr high = memory_bound(slice.upper, type, c_literal(size, type.size_text(), range));
    const std::string n = std::to_string(part->size);
    do_helper(out, "er::check_slice", range, c_literal(size, n, range), variable(low, range),
              std::move(high));
  }
  assign_items(item_at(first, variable(low, range), range), part, variable(value, range), out);
}

// An array that may be part of what it is assigned to.
Variable* Analyzer::keep_array(ExprPtr array, Block& out) {
  if (auto* known = tree::try_as<tree::VariableRef>(array.get())) return known->variable;
  Variable* kept = temporary(array->type);
  const syntax::SourceRange range = array->range;
  assign_variable(out, kept, std::move(array), range);
  return kept;
}

}  // namespace engineroom::sema
