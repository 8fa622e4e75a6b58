#include "controller/long_query.h"

#include <fmt/core.h>

namespace engineroom::controller {

Answer LongQuery::too_large(const std::string& what, const std::string& remedy) const {
  return failure({"ValueError",
                  fmt::format("{} are more than {} MiB: {}", what, kMaxReplyBytes >> 20, remedy)});
}

}  // namespace engineroom::controller
