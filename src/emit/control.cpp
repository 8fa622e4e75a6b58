#include <algorithm>

#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::FunctionKind;

namespace {

// Why a finally clause runs; 0 if its body came to its end, other numbers for exits.
constexpr int kRaised = 1;

}  // namespace

// ---- return, break, continue ----

// Goes out to what the exit has to pass next, or all the way.
void FunctionEmitter::leave(Exit exit) {
  auto next = around_.rbegin();
  const bool passes_loops = exit == Exit::kReturn || exit == Exit::kStop;
  while (passes_loops && next != around_.rend() && next->kind == Around::Kind::kLoop) ++next;
  if (next == around_.rend()) return return_result();
  if (next->kind != Around::Kind::kLoop) {
    const bool is_region = next->kind == Around::Kind::kRegion;
    if (next->is_loop && exit == Exit::kContinue) return out_.line("continue;");
    if (is_region && exit == Exit::kStop) return out_.line("goto end" + next->name + ";");
    if (std::find(next->exits.begin(), next->exits.end(), exit) == next->exits.end())
      next->exits.push_back(exit);
    next->is_label_used = true;
    out_.line("why" + next->name + " = " + std::to_string(number_of(exit)) + ";");
    return out_.line((is_region ? "goto left" : "goto finally") + next->name + ";");
  }
  Around& loop = *next;
  if (exit == Exit::kContinue) {
    out_.line("continue;");
  } else if (loop.name.empty()) {
    out_.line("break;");
  } else {
    loop.is_label_used = true;
    out_.line("goto " + loop.name + ";");
  }
}

void FunctionEmitter::return_statement(const tree::Return& stmt) {
  const bool is_direct = std::all_of(around_.begin(), around_.end(),
                                     [](const Around& a) { return a.kind == Around::Kind::kLoop; });
  const bool is_void = function_.kind == FunctionKind::kModuleInit ||
                       (is_c_function() && function_.type->base->is_void());
  if (stmt.value == nullptr || is_void) {
    if (stmt.value != nullptr) drop(*stmt.value);
    if (is_direct && !is_void && (!is_c_function() || function_.type->base->is_object())) {
      out_.line("return er::new_ref(Py_None);");
    } else {
      leave(Exit::kReturn);
    }
    return;
  }
  if (is_direct && makes_object(*stmt.value)) {
    // Either it is the result, or there was an error.
    const auto* helper = tree::try_as<tree::Helper>(stmt.value.get());
    const std::string text = new_object_text(*stmt.value);
    if (helper != nullptr && helper->fail == tree::Fail::kNever)
      return out_.line("return " + text + ";");
    out_.line("if (PyObject* er_object = " + text + ") return er_object;");
    const std::string failure = fail(stmt.value->range);
    return out_.line(failure.substr(2, failure.size() - 4));
  }
  const Value made = value(*stmt.value);
  const bool is_object = stmt.value->type->is_counted();
  if (is_direct) {
    // A local that nothing reads any more gives its reference away.
    const auto* ref = tree::try_as<tree::VariableRef>(stmt.value.get());
    const bool is_local = ref != nullptr && made.form == Form::kVariable;
    out_.line("return " +
              (!is_object ? made.text
               : is_local ? made.text + ".release()"
                          : as_new(made)) +
              ";");
    return;
  }
  uses_result_ = true;
  out_.line("er_result = " + (is_object ? as_ref(made) : made.text) + ";");
  leave(Exit::kReturn);
}

// What was put into er_result.
void FunctionEmitter::return_result() {
  if (function_.kind == FunctionKind::kModuleInit) {
    out_.line("return 0;");
  } else if (is_c_function() && function_.type->base->is_void()) {
    out_.line("return;");
  } else if (function_.kind == FunctionKind::kDef || function_.type->base->is_counted()) {
    out_.line("return er_result.release();");
  } else {
    out_.line("return er_result;");
  }
}

// ---- try ----

void FunctionEmitter::enter_handler(const std::string& name) {
  out_.line(name + ".enter(" + traceback_arguments() + ");");
}

