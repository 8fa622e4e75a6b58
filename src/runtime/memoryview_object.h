// runtime/memoryview_object.h — what the files of cython.view.memoryview share.
#pragma once

#include <algorithm>

#include "runtime/loan.h"

namespace er::view_object {

inline MemoryViewObject* as_view(PyObject* o) { return reinterpret_cast<MemoryViewObject*>(o); }

inline bool fail(PyObject* type, const char* message) {
  PyErr_SetString(type, message);
  return false;
}

// The garbage collector may have taken the memory while somebody's finalizer still has the view.
inline bool has_memory(MemoryViewObject* view) {
  return view->loan != nullptr || fail(PyExc_ValueError, "operation on a released memoryview");
}

// The layout alone, which is all that geometry needs.
inline AnyView layout(MemoryViewObject* view) { return view->view(nullptr); }

// Has any axis pointers? Set once the layout is.
inline void finish_layout(MemoryViewObject* view) {
  view->is_indirect = std::any_of(view->suboffsets, view->suboffsets + view->n_dimensions,
                                  [](Py_ssize_t suboffset) { return suboffset >= 0; });
}

// Items and slices: memoryview_items.cpp.
PyObject* get_item(PyObject* o, PyObject* key);
PyObject* get_nth(PyObject* o, Py_ssize_t n);
int set_item(PyObject* o, PyObject* key, PyObject* value);

}  // namespace er::view_object
