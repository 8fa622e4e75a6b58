// client/pickle.h — the four pickles that a client without Python needs.
//
// A call made from C++ is an ordinary apply_request: a pickled function, a pickled description of
// the call, pickled arguments. The function is always a helper of ours named by module and
// attribute, the arguments are text (JSON), and so is the result; nothing else is ever read, so
// nothing can be constructed by what an engine sends.
//
// Formats: Python's pickletools. Protocol 4 is written, 2 to 5 are read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace engineroom::client {

// A reference to module.name, which the receiver imports.
Bytes pickle_global(std::string_view module, std::string_view name);

Bytes pickle_text(std::string_view text);

// {"nargs": n, "narg_bufs": n, "kw_keys": []}: positional arguments of one buffer each.
Bytes pickle_call_shape(std::size_t n_arguments);

// The text of a pickled str; kMalformed if it is anything else.
Result<std::string> unpickle_text(std::string_view pickle);

}  // namespace engineroom::client
