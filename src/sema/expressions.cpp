#include <algorithm>

#include "sema/analyzer.h"
#include "syntax/unicode.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 128; });
}

}  // namespace

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

// ---- literals ----

ExprPtr Analyzer::literal(const syntax::Expr& e, const Type* wanted) {
  switch (e.kind) {
    case ExprKind::kTrue:
      return c_literal(types_.bint(), "1", e.range);
    case ExprKind::kFalse:
      return c_literal(types_.bint(), "0", e.range);
    case ExprKind::kEllipsis:
      return c_literal(object_, "Py_Ellipsis", e.range);
    case ExprKind::kNull:
      return c_literal(types_.pointer_to(types_.void_type()), "nullptr", e.range);
    case ExprKind::kInt: {
      const auto& number = as<syntax::Int>(e);
      const bool is_long = number.fits && number.value <= INT64_MAX;
      if (is_long && !number.unsigned_suffix) {
        const Type* type =
            number.long_suffix == 2 ? types_.find_int("long long") : types_.long_type();
        return c_literal(type, std::to_string(number.value) + "L", e.range);
      }
      if (number.fits && (number.unsigned_suffix || (wanted != nullptr && wanted->is_integral()))) {
        const bool is_long_long = number.long_suffix == 2;
        return c_literal(types_.find_int(is_long_long ? "unsigned long long" : "unsigned long"),
                         std::to_string(number.value) + "UL", e.range);
      }
      std::string text(number.digits);
      if (number.base == 16) text.insert(0, "0x");
      if (number.base == 8) text.insert(0, "0o");
      if (number.base == 2) text.insert(0, "0b");
      return constant({tree::ConstantKind::kInt, std::move(text), 0, {}}, ObjectClass::kInt,
                      e.range);
    }
    case ExprKind::kFloat: {
      const double value = as<syntax::Float>(e).value;
      if (wanted != nullptr && wanted->is_object())
        return constant({tree::ConstantKind::kFloat, {}, value, {}}, ObjectClass::kFloat, e.range);
      return c_literal(types_.double_type(), cpp_of(value), e.range);
    }
    case ExprKind::kImaginary:
      if (!context_->has_gil || (wanted != nullptr && wanted->is_complex()))
        return complex_literal(as<syntax::Imaginary>(e).value, e.range);
      return constant({tree::ConstantKind::kComplex, {}, as<syntax::Imaginary>(e).value, {}},
                      ObjectClass::kComplex, e.range);
    case ExprKind::kStr: {
      const auto& text = as<syntax::Str>(e);
      if (text.str_kind == syntax::StrKind::kChar && !text.bytes.empty())
        return c_literal(types_.char_type(),
                         "'\\x" + std::string(1, "0123456789abcdef"[(text.bytes[0] >> 4) & 15]) +
                             std::string(1, "0123456789abcdef"[text.bytes[0] & 15]) + "'",
                         e.range);
      const bool is_bytes = text.str_kind == syntax::StrKind::kBytes;
      const bool wants_char = wanted != nullptr && wanted->kind == TypeKind::kInt;
      const std::string_view chars =
          text.str_kind == syntax::StrKind::kUnicode ? text.text : text.bytes;
      if (wants_char && chars.size() == 1 && has_bytes(text) && wanted != types_.ucs4())
        return c_literal(types_.char_type(), std::to_string(static_cast<signed char>(chars[0])),
                         e.range);
      if (wants_char && wanted != types_.ucs4() && is_byte(text))
        return c_literal(
            types_.char_type(),
            std::to_string(static_cast<signed char>(syntax::decode_utf8(text.text).code)), e.range);
      if (wanted == types_.ucs4() && !is_bytes && !text.text.empty()) {
        const syntax::Character first = syntax::decode_utf8(text.text);
        if (first.size == text.text.size())
          return c_literal(wanted, std::to_string(static_cast<std::uint32_t>(first.code)) + "u",
                           e.range);
      }
      const bool wants_chars = wanted != nullptr && wanted->is_char_pointer();
      const bool wants_memory =
          wanted != nullptr && wanted->is_pointer() && wanted->base->is_void();
      if ((wants_chars && has_bytes(text)) || (wants_memory && (is_bytes || is_ascii(text.text)))) {
        if (refuse_recoded_bytes(text)) return error_value(e.range);
        const bool is_text = text.str_kind == syntax::StrKind::kUnicode;
        std::string cpp = "(" + wanted->cpp + ")" + cpp_string(is_text ? text.text : text.bytes);
        return c_literal(wanted, std::move(cpp), e.range);
      }
      if (is_bytes && refuse_recoded_bytes(text)) return error_value(e.range);
      if (is_bytes)
        return constant({tree::ConstantKind::kBytes, std::string(text.bytes), 0, {}},
                        ObjectClass::kBytes, e.range);
      return str_constant(text.text, e.range);
    }
    default:
      return none(e.range);
  }
}

