// Types of local variables that were not declared.
//
// Only what is surely right without a declaration: a variable to which nothing but C doubles is
// assigned is one, so are those of truths, pointers and structs, and those of integers, loop
// variables among them, with which no arithmetic is done that could overflow. If all values are
// objects of one known class (or None), the variable is of that class. Everything else is an
// object.
#include <cmath>

#include "sema/analyzer.h"
#include "sema/assigned.h"
#include "sema/control_flow.h"
#include "sema/names.h"
#include "sema/walk.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using syntax::StmtKind;

void Assignments::see_expr(const syntax::Expr* e) {
  static const std::set<std::string_view> kShow = {"locals", "vars", "dir", "eval", "exec"};
  walk(e, [&](const syntax::Expr& inner) {
    if (const auto* name = syntax::try_as<syntax::Name>(&inner))
      are_shown = are_shown || kShow.contains(name->id);
    for_each_bound_name(inner, [this](std::string_view name) { unknown.insert(name); });
    const auto* minus = syntax::try_as<syntax::UnaryOp>(&inner);
    const bool is_arithmetic = inner.kind == ExprKind::kBinOp ||
                               (minus != nullptr && minus->op != syntax::UnaryOperator::kNot);
    if (is_arithmetic) see_operands(inner);
  });
}

// Names of which an operand may be made: not i in a[i].
void Assignments::see_operands(const syntax::Expr& e) {
  if (e.kind == ExprKind::kName) may_overflow.insert(as<syntax::Name>(e).id);
  if (e.kind == ExprKind::kSubscript) return;
  syntax::for_each_child(e, [this](const syntax::Expr& child) { see_operands(child); });
}

void Assignments::see_assign(const syntax::Expr& target, const syntax::Expr* value) {
  if (target.kind == ExprKind::kName) {
    values[as<syntax::Name>(target).id].push_back(value);
    return;
  }
  // a, b = c, d is two assignments.
  const auto* targets = syntax::try_as<syntax::Tuple>(&target);
  const auto* items = value != nullptr ? syntax::try_as<syntax::Tuple>(value) : nullptr;
  const bool is_parallel =
      targets != nullptr && items != nullptr && targets->elts.size() == items->elts.size();
  if (targets != nullptr && value != nullptr && items == nullptr)
    return see_parts(*targets, *value);
  if (!is_parallel) return see_unknown(target);
  for (std::size_t i = 0; i < items->elts.size(); ++i) {
    if (targets->elts[i]->kind == ExprKind::kStarred || items->elts[i]->kind == ExprKind::kStarred)
      return see_unknown(target);
  }
  for (std::size_t i = 0; i < items->elts.size(); ++i)
    see_assign(*targets->elts[i], items->elts[i]);
}

void Assignments::see_parts(const syntax::Tuple& targets, const syntax::Expr& value) {
  for (std::size_t i = 0; i < targets.elts.size(); ++i) {
    if (const auto* name = syntax::try_as<syntax::Name>(targets.elts[i])) {
      parts[name->id].push_back({&value, i, targets.elts.size()});
    } else {
      see_unknown(*targets.elts[i]);
    }
  }
}

void Assignments::see_target(const syntax::For& loop) {
  if (loop.target->kind == ExprKind::kName) {
    ranges[as<syntax::Name>(*loop.target).id].push_back(&loop);
    return;
  }
  const syntax::Name* counter = enumerate_counter(loop);
  if (counter == nullptr) return see_unknown(*loop.target);
  counters.insert(counter->id);
  see_unknown(*as<syntax::Tuple>(*loop.target).elts[1]);
}

