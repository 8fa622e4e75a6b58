// Annotations as types: def f(x: int, y: float, z: Optional[list]) -> str, and n: cython.int = 1.
//
// What is no type of Cython's is ignored, as it is for the reader. Python's names mean Python's
// types, of which float, bool and complex are C's: C has the same values.
#include <algorithm>
#include <array>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

namespace {

// typing.List[int] and the like: its last part.
std::string_view last_name(const syntax::Expr& e) {
  if (e.kind == ExprKind::kName) return as<syntax::Name>(e).id;
  if (e.kind == ExprKind::kAttribute) return as<syntax::Attribute>(e).attr.text;
  return "";
}

std::string_view without_typing(std::string_view name) {
  using Pair = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Pair, 6> kTyping = {{{"List", "list"},
                                            {"Tuple", "tuple"},
                                            {"Dict", "dict"},
                                            {"Set", "set"},
                                            {"FrozenSet", "frozenset"},
                                            {"Type", "type"}}};
  const auto* found = std::find_if(kTyping.begin(), kTyping.end(),
                                   [name](const Pair& pair) { return pair.first == name; });
  return found != kTyping.end() ? found->second : name;
}

}  // namespace

// The type of one of Python's names; null if it says nothing.
const Type* Analyzer::annotated_name(std::string_view name) {
  if (name == "float") return types_.double_type();
  if (name == "bool") return types_.bint();
  if (name == "complex") return types_.complex_of(types_.double_type());
  constexpr std::array<std::string_view, 13> kClasses = {
      "int",   "list",      "tuple", "dict",  "set",  "frozenset",    "str",
      "bytes", "bytearray", "slice", "range", "type", "BaseException"};
  if (name == "int") return types_.object(ObjectClass::kInt);
  const bool is_class = std::find(kClasses.begin(), kClasses.end(), name) != kClasses.end();
  return is_class ? builtin_type(name) : nullptr;
}

Analyzer::Annotation Analyzer::annotation(const syntax::Expr& e) {
  if (!context_->directives.annotation_typing) return {};
  switch (e.kind) {
    case ExprKind::kName: {
      const std::string_view id = as<syntax::Name>(e).id;
      if (cython_name(e)) return {type_of_expr(e), false};
      if (const Symbol* symbol = find_symbol(id))
        return {symbol->kind == SymbolKind::kType ? symbol->type : nullptr, false};
      if (is_builtin(id)) return {annotated_name(id), false};
      return {annotated_name(without_typing(id) == id ? "" : without_typing(id)), false};
    }
    case ExprKind::kAttribute:
      if (cython_name(e)) return {type_of_expr(e), false};
      if (last_name(*as<syntax::Attribute>(e).value) != "typing") return {};
      return {annotated_name(without_typing(as<syntax::Attribute>(e).attr.text)), false};
    case ExprKind::kStr:
      return {annotated_name(as<syntax::Str>(e).text), false};
    case ExprKind::kSubscript: {
      const auto& subscript = as<syntax::Subscript>(e);
      const std::string_view name = last_name(*subscript.value);
      if (name == "Optional") return or_none(annotation(*subscript.slice));
      if (name == "Union") {
        const auto* parts = syntax::try_as<syntax::Tuple>(subscript.slice);
        const bool is_pair = parts != nullptr && parts->elts.size() == 2;
        return is_pair ? either_none(*parts->elts[0], *parts->elts[1]) : Annotation{};
      }
      if (is_view_annotation(subscript)) {
        const syntax::CType* written = written_ctype(e);
        return {written != nullptr ? ctype(*written, here()) : nullptr, false};
      }
      if (is_c_tuple(subscript)) {
        not_supported(e.range, "C tuples");
        return {};
      }
      // list[int]: what is in it is not looked at.
      Annotation container = annotation(*subscript.value);
      const bool is_class = container.type != nullptr && container.type->is_object();
      if (container.type != nullptr && !is_class && subscript.slice->kind == ExprKind::kInt)
        return {array_type_of_expr(e), false};  // cython.int[3]
      return is_class ? container : Annotation{};
    }
    case ExprKind::kBinOp: {
      const auto& binary = as<syntax::BinOp>(e);
      if (binary.op != syntax::Operator::kBitOr) return {};
      return either_none(*binary.left, *binary.right);
    }
    default:
      return {};
  }
}

// cython.double[:, ::1], double[:]
bool Analyzer::is_view_annotation(const syntax::Subscript& e) {
  const auto* axes = syntax::try_as<syntax::Tuple>(e.slice);
  if (axes == nullptr) return e.slice->kind == ExprKind::kSlice;
  return !axes->elts.empty() &&
         std::all_of(axes->elts.begin(), axes->elts.end(),
                     [](const syntax::Expr* axis) { return axis->kind == ExprKind::kSlice; });
}

// tuple[cython.int, cython.double], of C types alone: its items are converted.
bool Analyzer::is_c_tuple(const syntax::Subscript& e) {
  if (without_typing(last_name(*e.value)) != "tuple") return false;
  const auto is_c = [this](const syntax::Expr& item) {
    if (!cython_name(item)) return false;
    const Type* type = type_of_expr(item);
    return type != nullptr && !type->is_object();
  };
  const auto* items = syntax::try_as<syntax::Tuple>(e.slice);
  if (items == nullptr) return is_c(*e.slice);
  return !items->elts.empty() &&
         std::all_of(items->elts.begin(), items->elts.end(),
                     [&is_c](const syntax::Expr* item) { return is_c(*item); });
}

// T | None, either way round.
Analyzer::Annotation Analyzer::either_none(const syntax::Expr& a, const syntax::Expr& b) {
  if (a.kind == ExprKind::kNone) return or_none(annotation(b));
  if (b.kind == ExprKind::kNone) return or_none(annotation(a));
  return {};
}

// C has no None: a float that may be None is one of Python's.
Analyzer::Annotation Analyzer::or_none(Annotation annotation) const {
  const Type* type = annotation.type;
  if (type == nullptr) return {};
  if (type == types_.double_type()) type = types_.object(ObjectClass::kFloat);
  return {type->is_counted() ? type : nullptr, true};
}

}  // namespace engineroom::sema