// A literal is bytes where C wants them; with a u before it, or letters beyond ASCII, it is not.
bool Analyzer::has_bytes(const syntax::Str& text) const {
  if (text.str_kind != syntax::StrKind::kUnicode) return true;
  const std::string_view written = sources_.text_of(text.range);
  return !written.empty() && (written[0] == '"' || written[0] == '\'') && is_ascii(text.text);
}

// Python 2 and C get the bytes that stand in the file, which are not ours if that is not in UTF-8.
bool Analyzer::refuse_recoded_bytes(const syntax::Str& text) {
  if (!sources_[text.range.source].was_recoded() || is_ascii(sources_.text_of(text.range)))
    return false;
  not_supported(text.range, "bytes of text that is not in UTF-8");
  return true;
}

// "\xFF": one character, and one byte.
bool Analyzer::is_byte(const syntax::Str& text) const {
  if (text.str_kind != syntax::StrKind::kUnicode || text.text.empty()) return false;
  const std::string_view written = sources_.text_of(text.range);
  const syntax::Character first = syntax::decode_utf8(text.text);
  return first.size == text.text.size() && first.code < 256 && !written.empty() &&
         (written[0] == '"' || written[0] == '\'');
}

ExprPtr Analyzer::joined_str(const syntax::JoinedStr& e) {
  auto joined = make<tree::Helper>(types_.object(ObjectClass::kStr), e.range);
  joined->name = "er::join_str";
  joined->fail = Fail::kNull;
  for (const syntax::Expr* part : e.values) {
    if (part->kind == ExprKind::kStr) {
      joined->args.push_back(str_constant(as<syntax::Str>(*part).text, part->range));
      continue;
    }
    const auto& value = as<syntax::FormattedValue>(*part);
    ExprPtr spec = value.format_spec != nullptr ? joined_str(*value.format_spec)
                                                : c_literal(object_, "nullptr", part->range);
    const char conversion[] = {value.conversion, '\0'};
    std::string cpp = value.conversion != 0 ? "'" + std::string(conversion) + "'" : "'\\0'";
    joined->args.push_back(helper("er::format", types_.object(ObjectClass::kStr), Fail::kNull,
                                  part->range, object(*value.value), std::move(spec),
                                  c_literal(types_.char_type(), std::move(cpp), part->range)));
  }
  if (joined->args.empty()) return str_constant("", e.range);
  if (joined->args.size() == 1 && joined->args[0]->kind == tree::ExprKind::kPyConstant)
    return std::move(joined->args[0]);
  return joined;
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

// ---- access ----

namespace {

// Numbers of C have the attributes of Python's int, float, bool and complex.
bool lacks_attribute(const Type& type, std::string_view name) {
  constexpr std::string_view kKnown[] = {"real",        "imag",
                                         "conjugate",   "bit_length",
                                         "bit_count",   "to_bytes",
                                         "from_bytes",  "is_integer",
                                         "hex",         "fromhex",
                                         "numerator",   "denominator",
                                         "from_number", "as_integer_ratio"};
  const bool is_number = type.is_integral() || type.is_float() || type.is_complex();
  const bool is_special = name.starts_with("__");
  return is_number && !is_special && type.name != "Py_UCS4" &&
         std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown);
}

// As an object a struct is a dict.
bool is_method_of_dict(std::string_view name) {
  constexpr std::string_view kKnown[] = {"copy", "get", "items", "keys", "pop", "values"};
  return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
}

}  // namespace

ExprPtr Analyzer::attribute(const syntax::Attribute& e) {
  if (const std::optional<std::string> known = cython_name(e)) {
    if (*known == "compiled") return c_literal(types_.bint(), "1", e.range);
    return cython_object(*known, e.range);
  }
  if (ExprPtr known = enum_attribute(e)) return known;
  if (const Symbol* owner = find_dotted(*e.value);
      owner != nullptr && owner->kind == SymbolKind::kModule) {
    const Symbol* symbol = find_dotted(e);
    const auto* base = syntax::try_as<syntax::Name>(e.value);
    const bool is_also_python = base != nullptr && is_imported(base->id);
    if (symbol != nullptr) return symbol_value(*symbol, e.range);
    if (owner->scope && refuse_unsupported(*owner->scope, e.attr.text, e.attr.range))
      return error_value(e.range);
    if (is_also_python)
      return object_helper("er::get_attr", e.range, python_global(base->id, e.range),
                           str_constant(e.attr.text, e.attr.range));
    diagnostics_.error(
        "no-member", e.attr.range,
        "cimported module '" + owner->name + "' has no '" + std::string(e.attr.text) + "'");
    return error_value(e.range);
  }
  const auto* owner_name = syntax::try_as<syntax::Name>(e.value);
  ExprPtr value = e.attr.text == "decode" ? text_to_decode(*e.value) : nullptr;
  if (value == nullptr) value = owner_name != nullptr ? name(*owner_name, true) : expr(*e.value);
  if (is_error(*value)) return value;
  const Type* type = value->type;
  const Type* record = type->is_pointer() ? type->base : type;
  if (record->kind == TypeKind::kStruct && !record->is_tuple) {
    const tree::Field* field = record->find_field(e.attr.text);
    if (field == nullptr && type == record && is_method_of_dict(e.attr.text))
      return object_helper("er::get_attr", e.range, to_object(std::move(value)),
                           str_constant(e.attr.text, e.attr.range));
    if (field == nullptr) {
      diagnostics_.error("no-field", e.attr.range,
                         "'" + record->name + "' has no field '" + std::string(e.attr.text) + "'");
      return error_value(e.range);
    }
    auto node = make<tree::FieldAccess>(field->type, e.range);
    node->value = std::move(value);
    node->cpp = field->cpp;
    return node;
  }
  if (type->is_view())
    if (ExprPtr part = view_attribute(value, e)) return part;
  if (type->buffer != nullptr)
    if (ExprPtr part = buffer_part(value, e)) return part;
  if (type->extension != nullptr)
    if (ExprPtr known = member(value, e)) return known;
  if (type->is_complex() && (e.attr.text == "real" || e.attr.text == "imag")) {
    auto node = make<tree::FieldAccess>(type->base, e.range);
    node->value = std::move(value);
    node->cpp = e.attr.text;
    return node;
  }
  if (!can_be_object(*type) || lacks_attribute(*type, e.attr.text)) {
    diagnostics_.error("no-attribute", e.attr.range,
                       "'" + type->name + "' has no attribute '" + std::string(e.attr.text) + "'");
    return error_value(e.range);
  }
  return object_helper("er::get_attr", e.range, to_object(std::move(value)),
                       str_constant(e.attr.text, e.attr.range));
}

