// runtime/sequence.h — containers: literals, items, unpacking, strings.
#pragma once

#include "runtime/python.h"
#include "runtime/ref.h"

namespace er {

// ---- literals ----

ER_RUNTIME_API PyObject* tuple_of(PyObject* const* items, Py_ssize_t n);
ER_RUNTIME_API PyObject* list_of(PyObject* const* items, Py_ssize_t n);
ER_RUNTIME_API PyObject* set_of(PyObject* const* items, Py_ssize_t n);
// Keys and values in turn; n counts both.
ER_RUNTIME_API PyObject* dict_of(PyObject* const* items, Py_ssize_t n);
ER_RUNTIME_API PyObject* join_of(PyObject* const* strings, Py_ssize_t n);

inline PyObject* make_tuple() { return PyTuple_New(0); }
inline PyObject* make_list() { return PyList_New(0); }
inline PyObject* make_set() { return PySet_New(nullptr); }
inline PyObject* make_dict() { return PyDict_New(); }
inline PyObject* join_str() { return PyUnicode_FromStringAndSize(nullptr, 0); }
template <std::size_t N>
inline PyObject* make_tuple(PyObject* const (&items)[N]) {
  return tuple_of(items, N);
}
template <std::size_t N>
inline PyObject* make_list(PyObject* const (&items)[N]) {
  return list_of(items, N);
}
template <std::size_t N>
inline PyObject* make_set(PyObject* const (&items)[N]) {
  return set_of(items, N);
}
template <std::size_t N>
inline PyObject* make_dict(PyObject* const (&items)[N]) {
  return dict_of(items, N);
}
// All are strings.
template <std::size_t N>
inline PyObject* join_str(PyObject* const (&items)[N]) {
  return join_of(items, N);
}

struct NamedObject {
  const char* name;
  PyObject* object;
};
ER_RUNTIME_API PyObject* named_dict_of(const NamedObject* items, Py_ssize_t n);
template <std::size_t N>
inline PyObject* make_named_dict(const NamedObject (&items)[N]) {
  return named_dict_of(items, N);
}

inline int list_append(PyObject* list, PyObject* item) { return PyList_Append(list, item); }
ER_RUNTIME_API int list_extend(PyObject* list, PyObject* items);
inline PyObject* list_to_tuple(PyObject* list) { return PyList_AsTuple(list); }
inline int set_add(PyObject* set, PyObject* item) { return PySet_Add(set, item); }
ER_RUNTIME_API int set_update(PyObject* set, PyObject* items);
inline int dict_set(PyObject* dict, PyObject* key, PyObject* value) {
  return PyDict_SetItem(dict, key, value);
}
ER_RUNTIME_API int dict_update(PyObject* dict, PyObject* mapping);

// ---- items ----

ER_RUNTIME_API PyObject* get_item(PyObject* o, PyObject* key);
inline int set_item(PyObject* o, PyObject* key, PyObject* value) {
  if (PyDict_CheckExact(o)) return PyDict_SetItem(o, key, value);
  return PyObject_SetItem(o, key, value);
}
inline int del_item(PyObject* o, PyObject* key) { return PyObject_DelItem(o, key); }

ER_RUNTIME_API PyObject* get_item_index_slow(PyObject* o, Py_ssize_t index);
ER_RUNTIME_API int set_item_index_slow(PyObject* o, Py_ssize_t index, PyObject* value);

inline PyObject* get_item_index(PyObject* o, Py_ssize_t index) {
  if (PyList_CheckExact(o)) {
    const Py_ssize_t n = PyList_GET_SIZE(o);
    const Py_ssize_t i = index < 0 ? index + n : index;
    if (static_cast<std::size_t>(i) < static_cast<std::size_t>(n)) [[likely]]
      return Py_NewRef(PyList_GET_ITEM(o, i));
  } else if (PyTuple_CheckExact(o)) {
    const Py_ssize_t n = PyTuple_GET_SIZE(o);
    const Py_ssize_t i = index < 0 ? index + n : index;
    if (static_cast<std::size_t>(i) < static_cast<std::size_t>(n)) [[likely]]
      return Py_NewRef(PyTuple_GET_ITEM(o, i));
  }
  return get_item_index_slow(o, index);
}
inline int set_item_index(PyObject* o, Py_ssize_t index, PyObject* value) {
  if (PyList_CheckExact(o)) {
    const Py_ssize_t n = PyList_GET_SIZE(o);
    const Py_ssize_t i = index < 0 ? index + n : index;
    if (static_cast<std::size_t>(i) < static_cast<std::size_t>(n)) [[likely]] {
      PyObject* old = PyList_GET_ITEM(o, i);
      PyList_SET_ITEM(o, i, Py_NewRef(value));
      Py_DECREF(old);
      return 0;
    }
  }
  return set_item_index_slow(o, index, value);
}
// Null is None.
inline PyObject* make_slice(PyObject* low, PyObject* high, PyObject* step) {
  return PySlice_New(low, high, step);
}
inline Py_ssize_t len(PyObject* o) { return PyObject_Size(o); }

// ---- unpacking ----

// A new tuple of exactly n items.
ER_RUNTIME_API PyObject* unpack(PyObject* o, Py_ssize_t n);
// A new tuple of before + 1 + after items; the one in the middle is a list.
ER_RUNTIME_API PyObject* unpack_starred(PyObject* o, Py_ssize_t before, Py_ssize_t after);
// Borrowed; of a tuple that unpack() made.
inline PyObject* item(PyObject* tuple, Py_ssize_t i) { return PyTuple_GET_ITEM(tuple, i); }

// ---- strings ----

// How many, of a str or None, over which one cannot iterate.
ER_RUNTIME_API Py_ssize_t n_characters(PyObject* text);
ER_RUNTIME_API Py_ssize_t n_bytes(PyObject* text);
inline int kind_of(PyObject* text) { return static_cast<int>(PyUnicode_KIND(text)); }
inline void* data_of(PyObject* text) { return PyUnicode_DATA(text); }
inline Py_UCS4 character_at(PyObject* /*owner*/, int kind, const void* data, Py_ssize_t i) {
  // Told which kind is the usual one, a compiler keeps the others out of the loop.
  if (kind == PyUnicode_1BYTE_KIND) [[likely]]
    return static_cast<const Py_UCS1*>(data)[i];
  return PyUnicode_READ(kind, data, i);
}
inline unsigned char byte_at(PyObject* text, Py_ssize_t i) {
  return static_cast<unsigned char>(PyBytes_AS_STRING(text)[i]);
}

// As in f"{o!c:spec}"; spec may be null, c is 0, 'r', 's' or 'a'.
ER_RUNTIME_API PyObject* format(PyObject* o, PyObject* spec, int conversion);
inline PyObject* repr(PyObject* o) { return PyObject_Repr(o); }

}  // namespace er
