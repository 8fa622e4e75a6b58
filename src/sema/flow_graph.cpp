#include "sema/flow_graph.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

namespace engineroom::sema {
namespace {

constexpr std::size_t kMaxWork = 20'000'000;

// A queue of blocks to look at again, each at most once at a time.
class Worklist {
 public:
  explicit Worklist(std::size_t n) : is_in_(n) {}
  void add(FlowGraph::BlockIndex block) {
    if (is_in_[block]) return;
    is_in_[block] = true;
    queue_.push_back(block);
  }
  bool empty() const { return queue_.empty(); }
  FlowGraph::BlockIndex take() {
    const FlowGraph::BlockIndex block = queue_.front();
    queue_.pop_front();
    is_in_[block] = false;
    return block;
  }

 private:
  std::deque<FlowGraph::BlockIndex> queue_;
  std::vector<bool> is_in_;
};

FlowState after(FlowEventKind kind, FlowState before) {
  switch (kind) {
    case FlowEventKind::kRead:
      return before;
    case FlowEventKind::kAssign:
    case FlowEventKind::kTakeAddress:
      return kMayHaveValue;
    case FlowEventKind::kDelete:
    case FlowEventKind::kForget:
      return kMayHaveNone;
  }
  return before;
}

std::size_t number_of_variables(const FlowGraph& graph) {
  std::size_t n = 0;
  for (const FlowGraph::Block& block : graph.blocks())
    for (const FlowEvent& event : block.events) n = std::max(n, event.variable + 1);
  return n;
}

// Whether each variable may be read after a block's end.
std::vector<std::vector<bool>> live_after(const FlowGraph& graph, std::size_t n_variables) {
  const auto& blocks = graph.blocks();
  std::vector<std::vector<bool>> live(blocks.size(), std::vector<bool>(n_variables));
  Worklist work(blocks.size());
  for (std::size_t i = blocks.size(); i-- > 0;) work.add(i);
  while (!work.empty()) {
    const FlowGraph::BlockIndex index = work.take();
    std::vector<bool> state = live[index];
    const auto& events = blocks[index].events;
    for (auto event = events.rbegin(); event != events.rend(); ++event)
      state[event->variable] =
          event->kind != FlowEventKind::kAssign && event->kind != FlowEventKind::kForget;
    for (const FlowGraph::BlockIndex before : blocks[index].predecessors) {
      bool has_changed = false;
      for (std::size_t v = 0; v < n_variables; ++v) {
        if (!state[v] || live[before][v]) continue;
        live[before][v] = true;
        has_changed = true;
      }
      if (has_changed) work.add(before);
    }
  }
  return live;
}

}  // namespace

bool is_too_large(const FlowGraph& graph, std::size_t n_variables) {
  return n_variables > 0 && graph.blocks().size() > kMaxWork / n_variables;
}

FlowGraph::BlockIndex FlowGraph::add_block() {
  blocks_.emplace_back();
  return blocks_.size() - 1;
}

void FlowGraph::add_edge(BlockIndex from, BlockIndex to) {
  std::vector<BlockIndex>& successors = blocks_[from].successors;
  if (std::find(successors.begin(), successors.end(), to) != successors.end()) return;
  successors.push_back(to);
  blocks_[to].predecessors.push_back(from);
}

std::vector<FlowRead> reads_in(const FlowGraph& graph, const FlowStates& start) {
  const auto& blocks = graph.blocks();
  std::vector<FlowStates> states(blocks.size(), FlowStates(start.size()));
  states[0] = start;
  Worklist work(blocks.size());
  work.add(0);
  std::vector<bool> is_reached(blocks.size());
  is_reached[0] = true;
  while (!work.empty()) {
    const FlowGraph::BlockIndex index = work.take();
    FlowStates state = states[index];
    for (const FlowEvent& event : blocks[index].events)
      state[event.variable] = after(event.kind, state[event.variable]);
    for (const FlowGraph::BlockIndex next : blocks[index].successors) {
      bool has_changed = !is_reached[next];
      is_reached[next] = true;
      for (std::size_t v = 0; v < state.size(); ++v) {
        const auto joined = static_cast<FlowState>(states[next][v] | state[v]);
        has_changed = has_changed || joined != states[next][v];
        states[next][v] = joined;
      }
      if (has_changed) work.add(next);
    }
  }

  // By place: a finally suite is in the graph more than once.
  std::map<std::pair<std::uint32_t, std::size_t>, FlowRead> reads;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (!is_reached[i]) continue;
    FlowStates state = states[i];
    for (const FlowEvent& event : blocks[i].events) {
      FlowState& now = state[event.variable];
      if (event.kind == FlowEventKind::kRead || event.kind == FlowEventKind::kDelete) {
        FlowRead& read = reads[{event.range.begin, event.variable}];
        read.variable = event.variable;
        read.range = event.range;
        read.states |= now;
        now = kMayHaveValue;  // else it had failed
      }
      if (event.kind == FlowEventKind::kTakeAddress) {
        FlowRead& read = reads[{event.range.begin, event.variable}];
        read = {event.variable, event.range, kMayHaveValue};
      }
      now = after(event.kind, now);
    }
  }
  std::vector<FlowRead> result;
  for (const auto& [place, read] : reads) result.push_back(read);
  return result;
}

std::vector<FlowAssignment> assignments_in(const FlowGraph& graph) {
  const std::size_t n_variables = number_of_variables(graph);
  const std::vector<std::vector<bool>> live = live_after(graph, n_variables);
  std::map<std::pair<std::uint32_t, std::size_t>, FlowAssignment> found;
  for (std::size_t i = 0; i < graph.blocks().size(); ++i) {
    std::vector<bool> state = live[i];
    const auto& events = graph.blocks()[i].events;
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (event->kind == FlowEventKind::kAssign) {
        FlowAssignment& assignment = found[{event->range.begin, event->variable}];
        assignment.variable = event->variable;
        assignment.range = event->range;
        assignment.may_be_read = assignment.may_be_read || state[event->variable];
      }
      state[event->variable] =
          event->kind != FlowEventKind::kAssign && event->kind != FlowEventKind::kForget;
    }
  }
  std::vector<FlowAssignment> result;
  for (const auto& [place, assignment] : found) result.push_back(assignment);
  return result;
}

}  // namespace engineroom::sema
