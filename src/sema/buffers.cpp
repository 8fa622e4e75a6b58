// np.ndarray[np.double_t, ndim=2] x: variables whose memory is looked at as items of C.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using tree::BufferLayout;
using tree::BufferMode;

namespace {

constexpr int kMaxDimensions = 8;

// How a type was written, without the module it is from.
std::string shown_type(std::string_view written, const Type& type) {
  const std::size_t dot = written.rfind('.');
  if (dot != std::string_view::npos) written.remove_prefix(dot + 1);
  const bool is_word = written.find_first_of(" \t*&<([,") == std::string_view::npos;
  return is_word && !type.is_object() ? std::string(written) : type.name;
}

bool is_item(const Type& type) {
  if (type.is_object()) return type.extension == nullptr && type.buffer == nullptr;
  return type.is_numeric() || type.kind == TypeKind::kStruct;
}

}  // namespace

void Analyzer::set_buffer_option(std::string_view name, const syntax::Expr& value,
                                 BufferLayout& layout, Scope& scope) {
  const auto wrong = [&](const std::string& what) {
    diagnostics_.error("buffer-option", value.range, what);
  };
  if (name == "dtype") {
    const Type* type = nullptr;
    if (value.kind == ExprKind::kTypeExpr) type = ctype(*as<syntax::TypeExpr>(value).type, scope);
    if (type == nullptr) type = type_of_expr(value);
    if (type == nullptr || !is_item(*type))
      return wrong("the items of a buffer are numbers, structs or objects");
    layout.item = type;
    layout.item_name = shown_type(sources_.text_of(value.range), *type);
  } else if (name == "ndim") {
    const std::optional<std::int64_t> n = constant_value(value, scope);
    if (!n || *n < 1 || *n > kMaxDimensions) return wrong("'ndim' is a number from 1 to 8");
    layout.n_dimensions = static_cast<int>(*n);
  } else if (name == "mode") {
    const auto* text = syntax::try_as<syntax::Str>(&value);
    const std::string_view mode = text == nullptr      ? std::string_view()
                                  : text->text.empty() ? text->bytes
                                                       : text->text;
    if (mode == "full") {
      layout.mode = BufferMode::kFull;
    } else if (mode == "strided") {
      layout.mode = BufferMode::kStrided;
    } else if (mode == "c") {
      layout.mode = BufferMode::kC;
    } else if (mode == "fortran") {
      layout.mode = BufferMode::kFortran;
    } else {
      wrong("'mode' is \"c\", \"fortran\", \"strided\" or \"full\"");
    }
  } else if (name == "negative_indices" || name == "cast") {
    // In brackets the parser takes True for the name of a type.
    const std::string_view text = sources_.text_of(value.range);
    if (text != "True" && text != "False")
      return wrong("'" + std::string(name) + "' is True or False");
    (name == "cast" ? layout.is_cast : layout.has_negative_indices) = text == "True";
  } else {
    wrong("a buffer has no option '" + std::string(name) + "'");
  }
}

const Type* Analyzer::buffer_type(const syntax::CTemplateType& type, const Type& object,
                                  Scope& scope) {
  BufferLayout layout;
  if (object.extension != nullptr) layout.mode = classes_[object.extension].mode;
  for (const syntax::Keyword& option : type.keywords)
    set_buffer_option(option.name.text, *option.value, layout, scope);
  if (!type.args.empty()) set_buffer_option("dtype", *type.args[0], layout, scope);
  if (type.args.size() > 1) {
    diagnostics_
        .error("buffer-option", type.args[1]->range,
               "only the type of the items comes without a name")
        .hint("write ndim=2");
  }
  if (layout.item == nullptr) {
    diagnostics_.error("buffer-option", type.range, "the type of the items is missing");
    return &object;
  }
  return types_.new_buffer(&object, std::move(layout));
}

bool Analyzer::reject_buffer(const Type& type, syntax::SourceRange range) {
  if (type.buffer == nullptr) return false;
  diagnostics_
      .error("buffer-place", range,
             "a buffer is only possible as a local variable or parameter of a function")
      .hint("here only '" + type.base->name + "' can stand");
  return true;
}

ExprPtr Analyzer::buffer_item(ExprPtr& value, const syntax::Subscript& e) {
  const BufferLayout& layout = *value->type->buffer;
  if (value->kind != tree::ExprKind::kVariable) return nullptr;
  std::vector<const syntax::Expr*> written;
  if (e.slice->kind == ExprKind::kTuple) {
    for (const syntax::Expr* index : as<syntax::Tuple>(*e.slice).elts) written.push_back(index);
  } else {
    written.push_back(e.slice);
  }
  if (written.size() != static_cast<std::size_t>(layout.n_dimensions)) return nullptr;
  for (const syntax::Expr* index : written)
    if (index->kind == ExprKind::kSlice || index->kind == ExprKind::kStarred) return nullptr;
  auto item = make<tree::BufferItem>(layout.item, e.range);
  item->checks_bounds = context_->directives.boundscheck;
  item->wraps = context_->directives.wraparound;
  for (const syntax::Expr* index : written) {
    item->indices.push_back(expr(*index));
    if (!item->indices.back()->type->is_integral()) return nullptr;
  }
  item->value = std::move(value);
  return item;
}

ExprPtr Analyzer::buffer_part(ExprPtr& value, const syntax::Attribute& e) {
  if (value->kind != tree::ExprKind::kVariable || value->type->extension == nullptr) return nullptr;
  // Where the class has them in C.
  const auto info = classes_.find(value->type->extension);
  const std::string_view name = e.attr.text;
  if (info == classes_.end() || info->second.members->find(name) == nullptr) return nullptr;
  if (name != "shape" && name != "strides") return nullptr;
  auto part = make<tree::BufferPart>(types_.pointer_to(types_.py_ssize_t()), e.range);
  part->part = name == "shape" ? "shape" : "strides";
  part->value = std::move(value);
  return part;
}

void Analyzer::mark_written(const tree::Expr& place) {
  const tree::Expr* at = &place;
  while (at != nullptr) {
    if (const auto* field = tree::try_as<tree::FieldAccess>(at)) {
      at = field->value->type->is_pointer() ? nullptr : field->value.get();
    } else if (const auto* index = tree::try_as<tree::IndexAccess>(at)) {
      at = index->value->type->is_pointer() ? nullptr : index->value.get();
    } else if (const auto* item = tree::try_as<tree::BufferItem>(at)) {
      const auto* ref = tree::try_as<tree::VariableRef>(item->value.get());
      if (ref != nullptr) ref->variable->is_written = true;
      return;
    } else {
      return;
    }
  }
}

}  // namespace engineroom::sema
