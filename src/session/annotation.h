// session/annotation.h — how much of each line still talks to Python, and why: what `%%cython -a`
// shows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "syntax/source.h"
#include "tree/module.h"

namespace engineroom::session {

struct LineNote {
  std::uint32_t line = 0;  // 1-based
  // About how much work it is: 1 a conversion or a check, 2 to 3 an operation on objects, 5 a call.
  int weight = 0;
  std::string text;  // what Python does here
  std::string hint;  // what would spare it; may be empty
};

// In order of the lines, those of a line in order of evaluation. Of the module's own text only.
std::vector<LineNote> annotate(const tree::Module& module, const syntax::Sources& sources);

}  // namespace engineroom::session
