// runtime/enum.h — cpdef enums: classes like enum.IntEnum, and C values as their members.
//
// C's enums serve as flags as well, so that a value without a name is one too, unless the enum is
// an `enum class`.
#pragma once

#include "runtime/python.h"

namespace er {

// `items` is a list of pairs of a name and an integer; `doc` may be None.
ER_RUNTIME_API PyObject* make_enum(PyObject* globals, PyObject* name, PyObject* items,
                                   PyObject* doc, int is_scoped);
// The class of that name, of the module whose globals these are, or of another. ImportError if
// there is none.
ER_RUNTIME_API PyObject* enum_class(PyObject* globals, const char* module, const char* name);
// The member that has the value. An enum of a .pxd without a module has only integers.
ER_RUNTIME_API PyObject* to_enum(PyObject* globals, const char* module, const char* name,
                                 long long value);

}  // namespace er
