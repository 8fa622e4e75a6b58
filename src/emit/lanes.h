// emit/lanes.h — loops whose turns run side by side, in the lanes of vectors.
//
//   for j in range(n):
//       out[j] = escape(start + j * step, c)
//
// A loop like this one, in which each turn has an inner loop of its own length, is what compilers
// leave as it is. Here it is written out for all lanes at once (runtime/lanes.h): variables that
// the turn assigns to become vectors, what stands under a condition is kept for the lanes of a
// mask, and C functions that are called with vectors get a version for them. The approach is that
// of ispc (Pharr and Mark, "ispc: A SPMD Compiler for High-Performance CPU Programming", 2012).
//
// It is done where nobody can tell the difference: turns read nothing that others write, each
// writes one item beside the one before, and nothing in them can fail. The last turn is always
// left to the plain loop, which thereby leaves its values in all variables.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "emit/emit.h"
#include "emit/writer.h"
#include "tree/module.h"

namespace engineroom::emit {

// The C functions of a module for lanes; made when they are first called.
class LaneFunctions {
 public:
  explicit LaneFunctions(const tree::Module& module) : module_(module) {}

  struct Version {
    std::string name;  // empty: there is none
    bool has_inner_loop = false;
  };
  // Of the function that C++ calls `cpp`, with those parameters as lanes.
  Version version(const std::string& cpp, std::vector<bool> in_lanes);
  // Their definitions, so far.
  const Writer& text() const { return text_; }

 private:
  const tree::Module& module_;
  std::map<std::pair<std::string, std::vector<bool>>, Version> known_;
  Writer text_;
};

// Writes the turns of the loop but the last. `counter` is a variable with the first value, and has
// the next one afterwards; `stop` is the end. False if it cannot be done; then nothing was written.
// `addressed`: variables of the function whose address is taken.
bool write_lanes(const tree::CountLoop& loop, const tree::Function& function,
                 const std::set<const tree::Variable*>& addressed, const std::string& counter,
                 const std::string& stop, LaneFunctions& functions, Writer& out);

// The same for a parallel loop that is to run in lanes (simd=True). Its turns run in any order, so
// that they may read memory, and write several items. `inside`: subscripts that need no check.
// Says why it cannot be done; then nothing was written.
std::optional<Refusal> write_parallel_lanes(const tree::ParallelLoop& loop,
                                            const tree::Function& function,
                                            const std::set<const tree::Variable*>& addressed,
                                            const std::set<const tree::Expr*>& inside,
                                            const std::string& counter, const std::string& stop,
                                            LaneFunctions& functions, Writer& out);

}  // namespace engineroom::emit
