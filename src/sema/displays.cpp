#include <algorithm>

#include "sema/analyzer.h"
#include "sema/assigned.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

ExprPtr Analyzer::sequence_display(const char* name, ObjectClass object_class,
                                   const syntax::List<const syntax::Expr*>& elts,
                                   syntax::SourceRange range) {
  const Type* type = types_.object(object_class);
  const bool has_star = std::any_of(elts.begin(), elts.end(), [](const syntax::Expr* e) {
    return e->kind == ExprKind::kStarred;
  });
  if (!has_star) {
    auto node = make<tree::Helper>(type, range);
    node->name = name;
    node->fail = Fail::kNull;
    for (const syntax::Expr* element : elts) node->args.push_back(object(*element));
    return node;
  }
  // [a, *b, c]: made piece by piece.
  const bool is_set = object_class == ObjectClass::kSet;
  auto block = make<tree::BlockExpr>(type, range);
  Variable* made = keep(
      helper(is_set ? "er::make_set" : "er::make_list",
             types_.object(is_set ? ObjectClass::kSet : ObjectClass::kList), Fail::kNull, range),
      block->body);
  for (const syntax::Expr* element : elts) {
    const bool is_star = element->kind == ExprKind::kStarred;
    const char* add = is_star ? (is_set ? "er::set_update" : "er::list_extend")
                              : (is_set ? "er::set_add" : "er::list_append");
    ExprPtr value = object(is_star ? *as<syntax::Starred>(*element).value : *element);
    do_helper(block->body, add, element->range, variable(made, range), std::move(value));
  }
  block->result = variable(made, range);
  if (object_class == ObjectClass::kTuple)
    block->result = helper("er::list_to_tuple", type, Fail::kNull, range, std::move(block->result));
  return block;
}

ExprPtr Analyzer::dict_display(const syntax::Dict& dict) {
  const Type* type = types_.object(ObjectClass::kDict);
  const bool has_star =
      std::any_of(dict.items.begin(), dict.items.end(),
                  [](const syntax::DictItem& item) { return item.key == nullptr; });
  if (!has_star) {
    auto node = make<tree::Helper>(type, dict.range);
    node->name = "er::make_dict";
    node->fail = Fail::kNull;
    for (const syntax::DictItem& item : dict.items) {
      node->args.push_back(object(*item.key));
      node->args.push_back(object(*item.value));
    }
    return node;
  }
  auto block = make<tree::BlockExpr>(type, dict.range);
  Variable* made = keep(helper("er::make_dict", type, Fail::kNull, dict.range), block->body);
  for (const syntax::DictItem& item : dict.items) {
    if (item.key == nullptr) {
      do_helper(block->body, "er::dict_update", dict.range, variable(made, dict.range),
                object(*item.value));
      continue;
    }
    ExprPtr key = object(*item.key);
    do_helper(block->body, "er::dict_set", dict.range, variable(made, dict.range), std::move(key),
              object(*item.value));
  }
  block->result = variable(made, dict.range);
  return block;
}

// ---- comprehensions ----

Assignments seen_in(const syntax::List<syntax::Comprehension>& generators,
                    std::initializer_list<const syntax::Expr*> values) {
  Assignments seen;
  for (const syntax::Expr* value : values) seen.see_expr(value);
  for (const syntax::Comprehension& generator : generators) {
    seen.see_expr(generator.iter);
    if (generator.bounds != nullptr) {
      for (const syntax::Expr* bound :
           {generator.bounds->lower, generator.bounds->upper, generator.bounds->step})
        seen.see_expr(bound);
    }
    for (const syntax::Expr* test : generator.ifs) seen.see_expr(test);
  }
  return seen;
}

