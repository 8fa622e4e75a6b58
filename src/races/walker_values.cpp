// What scalars are worth in terms of the loop's variable, and where pointers and views lead.
#include <algorithm>

#include "races/walker.h"
#include "tree/children.h"
#include "tree/print.h"

namespace engineroom::races {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::try_as;
using tree::Variable;

namespace {

bool is_thread_number(std::string_view function) {
  return function == "omp_get_thread_num" || function == "er::thread_number";
}

// A value that does not fit is another one.
bool is_narrowing(const tree::Type& to, const tree::Type& from) {
  return to.kind == tree::TypeKind::kBint || !from.is_integral() ||
         (to.kind == tree::TypeKind::kInt && to.rank < 3 && from.rank > to.rank);
}

bool is_power_of_two(std::int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

constexpr std::int64_t kMaxShift = 30;

}  // namespace

bool Walker::is_shared(const Variable& variable) const {
  return !written_.contains(&variable) && variable.kind != tree::VariableKind::kTemporary;
}

Polynomial Walker::other() { return Polynomial::of(record_.space.add({})); }

Polynomial Walker::same_named(const std::string& name, std::optional<std::int64_t> low) {
  // Before the region a name may have had another value.
  const auto [known, is_new] = named_.try_emplace((is_outside_ ? "before " : "") + name);
  if (is_new) {
    SymbolInfo info{SymbolKind::kSame, {}, {}, 1, {}, {}};
    if (low) info.low = Polynomial::constant(*low);
    known->second = record_.space.add(std::move(info));
  }
  return Polynomial::of(known->second);
}

bool Walker::is_invariant(const Expr& expr) const {
  switch (expr.kind) {
    case ExprKind::kLiteral:
      return true;
    case ExprKind::kVariable:
      return is_shared(*as<tree::VariableRef>(expr).variable) &&
             !addressed_.contains(as<tree::VariableRef>(expr).variable);
    case ExprKind::kField:
    case ExprKind::kIndex:
    case ExprKind::kBufferItem: {
      const Variable* root = root_of(expr);
      if (root == nullptr || !is_shared(*root) || touched_.contains(root)) return false;
      break;
    }
    case ExprKind::kBufferPart:
    case ExprKind::kCast:
    case ExprKind::kUnary:
    case ExprKind::kBinary:
    case ExprKind::kConditional:
      break;
    case ExprKind::kHelper:
      if (!as<tree::Helper>(expr).name.starts_with("er::")) return false;
      if (!expr.type->is_numeric()) return false;
      break;
    default:
      return false;
  }
  bool is_same = true;
  tree::for_each_child(expr, [&](const Expr& child) { is_same = is_same && is_invariant(child); });
  return is_same;
}

// ---- integers ----

Polynomial Walker::value(const Expr& expr) {
  if (const std::optional<std::int64_t> number = integer_of(expr))
    return Polynomial::constant(*number);
  switch (expr.kind) {
    case ExprKind::kVariable: {
      const Variable& variable = *as<tree::VariableRef>(expr).variable;
      if (addressed_.contains(&variable)) return other();
      const auto known = state_.values.find(&variable);
      if (known != state_.values.end() && known->second.is_valid()) return known->second;
      const auto alias = aliases_.find(&variable);
      if (alias != aliases_.end() && alias->second != nullptr && !written_.contains(&variable) &&
          variable.kind == tree::VariableKind::kTemporary)
        return value(*alias->second);
      if (is_outside_ || is_shared(variable)) return same_named(variable.cpp, std::nullopt);
      return other();
    }
    case ExprKind::kCast: {
      const Expr& inner = *as<tree::Cast>(expr).value;
      if (is_narrowing(*expr.type, *inner.type)) break;
      return value(inner);
    }
    case ExprKind::kUnary:
      if (std::string_view(as<tree::Unary>(expr).op) == "-")
        return -value(*as<tree::Unary>(expr).operand);
      break;
    case ExprKind::kBinary: {
      const Polynomial known = binary_value(as<tree::Binary>(expr));
      if (known.is_valid()) return known;
      break;
    }
    case ExprKind::kHelper: {
      const Polynomial known = helper_value(as<tree::Helper>(expr));
      if (known.is_valid()) return known;
      break;
    }
    case ExprKind::kCall: {
      const auto* name = try_as<tree::FunctionName>(as<tree::Call>(expr).callee.get());
      if (name != nullptr && is_thread_number(name->cpp)) return Polynomial::of(record_.thread);
      break;
    }
    case ExprKind::kAssignment:
      return value(*as<tree::AssignmentExpr>(expr).value);
    default:
      break;
  }
  if (is_outside_ || is_invariant(expr)) {
    const bool is_size = expr.kind == ExprKind::kIndex &&
                         as<tree::IndexAccess>(expr).value->kind == ExprKind::kBufferPart;
    return same_named(tree::print(expr), is_size ? std::optional<std::int64_t>(0) : std::nullopt);
  }
  return read_value(expr);
}

// What is read from memory differs from iteration to iteration; it is known where it was.
Polynomial Walker::read_value(const Expr& expr) {
  const Polynomial made = other();
  const Expr& inner = bare(expr);
  if (inner.kind == ExprKind::kBufferItem || inner.kind == ExprKind::kIndex) {
    const Variable* root = root_of(inner);
    if (root != nullptr && !touched_.contains(root))
      origins_[*made.symbols().begin()] = place_of(inner);
  }
  return made;
}

Polynomial Walker::binary_value(const tree::Binary& binary) {
  const std::string_view op = binary.op;
  if (!binary.type->is_integral()) return Polynomial::invalid();
  if (op == "+") return record_.space.joined(value(*binary.left) + value(*binary.right));
  if (op == "-") return value(*binary.left) - value(*binary.right);
  if (op == "*") return value(*binary.left) * value(*binary.right);
  const std::optional<std::int64_t> right = integer_of(*binary.right);
  if (!right) return Polynomial::invalid();
  if (op == "<<" && *right >= 0 && *right < kMaxShift)
    return value(*binary.left) * Polynomial::constant(std::int64_t{1} << *right);
  if (op == ">>" && *right >= 0 && *right < kMaxShift)
    return fold(value(*binary.left), std::int64_t{1} << *right, false);
  if (op == "&" && is_power_of_two(*right + 1)) return fold(value(*binary.left), *right + 1, true);
  // As in C; what is different below 0 does not count here.
  if (op == "/" && *right > 0) return fold(value(*binary.left), *right, false);
  if (op == "%" && *right > 0) return fold(value(*binary.left), *right, true);
  return Polynomial::invalid();
}

Polynomial Walker::helper_value(const tree::Helper& helper) {
  const std::string_view name = helper.name;
  if (is_thread_number(name)) return Polynomial::of(record_.thread);
  if (helper.args.size() < 2 || !helper.type->is_integral()) return Polynomial::invalid();
  const std::optional<std::int64_t> right = integer_of(*helper.args[1]);
  if (name.starts_with("er::mod") && right && *right > 0)
    return fold(value(*helper.args[0]), *right, true);
  if (name.starts_with("er::floor_div") && right && *right > 0)
    return fold(value(*helper.args[0]), *right, false);
  const bool is_min = name.starts_with("er::min");
  if (!is_min && !name.starts_with("er::max")) return Polynomial::invalid();
  // Bounded by both: the one that says more is what depends on the loop.
  const Polynomial one = value(*helper.args[0]);
  const Polynomial two = value(*helper.args[1]);
  const bool are_same = record_.space.is_same(one) && record_.space.is_same(two);
  const Polynomial& bound = record_.space.is_same(one) ? two : one;
  SymbolInfo info{are_same ? SymbolKind::kSame : SymbolKind::kOther, {}, {}, 1, {}, {}};
  if (!are_same) (is_min ? info.high : info.low) = bound;
  if (are_same) return Polynomial::invalid();
  return Polynomial::of(record_.space.add(std::move(info)));
}

Polynomial Walker::fold(const Polynomial& arg, std::int64_t divisor, bool is_remainder) {
  if (!arg.is_valid()) return Polynomial::invalid();
  const bool is_same = record_.space.is_same(arg);
  if (is_same) {
    const auto known = same_folds_.find({arg, divisor, is_remainder});
    if (known != same_folds_.end()) return Polynomial::of(known->second);
  }
  SymbolInfo info{is_same ? SymbolKind::kSame : SymbolKind::kOther,
                  {},
                  {},
                  1,
                  Fold{arg, divisor, is_remainder},
                  {}};
  if (is_remainder) {
    info.low = Polynomial();
    info.high = Polynomial::constant(divisor - 1);
  }
  const Symbol made = record_.space.add(std::move(info));
  if (is_same) same_folds_[{arg, divisor, is_remainder}] = made;
  return Polynomial::of(made);
}

// ---- places ----

Place Walker::root_place(const Variable& variable) {
  const auto known = state_.places.find(&variable);
  if (known != state_.places.end()) return known->second;
  Place place;
  const bool is_pointer = variable.type->is_pointer();
  const bool is_view = variable.type->is_view() || variable.type->buffer != nullptr;
  if (!is_outside_ && !is_shared(variable)) {
    // Without an address of its own it is a value that the iteration has.
    if (!is_pointer && !is_view) place.owner = Place::Owner::kPrivate;
    return place;
  }
  const auto alias = aliases_.find(&variable);
  if (alias != aliases_.end() && alias->second != nullptr && (is_pointer || is_view)) {
    const Expr* source = alias->second;
    alias->second = nullptr;  // once, and not in circles
    const bool was_outside = std::exchange(is_outside_, true);
    Place found = is_pointer ? pointee(*source) : view_place(*source);
    is_outside_ = was_outside;
    alias->second = source;
    if (found.owner == Place::Owner::kShared) return found;
  }
  place.owner = Place::Owner::kShared;
  place.root = &variable;
  if (is_pointer) place.steps.emplace_back();
  if (is_view) {
    const int n = variable.type->is_view() ? static_cast<int>(variable.type->axes.size())
                                           : variable.type->buffer->n_dimensions;
    for (int i = 0; i < n; ++i) {
      place.steps.push_back({Step::Kind::kAxis, {}, 1, {}, false});
      place.axes.push_back(i);
    }
  }
  return place;
}

void Walker::move_pointer(Place& place, const Polynomial& by) {
  if (by.is_zero() || place.owner != Place::Owner::kShared) return;
  if (place.steps.empty() || place.steps.back().kind != Step::Kind::kIndex) {
    place.steps.push_back({Step::Kind::kIndex, by, 1, {}, false});
    return;
  }
  place.is_flat |= place.steps.size() > 1;
  place.steps.back().index = place.steps.back().index + by;
}

// Where a pointer leads.
Place Walker::pointee(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVariable: {
      Place place = root_place(*as<tree::VariableRef>(expr).variable);
      if (!expr.type->is_pointer() && place.owner == Place::Owner::kShared)
        place.steps.emplace_back();  // an array
      return place;
    }
    case ExprKind::kAddressOf:
      return place_of(*as<tree::AddressOf>(expr).value);
    case ExprKind::kCast: {
      const Expr& inner = *as<tree::Cast>(expr).value;
      if (!inner.type->is_pointer_like()) return {};
      Place place = pointee(inner);
      const bool is_same_item = expr.type->base == inner.type->base ||
                                expr.type->base->unqualified == inner.type->base ||
                                inner.type->base->unqualified == expr.type->base;
      if (!is_same_item && !place.steps.empty()) place.steps.back().index = Polynomial::invalid();
      return place;
    }
    case ExprKind::kBinary: {
      const auto& binary = as<tree::Binary>(expr);
      const std::string_view op = binary.op;
      if (!binary.left->type->is_pointer_like() || (op != "+" && op != "-")) return {};
      Place place = pointee(*binary.left);
      const Polynomial by = value(*binary.right);
      move_pointer(place, op == "+" ? by : -by);
      return place;
    }
    case ExprKind::kIndex:
    case ExprKind::kField:
    case ExprKind::kBufferItem: {
      Place place = place_of(expr);
      if (place.owner == Place::Owner::kShared) place.steps.emplace_back();
      return place;
    }
    case ExprKind::kBufferPart: {
      Place place = root_place(*root_of(expr));
      // Shapes and strides are not among the items.
      if (std::string_view(as<tree::BufferPart>(expr).part) != "data")
        place.owner = Place::Owner::kPrivate;
      place.steps.assign(1, {Step::Kind::kIndex, Polynomial::invalid(), 1, {}, false});
      place.axes.clear();
      return place;
    }
    case ExprKind::kCall: {
      Place place;
      const auto* name = try_as<tree::FunctionName>(as<tree::Call>(expr).callee.get());
      const bool makes = name != nullptr && !is_outside_ &&
                         (name->cpp == "malloc" || name->cpp == "calloc" ||
                          name->cpp == "PyMem_RawMalloc" || name->cpp == "aligned_alloc");
      place.owner = makes ? Place::Owner::kPrivate : Place::Owner::kFunction;
      return place;
    }
    default:
      return {};
  }
}

Place Walker::view_place(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVariable:
      return root_place(*as<tree::VariableRef>(expr).variable);
    case ExprKind::kViewSlice:
      return sliced(as<tree::ViewSlice>(expr));
    case ExprKind::kCast:
      return view_place(*as<tree::Cast>(expr).value);
    case ExprKind::kHelper: {
      const auto& helper = as<tree::Helper>(expr);
      Place place;
      if (helper.name.starts_with("er::transposed")) {
        place = view_place(*helper.args[0]);
        std::reverse(place.axes.begin(), place.axes.end());
      } else if (helper.name.starts_with("er::copy_contiguous")) {
        place.owner = Place::Owner::kPrivate;
      }
      return place;
    }
    default:
      return {};
  }
}

