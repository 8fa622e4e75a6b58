#include "races/dependence.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <optional>

namespace engineroom::races {
namespace {

// One dimension: `difference` is 0 where the two meet.
enum class Answer : std::uint8_t { kNothing, kNever, kSameTurn, kDistance };

class Decider {
 public:
  Decider(Space& space, const Question& question) : space_(space), question_(question) {}

  Verdict run() {
    for (std::size_t i = 0; i < std::min(question_.one.size(), question_.other.size()); ++i) {
      if (!question_.one[i].is_valid() || !question_.other[i].is_valid()) {
        has_unknown_ = true;
        continue;
      }
      differences_.push_back(question_.one[i] - space_.elsewhere(question_.other[i], names_));
    }
    add_segments();
    add_pairs();
    std::set<Symbol> open = question_.loops;
    for (bool has_changed = true; has_changed;) {
      has_changed = false;
      for (std::size_t i = 0; i < differences_.size(); ++i) {
        if (is_never_zero(differences_[i])) return Verdict::kApart;
        if (question_.thread >= 0 && ask(differences_[i], question_.thread) == Answer::kSameTurn)
          return Verdict::kApart;
        for (const auto& [turn, other] : names_) {
          if (space_[turn].kind != SymbolKind::kTurn || known_.contains(turn)) continue;
          const Answer answer = ask(differences_[i], turn);
          if (answer == Answer::kNever) return Verdict::kApart;
          if (answer == Answer::kNothing) continue;
          const std::int64_t distance =
              answer == Answer::kDistance ? distance_of(differences_[i], turn) : 0;
          shift(turn, other, distance);
          is_other_turn_ |= open.erase(turn) > 0 && distance != 0;
          has_changed = true;
        }
        erase_pinned(open);
        if (open.empty() && !question_.loops.empty() && !is_other_turn_) return Verdict::kApart;
      }
    }
    return !has_unknown_ && is_clear() && finds_example(open) ? Verdict::kMeet
                                                              : Verdict::kUndecided;
  }

 private:
  // Where x == x' tells that both are in the same segment, the numbers of segments are equal.
  void add_segments() {
    if (!question_.trusts_segments) return;
    std::vector<Polynomial> found;
    for (const Polynomial& difference : differences_)
      for (const auto& [symbol, other] : names_)
        if (space_[symbol].segment && difference == Polynomial::of(symbol) - Polynomial::of(other))
          found.push_back(*space_[symbol].segment - *space_[other].segment);
    differences_.insert(differences_.end(), found.begin(), found.end());
  }

  // Of a[i, j] and a[j, i] with j < i each dimension alone tells nothing, their sum does.
  void add_pairs() {
    const std::size_t n = std::min<std::size_t>(differences_.size(), 4);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = i + 1; k < n; ++k) {
        const Polynomial one = differences_[i];
        const Polynomial other = differences_[k];
        if (is_never_zero(one + other) || is_never_zero(one - other))
          differences_.push_back(Polynomial::constant(1));
      }
    }
  }

  // Of a[i, 0] and a[0, i'], one dimension says that i is 0, and one that i' is.
  void erase_pinned(std::set<Symbol>& open) const {
    std::map<Symbol, std::int64_t> pinned;
    for (const Polynomial& difference : differences_) {
      const std::set<Symbol> all = difference.symbols();
      if (!difference.is_valid() || all.size() != 1) continue;
      const std::optional<Polynomial::Linear> linear = difference.linear_in(*all.begin());
      const std::optional<std::int64_t> factor =
          linear ? linear->factor.as_constant() : std::nullopt;
      const std::optional<std::int64_t> rest = linear ? linear->rest.as_constant() : std::nullopt;
      if (factor && rest && *factor != 0 && *rest % *factor == 0)
        pinned[*all.begin()] = -*rest / *factor;
    }
    for (const auto& [turn, other] : names_) {
      const auto one = pinned.find(turn);
      const auto two = pinned.find(other);
      if (one != pinned.end() && two != pinned.end() && one->second == two->second)
        open.erase(turn);
    }
  }

  // The other turn is so much later; of no distance: the same.
  void shift(Symbol turn, Symbol other, std::int64_t distance) {
    known_.insert(turn);
    const Polynomial later = Polynomial::of(turn) + Polynomial::constant(distance);
    for (Polynomial& difference : differences_) difference = difference.substituted(other, later);
  }

