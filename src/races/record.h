// races/record.h — what one iteration of a parallel loop does, as far as others could notice.
//
// The body is walked once, in order. Scalars get values in terms of the loop's variable where
// that is possible, so that the places of what is read and written in memory are known. What
// each variable that a thread has of its own is used for is noted: read before it has a value,
// or only to be summed up.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "races/place.h"
#include "races/space.h"
#include "syntax/source.h"
#include "tree/module.h"

namespace engineroom::races {

// ---- memory ----

struct Access {
  Place place;
  syntax::SourceRange range;
  bool is_write = false;
  bool is_update = false;     // a write of x[…] = x[…] + …
  bool is_protected = false;  // with the GIL, or a lock
  // Shared out among the threads of this loop; null: every thread does it.
  const tree::ParallelLoop* loop = nullptr;
  int phase = 0;  // all threads have ended one before any begins the next
  // Turns for which a condition holds: each is 0.
  std::vector<Polynomial> conditions;
};

// An argument of a C function that could be written to there.
struct Passed {
  Place place;
  syntax::SourceRange range;
  const tree::ParallelLoop* loop = nullptr;
  syntax::SourceRange function;  // its name
  bool is_output = false;        // the address of a variable that nobody else gives a value
};

// ---- variables ----

enum class Update : std::uint8_t { kSum, kProduct, kAnd, kOr, kXor, kMin, kMax, kAll, kAny };

// How sure it is that a value comes from another iteration.
enum class Carried : std::uint8_t {
  kNever,
  kIfNoTurns,  // only if an inner loop has no turns at all
  kMaybe,      // on some way through the iteration
};

// if y > x: x = y; at = i
struct Extreme {
  const tree::Variable* variable;
  Update update;
  const tree::Expr* value;
  bool takes_equal = false;  // y >= x
  const tree::Assign* taken = nullptr;
  std::vector<const tree::Assign*> companions = {};
};

struct Use {
  enum class Kind : std::uint8_t { kRead, kWrite, kUpdate } kind;
  syntax::SourceRange range;
  Carried carried = Carried::kNever;  // of reads and updates
  Update update{};
  const char* op = nullptr;          // of a write x = x op y that is no update
  std::optional<int> constant = {};  // a write of a constant
  // `if y > x: x = y; at = i`: the update of x, and the write of `at`, which x decides.
  const Extreme* extreme = nullptr;
};

struct VariableRecord {
  std::vector<Use> uses;
  // At the end of an iteration: does it surely have a value that the iteration made?
  Carried at_end = Carried::kNever;
  // The same of one that leaves the loop by `break`.
  Carried at_break = Carried::kNever;
  // Only iterations that leave the loop give it a value.
  bool is_kept = false;
};

struct Record {
  Space space;
  // The variables of loops that are shared out: of collapsed ones, several.
  std::map<const tree::ParallelLoop*, std::set<Symbol>> turns;
  Symbol thread = -1;
  std::map<const tree::Variable*, VariableRecord> variables;
  std::vector<Access> accesses;
  std::vector<Passed> passed;
  // Phases at the start and end of a loop around loops that are shared out: one turn's end is the
  // next one's start.
  std::vector<std::pair<int, int>> same_phases;
  std::deque<Extreme> extremes;  // with companions
};

// `region` is a ParallelLoop or a ParallelBlock of the function. Variables are recorded of a loop
// only: those that its iterations have of their own.
Record record(const tree::Function& function, const tree::Stmt& region);

}  // namespace engineroom::races
