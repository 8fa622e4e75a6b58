// Regions: blocks without the GIL, and what all parallel ones have in common. Their bodies are
// written first, apart, since what is around them depends on it: whether something in them fails,
// leaves, or takes the GIL.
#include <utility>

#include "emit/function_emitter.h"
#include "emit/text.h"
#include "tree/children.h"
#include "tree/function_type.h"

namespace engineroom::emit {

using tree::as;
using tree::Stmt;
using tree::StmtKind;
using tree::Type;
using tree::TypeKind;
using tree::Variable;

namespace {

bool is_type_of_copies(const Type& type) {
  return type.is_numeric() || type.is_pointer() || type.kind == TypeKind::kStruct;
}

}  // namespace

// ---- the GIL ----

void FunctionEmitter::gil_block(const tree::GilBlock& stmt) {
  const bool had_gil = has_gil_;
  const char* guard = stmt.is_conditional ? "er::WithoutGilIfHeld"
                      : stmt.releases     ? "er::WithoutGil"
                                          : "er::WithGil";
  out_.open("");
  out_.line(std::string("const ") + guard + " gil" + std::to_string(++n_names_) + ";");
  has_gil_ = !stmt.releases;
  takes_gil_ = takes_gil_ || has_gil_;
  declare_inner(stmt);
  block(stmt.body);
  has_gil_ = had_gil;
  out_.close();
}

void FunctionEmitter::declare_inner(const Stmt& stmt) {
  const auto found = inner_.of_stmt.find(&stmt);
  if (found == inner_.of_stmt.end()) return;
  for (const Variable* variable : found->second) {
    const Type& type = *variable->type;
    // Objects in a region are let go at the end of a turn, without the GIL.
    const bool has_gil = stmt.kind == StmtKind::kGilBlock;
    const std::string owner = type.is_object() && !has_gil ? "er::NogilRef" : owner_type(type);
    out_.line((type.is_counted() ? owner + " " + variable->cpp
                                 : declare(type, variable->cpp) + initial_value(type)) +
              ";");
  }
}

// ---- what is in a region ----

FunctionEmitter::Region FunctionEmitter::region(const Stmt& stmt, const tree::Block& body,
                                                bool is_loop) {
  Region region;
  region.id = std::to_string(++n_names_);
  if (is_loop)
    for (const tree::Reduction& one : as<tree::ParallelLoop>(stmt).reductions)
      if (one.taken != nullptr)
        takes_[one.taken] =
            taken_turn(one, region.id) + " = (er::Extreme::Turn)k" + region.id + " + 1;";
  Around around;
  around.kind = Around::Kind::kRegion;
  around.is_loop = is_loop;
  around.name = region.id;
  around_.push_back(around);
  const bool in_region = std::exchange(in_region_, true);
  const bool takes_gil = std::exchange(takes_gil_, false);
  const bool uses_at = std::exchange(uses_at_, false);
  const bool uses_result = std::exchange(uses_result_, false);
  const Bound bound = bound_;
  std::vector<std::string> shared = std::exchange(shared_, {});
  Writer outer = std::exchange(out_, Writer());
  out_.set_source(static_cast<std::uint32_t>(stmt.range.source));
  out_.set_source_line(outer.source_line());
  out_.open("");
  region.can_fail = with_handler("failed" + region.id, [&] { block(body); });
  out_.close();
  region.body = std::exchange(out_, std::move(outer));
  region.declarations = std::exchange(shared_, std::move(shared));
  bound_ = bound;
  region.exits = around_.back().exits;
  region.uses_label = around_.back().is_label_used;
  around_.pop_back();
  region.takes_gil = takes_gil_;
  region.uses_result = uses_result_;
  in_region_ = in_region;
  takes_gil_ = takes_gil || region.takes_gil;
  uses_at_ = uses_at || uses_at_;
  uses_result_ = uses_result || region.uses_result;
  return region;
}

void FunctionEmitter::declare_thread(const Region& region, const tree::Block& body) {
  out_.line("const er::RegionThread thread" + region.id +
            (may_lose_errors(body) ? "(true);" : "(false);"));
}

// Functions of others that can fail: what they raise must not be lost.
bool FunctionEmitter::may_lose_errors(const tree::Block& body) {
  const auto in_expr = [](const tree::Expr& expr, const auto& self) -> bool {
    if (const auto* call = tree::try_as<tree::Call>(&expr)) {
      const Type& type = function_type(*call->callee);
      const auto* name = tree::try_as<tree::FunctionName>(call->callee.get());
      const bool is_foreign = name == nullptr || name->is_extern;
      if (is_foreign && type.except != tree::Except::kNever) return true;
    }
    bool found = false;
    tree::for_each_child(expr,
                         [&](const tree::Expr& child) { found = found || self(child, self); });
    return found;
  };
  bool found = false;
  for (const tree::StmtPtr& stmt : body) {
    tree::for_each_expr(*stmt, [&](const tree::Expr& e) { found = found || in_expr(e, in_expr); });
    tree::for_each_block(
        *stmt, [&](const tree::Block& block) { found = found || may_lose_errors(block); });
  }
  return found;
}

// ---- what threads only read ----

std::string FunctionEmitter::clause(const char* name, const std::vector<std::string>& names) {
  return names.empty() ? "" : std::string(" ") + name + "(" + joined(names) + ")";
}

// What the threads only read; of variables with a buffer: where their memory is.
std::string FunctionEmitter::copied_clause(const Stmt& stmt) {
  Effects effects;
  const Variable* counter = nullptr;
  if (stmt.kind == StmtKind::kParallelLoop) counter = as<tree::ParallelLoop>(stmt).variable;
  tree::for_each_block(stmt,
                       [&](const tree::Block& block) { effects.add(effects_.of_block(block)); });
  std::vector<std::string> names;
  // In order of declaration, so that equal sources have equal texts.
  for (const Variable& variable : function_.variables) {
    if (!effects.reads.contains(&variable) || effects.writes.contains(&variable)) continue;
    if (inner_.is_inner(variable) || addressed_.contains(&variable)) continue;
    if (&variable == counter) continue;
    if (variable.type->buffer != nullptr) names.push_back("b" + variable.cpp.substr(1));
    if (is_type_of_copies(*variable.type) || (variable.type->is_view() && !owns(variable)))
      names.push_back(variable.cpp);
  }
  return clause("firstprivate", names);
}

// Memoryviews that are held here and that the threads only read: they need no references of their
// own, but copies, so that shapes and strides stay in registers.
FunctionEmitter::Variables FunctionEmitter::lend_views(const Stmt& stmt) {
  Effects effects;
  tree::for_each_block(stmt,
                       [&](const tree::Block& block) { effects.add(effects_.of_block(block)); });
  Variables views;
  for (const Variable& variable : function_.variables) {
    const bool is_read = effects.reads.contains(&variable) && !effects.writes.contains(&variable);
    if (is_read && variable.type->is_view() && owns(variable)) views.push_back(&variable);
  }
  lent_views_.insert(views.begin(), views.end());
  return views;
}

// Under the name of what they are copies of.
void FunctionEmitter::declare_lent(const Variables& views) {
  if (views.empty()) return;
  for (const Variable* view : views)
    out_.line("const " + view->type->cpp + " lent_" + view->cpp + " = " + view->cpp + ".get();");
  out_.open("");
  for (const Variable* view : views)
    out_.line(view->type->cpp + " " + view->cpp + " = lent_" + view->cpp + ";");
}

void FunctionEmitter::take_back(const Variables& views) {
  for (const Variable* view : views) lent_views_.erase(view);
}

// ---- leaving a region ----

// Declarations of what outlives a turn that leaves the loop.
void FunctionEmitter::declare_leaving(const Region& region, const Variables& left, bool is_shared) {
  if (!region.can_leave()) return;
  std::vector<std::string> lines = {"er::Leaving leave" + region.id + ";"};
  if (region.uses_result) {
    const bool is_object = returns_object();
    const Type* type = is_object ? nullptr : function_.type->base;
    lines.push_back(is_object ? "er::Ref result" + region.id + ";"
                              : declare(*type, "result" + region.id) + initial_value(*type) + ";");
  }
  for (const Variable* variable : left)
    lines.push_back(declare(*variable->type, variable->cpp + "_left" + region.id) + ";");
  for (std::string& line : lines) {
    if (is_shared) {
      shared_.push_back(std::move(line));
    } else {
      out_.line(std::move(line));
    }
  }
}

void FunctionEmitter::declare_exits(const Region& region) {
  if (region.can_fail) out_.line("int er_at = 0;");
  if (region.uses_label) out_.line("int why" + region.id + " = 0;");
  if (region.uses_result) out_.line("decltype(result" + region.id + ") er_result{};");
}

// At the end of a turn, or of what a thread does.
void FunctionEmitter::way_out(const Region& region, const std::string& turn, const Variables& left,
                              const std::string& end) {
  const std::string leave = "leave" + region.id;
  const auto save = [&] {
    for (const Variable* variable : left)
      out_.line(variable->cpp + "_left" + region.id + " = " + variable->cpp + ";");
  };
  out_.line(end);
  if (region.can_fail) {
    out_.line("failed" + region.id + ":");
    out_.open("if (" + leave + ".fails(" + turn + ", er_at))");
    save();
    out_.line(leave + ".done();");
    out_.close();
    if (region.uses_label) out_.line(end);
  }
  if (!region.uses_label) return;
  out_.line("left" + region.id + ":");
  out_.open("if (" + leave + ".claims(" + turn + ", why" + region.id + "))");
  save();
  if (region.uses_result) out_.line("std::swap(result" + region.id + ", er_result);");
  out_.line(leave + ".done();");
  out_.close();
  if (region.uses_result && returns_object()) out_.line("er::drop_nogil(er_result);");
}

void FunctionEmitter::after_region(const Region& region, const Variables& left, bool is_loop,
                                   bool is_shared) {
  const std::string leave = "leave" + region.id;
  out_.open("if (" + leave + ".why() != 0)");
  if (!left.empty()) {
    if (is_shared) {
      out_.line("#pragma omp single");
      out_.open("");
    }
    for (const Variable* variable : left)
      out_.line(variable->cpp + " = " + variable->cpp + "_left" + region.id + ";");
    if (is_shared) out_.close();
  }
  // Of the threads that share a loop one goes on with what made it end, the others stop.
  const auto one_goes_on = [&] {
    if (!is_shared) return;
    out_.open("if (!" + leave + ".goes_on())");
    this->leave(Exit::kStop);
    out_.close();
  };
  if (region.can_fail) {
    out_.open("if (" + leave + ".why() == er::Leaving::kRaised)");
    one_goes_on();
    out_.line("er_at = " + leave + ".reraise();");
    is_handler_used_ = uses_at_ = true;
    out_.line("goto " + handler_ + ";");
    out_.close();
  }
  for (const Exit exit : region.exits) {
    if ((is_loop && exit == Exit::kBreak) || exit == Exit::kStop) continue;
    out_.open("if (" + leave + ".why() == " + std::to_string(number_of(exit)) + ")");
    one_goes_on();
    if (exit == Exit::kReturn && region.uses_result) {
      uses_result_ = true;
      out_.line("er_result = std::move(result" + region.id + ");");
    }
    this->leave(exit);
    out_.close();
  }
  out_.close();
}

}  // namespace engineroom::emit