  // Of factor * (loop - loop') + rest, both constants.
  std::int64_t distance_of(const Polynomial& difference, Symbol loop) const {
    const Polynomial::Linear one = *difference.linear_in(loop);
    const Polynomial::Linear other = *one.rest.linear_in(names_.at(loop));
    return *other.rest.as_constant() / *one.factor.as_constant();
  }

  // No solution among integers: 2i - 2i' + 1.
  bool is_never_divisible(const Polynomial& difference) const {
    std::int64_t divisor = 0;
    for (const auto& [product, factor] : difference.terms()) {
      if (product.empty()) continue;
      std::int64_t multiple = factor;
      for (const Symbol symbol : product)
        if (__builtin_mul_overflow(multiple, space_[symbol].step, &multiple)) return false;
      divisor = std::gcd(divisor, multiple);
    }
    const std::int64_t constant = difference.constant_term();
    return divisor == 0 ? constant != 0 : constant % divisor != 0;
  }

  bool is_never_zero(const Polynomial& difference) const {
    if (!difference.is_valid()) return false;
    if (is_never_divisible(difference)) return true;
    const std::optional<Polynomial> low = space_.lower(difference);
    if (low && space_.is_at_least(*low, 1)) return true;
    const std::optional<Polynomial> high = space_.upper(difference);
    return high && space_.is_at_least(-*high, 1);
  }

  // Of difference = factor * (loop - loop') + rest.
  Answer ask(const Polynomial& difference, Symbol loop) const {
    const auto found = names_.find(loop);
    if (found == names_.end() || !difference.is_valid()) return Answer::kNothing;
    const std::optional<Polynomial::Linear> one = difference.linear_in(loop);
    if (!one) return Answer::kNothing;
    const std::optional<Polynomial::Linear> other = one->rest.linear_in(found->second);
    if (!other || !space_.is_same(one->factor) || one->factor.is_zero()) return Answer::kNothing;
    if (!(one->factor + other->factor).is_zero()) return Answer::kNothing;
    if (other->rest.is_zero()) return Answer::kSameTurn;
    const bool is_falling = is_negative(one->factor);
    return ask(is_falling ? -one->factor : one->factor, is_falling ? -other->rest : other->rest,
               space_[loop]);
  }

  Answer ask(const Polynomial& factor, const Polynomial& rest, const SymbolInfo& loop) const {
    const std::optional<Polynomial> low = space_.lower(rest);
    const std::optional<Polynomial> high = space_.upper(rest);
    // The rest is less than one turn away.
    const Polynomial turn = factor * Polynomial::constant(loop.step);
    if (low && high && space_.is_at_least(turn + *low, 1) && space_.is_at_least(turn - *high, 1))
      return Answer::kSameTurn;
    // The rest is further away than there are turns.
    const std::optional<Polynomial> last = loop.high ? space_.upper(*loop.high) : std::nullopt;
    if (!last) return is_distance(factor, rest);
    const Polynomial range = factor * *last;
    if ((low && space_.is_at_least(*low - range, 1)) ||
        (high && space_.is_at_least(-*high - range, 1)))
      return Answer::kNever;
    return is_distance(factor, rest);
  }

  // That it can be divided was asked before.
  static Answer is_distance(const Polynomial& factor, const Polynomial& rest) {
    return factor.as_constant() && rest.as_constant() ? Answer::kDistance : Answer::kNothing;
  }

  static bool is_negative(const Polynomial& p) {
    return std::all_of(p.terms().begin(), p.terms().end(),
                       [](const auto& term) { return term.second < 0; });
  }

  // ---- examples ----

  // Is all that decides whether they meet known? A symbol that is the same everywhere may have any
  // value, which an example would have to guess.
  bool is_clear() const {
    return std::all_of(differences_.begin(), differences_.end(),
                       [this](const Polynomial& p) { return p.is_valid() && is_clear(p); });
  }
  bool is_clear(const Polynomial& p) const {
    const std::set<Symbol> all = p.symbols();
    return std::all_of(all.begin(), all.end(), [this](Symbol s) {
      const SymbolInfo& info = space_[s];
      if (info.fold) return is_clear(info.fold->arg);
      return info.kind == SymbolKind::kTurn;
    });
  }

