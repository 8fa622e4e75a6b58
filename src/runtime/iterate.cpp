#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

// PyIter_Next's end of a loop: 0 at the end, -1 after an error.
int end_of_iteration() {
  if (!PyErr_Occurred()) return 0;
  if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return -1;
  PyErr_Clear();
  return 0;
}

// A new reference; null after an error.
PyObject* character_object(Py_UCS4 character) {
  // Those of one byte are shared by everybody, once they were made.
  static PyObject* shared[256];
  if (character >= 256) return PyUnicode_FromOrdinal(static_cast<int>(character));
  PyObject*& known = shared[character];
  if (known == nullptr) [[unlikely]]
    known = PyUnicode_FromOrdinal(static_cast<int>(character));
  return Py_XNewRef(known);
}

bool is_ready(PyObject* text) {
#if PY_VERSION_HEX < 0x030C0000
  return PyUnicode_READY(text) >= 0;
#else
  (void)text;
  return true;
#endif
}

}  // namespace

bool Iterator::start(PyObject* iterable) {
  kind_ = PyList_CheckExact(iterable)      ? Kind::kList
          : PyTuple_CheckExact(iterable)   ? Kind::kTuple
          : PyUnicode_CheckExact(iterable) ? Kind::kStr
                                           : Kind::kIterator;
  if (kind_ == Kind::kStr && !is_ready(iterable)) return false;
  source_ = kind_ == Kind::kIterator ? Ref(PyObject_GetIter(iterable)) : borrow(iterable);
  return source_.get() != nullptr;
}

int Iterator::next_of_others(Ref& item) {
  PyObject* source = source_.get();
  switch (kind_) {
    case Kind::kStr:
      if (index_ >= PyUnicode_GET_LENGTH(source)) return 0;
      return item.set(character_object(PyUnicode_READ_CHAR(source, index_++))) ? 1 : -1;
    case Kind::kTuple:
      if (index_ >= PyTuple_GET_SIZE(source)) return 0;
      item.set(Py_NewRef(PyTuple_GET_ITEM(source, index_++)));
      return 1;
    default:
      return item.set(Py_TYPE(source)->tp_iternext(source)) ? 1 : end_of_iteration();
  }
}

// ---- range ----

namespace {

// Only ints: others have an __index__ that range() is to call.
bool are_longs(PyObject* const* args, std::size_t n, long* values) {
  for (std::size_t i = 0; i < n; ++i) {
    int overflow = 0;
    if (!PyLong_CheckExact(args[i])) return false;
    values[i] = PyLong_AsLongAndOverflow(args[i], &overflow);
    if (overflow != 0) return false;
  }
  return true;
}

}  // namespace

bool RangeIterator::start(PyObject* f, PyObject* const* args, std::size_t n) {
  long values[3] = {0, 0, 1};
  if (f == reinterpret_cast<PyObject*>(&PyRange_Type) && n >= 1 && n <= 3 &&
      are_longs(args, n, n == 1 ? values + 1 : values) && values[2] != 0) {
    value_ = values[0];
    step_ = values[2];
    left_ = n_turns<long>(values[0], values[1], values[2]);
    return true;
  }
  const Ref iterable(PyObject_Vectorcall(f, args, n, nullptr));
  return iterable && source_.set(PyObject_GetIter(iterable));
}

int RangeIterator::next_of_others(Ref& item) {
  return item.set(Py_TYPE(source_.get())->tp_iternext(source_.get())) ? 1 : end_of_iteration();
}

}  // namespace er
