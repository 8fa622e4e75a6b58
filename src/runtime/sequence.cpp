#include "runtime/engineroom_runtime.h"

namespace er {

// ---- literals ----

PyObject* tuple_of(PyObject* const* items, Py_ssize_t n) {
  PyObject* tuple = PyTuple_New(n);
  if (tuple == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple, i, Py_NewRef(items[i]));
  return tuple;
}

PyObject* list_of(PyObject* const* items, Py_ssize_t n) {
  PyObject* list = PyList_New(n);
  if (list == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(list, i, Py_NewRef(items[i]));
  return list;
}

PyObject* set_of(PyObject* const* items, Py_ssize_t n) {
  Ref set(PySet_New(nullptr));
  for (Py_ssize_t i = 0; set && i < n; ++i) {
    if (PySet_Add(set, items[i]) < 0) return nullptr;
  }
  return set.release();
}

PyObject* dict_of(PyObject* const* items, Py_ssize_t n) {
  Ref dict(PyDict_New());
  for (Py_ssize_t i = 0; dict && i < n; i += 2) {
    if (PyDict_SetItem(dict, items[i], items[i + 1]) < 0) return nullptr;
  }
  return dict.release();
}

PyObject* named_dict_of(const NamedObject* items, Py_ssize_t n) {
  Ref dict(PyDict_New());
  for (Py_ssize_t i = 0; dict && i < n; ++i) {
    const Ref name(PyUnicode_InternFromString(items[i].name));
    if (!name || PyDict_SetItem(dict, name, items[i].object) < 0) return nullptr;
  }
  return dict.release();
}

PyObject* join_of(PyObject* const* strings, Py_ssize_t n) {
  Py_ssize_t length = 0;
  Py_UCS4 widest = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    length += PyUnicode_GET_LENGTH(strings[i]);
    const Py_UCS4 here = PyUnicode_MAX_CHAR_VALUE(strings[i]);
    if (here > widest) widest = here;
  }
  PyObject* joined = PyUnicode_New(length, widest);
  if (joined == nullptr) return nullptr;
  Py_ssize_t at = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Py_ssize_t size = PyUnicode_GET_LENGTH(strings[i]);
    const auto kind = PyUnicode_KIND(joined);
    if (PyUnicode_KIND(strings[i]) == kind) {
      std::memcpy(static_cast<char*>(PyUnicode_DATA(joined)) + at * kind,
                  PyUnicode_DATA(strings[i]), static_cast<std::size_t>(size * kind));
    } else if (size > 0 && PyUnicode_CopyCharacters(joined, at, strings[i], 0, size) < 0) {
      Py_DECREF(joined);
      return nullptr;
    }
    at += size;
  }
  return joined;
}

namespace {

// What [*x] says of an x that cannot be iterated over, with its own errors left alone.
void explain_not_iterable(PyObject* o) {
  if (PyErr_ExceptionMatches(PyExc_TypeError) && Py_TYPE(o)->tp_iter == nullptr &&
      !PySequence_Check(o)) {
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "Value after * must be an iterable, not %.200s",
                 Py_TYPE(o)->tp_name);
  }
}

}  // namespace

int list_extend(PyObject* list, PyObject* items) {
  const Py_ssize_t n = PyList_GET_SIZE(list);
  const Ref sequence(PySequence_List(items));
  if (!sequence) {
    explain_not_iterable(items);
    return -1;
  }
  return PyList_SetSlice(list, n, n, sequence);
}

int set_update(PyObject* set, PyObject* items) {
  const Ref iterator(PyObject_GetIter(items));
  if (!iterator) {
    explain_not_iterable(items);
    return -1;
  }
  while (PyObject* item = PyIter_Next(iterator)) {
    const int added = PySet_Add(set, item);
    Py_DECREF(item);
    if (added < 0) return -1;
  }
  return PyErr_Occurred() ? -1 : 0;
}

int dict_update(PyObject* dict, PyObject* mapping) {
  if (PyDict_Update(dict, mapping) == 0) return 0;
  if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "'%.200s' object is not a mapping", Py_TYPE(mapping)->tp_name);
  }
  return -1;
}

// ---- items ----

namespace {

// Always null. A tuple is one argument.
PyObject* raise_key_error(PyObject* key) {
  const Ref argument(PyTuple_Pack(1, key));
  if (argument) PyErr_SetObject(PyExc_KeyError, argument);
  return nullptr;
}

}  // namespace

PyObject* get_item(PyObject* o, PyObject* key) {
  long index;
  if (PyDict_CheckExact(o)) {
    PyObject* found = PyDict_GetItemWithError(o, key);
    if (found != nullptr) return Py_NewRef(found);
    return PyErr_Occurred() ? nullptr : raise_key_error(key);
  }
  if (small_int(key, &index)) {
    if (PyList_CheckExact(o) || PyTuple_CheckExact(o) || PyUnicode_CheckExact(o))
      return get_item_index(o, index);
  }
  return PyObject_GetItem(o, key);
}