void FunctionEmitter::try_statement(const tree::Try& stmt) {
  const std::string id = std::to_string(++n_names_);
  const std::string handler = "handler" + id;
  const std::string end = "end" + id;
  const std::size_t mark = out_.mark();
  Bound in_handlers = bound_;
  for (const tree::Variable* variable : effects_.of_block(stmt.body).unbinds)
    in_handlers.erase(variable);
  out_.open("");
  const bool can_fail = with_handler("catch" + id, [&] { block(stmt.body); });
  out_.close();
  if (!can_fail) {
    block(stmt.orelse);
    return;
  }
  out_.insert(mark, (has_gil_ ? "er::Handler " : "er::HandlerNogil ") + handler + ";");
  block(stmt.orelse);
  Bound after = bound_;
  bool ends = ends_with_jump(stmt.body) || ends_with_jump(stmt.orelse);
  out_.line("goto " + end + ";");
  out_.line("catch" + id + ":");
  enter_handler(handler);
  bool catches_all = false;
  for (const tree::Handler& clause : stmt.handlers) {
    const std::uint32_t line = line_of(clause.range);
    if (line > 0) out_.set_source_line(line);
    const std::size_t clause_mark = out_.mark();
    has_declared_ = false;
    bound_ = in_handlers;
    if (clause.matches != nullptr) {
      out_.open("if (" + condition(*clause.matches) + ")");
    } else {
      out_.open("");
      catches_all = true;
    }
    const bool declared = has_declared_;
    in_handlers = bound_;
    block(clause.body);
    after = meet(after, ends, bound_, ends_with_jump(clause.body));
    ends = ends && ends_with_jump(clause.body);
    if (!ends_with_jump(clause.body)) out_.line("goto " + end + ";");
    out_.close();
    if (declared) out_.enclose_since(clause_mark);
    if (catches_all) break;
  }
  if (!catches_all) {
    out_.line(handler + ".reraise();");
    out_.line(fail_at(0));
  }
  // The end is outside: the handler is left on the way there.
  out_.enclose_since(mark);
  out_.line(end + ":;");
  bound_ = after;
  has_declared_ = false;
}

void FunctionEmitter::finally_statement(const tree::Finally& stmt) {
  const std::string id = std::to_string(++n_names_);
  const std::string handler = "handler" + id;
  const std::string why = "why" + id;
  const std::size_t mark = out_.mark();
  Around around;
  around.kind = Around::Kind::kFinally;
  around.name = id;
  around_.push_back(around);
  Bound in_cleanup = bound_;
  for (const tree::Variable* variable : effects_.of_block(stmt.body).unbinds)
    in_cleanup.erase(variable);
  out_.open("");
  const bool can_fail = with_handler("catch" + id, [&] { block(stmt.body); });
  out_.close();
  around = around_.back();
  around_.pop_back();
  if (!can_fail && around.exits.empty()) return block(stmt.cleanup);

  if (can_fail) {
    out_.insert(mark, (has_gil_ ? "er::Handler " : "er::HandlerNogil ") + handler + ";");
    out_.line("goto finally" + id + ";");
    out_.line("catch" + id + ":");
    enter_handler(handler);
    out_.line(why + " = " + std::to_string(kRaised) + ";");
  }
  out_.insert(mark, "int " + why + " = 0;");
  out_.line("finally" + id + ":;");
  // After the cleanup the body has come to its end, unless all of its ways jump.
  Bound after = bound_;
  bound_ = in_cleanup;
  block(stmt.cleanup);
  after.insert(bound_.begin(), bound_.end());
  for (const tree::Variable* variable : effects_.of_block(stmt.cleanup).unbinds)
    after.erase(variable);
  if (can_fail) {
    out_.open("if (" + why + " == " + std::to_string(kRaised) + ")");
    out_.line(handler + ".reraise();");
    out_.line(fail_at(0));
    out_.close();
  }
  for (const Exit exit : around.exits) {
    out_.open("if (" + why + " == " + std::to_string(number_of(exit)) + ")");
    leave(exit);
    out_.close();
  }
  bound_ = after;
  has_declared_ = true;
}

}  // namespace engineroom::emit
