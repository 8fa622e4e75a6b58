#include <algorithm>
#include <cassert>
#include <iterator>

#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::ExprKind;
using tree::StmtKind;

void FunctionEmitter::block(const tree::Block& block) {
  const bool declared = has_declared_;
  for (const tree::StmtPtr& stmt : block) statement(*stmt);
  has_declared_ = declared;
}

// A block of its own if it declares something, so that gotos can leave and pass it.
void FunctionEmitter::statement(const tree::Stmt& stmt) {
  const std::uint32_t line = stmt.range.end > 0 ? line_of(stmt.range) : 0;
  if (line > 0) {
    out_.set_source(static_cast<std::uint32_t>(stmt.range.source));
    out_.set_source_line(line);
  }
  const std::size_t mark = out_.mark();
  has_declared_ = false;
  switch (stmt.kind) {
    case StmtKind::kExpr:
      drop(*as<tree::ExprStmt>(stmt).value);
      break;
    case StmtKind::kAssign:
      assign(as<tree::Assign>(stmt));
      break;
    case StmtKind::kUnbind:
      unbind(as<tree::Unbind>(stmt));
      break;
    case StmtKind::kMakeScope:
      make_scope(as<tree::MakeScope>(stmt));
      break;
    case StmtKind::kIf:
      if_statement(as<tree::If>(stmt));
      break;
    case StmtKind::kWhile:
      while_loop(as<tree::While>(stmt));
      break;
    case StmtKind::kCountLoop:
      count_loop(as<tree::CountLoop>(stmt));
      break;
    case StmtKind::kIterate:
      iterate(as<tree::Iterate>(stmt));
      break;
    case StmtKind::kBreak:
      leave(Exit::kBreak);
      break;
    case StmtKind::kContinue:
      leave(Exit::kContinue);
      break;
    case StmtKind::kReturn:
      return_statement(as<tree::Return>(stmt));
      break;
    case StmtKind::kTry:
      try_statement(as<tree::Try>(stmt));
      break;
    case StmtKind::kFinally:
      finally_statement(as<tree::Finally>(stmt));
      break;
    case StmtKind::kWith:
      assert(false && "with was not lowered");
      break;
    case StmtKind::kGilBlock:
      gil_block(as<tree::GilBlock>(stmt));
      break;
    case StmtKind::kParallelLoop:
      parallel_loop(as<tree::ParallelLoop>(stmt));
      break;
    case StmtKind::kParallelBlock:
      parallel_block(as<tree::ParallelBlock>(stmt));
      break;
  }
  if (has_declared_) out_.enclose_since(mark);
  has_declared_ = false;
  empty_temporaries(stmt);
}

void FunctionEmitter::empty_temporaries(const tree::Stmt& after) {
  const auto found = last_uses_.find(&after);
  const bool ends_here = after.kind == StmtKind::kReturn || after.kind == StmtKind::kBreak ||
                         after.kind == StmtKind::kContinue;
  if (found == last_uses_.end() || ends_here) return;
  for (const tree::Variable* variable : found->second)
    if (!emptied_.contains(variable)) out_.line(variable->cpp + ".reset();");
}

void FunctionEmitter::assign(const tree::Assign& stmt) {
  if (const auto taken = takes_.find(&stmt); taken != takes_.end()) out_.line(taken->second);
  if (const auto* ref = tree::try_as<tree::VariableRef>(stmt.target.get())) {
    const tree::Variable& target = *ref->variable;
    if (owns(target) && target.type->is_object() && target.type->buffer == nullptr) {
      // x = f() in one line, if it makes a new object.
      if (const auto* helper = tree::try_as<tree::Helper>(stmt.value.get());
          helper != nullptr && helper->fail == tree::Fail::kNull && !helper->is_borrowed) {
        const std::string operated = target.is_global() ? "" : operated_text(target, *helper);
        if (!operated.empty()) {
          note_bound(target);
          return out_.line("if (!" + operated + ") " + fail(helper->range));
        }
        const std::string text = helper_text(*helper);
        note_bound(target);
        out_.line("if (!" + target.cpp + ".set(" + text + ")) " + fail(helper->range));
        return;
      }
    }
    const auto* made = tree::try_as<tree::Helper>(stmt.value.get());
    if (target.type->is_view() && !target.is_global() && made != nullptr &&
        made->fail == tree::Fail::kFalse) {
      out_.line("if (!" + helper_text(*made, "&" + target.cpp) + ") " + fail(made->range));
      note_bound(target);
      return;
    }
    return assign(target, value(*stmt.value));
  }
  std::vector<const tree::Expr*> parts = {stmt.value.get()};
  const auto* field = tree::try_as<tree::FieldAccess>(stmt.target.get());
  const auto* index = tree::try_as<tree::IndexAccess>(stmt.target.get());
  const auto* item = tree::try_as<tree::BufferItem>(stmt.target.get());
  if (field != nullptr) {
    parts.push_back(field->value.get());
  } else if (index != nullptr) {
    parts.push_back(index->value.get());
    parts.push_back(index->index.get());
  }
  std::vector<Value> made = values(parts);
  if (item != nullptr && must_precede(effects_(*stmt.value), effects_(*stmt.target)))
    made[0] = kept(std::move(made[0]), *stmt.value->type);
  const std::string target =
      item != nullptr ? buffer_item(*item).text
      : field != nullptr
          ? at(made[1], kPrimary) + (field->value->type->is_pointer() ? "->" : ".") + field->cpp
          : at(made[1], kPrimary) + "[" + made[2].text + "]";
  if (stmt.target->type->is_object()) {
    out_.line("Py_XSETREF(" + target + ", " + as_new(made[0]) + ");");
  } else if (stmt.target->type->kind == tree::TypeKind::kArray) {
    out_.line("std::memcpy(" + target + ", " + made[0].text + ", sizeof(" + stmt.target->type->cpp +
              "));");
  } else {
    out_.line(target + " = " + made[0].text + ";");
  }
}

