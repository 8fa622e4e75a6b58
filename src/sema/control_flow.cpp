#include "sema/control_flow.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "sema/flow_graph.h"
#include "sema/names.h"
#include "syntax/children.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {
namespace {

using syntax::as;
using syntax::Expr;
using syntax::ExprKind;
using syntax::SourceRange;
using syntax::Stmt;
using syntax::StmtKind;

bool is_always_true(const Expr& test) {
  return test.kind == ExprKind::kTrue ||
         (test.kind == ExprKind::kInt && as<syntax::Int>(test).value != 0);
}

class GraphBuilder {
 public:
  GraphBuilder(const std::vector<FlowVariable>& variables, syntax::LanguageLevel level)
      : level_(level), captured_(variables.size()) {
    for (std::size_t i = 0; i < variables.size(); ++i) indices_.emplace(variables[i].name, i);
    current_ = graph_.add_block();
    exit_ = graph_.add_block();
  }

  void build(const syntax::Block& body) {
    block(body);
    go_to(exit_);
  }

  const FlowGraph& graph() const { return graph_; }
  // First statements that cannot be reached.
  const std::vector<SourceRange>& unreachable() const { return unreachable_; }
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

  // ---- blocks ----

  void go_to(BlockIndex block) {
    if (current_ != kNowhere) graph_.add_edge(current_, block);
  }
  // Goes on in a new block, which is also returned.
  BlockIndex next_block() {
    const BlockIndex block = graph_.add_block();
    go_to(block);
    current_ = block;
    return block;
  }
  // Goes on where several ways meet; nowhere if none leads there.
  void meet(BlockIndex block) { current_ = graph_.has_predecessors(block) ? block : kNowhere; }

  void add_event(FlowEventKind kind, std::string_view name, SourceRange range) {
    if (current_ == kNowhere) return;
    const auto found = indices_.find(name);
    if (found == indices_.end() || is_shadowed(name)) return;
    const bool changes = kind != FlowEventKind::kRead;
    // An exception may come before it, and after it.
    if (changes && !exceptions_.empty()) {
      go_to(exceptions_.back());
      next_block();
    }
    graph_.add_event(current_, {kind, found->second, range});
    if (changes && !exceptions_.empty()) {
      next_block();
      go_to(exceptions_.back());
    }
  }

  bool is_shadowed(std::string_view name) const {
    return std::any_of(shadows_.begin(), shadows_.end(),
                       [&](const auto& names) { return names.contains(name); });
  }

  // ---- expressions ----

  void read(const Expr* e) {
    if (e != nullptr) read(*e);
  }

  void read(const Expr& e) {
    switch (e.kind) {
      case ExprKind::kName:
        return add_event(FlowEventKind::kRead, as<syntax::Name>(e).id, e.range);
      case ExprKind::kNamedExpr: {
        const auto& named = as<syntax::NamedExpr>(e);
        read(named.value);
        // The target is the function's, also in a comprehension.
        auto shadows = std::exchange(shadows_, {});
        add_event(FlowEventKind::kAssign, named.target->id, named.target->range);
        shadows_ = std::move(shadows);
        return;
      }
      case ExprKind::kBoolOp: {
        const auto& values = as<syntax::BoolOp>(e).values;
        read(values[0]);
        for (std::size_t i = 1; i < values.size(); ++i) maybe([&] { read(values[i]); });
        return;
      }
      case ExprKind::kIfExp: {
        const auto& conditional = as<syntax::IfExp>(e);
        read(conditional.test);
        const BlockIndex test = current_;
        const BlockIndex end = graph_.add_block();
        next_block();
        read(conditional.body);
        go_to(end);
        current_ = test;
        next_block();
        read(conditional.orelse);
        go_to(end);
        return meet(end);
      }
      case ExprKind::kListComp:
        return comprehension(as<syntax::ListComp>(e).generators,
                             [&] { read(as<syntax::ListComp>(e).elt); });
      case ExprKind::kSetComp:
        return comprehension(as<syntax::SetComp>(e).generators,
                             [&] { read(as<syntax::SetComp>(e).elt); });
      case ExprKind::kDictComp:
        return comprehension(as<syntax::DictComp>(e).generators, [&] {
          read(as<syntax::DictComp>(e).key);
          read(as<syntax::DictComp>(e).value);
        });
      case ExprKind::kGeneratorExp: {
        // Runs later, but for the first iterable.
        const auto& generators = as<syntax::GeneratorExp>(e).generators;
        if (!generators.empty()) read(generators[0].iter);
        return capture(e);
      }
      case ExprKind::kLambda:
        for (const syntax::Param& param : as<syntax::Lambda>(e).params->params)
          read(param.default_value);
        return capture(*as<syntax::Lambda>(e).body);
      case ExprKind::kAddressOf: {
        // What gets the address may assign through it.
        const Expr& value = *as<syntax::AddressOf>(e).value;
        if (value.kind != ExprKind::kName) return read(value);
        add_event(FlowEventKind::kTakeAddress, as<syntax::Name>(value).id, value.range);
        return;
      }
      case ExprKind::kSizeOf:
        return;
      case ExprKind::kCall: {
        // cython.typeof(x) only looks at the type.
        const Expr& callee = *as<syntax::Call>(e).func;
        const std::string_view name = callee.kind == ExprKind::kAttribute
                                          ? as<syntax::Attribute>(callee).attr.text
                                      : callee.kind == ExprKind::kName ? as<syntax::Name>(callee).id
                                                                       : std::string_view();
        if (name == "typeof") return;
        return syntax::for_each_child(e, [this](const Expr& child) { read(child); });
      }
      default:
        return syntax::for_each_child(e, [this](const Expr& child) { read(child); });
    }
  }

