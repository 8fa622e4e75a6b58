// Pointers into Python objects, such as the char * of bytes: they are good as long as somebody
// holds the object. Stored where the object was only made on the way, they dangle at once.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::in_quotes;

namespace {

// A new object that nobody else holds, as far as anybody can see. What is found in a container or
// an object is held by that.
bool is_ephemeral(const tree::Expr& value) {
  if (!value.type->is_object()) return false;
  if (const auto* conditional = tree::try_as<tree::Conditional>(&value))
    return is_ephemeral(*conditional->body) || is_ephemeral(*conditional->orelse);
  if (const auto* cast = tree::try_as<tree::Cast>(&value))
    return cast->value->type->is_object() && is_ephemeral(*cast->value);
  if (value.kind == tree::ExprKind::kCall) return true;
  const auto* helper = tree::try_as<tree::Helper>(&value);
  if (helper == nullptr) return false;
  if (helper->is_borrowed) return !helper->args.empty() && is_ephemeral(*helper->args[0]);
  if (helper->name == "er::load_global" || helper->name == "er::get_attr") return false;
  if (!helper->name.starts_with("er::get_item")) return helper->fail == Fail::kNull;
  // A part of text is a new object, unless it is a single item of a container.
  const ObjectClass owner = helper->args[0]->type->object_class;
  const bool is_slice =
      helper->args.size() > 1 && helper->args[1]->type->object_class == ObjectClass::kSlice;
  return is_slice || owner == ObjectClass::kStr || owner == ObjectClass::kBytes ||
         is_ephemeral(*helper->args[0]);
}

// The object that the pointer points into; null if it is none of this kind.
const tree::Expr* owner_of(const tree::Expr& pointer) {
  if (const auto* cast = tree::try_as<tree::Cast>(&pointer))
    return cast->value->type->is_object() ? cast->value.get() : owner_of(*cast->value);
  const auto* helper = tree::try_as<tree::Helper>(&pointer);
  return helper != nullptr && helper->name.starts_with("er::from_object<") ? helper->args[0].get()
                                                                           : nullptr;
}

}  // namespace

// REQUIRES: the value is stored in a variable, a field or an item. True if it was reported.
bool Analyzer::refuse_dangling(const tree::Expr& value) {
  if (!value.type->is_pointer()) return false;
  if (const auto* conditional = tree::try_as<tree::Conditional>(&value))
    return refuse_dangling(*conditional->body) || refuse_dangling(*conditional->orelse);
  const tree::Expr* owner = owner_of(value);
  if (owner == nullptr) return false;
  if (is_ephemeral(*owner)) {
    diagnostics_
        .error(
            "dangling-pointer", owner->range,
            "nothing keeps this object, into which the " + in_quotes(value.type->name) + " points")
        .hint("assign the object to a variable first, and take the pointer from that");
    return true;
  }
  const auto* global = tree::try_as<tree::Helper>(owner);
  if (global != nullptr && global->name == "er::load_global")
    diagnostics_
        .warning("dangling-pointer", owner->range,
                 "the " + in_quotes(value.type->name) +
                     " is good only until this global name gets another value")
        .hint("a variable declared with 'cdef bytes' is seen by C code only");
  return false;
}

// a = b = value: each takes its own pointer from an object that is gone afterwards.
bool Analyzer::refuse_dangling_copies(const tree::Expr& value,
                                      const syntax::List<const syntax::Expr*>& targets) {
  if (!is_ephemeral(value)) return false;
  for (const syntax::Expr* target : targets) {
    const Type* type = target_type(*target);
    if (type == nullptr || !type->is_pointer()) continue;
    diagnostics_
        .error("dangling-pointer", value.range,
               "nothing keeps this object, into which the " + in_quotes(type->name) + " points")
        .hint("assign the object to a variable first, and take the pointer from that");
    return true;
  }
  return false;
}

}  // namespace engineroom::sema
