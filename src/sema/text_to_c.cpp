// What of text and lists C can take, and what is a mistake that can be seen at once: at run time
// it could only fail.
#include <algorithm>

#include "sema/analyzer.h"
#include "syntax/unicode.h"

namespace engineroom::sema {

using syntax::in_quotes;

namespace {

const tree::Constant* text_constant(const tree::Expr& value, const tree::Module& module) {
  const auto* made = tree::try_as<tree::PyConstant>(&value);
  if (made == nullptr) return nullptr;
  const tree::Constant& constant = module.constants[made->index];
  const bool is_text =
      constant.kind == tree::ConstantKind::kStr || constant.kind == tree::ConstantKind::kBytes;
  return is_text ? &constant : nullptr;
}

// The code of the only character of a text in UTF-8.
std::optional<long> only_character(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const syntax::Character first = syntax::decode_utf8(text);
  return first.size == text.size() ? std::optional<long>(first.code) : std::nullopt;
}

}  // namespace

// A literal of one character as an integer of C, its code; null if it is something else.
ExprPtr Analyzer::character_code(const tree::Expr& value, const Type& to) {
  const tree::Constant* text = to.kind == TypeKind::kInt ? text_constant(value, out_) : nullptr;
  if (text == nullptr) return nullptr;
  const bool is_bytes = text->kind == tree::ConstantKind::kBytes;
  const bool is_character = &to == types_.ucs4();
  std::optional<long> code;
  if (!is_bytes) {
    code = only_character(text->text);
  } else if (text->text.size() == 1) {
    code = static_cast<unsigned char>(text->text[0]);
  }
  if (!code || (is_character ? is_bytes : *code > 0xFF)) return nullptr;
  if (to.rank == 1 && to.is_signed && *code > 0x7F) *code -= 0x100;
  return c_literal(&to, std::to_string(*code), value.range);
}

// True, and says so, if the object can never become a value of the type.
bool Analyzer::refuse_text(const tree::Expr& value, const Type& to) {
  const auto* display = tree::try_as<tree::Helper>(&value);
  const tree::Constant* text = text_constant(value, out_);
  if (to.is_numeric()) {
    if (text != nullptr) return refuse_text_as_number(value, *text, to);
    if (display == nullptr || display->name != "er::make_list") return false;
    diagnostics_.error("conversion", value.range, "cannot convert a list to " + in_quotes(to.name));
    return true;
  }
  const bool is_str = value.type->object_class == ObjectClass::kStr;
  if (!is_str || !to.is_char_pointer()) return false;
  diagnostics_
      .error("conversion", value.range,
             "cannot convert a str to " + in_quotes(to.name) + ": how is it encoded?")
      .hint(text != nullptr ? "write b\"...\", with the bytes that are meant"
                            : "make bytes of it, and keep them: 'data = text.encode()'");
  return true;
}

bool Analyzer::refuse_text_as_number(const tree::Expr& value, const tree::Constant& text,
                                     const Type& to) {
  const std::string written(sources_.text_of(value.range));
  const bool is_bytes = text.kind == tree::ConstantKind::kBytes;
  std::string hint;
  if (&to == types_.ucs4()) {
    hint = is_bytes ? "a Py_UCS4 is a character of a str: leave out the b"
                    : "a Py_UCS4 holds exactly one character";
  } else if (to.is_float()) {
    hint = "to read a number from text, write 'float(" + written + ")'";
  } else {
    const bool is_number = text.text.find_first_not_of("0123456789") == std::string::npos;
    hint = is_number ? "to read a number from text, write 'int(" + written + ")'"
                     : "only a literal of one ASCII character is an integer of C: its code";
  }
  diagnostics_.error("conversion", value.range, "cannot convert text to " + in_quotes(to.name))
      .hint(std::move(hint));
  return true;
}

// A char * says nothing of how its bytes are to be read as characters.
bool Analyzer::refuse_decoding(const tree::Expr& value, const Type& to) {
  if (!value.type->is_char_pointer() || to.object_class != ObjectClass::kStr) return false;
  const std::string written(sources_.text_of(value.range));
  diagnostics_
      .error("conversion", value.range,
             "cannot convert " + in_quotes(value.type->name) + " to a str: how is it encoded?")
      .hint("decode it: '" + (written.size() <= 30 ? written : "p") + ".decode()'");
  return true;
}

}  // namespace engineroom::sema
