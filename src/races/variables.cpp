// Variables that each thread has of its own: is a value carried from iteration to iteration, and is
// that a reduction?
#include <algorithm>

#include "races/patterns.h"
#include "races/reports.h"

namespace engineroom::races {
namespace {

using syntax::in_quotes;

constexpr std::string_view kCarried = "parallel-carried";

const char* operator_of(Update update) {
  switch (update) {
    case Update::kSum:
      return "+";
    case Update::kProduct:
      return "*";
    case Update::kAnd:
      return "&";
    case Update::kOr:
      return "|";
    case Update::kXor:
      return "^";
    case Update::kMin:
      return "min";
    case Update::kMax:
      return "max";
    case Update::kAll:
      return "&&";
    case Update::kAny:
      return "||";
  }
  return "";
}

bool is_reducible(const tree::Type& type, Update update) {
  const bool is_extreme = update == Update::kMin || update == Update::kMax;
  const bool is_bitwise = update == Update::kAnd || update == Update::kOr || update == Update::kXor;
  if (is_extreme) return type.is_integral() || type.is_float();
  return is_bitwise ? type.is_integral() : type.is_numeric();
}

// How a variable is to be treated.
struct Treatment {
  enum class Kind : std::uint8_t { kPrivate, kReduction } kind = Kind::kPrivate;
  Update update{};
};

class Check {
 public:
  Check(const tree::Function& function, const tree::ParallelLoop& loop, const Record& record,
        const Reporter& reporter)
      : function_(function), loop_(loop), record_(record), reporter_(reporter) {}

  Treatment treat(const tree::Variable& variable) {
    const VariableRecord& notes = record_.variables.at(&variable);
    const Use* read = carried(notes, Use::Kind::kRead);
    const Use* update = carried(notes, Use::Kind::kUpdate);
    const bool is_set = any(notes, Use::Kind::kWrite) != nullptr;
    if (read != nullptr && update == nullptr && !is_set) return {};  // x = x at most
    if (read == nullptr && update == nullptr) {
      check_end(variable, notes);
      return end_;
    }
    if (update != nullptr && update->carried == Carried::kMaybe)
      return treat_updates(variable, notes, *update);
    if (update != nullptr && read == nullptr) read = update;
    if (read->carried == Carried::kIfNoTurns) {
      reporter_
          .undecided(kCarried, read->range,
                     in_quotes(variable.name) +
                         " has no value of this iteration if the loop before it has no turns")
          .hint("give it a value before that loop");
      return {};
    }
    report_carried(variable, notes, *read);
    return {};
  }

 private:
  // The worst use of that kind which a value from another iteration reaches.
  static const Use* carried(const VariableRecord& notes, Use::Kind kind) {
    const Use* worst = nullptr;
    for (const Use& use : notes.uses)
      if (use.kind == kind && use.carried != Carried::kNever &&
          (worst == nullptr || use.carried > worst->carried))
        worst = &use;
    return worst;
  }

  static const Use* any(const VariableRecord& notes, Use::Kind kind) {
    const auto found = std::find_if(notes.uses.begin(), notes.uses.end(),
                                    [kind](const Use& use) { return use.kind == kind; });
    return found != notes.uses.end() ? &*found : nullptr;
  }

  Treatment treat_updates(const tree::Variable& variable, const VariableRecord& notes,
                          const Use& first) {
    const std::string name = in_quotes(variable.name);
    if (const Use* read = any(notes, Use::Kind::kRead)) {
      // An index that goes with a maximum is a value of one iteration.
      reporter_.diagnostics
          .error(kCarried, read->range,
                 "the value of " + name + " that the iterations add up is read by one of them")
          .hint("its value is known after the loop; a running value needs a loop in order")
          .related(first.range, "added up here");
      return {};
    }
    if (const Use* write = any(notes, Use::Kind::kWrite)) {
      reporter_.diagnostics
          .error(kCarried, write->range,
                 name + " is given a value here, and continues from other iterations elsewhere")
          .hint("give it a value at the start of each iteration, or never")
          .related(first.range, "continued here");
      return {};
    }
    for (const Use& use : notes.uses) {
      if (use.update == first.update) continue;
      reporter_.diagnostics
          .error(kCarried, use.range,
                 "iterations combine " + name + " by " + in_quotes(operator_of(first.update)) +
                     " and by " + in_quotes(operator_of(use.update)))
          .hint("the order of iterations would matter: use a variable for each")
          .related(first.range, "the other one is here");
      return {};
    }
    if (!is_reducible(*variable.type, first.update)) {
      reporter_.diagnostics.error(kCarried, first.range,
                                  "a reduction of " + variable.type->name + " by " +
                                      in_quotes(operator_of(first.update)) + " is not possible");
      return {};
    }
    return {Treatment::Kind::kReduction, first.update};
  }

