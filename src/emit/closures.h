// emit/closures.h — the structs of variables that functions share.
#pragma once

#include <string>

#include "emit/writer.h"
#include "tree/module.h"

namespace engineroom::emit {

void define_scopes(const tree::Module& module, Writer& out);

// Of a variable that is seen from more than one function.
std::string global_declaration(const tree::Type& type, const std::string& name);

}  // namespace engineroom::emit
