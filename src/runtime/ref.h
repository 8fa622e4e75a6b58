// runtime/ref.h — references to Python objects in generated code.
//
// A Ref is a local variable or a temporary: null is an unbound variable, or a call that failed. It
// turns into a borrowed PyObject* by itself, never the other way: Ref(o) takes over a new
// reference, borrow(o) adds one.
#pragma once

#include "runtime/python.h"

ER_BEGIN_INLINE
namespace er {

class Ref {
 public:
  constexpr Ref() = default;
  // Takes over a new reference; null is fine.
  explicit Ref(PyObject* taken) : object_(taken) {}
  Ref(Ref&& other) noexcept : object_(other.release()) {}
  // The old object goes last: its finalizer may run code that looks at this variable.
  Ref& operator=(Ref&& other) noexcept {
    PyObject* old = object_;
    object_ = other.release();
    Py_XDECREF(old);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  operator PyObject*() const { return object_; }
  PyObject* get() const { return object_; }
  PyObject* release() {
    PyObject* object = object_;
    object_ = nullptr;
    return object;
  }
  // Takes over a new reference; if it is null, says false and stays as it was.
  bool set(PyObject* taken) {
    if (taken == nullptr) return false;
    PyObject* old = object_;
    object_ = taken;
    Py_XDECREF(old);
    return true;
  }
  // Adds a reference of its own.
  void borrow(PyObject* object) {
    Py_XINCREF(object);
    PyObject* old = object_;
    object_ = object;
    Py_XDECREF(old);
  }
  void reset() {
    PyObject* old = release();
    Py_XDECREF(old);
  }

 private:
  PyObject* object_ = nullptr;
};

inline PyObject* new_ref(PyObject* object) {
  Py_XINCREF(object);
  return object;
}
inline Ref borrow(PyObject* object) { return Ref(new_ref(object)); }

// A C variable of a module that holds an object. Without a destructor, as it may outlive the
// interpreter.
class Global {
 public:
  operator PyObject*() const { return object_; }
  PyObject* get() const { return object_; }
  Global& operator=(Ref&& other) noexcept {
    PyObject* old = object_;
    object_ = other.release();
    Py_XDECREF(old);
    return *this;
  }
  bool set(PyObject* taken) {
    if (taken == nullptr) return false;
    *this = Ref(taken);
    return true;
  }
  void borrow(PyObject* object) { *this = Ref(Py_XNewRef(object)); }
  void reset() { *this = Ref(); }

 private:
  PyObject* object_ = nullptr;
};

}  // namespace er
ER_END_INLINE
