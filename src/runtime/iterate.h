// runtime/iterate.h — for loops over objects; lists, tuples and strings without an iterator.
#pragma once

#include "runtime/arithmetic.h"
#include "runtime/operators.h"
#include "runtime/python.h"
#include "runtime/ref.h"
#include "runtime/taken.h"

namespace er {

class Iterator {
 public:
  // False after an error.
  ER_RUNTIME_API bool start(PyObject* iterable);

  // 1 and sets `item`, 0 at the end, -1 after an error.
  int next(Ref& item) {
    if (kind_ != Kind::kList) return next_of_others(item);
    // The list may grow and shrink meanwhile.
    if (index_ >= PyList_GET_SIZE(source_.get())) return 0;
    item.set(Py_NewRef(PyList_GET_ITEM(source_.get(), index_++)));
    return 1;
  }

 private:
  enum class Kind : unsigned char { kList, kTuple, kStr, kIterator };

  ER_RUNTIME_API int next_of_others(Ref& item);

  Ref source_;  // what is iterated over, or an iterator of it
  Py_ssize_t index_ = 0;
  Kind kind_ = Kind::kIterator;
};

// The same for range(…), most of whose time would go into Python's iterator.
class RangeIterator {
 public:
  // Over f(args), where f is what `range` stands for. False after an error.
  template <std::size_t N>
  bool start(PyObject* f, PyObject* const (&args)[N]) {
    return start(f, args, N);
  }
  template <std::size_t N>
  bool start(Taken f, PyObject* const (&args)[N]) {
    const Ref held(f.object);
    return held && start(held.get(), args, N);
  }

  // 1 and sets `item`, 0 at the end, -1 after an error.
  int next(Ref& item) {
    if (source_.get() != nullptr) [[unlikely]]
      return next_of_others(item);
    if (left_ == 0) return 0;
    --left_;
    const long value = value_;
    value_ = step_by(value_, step_);
    return put_int(item, value) ? 1 : -1;
  }

 private:
  ER_RUNTIME_API bool start(PyObject* f, PyObject* const* args, std::size_t n);
  ER_RUNTIME_API int next_of_others(Ref& item);

  Ref source_;  // an iterator; null: it is a range of longs
  long value_ = 0;
  long step_ = 1;
  unsigned long left_ = 0;
};

}  // namespace er
