// emit/text.h — pieces of C++ text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engineroom::emit {

// A string literal of these bytes.
std::string quoted(std::string_view bytes);
// "nullptr" or the literal.
std::string quoted_or_null(std::string_view bytes, bool is_there);
// A double, exactly.
std::string number(double value);
std::string joined(const std::vector<std::string>& parts, std::string_view separator = ", ");

}  // namespace engineroom::emit
