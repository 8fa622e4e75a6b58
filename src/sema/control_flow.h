// sema/control_flow.h — in which order the statements of a function may run: which code cannot be
// reached, which variables have no value when they are read, which values nobody reads.
//
// A pass over the syntax tree of one function. It makes a graph (flow_builder.h) of basic blocks,
// each a list of reads, assignments and deletions of the function's own variables, and solves two
// data-flow problems on it: forward, whether a variable may have a value and may have none;
// backward, whether its value may still be read.
//
// Exceptions are part of it: within `try`, each point between two assignments may lead to the
// handlers. A `finally` suite is in the graph twice, for the way that goes on after it and for all
// others, so that the first does not look as if an exception had come before it.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "syntax/tree.h"

namespace engineroom::sema {

struct FlowVariable {
  std::string_view name;
  bool is_parameter = false;
  // Has a value from the start, whatever it is: C arrays and structs.
  bool is_storage = false;
  // Of its declaration, if there is one.
  syntax::SourceRange declared;
};

enum class FlowFindingKind {
  kUnreachable,      // the first statement that cannot be reached
  kUnassigned,       // read, and certainly without a value
  kMaybeUnassigned,  // read, and on some way without a value
  kUnusedVariable,   // assigned or declared, never read
  kUnusedParameter,
  kUnusedValue,       // assigned, and assigned again before it is read
  kDeclaredAfterUse,  // `cdef` below the first place that uses it
  kUndeclared,        // assigned without a `cdef`: the first place
};

struct FlowFinding {
  FlowFindingKind kind{};
  syntax::SourceRange range;
  std::string_view name;  // empty for kUnreachable
};

// A place where a variable is read, and has a value whichever way led there.
struct AssignedRead {
  std::string_view name;
  syntax::SourceRange range;
};

// The statements that another stands for; null if it stands for itself.
using Expansion = std::function<const syntax::Block*(const syntax::Stmt&)>;

// In the order of the text. REQUIRES: no two variables of one name.
std::vector<FlowFinding> analyze_flow(const syntax::Block& body,
                                      const std::vector<FlowVariable>& variables,
                                      std::vector<AssignedRead>* assigned = nullptr,
                                      const Expansion& expansion = nullptr);

// Of a module's own statements, whose names any function may read and assign: only what is
// unreachable, and which of the C variables are declared late.
std::vector<FlowFinding> analyze_module_flow(const syntax::Block& body,
                                             const std::vector<FlowVariable>& variables);

}  // namespace engineroom::sema