Place Walker::sliced(const tree::ViewSlice& slice) {
  using Kind = tree::ViewSlice::Part::Kind;
  Place place = view_place(*slice.value);
  if (place.owner != Place::Owner::kShared) return place;
  std::vector<int> axes;
  std::size_t n = 0;
  for (const tree::ViewSlice::Part& part : slice.parts) {
    if (part.kind == Kind::kNewAxis) {
      axes.push_back(-1);
      continue;
    }
    if (n >= place.axes.size()) return {};
    const int axis = place.axes[n++];
    const bool is_kept = part.kind == Kind::kSlice;
    if (is_kept) axes.push_back(axis);
    if (axis < 0) continue;
    Step& step = place.steps[static_cast<std::size_t>(axis)];
    const std::optional<std::int64_t> by = part.step ? integer_of(*part.step) : 1;
    const Polynomial from = part.start ? value(*part.start) : Polynomial();
    const bool is_known = step.stride != 0 && by && (*by > 0 || part.start);
    // Bounds below 0 count from the end, which is not known.
    const std::optional<std::int64_t> start = from.as_constant();
    if (is_known && !(start && *start < 0)) {
      step.index = step.index + Polynomial::constant(step.stride) * from;
      step.stride *= is_kept ? *by : 1;
    } else {
      step.index = Polynomial::invalid();
      step.stride = 0;
    }
    if (!is_kept) step.kind = Step::Kind::kIndex;
  }
  place.axes = std::move(axes);
  return place;
}

