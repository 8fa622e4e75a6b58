// C tuples: (int, double) is a struct whose fields have numbers for names, and a tuple as an
// object.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

const Type* Analyzer::tuple_ctype(const syntax::CTupleType& type, Scope& scope) {
  std::vector<const Type*> items;
  for (const syntax::CType* item : type.items) items.push_back(ctype(*item, scope));
  return tuple_of(items, type.range);
}

const Type* Analyzer::tuple_of(const std::vector<const Type*>& items, syntax::SourceRange range) {
  for (const Type* item : items) {
    if (item == types_.error()) return item;
    if (!item->is_object()) continue;
    diagnostics_.error("tuple-item", range, "C tuples cannot have Python objects in them")
        .hint("a tuple of objects is declared as tuple");
    return types_.error();
  }
  return types_.tuple_of(items);
}

ExprPtr Analyzer::tuple_field(ExprPtr tuple, std::size_t i, syntax::SourceRange range) {
  const tree::Field& field = tuple->type->fields[i];
  auto node = make<tree::FieldAccess>(field.type, range);
  node->value = std::move(tuple);
  node->cpp = field.cpp;
  return node;
}

// tuple[2], with a constant; null if it is another index.
ExprPtr Analyzer::tuple_item(ExprPtr& tuple, const syntax::Expr& index) {
  const std::optional<std::int64_t> written = constant_value(index, here());
  if (!written) return nullptr;
  const auto n = static_cast<std::int64_t>(tuple->type->fields.size());
  const std::int64_t i = *written < 0 ? *written + n : *written;
  if (i < 0 || i >= n) {
    diagnostics_.error("tuple-index", index.range, "the tuple has " + std::to_string(n) + " items");
    return error_value(index.range);
  }
  return tuple_field(std::move(tuple), static_cast<std::size_t>(i), index.range);
}

// A display where a C tuple is wanted, one item per field; null if it is not that.
ExprPtr Analyzer::tuple_display(const syntax::List<const syntax::Expr*>& items, const Type* wanted,
                                syntax::SourceRange range) {
  if (wanted == nullptr || wanted->kind != TypeKind::kStruct) return nullptr;
  if (!wanted->is_tuple) return struct_call(*wanted, items, {}, range);
  if (items.size() != wanted->fields.size()) return nullptr;
  for (const syntax::Expr* item : items)
    if (item->kind == ExprKind::kStarred) return nullptr;
  return struct_call(*wanted, items, {}, range);
}

// A C tuple of other types, or an error.
ExprPtr Analyzer::converted_tuple(ExprPtr tuple, const Type* to) {
  const syntax::SourceRange range = tuple->range;
  const std::size_t n = to->fields.size();
  if (tuple->type->fields.size() != n) {
    diagnostics_.error("conversion", range,
                       "cannot assign type '" + tuple->type->name + "' to '" + to->name + "'");
    return error_value(range);
  }
  auto block = make<tree::BlockExpr>(to, range);
  Variable* from = keep(std::move(tuple), block->body);
  Variable* made = temporary(to);
  for (std::size_t i = 0; i < n; ++i) {
    auto stmt = make_stmt<tree::Assign>(range);
    stmt->target = tuple_field(variable(made, range), i, range);
    stmt->value = coerce(tuple_field(variable(from, range), i, range), to->fields[i].type);
    block->body.push_back(std::move(stmt));
  }
  block->result = variable(made, range);
  return block;
}

// a, b = tuple
void Analyzer::unpack_tuple(const syntax::List<const syntax::Expr*>& targets, ExprPtr tuple,
                            Block& out, syntax::SourceRange range) {
  Variable* kept = keep(std::move(tuple), out);
  for (std::size_t i = 0; i < targets.size(); ++i)
    assign(*targets[i], tuple_field(variable(kept, range), i, range), out);
}

}  // namespace engineroom::sema
