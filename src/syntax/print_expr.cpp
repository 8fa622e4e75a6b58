// Expressions, types and patterns as one line of text.
#include <array>
#include <string>

#include "base/json.h"
#include "syntax/print.h"

namespace engineroom::syntax {
namespace {

constexpr std::array<const char*, 13> kOperators = {"+",  "-",  "*",  "@", "/", "//", "%",
                                                    "**", "<<", ">>", "|", "^", "&"};
constexpr std::array<const char*, 10> kComparisons = {"==", "!=", "<",      "<=", ">",
                                                      ">=", "is", "is not", "in", "not in"};
constexpr std::array<const char*, 10> kBasics = {
    "void", "char", "short", "int", "long", "long long", "float", "double", "long double", "bint"};

const char* comparison(CompareOperator op) { return kComparisons[static_cast<std::size_t>(op)]; }

class ExprPrinter {
 public:
  void expr(const Expr& expr);
  void type(const CType& type);
  void pattern(const Pattern& pattern);
  void params(const Params& params);
  void param(const Param& param);
  std::string take() { return std::move(out_); }

 private:
  ExprPrinter& put(std::string_view text) {
    out_ += text;
    return *this;
  }
  // Nothing for null.
  ExprPrinter& put(const Expr* child) {
    if (child != nullptr) expr(*child);
    return *this;
  }
  ExprPrinter& put(const CType* child) {
    type(*child);
    return *this;
  }
  ExprPrinter& put(const Pattern* child) {
    pattern(*child);
    return *this;
  }
  template <typename T, typename F>
  void list(List<T> items, const F& each, std::string_view separator = ", ") {
    bool is_first = true;
    for (const T& item : items) {
      if (!is_first) out_ += separator;
      is_first = false;
      each(item);
    }
  }
  template <typename Node>
  void list_nodes(List<const Node*> items, std::string_view separator = ", ") {
    list(items, [&](const Node* item) { put(item); }, separator);
  }

  void literal(const Expr& expr);
  void integer(const Int& number);
  void str(const Str& str);
  void quoted_bytes(std::string_view bytes);
  void parts(std::string_view prefix, List<const Expr*> values);
  void access(const Expr& expr);
  void display(const Expr& expr);
  void arguments(List<const Expr*> args, List<Keyword> keywords);
  void comprehension(List<Comprehension> generators);
  void cython(const Expr& expr);
  void function_type(const CFunctionType& function);

