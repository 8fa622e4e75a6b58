#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

ExprPtr Analyzer::object(const syntax::Expr& e) { return to_object(expr(e, object_)); }

// Where only the truth of `a and b` is wanted, only those of a and b are.
ExprPtr Analyzer::condition(const syntax::Expr& e) {
  const auto* bool_op = syntax::try_as<syntax::BoolOp>(&e);
  if (bool_op == nullptr) return truth(expr(e));
  const bool is_and = bool_op->op == syntax::BoolOperator::kAnd;
  ExprPtr result = condition(*bool_op->values.front());
  for (const syntax::Expr* value : bool_op->values.subspan(1))
    result = logical(is_and, std::move(result), condition(*value), e.range);
  return result;
}

// One mistake, one message: what has an error in it is an error value, about which nothing more is
// said.
ExprPtr Analyzer::expr(const syntax::Expr& e, const Type* wanted) {
  const std::size_t n_errors = diagnostics_.n_errors();
  ExprPtr value = expr_of_kind(e, wanted);
  return diagnostics_.n_errors() == n_errors ? std::move(value) : error_value(e.range);
}

ExprPtr Analyzer::expr_of_kind(const syntax::Expr& e, const Type* wanted) {
  switch (e.kind) {
    case ExprKind::kName:
      if (const syntax::Expr* value = definition(as<syntax::Name>(e).id))
        return expr(*value, wanted);
      return name(as<syntax::Name>(e));
    case ExprKind::kNone:
    case ExprKind::kTrue:
    case ExprKind::kFalse:
    case ExprKind::kEllipsis:
    case ExprKind::kNull:
    case ExprKind::kInt:
    case ExprKind::kFloat:
    case ExprKind::kImaginary:
    case ExprKind::kStr:
      return literal(e, wanted);
    case ExprKind::kJoinedStr:
      return joined_str(as<syntax::JoinedStr>(e));
    case ExprKind::kBoolOp:
      return bool_op(as<syntax::BoolOp>(e), wanted);
    case ExprKind::kBinOp:
      return bin_op(as<syntax::BinOp>(e), wanted);
    case ExprKind::kUnaryOp:
      return unary(as<syntax::UnaryOp>(e), wanted);
    case ExprKind::kCompare:
      return compare(as<syntax::Compare>(e));
    case ExprKind::kIfExp:
      return if_exp(as<syntax::IfExp>(e), wanted);
    case ExprKind::kNamedExpr:
      return named_expr(as<syntax::NamedExpr>(e));
    case ExprKind::kAttribute:
      return attribute(as<syntax::Attribute>(e));
    case ExprKind::kSubscript:
      return subscript(as<syntax::Subscript>(e));
    case ExprKind::kSlice:
      return slice_object(as<syntax::Slice>(e));
    case ExprKind::kCall:
      return call(as<syntax::Call>(e), wanted);
    case ExprKind::kTuple:
      if (ExprPtr made = tuple_display(as<syntax::Tuple>(e).elts, wanted, e.range)) return made;
      return sequence_display("er::make_tuple", ObjectClass::kTuple, as<syntax::Tuple>(e).elts,
                              e.range);
    case ExprKind::kList:
      if (ExprPtr made = tuple_display(as<syntax::ListExpr>(e).elts, wanted, e.range)) return made;
      if (ExprPtr made = array_display(as<syntax::ListExpr>(e).elts, wanted, e.range)) return made;
      if (wanted != nullptr && wanted->is_pointer()) {
        not_supported(e.range, "C arrays made of lists");
        return error_value(e.range);
      }
      return sequence_display("er::make_list", ObjectClass::kList, as<syntax::ListExpr>(e).elts,
                              e.range);
    case ExprKind::kSet:
      return sequence_display("er::make_set", ObjectClass::kSet, as<syntax::Set>(e).elts, e.range);
    case ExprKind::kDict:
      return dict_display(as<syntax::Dict>(e));
    case ExprKind::kListComp: {
      const auto& c = as<syntax::ListComp>(e);
      return comprehension(ObjectClass::kList, nullptr, *c.elt, c.generators, e.range);
    }
    case ExprKind::kSetComp: {
      const auto& c = as<syntax::SetComp>(e);
      return comprehension(ObjectClass::kSet, nullptr, *c.elt, c.generators, e.range);
    }
    case ExprKind::kDictComp: {
      const auto& c = as<syntax::DictComp>(e);
      return comprehension(ObjectClass::kDict, c.key, *c.value, c.generators, e.range);
    }
    case ExprKind::kLambda:
      return lambda(as<syntax::Lambda>(e));
    case ExprKind::kRepr:
      return object_helper("er::repr", e.range, object(*as<syntax::Repr>(e).value));
    case ExprKind::kCast:
      return cast(as<syntax::Cast>(e));
    case ExprKind::kAddressOf:
      return address_of(as<syntax::AddressOf>(e));
    case ExprKind::kSizeOf:
      return size_of(as<syntax::SizeOf>(e));
    case ExprKind::kGeneratorExp:
      not_supported(e.range, "generator expressions here");
      return error_value(e.range);
    case ExprKind::kYield:
    case ExprKind::kYieldFrom:
      if (context_->parallel != nullptr) {
        diagnostics_.error("yield-parallel", e.range, "'yield' not allowed in parallel sections");
        return error_value(e.range);
      }
      not_supported(e.range, "generators");
      return error_value(e.range);
    case ExprKind::kAwait:
      not_supported(e.range, "async functions");
      return error_value(e.range);
    case ExprKind::kTemplateStr:
      not_supported(e.range, "template strings");
      return error_value(e.range);
    case ExprKind::kNew:
      not_supported(e.range, "C++ classes");
      return error_value(e.range);
    case ExprKind::kStarred: {
      const ExprPtr inner = expr(*as<syntax::Starred>(e).value);
      diagnostics_.error("starred", e.range, "a starred expression is not allowed here")
          .hint(inner->type->is_pointer() ? "what a pointer points to is 'p[0]'" : "");
      return error_value(e.range);
    }
    case ExprKind::kTypeExpr:
      diagnostics_.error("type-as-value", e.range, "a C type is not a value");
      return error_value(e.range);
    case ExprKind::kFormattedValue:
    case ExprKind::kError:
      return error_value(e.range);
  }
  return error_value(e.range);
}