void Assignments::see(const syntax::Stmt& stmt) {
  syntax::for_each_expr(stmt, [this](const syntax::Expr& e) { see_expr(&e); });
  switch (stmt.kind) {
    case StmtKind::kAssign:
      for (const syntax::Expr* target : as<syntax::Assign>(stmt).targets)
        see_assign(*target, as<syntax::Assign>(stmt).value);
      break;
    case StmtKind::kAnnAssign:
      see_unknown(*as<syntax::AnnAssign>(stmt).target);
      break;
    case StmtKind::kAugAssign: {
      const auto& aug = as<syntax::AugAssign>(stmt);
      if (aug.target->kind != ExprKind::kName) break;
      const std::string_view id = as<syntax::Name>(*aug.target).id;
      augmented[id].push_back({aug.op, aug.value});
      may_overflow.insert(id);
      see_operands(*aug.value);
      break;
    }
    case StmtKind::kDelete:
      for (const syntax::Expr* target : as<syntax::Delete>(stmt).targets)
        for_each_target_name(*target, [this](std::string_view name) { deleted.insert(name); });
      break;
    case StmtKind::kFor:
      see_target(as<syntax::For>(stmt));
      break;
    case StmtKind::kForFrom:
      see_unknown(*as<syntax::ForFrom>(stmt).target);
      break;
    case StmtKind::kTry:
      for (const syntax::ExceptHandler& handler : as<syntax::Try>(stmt).handlers)
        if (handler.target != nullptr) see_unknown(*handler.target);
      break;
    case StmtKind::kWith:
      for (const syntax::WithItem& item : as<syntax::With>(stmt).items)
        if (item.target != nullptr) see_unknown(*item.target);
      break;
    case StmtKind::kFunctionDef:
      unknown.insert(as<syntax::FunctionDef>(stmt).name.text);
      return;  // what is in it has names of its own
    case StmtKind::kImport:
      for (const syntax::Alias& alias : as<syntax::Import>(stmt).names)
        unknown.insert(alias.asname.empty() ? alias.name.text.substr(0, alias.name.text.find('.'))
                                            : alias.asname.text);
      return;
    case StmtKind::kImportFrom:
      for (const syntax::Alias& alias : as<syntax::ImportFrom>(stmt).names)
        unknown.insert(alias.asname.empty() ? alias.name.text : alias.asname.text);
      return;
    default:
      break;
  }
  syntax::for_each_block(stmt, [this](const syntax::Block& block) { see(block); });
}

namespace {

// 2.0, -2.0
bool is_whole_float(const syntax::Expr& e) {
  const auto* minus = syntax::try_as<syntax::UnaryOp>(&e);
  const auto* number = syntax::try_as<syntax::Float>(minus != nullptr ? minus->operand : &e);
  return number != nullptr && number->value == std::floor(number->value);
}

// On integers and truths; a quotient is a float.
bool is_arithmetic_of_literals(const syntax::Expr& e) {
  if (const auto* unary = syntax::try_as<syntax::UnaryOp>(&e))
    return is_arithmetic_of_literals(*unary->operand);
  if (const auto* binary = syntax::try_as<syntax::BinOp>(&e))
    return binary->op != syntax::Operator::kDiv && is_arithmetic_of_literals(*binary->left) &&
           is_arithmetic_of_literals(*binary->right);
  return e.kind == ExprKind::kInt || e.kind == ExprKind::kTrue || e.kind == ExprKind::kFalse;
}

}  // namespace

bool Analyzer::may_be_inferred(const Variable& local) const {
  return local.kind == VariableKind::kLocal && local.type == object_ && !declared_.contains(&local);
}

void Analyzer::infer_types(const syntax::Block& body) {
  if (context_->directives.infer_types == Directives::Infer::kNever) return;
  Assignments seen;
  seen.see(body);
  std::vector<FlowVariable> undeclared;
  for (const auto& [name, local] : context_->locals)
    if (may_be_inferred(*local)) undeclared.push_back({.name = name, .declared = {}});
  if (undeclared.empty()) return;
  for (const FlowFinding& finding : analyze_flow(body, undeclared))
    if (finding.kind == FlowFindingKind::kUnassigned ||
        finding.kind == FlowFindingKind::kMaybeUnassigned)
      seen.unassigned.insert(finding.name);
  // A type found for one may give one to another; a few rounds are enough for what people write.
  for (int round = 0; round < 4; ++round) {
    for (auto& [name, local] : context_->locals) {
      if (!may_be_inferred(*local)) continue;
      // Only who is declared so looks into memory.
      if (const Type* type = inferred_type(name, seen))
        local->type = type->buffer != nullptr ? type->base : type;
    }
  }
}

