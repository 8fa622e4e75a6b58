// runtime/python.h — CPython's API, and what every other header here needs.
//
// Nothing in CPython throws C++ exceptions. Told so, the compiler makes no landing pads for the
// references of generated code, which would otherwise be half of its work.
#pragma once

#if defined(__clang__)
#pragma clang attribute push(__attribute__((nothrow)), apply_to = hasType(functionType))
#endif

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(__clang__)
#pragma clang attribute pop
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if defined(__clang__)
// The definitions need not say nothrow again.
#pragma clang diagnostic ignored "-Wmissing-exception-spec"
#endif

// A function of the runtime's library (src/runtime/*.cpp).
#define ER_RUNTIME_API __attribute__((visibility("default"), nothrow))
// Slow paths, kept out of the loops they are called from.
#define ER_COLD __attribute__((cold))