ExprPtr Analyzer::comprehension(ObjectClass object_class, const syntax::Expr* key,
                                const syntax::Expr& element,
                                const syntax::List<syntax::Comprehension>& generators,
                                syntax::SourceRange range) {
  const Type* type = types_.object(object_class);
  const char* maker = object_class == ObjectClass::kList  ? "er::make_list"
                      : object_class == ObjectClass::kSet ? "er::make_set"
                                                          : "er::make_dict";
  auto block = make<tree::BlockExpr>(type, range);
  Variable* made = keep(helper(maker, type, Fail::kNull, range), block->body);
  const auto innermost = [&](Block& out) {
    if (object_class == ObjectClass::kDict) {
      if (key == nullptr) {
        do_helper(out, "er::dict_update", range, variable(made, range), object(element));
        return;
      }
      ExprPtr k = object(*key);
      do_helper(out, "er::dict_set", range, variable(made, range), std::move(k), object(element));
      return;
    }
    const bool is_star = element.kind == ExprKind::kStarred;
    const bool is_list = object_class == ObjectClass::kList;
    const char* add = is_list ? (is_star ? "er::list_extend" : "er::list_append")
                              : (is_star ? "er::set_update" : "er::set_add");
    do_helper(out, add, range, variable(made, range),
              object(is_star ? *as<syntax::Starred>(element).value : element));
  };
  ComprehensionScope before =
      open_comprehension(shared_names(generators, {key, &element}), block->body, range);
  comprehension_loops(generators, 0, innermost, block->body, seen_in(generators, {key, &element}),
                      range);
  close_comprehension(std::move(before));
  block->result = variable(made, range);
  return block;
}

void Analyzer::comprehension_loops(const syntax::List<syntax::Comprehension>& generators,
                                   std::size_t depth, const std::function<void(Block&)>& innermost,
                                   Block& out, const Assignments& seen, syntax::SourceRange range) {
  if (depth == generators.size()) return innermost(out);
  const syntax::Comprehension& generator = generators[depth];
  if (generator.is_async) return not_supported(generator.range, "async comprehensions");
  const auto body = [&] {
    Block inner;
    Block* into = &inner;
    for (const syntax::Expr* test : generator.ifs) {
      auto stmt = make_stmt<tree::If>(test->range);
      stmt->test = condition(*test);
      Block* next = &stmt->body;
      into->push_back(std::move(stmt));
      into = next;
    }
    comprehension_loops(generators, depth + 1, innermost, *into, seen, range);
    return inner;
  };
  std::map<std::string, Variable*, std::less<>> names;
  const std::function<void(const syntax::Expr&)> add_names = [&](const syntax::Expr& target) {
    if (target.kind == ExprKind::kName) {
      const std::string id(as<syntax::Name>(target).id);
      const auto known = context_->locals.find(id);
      const bool is_c = known != context_->locals.end() && !known->second->type->is_object();
      const bool is_alone = &target == generator.target && generator.iter != nullptr;
      const Type* type = is_c ? known->second->type
                         : is_alone && !context_->shared.contains(id)
                             ? comprehension_type(id, *generator.iter, seen)
                             : object_;
      Variable* made = new_variable(id, type, VariableKind::kLocal);
      if (context_->shared.contains(id)) put_into(*context_->closure, *made);
      context_->bound.insert(made);
      names[id] = made;
    } else if (target.kind == ExprKind::kTuple) {
      for (const syntax::Expr* e : as<syntax::Tuple>(target).elts) add_names(*e);
    } else if (target.kind == ExprKind::kList) {
      for (const syntax::Expr* e : as<syntax::ListExpr>(target).elts) add_names(*e);
    } else if (target.kind == ExprKind::kStarred) {
      add_names(*as<syntax::Starred>(target).value);
    }
  };
  if (generator.is_scoped) add_names(*generator.target);
  // The iterable is evaluated outside of the new scope.
  if (generator.iter == nullptr) {
    FromBounds bounds = evaluated(*generator.bounds);
    inner_scopes_.push_back(std::move(names));
    count_from(std::move(bounds), *generator.target, body, nullptr, out, range);
    inner_scopes_.pop_back();
    return;
  }
  LoopPlan plan = plan_loop(nullptr, *generator.iter, out);
  inner_scopes_.push_back(std::move(names));
  loop(std::move(plan), *generator.target, body, nullptr, out, range);
  inner_scopes_.pop_back();
}

}  // namespace engineroom::sema
