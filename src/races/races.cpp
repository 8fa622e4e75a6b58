#include "races/races.h"

#include <string>

#include "races/reports.h"
#include "tree/children.h"

namespace engineroom::races {
namespace {

using tree::as;
using tree::ParallelChecks;
using tree::StmtKind;

constexpr std::size_t kMaxText = 40;

class Checker {
 public:
  Checker(const syntax::Sources& sources, syntax::Diagnostics& diagnostics)
      : sources_(sources), diagnostics_(diagnostics) {}

  void function(tree::Function& function) {
    function_ = &function;
    block(function.body);
  }

 private:
  void block(tree::Block& statements) {
    for (tree::StmtPtr& stmt : statements) {
      if (stmt->kind == StmtKind::kParallelLoop) {
        loop(static_cast<tree::ParallelLoop&>(*stmt), true);
      } else if (stmt->kind == StmtKind::kParallelBlock) {
        parallel_block(static_cast<tree::ParallelBlock&>(*stmt));
      } else {
        tree::for_each_block(*stmt, [this](tree::Block& inner) { block(inner); });
      }
    }
  }

  // Loops inside of a loop are run by one thread, and have been looked at with it.
  void loop(tree::ParallelLoop& loop, bool is_outermost) {
    if (loop.checks == ParallelChecks::kOff) return;
    const Reporter reporter{sources_, diagnostics_, loop.checks == ParallelChecks::kStrict};
    Record found = record(*function_, loop);
    check_variables(*function_, loop, found, reporter);
    if (is_outermost) check_memory(found, reporter);
  }

  void parallel_block(tree::ParallelBlock& stmt) {
    if (stmt.checks == ParallelChecks::kOff) return;
    shared_out(stmt.body);
    check_memory(record(*function_, stmt),
                 {sources_, diagnostics_, stmt.checks == ParallelChecks::kStrict});
  }

  void shared_out(tree::Block& statements) {
    for (tree::StmtPtr& stmt : statements) {
      if (stmt->kind == StmtKind::kParallelLoop) {
        loop(static_cast<tree::ParallelLoop&>(*stmt), false);
      } else {
        tree::for_each_block(*stmt, [this](tree::Block& inner) { shared_out(inner); });
      }
    }
  }

  const syntax::Sources& sources_;
  syntax::Diagnostics& diagnostics_;
  tree::Function* function_ = nullptr;
};

}  // namespace

std::string Reporter::text(syntax::SourceRange range) const {
  const std::string_view all = sources[range.source].text();
  std::string found(all.substr(range.begin, range.end - range.begin));
  if (found.empty() || found.size() > kMaxText || found.find('\n') != found.npos) return "it";
  return syntax::in_quotes(found);
}

syntax::Diagnostics::Added Reporter::undecided(std::string_view code, syntax::SourceRange range,
                                               std::string message) const {
  return is_strict ? diagnostics.error(code, range, std::move(message))
                   : diagnostics.warning(code, range, std::move(message));
}

void check(tree::Module& module, const syntax::Sources& sources, syntax::Diagnostics& diagnostics) {
  Checker checker(sources, diagnostics);
  for (tree::Function& function : module.functions) checker.function(function);
}

}  // namespace engineroom::races