  static constexpr std::int64_t kSample = 12;  // of what may have any value
  static constexpr int kMaxTries = 20000;

  std::optional<std::int64_t> value_of(const Polynomial& p) const {
    std::int64_t sum = 0;
    for (const auto& [product, factor] : p.terms()) {
      std::int64_t term = factor;
      for (const Symbol symbol : product) {
        const std::optional<std::int64_t> value = value_of(symbol);
        if (!value || __builtin_mul_overflow(term, *value, &term)) return std::nullopt;
      }
      if (__builtin_add_overflow(sum, term, &sum)) return std::nullopt;
    }
    return sum;
  }

  std::optional<std::int64_t> value_of(Symbol symbol) const {
    const auto found = values_.find(symbol);
    if (found != values_.end()) return found->second;
    const SymbolInfo& info = space_[symbol];
    if (info.fold) {
      const std::optional<std::int64_t> arg = value_of(info.fold->arg);
      if (!arg) return std::nullopt;
      const std::int64_t divisor = info.fold->divisor;
      std::int64_t quotient = *arg / divisor;
      if (*arg % divisor != 0 && (*arg < 0) != (divisor < 0)) --quotient;
      return info.fold->is_remainder ? *arg - quotient * divisor : quotient;
    }
    if (info.kind == SymbolKind::kSame) return kSample;
    return std::nullopt;
  }

  // The loops of both sides, outer ones first, with all that their bounds and folds depend on.
  void collect(const Polynomial& p, std::set<Symbol>& turns) const {
    for (const Symbol symbol : p.symbols()) {
      const SymbolInfo& info = space_[symbol];
      if (info.fold) collect(info.fold->arg, turns);
      if (info.kind != SymbolKind::kTurn || !turns.insert(symbol).second) continue;
      if (info.high) collect(*info.high, turns);
    }
  }

  bool finds_example(const std::set<Symbol>& open) {
    std::set<Symbol> turns = open;
    for (const Symbol loop : open) {
      const auto other = names_.find(loop);
      if (other != names_.end()) {
        turns.insert(other->second);
      } else {
        // It is in no subscript: any two turns will do.
        names_[loop] = space_.add(space_[loop]);
        turns.insert(names_[loop]);
      }
      if (space_[loop].high) collect(*space_[loop].high, turns);
    }
    for (const Polynomial& difference : differences_) collect(difference, turns);
    order_.assign(turns.begin(), turns.end());
    open_.assign(open.begin(), open.end());
    return tries(0);
  }

  bool tries(std::size_t n) {
    if (n == order_.size()) return meets();
    const SymbolInfo& info = space_[order_[n]];
    const std::int64_t most = (kSample - 1) * info.step;
    std::int64_t last = most;
    if (info.high) {
      const std::optional<std::int64_t> high = value_of(*info.high);
      if (high) last = std::min(*high, most);
    }
    for (std::int64_t value = 0; value <= last && n_tries_ < kMaxTries; value += info.step) {
      values_[order_[n]] = value;
      if (tries(n + 1)) return true;
    }
    values_.erase(order_[n]);
    return false;
  }

  bool meets() {
    ++n_tries_;
    const bool is_other_turn = is_other_turn_ || question_.loops.empty() ||
                               std::any_of(open_.begin(), open_.end(), [this](Symbol loop) {
                                 return values_.at(loop) != values_.at(names_.at(loop));
                               });
    return is_other_turn && std::all_of(differences_.begin(), differences_.end(),
                                        [this](const Polynomial& p) { return value_of(p) == 0; });
  }

  Space& space_;
  const Question& question_;
  std::map<Symbol, Symbol> names_;
  std::vector<Polynomial> differences_;
  std::set<Symbol> known_;  // turns of which the other's distance is known
  bool has_unknown_ = false;
  bool is_other_turn_ = false;  // a dimension says how far away the other one is

  std::vector<Symbol> order_;
  std::vector<Symbol> open_;
  std::map<Symbol, std::int64_t> values_;
  int n_tries_ = 0;
};

}  // namespace

Verdict decide(Space& space, const Question& question) {
  const std::size_t n_symbols = space.size();
  const Verdict verdict = Decider(space, question).run();
  space.shrink(n_symbols);
  return verdict;
}

}  // namespace engineroom::races