  template <typename F>
  void maybe(const F& what) {
    const BlockIndex before = current_;
    const BlockIndex end = graph_.add_block();
    go_to(end);
    next_block();
    what();
    go_to(end);
    current_ = before == kNowhere ? kNowhere : end;
  }

  template <typename F>
  void comprehension(const syntax::List<syntax::Comprehension>& generators, const F& element) {
    std::size_t n_shadows = 0;
    const std::function<void(std::size_t)> from = [&](std::size_t i) {
      if (i == generators.size()) return element();
      const syntax::Comprehension& generator = generators[i];
      read(generator.iter);
      if (generator.bounds != nullptr) {
        read(generator.bounds->lower);
        read(generator.bounds->upper);
        read(generator.bounds->step);
      }
      std::set<std::string_view> names;
      for_each_target_name(*generator.target, [&](std::string_view name) { names.insert(name); });
      shadows_.push_back(std::move(names));
      ++n_shadows;
      const BlockIndex head = next_block();
      maybe([&] {
        for (const Expr* test : generator.ifs) {
          read(test);
          next_block();
        }
        from(i + 1);
        go_to(head);
      });
    };
    from(0);
    shadows_.resize(shadows_.size() - n_shadows);
  }

  // Names in code that runs some other time.
  void capture(const Expr& e) {
    if (e.kind == ExprKind::kName) capture(as<syntax::Name>(e).id);
    if (e.kind == ExprKind::kNamedExpr) capture(as<syntax::NamedExpr>(e).target->id);
    syntax::for_each_child(e, [this](const Expr& child) { capture(child); });
  }
  void capture(std::string_view name) {
    const auto found = indices_.find(name);
    if (found != indices_.end()) captured_[found->second] = true;
  }
  void capture(const syntax::Block& stmts) {
    for (const Stmt* stmt : stmts) {
      if (stmt->kind == StmtKind::kNonlocal)
        for (const syntax::Identifier& name : as<syntax::Nonlocal>(*stmt).names) capture(name.text);
      syntax::for_each_expr(*stmt, [this](const Expr& e) { capture(e); });
      syntax::for_each_block(*stmt, [this](const syntax::Block& inner) { capture(inner); });
    }
  }

  // ---- targets ----

  void assign(const Expr& target) {
    switch (target.kind) {
      case ExprKind::kName:
        return add_event(FlowEventKind::kAssign, as<syntax::Name>(target).id, target.range);
      case ExprKind::kTuple:
        for (const Expr* e : as<syntax::Tuple>(target).elts) assign(*e);
        return;
      case ExprKind::kList:
        for (const Expr* e : as<syntax::ListExpr>(target).elts) assign(*e);
        return;
      case ExprKind::kStarred:
        return assign(*as<syntax::Starred>(target).value);
      default:
        return read(target);
    }
  }

  void remove(const Expr& target) {
    switch (target.kind) {
      case ExprKind::kName:
        return add_event(FlowEventKind::kDelete, as<syntax::Name>(target).id, target.range);
      case ExprKind::kTuple:
        for (const Expr* e : as<syntax::Tuple>(target).elts) remove(*e);
        return;
      case ExprKind::kList:
        for (const Expr* e : as<syntax::ListExpr>(target).elts) remove(*e);
        return;
      default:
        return read(target);
    }
  }

  // ---- statements ----

