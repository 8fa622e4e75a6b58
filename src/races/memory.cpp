// What is written in memory: do other iterations read or write the same?
#include <algorithm>

#include "races/dependence.h"
#include "races/reports.h"

namespace engineroom::races {
namespace {

// How two places differ, apart from their subscripts.
struct Compared {
  bool is_same_memory = true;
  bool is_comparable = true;  // subscripts mean the same on both sides
  std::vector<Polynomial> one;
  std::vector<Polynomial> other;
  std::set<std::size_t> wrapped;  // dimensions in which one side may count from the end
};

bool is_constant(const Step& step) { return step.index.as_constant().has_value(); }

// A pointer into the middle of a table with several dimensions: where its row is not known, its
// subscripts say nothing about those of the table.
bool crosses_rows(const Place& flat, const Place& other) {
  if (!flat.is_flat) return false;
  const bool has_row = flat.steps.size() > 1 &&
                       !std::all_of(flat.steps.begin(), flat.steps.end() - 1, [](const Step& step) {
                         return step.kind == Step::Kind::kField || is_constant(step);
                       });
  return !has_row && !(other.is_flat && other.steps.size() == flat.steps.size());
}

Compared compare(const Place& one, const Place& other) {
  Compared result;
  if (one.root != other.root) result.is_same_memory = false;
  if (crosses_rows(one, other) || crosses_rows(other, one)) result.is_comparable = false;
  const std::size_t n = std::min(one.steps.size(), other.steps.size());
  for (std::size_t i = 0; i < n && result.is_same_memory; ++i) {
    const Step& a = one.steps[i];
    const Step& b = other.steps[i];
    if (a.kind == Step::Kind::kField && b.kind == Step::Kind::kField) {
      result.is_same_memory = a.field == b.field;
      continue;
    }
    // The field of a struct at a pointer is in its first item.
    if (a.kind == Step::Kind::kField || b.kind == Step::Kind::kField) {
      // Of an object with a buffer, fields (its shape) and items are different memory.
      result.is_same_memory = !one.root->type->is_object();
      result.is_comparable = false;
      break;
    }
    if ((a.may_wrap || b.may_wrap) && !(a.index == b.index))
      result.wrapped.insert(result.one.size());
    result.one.push_back(a.index);
    result.other.push_back(b.index);
  }
  return result;
}

class Check {
 public:
  Check(const Record& record, const Reporter& reporter)
      : record_(record), reporter_(reporter), space_(record.space) {
    number_accesses();
  }

  void run() {
    join_phases();
    for (const Access& write : record_.accesses)
      if (write.is_write) check(write);
    for (const Passed& passed : record_.passed)
      if (reporter_.is_strict || passed.is_output) check(passed);
  }

 private:
  struct Conflict {
    Verdict verdict = Verdict::kApart;
    const Access* with = nullptr;
  };

  void check(const Access& write) {
    if (write.place.owner != Place::Owner::kShared) {
      const bool is_asked = write.place.owner == Place::Owner::kUnknown || reporter_.is_strict;
      if (is_asked && !write.is_protected) report_unknown(write);
      return;
    }
    Conflict worst;
    for (const Access& other : record_.accesses) {
      if (phase_of(write.phase) != phase_of(other.phase) ||
          (write.is_protected && other.is_protected))
        continue;
      const Verdict verdict = known(write, other);
      const bool is_worse = verdict > worst.verdict ||
                            // Two writes say more than what they read.
                            (verdict == worst.verdict && verdict != Verdict::kApart &&
                             other.is_write && !worst.with->is_write);
      if (is_worse) worst = {verdict, &other};
    }
    if (worst.verdict == Verdict::kApart) return;
    // Two that meet are one mistake.
    const bool is_known = worst.with->is_write && reported_.contains(worst.with->range.begin);
    reported_.insert(write.range.begin);
    if (is_known) return;
    if (worst.verdict == Verdict::kMeet) report_meeting(write, *worst.with);
    if (worst.verdict == Verdict::kUndecided) report_undecided(write, *worst.with);
  }

  // Phases that are the same have the same number.
  void join_phases() {
    for (const auto& [start, end] : record_.same_phases) {
      const int one = phase_of(start);
      const int other = phase_of(end);
      for (auto& [phase, known] : phases_)
        if (known == other) known = one;
      phases_[other] = phases_[end] = one;
    }
  }
  int phase_of(int phase) const {
    const auto found = phases_.find(phase);
    return found != phases_.end() ? found->second : phase;
  }