// Null: an object.
const Type* Analyzer::inferred_type(std::string_view name, const Assignments& seen) {
  if (seen.unknown.contains(name)) return nullptr;
  const Type* type = nullptr;
  const auto is_safe_int = [&](const Type& one) {
    return one.kind == TypeKind::kInt && one.is_signed && !one.is_extern &&
           !seen.may_overflow.contains(name);
  };
  const auto agrees = [&](const Type* one) {
    if (one == nullptr) return false;
    const bool has_both = type != nullptr && type != one;
    const auto is_soft_or_float = [](const Type& t) { return t.is_soft || t.is_float(); };
    if (has_both && is_soft_or_float(*type) && is_soft_or_float(*one) &&
        (type->is_soft || one->is_soft)) {
      type = types_.soft_complex();
      return true;
    }
    if (has_both && !(is_safe_int(*type) && is_safe_int(*one))) return false;
    type = has_both ? types_.common(type, one) : one;
    return true;
  };
  bool has_none = false;
  if (const auto values = seen.values.find(name); values != seen.values.end()) {
    for (const syntax::Expr* value : values->second) {
      if (value->kind == ExprKind::kNone) {
        has_none = true;
        continue;
      }
      const Type* one = quick_type(*value);
      if (one != nullptr && one->kind == TypeKind::kArray) one = types_.pointer_to(one->base);
      if (one != nullptr) one = &one->without_const();
      const bool is_safe =
          one != nullptr &&
          (is_safe_int(*one) || one->is_float() || one->kind == TypeKind::kBint ||
           one->is_pointer() || one->kind == TypeKind::kStruct || one->is_complex() ||
           one->is_view() || (one->is_object() && one != object_));
      if (!is_safe || !agrees(one)) return nullptr;
    }
  }
  if (const auto parts = seen.parts.find(name); parts != seen.parts.end()) {
    for (const Assignments::Part& part : parts->second) {
      const Type* whole = quick_type(*part.value);
      const bool is_tuple = whole != nullptr && whole->is_tuple && whole->fields.size() == part.n;
      const Type* one = is_tuple ? whole->fields[part.i].type : nullptr;
      if (one == nullptr || (one->is_integral() && !is_safe_int(*one)) || !agrees(one))
        return nullptr;
    }
  }
  if (const auto loops = seen.ranges.find(name); loops != seen.ranges.end()) {
    for (const syntax::For* loop : loops->second) {
      const Type* one = range_type(*loop->iter);
      if (one == nullptr) one = memory_item_type(*loop->iter);
      if (one != nullptr) one = &one->without_const();
      // An object would not do.
      const bool is_parallel = parallel_call(*loop->iter, "parallel.prange") != nullptr;
      const bool is_int = one != nullptr && one->is_integral() && !is_parallel;
      if ((is_int && seen.may_overflow.contains(name)) || !agrees(one)) return nullptr;
    }
  }
  if (seen.counters.contains(name) && (seen.may_overflow.contains(name) ||
                                       !is_builtin("enumerate") || !agrees(types_.py_ssize_t())))
    return nullptr;
  if (type == nullptr) return nullptr;
  if ((has_none || seen.deleted.contains(name)) && !type->is_object()) return nullptr;
  // Only an object can say that it has no value.
  if ((seen.are_shown || seen.unassigned.contains(name)) && type->is_numeric()) return nullptr;
  if (const auto more = seen.augmented.find(name); more != seen.augmented.end()) {
    for (const Assignments::Augmented& one : more->second) {
      const Type* operand = quick_type(*one.value);
      if (type->is_pointer() && operand != nullptr && operand->is_integral()) continue;
      if (operand == nullptr || operation_type(one.op, type, operand) != type) return nullptr;
    }
  }
  return type;
}

// The type of a comprehension's variable.
const Type* Analyzer::comprehension_type(std::string_view name, const syntax::Expr& iter,
                                         const Assignments& seen) {
  const bool may_be_c =
      context_->directives.infer_types != Directives::Infer::kNever && !seen.unknown.contains(name);
  const Type* type = may_be_c ? range_type(iter) : nullptr;
  if (may_be_c && type == nullptr) type = memory_item_type(iter);
  const bool may_overflow =
      type != nullptr && type->is_integral() && seen.may_overflow.contains(name);
  return type != nullptr && !may_overflow ? type : object_;
}

// The type in which `for … in range(…)` counts, if all its bounds are C integers.
const Type* Analyzer::range_type(const syntax::Expr& iter) {
  const auto* call = syntax::try_as<syntax::Call>(&iter);
  const auto* callee = call != nullptr ? syntax::try_as<syntax::Name>(call->func) : nullptr;
  const bool is_parallel = parallel_call(iter, "parallel.prange") != nullptr;
  const bool is_range =
      callee != nullptr && callee->id == "range" && is_builtin("range") && call->keywords.empty();
  if ((!is_range && !is_parallel) || call->args.empty()) return nullptr;
  // Of one limit the loop of threads takes the very type, of two the wider one.
  const bool is_as_given = is_parallel && call->args.size() < 3;
  const auto wider = [&](const Type* a, const Type* b) {
    if (!is_as_given) return types_.common(a, b);
    return a == nullptr || b->rank > a->rank ? b : a;
  };
  bool has_variable = false;
  for (const syntax::Expr* arg : call->args)
    has_variable = has_variable || arg->kind != ExprKind::kInt;
  const Type* type = types_.long_type();
  if (is_parallel && has_variable) type = is_as_given ? nullptr : types_.int_type();
  for (const syntax::Expr* arg : call->args) {
    const Type* one = quick_type(*arg);
    if (one == nullptr || !one->is_integral()) return nullptr;
    if (arg->kind != ExprKind::kInt) type = wider(type, one);
    if (one->kind == TypeKind::kEnum && call->args.size() == 1) return one;
  }
  return type;
}