  void block(const syntax::Block& stmts) {
    for (const Stmt* stmt : stmts) {
      if (current_ == kNowhere) {
        // `return; yield` makes an empty generator.
        const auto* value = syntax::try_as<syntax::ExprStmt>(stmt);
        const bool is_yield = value != nullptr && value->value->kind == ExprKind::kYield;
        if (stmt->kind != StmtKind::kPass && !is_yield) unreachable_.push_back(stmt->range);
        return;
      }
      statement(*stmt);
    }
  }

  void statement(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kAssign:
        read(as<syntax::Assign>(stmt).value);
        for (const Expr* target : as<syntax::Assign>(stmt).targets) assign(*target);
        return;
      case StmtKind::kAugAssign: {
        const auto& augmented = as<syntax::AugAssign>(stmt);
        read(augmented.target);
        read(augmented.value);
        if (augmented.target->kind == ExprKind::kName) assign(*augmented.target);
        return;
      }
      case StmtKind::kAnnAssign: {
        const auto& annotated = as<syntax::AnnAssign>(stmt);
        read(annotated.value);
        if (annotated.value != nullptr || annotated.target->kind != ExprKind::kName)
          assign(*annotated.target);
        return;
      }
      case StmtKind::kDelete:
        for (const Expr* target : as<syntax::Delete>(stmt).targets) remove(*target);
        return;
      case StmtKind::kReturn:
        read(as<syntax::Return>(stmt).value);
        return leave(exit_, 0);
      case StmtKind::kRaise:
        syntax::for_each_expr(stmt, [this](const Expr& e) { read(e); });
        if (!exceptions_.empty()) go_to(exceptions_.back());
        current_ = kNowhere;
        return;
      case StmtKind::kBreak:
      case StmtKind::kContinue:
        if (loops_.empty()) return;  // reported elsewhere
        return leave(stmt.kind == StmtKind::kBreak ? loops_.back().end : loops_.back().next,
                     loops_.back().n_finally);
      case StmtKind::kImport:
        for (const syntax::Alias& alias : as<syntax::Import>(stmt).names) {
          const std::string_view first = alias.name.text.substr(0, alias.name.text.find('.'));
          bind(alias.asname.empty() ? syntax::Identifier{first, alias.range} : alias.asname);
        }
        return;
      case StmtKind::kImportFrom:
        for (const syntax::Alias& alias : as<syntax::ImportFrom>(stmt).names)
          bind(alias.asname.empty() ? alias.name : alias.asname);
        return;
      case StmtKind::kCVarDef:
        for (const syntax::CDeclarator& declarator : as<syntax::CVarDef>(stmt).declarators) {
          read(declarator.value);
          if (declarator.value != nullptr) bind(declarator.name);
        }
        return;
      case StmtKind::kFunctionDef:
        syntax::for_each_expr(stmt, [this](const Expr& e) { read(e); });
        capture(as<syntax::FunctionDef>(stmt).body);
        return bind(as<syntax::FunctionDef>(stmt).name);
      case StmtKind::kClassDef:
        syntax::for_each_expr(stmt, [this](const Expr& e) { read(e); });
        capture(as<syntax::ClassDef>(stmt).body);
        return bind(as<syntax::ClassDef>(stmt).name);
      case StmtKind::kIf:
        return if_statement(as<syntax::If>(stmt).clauses, as<syntax::If>(stmt).orelse);
      case StmtKind::kCompileTimeIf:
        return if_statement(as<syntax::CompileTimeIf>(stmt).clauses,
                            as<syntax::CompileTimeIf>(stmt).orelse);
      case StmtKind::kWhile:
        return while_loop(as<syntax::While>(stmt));
      case StmtKind::kFor: {
        const auto& loop = as<syntax::For>(stmt);
        read(loop.iter);
        const BlockIndex head = next_block();
        return turns(head, head, loop.target, loop.body, loop.orelse);
      }
      case StmtKind::kForFrom: {
        const auto& loop = as<syntax::ForFrom>(stmt);
        read(loop.bounds.lower);
        read(loop.bounds.upper);
        read(loop.bounds.step);
        assign(*loop.target);  // to the lower bound, also if there is no turn
        const BlockIndex head = next_block();
        return turns(head, head, nullptr, loop.body, loop.orelse);
      }
      case StmtKind::kTry:
        return try_statement(as<syntax::Try>(stmt));
      case StmtKind::kWith:
        return with_statement(as<syntax::With>(stmt), 0);
      case StmtKind::kMatch:
        return match_statement(as<syntax::Match>(stmt));
      default:
        syntax::for_each_expr(stmt, [this](const Expr& e) { read(e); });
        syntax::for_each_block(stmt, [this](const syntax::Block& inner) { block(inner); });
        return;
    }
  }

