#include <array>

#include "sema/analyzer.h"

namespace engineroom::sema {
namespace {

using syntax::as;
using syntax::CBasic;
using syntax::CSign;
using syntax::CTypeKind;

struct Named {
  std::string_view name;
  ObjectClass object_class;
};
constexpr std::array<Named, 20> kClasses = {{{"object", ObjectClass::kAny},
                                             {"list", ObjectClass::kList},
                                             {"tuple", ObjectClass::kTuple},
                                             {"dict", ObjectClass::kDict},
                                             {"set", ObjectClass::kSet},
                                             {"frozenset", ObjectClass::kFrozenSet},
                                             {"str", ObjectClass::kStr},
                                             {"unicode", ObjectClass::kStr},
                                             {"bytes", ObjectClass::kBytes},
                                             {"bytearray", ObjectClass::kByteArray},
                                             {"bool", ObjectClass::kBool},
                                             {"slice", ObjectClass::kSlice},
                                             {"range", ObjectClass::kRange},
                                             {"type", ObjectClass::kType},
                                             {"BaseException", ObjectClass::kException},
                                             {"basestring", ObjectClass::kStr},
                                             {"complex", ObjectClass::kComplex},
                                             {"Exception", ObjectClass::kException},
                                             {"frozendict", ObjectClass::kAny},
                                             {"memoryview", ObjectClass::kAny}}};

std::string_view basic_name(CBasic basic) {
  switch (basic) {
    case CBasic::kChar:
      return "char";
    case CBasic::kShort:
      return "short";
    case CBasic::kLong:
      return "long";
    case CBasic::kLongLong:
      return "long long";
    default:
      return "int";
  }
}

}  // namespace

const Type* Analyzer::builtin_type(std::string_view name) {
  for (const Named& known : kClasses)
    if (name == known.name) return types_.object(known.object_class);
  // A character has been the same as Py_UCS4 since Python 3.3.
  if (name == "Py_UNICODE") return types_.ucs4();
  return types_.find_int(name);
}

// What `cython.name` is as a type; null if it is none.
const Type* Analyzer::cython_type(std::string_view name) {
  if (const Type* known = view_class(name)) return known;
  int pointers = 0;
  while (name.starts_with("p_") || (name.size() > 1 && name[0] == 'p' && name[1] == 'p')) {
    ++pointers;
    name.remove_prefix(name[1] == '_' ? 2 : 1);
  }
  const Type* type = nullptr;
  if (name == "double") type = types_.double_type();
  if (name == "float") type = types_.float_type();
  if (name == "longdouble") type = types_.long_double();
  if (name == "bint") type = types_.bint();
  if (name == "void") type = types_.void_type();
  if (name == "object") type = object_;
  if (name == "longlong") type = types_.find_int("long long");
  if (name == "doublecomplex") type = types_.complex_of(types_.double_type());
  if (name == "floatcomplex") type = types_.complex_of(types_.float_type());
  if (name == "schar") type = types_.find_int("signed char");
  if (type == nullptr) type = types_.find_int(name);
  if (type == nullptr && name.starts_with("u"))
    type = types_.find_int("unsigned " +
                           std::string(name == "ulonglong" ? "long long" : name.substr(1)));
  if (type == nullptr && pointers == 0) type = builtin_type(name);
  for (; type != nullptr && pointers > 0; --pointers) type = types_.pointer_to(type);
  return type;
}

const Type* Analyzer::basic_ctype(const syntax::CBasicType& type) {
  const bool is_real = type.basic == CBasic::kFloat || type.basic == CBasic::kDouble ||
                       type.basic == CBasic::kLongDouble;
  if (type.is_complex && !is_real) not_supported(type.range, "complex numbers of integers");
  const Type* result = nullptr;
  switch (type.basic) {
    case CBasic::kVoid:
      return types_.void_type();
    case CBasic::kBint:
      return types_.bint();
    case CBasic::kFloat:
      result = types_.float_type();
      break;
    case CBasic::kDouble:
      result = types_.double_type();
      break;
    case CBasic::kLongDouble:
      result = types_.long_double();
      break;
    default: {
      std::string name(basic_name(type.basic));
      if (type.sign == CSign::kUnsigned) name = "unsigned " + name;
      if (type.sign == CSign::kSigned && type.basic == CBasic::kChar) name = "signed char";
      return types_.find_int(name);
    }
  }
  return type.is_complex ? types_.complex_of(result) : result;
}

// As far as it is declared: of np.x.y perhaps np.x. Null if there is none.
const Symbol* Analyzer::type_symbol(const syntax::CNamedType& type, Scope& scope) {
  static const Symbol kRefused = [] {
    Symbol symbol;
    symbol.kind = SymbolKind::kError;
    return symbol;
  }();
  const Symbol* symbol = nullptr;
  Scope* in = &scope;
  for (std::size_t i = 0; i < type.path.size(); ++i) {
    symbol = in->find(type.path[i].text);
    if (symbol == nullptr && refuse_unsupported(*in, type.path[i].text, type.range))
      return &kRefused;
    if (symbol == nullptr && in == &scope) symbol = module_symbol(type.path[i].text);
    if (symbol == nullptr || symbol->kind == SymbolKind::kError) return symbol;
    if (symbol->kind == SymbolKind::kCython && i + 1 < type.path.size()) return symbol;
    if (symbol->kind == SymbolKind::kModule && symbol->scope) in = symbol->scope.get();
  }
  return symbol;
}

const Type* Analyzer::named_ctype(const syntax::CNamedType& type, Scope& scope) {
  const Symbol* symbol = type_symbol(type, scope);
  if (symbol != nullptr && symbol->kind == SymbolKind::kError) return types_.error();
  if (symbol != nullptr && symbol->kind == SymbolKind::kCython && type.path.size() > 1) {
    // cython.int, cython.view.array
    std::string name = symbol->name;
    for (const syntax::Identifier& part : type.path.subspan(1))
      name += (name.empty() ? "" : ".") + std::string(part.text);
    return cython_type(name);
  }
  if (symbol != nullptr && symbol->kind == SymbolKind::kType) return symbol->type;
  if (symbol != nullptr && symbol->kind == SymbolKind::kCython)
    if (const Type* found = cython_type(symbol->name)) return found;
  if (type.path.size() == 1 && symbol == nullptr) {
    if (const Type* found = builtin_type(type.name())) return found;
  }
  return nullptr;
}

// Types of the module cython that there are, but not here yet.
bool Analyzer::refuse_cython_type(const syntax::CNamedType& type) {
  const Symbol* owner = scope_.find(type.path.front().text);
  if (owner == nullptr || owner->kind != SymbolKind::kCython) return false;
  const std::string_view name = type.path.back().text;
  const bool is_fused = name == "floating" || name == "integral" || name == "numeric";
  if (!is_fused && name != "pymutex") return false;
  not_supported(type.range, is_fused ? "fused types" : "cython.pymutex");
  return true;
}

const Type* Analyzer::ctype(const syntax::CType& type, Scope& scope) {
  switch (type.kind) {
    case CTypeKind::kImplicit:
      return object_;
    case CTypeKind::kBasic:
      return basic_ctype(as<syntax::CBasicType>(type));
    case CTypeKind::kNamed: {
      const auto& named = as<syntax::CNamedType>(type);
      if (const Type* found = named_ctype(named, scope)) return found;
      if (refuse_cython_type(named)) return types_.error();
      std::string path;
      for (const syntax::Identifier& part : named.path)
        path += (path.empty() ? "" : ".") + std::string(part.text);
      std::string hint = hint_for_type(named);
      diagnostics_.error("unknown-type", type.range, "'" + path + "' is not a type")
          .hint(std::move(hint));
      if (named.path.size() == 1) add_refused(scope_, named.path.front());
      return types_.error();
    }
    case CTypeKind::kPointer: {
      const Type* to = ctype(*as<syntax::CPointerType>(type).to, scope);
      if (to == types_.error()) return to;
      if (to->is_object()) {
        diagnostics_
            .error("pointer-to-object", type.range, "there are no pointers to Python objects")
            .hint("use 'PyObject *' of cpython.object, or a list");
        return types_.error();
      }
      if (refuse_view_part(*to, type.range, "there are no pointers to memoryviews"))
        return types_.error();
      return types_.pointer_to(to);
    }
    case CTypeKind::kArray: {
      const auto& array = as<syntax::CArrayType>(type);
      const Type* element = ctype(*array.element, scope);
      if (element == types_.error()) return element;
      if (element->is_object()) {
        diagnostics_
            .error("array-of-objects", type.range, "an array of C cannot hold Python objects")
            .hint("use a list");
        return types_.error();
      }
      if (refuse_view_part(*element, type.range, "an array of C cannot hold memoryviews"))
        return types_.error();
      const auto* inner = syntax::try_as<syntax::CArrayType>(array.element);
      if (inner != nullptr && inner->size == nullptr) {
        diagnostics_.error("incomplete-type", type.range,
                           "only the first dimension of an array can be left open");
        return types_.error();
      }
      if (array.size == nullptr) return types_.pointer_to(element);
      const std::optional<std::int64_t> size = constant_value(*array.size, scope);
      if (!size) {
        if (const auto text = c_constant(*array.size, scope))
          return types_.array_of(element, *text);
      }
      if (!size || *size < 0) {
        diagnostics_
            .error("array-size", array.size->range, "the size of a C array must be a constant")
            .hint("for a size that is known at run time use malloc of libc.stdlib, or np.empty(n)");
        return types_.pointer_to(element);
      }
      return types_.array_of(element, static_cast<std::size_t>(*size));
    }
    case CTypeKind::kFunction:
      return function_ctype(as<syntax::CFunctionType>(type), scope, false);
    case CTypeKind::kQualified: {
      const auto& qualified = as<syntax::CQualifiedType>(type);
      const Type* inner = ctype(*qualified.type, scope);
      if (inner == types_.error()) return inner;
      if (inner->is_object()) {
        diagnostics_.error("const-object", type.range,
                           "a Python object cannot be const or volatile");
        return types_.error();
      }
      return qualified.is_const ? types_.const_of(inner) : inner;
    }
    case CTypeKind::kTemplate: {
      const auto& base = as<syntax::CTemplateType>(type);
      const Type* inner = ctype(*base.base, scope);
      if (inner == types_.error()) return inner;
      if (inner == object_ || inner->extension != nullptr) return buffer_type(base, *inner, scope);
      // list[int], dict[str, int]: what is in it is not used.
      if (inner->is_object() && inner->object_class != ObjectClass::kAny) return inner;
      if (const Type* array = array_of_brackets(base, scope)) return array;
      not_supported(type.range, "C++ templates");
      return types_.error();
    }
    case CTypeKind::kMemoryView:
      return view_ctype(as<syntax::CMemoryViewType>(type), scope);
    case CTypeKind::kReference:
    case CTypeKind::kRvalueReference:
    case CTypeKind::kNested:
      not_supported(type.range, "C++ types");
      return types_.error();
    case CTypeKind::kTuple:
      return tuple_ctype(as<syntax::CTupleType>(type), scope);
    case CTypeKind::kError:
      return types_.error();
  }
  return object_;
}

// cdef Point[10] points; null if it is something else. Of Point[2][3] there are two with three
// each.
const Type* Analyzer::array_of_brackets(const syntax::CTemplateType& type, Scope& scope) {
  std::vector<std::size_t> sizes;  // the last one first
  const syntax::CType* item = &type;
  while (const auto* brackets = syntax::try_as<syntax::CTemplateType>(item)) {
    if (brackets->args.size() != 1 || !brackets->keywords.empty()) return nullptr;
    const std::optional<std::int64_t> size = constant_value(*brackets->args[0], scope);
    if (!size || *size < 0) return nullptr;
    sizes.push_back(static_cast<std::size_t>(*size));
    item = brackets->base;
  }
  const Type* made = ctype(*item, scope);
  if (made->is_counted()) return nullptr;
  for (const std::size_t size : sizes) made = types_.array_of(made, size);
  return made;
}

const Type* Analyzer::function_ctype(const syntax::CFunctionType& type, Scope& scope,
                                     bool is_extern, const Type* self) {
  const Type* result = ctype(*type.result, scope);
  // Callers pass and get the object; the memory is a matter of the function's body.
  if (result->buffer != nullptr) result = result->base;
  std::vector<tree::Parameter> parameters;
  for (const syntax::Param& param : type.params->params) {
    const auto* word = syntax::try_as<syntax::CNamedType>(param.type);
    // f(x), where x is no type, but the name of an object.
    if (self == nullptr && word != nullptr && word->may_be_name && param.name.empty() &&
        named_ctype(*word, scope) == nullptr) {
      parameters.push_back({std::string(word->name()), object_,
                            param.default_value != nullptr || param.default_elsewhere});
      continue;
    }
    const bool is_self = self != nullptr && parameters.empty();
    const Type* param_type = is_self ? self : ctype(*param.type, scope);
    if (param_type->buffer != nullptr) {
      if (type.nogil) {
        diagnostics_.error("buffer-place", param.range, "a buffer cannot be taken without the GIL");
      }
      param_type = param_type->base;
    }
    if (param_type->kind == TypeKind::kArray) param_type = types_.pointer_to(param_type->base);
    if (param_type->is_void()) refuse_void_parameter(param);
    parameters.push_back({std::string(param.name.text), param_type,
                          param.default_value != nullptr || param.default_elsewhere});
  }
  check_except(type.except, *result, scope);
  using syntax::ExceptKind;
  tree::Except except = tree::Except::kNever;
  std::string value;
  const bool has_sentinel = result->is_integral() || result->is_float() || result->is_pointer();
  switch (type.except.kind) {
    case ExceptKind::kUnspecified:
      if (is_extern || context_->directives.legacy_implicit_noexcept) break;
      except = has_sentinel ? tree::Except::kMaybeValue : tree::Except::kAlwaysAsk;
      value = result->is_pointer() ? "nullptr" : "-1";
      break;
    case ExceptKind::kNoexcept:
      break;
    case ExceptKind::kValue:
    case ExceptKind::kMaybeValue:
      except =
          type.except.kind == ExceptKind::kValue ? tree::Except::kValue : tree::Except::kMaybeValue;
      if (type.except.value != nullptr) {
        value = except_value(*type.except.value, scope);
      }
      break;
    case ExceptKind::kAlways:
      except = tree::Except::kAlwaysAsk;
      break;
    case ExceptKind::kCpp:
    case ExceptKind::kCppAlways:
      not_supported(type.range, "C++ exceptions");
      break;
  }
  if (result->is_counted()) {
    except = tree::Except::kNull;
    value.clear();
  }
  return types_.function(result, std::move(parameters), type.params->c_varargs, except,
                         std::move(value), type.nogil);
}

// How C++ spells what a function returns after an exception.
std::string Analyzer::except_value(const syntax::Expr& expr, Scope& scope) {
  using syntax::ExprKind;
  if (const auto constant = constant_value(expr, scope)) return std::to_string(*constant);
  switch (expr.kind) {
    case ExprKind::kNull:
      return "nullptr";
    case ExprKind::kFloat:
      return cpp_of(as<syntax::Float>(expr).value);
    case ExprKind::kInt:  // too large for an integer
      return std::string(as<syntax::Int>(expr).digits) + ".0";
    case ExprKind::kCast: {
      const auto& cast = as<syntax::Cast>(expr);
      const Type* type = ctype(*cast.type, scope);
      return "(" + tree::declare(*type, "") + ")(" + except_value(*cast.value, scope) + ")";
    }
    case ExprKind::kAttribute:
      if (const tree::EnumItem* item = enum_item(as<syntax::Attribute>(expr))) return item->cpp;
      break;
    case ExprKind::kName:
      if (const syntax::Expr* value = definition(as<syntax::Name>(expr).id))
        return except_value(*value, scope);
      break;
    default:
      break;
  }
  return std::string(sources_.text_of(expr.range));
}

const Type* Analyzer::type_of_expr(const syntax::Expr& expr) {
  using syntax::ExprKind;
  if (expr.kind == ExprKind::kTypeExpr) return ctype(*as<syntax::TypeExpr>(expr).type, here());
  if (const std::optional<std::string> name = cython_name(expr)) return cython_type(*name);
  if (expr.kind == ExprKind::kName) {
    const std::string_view id = as<syntax::Name>(expr).id;
    if (const Symbol* symbol = find_symbol(id))
      return symbol->kind == SymbolKind::kType ? symbol->type : nullptr;
    if (context_ != nullptr && context_->locals.contains(id)) return nullptr;
    const Type* type = builtin_type(id);
    if (type == nullptr && id == "double") type = types_.double_type();
    if (type == nullptr && id == "float") type = types_.float_type();
    return type;
  }
  if (expr.kind == ExprKind::kAttribute) {
    const Symbol* symbol = find_dotted(expr);
    return symbol != nullptr && symbol->kind == SymbolKind::kType ? symbol->type : nullptr;
  }
  return nullptr;
}

// Of T[5], where T is a type; null if it is something else.
const Type* Analyzer::array_type_of_expr(const syntax::Expr& expr) {
  const auto* subscript = syntax::try_as<syntax::Subscript>(&expr);
  if (subscript == nullptr) return nullptr;
  const Type* element = type_of_expr(*subscript->value);
  if (element == nullptr || element->is_object() || element == types_.error()) return nullptr;
  const std::optional<std::int64_t> size = constant_value(*subscript->slice, here());
  if (!size || *size < 0) return nullptr;
  return types_.array_of(element, static_cast<std::size_t>(*size));
}

// What can be computed at once: integers, names of such, and arithmetic on them.
std::optional<std::int64_t> Analyzer::constant_value(const syntax::Expr& expr, Scope& scope) {
  using syntax::ExprKind;
  using syntax::Operator;
  switch (expr.kind) {
    case ExprKind::kInt: {
      const auto& number = as<syntax::Int>(expr);
      if (!number.fits || number.value > INT64_MAX) return std::nullopt;
      return static_cast<std::int64_t>(number.value);
    }
    case ExprKind::kStr: {
      const auto& text = as<syntax::Str>(expr);
      if (text.str_kind != syntax::StrKind::kChar || text.bytes.size() != 1) return std::nullopt;
      return static_cast<unsigned char>(text.bytes[0]);
    }
    case ExprKind::kUnaryOp: {
      const auto& op = as<syntax::UnaryOp>(expr);
      const auto value = constant_value(*op.operand, scope);
      if (!value || op.op == syntax::UnaryOperator::kNot) return std::nullopt;
      if (op.op == syntax::UnaryOperator::kMinus) return -*value;
      return op.op == syntax::UnaryOperator::kInvert ? ~*value : *value;
    }
    case ExprKind::kBinOp: {
      const auto& op = as<syntax::BinOp>(expr);
      const auto a = constant_value(*op.left, scope);
      const auto b = constant_value(*op.right, scope);
      if (!a || !b) return std::nullopt;
      switch (op.op) {
        case Operator::kAdd:
          return *a + *b;
        case Operator::kSub:
          return *a - *b;
        case Operator::kMult:
          return *a * *b;
        case Operator::kLShift:
          return *b >= 0 && *b < 63 ? std::optional(*a << *b) : std::nullopt;
        case Operator::kBitOr:
          return *a | *b;
        case Operator::kBitAnd:
          return *a & *b;
        case Operator::kFloorDiv:
          return *b > 0 && *a >= 0 ? std::optional(*a / *b) : std::nullopt;
        default:
          return std::nullopt;
      }
    }
    case ExprKind::kCast: {
      const auto& cast = as<syntax::Cast>(expr);
      const auto value = constant_value(*cast.value, scope);
      const Type* type = value ? ctype(*cast.type, scope) : nullptr;
      const bool fits = type != nullptr && type->is_signed && !type->is_extern &&
                        *value >= INT32_MIN && *value <= INT32_MAX;
      const bool is_wide = type != nullptr &&
                           (type->kind == TypeKind::kInt || type->kind == TypeKind::kEnum) &&
                           type->rank >= 3;
      return fits && is_wide ? value : std::nullopt;
    }
    case ExprKind::kAttribute: {
      const tree::EnumItem* item = enum_item(as<syntax::Attribute>(expr));
      const bool is_number =
          item != nullptr && item->cpp.find_first_not_of("-0123456789") == std::string::npos;
      return is_number ? std::optional<std::int64_t>(std::stoll(item->cpp)) : std::nullopt;
    }
    case ExprKind::kName: {
      if (const syntax::Expr* value = definition(as<syntax::Name>(expr).id))
        return constant_value(*value, scope);
      const Symbol* symbol = scope.find(as<syntax::Name>(expr).id);
      if (symbol == nullptr) symbol = module_symbol(as<syntax::Name>(expr).id);
      if (symbol == nullptr || symbol->kind != SymbolKind::kConstant || symbol->cpp.empty() ||
          symbol->cpp.find_first_not_of("-0123456789") != std::string::npos)
        return std::nullopt;
      return std::stoll(symbol->cpp);
    }
    default:
      return std::nullopt;
  }
}

// How C++ spells a constant that constant_value() does not know; nothing if it is none.
std::optional<std::string> Analyzer::c_constant(const syntax::Expr& expr, Scope& scope) {
  using syntax::ExprKind;
  if (const auto value = constant_value(expr, scope)) return std::to_string(*value);
  if (const auto* size = syntax::try_as<syntax::SizeOf>(&expr)) {
    const Type* type = type_of_expr(*size->operand);
    const bool is_known = type != nullptr && type != types_.error() && type->is_complete;
    return is_known ? std::optional("sizeof(" + tree::declare(*type, "") + ")") : std::nullopt;
  }
  if (const auto* op = syntax::try_as<syntax::BinOp>(&expr)) {
    const auto left = c_constant(*op->left, scope);
    const auto right = c_constant(*op->right, scope);
    const bool is_plain = op->op == syntax::Operator::kAdd || op->op == syntax::Operator::kSub ||
                          op->op == syntax::Operator::kMult;
    if (!left || !right || !is_plain) return std::nullopt;
    return "(" + *left + " " + sign_of(op->op) + " " + *right + ")";
  }
  const Symbol* symbol =
      expr.kind == ExprKind::kName ? scope.find(as<syntax::Name>(expr).id) : find_dotted(expr);
  if (symbol == nullptr) return std::nullopt;
  if (symbol->kind == SymbolKind::kConstant) return symbol->cpp;
  const bool is_constant = symbol->kind == SymbolKind::kVariable &&
                           extern_variables_.contains(symbol->variable) &&
                           symbol->variable->type->unqualified != nullptr;
  return is_constant ? std::optional(symbol->variable->cpp) : std::nullopt;
}

}  // namespace engineroom::sema
