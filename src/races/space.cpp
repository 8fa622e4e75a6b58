#include "races/space.h"

#include <algorithm>
#include <utility>

namespace engineroom::races {

Symbol Space::add(SymbolInfo info) {
  symbols_.push_back(std::move(info));
  return static_cast<Symbol>(symbols_.size()) - 1;
}

void Space::assume_at_least(Symbol symbol, std::int64_t low) {
  std::optional<Polynomial>& known = symbols_[static_cast<std::size_t>(symbol)].low;
  if (known && known->as_constant().value_or(low) >= low) return;
  known = Polynomial::constant(low);
}

bool Space::is_same(const Polynomial& p) const {
  if (!p.is_valid()) return false;
  const std::set<Symbol> all = p.symbols();
  return std::all_of(all.begin(), all.end(),
                     [this](Symbol s) { return (*this)[s].kind == SymbolKind::kSame; });
}

Polynomial Space::elsewhere(const Polynomial& p, std::map<Symbol, Symbol>& names) {
  for (const Symbol symbol : p.symbols()) {
    if ((*this)[symbol].kind == SymbolKind::kSame || names.contains(symbol)) continue;
    SymbolInfo info = (*this)[symbol];
    if (info.low) info.low = elsewhere(*info.low, names);
    if (info.high) info.high = elsewhere(*info.high, names);
    if (info.fold) info.fold->arg = elsewhere(info.fold->arg, names);
    if (info.segment) info.segment = elsewhere(*info.segment, names);
    names[symbol] = add(std::move(info));
  }
  return p.renamed(names);
}

Polynomial Space::joined(Polynomial p) const {
  if (!p.is_valid()) return p;
  const std::set<Symbol> all = p.symbols();
  for (const Symbol rest : all) {
    const std::optional<Fold>& remainder = (*this)[rest].fold;
    if (!remainder || !remainder->is_remainder) continue;
    const std::optional<Polynomial> low = lower(remainder->arg);
    if (!low || !is_at_least(*low, 0)) continue;
    for (const Symbol symbol : all) {
      const std::optional<Fold>& fold = (*this)[symbol].fold;
      if (!fold || fold->is_remainder || fold->divisor != remainder->divisor ||
          !(fold->arg == remainder->arg))
        continue;
      const std::optional<Polynomial::Linear> one = p.linear_in(rest);
      const std::optional<Polynomial::Linear> other = one ? one->rest.linear_in(symbol) : one;
      if (other && one->factor * Polynomial::constant(fold->divisor) == other->factor &&
          !one->factor.is_zero())
        p = other->rest + one->factor * fold->arg;
    }
  }
  return p;
}

// From the innermost symbol outwards: the bounds of each are of earlier ones.
std::optional<Polynomial> Space::upper(const Polynomial& p) const {
  Polynomial bound = p;
  for (;;) {
    if (!bound.is_valid()) return std::nullopt;
    const std::set<Symbol> all = bound.symbols();
    const auto last = std::find_if(all.rbegin(), all.rend(), [this](Symbol s) {
      return (*this)[s].kind != SymbolKind::kSame;
    });
    if (last == all.rend()) return bound;
    const std::optional<Polynomial::Linear> linear = bound.linear_in(*last);
    if (!linear || !is_same(linear->factor)) return std::nullopt;
    const SymbolInfo& info = (*this)[*last];
    const bool is_rising = is_at_least(linear->factor, 0);
    if (!is_rising && !is_at_least(-linear->factor, 0)) return std::nullopt;
    const std::optional<Polynomial>& extreme = is_rising ? info.high : info.low;
    if (!extreme) return std::nullopt;
    bound = linear->rest + linear->factor * *extreme;
  }
}

std::optional<Polynomial> Space::lower(const Polynomial& p) const {
  std::optional<Polynomial> bound = upper(-p);
  if (bound) bound = -*bound;
  return bound;
}

// Each symbol is moved to its lower bound; then no term may be negative.
bool Space::is_at_least(const Polynomial& p, std::int64_t value) const {
  if (is_positive(p - Polynomial::constant(value))) return true;
  const Polynomial other = without_quotients(p);
  return !(other == p) && is_positive(other - Polynomial::constant(value));
}

// With q = n // d: n - d + 1 <= d * q <= n.
Polynomial Space::without_quotients(Polynomial p) const {
  const std::set<Symbol> all = p.symbols();
  for (auto symbol = all.rbegin(); symbol != all.rend(); ++symbol) {
    const std::optional<Fold>& fold = (*this)[*symbol].fold;
    if (!fold || fold->is_remainder) continue;
    const std::optional<Polynomial::Linear> linear = p.linear_in(*symbol);
    const std::optional<std::int64_t> factor = linear ? linear->factor.as_constant() : std::nullopt;
    if (!factor || *factor % fold->divisor != 0) continue;
    const Polynomial least =
        *factor > 0 ? fold->arg - Polynomial::constant(fold->divisor - 1) : fold->arg;
    p = linear->rest + Polynomial::constant(*factor / fold->divisor) * least;
  }
  return p;
}

bool Space::is_positive(Polynomial moved) const {
  for (const Symbol symbol : moved.symbols()) {
    const std::optional<Polynomial>& low = (*this)[symbol].low;
    const std::optional<std::int64_t> known = low ? low->as_constant() : std::nullopt;
    if (!known) return false;
    moved = moved.substituted(symbol, Polynomial::of(symbol) + Polynomial::constant(*known));
  }
  return moved.is_valid() && std::all_of(moved.terms().begin(), moved.terms().end(),
                                         [](const auto& term) { return term.second >= 0; });
}

}  // namespace engineroom::races
