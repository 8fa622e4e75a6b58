// runtime/engineroom_runtime.h — what all generated code includes: CPython's API and a few helpers.
//
// It is precompiled once per Python, processor and set of flags, so that a cell costs only its own
// text. A name here costs nothing where it is not used, but each standard header that is included
// adds to every cell: <vector> and <complex> cost two milliseconds, so they are not here.
//
// Every program has its own copy of inline functions and variables: two programs share no state by
// way of this header.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace engineroom::runtime {

// One reference to a Python object, dropped at the end of its scope; null after an error.
// The GIL is held wherever one is made, moved or ends.
class Ref {
 public:
  Ref() = default;
  // Takes over a new reference.
  static Ref take(PyObject* object) { return Ref(object); }
  // Adds a reference to a borrowed one.
  static Ref borrow(PyObject* object) {
    Py_XINCREF(object);
    return Ref(object);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    // The old object goes last: its finalizer may run code that looks at this variable.
    PyObject* old = std::exchange(object_, std::exchange(other.object_, nullptr));
    Py_XDECREF(old);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  explicit Ref(PyObject* object) : object_(object) {}

  PyObject* object_ = nullptr;
};

}  // namespace engineroom::runtime
