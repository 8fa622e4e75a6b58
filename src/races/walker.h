// races/walker.h — the walk through a parallel region that makes a Record of it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "races/patterns.h"
#include "races/record.h"

namespace engineroom::races {

class Walker {
 public:
  Walker(const tree::Function& function, const tree::Stmt& region);
  Record run();

 private:
  // What is known at one point of an iteration.
  struct State {
    std::set<const tree::Variable*> assigned;   // surely, in this iteration
    std::set<const tree::Variable*> if_turned;  // surely, if each loop has a turn
    std::set<const tree::Variable*> maybe;      // on some way to here
    std::map<const tree::Variable*, Polynomial> values;
    std::map<const tree::Variable*, Place> places;  // of pointers and views: where they lead
    bool is_dead = false;                           // the point is never reached
  };
  struct Loop {
    std::vector<State> breaks;
    std::vector<State> continues;
  };

  // ---- statements: walker.cpp ----

  void block(const tree::Block& statements);
  void statement(const tree::Stmt& stmt);
  void assign(const tree::Assign& stmt);
  void assign_variable(const tree::Variable& variable, const tree::Expr& value,
                       syntax::SourceRange range);
  void if_statement(const tree::If& stmt);
  // `if y > x: x = y; at = i`, if that could be a reduction.
  bool extreme(const tree::If& stmt);
  void companions(const tree::If& stmt, const Extreme& extreme);
  void set_assigned(const tree::Variable& variable);
  void try_statement(const tree::Try& stmt);
  static State merged(const State& a, const State& b);
  std::vector<Polynomial> conditions_of(const tree::Expr& test, bool is_true);
  void note_lock(const tree::Stmt& stmt);

  // ---- loops: walker_loops.cpp ----

  void count_loop(const tree::CountLoop& loop);
  void inner_loop(const tree::ParallelLoop& loop);
  void while_loop(const tree::While& loop);
  // `while k < n: …; k += 1`: k in terms of the turn; null if it is no such loop.
  struct Counted {
    const tree::Variable* variable;
    Polynomial value;
  };
  std::optional<Counted> counted(const tree::While& loop);
  void iterate(const tree::Iterate& loop);
  // `is_endless`: it is left by break only.
  void turns(const tree::Block& body, const tree::Block& orelse, bool is_endless);
  void forget(const tree::Block& body);
  void enter(const tree::ParallelLoop& loop);
  struct Limits {
    const tree::Expr* start;
    const tree::Expr* stop;
    const tree::Expr* step;
    int step_sign;
    bool includes_stop;
  };
  static Limits limits_of(const tree::ParallelLoop& loop);
  // The value of the loop's variable; `turn` gets its symbol.
  Polynomial loop_value(const Limits& limits, bool is_parallel, Symbol* turn);
  std::optional<Polynomial> segment_of(const Polynomial& start, const Polynomial& stop) const;
  bool surely_turns(const Limits& limits);
  // `k = k + 3` in each turn: k in terms of the turn.
  std::map<const tree::Variable*, Polynomial> inductions(const tree::CountLoop& loop, Symbol turn);

  // ---- expressions: walker_expressions.cpp ----

  void visit(const tree::Expr& expr);
  void visit_children(const tree::Expr& expr);
  void call(const tree::Call& call);
  // The address of a variable that nothing is ever assigned to by name; or any, where the function
  // is one of Cython's.
  bool is_output(const tree::Expr& arg, const tree::FunctionName* function) const;
  void helper(const tree::Helper& helper);
  void read_variable(const tree::Variable& variable, syntax::SourceRange range);
  void note_use(const tree::Variable& variable, Use use);
  Carried carried(const tree::Variable& variable) const;
  void access(Place place, syntax::SourceRange range, bool is_write, bool is_update = false);
  // Axes of a view that are left become all that is along them.
  Place whole(Place place);

  // ---- values: walker_values.cpp ----

  Polynomial value(const tree::Expr& expr);
  Polynomial binary_value(const tree::Binary& binary);
  Polynomial helper_value(const tree::Helper& helper);
  Polynomial fold(const Polynomial& arg, std::int64_t divisor, bool is_remainder);
  Polynomial read_value(const tree::Expr& expr);
  Polynomial same_named(const std::string& name, std::optional<std::int64_t> low);
  Polynomial other();
  // Has it one value in all iterations?
  bool is_invariant(const tree::Expr& expr) const;
  bool is_shared(const tree::Variable& variable) const;

  Place place_of(const tree::Expr& expr);
  Place pointee(const tree::Expr& expr);
  Place view_place(const tree::Expr& expr);
  Place root_place(const tree::Variable& variable);
  Place sliced(const tree::ViewSlice& slice);
  static void move_pointer(Place& place, const Polynomial& by);
  void index_axes(Place& place, const tree::BufferItem& item);

  const tree::Function& function_;
  const tree::Stmt& region_;
  Record record_;
  State state_;
  std::vector<State> ends_;    // of the iteration: by continue
  std::vector<State> breaks_;  // of the loop
  std::vector<Loop> loops_;
  const tree::ParallelLoop* current_ = nullptr;  // that is shared out
  int n_collapsed_ = 0;                          // loops to come that are one with it
  int n_protections_ = 0;
  int phase_ = 0;
  bool is_outside_ = false;  // looks at statements before the region
  std::vector<Polynomial> conditions_;

  std::set<const tree::Variable*> written_;    // by name, in the region
  std::set<const tree::Variable*> given_;      // the same, anywhere in the function
  std::set<const tree::Variable*> touched_;    // memory of theirs is written
  std::set<const tree::Variable*> addressed_;  // by their address they may get any value
  std::set<const tree::Variable*> tracked_;    // each iteration has its own
  // Assigned once in the function, outside: pointers and views of others' memory, temporaries.
  std::map<const tree::Variable*, const tree::Expr*> aliases_;
  std::map<std::string, Symbol> named_;
  // Of values that are the same in all iterations: what is folded, by what, and is it a remainder?
  std::map<std::tuple<Polynomial, std::int64_t, bool>, Symbol> same_folds_;
  std::map<Symbol, Place> origins_;  // of values that were read from memory
};

}  // namespace engineroom::races
