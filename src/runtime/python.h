// runtime/python.h — CPython's API, and what every other header here needs.
//
// Nothing in CPython throws C++ exceptions. Told so, the compiler makes no landing pads for the
// references of generated code, which would otherwise be half of its work.
#pragma once

// Functions between these two become part of their callers before anything is optimized: what is
// a line or two would otherwise pass through the whole optimizer on its own, in every cell.
#if defined(__clang__)
#define ER_BEGIN_INLINE \
  _Pragma("clang attribute push(__attribute__((always_inline)), apply_to = function)")
#define ER_END_INLINE _Pragma("clang attribute pop")
#else
#define ER_BEGIN_INLINE
#define ER_END_INLINE
#endif

#if defined(__clang__)
#pragma clang attribute push(__attribute__((nothrow)), apply_to = hasType(functionType))
#endif
ER_BEGIN_INLINE

#define PY_SSIZE_T_CLEAN
#include <Python.h>

ER_END_INLINE
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

// What C code that is written for Cython's modules asks.
#define CYTHON_COMPILING_IN_CPYTHON 1
#define CYTHON_COMPILING_IN_LIMITED_API 0
#define CYTHON_COMPILING_IN_PYPY 0
#define CYTHON_COMPILING_IN_GRAAL 0

// A function of the runtime's library (src/runtime/*.cpp).
#define ER_RUNTIME_API __attribute__((visibility("default"), nothrow))
// Before a loop: four turns for each jump back.
#if defined(__clang__)
#define ER_UNROLL _Pragma("clang loop unroll_count(4)")
#else
#define ER_UNROLL _Pragma("GCC unroll 4")
#endif
// Slow paths, kept out of the loops they are called from.
#define ER_COLD __attribute__((cold))
