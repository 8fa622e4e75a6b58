// tree/stmt.h — statements of the typed tree. `assert`, `del x[i]`, `for … in range` on
// objects and the like are gone: they were made of these.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tree/expr.h"

namespace engineroom::tree {

struct ClosureScope;

enum class StmtKind : std::uint8_t {
  kExpr,
  kAssign,
  kUnbind,
  kMakeScope,
  kIf,
  kWhile,
  kCountLoop,
  kIterate,
  kBreak,
  kContinue,
  kReturn,
  kTry,
  kFinally,
  kWith,
  kGilBlock,
  kParallelLoop,
  kParallelBlock,
};

struct Stmt {
  explicit Stmt(StmtKind k) : kind(k) {}
  virtual ~Stmt() = default;
  Stmt(const Stmt&) = delete;
  Stmt& operator=(const Stmt&) = delete;

  const StmtKind kind;
  syntax::SourceRange range;
};

using StmtPtr = std::unique_ptr<Stmt>;
using Block = std::vector<StmtPtr>;

template <StmtKind K>
struct StmtOf : Stmt {
  static constexpr StmtKind kKind = K;
  StmtOf() : Stmt(K) {}
};

template <typename T>
const T& as(const Stmt& stmt) {
  return static_cast<const T&>(stmt);
}

// The value is dropped. `raise` and setting items and attributes are Helpers here.
struct ExprStmt : StmtOf<StmtKind::kExpr> {
  ExprPtr value;
};

// target = value. The target is a VariableRef, FieldAccess, IndexAccess or BufferItem; both have
// the same type. An object that it replaces is released after the assignment. A variable with a
// buffer acquires the new object's, which may fail.
struct Assign : StmtOf<StmtKind::kAssign> {
  ExprPtr target;
  ExprPtr value;
};

// del x. With `check`, it is an error if x has no value.
struct Unbind : StmtOf<StmtKind::kUnbind> {
  Variable* variable = nullptr;
  bool check = false;
};

// From here on the variables of the scope are there, without values; each time they are new ones.
struct MakeScope : StmtOf<StmtKind::kMakeScope> {
  const ClosureScope* scope = nullptr;
};

struct If : StmtOf<StmtKind::kIf> {
  ExprPtr test;  // kBint
  Block body;
  Block orelse;
};

// `orelse` runs if the loop was not left by break.
struct While : StmtOf<StmtKind::kWhile> {
  ExprPtr test;  // kBint
  Block body;
  Block orelse;
};

// Python's range() on C integers. start, stop and step are evaluated once, in this order; the
// variable is assigned before each turn (it keeps its last value, and assigning to it in the body
// does not change the number of turns). A step that is not a constant and is 0 raises ValueError.
struct CountLoop : StmtOf<StmtKind::kCountLoop> {
  Variable* variable = nullptr;   // an integer or float of C
  const Type* counter = nullptr;  // the type to count in
  ExprPtr start;
  ExprPtr stop;
  ExprPtr step;                // null: 1
  int step_sign = 1;           // 0: only known when it runs
  bool includes_stop = false;  // `for i from a <= i <= b`
  // `for i from`: the variable is the counter itself, and is one step further after the loop.
  bool counts_in_variable = false;
  Block body;
  Block orelse;
};

// for item in iterable. `body` starts with the assignments that unpack the item.
struct Iterate : StmtOf<StmtKind::kIterate> {
  ExprPtr iterable;          // an object
  Variable* item = nullptr;  // an object; set before each turn
  Block body;
  Block orelse;
};

struct Break : StmtOf<StmtKind::kBreak> {};
struct Continue : StmtOf<StmtKind::kContinue> {};

struct Return : StmtOf<StmtKind::kReturn> {
  ExprPtr value;  // of the function's result type; null if that is void
};

struct Handler {
  syntax::SourceRange range;
  // kBint: whether this handler is for the exception that is being handled (helpers know it); null:
  // for every one.
  ExprPtr matches;
  // Starts with the assignment to the name after `as`, and ends by unbinding it (in a Finally).
  Block body;
};

// While a handler runs, its exception is the one being handled (sys.exception()). If no handler
// matches, it goes on.
struct Try : StmtOf<StmtKind::kTry> {
  Block body;
  std::vector<Handler> handlers;
  Block orelse;
};

// `cleanup` runs whichever way `body` is left: its end, an exception, return, break, continue. A
// jump out of the cleanup replaces the reason.
struct Finally : StmtOf<StmtKind::kFinally> {
  Block body;
  Block cleanup;
};

// with manager: body. Gone after `lower`.
struct With : StmtOf<StmtKind::kWith> {
  ExprPtr manager;  // an object
  // A temporary for what __enter__() returned; null if nobody wants it. `body` starts with its
  // assignment to the target.
  Variable* value = nullptr;
  Block body;
};

// ---- without the GIL, and in parallel ----

// `with nogil`, `with gil`. Whichever way the body is left, the GIL is afterwards as it was before.
struct GilBlock : StmtOf<StmtKind::kGilBlock> {
  bool releases = true;  // false: takes it
  // Of a function that is called with or without it: releases it if it is held.
  bool is_conditional = false;
  Block body;
};

// A variable of which each thread has its own; `range` is its first assignment.
struct Private {
  Variable* variable = nullptr;
  syntax::SourceRange range;
};

// A variable that each thread computes a part of; the parts are put together after the loop, and
// with the value from before.
struct Reduction {
  Variable* variable = nullptr;
  const char* op = "+";  // + * & | ^ min max && ||; `-=` is + of what is negated
  syntax::SourceRange range;
  // Of an extreme: what the iteration that has it sets as well, `at = i`; of equal ones it is the
  // first that has it, or the last. `taken` is the assignment to `variable`.
  std::vector<Variable*> companions = {};
  bool takes_last = false;
  const struct Assign* taken = nullptr;
};

// Whether iterations are checked for races (src/races); strictly: what cannot be decided is an
// error.
enum class ParallelChecks : std::uint8_t { kOff, kOn, kStrict };

enum class Schedule : std::uint8_t { kDefault, kStatic, kDynamic, kGuided, kRuntime };

// for variable in prange(start, stop, step): iterations run in any order, by several threads. As
// with CountLoop the limits are evaluated once. If the loop is left (break, return, an exception),
// the lowest iteration that leaves it decides: those below it have all been run. Everything a
// loop assigns to by name is `variable`, in `privates` or in `reductions`, or an object. Private
// values start as they were before the loop, and have after it what the last iteration left.
struct ParallelLoop : StmtOf<StmtKind::kParallelLoop> {
  Variable* variable = nullptr;   // an integer or float of C
  const Type* counter = nullptr;  // the type to count in
  ExprPtr start;
  ExprPtr stop;
  ExprPtr step;       // null: 1
  int step_sign = 1;  // 0: only known when it runs
  Schedule schedule = Schedule::kDefault;
  ExprPtr chunk;        // null: the schedule's own; else an int
  ExprPtr n_threads;    // null: as many as there are; 0 means the same
  ExprPtr use_threads;  // null: yes; else a condition
  // Directly in a ParallelBlock: its threads share the iterations, no new ones are started.
  bool is_shared_out = false;
  // This many loops, each the only statement of the one around, are one in what is scheduled.
  int collapse = 1;
  // Turns run side by side in the lanes of vectors, too, or it is an error.
  bool is_simd = false;
  ParallelChecks checks = ParallelChecks::kOn;
  std::vector<Private> privates;
  std::vector<Reduction> reductions;
  Block body;
  Block orelse;
};

// with parallel(): each thread runs the body. What it assigns to is private, and lost afterwards.
struct ParallelBlock : StmtOf<StmtKind::kParallelBlock> {
  ExprPtr n_threads;    // as in ParallelLoop
  ExprPtr use_threads;  // likewise
  ParallelChecks checks = ParallelChecks::kOn;
  std::vector<Private> privates;
  Block body;
};

}  // namespace engineroom::tree