ExprPtr Analyzer::slice_object(const syntax::Slice& slice) {
  const auto part = [&](const syntax::Expr* bound) {
    return bound != nullptr ? object(*bound) : none(slice.range);
  };
  return helper("er::make_slice", types_.object(ObjectClass::kSlice), Fail::kNull, slice.range,
                part(slice.lower), part(slice.upper), part(slice.step));
}

// Here they count from the end, as ever; Cython leaves undefined what they do.
void Analyzer::warn_of_negative_bounds(const tree::Expr& value, const syntax::Slice& slice) {
  if (context_->directives.wraparound) return;
  const auto known = [this](const syntax::Expr* bound) {
    return bound != nullptr ? constant_value(*bound, here()) : std::nullopt;
  };
  const bool is_literal = value.kind == tree::ExprKind::kPyConstant;
  if (is_literal && known(slice.lower) && known(slice.upper)) return;  // computed at once
  for (const syntax::Expr* bound : {slice.lower, slice.upper})
    if (known(bound).value_or(0) < 0)
      diagnostics_.warning("wraparound", bound->range,
                           "a negative bound, where 'wraparound=False' says that there is none");
}

ExprPtr Analyzer::subscript(const syntax::Subscript& e) {
  ExprPtr value = expr(*e.value);
  const Type* type = value->type;
  if (type->is_pointer_like()) {
    if (e.slice->kind == ExprKind::kSlice) {
      return memory_slice(std::move(value), as<syntax::Slice>(*e.slice));
    }
    ExprPtr index = expr(*e.slice);
    if (!index->type->is_integral()) index = coerce(std::move(index), types_.py_ssize_t());
    if (type->base->is_void()) {
      diagnostics_.error("void-pointer", e.range, "a void * cannot be indexed: cast it first");
      return error_value(e.range);
    }
    auto node = make<tree::IndexAccess>(type->base, e.range);
    node->value = std::move(value);
    node->index = std::move(index);
    return node;
  }
  if (is_error(*value)) {
    expr(*e.slice, object_);
    return value;
  }
  if (type->is_view()) return view_subscript(std::move(value), e);
  if (type->buffer != nullptr)
    if (ExprPtr item = buffer_item(value, e)) return item;
  if (type->is_tuple)
    if (ExprPtr item = tuple_item(value, *e.slice)) return item;
  if (type->is_numeric() && type != types_.ucs4()) {
    diagnostics_.error("not-indexable", e.range,
                       "a number of type " + syntax::in_quotes(type->name) + " has no items");
    return error_value(e.range);
  }
  if (const auto* slice = syntax::try_as<syntax::Slice>(e.slice); slice != nullptr)
    warn_of_negative_bounds(*value, *slice);
  ExprPtr container = to_object(std::move(value));
  ExprPtr index = expr(*e.slice, object_);
  const bool is_sequence = container->type->object_class != ObjectClass::kDict;
  // A character is a key as a str, not as a number.
  const bool is_character = index->type == types_.ucs4();
  if (is_sequence && !is_character && index->type->kind == TypeKind::kInt) {
    const Type* size = types_.py_ssize_t();
    const bool fits = index->type->rank < 4 || index->type->is_signed;
    if (fits)
      return object_helper("er::get_item_index", e.range, std::move(container),
                           coerce(std::move(index), size));
  }
  return object_helper("er::get_item", e.range, std::move(container), to_object(std::move(index)));
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