  void bind(const syntax::Identifier& name) {
    add_event(FlowEventKind::kAssign, name.text, name.range);
  }

  // A jump, through the finally suites on its way: all but the outermost `n_finally`.
  void leave(BlockIndex target, std::size_t n_finally) {
    std::size_t i = finally_.size();
    if (i > n_finally) {
      go_to(finally_.back().entry);
      for (; i > n_finally + 1; --i) finally_[i - 1].targets.push_back(finally_[i - 2].entry);
      finally_[n_finally].targets.push_back(target);
    } else {
      go_to(target);
    }
    current_ = kNowhere;
  }

  void if_statement(const syntax::List<syntax::IfClause>& clauses, const syntax::Block& orelse) {
    const BlockIndex end = graph_.add_block();
    for (const syntax::IfClause& clause : clauses) {
      read(clause.test);
      const BlockIndex test = current_;
      next_block();
      block(clause.body);
      go_to(end);
      current_ = test;
      if (test != kNowhere) next_block();
    }
    block(orelse);
    go_to(end);
    meet(end);
  }

  void while_loop(const syntax::While& loop) {
    const BlockIndex head = next_block();
    read(loop.test);
    turns(head, is_always_true(*loop.test) ? kNowhere : current_, nullptr, loop.body, loop.orelse);
  }

  // head: where each turn starts. tested: after which there may be no further turn.
  void turns(BlockIndex head, BlockIndex tested, const Expr* target, const syntax::Block& body,
             const syntax::Block& orelse) {
    const BlockIndex end = graph_.add_block();
    loops_.push_back({head, end, finally_.size()});
    next_block();
    if (target != nullptr) assign(*target);
    block(body);
    go_to(head);
    loops_.pop_back();
    current_ = tested;
    if (tested != kNowhere) {
      next_block();
      block(orelse);
      go_to(end);
    }
    meet(end);
  }

  void try_statement(const syntax::Try& stmt) {
    if (!stmt.has_finally) return try_except(stmt);
    const BlockIndex entry = graph_.add_block();
    finally_.push_back({entry, {}});
    exceptions_.push_back(entry);
    next_block();
    go_to(entry);
    try_except(stmt);
    exceptions_.pop_back();
    const Finally passed = std::move(finally_.back());
    finally_.pop_back();

    const BlockIndex after = current_;
    const bool in_one = ++finally_depth_ > kMaxFinallyCopies;
    if (in_one) go_to(entry);
    current_ = entry;
    block(stmt.finalbody);
    const BlockIndex end = current_;
    if (end != kNowhere) {
      for (const BlockIndex target : passed.targets) graph_.add_edge(end, target);
      if (!exceptions_.empty()) graph_.add_edge(end, exceptions_.back());
    }
    if (!in_one) {
      current_ = after;
      if (after != kNowhere) {
        next_block();
        const std::size_t n_unreachable = unreachable_.size();
        block(stmt.finalbody);
        unreachable_.resize(n_unreachable);  // of the second copy: said already
      }
    } else if (after == kNowhere) {
      current_ = kNowhere;
    }
    --finally_depth_;
  }

  void try_except(const syntax::Try& stmt) {
    if (stmt.handlers.empty()) {
      block(stmt.body);
      return block(stmt.orelse);
    }
    const BlockIndex dispatch = graph_.add_block();
    const BlockIndex end = graph_.add_block();
    exceptions_.push_back(dispatch);
    next_block();
    go_to(dispatch);
    block(stmt.body);
    exceptions_.pop_back();
    if (!stmt.orelse.empty()) {
      if (current_ != kNowhere) next_block();
      block(stmt.orelse);
    }
    go_to(end);
    bool catches_all = false;
    BlockIndex not_caught = dispatch;
    for (const syntax::ExceptHandler& handler : stmt.handlers) {
      current_ = not_caught;
      read(handler.type);
      not_caught = current_;
      next_block();
      catches_all = catches_all || handler.type == nullptr;
      if (handler.target != nullptr) assign(*handler.target);
      block(handler.body);
      // The name is gone afterwards.
      const auto* name = syntax::try_as<syntax::Name>(handler.target);
      if (name != nullptr && level_ != syntax::LanguageLevel::k2)
        add_event(FlowEventKind::kForget, name->id, name->range);
      go_to(end);
    }
    if (!catches_all && !exceptions_.empty()) graph_.add_edge(not_caught, exceptions_.back());
    meet(end);
  }

