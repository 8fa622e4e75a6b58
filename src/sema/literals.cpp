// Numbers, text and f-strings as written.
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
    case ExprKind::kInt:
      return int_literal(as<syntax::Int>(e), wanted);
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
    case ExprKind::kStr:
      return str_literal(as<syntax::Str>(e), wanted);
    default:
      return none(e.range);
  }
}

ExprPtr Analyzer::int_literal(const syntax::Int& number, const Type* wanted) {
  const bool is_long = number.fits && number.value <= INT64_MAX;
  if (is_long && !number.unsigned_suffix) {
    const Type* type = number.long_suffix == 2 ? types_.find_int("long long") : types_.long_type();
    return c_literal(type, std::to_string(number.value) + "L", number.range);
  }
  if (number.fits && (number.unsigned_suffix || (wanted != nullptr && wanted->is_integral()))) {
    const bool is_long_long = number.long_suffix == 2;
    return c_literal(types_.find_int(is_long_long ? "unsigned long long" : "unsigned long"),
                     std::to_string(number.value) + "UL", number.range);
  }
  std::string text(number.digits);
  if (number.base == 16) text.insert(0, "0x");
  if (number.base == 8) text.insert(0, "0o");
  if (number.base == 2) text.insert(0, "0b");
  return constant({tree::ConstantKind::kInt, std::move(text), 0, {}}, ObjectClass::kInt,
                  number.range);
}

// As a number of C, where one is wanted or written; null if it is none.
ExprPtr Analyzer::char_literal(const syntax::Str& text, const Type* wanted) {
  if (text.str_kind == syntax::StrKind::kChar && !text.bytes.empty())
    return c_literal(types_.char_type(),
                     "'\\x" + std::string(1, "0123456789abcdef"[(text.bytes[0] >> 4) & 15]) +
                         std::string(1, "0123456789abcdef"[text.bytes[0] & 15]) + "'",
                     text.range);
  const bool wants_char = wanted != nullptr && wanted->kind == TypeKind::kInt;
  const std::string_view chars =
      text.str_kind == syntax::StrKind::kUnicode ? text.text : text.bytes;
  if (wants_char && chars.size() == 1 && has_bytes(text) && wanted != types_.ucs4())
    return c_literal(types_.char_type(), std::to_string(static_cast<signed char>(chars[0])),
                     text.range);
  if (wants_char && wanted != types_.ucs4() && is_byte(text))
    return c_literal(types_.char_type(),
                     std::to_string(static_cast<signed char>(syntax::decode_utf8(text.text).code)),
                     text.range);
  if (wanted == types_.ucs4() && text.str_kind != syntax::StrKind::kBytes && !text.text.empty()) {
    const syntax::Character first = syntax::decode_utf8(text.text);
    if (first.size == text.text.size())
      return c_literal(wanted, std::to_string(static_cast<std::uint32_t>(first.code)) + "u",
                       text.range);
  }
  return nullptr;
}

ExprPtr Analyzer::str_literal(const syntax::Str& text, const Type* wanted) {
  if (ExprPtr character = char_literal(text, wanted)) return character;
  const bool is_bytes = text.str_kind == syntax::StrKind::kBytes;
  const bool wants_chars = wanted != nullptr && wanted->is_char_pointer();
  const bool wants_memory = wanted != nullptr && wanted->is_pointer() && wanted->base->is_void();
  if ((wants_chars && has_bytes(text)) || (wants_memory && (is_bytes || is_ascii(text.text)))) {
    if (refuse_recoded_bytes(text)) return error_value(text.range);
    const bool is_text = text.str_kind == syntax::StrKind::kUnicode;
    std::string cpp = "(" + wanted->cpp + ")" + cpp_string(is_text ? text.text : text.bytes);
    return c_literal(wanted, std::move(cpp), text.range);
  }
  if (is_bytes && refuse_recoded_bytes(text)) return error_value(text.range);
  if (is_bytes)
    return constant({tree::ConstantKind::kBytes, std::string(text.bytes), 0, {}},
                    ObjectClass::kBytes, text.range);
  return str_constant(text.text, text.range);
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

}  // namespace engineroom::sema
