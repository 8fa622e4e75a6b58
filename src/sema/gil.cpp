// The GIL: blocks that release or take it. What must not be done without it says gil_check.cpp.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

Block Analyzer::with_gil_state(bool has_gil, const std::function<Block()>& body) {
  const bool before = std::exchange(context_->has_gil, has_gil);
  const bool was_known = std::exchange(context_->is_gil_known, true);
  Block made = body();
  context_->has_gil = before;
  context_->is_gil_known = was_known;
  return made;
}

tree::StmtPtr Analyzer::gil_node(bool releases, Block body, syntax::SourceRange range) {
  auto node = make_stmt<tree::GilBlock>(range);
  node->releases = releases;
  node->body = std::move(body);
  return node;
}

// with nogil:, with gil:
void Analyzer::gil_block(bool releases, const syntax::Expr* condition, syntax::SourceRange range,
                         const std::function<Block()>& body, Block& out) {
  if (condition != nullptr) {
    const syntax::Expr* known = compile_time_value(*condition);
    const std::optional<bool> truth =
        constant_truth(*this->condition(known != nullptr ? *known : *condition));
    if (!truth) {
      diagnostics_.error("gil-condition", condition->range,
                         "Non-constant condition in a `with " +
                             std::string(releases ? "nogil" : "gil") + "(<condition>)` statement");
      return;
    }
    if (!*truth) {
      for (StmtPtr& stmt : body()) out.push_back(std::move(stmt));
      return;
    }
  }
  // A function that is called with it or without may release it if it is there.
  if (releases && !context_->has_gil && !context_->is_gil_known) {
    auto node = make_stmt<tree::GilBlock>(range);
    node->is_conditional = true;
    node->body = with_gil_state(false, body);
    out.push_back(std::move(node));
    return;
  }
  if (context_->has_gil != releases) {
    diagnostics_
        .error("gil-nesting", range,
               releases ? "Trying to release the GIL while it was previously released."
                        : "Trying to acquire the GIL while it is already held.")
        .hint("leave this 'with' out");
    for (StmtPtr& stmt : body()) out.push_back(std::move(stmt));
    return;
  }
  out.push_back(gil_node(releases, with_gil_state(!releases, body), range));
}

// A parallel section, which begins without the GIL. `first` evaluates what is needed before, and
// `section` adds it to a block; it is told whether its body takes the GIL again.
void Analyzer::without_gil(bool nogil, syntax::SourceRange range, std::string_view what,
                           const std::function<void()>& first, Block& out,
                           const std::function<void(Block&, bool)>& section) {
  const bool has_gil = context_->has_gil;
  if (!has_gil && context_->is_gil_known) {
    if (nogil)
      diagnostics_
          .error("gil-nesting", range,
                 "Trying to release the GIL while it was previously released.")
          .hint("leave 'nogil=True' out");
    return section(out, false);
  }
  const bool takes_gil = has_gil && !nogil;
  if (takes_gil && !context_->directives.freethreading_compatible)
    diagnostics_
        .warning("parallel-gil", range,
                 std::string(what) +
                     " without releasing the GIL will only work well on freethreaded Python")
        .hint(what == "prange" ? "nogil=True" : "with nogil, parallel():");
  if (has_gil) first();
  Block within;
  context_->has_gil = false;
  const bool was_known = std::exchange(context_->is_gil_known, true);
  section(within, takes_gil);
  context_->has_gil = has_gil;
  context_->is_gil_known = was_known;
  auto node = make_stmt<tree::GilBlock>(range);
  node->is_conditional = !has_gil;
  node->body = std::move(within);
  out.push_back(std::move(node));
}

Block Analyzer::with_gil_again(bool takes_gil, const syntax::Block& body) {
  return with_gil_again(takes_gil, [&] { return block(body); });
}

Block Analyzer::with_gil_again(bool takes_gil, const std::function<Block()>& body) {
  if (!takes_gil) return body();
  Block made = with_gil_state(true, body);
  Block out;
  if (made.empty()) return out;
  const syntax::SourceRange range = made.front()->range;
  out.push_back(gil_node(false, std::move(made), range));
  return out;
}

// Statements that take the GIL by themselves, wherever they stand.
void Analyzer::taking_gil(syntax::SourceRange range, Block& out,
                          const std::function<void(Block&)>& make) {
  if (context_->has_gil) return make(out);
  Block body = with_gil_state(true, [&] {
    Block made;
    make(made);
    return made;
  });
  out.push_back(gil_node(false, std::move(body), range));
}

}  // namespace engineroom::sema