  void report_carried(const tree::Variable& variable, const VariableRecord& notes,
                      const Use& read) {
    const std::string name = in_quotes(variable.name);
    const auto odd = std::find_if(notes.uses.begin(), notes.uses.end(),
                                  [](const Use& use) { return use.op != nullptr; });
    if (odd != notes.uses.end()) {
      const std::string op = odd->op;
      reporter_.diagnostics
          .error(kCarried, odd->range,
                 in_quotes(op + "=") + " continues " + name +
                     " from iteration to iteration, which no reduction can do")
          .hint(op == "/" ? "multiply the divisors in a loop of their own, and divide once after it"
                          : "use 'range' in place of 'prange'");
      return;
    }
    const auto set = std::find_if(notes.uses.begin(), notes.uses.end(),
                                  [](const Use& use) { return use.kind == Use::Kind::kWrite; });
    const auto added = reporter_.diagnostics
                           .error(kCarried, read.range,
                                  name + " may still have the value of another iteration here")
                           .hint(hint_for(variable, notes));
    if (set != notes.uses.end() && set->range.begin != read.range.begin)
      added.related(set->range, "this is where iterations set it");
  }

  std::string hint_for(const tree::Variable& variable, const VariableRecord& notes) const {
    if (accompanies_extreme(notes))
      return "an index that goes with a maximum or minimum: find the value in a prange, and its "
             "index in a loop after that; or keep both per thread, in arrays over 'threadid()'";
    return "give " + in_quotes(variable.name) +
           " a value at the start of each iteration; if iterations depend on each other, use "
           "'range' in place of 'prange'";
  }

  // What is set beside a variable whose carried value is reported anyway.
  bool is_companion(const VariableRecord& notes) const {
    return std::any_of(record_.variables.begin(), record_.variables.end(), [&](const auto& other) {
      return &other.second != &notes && carried(other.second, Use::Kind::kRead) != nullptr &&
             carried(other.second, Use::Kind::kRead)->carried == Carried::kMaybe &&
             accompanies_extreme(other.second);
    });
  }

  // `if x > best: best = x; at = i`: read in conditions, set in their branches.
  bool accompanies_extreme(const VariableRecord& notes) const {
    const bool is_set = any(notes, Use::Kind::kWrite) != nullptr;
    const auto n_reads = std::count_if(notes.uses.begin(), notes.uses.end(),
                                       [](const Use& use) { return use.kind == Use::Kind::kRead; });
    if (!is_set || n_reads != 1) return false;
    return std::any_of(record_.variables.begin(), record_.variables.end(), [&](const auto& other) {
      return &other.second != &notes && other.second.at_end == Carried::kMaybe;
    });
  }

  // Only some iterations give it a value: which was the last one?
  void check_end(const tree::Variable& variable, const VariableRecord& notes) {
    const bool is_known = notes.at_end == Carried::kNever || notes.is_kept;
    if (is_known && notes.at_break == Carried::kNever) return;
    if (any(notes, Use::Kind::kWrite) == nullptr) return;
    if (is_companion(notes) || !is_read_behind(function_, loop_, variable)) return;
    if (is_known) {
      reporter_.diagnostics
          .error(kCarried, any(notes, Use::Kind::kWrite)->range,
                 in_quotes(variable.name) +
                     " is read after the loop, but an iteration that ends with 'break' may not "
                     "have given it a value")
          .hint("give it a value before the 'break'")
          .related(break_of(loop_.body)->range, "here");
      return;
    }
    if (notes.at_end == Carried::kIfNoTurns) {
      reporter_
          .undecided(kCarried, any(notes, Use::Kind::kWrite)->range,
                     in_quotes(variable.name) +
                         " is read after the loop, but has no value of the last iteration if the "
                         "loop here has no turns")
          .hint("give it a value at the start of each iteration");
      return;
    }
    if (const std::optional<Update> found = found_flag(variable, notes)) {
      end_ = {Treatment::Kind::kReduction, *found};
      return;
    }
    const Use& write = *any(notes, Use::Kind::kWrite);
    reporter_.diagnostics
        .error(kCarried, write.range,
               "only some iterations give " + in_quotes(variable.name) +
                   " a value, and after the loop it would be that of whichever came last")
        .hint(variable.type->is_integral() && write.constant
                  ? "declare it 'bint', which is true if any iteration says so"
                  : "let each iteration give it a value, or write to an array and look for the "
                    "value after the loop");
  }

