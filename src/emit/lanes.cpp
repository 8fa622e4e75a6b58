#include "emit/lanes.h"

#include <algorithm>

#include "emit/effects.h"
#include "emit/inner_variables.h"
#include "emit/lane_checks.h"
#include "emit/lane_writer.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::Expr;
using tree::Type;
using tree::TypeKind;
using tree::Variable;

LaneFunctions::Version LaneFunctions::version(const std::string& cpp, std::vector<bool> in_lanes) {
  const auto found =
      std::find_if(module_.functions.begin(), module_.functions.end(),
                   [&](const tree::Function& f) { return f.type != nullptr && f.cpp == cpp; });
  if (found == module_.functions.end()) return {};
  const tree::Function& function = *found;
  const bool is_called_by_c =
      function.kind == tree::FunctionKind::kCdef || function.kind == tree::FunctionKind::kCpdef;
  if (!is_called_by_c || function.body.empty() || function.c_parameters.size() != in_lanes.size() ||
      !is_lane_number(*function.type->base) || function.type->except == tree::Except::kCpp)
    return {};
  VariableSet assigned;
  add_assigned(function.body, assigned);
  if (overlap(addressed_variables(function), assigned)) return {};
  VariableSet varying;
  std::vector<std::string> parameters = {"er::Mask m0"};
  for (std::size_t i = 0; i < in_lanes.size(); ++i) {
    const Variable& parameter = *function.c_parameters[i];
    const bool is_assigned = assigned.contains(&parameter);
    if ((in_lanes[i] || is_assigned) && !is_lane_number(*parameter.type)) return {};
    // What the function assigns to starts as a copy for each lane.
    if (is_assigned && !in_lanes[i]) return {};
    if (in_lanes[i]) varying.insert(&parameter);
    parameters.push_back(in_lanes[i] ? lanes_of(*parameter.type) + " " + parameter.cpp
                                     : declare(*parameter.type, parameter.cpp));
  }

  // While it is being made it has no version: it does not call itself.
  const auto key = std::pair(cpp, std::move(in_lanes));
  const auto [known, is_new] = known_.try_emplace(key);
  if (!is_new) return known->second;
  const std::string name = "er_lanes" + std::to_string(known_.size()) + "_" + cpp;
  LaneWriter writer(*this);
  writer.function(function,
                  "[[clang::always_inline]] static inline " + lanes_of(*function.type->base) + " " +
                      name + "(" + joined(parameters) + ")",
                  varying);
  if (!writer.is_fine() || writer.n_stores() > 0) return {};
  text_.append(writer.text());
  return known_[key] = {name, writer.has_inner_loop()};
}

bool write_lanes(const tree::CountLoop& loop, const tree::Function& function,
                 const std::set<const Variable*>& addressed, const std::string& counter,
                 const std::string& stop, LaneFunctions& functions, Writer& out) {
  const Type& type = *loop.counter;
  if (!counts_by_one(loop) || type.kind != TypeKind::kInt || type.is_extern ||
      !is_lane_number(*loop.variable->type) || loop.variable->is_global() ||
      !may_have_inner_loop(loop.body))
    return false;
  // What is stored could be one of them.
  if (!addressed.empty() || !are_turns_apart(*loop.variable, loop.body, function)) return false;
  LaneWriter writer(functions);
  writer.turns(loop, counter, stop);
  // More than one place written could be the same memory twice.
  if (!writer.is_fine() || !writer.has_inner_loop() || writer.n_stores() != 1) return false;
  out.line("#ifdef ER_HAS_LANES");
  out.append(writer.text());
  out.line("#endif");
  return true;
}

std::optional<Refusal> write_parallel_lanes(const tree::ParallelLoop& loop,
                                            const tree::Function& function,
                                            const std::set<const Variable*>& addressed,
                                            const std::set<const Expr*>& inside,
                                            const std::string& counter, const std::string& stop,
                                            LaneFunctions& functions, Writer& out) {
  const auto refusal = [&](const char* why) { return Refusal{loop.range, why}; };
  if (!loop.reductions.empty()) return refusal("a reduction adds up in the order of the turns");
  if (!is_lane_number(*loop.variable->type) || loop.variable->is_global())
    return refusal("the loop's variable is no local integer of C");
  if (!addressed.empty()) return refusal("the function has the address of a variable");
  if (!are_turns_apart(*loop.variable, loop.body, function))
    return refusal(
        "turns read, or leave for later, variables that not every turn sets before, or "
        "the loop is left");
  LaneWriter writer(functions, &inside);
  writer.turns(loop, counter, stop);
  if (!writer.is_fine()) return writer.refusal();
  out.line("#ifdef ER_HAS_LANES");
  out.append(writer.text());
  out.line("#endif");
  return std::nullopt;
}

}  // namespace engineroom::emit