  std::string out_;
};

void ExprPrinter::expr(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kName:
      put(as<Name>(expr).id);
      return;
    case ExprKind::kBoolOp: {
      const BoolOp& node = as<BoolOp>(expr);
      put("(");
      list_nodes(node.values, node.op == BoolOperator::kAnd ? " and " : " or ");
      put(")");
      return;
    }
    case ExprKind::kBinOp: {
      const BinOp& node = as<BinOp>(expr);
      put("(").put(node.left).put(" ").put(kOperators[static_cast<std::size_t>(node.op)]);
      put(" ").put(node.right).put(")");
      return;
    }
    case ExprKind::kUnaryOp: {
      const UnaryOp& node = as<UnaryOp>(expr);
      constexpr std::array<const char*, 4> kSigns = {"~", "not ", "+", "-"};
      put("(").put(kSigns[static_cast<std::size_t>(node.op)]).put(node.operand).put(")");
      return;
    }
    case ExprKind::kCompare: {
      const Compare& node = as<Compare>(expr);
      put("(").put(node.left);
      for (const Comparison& each : node.rest)
        put(" ").put(comparison(each.op)).put(" ").put(each.right);
      put(")");
      return;
    }
    case ExprKind::kIfExp: {
      const IfExp& node = as<IfExp>(expr);
      put("(").put(node.body).put(" if ").put(node.test).put(" else ").put(node.orelse).put(")");
      return;
    }
    case ExprKind::kNamedExpr:
      put("(").put(as<NamedExpr>(expr).target).put(" := ");
      put(as<NamedExpr>(expr).value).put(")");
      return;
    case ExprKind::kLambda:
      put("(lambda ");
      params(*as<Lambda>(expr).params);
      put(": ").put(as<Lambda>(expr).body).put(")");
      return;
    case ExprKind::kYield:
      put("(yield");
      if (as<Yield>(expr).value != nullptr) put(" ").put(as<Yield>(expr).value);
      put(")");
      return;
    case ExprKind::kYieldFrom:
      put("(yield from ").put(as<YieldFrom>(expr).value).put(")");
      return;
    case ExprKind::kAwait:
      put("(await ").put(as<Await>(expr).value).put(")");
      return;
    case ExprKind::kError:
      put("<error>");
      return;
    case ExprKind::kAttribute:
    case ExprKind::kSubscript:
    case ExprKind::kSlice:
    case ExprKind::kCall:
    case ExprKind::kStarred:
      return access(expr);
    case ExprKind::kTuple:
    case ExprKind::kList:
    case ExprKind::kSet:
    case ExprKind::kDict:
    case ExprKind::kListComp:
    case ExprKind::kSetComp:
    case ExprKind::kDictComp:
    case ExprKind::kGeneratorExp:
      return display(expr);
    case ExprKind::kRepr:
    case ExprKind::kCast:
    case ExprKind::kAddressOf:
    case ExprKind::kSizeOf:
    case ExprKind::kNew:
    case ExprKind::kTypeExpr:
      return cython(expr);
    default:
      return literal(expr);
  }
}

void ExprPrinter::literal(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNone:
      put("None");
      return;
    case ExprKind::kTrue:
      put("True");
      return;
    case ExprKind::kFalse:
      put("False");
      return;
    case ExprKind::kEllipsis:
      put("...");
      return;
    case ExprKind::kNull:
      put("NULL");
      return;
    case ExprKind::kInt:
      return integer(as<Int>(expr));
    case ExprKind::kFloat:
      put(as<Float>(expr).digits);
      return;
    case ExprKind::kImaginary:
      put(as<Imaginary>(expr).digits).put("j");
      return;
    case ExprKind::kStr:
      return str(as<Str>(expr));
    case ExprKind::kJoinedStr:
      return parts("f", as<JoinedStr>(expr).values);
    case ExprKind::kTemplateStr:
      return parts("t", as<TemplateStr>(expr).values);
    case ExprKind::kFormattedValue: {
      const FormattedValue& field = as<FormattedValue>(expr);
      put("{").put(field.value);
      if (field.conversion != 0) put("!").put(std::string(1, field.conversion));
      if (field.format_spec != nullptr) put(":").put(field.format_spec);
      put("}");
      return;
    }
    default:
      return;
  }
}

void ExprPrinter::integer(const Int& number) {
  if (number.base == 16) put("0x");
  if (number.base == 8) put("0o");
  if (number.base == 2) put("0b");
  put(number.digits);
  if (number.unsigned_suffix) put("U");
  for (int i = 0; i < number.long_suffix; ++i) put("L");
}

void ExprPrinter::str(const Str& str) {
  switch (str.str_kind) {
    case StrKind::kUnicode:
      put("u");
      append_json_quoted(out_, str.text);
      return;
    case StrKind::kStr:
      append_json_quoted(out_, str.text);
      return;
    case StrKind::kBytes:
      put("b");
      return quoted_bytes(str.bytes);
    case StrKind::kChar:
      put("c");
      return quoted_bytes(str.bytes);
  }
}

void ExprPrinter::quoted_bytes(std::string_view bytes) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  put("\"");
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\') {
      out_ += c;
    } else {
      out_ += "\\x";
      out_ += kHexDigits[byte >> 4];
      out_ += kHexDigits[byte & 15];
    }
  }
  put("\"");
}

