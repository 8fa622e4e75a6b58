#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;

void Analyzer::raise_statement(const syntax::Raise& stmt, Block& out) {
  if (!context_->has_gil)
    return taking_gil(stmt.range, out, [&](Block& within) { raise_statement(stmt, within); });
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
  taking_gil(stmt.range, node->body, [&](Block& within) {
    ExprPtr message =
        stmt.message != nullptr ? object(*stmt.message) : c_literal(object_, "nullptr", stmt.range);
    do_helper(within, "er::raise_assertion", stmt.range, std::move(message));
  });
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
    if (!local->second->type->is_counted()) return;
    auto node = make_stmt<tree::Unbind>(target.range);
    node->variable = local->second;
    out.push_back(std::move(node));
    return;
  }
  do_helper(out, "er::forget_global", target.range, globals(target.range),
            str_constant(name->id, target.range));
}

void Analyzer::with_statement(const syntax::With& stmt, std::size_t item, Block& out) {
  if (stmt.is_async) return not_supported(stmt.range, "async with");
  if (item == stmt.items.size()) {
    Block body = block(stmt.body);
    for (StmtPtr& s : body) out.push_back(std::move(s));
    return;
  }
  const syntax::WithItem& with = stmt.items[item];
  const syntax::SourceRange range = with.context->range;
  const auto rest = [&] {
    Block inner;
    with_statement(stmt, item + 1, inner);
    return inner;
  };
  if (const auto* parallel = parallel_call(*with.context, "parallel.parallel"))
    return parallel_block(*parallel, rest, stmt.body, out);
  const auto* call = syntax::try_as<syntax::Call>(with.context);
  const std::optional<std::string> known =
      cython_name(call != nullptr ? *call->func : *with.context);
  if (known == "nogil" || known == "gil") {
    if (call != nullptr && (call->args.size() != 1 || !call->keywords.empty())) {
      diagnostics_.error("gil-condition", range,
                         "Compiler directive " + *known + " accepts one positional argument.");
      return;
    }
    const syntax::Expr* condition =
        call != nullptr && call->args.size() == 1 ? call->args[0] : nullptr;
    return gil_block(known == "nogil", condition, range, rest, out);
  }
  if (known == "parallel.parallel") {
    diagnostics_.error("parallel-option", range, "The parallel directive must be called")
        .hint("parallel.parallel()");
    return;
  }
  if (directive_block(*with.context)) {
    const Directives before = context_->directives;
    apply_directive_decorator(*with.context, context_->directives);
    with_statement(stmt, item + 1, out);
    context_->directives = before;
    return;
  }
  auto node = make_stmt<tree::With>(stmt.range);
  node->manager = object(*with.context);
  if (with.target != nullptr) {
    node->value = temporary(object_);
    assign(*with.target, variable(node->value, range), node->body);
  }
  with_statement(stmt, item + 1, node->body);
  out.push_back(std::move(node));
}

// `with cython.cdivision(True):`
bool Analyzer::directive_block(const syntax::Expr& context) {
  const auto* call = syntax::try_as<syntax::Call>(&context);
  return call != nullptr && cython_name(*call->func).has_value();
}

}  // namespace engineroom::sema
