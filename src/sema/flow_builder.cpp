#include "sema/flow_builder.h"

#include <algorithm>
#include <utility>

#include "sema/names.h"
#include "syntax/children.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::Expr;
using syntax::ExprKind;
using syntax::SourceRange;
using syntax::Stmt;
using syntax::StmtKind;

namespace {

bool is_always_true(const Expr& test) {
  return test.kind == ExprKind::kTrue ||
         (test.kind == ExprKind::kInt && as<syntax::Int>(test).value != 0);
}

}  // namespace

FlowBuilder::FlowBuilder(const std::vector<FlowVariable>& variables, Expansion expansion)
    : expansion_(std::move(expansion)), captured_(variables.size()) {
  for (std::size_t i = 0; i < variables.size(); ++i) indices_.emplace(variables[i].name, i);
  current_ = graph_.add_block();
  exit_ = graph_.add_block();
}

void FlowBuilder::go_to(BlockIndex block) {
  if (current_ != kNowhere) graph_.add_edge(current_, block);
}

FlowGraph::BlockIndex FlowBuilder::next_block() {
  const BlockIndex block = graph_.add_block();
  go_to(block);
  current_ = block;
  return block;
}

void FlowBuilder::add_event(FlowEventKind kind, std::string_view name, SourceRange range) {
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

bool FlowBuilder::is_shadowed(std::string_view name) const {
  return std::any_of(shadows_.begin(), shadows_.end(),
                     [&](const auto& names) { return names.contains(name); });
}

void FlowBuilder::block(const syntax::Block& stmts) {
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

void FlowBuilder::statement(const Stmt& stmt) {
  if (const syntax::Block* inner = expansion_ ? expansion_(stmt) : nullptr) return block(*inner);
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
    // Their bodies run when they are called, or not at all.
    case StmtKind::kCFuncDef:
    case StmtKind::kCClassDef:
    case StmtKind::kCppClassDef:
    case StmtKind::kCExternBlock:
    case StmtKind::kCStructDef:
    case StmtKind::kCEnumDef:
      return;
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

void FlowBuilder::bind(const syntax::Identifier& name) {
  add_event(FlowEventKind::kAssign, name.text, name.range);
}

void FlowBuilder::leave(BlockIndex target, std::size_t n_finally) {
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

void FlowBuilder::if_statement(const syntax::List<syntax::IfClause>& clauses,
                               const syntax::Block& orelse) {
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

void FlowBuilder::while_loop(const syntax::While& loop) {
  const BlockIndex head = next_block();
  read(loop.test);
  turns(head, is_always_true(*loop.test) ? kNowhere : current_, nullptr, loop.body, loop.orelse);
}

void FlowBuilder::turns(BlockIndex head, BlockIndex tested, const Expr* target,
                        const syntax::Block& body, const syntax::Block& orelse) {
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

void FlowBuilder::try_statement(const syntax::Try& stmt) {
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

void FlowBuilder::try_except(const syntax::Try& stmt) {
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
    if (name != nullptr && handler.forgets_target)
      add_event(FlowEventKind::kForget, name->id, name->range);
    go_to(end);
  }
  if (!catches_all && !exceptions_.empty()) graph_.add_edge(not_caught, exceptions_.back());
  meet(end);
}

void FlowBuilder::with_statement(const syntax::With& stmt, std::size_t item) {
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

void FlowBuilder::match_statement(const syntax::Match& stmt) {
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

}  // namespace engineroom::sema
