// emit/extension.h — what makes a text an extension module that Python imports from disk.
#pragma once

#include <string>

#include "emit/writer.h"

namespace engineroom::emit {

// What stands before everything else in such a text.
void begin_extension(bool uses_openmp, Writer& out);

// The function that Python calls to import it (PEP 489), named `init_symbol`. `module`: its full
// name; `entry`: what runs its statements.
void define_extension(const std::string& module, const std::string& init_symbol,
                      const std::string& entry, Writer& out);

}  // namespace engineroom::emit
