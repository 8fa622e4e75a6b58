// runtime/engineroom_runtime.h — what generated code includes: everything in namespace er.
//
// It is precompiled once per Python, processor and set of flags, so that a cell costs only its own
// text. A name here costs nothing where it is not used, but each standard header that is included
// adds to every cell: <vector> and <complex> cost two milliseconds, so they are not here. What is
// more than a few lines is in the library (src/runtime/*.cpp).
//
// Conventions: a PyObject* that goes in is borrowed, one that comes out is a new reference, null
// after an error; an int that comes out is -1 after an error; a bool is false. The GIL is held,
// except in arithmetic.h, which takes it to raise.
//
// Every program has its own copy of inline functions and variables: two programs share no state by
// way of this header.
#pragma once

#include "runtime/python.h"

// What follows throws no more than Python does (python.h). Compilers cannot know it of functions
// that are not inlined yet, and each landing pad that they make has to be removed again.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((nothrow)), apply_to = hasType(functionType))
#endif

#include "runtime/arithmetic.h"
#include "runtime/buffer.h"
#include "runtime/builtins.h"
#include "runtime/closure.h"
#include "runtime/common_forms.h"
#include "runtime/complex.h"
#include "runtime/convert.h"
#include "runtime/enum.h"
#include "runtime/exception.h"
#include "runtime/function.h"
#include "runtime/gil.h"
#include "runtime/import.h"
#include "runtime/iterate.h"
#include "runtime/lanes.h"
#include "runtime/memoryview.h"
#include "runtime/object.h"
#include "runtime/operators.h"
#include "runtime/ref.h"
#include "runtime/sequence.h"
#include "runtime/taken.h"
#include "runtime/views.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
