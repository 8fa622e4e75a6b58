// sema/flow_builder.h — makes the graph of a function, or of a module's own statements, of its
// syntax tree. flow_expressions.cpp has what reads and assigns, flow_builder.cpp the ways between.
#pragma once

#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "sema/control_flow.h"
#include "sema/flow_graph.h"
#include "syntax/tree.h"

namespace engineroom::sema {

class FlowBuilder {
 public:
  explicit FlowBuilder(const std::vector<FlowVariable>& variables, Expansion expansion = nullptr);

  void build(const syntax::Block& body) {
    block(body);
    go_to(exit_);
  }
  const FlowGraph& graph() const { return graph_; }
  // First statements that cannot be reached.
  const std::vector<syntax::SourceRange>& unreachable() const { return unreachable_; }
  // Used by functions inside: nothing is known of when.
  const std::vector<bool>& captured() const { return captured_; }

 private:
  using BlockIndex = FlowGraph::BlockIndex;
  static constexpr BlockIndex kNowhere = FlowGraph::kNowhere;
  // Suites of `finally` within each other are followed twice each, but not 2^n times.
  static constexpr int kMaxFinallyCopies = 4;

  // What is around the current statement, inside to outside at the back.
  struct Loop {
    BlockIndex next;  // where `continue` goes
    BlockIndex end;
    std::size_t n_finally;  // how many finally suites are around the loop
  };
  struct Finally {
    BlockIndex entry;
    std::vector<BlockIndex> targets;  // of jumps that pass it
  };

  // ---- flow_builder.cpp: blocks ----
  void go_to(BlockIndex block);
  // Goes on in a new block, which is also returned.
  BlockIndex next_block();
  // Goes on where several ways meet; nowhere if none leads there.
  void meet(BlockIndex block) { current_ = graph_.has_predecessors(block) ? block : kNowhere; }
  void add_event(FlowEventKind kind, std::string_view name, syntax::SourceRange range);
  bool is_shadowed(std::string_view name) const;

  // ---- flow_expressions.cpp ----
  void read(const syntax::Expr* e);
  void read(const syntax::Expr& e);
  template <typename F>
  void maybe(const F& what);
  template <typename F>
  void comprehension(const syntax::List<syntax::Comprehension>& generators, const F& element);
  // Names in code that runs some other time.
  void capture(const syntax::Expr& e);
  void capture(std::string_view name);
  void capture(const syntax::Block& stmts);
  void assign(const syntax::Expr& target);
  void remove(const syntax::Expr& target);

  // ---- flow_builder.cpp: statements ----
  void block(const syntax::Block& stmts);
  void statement(const syntax::Stmt& stmt);
  void bind(const syntax::Identifier& name);
  // A jump, through the finally suites on its way: all but the outermost `n_finally`.
  void leave(BlockIndex target, std::size_t n_finally);
  void if_statement(const syntax::List<syntax::IfClause>& clauses, const syntax::Block& orelse);
  void while_loop(const syntax::While& loop);
  // head: where each turn starts. tested: after which there may be no further turn.
  void turns(BlockIndex head, BlockIndex tested, const syntax::Expr* target,
             const syntax::Block& body, const syntax::Block& orelse);
  void try_statement(const syntax::Try& stmt);
  void try_except(const syntax::Try& stmt);
  // The manager may swallow an exception: then it goes on after the statement.
  void with_statement(const syntax::With& stmt, std::size_t item);
  void match_statement(const syntax::Match& stmt);

  Expansion expansion_;
  std::map<std::string_view, std::size_t> indices_;
  FlowGraph graph_;
  BlockIndex current_ = kNowhere;
  BlockIndex exit_ = kNowhere;
  std::vector<Loop> loops_;
  std::vector<Finally> finally_;
  std::vector<BlockIndex> exceptions_;  // where they go
  std::vector<std::set<std::string_view>> shadows_;
  int finally_depth_ = 0;
  std::vector<syntax::SourceRange> unreachable_;
  std::vector<bool> captured_;
};

}  // namespace engineroom::sema