PyObject* get_item_index_slow(PyObject* o, Py_ssize_t index) {
  if (PyUnicode_CheckExact(o)) {
    const Py_ssize_t n = PyUnicode_GET_LENGTH(o);
    const Py_ssize_t i = index < 0 ? index + n : index;
    if (static_cast<std::size_t>(i) < static_cast<std::size_t>(n))
      return PyUnicode_FromOrdinal(static_cast<int>(PyUnicode_READ_CHAR(o, i)));
  }
  const Ref key(PyLong_FromSsize_t(index));
  return key ? PyObject_GetItem(o, key) : nullptr;
}

int set_item_index_slow(PyObject* o, Py_ssize_t index, PyObject* value) {
  const Ref key(PyLong_FromSsize_t(index));
  return key ? PyObject_SetItem(o, key, value) : -1;
}

// ---- unpacking ----

namespace {

PyObject* too_many(PyObject* o, Py_ssize_t n) {
#if PY_VERSION_HEX >= 0x030E0000
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o) || PyDict_CheckExact(o)) {
    return PyErr_Format(PyExc_ValueError, "too many values to unpack (expected %zd, got %zd)", n,
                        PyObject_Size(o));
  }
#else
  (void)o;
#endif
  return PyErr_Format(PyExc_ValueError, "too many values to unpack (expected %zd)", n);
}

PyObject* iterator_to_unpack(PyObject* o) {
  PyObject* iterator = PyObject_GetIter(o);
  if (iterator == nullptr && PyErr_ExceptionMatches(PyExc_TypeError) &&
      Py_TYPE(o)->tp_iter == nullptr && !PySequence_Check(o)) {
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "cannot unpack non-iterable %.200s object", Py_TYPE(o)->tp_name);
  }
  return iterator;
}

}  // namespace

PyObject* unpack(PyObject* o, Py_ssize_t n) {
  if (PyTuple_CheckExact(o) && PyTuple_GET_SIZE(o) == n) return Py_NewRef(o);
  const Ref iterator(iterator_to_unpack(o));
  Ref tuple(iterator ? PyTuple_New(n) : nullptr);
  if (!tuple) return nullptr;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PyIter_Next(iterator);
    if (item == nullptr) {
      if (!PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "not enough values to unpack (expected %zd, got %zd)", n, i);
      }
      return nullptr;
    }
    PyTuple_SET_ITEM(tuple.get(), i, item);
  }
  const Ref extra(PyIter_Next(iterator));
  if (extra) return too_many(o, n);
  return PyErr_Occurred() ? nullptr : tuple.release();
}

PyObject* unpack_starred(PyObject* o, Py_ssize_t before, Py_ssize_t after) {
  const Ref iterator(iterator_to_unpack(o));
  const Ref all(iterator ? PySequence_List(iterator) : nullptr);
  if (!all) return nullptr;
  const Py_ssize_t n = PyList_GET_SIZE(all.get());
  if (n < before + after) {
    return PyErr_Format(PyExc_ValueError,
                        "not enough values to unpack (expected at least %zd, got %zd)",
                        before + after, n);
  }
  Ref tuple(PyTuple_New(before + 1 + after));
  PyObject* middle = PyList_GetSlice(all, before, n - after);
  if (!tuple || middle == nullptr) {
    Py_XDECREF(middle);
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < before; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(PyList_GET_ITEM(all.get(), i)));
  PyTuple_SET_ITEM(tuple.get(), before, middle);
  for (Py_ssize_t i = 0; i < after; ++i) {
    PyTuple_SET_ITEM(tuple.get(), before + 1 + i,
                     Py_NewRef(PyList_GET_ITEM(all.get(), n - after + i)));
  }
  return tuple.release();
}

// ---- strings ----

namespace {

Py_ssize_t raise_not_iterable(PyObject* o) {
  PyErr_Format(PyExc_TypeError, "'%.200s' object is not iterable", Py_TYPE(o)->tp_name);
  return -1;
}

}  // namespace

Py_ssize_t n_characters(PyObject* text) {
  return PyUnicode_Check(text) ? PyUnicode_GetLength(text) : raise_not_iterable(text);
}

Py_ssize_t n_bytes(PyObject* text) {
  return PyBytes_Check(text) ? PyBytes_GET_SIZE(text) : raise_not_iterable(text);
}

PyObject* format(PyObject* o, PyObject* spec, int conversion) {
  Ref value(conversion == 'r'   ? PyObject_Repr(o)
            : conversion == 's' ? PyObject_Str(o)
            : conversion == 'a' ? PyObject_ASCII(o)
                                : Py_NewRef(o));
  if (!value) return nullptr;
  if (spec == nullptr) {
    PyTypeObject* type = Py_TYPE(value.get());
    if (type == &PyUnicode_Type) return value.release();
    // What their __format__ does without a specification.
    if (type == &PyLong_Type || type == &PyFloat_Type) return type->tp_repr(value);
  }
  return PyObject_Format(value, spec);
}

}  // namespace er
