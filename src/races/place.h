// races/place.h — where in memory something is: a variable, and what leads from there to the item.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "races/polynomial.h"
#include "tree/module.h"

namespace engineroom::races {

struct Step {
  enum class Kind : std::uint8_t {
    kIndex,  // [index]
    kAxis,   // of a view: index + stride * what it is indexed with
    kField,
  };
  Kind kind = Kind::kIndex;
  Polynomial index;
  std::int64_t stride = 1;  // kAxis; 0: not known
  std::string field;
  bool may_wrap = false;  // the index is sometimes below 0, and counts from the end then

  friend bool operator==(const Step&, const Step&) = default;
};

struct Place {
  enum class Owner : std::uint8_t {
    kShared,    // memory of `root`, which all iterations have
    kPrivate,   // made by the iteration or the thread, such as by malloc()
    kFunction,  // where a function of C says
    kUnknown,   // wherever some pointer leads
  };
  Owner owner = Owner::kUnknown;
  const tree::Variable* root = nullptr;
  std::vector<Step> steps;
  // Of a view: the positions of its axes in `steps`, in their order; -1 is a new axis.
  std::vector<int> axes;
  // A pointer to an item of several dimensions was moved: it stays in its row, one hopes.
  bool is_flat = false;

  friend bool operator==(const Place&, const Place&) = default;
};

}  // namespace engineroom::races