void Walker::index_axes(Place& place, const tree::BufferItem& item) {
  for (std::size_t i = 0; i < item.indices.size() && i < place.axes.size(); ++i) {
    if (place.axes[i] < 0) continue;
    Step& step = place.steps[static_cast<std::size_t>(place.axes[i])];
    const Polynomial at = value(*item.indices[i]);
    const std::optional<Polynomial> low = record_.space.lower(at);
    step.may_wrap = item.wraps && low && record_.space.is_at_least(-*low, 1);
    step.index = step.stride == 0 ? Polynomial::invalid()
                                  : step.index + Polynomial::constant(step.stride) * at;
    step.kind = Step::Kind::kIndex;
  }
  place.axes.clear();
}

Place Walker::place_of(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVariable:
      return root_place(*as<tree::VariableRef>(expr).variable);
    case ExprKind::kBufferItem: {
      const auto& item = as<tree::BufferItem>(expr);
      Place place = view_place(*item.value);
      if (place.owner == Place::Owner::kShared) index_axes(place, item);
      return place;
    }
    case ExprKind::kIndex: {
      const auto& item = as<tree::IndexAccess>(expr);
      const Expr& owner = *item.value;
      if (owner.type->is_pointer()) {
        Place place = pointee(owner);
        move_pointer(place, value(*item.index));
        return place;
      }
      Place place = place_of(owner);
      if (place.owner == Place::Owner::kShared)
        place.steps.push_back({Step::Kind::kIndex, value(*item.index), 1, {}, false});
      return place;
    }
    case ExprKind::kField: {
      const auto& field = as<tree::FieldAccess>(expr);
      const Expr& owner = *field.value;
      Place place = owner.type->is_pointer() ? pointee(owner) : place_of(owner);
      // An object is not the memory that it lends.
      if (owner.type->is_object()) {
        place.steps.clear();
        place.axes.clear();
      }
      if (place.owner == Place::Owner::kShared)
        place.steps.push_back({Step::Kind::kField, {}, 1, field.cpp, false});
      return place;
    }
    case ExprKind::kCast:
      return place_of(*as<tree::Cast>(expr).value);
    default:
      return {};
  }
}

}  // namespace engineroom::races
