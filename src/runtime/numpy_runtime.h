// runtime/numpy_runtime.h — the runtime and NumPy's headers.
//
// NumPy's alone take six times as long to read as a whole cell does to compile: for code that needs
// them both are precompiled.
#pragma once

#include "runtime/engineroom_runtime.h"

#include <numpy/arrayobject.h>