// ---- names ----

Symbol* Analyzer::find_symbol(std::string_view name) {
  for (auto scope = inner_scopes_.rbegin(); scope != inner_scopes_.rend(); ++scope)
    if (scope->contains(name)) return nullptr;
  if (context_ != nullptr && context_->locals.contains(name)) return nullptr;
  return &here() == &scope_ ? module_symbol(name) : here().find(name);
}

Symbol* Analyzer::find_dotted(const syntax::Expr& e) {
  if (e.kind == ExprKind::kName) return find_symbol(as<syntax::Name>(e).id);
  if (e.kind != ExprKind::kAttribute) return nullptr;
  const auto& attribute = as<syntax::Attribute>(e);
  Symbol* owner = find_dotted(*attribute.value);
  if (owner == nullptr || owner->kind != SymbolKind::kModule || !owner->scope) return nullptr;
  return owner->scope->find(attribute.attr.text);
}

std::optional<std::string> Analyzer::cython_name(const syntax::Expr& e) {
  if (e.kind == ExprKind::kName) {
    const Symbol* symbol = find_symbol(as<syntax::Name>(e).id);
    if (symbol == nullptr || symbol->kind != SymbolKind::kCython) return std::nullopt;
    return symbol->name;
  }
  if (e.kind != ExprKind::kAttribute) return std::nullopt;
  const auto& attribute = as<syntax::Attribute>(e);
  std::optional<std::string> owner = cython_name(*attribute.value);
  if (!owner) return std::nullopt;
  return (owner->empty() ? "" : *owner + ".") + std::string(attribute.attr.text);
}

