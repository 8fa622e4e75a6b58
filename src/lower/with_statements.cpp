// `with manager: body` (PEP 343):
//
//   enter = manager.__enter__; exit = manager.__exit__; value = enter(); is_ok = True
//   try:    try: body
//           except: is_ok = False; if not exit(*exc_info): raise
//   finally: if is_ok: exit(None, None, None)
#include <utility>

#include "lower/lower.h"
#include "lower/tree_maker.h"
#include "tree/children.h"

namespace engineroom::lower {

using tree::Block;
using tree::Fail;
using tree::StmtKind;
using tree::StmtPtr;
using tree::Variable;

namespace {

// What runs if an exception leaves the body.
tree::Handler exceptional_exit(TreeMaker& make, Variable* exit, Variable* is_ok,
                               syntax::SourceRange place) {
  tree::Handler handler;
  handler.range = place;
  handler.body.push_back(make.assign(is_ok, make.truth(false)));
  auto unless_handled = make.stmt<tree::If>();
  unless_handled->test = make.negation(
      make.helper("er::exit_with_exception", make.bint(), Fail::kMinusOne, make.variable(exit)));
  unless_handled->body.push_back(
      make.run(make.helper("er::reraise", make.bint(), Fail::kMinusOne)));
  handler.body.push_back(std::move(unless_handled));
  return handler;
}

void expand(tree::With& with, TreeMaker& make, Block& out) {
  const syntax::SourceRange place = with.manager->range;
  make.set_place(place);
  const auto method = [&](Variable* manager, const char* name) {
    return make.helper("er::lookup_special", make.object(), Fail::kNull, make.variable(manager),
                       make.str(name));
  };
  Variable* manager = make.keep("manager", std::move(with.manager), out);
  Variable* enter = make.keep("enter", method(manager, "__enter__"), out);
  Variable* exit = make.keep("exit", method(manager, "__exit__"), out);
  tree::ExprPtr entered = make.helper("er::call", make.object(), Fail::kNull, make.variable(enter));
  if (with.value != nullptr) {
    out.push_back(make.assign(with.value, std::move(entered)));
  } else {
    out.push_back(make.run(std::move(entered)));
  }
  Variable* is_ok = make.keep("is_ok", make.truth(true), out);

  make.set_place(with.range);
  auto attempt = make.stmt<tree::Try>();
  auto always = make.stmt<tree::Finally>();
  make.set_place(place);
  attempt->body = std::move(with.body);
  attempt->handlers.push_back(exceptional_exit(make, exit, is_ok, place));
  always->body.push_back(std::move(attempt));
  auto leave = make.stmt<tree::If>();
  leave->test = make.variable(is_ok);
  leave->body.push_back(
      make.run(make.helper("er::exit", make.bint(), Fail::kMinusOne, make.variable(exit))));
  always->cleanup.push_back(std::move(leave));
  out.push_back(std::move(always));
}

void lower_block(Block& block, TreeMaker& make) {
  Block out;
  for (StmtPtr& stmt : block) {
    tree::for_each_block(*stmt, [&](Block& inner) { lower_block(inner, make); });
    if (stmt->kind == StmtKind::kWith) {
      expand(static_cast<tree::With&>(*stmt), make, out);
    } else {
      out.push_back(std::move(stmt));
    }
  }
  block = std::move(out);
}

}  // namespace

void lower_with_statements(tree::Module& module) {
  for (tree::Function& function : module.functions) {
    TreeMaker make(module, function);
    lower_block(function.body, make);
  }
}

}  // namespace engineroom::lower