  // `if x: found = True` on a truth.
  static std::optional<Update> found_flag(const tree::Variable& variable,
                                          const VariableRecord& notes) {
    if (variable.type->kind != tree::TypeKind::kBint) return std::nullopt;
    std::optional<int> value;
    for (const Use& use : notes.uses) {
      if (use.kind != Use::Kind::kWrite || !use.constant) return std::nullopt;
      if (value && *value != *use.constant) return std::nullopt;
      value = use.constant;
    }
    if (!value) return std::nullopt;
    return *value != 0 ? Update::kAny : Update::kAll;
  }

  const tree::Function& function_;
  const tree::ParallelLoop& loop_;
  const Record& record_;
  const Reporter& reporter_;
  Treatment end_;
};

}  // namespace

namespace {

// Is that all that is done with them?
bool is_reduction(const Extreme& extreme, const tree::ParallelLoop& loop, const Record& record) {
  const auto is_only_use = [&](const tree::Variable& variable) {
    const std::vector<Use>& uses = record.variables.at(&variable).uses;
    const bool is_private =
        std::any_of(loop.privates.begin(), loop.privates.end(),
                    [&](const tree::Private& one) { return one.variable == &variable; });
    return uses.size() == 1 && uses[0].extreme == &extreme && is_private;
  };
  return !loop.is_shared_out && is_reducible(*extreme.variable->type, extreme.update) &&
         is_only_use(*extreme.variable) &&
         record.variables.at(extreme.variable).uses[0].carried == Carried::kMaybe &&
         std::all_of(
             extreme.companions.begin(), extreme.companions.end(),
             [&](const tree::Assign* one) { return is_only_use(*variable_of(*one->target)); });
}

// Makes reductions of extremes and their companions; what is none is an assignment like others.
void take_extremes(tree::ParallelLoop& loop, Record& record) {
  std::map<const tree::Variable*, tree::Private> privates;
  for (const tree::Private& one : loop.privates) privates[one.variable] = one;
  for (const Extreme& extreme : record.extremes) {
    if (is_reduction(extreme, loop, record)) {
      const tree::Private own = privates.at(extreme.variable);
      tree::Reduction made{own.variable, operator_of(extreme.update), own.range};
      for (const tree::Assign* one : extreme.companions)
        made.companions.push_back(privates.at(variable_of(*one->target)).variable);
      made.takes_last = extreme.takes_equal;
      made.taken = extreme.taken;
      std::erase_if(loop.privates, [&](const tree::Private& one) {
        return one.variable == made.variable ||
               std::count(made.companions.begin(), made.companions.end(), one.variable);
      });
      loop.reductions.push_back(std::move(made));
      continue;
    }
    std::vector<Use> uses;
    for (Use& use : record.variables[extreme.variable].uses) {
      uses.push_back(use);
      if (use.extreme != &extreme) continue;
      uses.back().kind = Use::Kind::kRead;
      uses.push_back({Use::Kind::kWrite, use.range});
    }
    record.variables[extreme.variable].uses = std::move(uses);
  }
}

// What iterations beyond a `break` have added is taken out only where each thread has a row of
// iterations.
void check_break(const tree::Function& function, const tree::ParallelLoop& loop,
                 const Reporter& reporter) {
  const tree::Stmt* left = break_of(loop.body);
  const bool is_in_rows = loop.schedule == tree::Schedule::kDefault ||
                          (loop.schedule == tree::Schedule::kStatic && loop.chunk == nullptr);
  if (left == nullptr || (is_in_rows && !loop.is_shared_out)) return;
  for (const tree::Reduction& one : loop.reductions) {
    if (!is_read_behind(function, loop, *one.variable)) continue;
    reporter.diagnostics
        .error(kCarried, left->range,
               "after this 'break' " + in_quotes(one.variable->name) +
                   " may hold what iterations beyond it have added")
        .hint(loop.is_shared_out
                  ? "use a 'prange' of its own in place of one inside of 'parallel()'"
                  : "use schedule='static' without a chunksize, where that is taken out again")
        .related(one.range, "added up here");
    return;
  }
}

}  // namespace

void check_variables(const tree::Function& function, tree::ParallelLoop& loop, Record& record,
                     const Reporter& reporter) {
  take_extremes(loop, record);
  struct Known {
    tree::Variable* variable;
    syntax::SourceRange range;
  };
  std::vector<Known> all;
  for (const tree::Private& one : loop.privates) all.push_back({one.variable, one.range});
  // Reductions have been found by their augmented assignments alone, which is sure.
  loop.privates.clear();
  for (const Known& one : all) {
    Check check(function, loop, record, reporter);
    const Treatment treatment = check.treat(*one.variable);
    if (treatment.kind == Treatment::Kind::kReduction) {
      loop.reductions.push_back({one.variable, operator_of(treatment.update), one.range});
    } else {
      loop.privates.push_back({one.variable, one.range});
    }
  }
  check_break(function, loop, reporter);
}

}  // namespace engineroom::races
