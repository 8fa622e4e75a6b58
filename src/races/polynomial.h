// races/polynomial.h — sums of products of symbols, as subscripts are: `i*n + j - 1`.
//
// A symbol is a number that stands for a variable; what it stands for is in a Space (space.h). The
// size is bounded: what would become too large, or overflow, becomes invalid, and stays so.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace engineroom::races {

using Symbol = int;

class Polynomial {
 public:
  Polynomial() = default;  // 0
  static Polynomial constant(std::int64_t value);
  static Polynomial of(Symbol symbol);
  static Polynomial invalid();

  bool is_valid() const { return is_valid_; }
  bool is_zero() const { return is_valid_ && terms_.empty(); }
  // The value, if no symbol is in it.
  std::optional<std::int64_t> as_constant() const;
  std::int64_t constant_term() const;
  bool has(Symbol symbol) const;
  std::set<Symbol> symbols() const;

  // this = factor * symbol + rest, neither with the symbol in it; null if there is no such factor.
  struct Linear;
  std::optional<Linear> linear_in(Symbol symbol) const;
  Polynomial substituted(Symbol symbol, const Polynomial& value) const;
  // symbols[s], for those that are in the map.
  Polynomial renamed(const std::map<Symbol, Symbol>& symbols) const;

  Polynomial operator-() const;
  friend Polynomial operator+(const Polynomial& a, const Polynomial& b);
  friend Polynomial operator-(const Polynomial& a, const Polynomial& b);
  friend Polynomial operator*(const Polynomial& a, const Polynomial& b);
  friend bool operator==(const Polynomial&, const Polynomial&) = default;
  friend bool operator<(const Polynomial& a, const Polynomial& b) { return a.terms_ < b.terms_; }

  // Sorted symbols, one that is squared twice; to a factor that is not 0.
  using Terms = std::map<std::vector<Symbol>, std::int64_t>;
  const Terms& terms() const { return terms_; }

 private:
  void add(const std::vector<Symbol>& product, std::int64_t factor);

  Terms terms_;
  bool is_valid_ = true;
};

struct Polynomial::Linear {
  Polynomial factor;
  Polynomial rest;
};

}  // namespace engineroom::races
