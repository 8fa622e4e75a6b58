// sema/unique_name.h — names for C++, of which the sources may have the same one several times:
// functions are redefined, comprehensions have variables named as the function's.
#pragma once

#include <map>
#include <string>

namespace engineroom::sema {

// How often each name was asked for.
using NamesTaken = std::map<std::string, int>;

// The name that is wanted, or one made of it with a number, which may not be a name of the
// sources that has the same number at its end.
inline std::string unique_name(NamesTaken& taken, const std::string& wanted) {
  int& n = taken[wanted];
  if (n++ == 0) return wanted;
  std::string name = wanted + "_" + std::to_string(n);
  while (taken.contains(name)) name = wanted + "_" + std::to_string(++n);
  taken[name] = 1;
  return name;
}

}  // namespace engineroom::sema