// What a binary operator makes of two types; null: not known.
const Type* Analyzer::operation_type(syntax::Operator op, const Type* a, const Type* b) {
  using syntax::Operator;
  if (a->is_numeric() && b->is_numeric()) {
    if (a == types_.ucs4() || b == types_.ucs4()) return nullptr;
    const Type* type = types_.common(a, b);
    if (type->is_integral() && op == Operator::kDiv && context_->directives.is_division_true())
      return types_.double_type();
    // Of ints a double perhaps, of doubles perhaps a complex number.
    if (op == Operator::kPow && !context_->directives.cpow) return nullptr;
    return type;
  }
  const bool is_offset = op == Operator::kAdd || op == Operator::kSub;
  if (is_offset && a->is_pointer_like() && b->is_integral()) return types_.pointer_to(a->base);
  if (!a->is_object() || !b->is_object()) return nullptr;
  const ObjectClass known = a->object_class;
  const bool adds = op == Operator::kAdd && a == b &&
                    (known == ObjectClass::kStr || known == ObjectClass::kBytes ||
                     known == ObjectClass::kList || known == ObjectClass::kTuple);
  return adds ? a : nullptr;
}

// What type an expression will have, as far as that is easy to say; null: not known, or any object.
const Type* Analyzer::quick_type(const syntax::Expr& e) {
  const auto of_class = [this](ObjectClass c) { return types_.object(c); };
  const auto known = [this](const Type* type) { return type == object_ ? nullptr : type; };
  switch (e.kind) {
    case ExprKind::kInt:
      return as<syntax::Int>(e).fits ? types_.long_type() : nullptr;
    case ExprKind::kFloat:
      return types_.double_type();
    case ExprKind::kTrue:
    case ExprKind::kFalse:
      return types_.bint();
    case ExprKind::kStr: {
      const auto kind = as<syntax::Str>(e).str_kind;
      if (kind == syntax::StrKind::kChar) return types_.char_type();
      return of_class(kind == syntax::StrKind::kBytes ? ObjectClass::kBytes : ObjectClass::kStr);
    }
    case ExprKind::kJoinedStr:
      return of_class(ObjectClass::kStr);
    case ExprKind::kList:
    case ExprKind::kListComp:
      return of_class(ObjectClass::kList);
    case ExprKind::kTuple:
      return of_class(ObjectClass::kTuple);
    case ExprKind::kSet:
    case ExprKind::kSetComp:
      return of_class(ObjectClass::kSet);
    case ExprKind::kDict:
    case ExprKind::kDictComp:
      return of_class(ObjectClass::kDict);
    case ExprKind::kName: {
      const std::string_view id = as<syntax::Name>(e).id;
      if (const Variable* local = local_variable(id)) return known(local->type);
      const Symbol* symbol = find_symbol(id);
      if (symbol != nullptr && symbol->kind == SymbolKind::kFunction && !symbol->is_also_python)
        return types_.pointer_to(symbol->type);
      const bool is_value = symbol != nullptr && (symbol->kind == SymbolKind::kVariable ||
                                                  symbol->kind == SymbolKind::kConstant);
      return is_value ? known(symbol->type) : nullptr;
    }
    case ExprKind::kUnaryOp: {
      const auto& unary = as<syntax::UnaryOp>(e);
      if (unary.op == syntax::UnaryOperator::kNot) return types_.bint();
      const Type* type = quick_type(*unary.operand);
      if (type == nullptr || !type->is_numeric()) return nullptr;
      return type->kind == TypeKind::kBint ? types_.int_type() : type;  // +True is 1
    }
    case ExprKind::kBinOp: {
      const auto& binary = as<syntax::BinOp>(e);
      if (written_int(e)) return types_.long_type();
      // Too large for C, or the truth that Python makes of truths.
      if (is_arithmetic_of_literals(e)) return nullptr;
      const Type* a = quick_type(*binary.left);
      const Type* b = quick_type(*binary.right);
      if (a == nullptr || b == nullptr) return nullptr;
      if (binary.op == syntax::Operator::kPow && a->is_numeric() && b->is_numeric()) {
        const std::optional<std::int64_t> exponent = constant_value(*binary.right, here());
        if (is_whole_float(*binary.right)) return types_.common(a, b);
        return power_type(a, b, exponent);
      }
      return operation_type(binary.op, a, b);
    }
    case ExprKind::kBoolOp: {
      const Type* type = nullptr;
      for (const syntax::Expr* value : as<syntax::BoolOp>(e).values) {
        const Type* one = quick_type(*value);
        if (one == nullptr) return nullptr;
        type = type == nullptr ? one : either(type, one);
      }
      return known(type);
    }
    case ExprKind::kIfExp: {
      const Type* a = quick_type(*as<syntax::IfExp>(e).body);
      const Type* b = quick_type(*as<syntax::IfExp>(e).orelse);
      return a != nullptr && b != nullptr ? known(either(a, b)) : nullptr;
    }
    case ExprKind::kCall:
      return call_type(as<syntax::Call>(e));
    case ExprKind::kCast:
      return known(ctype(*as<syntax::Cast>(e).type, here()));
    case ExprKind::kAddressOf: {
      const Type* type = quick_type(*as<syntax::AddressOf>(e).value);
      return type != nullptr && !type->is_object() ? types_.pointer_to(type) : nullptr;
    }
    case ExprKind::kAttribute: {
      if (const Type* view = view_type_of(e)) return view;
      const auto& attribute = as<syntax::Attribute>(e);
      const Symbol* symbol = find_dotted(e);
      if (symbol != nullptr && symbol->kind == SymbolKind::kVariable) return known(symbol->type);
      if (enum_item(attribute) != nullptr) return enum_symbol(*attribute.value)->type;
      const Type* owner = quick_type(*attribute.value);
      if (owner != nullptr && owner->is_pointer()) owner = owner->base;
      if (owner == nullptr || owner->kind != TypeKind::kStruct) return nullptr;
      const tree::Field* field = owner->find_field(attribute.attr.text);
      return field != nullptr ? known(field->type) : nullptr;
    }
    case ExprKind::kSubscript: {
      const auto& subscript = as<syntax::Subscript>(e);
      const Type* owner = quick_type(*subscript.value);
      if (owner != nullptr && owner->is_view()) {
        const Type* part = view_subscript_type(*owner, *subscript.slice);
        return part != nullptr ? known(part) : nullptr;
      }
      if (owner != nullptr && owner->is_tuple) {
        const std::optional<std::int64_t> i = constant_value(*subscript.slice, here());
        const auto n = static_cast<std::int64_t>(owner->fields.size());
        return i && *i >= 0 && *i < n ? owner->fields[static_cast<std::size_t>(*i)].type : nullptr;
      }
      const bool is_element =
          owner != nullptr && owner->is_pointer_like() && subscript.slice->kind != ExprKind::kSlice;
      return is_element ? known(owner->base) : nullptr;
    }
    default:
      return nullptr;
  }
}

