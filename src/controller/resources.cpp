#include "controller/resources.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <simdjson.h>

namespace engineroom::controller {
namespace {

constexpr std::size_t kMostNames = 64;
constexpr std::size_t kLongestName = 100;
// A petabyte; in thousandths it fits an integer, and so do sums of some thousand.
constexpr double kMostAmount = 1e15;

}  // namespace

std::optional<Amounts> read_amounts(const JsonObject& object, std::string_view key) {
  const auto element = object.element(key);
  if (!element || element->is_null()) return Amounts();
  simdjson::dom::object members;
  if (element->get(members) != simdjson::SUCCESS || members.size() > kMostNames) {
    return std::nullopt;
  }
  Amounts amounts;
  for (const auto& [name, value] : members) {
    double number = 0;
    if (name.empty() || name.size() > kLongestName) return std::nullopt;
    if (value.get(number) != simdjson::SUCCESS) return std::nullopt;
    if (!(number >= 0 && number <= kMostAmount)) return std::nullopt;
    const auto thousandths = static_cast<std::int64_t>(std::llround(number * 1000));
    // A little is not nothing.
    amounts.push_back({std::string(name), number > 0 ? std::max<std::int64_t>(thousandths, 1) : 0});
  }
  return scheduler::sorted_amounts(std::move(amounts));
}

std::string to_json(const Amounts& amounts) {
  JsonWriter w;
  w.begin_object();
  for (const scheduler::Amount& amount : amounts) {
    w.key(amount.name);
    if (amount.thousandths % 1000 == 0) {
      w.value(amount.thousandths / 1000);
    } else {
      w.value(static_cast<double>(amount.thousandths) / 1000);
    }
  }
  w.end_object();
  return w.take();
}

Amounts usual_offer() { return {{"cpus", 1000}}; }

bool is_offered(const Registry& registry, const Amounts& demand) {
  return demand.empty() ||
         std::any_of(registry.all().begin(), registry.all().end(), [&demand](const auto& item) {
           return item.second.is_registered && scheduler::covers(item.second.offer, demand);
         });
}

std::string describe_missing(const Registry& registry, const Amounts& demand) {
  Amounts most;
  for (const scheduler::Amount& wanted : demand) {
    scheduler::Amount best{wanted.name, 0};
    for (const auto& [id, engine] : registry.all()) {
      if (!engine.is_registered) continue;
      for (const scheduler::Amount& offered : engine.offer) {
        if (offered.name != wanted.name) continue;
        best.thousandths = std::max(best.thousandths, offered.thousandths);
      }
    }
    most.push_back(std::move(best));
  }
  return to_string(demand) + " (the most that one offers: " + to_string(most) + ")";
}

}  // namespace engineroom::controller
