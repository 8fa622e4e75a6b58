// emit/lane_writer.h — writes statements for all lanes at once; what lanes.h does with loops and
// functions is made of this.
//
//   LaneWriter writer(functions);
//   writer.turns(loop, counter, stop);
//   if (writer.is_fine()) out.append(writer.text());
//
// Its parts: lane_values.cpp (expressions), lane_memory.cpp (items of arrays), lane_statements.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "emit/effects.h"
#include "emit/lane_checks.h"
#include "emit/lanes.h"
#include "emit/writer.h"

namespace engineroom::emit {

// Numbers that there are vectors of.
bool is_lane_number(const tree::Type& type);
// C++ of the vector: "er::Lanes<double>".
std::string lanes_of(const tree::Type& type);
// Is it this constant, "1"?
bool is_literal(const tree::Expr& expr, std::string_view digits);
bool counts_by_one(const tree::CountLoop& loop);

// A value, and in which form it is there.
struct LaneValue {
  enum class Form : std::uint8_t {
    kScalar,  // one for all lanes
    kLanes,
    kMask,  // a condition
  };
  std::string text;
  Form form = Form::kScalar;
};

using Form = LaneValue::Form;

// Writes statements for all lanes. What it has no form for makes it fail as a whole.
class LaneWriter {
  using Expr = tree::Expr;
  using Type = tree::Type;
  using Variable = tree::Variable;

 public:
  // `inside`: null if turns must not read memory; else subscripts that need no check.
  explicit LaneWriter(LaneFunctions& functions, const std::set<const Expr*>* inside = nullptr)
      : functions_(functions), inside_(inside) {}

  bool is_fine() const { return is_fine_; }
  const Refusal& refusal() const { return refusal_; }
  bool has_inner_loop() const { return has_inner_loop_; }
  int n_stores() const { return n_stores_; }
  const Writer& text() const { return out_; }

  // Of a CountLoop or ParallelLoop.
  template <typename Loop>
  void turns(const Loop& loop, const std::string& counter, const std::string& stop);
  void function(const tree::Function& function, const std::string& signature,
                const VariableSet& in_lanes);

 private:
  enum class Place : std::uint8_t {
    kAll,   // the function, or the turn
    kLoop,  // lanes that are still in an inner loop
    kTurn,  // of these, the ones that have not said `continue`
    kPart,  // under a condition
  };
  struct Level {
    std::string mask;
    Place place;
  };

  // The first reason counts.
  LaneValue give_up(const char* why = "there is no form of this for several turns at once") {
    if (is_fine_) refusal_ = {at_, why};
    is_fine_ = false;
    return {"0"};
  }
  std::string new_name(const char* prefix) { return prefix + std::to_string(++n_names_); }
  const std::string& mask() const { return levels_.back().mask; }

  // ---- values ----
  LaneValue value(const Expr& expr);
  LaneValue value_of(const Expr& expr);
  LaneValue variable(const Variable& variable);
  LaneValue binary(const tree::Binary& expr);
  template <typename Make>
  auto unconditional(const Make& make);
  LaneValue logical(const tree::Logical& expr);
  LaneValue cast(const tree::Cast& expr);
  LaneValue call(const tree::Call& expr);
  LaneValue conditional(const tree::Conditional& expr);
  template <typename Make>
  auto under(const std::string& condition, const Make& make);
  // ---- memory ----
  LaneValue load(const Expr& expr);
  LaneValue load_item(const tree::BufferItem& item);
  bool needs_check(const tree::BufferItem& item, const Expr& index, bool wraps) const;
  std::optional<std::string> first_index(const Expr& index) const;
  std::string lanes(const LaneValue& value, const Type& type);
  std::string lanes(const Expr& expr) { return lanes(value(expr), *expr.type); }
  std::string condition(const Expr& expr);
  std::string scalar(const Expr& expr);

  // ---- statements ----
  void declare(const VariableSet& variables);
  void block(const tree::Block& block);
  void statement(const tree::Stmt& stmt);
  void assign(const tree::Assign& stmt);
  void store(const Expr& target, const Expr& value);
  std::string first_item(const tree::BufferItem& item);
  void if_statement(const tree::If& stmt);
  void while_loop(const tree::While& stmt);
  void count_loop(const tree::CountLoop& stmt);
  void inner_body(const tree::Block& body);
  template <typename Body>
  void in_loop(const tree::Stmt& loop, const Body& body);
  void leave(Place as_far_as);
  bool keeps_others(const Variable& variable) const;
  bool follows_lanes(const Expr& index) const;

  LaneFunctions& functions_;
  const std::set<const Expr*>* inside_;
  Refusal refusal_;
  syntax::SourceRange at_;  // what is being written
  Writer out_;
  int n_names_ = 0;
  bool is_fine_ = true;
  bool has_inner_loop_ = false;
  int n_loop_calls_ = 0;  // calls of functions with loops, so far
  int n_stores_ = 0;
  VariableSet in_lanes_;
  const Variable* turn_variable_ = nullptr;
  std::string counter_;              // the turn variable's value in the first lane
  std::string n_left_;               // how many turns there are from there
  std::vector<std::string> checks_;  // to be made before anything else
  const Type* result_ = nullptr;
  std::vector<Level> levels_;
  int n_loops_ = 0;        // around the current statement
  ReadCounts reads_;       // in the whole
  ReadCounts loop_reads_;  // in the outermost inner loop
};

// What is evaluated for lanes that would not get here: a loop might never end for them.
template <typename Make>
auto LaneWriter::unconditional(const Make& make) {
  const int before = n_loop_calls_;
  auto made = make();
  if (n_loop_calls_ != before) is_fine_ = false;
  return made;
}

// What is evaluated for some of the lanes: others must not read memory for it.
template <typename Make>
auto LaneWriter::under(const std::string& condition, const Make& make) {
  levels_.push_back({"(" + mask() + " & " + condition + ")", Place::kPart});
  auto made = make();
  levels_.pop_back();
  return made;
}

}  // namespace engineroom::emit