  // The manager may swallow an exception: then it goes on after the statement.
  void with_statement(const syntax::With& stmt, std::size_t item) {
    if (item == stmt.items.size()) return block(stmt.body);
    read(stmt.items[item].context);
    const BlockIndex end = graph_.add_block();
    next_block();
    go_to(end);
    exceptions_.push_back(end);
    if (stmt.items[item].target != nullptr) assign(*stmt.items[item].target);
    with_statement(stmt, item + 1);
    exceptions_.pop_back();
    go_to(end);
    if (!exceptions_.empty()) graph_.add_edge(end, exceptions_.back());
    meet(end);
  }

  void match_statement(const syntax::Match& stmt) {
    read(stmt.subject);
    const BlockIndex end = graph_.add_block();
    for (const syntax::MatchCase& one : stmt.cases) {
      const BlockIndex before = current_;
      next_block();
      for_each_pattern_name(one.pattern, [&](std::string_view name) {
        add_event(FlowEventKind::kAssign, name, one.pattern->range);
      });
      read(one.guard);
      const BlockIndex guarded = current_;
      next_block();
      block(one.body);
      go_to(end);
      current_ = before;
      const BlockIndex other = next_block();
      if (one.guard != nullptr && guarded != kNowhere) graph_.add_edge(guarded, other);
    }
    go_to(end);
    meet(end);
  }

  const syntax::LanguageLevel level_;
  std::map<std::string_view, std::size_t> indices_;
  FlowGraph graph_;
  BlockIndex current_ = kNowhere;
  BlockIndex exit_ = kNowhere;
  std::vector<Loop> loops_;
  std::vector<Finally> finally_;
  std::vector<BlockIndex> exceptions_;  // where they go
  std::vector<std::set<std::string_view>> shadows_;
  int finally_depth_ = 0;
  std::vector<SourceRange> unreachable_;
  std::vector<bool> captured_;
};

bool is_meant_to_be_unused(std::string_view name) {
  return name == "_" || name.starts_with("unused");
}

}  // namespace

std::vector<FlowFinding> analyze_flow(const syntax::Block& body,
                                      const std::vector<FlowVariable>& variables,
                                      syntax::LanguageLevel level) {
  GraphBuilder builder(variables, level);
  builder.build(body);
  std::vector<FlowFinding> findings;
  for (const SourceRange range : builder.unreachable())
    findings.push_back({FlowFindingKind::kUnreachable, range, {}});

  const FlowGraph& graph = builder.graph();
  if (is_too_large(graph, variables.size())) return findings;
  FlowStates start(variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i)
    start[i] = variables[i].is_parameter || variables[i].is_storage ? kMayHaveValue : kMayHaveNone;
  std::vector<bool> is_read(variables.size());
  for (const FlowRead& read : reads_in(graph, start)) {
    is_read[read.variable] = true;
    const bool is_known = !builder.captured()[read.variable];
    if ((read.states & kMayHaveNone) == 0 || !is_known) continue;
    findings.push_back({read.states == kMayHaveNone ? FlowFindingKind::kUnassigned
                                                    : FlowFindingKind::kMaybeUnassigned,
                        read.range, variables[read.variable].name});
  }

  std::set<std::size_t> used_early;
  for (const FlowGraph::Block& block : graph.blocks())
    for (const FlowEvent& event : block.events)
      if (event.range.begin < variables[event.variable].declared.begin)
        used_early.insert(event.variable);
  for (const std::size_t i : used_early)
    if (!variables[i].is_parameter)
      findings.push_back(
          {FlowFindingKind::kDeclaredAfterUse, variables[i].declared, variables[i].name});

  std::vector<SourceRange> first_place(variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i) first_place[i] = variables[i].declared;
  for (const FlowAssignment& assignment : assignments_in(graph)) {
    SourceRange& first = first_place[assignment.variable];
    const bool is_first = first.end == 0 || assignment.range.begin < first.begin;
    if (is_first && variables[assignment.variable].declared.end == 0) first = assignment.range;
    if (assignment.may_be_read || !is_read[assignment.variable] ||
        builder.captured()[assignment.variable] || variables[assignment.variable].is_storage)
      continue;
    findings.push_back(
        {FlowFindingKind::kUnusedValue, assignment.range, variables[assignment.variable].name});
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (is_read[i] || builder.captured()[i] || is_meant_to_be_unused(variables[i].name) ||
        first_place[i].end == 0)
      continue;
    findings.push_back({variables[i].is_parameter ? FlowFindingKind::kUnusedParameter
                                                  : FlowFindingKind::kUnusedVariable,
                        first_place[i], variables[i].name});
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const auto& a, const auto& b) { return a.range.begin < b.range.begin; });
  return findings;
}

}  // namespace engineroom::sema
