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
  if (line > 0) out_.set_source_line(line);
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
  }
  if (has_declared_) out_.enclose_since(mark);
  has_declared_ = false;
}

void FunctionEmitter::assign(const tree::Assign& stmt) {
  if (const auto* ref = tree::try_as<tree::VariableRef>(stmt.target.get())) {
    const tree::Variable& target = *ref->variable;
    if (owns(target)) {
      // x = f() in one line, if it makes a new object.
      if (const auto* helper = tree::try_as<tree::Helper>(stmt.value.get());
          helper != nullptr && helper->fail == tree::Fail::kNull && !helper->is_borrowed) {
        const std::string text = helper_text(*helper);
        out_.line("if (!" + target.cpp + ".set(" + text + ")) " + fail(helper->range));
        return;
      }
    }
    return assign(target, value(*stmt.value));
  }
  std::vector<const tree::Expr*> parts = {stmt.value.get()};
  const auto* field = tree::try_as<tree::FieldAccess>(stmt.target.get());
  const auto* index = tree::try_as<tree::IndexAccess>(stmt.target.get());
  if (field != nullptr) {
    parts.push_back(field->value.get());
  } else {
    parts.push_back(index->value.get());
    parts.push_back(index->index.get());
  }
  const std::vector<Value> made = values(parts);
  const std::string target =
      field != nullptr
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
  if (stmt.check) {
    out_.open("if (!" + variable.cpp + ")");
    out_.line("er::raise_unbound_local(" + quoted(variable.name) + ");");
    out_.line(fail(stmt.range));
    out_.close();
  }
  if (owns(variable)) out_.line(variable.cpp + ".reset();");
}

void FunctionEmitter::if_statement(const tree::If& stmt) {
  out_.open("if (" + condition(*stmt.test) + ")");
  const tree::If* branch = &stmt;
  block(branch->body);
  // elif, as long as the test needs no statements.
  while (branch->orelse.size() == 1 && branch->orelse[0]->kind == StmtKind::kIf) {
    const auto& next = as<tree::If>(*branch->orelse[0]);
    if (effects_(*next.test).has_statements) break;
    out_.set_source_line(line_of(next.range));
    out_.next("} else if (" + value(*next.test).text + ") {");
    block(next.body);
    branch = &next;
  }
  if (!branch->orelse.empty()) {
    out_.next("} else {");
    block(branch->orelse);
  }
  out_.close();
}

}  // namespace engineroom::emit
