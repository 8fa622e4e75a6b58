// runtime/iterate.h — for loops over objects; lists, tuples and strings without an iterator.
#pragma once

#include "runtime/arithmetic.h"
#include "runtime/operators.h"
#include "runtime/python.h"
#include "runtime/ref.h"

namespace er {

// PyIter_Next's end of a loop: 0 at the end, -1 after an error.
ER_RUNTIME_API int iteration_end();
// The character of a str at this place, which is counted up; null at the end or after an error.
ER_RUNTIME_API PyObject* next_character(PyObject* text, Py_ssize_t& index);

class Iterator {
 public:
  // False after an error.
  bool start(PyObject* iterable) {
    if (PyList_CheckExact(iterable) || PyTuple_CheckExact(iterable) ||
        PyUnicode_CheckExact(iterable)) {
      source_ = borrow(iterable);
      return true;
    }
    if (!source_.set(PyObject_GetIter(iterable))) return false;
    next_ = Py_TYPE(source_.get())->tp_iternext;
    return true;
  }

  // 1 and sets `item`, 0 at the end, -1 after an error.
  template <typename Variable>
  int next(Variable& item) {
    PyObject* object;
    if (next_ != nullptr) {
      object = next_(source_.get());
      if (object == nullptr) [[unlikely]]
        return iteration_end();
    } else if (PyList_CheckExact(source_.get())) {
      // The list may grow and shrink meanwhile.
      if (index_ >= PyList_GET_SIZE(source_.get())) return 0;
      object = Py_NewRef(PyList_GET_ITEM(source_.get(), index_++));
    } else if (PyTuple_CheckExact(source_.get())) {
      if (index_ >= PyTuple_GET_SIZE(source_.get())) return 0;
      object = Py_NewRef(PyTuple_GET_ITEM(source_.get(), index_++));
    } else {
      object = next_character(source_.get(), index_);
      if (object == nullptr) [[unlikely]]
        return iteration_end();
    }
    item.set(object);
    return 1;
  }

 private:
  Ref source_;  // the list, the tuple, the str or an iterator
  iternextfunc next_ = nullptr;
  Py_ssize_t index_ = 0;
};

// The same for range(…), most of whose time would go into Python's iterator.
class RangeIterator {
 public:
  // Over f(args), where f is what `range` stands for. False after an error.
  template <std::size_t N>
  bool start(PyObject* f, PyObject* const (&args)[N]) {
    return start(f, args, N);
  }

  // 1 and sets `item`, 0 at the end, -1 after an error.
  template <typename Variable>
  int next(Variable& item) {
    if (next_ == nullptr) [[likely]] {
      if (left_ == 0) return 0;
      --left_;
      const long value = value_;
      value_ = step_by(value_, step_);
      return put_int(item, value) ? 1 : -1;
    }
    PyObject* object = next_(source_.get());
    if (object == nullptr) return iteration_end();
    item.set(object);
    return 1;
  }

 private:
  ER_RUNTIME_API bool start(PyObject* f, PyObject* const* args, std::size_t n);

  Ref source_;  // an iterator; else it is a range of longs
  iternextfunc next_ = nullptr;
  long value_ = 0;
  long step_ = 1;
  unsigned long left_ = 0;
};

}  // namespace er
