// sema/assigned.h — what is done to the names of a function, as far as their types follow from it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "sema/names.h"
#include "sema/walk.h"
#include "syntax/tree.h"

namespace engineroom::sema {

// What a function does to its names.
struct Assignments {
  struct Augmented {
    syntax::Operator op;
    const syntax::Expr* value;
  };
  std::map<std::string_view, std::vector<const syntax::Expr*>> values;
  // a, b = value: an item of something.
  struct Part {
    const syntax::Expr* value;
    std::size_t i;
    std::size_t n;
  };
  std::map<std::string_view, std::vector<Part>> parts;
  std::map<std::string_view, std::vector<Augmented>> augmented;
  std::map<std::string_view, std::vector<const syntax::For*>> ranges;
  std::set<std::string_view> counters;  // i in `for i, x in enumerate(xs)`
  std::set<std::string_view> deleted;
  std::set<std::string_view> unknown;       // assigned in ways not looked at
  std::set<std::string_view> unassigned;    // read where they may have no value
  std::set<std::string_view> may_overflow;  // operands of arithmetic
  // By locals() or the like, which leave out what has no value.
  bool are_shown = false;

  void see(const syntax::Block& block) {
    for (const syntax::Stmt* stmt : block) see(*stmt);
  }
  void see_expr(const syntax::Expr* e);

 private:
  void see(const syntax::Stmt& stmt);
  void see_target(const syntax::For& loop);
  void see_operands(const syntax::Expr& e);
  void see_unknown(const syntax::Expr& target) {
    for_each_target_name(target, [&](std::string_view name) { unknown.insert(name); });
    see_expr(&target);
  }
  void see_assign(const syntax::Expr& target, const syntax::Expr* value);
  void see_parts(const syntax::Tuple& targets, const syntax::Expr& value);
};

// What the expressions of a comprehension do.
Assignments seen_in(const syntax::List<syntax::Comprehension>& generators,
                    std::initializer_list<const syntax::Expr*> values);

// i of `for i, x in enumerate(xs)`, where xs is all that is counted; null of other loops.
const syntax::Name* enumerate_counter(const syntax::For& loop);

}  // namespace engineroom::sema
