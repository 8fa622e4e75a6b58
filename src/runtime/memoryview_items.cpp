// Items and slices of cython.view.memoryview: by index, and assigned to.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "runtime/memoryview_object.h"

namespace er::view_object {
namespace {

// ---- items ----

// By Python's `struct`, which knows most formats.
PyObject* unpack(MemoryViewObject* view, const char* item) {
  const char* format = view->loan->format();
  const Ref module(PyImport_ImportModule("struct"));
  if (!module) return nullptr;
  const Ref values(PyObject_CallMethod(module, "unpack", "yy#", format, item, view->item_size));
  if (!values) {
    const Ref error(PyObject_GetAttrString(module, "error"));
    if (error && PyErr_ExceptionMatches(error) != 0) {
      PyErr_Clear();
      fail(PyExc_ValueError, "Unable to convert item to object");
    }
    return nullptr;
  }
  const bool is_single = format[0] != 0 && format[1] == 0 && PyTuple_GET_SIZE(values.get()) == 1;
  return Py_NewRef(is_single ? PyTuple_GET_ITEM(values.get(), 0) : values.get());
}

bool pack(MemoryViewObject* view, PyObject* value, char* item) {
  const Ref module(PyImport_ImportModule("struct"));
  const Ref function(module ? PyObject_GetAttrString(module, "pack") : nullptr);
  const Ref values(PyTuple_Check(value) ? Py_NewRef(value) : PyTuple_Pack(1, value));
  const Ref format(Py_BuildValue("(s)", view->loan->format()));
  if (!function || !values || !format) return false;
  const Ref arguments(PySequence_Concat(format, values));
  const Ref packed(arguments ? PyObject_CallObject(function, arguments) : nullptr);
  if (!packed) return false;
  if (!PyBytes_Check(packed.get()) || PyBytes_GET_SIZE(packed.get()) != view->item_size)
    return fail(PyExc_ValueError, "Unable to convert object to item");
  std::memcpy(item, PyBytes_AS_STRING(packed.get()), static_cast<std::size_t>(view->item_size));
  return true;
}

PyObject* get(MemoryViewObject* view, const char* item) {
  if (view->has_objects) return Py_NewRef(item_object(*reinterpret_cast<PyObject* const*>(item)));
  if (view->to_object != nullptr) return view->to_object(item);
  return unpack(view, item);
}

// Of objects: `item` is no place of the view yet.
bool convert(MemoryViewObject* view, PyObject* value, char* item) {
  if (view->has_objects) {
    *reinterpret_cast<PyObject**>(item) = value;
    return true;
  }
  return view->from_object != nullptr ? view->from_object(value, item) : pack(view, value, item);
}

bool set(MemoryViewObject* view, PyObject* value, char* item) {
  if (!view->has_objects) return convert(view, value, item);
  PyObject*& place = *reinterpret_cast<PyObject**>(item);
  PyObject* old = place;
  place = Py_NewRef(value);
  Py_XDECREF(old);
  return true;
}

// Room for an item of any size.
class ItemBuffer {
 public:
  explicit ItemBuffer(Py_ssize_t size)
      : data_(size <= static_cast<Py_ssize_t>(sizeof(small_))
                  ? small_
                  : static_cast<char*>(PyMem_Malloc(static_cast<std::size_t>(size)))) {
    if (data_ == nullptr) PyErr_NoMemory();
  }
  ItemBuffer(const ItemBuffer&) = delete;
  ItemBuffer& operator=(const ItemBuffer&) = delete;
  ~ItemBuffer() {
    if (data_ != small_) PyMem_Free(data_);
  }
  char* data() { return data_; }

 private:
  alignas(16) char small_[256];
  char* data_;
};

// ---- indices ----

struct Indices {
  int n = 0;
  bool has_slices = false;
  ViewIndex list[kMaxDimensions];