void ExprPrinter::parts(std::string_view prefix, List<const Expr*> values) {
  put(prefix).put("(");
  list_nodes(values, " ");
  put(")");
}

void ExprPrinter::access(const Expr& expr) {
  if (const Attribute* node = try_as<Attribute>(&expr)) {
    put(node->value).put(".").put(node->attr.text);
  } else if (const Subscript* subscript = try_as<Subscript>(&expr)) {
    put(subscript->value).put("[").put(subscript->slice).put("]");
  } else if (const Slice* slice = try_as<Slice>(&expr)) {
    put(slice->lower).put(":").put(slice->upper);
    if (slice->step != nullptr) put(":").put(slice->step);
  } else if (const Starred* starred = try_as<Starred>(&expr)) {
    put("*").put(starred->value);
  } else {
    const Call& call = as<Call>(expr);
    put(call.func);
    arguments(call.args, call.keywords);
  }
}

void ExprPrinter::arguments(List<const Expr*> args, List<Keyword> keywords) {
  put("(");
  list_nodes(args);
  if (!args.empty() && !keywords.empty()) put(", ");
  list(keywords, [&](const Keyword& keyword) {
    if (keyword.name.empty()) {
      put("**");
    } else {
      put(keyword.name.text).put("=");
    }
    put(keyword.value);
  });
  put(")");
}

void ExprPrinter::display(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kTuple:
      put("(");
      list_nodes(as<Tuple>(expr).elts);
      if (as<Tuple>(expr).elts.size() == 1) put(",");
      put(")");
      return;
    case ExprKind::kList:
      put("[");
      list_nodes(as<ListExpr>(expr).elts);
      put("]");
      return;
    case ExprKind::kSet:
      put("{");
      list_nodes(as<Set>(expr).elts);
      put("}");
      return;
    case ExprKind::kDict:
      put("{");
      list(as<Dict>(expr).items, [&](const DictItem& item) {
        if (item.key == nullptr) {
          put("**");
        } else {
          put(item.key).put(": ");
        }
        put(item.value);
      });
      put("}");
      return;
    case ExprKind::kListComp:
      put("[").put(as<ListComp>(expr).elt);
      comprehension(as<ListComp>(expr).generators);
      put("]");
      return;
    case ExprKind::kSetComp:
      put("{").put(as<SetComp>(expr).elt);
      comprehension(as<SetComp>(expr).generators);
      put("}");
      return;
    case ExprKind::kGeneratorExp:
      put("(").put(as<GeneratorExp>(expr).elt);
      comprehension(as<GeneratorExp>(expr).generators);
      put(")");
      return;
    default: {
      const DictComp& node = as<DictComp>(expr);
      put("{");
      if (node.key == nullptr) {
        put("**");
      } else {
        put(node.key).put(": ");
      }
      put(node.value);
      comprehension(node.generators);
      put("}");
      return;
    }
  }
}

void ExprPrinter::comprehension(List<Comprehension> generators) {
  for (const Comprehension& generator : generators) {
    put(generator.is_async ? " async for " : " for ").put(generator.target);
    if (generator.iter != nullptr) {
      put(" in ").put(generator.iter);
    } else {
      const ForBounds& bounds = *generator.bounds;
      put(" from ").put(bounds.lower).put(" ").put(comparison(bounds.relation1)).put(" _ ");
      put(comparison(bounds.relation2)).put(" ").put(bounds.upper);
      if (bounds.step != nullptr) put(" by ").put(bounds.step);
    }
    for (const Expr* condition : generator.ifs) put(" if ").put(condition);
  }
}

void ExprPrinter::cython(const Expr& expr) {
  if (const Repr* repr = try_as<Repr>(&expr)) {
    put("`").put(repr->value).put("`");
  } else if (const Cast* cast = try_as<Cast>(&expr)) {
    put("<").put(cast->type).put(cast->checked ? "?>" : ">").put(cast->value);
  } else if (const AddressOf* address = try_as<AddressOf>(&expr)) {
    put("(&").put(address->value).put(")");
  } else if (const SizeOf* size = try_as<SizeOf>(&expr)) {
    put("sizeof(").put(size->operand).put(")");
  } else if (const New* made = try_as<New>(&expr)) {
    put("new ").put(made->type);
    arguments(made->args, made->keywords);
  } else {
    put("type ").put(as<TypeExpr>(expr).type);
  }
}