ExprPtr Analyzer::name(const syntax::Name& name, bool is_owner) {
  for (auto scope = inner_scopes_.rbegin(); scope != inner_scopes_.rend(); ++scope) {
    const auto found = scope->find(name.id);
    if (found != scope->end()) return variable(found->second, name.range);
  }
  const auto local = context_->locals.find(name.id);
  if (local != context_->locals.end()) {
    if (context_->parallel != nullptr) check_reduction_read(local->second, name.range);
    auto node = make<tree::VariableRef>(local->second->type, name.range);
    node->variable = local->second;
    const Type& type = *local->second->type;
    node->check_bound = (type.is_object() || (type.is_view() && checks_views())) &&
                        !context_->bound.contains(local->second) &&
                        !context_->assigned_reads.contains({name.range.begin, local->second});
    return node;
  }
  if (is_out_of_reach(name.id)) {
    not_supported(name.range,
                  "closures: '" + std::string(name.id) + "' of the function around is used here");
    return error_value(name.range);
  }
  const Symbol* symbol = find_symbol(name.id);
  const bool is_import =
      symbol != nullptr && symbol->kind == SymbolKind::kModule && is_imported(name.id);
  if (symbol != nullptr && !is_import) return symbol_value(*symbol, name.range);
  return module_name(name, is_owner);
}

// What the module, or else Python, calls by that name when the code runs.
ExprPtr Analyzer::python_global(std::string_view name, syntax::SourceRange range) {
  if (is_loaded_.emplace(name).second) out_.loaded_names.emplace_back(name);
  return helper("er::load_global", object_, Fail::kNull, range, globals(range),
                str_constant(name, range));
}

ExprPtr Analyzer::symbol_value(const Symbol& symbol, syntax::SourceRange range) {
  switch (symbol.kind) {
    case SymbolKind::kPython:
      break;
    case SymbolKind::kError:
      return error_value(range);
    case SymbolKind::kVariable:
      if (symbol.lent) borrow(*symbol.lent);
      if (symbol.type->is_view()) {
        auto node = make<tree::VariableRef>(symbol.type, range);
        node->variable = symbol.variable;
        node->check_bound = checks_views();
        return node;
      }
      return variable(symbol.variable, range);
    case SymbolKind::kFunction: {
      use(symbol);
      auto node = make<tree::FunctionName>(symbol.type, range);
      node->cpp = symbol.cpp;
      node->is_extern = symbol.is_extern;
      if (symbol.is_also_python) node->python_name = symbol.name;
      return node;
    }
    case SymbolKind::kConstant:
      return c_literal(symbol.type, symbol.cpp, range);
    case SymbolKind::kType:
      if (symbol.type->extension != nullptr) return class_object(*symbol.type->extension, range);
      if (!symbol.type->python_module.empty()) return enum_class(*symbol.type, range);
      diagnostics_.error("type-as-value", range, "'" + symbol.name + "' is a C type, not a value");
      return error_value(range);
    case SymbolKind::kModule:
      diagnostics_
          .error("module-as-value", range,
                 "'" + symbol.name + "' was cimported: it is not a Python object")
          .hint("import it as well, to use it as a Python module");
      return error_value(range);
    case SymbolKind::kCython:
      if (symbol.name == "compiled") return c_literal(types_.bint(), "1", range);
      return cython_object(symbol.name, range);
  }
  return python_global(symbol.name, range);
}

// ---- C ----