  void add_all() { list[n++] = {ViewIndex::kSlice, {}}; }
};

bool read_bound(PyObject* o, Py_ssize_t* value, bool* is_there) {
  *is_there = !Py_IsNone(o);
  if (!*is_there) return true;
  *value = PyNumber_AsSsize_t(o, nullptr);  // cut to the range
  return *value != -1 || PyErr_Occurred() == nullptr;
}

bool read_slice(PyObject* o, SliceBounds* bounds) {
  auto* slice = reinterpret_cast<PySliceObject*>(o);
  return read_bound(slice->start, &bounds->start, &bounds->has_start) &&
         read_bound(slice->stop, &bounds->stop, &bounds->has_stop) &&
         read_bound(slice->step, &bounds->step, &bounds->has_step);
}

bool read_index(PyObject* o, Indices* indices) {
  ViewIndex& index = indices->list[indices->n++];
  index = {ViewIndex::kSlice, {}};
  if (PySlice_Check(o)) {
    indices->has_slices = true;
    return read_slice(o, &index.bounds);
  }
  index.kind = ViewIndex::kIndex;
  if (PyIndex_Check(o) == 0) {
    PyErr_Format(PyExc_TypeError, "Cannot index with type '%.200S'", Py_TYPE(o));
    return false;
  }
  index.bounds.start = PyNumber_AsSsize_t(o, PyExc_IndexError);
  return index.bounds.start != -1 || PyErr_Occurred() == nullptr;
}

// Of items that are no ellipsis; one of those stands for all axes that are left.
bool read_tuple(PyObject* tuple, int n_dimensions, Indices* indices) {
  const Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  Py_ssize_t n_given = 0;
  for (Py_ssize_t i = 0; i < n; ++i) n_given += PyTuple_GET_ITEM(tuple, i) != Py_Ellipsis ? 1 : 0;
  if (n_given > n_dimensions) {
    PyErr_Format(PyExc_IndexError, "too many indices for a memoryview of %d dimensions",
                 n_dimensions);
    return false;
  }
  bool is_filled = false;
  const auto fill = [&] {
    for (Py_ssize_t k = n_given; k < n_dimensions && !is_filled; ++k) indices->add_all();
    is_filled = true;
  };
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PyTuple_GET_ITEM(tuple, i);
    if (item == Py_Ellipsis) {
      indices->has_slices = true;
      fill();
    } else if (!read_index(item, indices)) {
      return false;
    }
  }
  indices->has_slices |= n_given < n_dimensions;
  fill();
  return true;
}

bool read_indices(PyObject* key, int n_dimensions, Indices* indices) {
  if (PyTuple_Check(key)) return read_tuple(key, n_dimensions, indices);
  const Ref tuple(PyTuple_Pack(1, key));
  return tuple && read_tuple(tuple, n_dimensions, indices);
}

// Null with an exception.
char* item_at(MemoryViewObject* view, const ViewIndex* indices) {
  char* item = view->data;
  for (int axis = 0; axis < view->n_dimensions; ++axis) {
    const Py_ssize_t index = wrap(indices[axis].bounds.start, view->shape[axis]);
    if (is_outside(index, view->shape[axis])) {
      raise_out_of_bounds(axis);
      return nullptr;
    }
    item = follow(item + index * view->strides[axis], view->suboffsets[axis]);
  }
  return item;
}

PyObject* slice(MemoryViewObject* view, const Indices& indices) {
  Ref made(reinterpret_cast<PyObject*>(new_memoryview(memoryview_type(), view->loan, view)));
  if (!made) return nullptr;
  MemoryViewObject* result = as_view(made);
  result->n_dimensions = 0;
  for (int i = 0; i < indices.n; ++i)
    result->n_dimensions += indices.list[i].kind != ViewIndex::kIndex ? 1 : 0;
  std::fill_n(result->suboffsets, kMaxDimensions, -1);
  AnyView out = layout(result);
  out.suboffsets = result->suboffsets;
  if (!slice_view(layout(view), out, indices.list, indices.n)) return nullptr;
  finish_layout(result);
  return made.release();
}

// ---- assignment ----

// The code of a number, if a format is nothing more.
char plain_code(const char* format) {
  if (*format == '@' || *format == '=' || *format == '<' || *format == '^') ++format;
  return format[0] != 0 && format[1] == 0 ? format[0] : '\0';
}

bool are_both_in(std::string_view codes, char a, char b) {
  return codes.find(a) != codes.npos && codes.find(b) != codes.npos;
}

// May the bytes of the one be taken for the other?
bool is_same_format(MemoryViewObject* a, MemoryViewObject* b) {
  if (a->item_size != b->item_size || a->has_objects != b->has_objects) return false;
  const char* one = a->loan->format();
  const char* other = b->loan->format();
  if (std::strcmp(one, other) == 0) return true;
  const char code = plain_code(one);
  const char other_code = plain_code(other);
  if (code == '\0' || other_code == '\0') return false;
  if (code == other_code) return true;
  if (a->item_size == 1) return are_both_in("cbB?", code, other_code);
  return are_both_in("hilqn", code, other_code) || are_both_in("HILQN", code, other_code);
}

bool assign_view(MemoryViewObject* target, MemoryViewObject* source) {
  if (!has_memory(source)) return false;
  if (!is_same_format(target, source)) {
    PyErr_Format(PyExc_ValueError, "cannot assign items of format '%s' to items of format '%s'",
                 source->loan->format(), target->loan->format());
    return false;
  }
  return copy_view(layout(source), layout(target), static_cast<std::size_t>(target->item_size),
                   target->has_objects);
}

bool assign_item(MemoryViewObject* target, PyObject* value) {
  ItemBuffer item(target->item_size);
  return item.data() != nullptr && convert(target, value, item.data()) &&
         fill_view(layout(target), item.data(), static_cast<std::size_t>(target->item_size),
                   target->has_objects);
}

bool assign_slice(MemoryViewObject* target, PyObject* value) {
  if (PyObject_TypeCheck(value, memoryview_type())) return assign_view(target, as_view(value));
  if (!PyObject_CheckBuffer(value)) return assign_item(target, value);
  Loan* loan = borrow_memory(value, PyBUF_FULL_RO);
  if (loan == nullptr) return false;
  const Ref view(new_memoryview(loan, std::strcmp(loan->format(), "O") == 0));
  Py_DECREF(loan->object());
  return view && assign_view(target, as_view(view));
}

}  // namespace

