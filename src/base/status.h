// base/status.h — Status and Result<T>, under the name by which the core includes them.
//
// They are part of the public C++ API, whose headers include nothing of src/, so they live there.
#pragma once

#include "engineroom/status.h"  // IWYU pragma: export
