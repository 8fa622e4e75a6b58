// Is the value that a variable has behind a statement ever read?
#include "races/patterns.h"
#include "races/reports.h"
#include "tree/children.h"

namespace engineroom::races {
namespace {

using tree::as;
using tree::StmtKind;

enum class First : std::uint8_t { kNeither, kRead, kWrite };

class Search {
 public:
  Search(const tree::Stmt& from, const tree::Variable& variable)
      : from_(from), variable_(variable) {}

  bool run(const tree::Function& function) {
    return variable_.is_global() || behind(function.body) == First::kRead;
  }

 private:
  static bool reads(const tree::Expr& expr, const tree::Variable& variable) {
    return mentions(expr, variable);
  }

  bool reads_anywhere(const tree::Stmt& stmt) const {
    bool is_read = false;
    tree::for_each_expr(stmt, [&](const tree::Expr& e) { is_read |= reads(e, variable_); });
    return is_read;
  }

  First all(const tree::Block& block, std::size_t begin = 0) const {
    for (std::size_t i = begin; i < block.size(); ++i)
      if (const First first = one(*block[i]); first != First::kNeither) return first;
    return First::kNeither;
  }

  First one(const tree::Stmt& stmt) const {
    if (stmt.kind == StmtKind::kAssign) {
      const auto& assign = as<tree::Assign>(stmt);
      if (reads(*assign.value, variable_)) return First::kRead;
      if (variable_of(*assign.target) == &variable_) return First::kWrite;
      return reads(*assign.target, variable_) ? First::kRead : First::kNeither;
    }
    if (reads_anywhere(stmt)) return First::kRead;
    if (stmt.kind == StmtKind::kBreak || stmt.kind == StmtKind::kContinue) return First::kNeither;
    if (stmt.kind == StmtKind::kReturn) return First::kWrite;
    const bool sets =
        (stmt.kind == StmtKind::kCountLoop && as<tree::CountLoop>(stmt).variable == &variable_) ||
        (stmt.kind == StmtKind::kParallelLoop &&
         as<tree::ParallelLoop>(stmt).variable == &variable_);
    if (sets) return First::kWrite;
    if (stmt.kind == StmtKind::kIf) {
      const First body = all(as<tree::If>(stmt).body);
      const First orelse = all(as<tree::If>(stmt).orelse);
      if (body == First::kRead || orelse == First::kRead) return First::kRead;
      return body == orelse ? body : First::kNeither;
    }
    First result = First::kNeither;
    tree::for_each_block(stmt, [&](const tree::Block& block) {
      if (all(block) == First::kRead) result = First::kRead;
    });
    return result;
  }

  // Of what comes behind the statement, wherever in the block it is.
  First behind(const tree::Block& block) {
    for (std::size_t i = 0; i < block.size(); ++i) {
      const tree::Stmt& stmt = *block[i];
      if (&stmt == &from_) {
        is_found_ = true;
        return all(block, i + 1);
      }
      First inner = First::kNeither;
      tree::for_each_block(stmt, [&](const tree::Block& nested) {
        if (!is_found_) inner = behind(nested);
      });
      if (!is_found_) continue;
      if (inner != First::kNeither) return inner;
      const bool is_loop = stmt.kind == StmtKind::kCountLoop || stmt.kind == StmtKind::kWhile ||
                           stmt.kind == StmtKind::kIterate || stmt.kind == StmtKind::kParallelLoop;
      if (is_loop && one(stmt) == First::kRead) return First::kRead;
      return all(block, i + 1);
    }
    return First::kNeither;
  }

  const tree::Stmt& from_;
  const tree::Variable& variable_;
  bool is_found_ = false;
};

}  // namespace

bool is_read_behind(const tree::Function& function, const tree::Stmt& stmt,
                    const tree::Variable& variable) {
  return Search(stmt, variable).run(function);
}

}  // namespace engineroom::races