ExprPtr Analyzer::cast(const syntax::Cast& e) {
  if (e.type->kind == syntax::CTypeKind::kMemoryView) return cast_to_view(e);
  const Type* to = ctype(*e.type, here());
  // <void *>x is the object itself, also of text.
  const bool is_memory = to->is_pointer() && to->base->is_void();
  ExprPtr value = expr(*e.value, is_memory ? nullptr : to);
  const Type* from = value->type;
  if (from == to) return value;
  if (to->is_object() && from->is_object()) {
    if (e.checked) return to_class(std::move(value), to->object_class);
    auto node = make<tree::Cast>(to, e.range);
    node->value = std::move(value);
    return node;
  }
  const bool is_reinterpreted = (to->is_object() && from->is_pointer() && !can_be_object(*from)) ||
                                (to->is_pointer() && from->is_object() && !to->base->is_numeric());
  const bool is_c = !to->is_counted() && !from->is_counted();
  if (is_c && to->is_complex() != from->is_complex() && from->is_complex()) {
    diagnostics_.error("cast", e.range, "a complex number cannot be cast to '" + to->name + "'");
    return error_value(e.range);
  }
  if (is_reinterpreted || is_c) {
    auto node = make<tree::Cast>(to, e.range);
    node->value = std::move(value);
    return node;
  }
  return coerce(std::move(value), to);
}

ExprPtr Analyzer::address_of(const syntax::AddressOf& e) {
  ExprPtr value = expr(*e.value);
  if (is_error(*value)) return value;
  const bool is_place =
      value->kind == tree::ExprKind::kVariable || value->kind == tree::ExprKind::kField ||
      value->kind == tree::ExprKind::kIndex || value->kind == tree::ExprKind::kFunctionName ||
      value->kind == tree::ExprKind::kBufferItem || value->kind == tree::ExprKind::kBufferPart ||
      value->kind == tree::ExprKind::kLiteral;
  if (!is_place || value->type->is_counted()) {
    diagnostics_.error("address-of", e.range,
                       value->type->is_view() ? "a memoryview has no address; its first item has"
                       : value->type->is_object() ? "a Python object has no address"
                                                  : "only what has a place has an address");
    return error_value(e.range);
  }
  auto node = make<tree::AddressOf>(types_.pointer_to(value->type), e.range);
  node->value = std::move(value);
  return node;
}

ExprPtr Analyzer::size_of(const syntax::SizeOf& e) {
  const Type* type = type_of_expr(*e.operand);
  if (type == nullptr) type = array_type_of_expr(*e.operand);
  if (type == nullptr) type = expr(*e.operand)->type;
  if (refuse_incomplete(*type, e.range, "what is asked for")) return error_value(e.range);
  return c_literal(types_.find_int("size_t"), "sizeof(" + tree::declare(*type, "") + ")", e.range);
}

// ---- conditional, walrus ----

ExprPtr Analyzer::if_exp(const syntax::IfExp& e, const Type* wanted) {
  auto node = make<tree::Conditional>(nullptr, e.range);
  node->test = condition(*e.test);
  ExprPtr body = expr(*e.body, wanted);
  ExprPtr orelse = expr(*e.orelse, wanted);
  const bool is_refused = is_error(*body) || is_error(*orelse) ||
                          refuse_mixed_pointers(*body, *orelse, wanted, e.range);
  const Type* type = is_refused ? types_.error() : either(body->type, orelse->type, wanted);
  node->type = type;
  node->body = coerce(std::move(body), type);
  node->orelse = coerce(std::move(orelse), type);
  return node;
}

ExprPtr Analyzer::named_expr(const syntax::NamedExpr& e) {
  const auto local = context_->locals.find(e.target->id);
  if (local == context_->locals.end()) {
    auto block = make<tree::BlockExpr>(object_, e.range);
    Variable* kept = keep(object(*e.value), block->body);
    assign_name(e.target->id, variable(kept, e.range), block->body, e.range);
    block->result = variable(kept, e.range);
    block->type = block->result->type;
    return block;
  }
  if (refuse_const(local->second, e.target->id, e.target->range)) return error_value(e.range);
  auto node = make<tree::AssignmentExpr>(local->second->type, e.range);
  node->target = local->second;
  local->second->is_assigned = true;
  node->value = coerce(expr(*e.value, local->second->type), local->second->type);
  return node;
}

}  // namespace engineroom::sema