void FunctionEmitter::unbind(const tree::Unbind& stmt) {
  const tree::Variable& variable = *stmt.variable;
  if (stmt.check) check_bound(variable, variable.cpp, stmt.range);
  if (variable.type->buffer != nullptr) release_buffer(variable);
  if (owns(variable)) out_.line(variable.cpp + ".reset();");
  bound_.erase(&variable);
}

// ---- variables without a value ----

void FunctionEmitter::check_bound(const tree::Variable& variable, const std::string& text,
                                  syntax::SourceRange range) {
  if (bound_.contains(&variable)) return;
  const char* raise = variable.type->is_view() ? "er::raise_unbound_view("
                      : is_free(variable)      ? "er::raise_unbound_free("
                                               : "er::raise_unbound_local(";
  out_.line("if (!" + text + ") { " + raise + quoted(variable.name) + "); " +
            fail(range).substr(2));
  note_bound(variable);
}

Bound FunctionEmitter::meet(const Bound& a, bool a_ends, const Bound& b, bool b_ends) {
  if (a_ends) return b;
  if (b_ends) return a;
  Bound both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  return both;
}

void FunctionEmitter::forget_unbound(const Effects& effects) {
  for (const tree::Variable* variable : effects.unbinds) bound_.erase(variable);
}

// ---- if ----

bool ends_with_jump(const tree::Block& block) {
  if (block.empty()) return false;
  const tree::Stmt& last = *block.back();
  switch (last.kind) {
    case StmtKind::kReturn:
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return true;
    case StmtKind::kIf:
      return ends_with_jump(as<tree::If>(last).body) && ends_with_jump(as<tree::If>(last).orelse);
    case StmtKind::kExpr: {
      // `raise` is a helper that always fails.
      const auto* helper = tree::try_as<tree::Helper>(as<tree::ExprStmt>(last).value.get());
      return helper != nullptr &&
             (helper->name.starts_with("er::raise") || helper->name == "er::reraise");
    }
    default:
      return false;
  }
}

namespace {

// `else` that is one `if`.
const tree::If* elif_of(const tree::If& stmt) {
  const bool is_elif = stmt.orelse.size() == 1 && stmt.orelse[0]->kind == StmtKind::kIf;
  return is_elif ? &as<tree::If>(*stmt.orelse[0]) : nullptr;
}

}  // namespace

void FunctionEmitter::if_statement(const tree::If& stmt) {
  for (const tree::If* next = elif_of(stmt); next != nullptr; next = elif_of(*next))
    if (effects_(*next->test).has_statements) return flat_if_statement(stmt);

  out_.open("if (" + condition(*stmt.test) + ")");
  Bound otherwise = bound_;
  block(stmt.body);
  Bound after = bound_;
  bool ends = ends_with_jump(stmt.body);
  const auto branch_done = [&](const tree::Block& body) {
    after = meet(after, ends, bound_, ends_with_jump(body));
    ends = ends && ends_with_jump(body);
  };
  const tree::If* branch = &stmt;
  while (const tree::If* next = elif_of(*branch)) {
    bound_ = otherwise;
    out_.set_source_line(line_of(next->range));
    out_.next("} else if (" + value(*next->test).text + ") {");
    block(next->body);
    branch_done(next->body);
    branch = next;
  }
  bound_ = otherwise;
  if (!branch->orelse.empty()) {
    out_.next("} else {");
    block(branch->orelse);
  }
  branch_done(branch->orelse);
  bound_ = after;
  out_.close();
}

// The tests need statements: else-ifs would nest deeper and deeper.
void FunctionEmitter::flat_if_statement(const tree::If& stmt) {
  const std::string end = "end" + std::to_string(++n_names_);
  const std::size_t mark = out_.mark();
  bool is_end_used = false;
  Bound after;
  bool ends = true;
  const tree::If* branch = &stmt;
  for (const tree::If* next = branch; next != nullptr; next = elif_of(*branch)) {
    branch = next;
    if (branch != &stmt) out_.set_source_line(line_of(branch->range));
    out_.open("if (" + condition(*branch->test) + ")");
    const Bound otherwise = bound_;
    block(branch->body);
    if (!ends_with_jump(branch->body)) {
      out_.line("goto " + end + ";");
      is_end_used = true;
      after = meet(after, ends, bound_, false);
      ends = false;
    }
    out_.close();
    bound_ = otherwise;
  }
  block(branch->orelse);
  bound_ = meet(after, ends, bound_, ends_with_jump(branch->orelse));
  out_.enclose_since(mark);
  if (is_end_used) out_.line(end + ":;");
  has_declared_ = false;
}

}  // namespace engineroom::emit
