#include "races/polynomial.h"

#include <algorithm>
#include <iterator>

namespace engineroom::races {
namespace {

constexpr std::size_t kMaxTerms = 64;
constexpr std::size_t kMaxDegree = 6;

}  // namespace

Polynomial Polynomial::constant(std::int64_t value) {
  Polynomial result;
  result.add({}, value);
  return result;
}

Polynomial Polynomial::of(Symbol symbol) {
  Polynomial result;
  result.add({symbol}, 1);
  return result;
}

Polynomial Polynomial::invalid() {
  Polynomial result;
  result.is_valid_ = false;
  return result;
}

void Polynomial::add(const std::vector<Symbol>& product, std::int64_t factor) {
  if (!is_valid_ || factor == 0) return;
  std::int64_t& sum = terms_[product];
  if (__builtin_add_overflow(sum, factor, &sum) || terms_.size() > kMaxTerms ||
      product.size() > kMaxDegree) {
    *this = invalid();
    return;
  }
  if (sum == 0) terms_.erase(product);
}

std::optional<std::int64_t> Polynomial::as_constant() const {
  if (!is_valid_ || terms_.size() > 1) return std::nullopt;
  if (terms_.empty()) return 0;
  if (!terms_.begin()->first.empty()) return std::nullopt;
  return terms_.begin()->second;
}

std::int64_t Polynomial::constant_term() const {
  const auto found = terms_.find({});
  return found != terms_.end() ? found->second : 0;
}

bool Polynomial::has(Symbol symbol) const {
  return std::any_of(terms_.begin(), terms_.end(), [symbol](const auto& term) {
    return std::binary_search(term.first.begin(), term.first.end(), symbol);
  });
}

std::set<Symbol> Polynomial::symbols() const {
  std::set<Symbol> all;
  for (const auto& [product, factor] : terms_) all.insert(product.begin(), product.end());
  return all;
}

std::optional<Polynomial::Linear> Polynomial::linear_in(Symbol symbol) const {
  if (!is_valid_) return std::nullopt;
  Linear result;
  for (const auto& [product, factor] : terms_) {
    const auto n = std::count(product.begin(), product.end(), symbol);
    if (n > 1) return std::nullopt;
    if (n == 0) {
      result.rest.add(product, factor);
      continue;
    }
    std::vector<Symbol> others = product;
    others.erase(std::find(others.begin(), others.end(), symbol));
    result.factor.add(others, factor);
  }
  return result;
}

Polynomial Polynomial::substituted(Symbol symbol, const Polynomial& value) const {
  Polynomial result;
  if (!is_valid_ || !value.is_valid_) return invalid();
  for (const auto& [product, factor] : terms_) {
    Polynomial term = constant(factor);
    for (const Symbol one : product) term = term * (one == symbol ? value : of(one));
    result = result + term;
  }
  return result;
}

Polynomial Polynomial::renamed(const std::map<Symbol, Symbol>& symbols) const {
  Polynomial result;
  result.is_valid_ = is_valid_;
  for (const auto& [product, factor] : terms_) {
    std::vector<Symbol> others = product;
    for (Symbol& symbol : others)
      if (const auto found = symbols.find(symbol); found != symbols.end()) symbol = found->second;
    std::sort(others.begin(), others.end());
    result.add(others, factor);
  }
  return result;
}

Polynomial Polynomial::operator-() const { return constant(-1) * *this; }

Polynomial operator+(const Polynomial& a, const Polynomial& b) {
  if (!a.is_valid_ || !b.is_valid_) return Polynomial::invalid();
  Polynomial result = a;
  for (const auto& [product, factor] : b.terms_) result.add(product, factor);
  return result;
}

Polynomial operator-(const Polynomial& a, const Polynomial& b) { return a + -b; }

Polynomial operator*(const Polynomial& a, const Polynomial& b) {
  if (!a.is_valid_ || !b.is_valid_) return Polynomial::invalid();
  Polynomial result;
  for (const auto& [left, factor] : a.terms_) {
    for (const auto& [right, other] : b.terms_) {
      std::vector<Symbol> product;
      std::merge(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(product));
      std::int64_t value;
      if (__builtin_mul_overflow(factor, other, &value)) return Polynomial::invalid();
      result.add(product, value);
    }
  }
  return result;
}

}  // namespace engineroom::races
