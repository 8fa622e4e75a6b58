#include "sema/control_flow.h"

#include <algorithm>
#include <set>

#include "sema/flow_builder.h"
#include "sema/flow_graph.h"

namespace engineroom::sema {

using syntax::SourceRange;

namespace {

bool is_meant_to_be_unused(std::string_view name) {
  return name == "_" || name.starts_with("unused");
}

void add_declared_late(const FlowGraph& graph, const std::vector<FlowVariable>& variables,
                       std::vector<FlowFinding>& findings) {
  std::set<std::size_t> used_early;
  for (const FlowGraph::Block& block : graph.blocks())
    for (const FlowEvent& event : block.events)
      if (event.range.begin < variables[event.variable].declared.begin)
        used_early.insert(event.variable);
  for (const std::size_t i : used_early)
    if (!variables[i].is_parameter)
      findings.push_back(
          {FlowFindingKind::kDeclaredAfterUse, variables[i].declared, variables[i].name});
}

void sort(std::vector<FlowFinding>& findings) {
  std::stable_sort(findings.begin(), findings.end(),
                   [](const auto& a, const auto& b) { return a.range.begin < b.range.begin; });
}

}  // namespace

std::vector<FlowFinding> analyze_module_flow(const syntax::Block& body,
                                             const std::vector<FlowVariable>& variables) {
  FlowBuilder builder(variables);
  builder.build(body);
  std::vector<FlowFinding> findings;
  for (const SourceRange range : builder.unreachable())
    findings.push_back({FlowFindingKind::kUnreachable, range, {}});
  add_declared_late(builder.graph(), variables, findings);
  sort(findings);
  return findings;
}

std::vector<FlowFinding> analyze_flow(const syntax::Block& body,
                                      const std::vector<FlowVariable>& variables,
                                      std::vector<AssignedRead>* assigned,
                                      const Expansion& expansion) {
  FlowBuilder builder(variables, expansion);
  builder.build(body);
  std::vector<FlowFinding> findings;
  for (const SourceRange range : builder.unreachable())
    findings.push_back({FlowFindingKind::kUnreachable, range, {}});

  const FlowGraph& graph = builder.graph();
  if (is_too_large(graph, variables.size())) return findings;
  FlowStates start(variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i)
    start[i] = variables[i].is_parameter || variables[i].is_storage ? kMayHaveValue : kMayHaveNone;
  std::vector<bool> is_read(variables.size());
  for (const FlowRead& read : reads_in(graph, start)) {
    is_read[read.variable] = true;
    const bool is_known = !builder.captured()[read.variable];
    if (assigned != nullptr && is_known && read.states == kMayHaveValue)
      assigned->push_back({variables[read.variable].name, read.range});
    if ((read.states & kMayHaveNone) == 0 || !is_known) continue;
    findings.push_back({read.states == kMayHaveNone ? FlowFindingKind::kUnassigned
                                                    : FlowFindingKind::kMaybeUnassigned,
                        read.range, variables[read.variable].name});
  }

  add_declared_late(graph, variables, findings);

  std::vector<SourceRange> first_place(variables.size());
  for (std::size_t i = 0; i < variables.size(); ++i) first_place[i] = variables[i].declared;
  for (const FlowAssignment& assignment : assignments_in(graph)) {
    SourceRange& first = first_place[assignment.variable];
    const bool is_first = first.end == 0 || assignment.range.begin < first.begin;
    if (is_first && variables[assignment.variable].declared.end == 0) first = assignment.range;
    if (assignment.may_be_read || !is_read[assignment.variable] ||
        builder.captured()[assignment.variable] || variables[assignment.variable].is_storage)
      continue;
    findings.push_back(
        {FlowFindingKind::kUnusedValue, assignment.range, variables[assignment.variable].name});
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const bool is_declared = variables[i].is_parameter || variables[i].declared.end != 0;
    if (!is_declared && first_place[i].end != 0)
      findings.push_back({FlowFindingKind::kUndeclared, first_place[i], variables[i].name});
    if (is_read[i] || builder.captured()[i] || is_meant_to_be_unused(variables[i].name) ||
        first_place[i].end == 0)
      continue;
    findings.push_back({variables[i].is_parameter ? FlowFindingKind::kUnusedParameter
                                                  : FlowFindingKind::kUnusedVariable,
                        first_place[i], variables[i].name});
  }
  sort(findings);
  return findings;
}

}  // namespace engineroom::sema
