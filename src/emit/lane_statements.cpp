// Statements for all lanes: LaneWriter's masks, loops and functions.
#include <algorithm>

#include "emit/inner_variables.h"
#include "emit/lane_writer.h"
#include "emit/text.h"
#include "tree/children.h"

namespace engineroom::emit {

using tree::as;
using tree::Expr;
using tree::StmtKind;
using tree::Type;
using tree::TypeKind;
using tree::Variable;
using Form = LaneValue::Form;

bool counts_by_one(const tree::CountLoop& loop) {
  return (loop.step == nullptr || is_literal(*loop.step, "1")) && loop.step_sign == 1 &&
         !loop.includes_stop && !loop.counts_in_variable;
}

void LaneWriter::declare(const VariableSet& variables) {
  // In the order of their names, so that equal texts make equal C++.
  std::map<std::string, const Type*> by_name;
  for (const Variable* variable : variables) by_name.emplace(variable->cpp, variable->type);
  for (const auto& [name, type] : by_name) {
    if (!is_lane_number(*type)) give_up("a variable is no number of C");
    if (!is_fine_) return;
    out_.line(lanes_of(*type) + " " + name + "{};");
  }
}

void LaneWriter::block(const tree::Block& block) {
  for (const tree::StmtPtr& stmt : block)
    if (is_fine_) statement(*stmt);
}

void LaneWriter::statement(const tree::Stmt& stmt) {
  at_ = stmt.range;
  switch (stmt.kind) {
    case StmtKind::kAssign:
      return assign(as<tree::Assign>(stmt));
    case StmtKind::kIf:
      return if_statement(as<tree::If>(stmt));
    case StmtKind::kWhile:
      return while_loop(as<tree::While>(stmt));
    case StmtKind::kCountLoop:
      return count_loop(as<tree::CountLoop>(stmt));
    case StmtKind::kBreak:
      return leave(Place::kLoop);
    case StmtKind::kContinue:
      return leave(n_loops_ == 0 ? Place::kAll : Place::kTurn);
    case StmtKind::kReturn: {
      const auto& result = as<tree::Return>(stmt).value;
      if (result_ == nullptr || result == nullptr) {
        give_up();
        return;
      }
      out_.line("er_result = er::select(" + mask() + ", " + lanes(*result) + ", er_result);");
      return leave(Place::kAll);
    }
    default:
      give_up();
  }
}

// Would lanes outside of the mask miss what the variable is now?
bool LaneWriter::keeps_others(const Variable& variable) const {
  if (levels_.size() == 1) return false;
  // Lanes that have left the only loop that reads it do not come back.
  const bool is_own = levels_.back().place == Place::kLoop && n_loops_ == 1;
  if (!is_own) return true;
  const auto in_loop = loop_reads_.find(&variable);
  const auto in_all = reads_.find(&variable);
  const int n_in_all = in_all == reads_.end() ? 0 : in_all->second;
  return n_in_all != (in_loop == loop_reads_.end() ? 0 : in_loop->second);
}

void LaneWriter::assign(const tree::Assign& stmt) {
  const auto* ref = tree::try_as<tree::VariableRef>(stmt.target.get());
  if (ref == nullptr) return store(*stmt.target, *stmt.value);
  const Variable& target = *ref->variable;
  const std::string made = lanes(*stmt.value);
  out_.line(target.cpp + " = " +
            (keeps_others(target) ? "er::select(" + mask() + ", " + made + ", " + target.cpp + ")"
                                  : made) +
            ";");
}

// Is it the variable of the turn, and what is the same for all lanes? Then so are the items.
void LaneWriter::if_statement(const tree::If& stmt) {
  const std::string test = new_name("m");
  out_.line("const er::Mask " + test + " = " + condition(*stmt.test) + ";");
  const auto part = [&](const tree::Block& body, const std::string& sign) {
    if (body.empty()) return;
    const std::string name = new_name("m");
    out_.line("er::Mask " + name + " = " + mask() + " & " + sign + test + ";");
    levels_.push_back({name, Place::kPart});
    out_.open("if (er::any(" + name + "))");
    block(body);
    out_.close();
    levels_.pop_back();
  };
  part(stmt.body, "");
  part(stmt.orelse, "~");
}

template <typename Body>
void LaneWriter::in_loop(const tree::Stmt& loop, const Body& body) {
  has_inner_loop_ = true;
  if (n_loops_ == 0) {
    loop_reads_.clear();
    tree::for_each_expr(loop, [&](const Expr& expr) { add_reads(expr, loop_reads_); });
    tree::for_each_block(loop, [&](const tree::Block& inner) { add_reads(inner, loop_reads_); });
  }
  ++n_loops_;
  const std::string name = new_name("m");
  out_.line("er::Mask " + name + " = " + mask() + ";");
  levels_.push_back({name, Place::kLoop});
  body();
  levels_.pop_back();
  --n_loops_;
}

void LaneWriter::while_loop(const tree::While& stmt) {
  if (!stmt.orelse.empty()) {
    give_up();
    return;
  }
  in_loop(stmt, [&] {
    out_.open("for (;;)");
    if (!is_literal(*stmt.test, "1"))
      out_.line(mask() + " = " + mask() + " & " + condition(*stmt.test) + ";");
    out_.line("if (!er::any(" + mask() + ")) break;");
    inner_body(stmt.body);
    out_.close();
  });
}

namespace {

// Not in the loops inside.
bool has_continue(const tree::Block& block) {
  return std::any_of(block.begin(), block.end(), [](const tree::StmtPtr& stmt) {
    if (stmt->kind == StmtKind::kContinue) return true;
    if (stmt->kind != StmtKind::kIf) return false;
    return has_continue(as<tree::If>(*stmt).body) || has_continue(as<tree::If>(*stmt).orelse);
  });
}

}  // namespace

void LaneWriter::inner_body(const tree::Block& body) {
  const bool continues = has_continue(body);
  if (continues) {
    const std::string name = new_name("m");
    out_.line("er::Mask " + name + " = " + mask() + ";");
    levels_.push_back({name, Place::kTurn});
  }
  block(body);
  if (continues) levels_.pop_back();
}

void LaneWriter::count_loop(const tree::CountLoop& stmt) {
  const Type& type = *stmt.counter;
  if (!stmt.orelse.empty() || !counts_by_one(stmt) || type.kind != TypeKind::kInt ||
      !is_lane_number(*stmt.variable->type)) {
    give_up();
    return;
  }
  const std::string count = new_name("c");
  const std::string stop = new_name("e");
  const LaneValue first = value(*stmt.start);
  const LaneValue last = value(*stmt.stop);
  const bool is_scalar = first.form == Form::kScalar && last.form == Form::kScalar;
  const std::string cpp = is_scalar ? type.cpp : lanes_of(type);
  const auto bound = [&](const LaneValue& made) {
    return is_scalar ? made.text : lanes(made, type);
  };
  in_loop(stmt, [&] {
    out_.line(cpp + " " + count + " = " + bound(first) + ";");
    out_.line("const " + cpp + " " + stop + " = " + bound(last) + ";");
    out_.open(is_scalar ? "for (; " + count + " < " + stop + "; ++" + count + ")"
                        : "for (;; " + count + " += " + lanes({"1"}, type) + ")");
    if (!is_scalar)
      out_.line(mask() + " = " + mask() + " & er::mask(" + count + " < " + stop + ");");
    out_.line("if (!er::any(" + mask() + ")) break;");
    const std::string number = is_scalar ? lanes({count}, type) : count;
    const std::string variable = stmt.variable->cpp;
    out_.line(variable + " = er::select(" + mask() + ", er::convert<" +
              stmt.variable->type->without_const().cpp + ">(" + number + "), " + variable + ");");
    inner_body(stmt.body);
    out_.close();
  });
}

// The current lanes are gone from all masks up to that place.
void LaneWriter::leave(Place as_far_as) {
  const std::string gone = new_name("m");
  out_.line("const er::Mask " + gone + " = ~" + mask() + ";");
  for (std::size_t i = levels_.size(); i-- > 0;) {
    out_.line(levels_[i].mask + " = " + levels_[i].mask + " & " + gone + ";");
    if (levels_[i].place == as_far_as) return;
  }
  // There is no such place: the loop is around the lanes.
  if (as_far_as != Place::kAll) give_up("a turn ends the loop");
}

template <typename Loop>
void LaneWriter::turns(const Loop& loop, const std::string& counter, const std::string& stop) {
  const Type& type = *loop.counter;
  add_assigned(loop.body, in_lanes_);
  add_reads(loop.body, reads_);
  turn_variable_ = loop.variable;
  counter_ = counter;
  n_left_ = new_name("c");
  // The last turn stays.
  out_.open("while (" + counter + " < " + stop + " && " + counter + " + 1 < " + stop + ")");
  out_.line("const " + type.cpp + " " + n_left_ + " = " + stop + " - 1 - " + counter + ";");
  const std::size_t start = out_.mark();
  levels_.push_back({new_name("m"), Place::kAll});
  out_.line("er::Mask " + mask() + " = er::first_lanes(" + n_left_ + ");");
  declare(in_lanes_);
  out_.line(lanes_of(*loop.variable->type) + " " + loop.variable->cpp + " = er::convert<" +
            loop.variable->type->without_const().cpp + ">(er::count_from(" + counter + "));");
  in_lanes_.insert(loop.variable);
  block(loop.body);
  for (std::size_t i = 0; i < checks_.size(); ++i) out_.insert(start + i, checks_[i]);
  out_.line(counter + " += " + n_left_ + " < er::kLanes ? " + n_left_ + " : " + type.cpp +
            "(er::kLanes);");
  out_.close();
}

template void LaneWriter::turns(const tree::CountLoop&, const std::string&, const std::string&);
template void LaneWriter::turns(const tree::ParallelLoop&, const std::string&, const std::string&);

namespace {

// `but_last`: the last statement does not count.
bool has_return(const tree::Block& block, bool but_last = false) {
  const auto end = block.end() - (but_last ? 1 : 0);
  return std::any_of(block.begin(), end, [](const tree::StmtPtr& stmt) {
    bool found = stmt->kind == StmtKind::kReturn;
    tree::for_each_block(*stmt, [&](const tree::Block& inner) { found |= has_return(inner); });
    return found;
  });
}

}  // namespace

void LaneWriter::function(const tree::Function& function, const std::string& signature,
                          const VariableSet& in_lanes) {
  in_lanes_ = in_lanes;
  result_ = function.type->base;
  add_reads(function.body, reads_);
  levels_.push_back({"m0", Place::kAll});
  out_.open(signature);
  VariableSet locals;
  add_assigned(function.body, locals);
  for (const Variable* variable : in_lanes) locals.erase(variable);
  declare(locals);
  in_lanes_.insert(locals.begin(), locals.end());
  // The result of lanes that nobody asked for may be anything.
  const bool ends_plainly = !function.body.empty() &&
                            function.body.back()->kind == StmtKind::kReturn &&
                            as<tree::Return>(*function.body.back()).value != nullptr;
  const bool has_early = has_return(function.body, ends_plainly);
  if (has_early || !ends_plainly) out_.line(lanes_of(*result_) + " er_result{};");
  for (const tree::StmtPtr& stmt : function.body) {
    if (!is_fine_) return;
    if (ends_plainly && stmt == function.body.back()) {
      const std::string made = lanes(*as<tree::Return>(*stmt).value);
      out_.line(has_early ? "return er::select(m0, " + made + ", er_result);"
                          : "return " + made + ";");
    } else {
      statement(*stmt);
    }
  }
  if (!ends_plainly) out_.line("return er_result;");
  out_.close();
}

}  // namespace engineroom::emit