const Type* Analyzer::call_type(const syntax::Call& call) {
  const auto known = [this](const Type* type) { return type == object_ ? nullptr : type; };
  if (cython_name(*call.func)) return nullptr;
  const Symbol* symbol = find_dotted(*call.func);
  if (symbol != nullptr && symbol->kind == SymbolKind::kFunction) return known(symbol->type->base);
  if (symbol != nullptr && symbol->kind == SymbolKind::kType &&
      symbol->type->kind == TypeKind::kStruct)
    return symbol->type;
  const Type* pointer = quick_type(*call.func);
  if (pointer != nullptr && pointer->is_pointer() && pointer->base->kind == TypeKind::kFunction)
    return known(pointer->base->base);
  if (symbol != nullptr) return nullptr;
  if (const Type* view = view_type_of(call)) return view;
  if (const auto* method = syntax::try_as<syntax::Attribute>(call.func)) {
    const Type* owner = quick_type(*method->value);
    const bool is_object = owner != nullptr && owner->is_object();
    return is_object ? known(method_result(owner->object_class, method->attr.text)) : nullptr;
  }
  const auto* callee = syntax::try_as<syntax::Name>(call.func);
  if (callee == nullptr || !is_builtin(callee->id)) return nullptr;
  if (callee->id == "len" && is_plain(call)) return types_.py_ssize_t();
  if (callee->id == "ord" && is_plain(call)) return types_.long_type();
  // A float object is a double.
  if (callee->id == "float" && is_plain(call)) return types_.double_type();
  return known(builtin_result(callee->id));
}

}  // namespace engineroom::sema
