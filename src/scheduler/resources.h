// scheduler/resources.h — what engines offer and tasks demand: amounts of named things.
//
// `cpus`, `gpus` and `memory` (bytes) are what clients and engines know of; any other name is a
// user's own (a licence, a device). The scheduler only compares. Amounts are counted in thousandths
// and as integers, so half a GPU is possible, and what is given back is exactly what was taken.
//
// Lists are short (mostly one to three entries), and sorted by name, so that comparing two is one
// pass.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace engineroom::scheduler {

struct Amount {
  std::string name;
  std::int64_t thousandths = 0;
  friend bool operator==(const Amount&, const Amount&) = default;
};

// Sorted by name, which are distinct; none is zero or less.
using Amounts = std::vector<Amount>;

// Makes a valid list of any: of several with the same name the last one counts.
Amounts sorted_amounts(Amounts amounts);

// True if there is as much of everything demanded.
bool covers(const Amounts& offer, const Amounts& demand);
// What is not offered at all is left out.
void take(Amounts& free, const Amounts& demand);
void give_back(Amounts& free, const Amounts& demand);

// "cpus=2, gpus=0.5, memory=4 GiB", for people.
std::string to_string(const Amounts& amounts);

}  // namespace engineroom::scheduler
