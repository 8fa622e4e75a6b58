#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;

void Analyzer::raise_statement(const syntax::Raise& stmt, Block& out) {
  const auto null = [&] { return c_literal(object_, "nullptr", stmt.range); };
  if (stmt.exc == nullptr) return do_helper(out, "er::reraise", stmt.range);
  ExprPtr exc = object(*stmt.exc);
  if (stmt.value != nullptr || stmt.traceback != nullptr) {
    ExprPtr value = stmt.value != nullptr ? object(*stmt.value) : null();
    ExprPtr traceback = stmt.traceback != nullptr ? object(*stmt.traceback) : null();
    return do_helper(out, "er::raise3", stmt.range, std::move(exc), std::move(value),
                     std::move(traceback));
  }
  ExprPtr cause = stmt.cause != nullptr ? object(*stmt.cause) : null();
  do_helper(out, "er::raise", stmt.range, std::move(exc), std::move(cause));
}

void Analyzer::assert_statement(const syntax::Assert& stmt, Block& out) {
  auto node = make_stmt<tree::If>(stmt.range);
  auto negated = make<tree::Unary>(types_.bint(), stmt.range);
  negated->op = "!";
  negated->operand = condition(*stmt.test);
  node->test = std::move(negated);
  ExprPtr message =
      stmt.message != nullptr ? object(*stmt.message) : c_literal(object_, "nullptr", stmt.range);
  do_helper(node->body, "er::raise_assertion", stmt.range, std::move(message));
  out.push_back(std::move(node));
}

void Analyzer::try_statement(const syntax::Try& stmt, Block& out) {
  if (stmt.is_star) return not_supported(stmt.range, "except*");
  Block body;
  if (stmt.handlers.empty()) {
    body = block(stmt.body);
  } else {
    auto node = make_stmt<tree::Try>(stmt.range);
    node->body = block(stmt.body);
    for (const syntax::ExceptHandler& handler : stmt.handlers) {
      tree::Handler made;
      made.range = handler.range;
      if (handler.type != nullptr)
        made.matches = helper("er::exception_matches", types_.bint(), Fail::kMinusOne,
                              handler.type->range, object(*handler.type));
      if (handler.target == nullptr) {
        made.body = block(handler.body);
      } else {
        auto current = make<tree::Helper>(object_, handler.target->range);
        current->name = "er::current_exception";
        current->is_borrowed = true;
        assign(*handler.target, std::move(current), made.body);
        auto finally = make_stmt<tree::Finally>(handler.range);
        finally->body = block(handler.body);
        // Nobody minds if it is gone already.
        if (handler.forgets_target) forget_name(*handler.target, finally->cleanup);
        made.body.push_back(std::move(finally));
      }
      node->handlers.push_back(std::move(made));
    }
    node->orelse = block(stmt.orelse);
    body.push_back(std::move(node));
  }
  if (!stmt.has_finally) {
    for (StmtPtr& s : body) out.push_back(std::move(s));
    return;
  }
  auto finally = make_stmt<tree::Finally>(stmt.range);
  finally->body = std::move(body);
  finally->cleanup = block(stmt.finalbody);
  out.push_back(std::move(finally));
}

void Analyzer::forget_name(const syntax::Expr& target, Block& out) {
  const auto* name = syntax::try_as<syntax::Name>(&target);
  if (name == nullptr) return;
  const auto local = context_->locals.find(name->id);
  if (local != context_->locals.end()) {
    if (!local->second->type->is_object()) return;
    auto node = make_stmt<tree::Unbind>(target.range);
    node->variable = local->second;
    out.push_back(std::move(node));
    return;
  }
  do_helper(out, "er::forget_global", target.range, globals(target.range),
            str_constant(name->id, target.range));
}

// with manager as target: body
//
//   exit = manager.__exit__, value = manager.__enter__(), ok = True
//   try:    try: target = value; body
//           except: ok = False; if not exit(*exc_info): raise
//   finally: if ok: exit(None, None, None)
void Analyzer::with_statement(const syntax::With& stmt, std::size_t item, Block& out) {
  if (stmt.is_async) return not_supported(stmt.range, "async with");
  if (item == stmt.items.size()) {
    Block body = block(stmt.body);
    for (StmtPtr& s : body) out.push_back(std::move(s));
    return;
  }
  const syntax::WithItem& with = stmt.items[item];
  const syntax::SourceRange range = with.context->range;
  if (directive_block(*with.context)) {
    const Directives before = context_->directives;
    apply_directive_decorator(*with.context, context_->directives);
    with_statement(stmt, item + 1, out);
    context_->directives = before;
    return;
  }
  Variable* manager = keep(object(*with.context), out);
  const auto special = [&](const char* name) {
    return object_helper("er::lookup_special", range, variable(manager, range),
                         str_constant(name, range));
  };
  ExprPtr enter = special("__enter__");
  Variable* entering = keep(std::move(enter), out);
  Variable* exit = keep(special("__exit__"), out);
  Variable* value = keep(object_helper("er::call", range, variable(entering, range)), out);
  Variable* ok = keep(c_literal(types_.bint(), "1", range), out);

  auto attempt = make_stmt<tree::Try>(stmt.range);
  if (with.target != nullptr) assign(*with.target, variable(value, range), attempt->body);
  with_statement(stmt, item + 1, attempt->body);
  tree::Handler handler;
  handler.range = range;
  assign_variable(handler.body, ok, c_literal(types_.bint(), "0", range), range);
  auto again = make_stmt<tree::If>(range);
  auto unhandled = make<tree::Unary>(types_.bint(), range);
  unhandled->op = "!";
  unhandled->operand = helper("er::exit_with_exception", types_.bint(), Fail::kMinusOne, range,
                              variable(exit, range));
  again->test = std::move(unhandled);
  do_helper(again->body, "er::reraise", range);
  handler.body.push_back(std::move(again));
  attempt->handlers.push_back(std::move(handler));

  auto finally = make_stmt<tree::Finally>(stmt.range);
  finally->body.push_back(std::move(attempt));
  auto leave = make_stmt<tree::If>(range);
  leave->test = variable(ok, range);
  do_helper(leave->body, "er::exit", range, variable(exit, range));
  finally->cleanup.push_back(std::move(leave));
  out.push_back(std::move(finally));
}

// `with cython.cdivision(True):`
bool Analyzer::directive_block(const syntax::Expr& context) {
  const auto* call = syntax::try_as<syntax::Call>(&context);
  return call != nullptr && cython_name(*call->func).has_value();
}

}  // namespace engineroom::sema
