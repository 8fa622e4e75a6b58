// sema/parallel_names.h — which names a parallel section assigns to, and whether all of that is
// augmented: read off its text, before the section is analysed.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "syntax/tree.h"

namespace engineroom::sema {

// A name that is assigned to; `op`, if all of its assignments are augmented ones.
struct NameAssigned {
  std::string_view name;
  syntax::SourceRange range;
  std::optional<syntax::Operator> op;
  std::optional<syntax::Operator> other_op;  // which does not go together with the first
  syntax::SourceRange other_range;
};

// Of a block, in the order of the text.
class AssignedNames {
 public:
  void see(const syntax::Block& block);
  // Without the blocks in it.
  void see_own(const syntax::Stmt& stmt);
  std::vector<NameAssigned> all;

 private:
  NameAssigned& of(std::string_view name, syntax::SourceRange range, bool* is_new);
  void plain(std::string_view name, syntax::SourceRange range);
  void augmented(std::string_view name, syntax::SourceRange range, syntax::Operator op);
  void target(const syntax::Expr& target);
};

}  // namespace engineroom::sema
