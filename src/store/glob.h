// store/glob.h — shell patterns, as Python's fnmatch reads them: * ? [seq] [!seq].
//
// Case-sensitive; '?' and the members of a sequence are characters, not bytes.
#pragma once

#include <string_view>

namespace engineroom::store {

// Both are UTF-8; bytes that are not count as a character each. O(text · pattern) at worst.
bool matches_glob(std::string_view text, std::string_view pattern);

}  // namespace engineroom::store