// ---- types ----

void ExprPrinter::type(const CType& type) {
  switch (type.kind) {
    case CTypeKind::kImplicit:
      put("object?");
      return;
    case CTypeKind::kBasic: {
      const CBasicType& basic = as<CBasicType>(type);
      if (basic.sign != CSign::kPlain) put(basic.sign == CSign::kSigned ? "signed " : "unsigned ");
      put(kBasics[static_cast<std::size_t>(basic.basic)]);
      if (basic.is_complex) put(" complex");
      return;
    }
    case CTypeKind::kNamed:
      list(as<CNamedType>(type).path, [&](const Identifier& part) { put(part.text); }, ".");
      if (as<CNamedType>(type).may_be_name) put("?");
      return;
    case CTypeKind::kTemplate: {
      const CTemplateType& node = as<CTemplateType>(type);
      put(node.base).put("[");
      list_nodes(node.args);
      if (!node.args.empty() && !node.keywords.empty()) put(", ");
      list(node.keywords,
           [&](const Keyword& keyword) { put(keyword.name.text).put("=").put(keyword.value); });
      put("]");
      return;
    }
    case CTypeKind::kNested:
      put(as<CNestedType>(type).outer).put(".").put(as<CNestedType>(type).name.text);
      return;
    case CTypeKind::kPointer:
      put("pointer(").put(as<CPointerType>(type).to).put(")");
      return;
    case CTypeKind::kReference:
      put("reference(").put(as<CReferenceType>(type).to).put(")");
      return;
    case CTypeKind::kRvalueReference:
      put("rvalue(").put(as<CRvalueReferenceType>(type).to).put(")");
      return;
    case CTypeKind::kArray:
      put("array(").put(as<CArrayType>(type).element).put(", ");
      put(as<CArrayType>(type).size).put(")");
      return;
    case CTypeKind::kFunction:
      return function_type(as<CFunctionType>(type));
    case CTypeKind::kQualified: {
      const CQualifiedType& node = as<CQualifiedType>(type);
      if (node.is_const) put("const ");
      if (node.is_volatile) put("volatile ");
      put(node.type);
      return;
    }
    case CTypeKind::kMemoryView:
      put("view(").put(as<CMemoryViewType>(type).element);
      for (const Slice* axis : as<CMemoryViewType>(type).axes) put(", ").put(axis);
      put(")");
      return;
    case CTypeKind::kTuple:
      put("tuple(");
      list_nodes(as<CTupleType>(type).items);
      put(")");
      return;
    case CTypeKind::kError:
      put("<error>");
      return;
  }
}

void ExprPrinter::function_type(const CFunctionType& function) {
  put("function(");
  params(*function.params);
  put(") -> ").put(function.result);
  switch (function.except.kind) {
    case ExceptKind::kUnspecified:
      break;
    case ExceptKind::kNoexcept:
      put(" noexcept");
      break;
    case ExceptKind::kValue:
      put(" except ").put(function.except.value);
      break;
    case ExceptKind::kMaybeValue:
      put(" except? ").put(function.except.value);
      break;
    case ExceptKind::kAlways:
      put(" except *");
      break;
    case ExceptKind::kCpp:
      put(" except +").put(function.except.value);
      break;
    case ExceptKind::kCppAlways:
      put(" except +*");
      break;
  }
  if (function.with_gil) {
    put(" with gil");
  } else if (function.nogil) {
    put(" nogil");
  }
  if (!function.calling_convention.empty()) put(" ").put(function.calling_convention);
}

