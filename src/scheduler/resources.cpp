#include "scheduler/resources.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace engineroom::scheduler {
namespace {

// Adds `sign` times what is demanded of each thing that there is.
void change(Amounts& free, const Amounts& demand, int sign) {
  auto at = free.begin();
  for (const Amount& wanted : demand) {
    while (at != free.end() && at->name < wanted.name) ++at;
    if (at == free.end()) return;
    if (at->name == wanted.name) at->thousandths += sign * wanted.thousandths;
  }
}

std::string number_text(double value, int digits) {
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string size_text(double bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return number_text(bytes, 4) + " " + kUnits[unit];
}

}  // namespace

Amounts sorted_amounts(Amounts amounts) {
  std::stable_sort(amounts.begin(), amounts.end(),
                   [](const Amount& a, const Amount& b) { return a.name < b.name; });
  Amounts result;
  for (Amount& amount : amounts) {
    if (!result.empty() && result.back().name == amount.name) result.pop_back();
    result.push_back(std::move(amount));
  }
  std::erase_if(result, [](const Amount& amount) { return amount.thousandths <= 0; });
  return result;
}

bool covers(const Amounts& offer, const Amounts& demand) {
  auto at = offer.begin();
  for (const Amount& wanted : demand) {
    while (at != offer.end() && at->name < wanted.name) ++at;
    if (at == offer.end() || at->name != wanted.name) return false;
    if (at->thousandths < wanted.thousandths) return false;
  }
  return true;
}

void take(Amounts& free, const Amounts& demand) { change(free, demand, -1); }

void give_back(Amounts& free, const Amounts& demand) { change(free, demand, 1); }

std::string to_string(const Amounts& amounts) {
  std::string text;
  for (const Amount& amount : amounts) {
    const double value = static_cast<double>(amount.thousandths) / 1000;
    if (!text.empty()) text += ", ";
    text += amount.name + "=";
    text += amount.name == "memory" ? size_text(value) : number_text(value, 12);
  }
  return text;
}

}  // namespace engineroom::scheduler
