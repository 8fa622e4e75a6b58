// races/space.h — what the symbols of subscripts stand for, and what is known of their values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "races/polynomial.h"

namespace engineroom::races {

enum class SymbolKind : std::uint8_t {
  kSame,    // in all iterations of the parallel loop: `n`
  kTurn,    // of a loop: how far its variable is from the start
  kThread,  // threadid()
  kOther,   // differs from iteration to iteration, in an unknown way
};

// A value that folds others together: arg % divisor, arg // divisor.
struct Fold {
  Polynomial arg;
  std::int64_t divisor;
  bool is_remainder;
};

struct SymbolInfo {
  SymbolKind kind = SymbolKind::kOther;
  // Bounds, both included, of earlier symbols.
  std::optional<Polynomial> low;
  std::optional<Polynomial> high;
  std::int64_t step = 1;  // kTurn: it is a multiple of this
  std::optional<Fold> fold;
  // It is in the segment of this number, and segments do not overlap: start[s] <= it < start[s +
  // 1].
  std::optional<Polynomial> segment;
};

class Space {
 public:
  Symbol add(SymbolInfo info);
  std::size_t size() const { return symbols_.size(); }
  // Forgets the symbols that came last.
  void shrink(std::size_t size) {
    symbols_.erase(symbols_.begin() + static_cast<std::ptrdiff_t>(size), symbols_.end());
  }
  const SymbolInfo& operator[](Symbol symbol) const {
    return symbols_[static_cast<std::size_t>(symbol)];
  }
  // A loop that is entered has at least one turn: `n` >= 1.
  void assume_at_least(Symbol symbol, std::int64_t low);

  bool is_same(const Polynomial& p) const;
  // x // d * d + x % d is x, unless that may be below 0.
  Polynomial joined(Polynomial p) const;
  // The same of another iteration: each symbol that may have another value there is a new one.
  // `names` collects which became which.
  Polynomial elsewhere(const Polynomial& p, std::map<Symbol, Symbol>& names);

  // A bound that holds no symbol that differs between iterations; null if none is known.
  std::optional<Polynomial> upper(const Polynomial& p) const;
  std::optional<Polynomial> lower(const Polynomial& p) const;
  // Surely? Of what upper() and lower() make.
  bool is_at_least(const Polynomial& p, std::int64_t value) const;

 private:
  // At most p: in place of 2 * (n // 2) is what it is of.
  Polynomial without_quotients(Polynomial p) const;
  // 0 is meant as well.
  bool is_positive(Polynomial moved) const;

  std::vector<SymbolInfo> symbols_;
};

}  // namespace engineroom::races