void ExprPrinter::params(const Params& params) {
  bool star_seen = false;
  for (std::size_t i = 0; i < params.params.size(); ++i) {
    const Param& each = params.params[i];
    if (i > 0) put(", ");
    if (each.kind == ParamKind::kKeywordOnly && !star_seen) put("*, ");
    star_seen = star_seen || each.kind >= ParamKind::kVarArgs;
    param(each);
    const bool last_positional_only =
        each.kind == ParamKind::kPositionalOnly &&
        (i + 1 == params.params.size() || params.params[i + 1].kind != ParamKind::kPositionalOnly);
    if (last_positional_only) put(", /");
  }
  if (params.c_varargs) put(params.params.empty() ? "..." : ", ...");
}

void ExprPrinter::param(const Param& param) {
  if (param.kind == ParamKind::kVarArgs) put("*");
  if (param.kind == ParamKind::kVarKeywords) put("**");
  if (param.type->kind != CTypeKind::kImplicit) {
    put(param.type);
    if (!param.name.empty()) put(" ");
  }
  put(param.name.text);
  if (param.none_rule != NoneRule::kUnspecified)
    put(param.none_rule == NoneRule::kNotNone ? " not None" : " or None");
  if (param.annotation != nullptr) put(": ").put(param.annotation);
  if (param.default_value != nullptr) put("=").put(param.default_value);
  if (param.default_elsewhere) put("=*");
}

// ---- patterns ----

void ExprPrinter::pattern(const Pattern& pattern) {
  switch (pattern.kind) {
    case PatternKind::kMatchValue:
      put(as<MatchValue>(pattern).value);
      return;
    case PatternKind::kMatchSingleton:
      put("is ").put(as<MatchSingleton>(pattern).value);
      return;
    case PatternKind::kMatchSequence:
      put("[");
      list_nodes(as<MatchSequence>(pattern).patterns);
      put("]");
      return;
    case PatternKind::kMatchMapping: {
      const MatchMapping& mapping = as<MatchMapping>(pattern);
      put("{");
      list(mapping.items,
           [&](const MatchMappingItem& item) { put(item.key).put(": ").put(item.pattern); });
      if (!mapping.rest.empty()) put(mapping.items.empty() ? "**" : ", **").put(mapping.rest.text);
      put("}");
      return;
    }
    case PatternKind::kMatchClass: {
      const MatchClass& node = as<MatchClass>(pattern);
      put(node.cls).put("(");
      list_nodes(node.patterns);
      if (!node.patterns.empty() && !node.keywords.empty()) put(", ");
      list(node.keywords, [&](const MatchKeyword& keyword) {
        put(keyword.name.text).put("=").put(keyword.pattern);
      });
      put(")");
      return;
    }
    case PatternKind::kMatchStar: {
      const MatchStar& star = as<MatchStar>(pattern);
      put("*").put(star.name.empty() ? "_" : star.name.text);
      return;
    }
    case PatternKind::kMatchAs: {
      const MatchAs& node = as<MatchAs>(pattern);
      if (node.pattern != nullptr) put("(").put(node.pattern).put(" as ");
      put(node.name.empty() ? "_" : node.name.text);
      if (node.pattern != nullptr) put(")");
      return;
    }
    case PatternKind::kMatchOr:
      put("(");
      list_nodes(as<MatchOr>(pattern).patterns, " | ");
      put(")");
      return;
  }
}

}  // namespace

std::string print(const Expr& expr) {
  ExprPrinter printer;
  printer.expr(expr);
  return printer.take();
}

std::string print(const CType& type) {
  ExprPrinter printer;
  printer.type(type);
  return printer.take();
}

std::string print(const Pattern& pattern) {
  ExprPrinter printer;
  printer.pattern(pattern);
  return printer.take();
}

std::string print(const Params& params) {
  ExprPrinter printer;
  printer.params(params);
  return printer.take();
}

}  // namespace engineroom::syntax