  // What is compared alike has one number: many statements of a body are about the same items.
  void number_accesses() {
    std::map<const tree::Variable*, std::vector<std::size_t>> by_root;  // the first of each number
    for (std::size_t i = 0; i < record_.accesses.size(); ++i) {
      const Access& access = record_.accesses[i];
      std::vector<std::size_t>& alike = by_root[access.place.root];
      const auto found = std::find_if(alike.begin(), alike.end(), [&](std::size_t one) {
        const Access& other = record_.accesses[one];
        return other.loop == access.loop && other.place == access.place &&
               other.conditions == access.conditions;
      });
      numbers_.push_back(found == alike.end() ? i : *found);
      if (numbers_.back() == i) alike.push_back(i);
    }
  }
  std::size_t number_of(const Access& access) const {
    return numbers_[static_cast<std::size_t>(&access - record_.accesses.data())];
  }
  Verdict known(const Access& write, const Access& other) {
    if (write.place.root != other.place.root) return Verdict::kApart;
    const auto [verdict, is_new] =
        verdicts_.try_emplace({number_of(write), number_of(other)}, Verdict::kApart);
    if (is_new) verdict->second = decided(write, other);
    return verdict->second;
  }

  Verdict decided(const Access& write, const Access& other) {
    if (other.place.owner != Place::Owner::kShared) return Verdict::kApart;
    Compared compared = compare(write.place, other.place);
    if (!compared.is_same_memory) return Verdict::kApart;
    Question question;
    question.thread = record_.thread;
    question.trusts_segments = !reporter_.is_strict;
    const bool is_one_loop = write.loop == other.loop && write.loop != nullptr;
    if (is_one_loop) question.loops = record_.turns.at(write.loop);
    question.one = std::move(compared.one);
    question.other = std::move(compared.other);
    if (!compared.is_comparable) question.one = question.other = {Polynomial::invalid()};
    add_conditions(write, other, question);
    const Verdict verdict = decide(space_, question);
    if (verdict != Verdict::kApart || compared.wrapped.empty()) return verdict;
    for (const std::size_t i : compared.wrapped) question.one[i] = Polynomial::invalid();
    return decide(space_, question);
  }

  // Where both happen under a condition like `i == 0`, it is in the one turn.
  static void add_conditions(const Access& write, const Access& other, Question& question) {
    for (const Polynomial& one : write.conditions) {
      for (const Polynomial& two : other.conditions) {
        if (!(one == two)) continue;
        question.one.push_back(one);
        question.other.push_back(two);
      }
    }
  }

  void report_meeting(const Access& write, const Access& other) {
    if (other.range.begin != write.range.begin && !other.is_write)
      return report_dependence(write, other);
    const std::string place = reporter_.text(write.range);
    const std::string message = write.is_update ? "iterations add to " + place + " at the same time"
                                                : "several iterations write to " + place;
    const auto added = reporter_.diagnostics.error("parallel-shared-write", write.range, message);
    added.hint(write.is_update ? "sum up in a local variable ('s += …'), and add that to " + place +
                                     " after the loop"
                               : "write to an item that belongs to the iteration; memory that each "
                                 "needs for itself is best a local of a function it calls");
    if (other.range.begin != write.range.begin)
      added.related(other.range, "another iteration writes here");
  }

  void report_dependence(const Access& write, const Access& read) {
    reporter_.diagnostics
        .error("parallel-dependence", read.range,
               reporter_.text(read.range) + " reads what another iteration writes to " +
                   reporter_.text(write.range))
        .hint("write to an array of its own, or use 'range' in place of 'prange'")
        .related(write.range, "it is written here");
  }

  void report_undecided(const Access& write, const Access& other) {
    const bool is_own = other.range.begin == write.range.begin || other.is_write;
    reporter_
        .undecided("parallel-undecided", write.range,
                   is_own ? "it cannot be decided whether two iterations write to the same item: " +
                                reporter_.text(write.range)
                          : "it cannot be decided whether another iteration reads what is written "
                            "to " +
                                reporter_.text(write.range))
        .hint("if that never happens, '@cython.parallel_checks(False)' says so")
        .related(other.range, is_own ? "here" : "it could be read here");
  }

  void report_unknown(const Access& write) {
    reporter_
        .undecided("parallel-undecided", write.range,
                   "it is not known where " + reporter_.text(write.range) +
                       " is, and whether other iterations write there")
        .hint("index the array itself, or check by hand and use '@cython.parallel_checks(False)'");
  }

  // What a function of C writes by its arguments is not looked at.
  void check(const Passed& passed) {
    if (passed.place.owner == Place::Owner::kPrivate) return;
    Access access{passed.place, passed.range, true, false, false, passed.loop, 0, {}};
    if (passed.place.owner == Place::Owner::kShared && decided(access, access) == Verdict::kApart)
      return;
    reporter_
        .undecided("parallel-undecided", passed.range,
                   "it is not known whether " + reporter_.text(passed.function) +
                       " writes to what all iterations share: " + reporter_.text(passed.range))
        .hint(
            "pass what belongs to the iteration, such as a row, or declare the parameter 'const'");
  }

  const Record& record_;
  const Reporter& reporter_;
  Space space_;
  std::vector<std::size_t> numbers_;  // of accesses
  std::map<std::pair<std::size_t, std::size_t>, Verdict> verdicts_;
  std::map<int, int> phases_;
  std::set<std::uint32_t> reported_;  // where writes begin of which something was said
};

}  // namespace

void check_memory(const Record& record, const Reporter& reporter) { Check(record, reporter).run(); }

}  // namespace engineroom::races