PyObject* get_item(PyObject* o, PyObject* key) {
  MemoryViewObject* view = as_view(o);
  if (!has_memory(view)) return nullptr;
  if (key == Py_Ellipsis) return Py_NewRef(o);
  Indices indices;
  if (!read_indices(key, view->n_dimensions, &indices)) return nullptr;
  if (indices.has_slices) return slice(view, indices);
  const char* item = item_at(view, indices.list);
  return item != nullptr ? get(view, item) : nullptr;
}

PyObject* get_nth(PyObject* o, Py_ssize_t n) {
  const Ref index(PyLong_FromSsize_t(n));
  return index ? get_item(o, index) : nullptr;
}

int set_item(PyObject* o, PyObject* key, PyObject* value) {
  MemoryViewObject* view = as_view(o);
  if (!has_memory(view)) return -1;
  if (value == nullptr) {
    PyErr_SetString(PyExc_TypeError, "Cannot delete items of a memoryview");
    return -1;
  }
  if (view->loan->buffer.readonly != 0) {
    PyErr_SetString(PyExc_TypeError, "Cannot assign to read-only memoryview");
    return -1;
  }
  Indices indices;
  if (!read_indices(key, view->n_dimensions, &indices)) return -1;
  if (indices.has_slices) {
    const Ref target(slice(view, indices));
    return target && assign_slice(as_view(target), value) ? 0 : -1;
  }
  char* item = item_at(view, indices.list);
  return item != nullptr && set(view, value, item) ? 0 : -1;
}

}  // namespace er::view_object
