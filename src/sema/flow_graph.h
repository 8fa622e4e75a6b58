// sema/flow_graph.h — the graph that control_flow.cpp makes of a function, and what can be computed
// on it. Blocks and variables are numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "syntax/source.h"

namespace engineroom::sema {

enum class FlowEventKind : std::uint8_t {
  kRead,
  kAssign,
  kDelete,       // `del x`: also reads
  kForget,       // has no value afterwards, whether or not it had one
  kTakeAddress,  // reads and assigns, as far as anybody knows; no value is needed
};

struct FlowEvent {
  FlowEventKind kind{};
  std::size_t variable = 0;
  syntax::SourceRange range;
};

class FlowGraph {
 public:
  using BlockIndex = std::size_t;
  static constexpr BlockIndex kNowhere = static_cast<BlockIndex>(-1);

  struct Block {
    std::vector<FlowEvent> events;
    std::vector<BlockIndex> successors;
    std::vector<BlockIndex> predecessors;
  };

  // The first one is where it starts.
  BlockIndex add_block();
  void add_edge(BlockIndex from, BlockIndex to);
  void add_event(BlockIndex block, const FlowEvent& event) {
    blocks_[block].events.push_back(event);
  }
  bool has_predecessors(BlockIndex block) const { return !blocks_[block].predecessors.empty(); }
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::vector<Block> blocks_;
};

// Of one variable at one point: what may be the case there. 0: the point is not reached.
using FlowState = std::uint8_t;
constexpr FlowState kMayHaveValue = 1;
constexpr FlowState kMayHaveNone = 2;
using FlowStates = std::vector<FlowState>;  // by variable

struct FlowRead {
  std::size_t variable = 0;
  syntax::SourceRange range;
  FlowState states = 0;
};

// The work grows with blocks × variables. Nothing is to be computed on a graph beyond a limit that
// no text written by hand comes near.
bool is_too_large(const FlowGraph& graph, std::size_t n_variables);

// Every read that is reached, once per place in the text; also deletions.
std::vector<FlowRead> reads_in(const FlowGraph& graph, const FlowStates& start);

struct FlowAssignment {
  std::size_t variable = 0;
  syntax::SourceRange range;
  bool may_be_read = false;
};

// Every assignment, once per place in the text.
std::vector<FlowAssignment> assignments_in(const FlowGraph& graph);

}  // namespace engineroom::sema
