// cython.view.memoryview: what Python sees of a view.
#include <algorithm>
#include <string_view>

#include "runtime/loan.h"

#include <structmember.h>

namespace er {
namespace {

MemoryViewObject* as_view(PyObject* o) { return reinterpret_cast<MemoryViewObject*>(o); }

bool fail(PyObject* type, const char* message) {
  PyErr_SetString(type, message);
  return false;
}

// The garbage collector may have taken the memory while somebody's finalizer still has the view.
bool has_memory(MemoryViewObject* view) {
  return view->loan != nullptr || fail(PyExc_ValueError, "operation on a released memoryview");
}

// The layout alone, which is all that geometry needs.
AnyView layout(MemoryViewObject* view) { return view->view(nullptr); }

Py_ssize_t n_items(MemoryViewObject* view) {
  Py_ssize_t n = 1;
  for (int i = 0; i < view->n_dimensions; ++i) n *= view->shape[i];
  return n;
}

// Has any axis pointers? Set once the layout is.
void finish_layout(MemoryViewObject* view) {
  view->is_indirect = std::any_of(view->suboffsets, view->suboffsets + view->n_dimensions,
                                  [](Py_ssize_t suboffset) { return suboffset >= 0; });
}

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

// ---- attributes ----

PyObject* transposed(PyObject* o, void* /*closure*/) {
  MemoryViewObject* view = as_view(o);
  if (!has_memory(view)) return nullptr;
  MemoryViewObject* result = new_memoryview(memoryview_type(), view->loan, view);
  if (result == nullptr || transpose_view(layout(result))) return &result->ob_base;
  Py_DECREF(&result->ob_base);
  return nullptr;
}

PyObject* base(PyObject* o, void* /*closure*/) {
  return has_memory(as_view(o)) ? Py_NewRef(as_view(o)->loan->memory.owner) : nullptr;
}

PyObject* tuple_of(const Py_ssize_t* numbers, int n) {
  Ref tuple(PyTuple_New(n));
  for (int i = 0; tuple && i < n; ++i) {
    PyObject* number = PyLong_FromSsize_t(numbers[i]);
    if (number == nullptr) return nullptr;
    PyTuple_SET_ITEM(tuple.get(), i, number);
  }
  return tuple.release();
}

PyObject* shape(PyObject* o, void* /*closure*/) {
  return tuple_of(as_view(o)->shape, as_view(o)->n_dimensions);
}
PyObject* strides(PyObject* o, void* /*closure*/) {
  return tuple_of(as_view(o)->strides, as_view(o)->n_dimensions);
}
PyObject* suboffsets(PyObject* o, void* /*closure*/) {
  return tuple_of(as_view(o)->suboffsets, as_view(o)->n_dimensions);
}
PyObject* ndim(PyObject* o, void* /*closure*/) { return PyLong_FromLong(as_view(o)->n_dimensions); }
PyObject* itemsize(PyObject* o, void* /*closure*/) {
  return PyLong_FromSsize_t(as_view(o)->item_size);
}
PyObject* nbytes(PyObject* o, void* /*closure*/) {
  return PyLong_FromSsize_t(n_items(as_view(o)) * as_view(o)->item_size);
}
PyObject* size(PyObject* o, void* /*closure*/) { return PyLong_FromSsize_t(n_items(as_view(o))); }

Py_ssize_t length(PyObject* o) { return as_view(o)->n_dimensions > 0 ? as_view(o)->shape[0] : 0; }

// ---- methods ----

PyObject* is_contiguous_as(PyObject* o, char order) {
  return PyBool_FromLong(
      is_contiguous(layout(as_view(o)), static_cast<std::size_t>(as_view(o)->item_size), order));
}
PyObject* is_c_contig(PyObject* o, PyObject* /*args*/) { return is_contiguous_as(o, 'c'); }
PyObject* is_f_contig(PyObject* o, PyObject* /*args*/) { return is_contiguous_as(o, 'f'); }

PyObject* copy_as(PyObject* o, bool is_fortran) {
  MemoryViewObject* view = as_view(o);
  if (!has_memory(view)) return nullptr;
  const Ref format(PyBytes_FromString(view->loan->format()));
  if (!format) return nullptr;
  Loan* loan =
      copy_to_new_memory(layout(view), format, view->item_size, view->has_objects, is_fortran);
  if (loan == nullptr) return nullptr;
  MemoryViewObject* result = new_memoryview(memoryview_type(), loan, view);
  if (result != nullptr) {
    result->data = static_cast<char*>(loan->buffer.buf);
    std::copy_n(loan->strides, loan->n_dimensions, result->strides);
  }
  Py_DECREF(loan->object());
  return reinterpret_cast<PyObject*>(result);
}
PyObject* copy(PyObject* o, PyObject* /*args*/) { return copy_as(o, false); }
PyObject* copy_fortran(PyObject* o, PyObject* /*args*/) { return copy_as(o, true); }

PyObject* refuse_pickle(PyObject* /*self*/, PyObject* /*args*/) {
  PyErr_SetString(PyExc_TypeError, "no default __reduce__ due to non-trivial __cinit__");
  return nullptr;
}

PyObject* class_name_of_base(PyObject* o) {
  if (!has_memory(as_view(o))) return nullptr;
  const Ref type(PyObject_GetAttrString(as_view(o)->loan->memory.owner, "__class__"));
  return type ? PyObject_GetAttrString(type, "__name__") : nullptr;
}

PyObject* represent(PyObject* o) {
  const Ref name(class_name_of_base(o));
  return name ? PyUnicode_FromFormat("<MemoryView of %R at %p>", name.get(), o) : nullptr;
}

PyObject* show(PyObject* o) {
  const Ref name(class_name_of_base(o));
  return name ? PyUnicode_FromFormat("<MemoryView of %R object>", name.get()) : nullptr;
}

// ---- lending on ----

int refuse_lending(const char* message) {
  PyErr_SetString(PyExc_ValueError, message);
  return -1;
}

// A consumer that does not ask for strides takes the memory for contiguous.
bool is_lent_rightly(MemoryViewObject* view, int flags) {
  const auto has = [flags](int wanted) { return (flags & wanted) == wanted; };
  const auto is = [view](char order) {
    return n_items(view) <= 1 ||
           is_contiguous(layout(view), static_cast<std::size_t>(view->item_size), order);
  };
  if (has(PyBUF_ANY_CONTIGUOUS)) return is('c') || is('f');
  if (has(PyBUF_F_CONTIGUOUS)) return is('f');
  if (has(PyBUF_C_CONTIGUOUS) || !has(PyBUF_STRIDES)) return is('c');
  return !view->is_indirect || has(PyBUF_INDIRECT);
}

int lend(PyObject* o, Py_buffer* buffer, int flags) {
  MemoryViewObject* view = as_view(o);
  buffer->obj = nullptr;
  if (!has_memory(view)) return -1;
  const Py_buffer& own = view->loan->buffer;
  if ((flags & PyBUF_WRITABLE) != 0 && own.readonly != 0)
    return refuse_lending("Cannot create writable memory view from read-only memoryview");
  if (!is_lent_rightly(view, flags))
    return refuse_lending("Cannot lend the memory of this memoryview in the layout that is asked");
  buffer->buf = view->data;
  buffer->len = n_items(view) * view->item_size;
  buffer->itemsize = view->item_size;
  buffer->readonly = own.readonly;
  buffer->ndim = view->n_dimensions;
  buffer->format = (flags & PyBUF_FORMAT) != 0 ? own.format : nullptr;
  buffer->shape = (flags & PyBUF_ND) != 0 ? view->shape : nullptr;
  buffer->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? view->strides : nullptr;
  buffer->suboffsets = view->is_indirect ? view->suboffsets : nullptr;
  buffer->internal = nullptr;
  buffer->obj = Py_NewRef(o);
  ++view->n_exports;
  return 0;
}

void take_back(PyObject* o, Py_buffer* /*buffer*/) { --as_view(o)->n_exports; }

// ---- life ----

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  static const char* const kNames[] = {"obj", "flags", "dtype_is_object", nullptr};
  PyObject* exporter;
  int flags;
  int has_objects = 0;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "Oi|p:memoryview", const_cast<char**>(kNames),
                                  &exporter, &flags, &has_objects) == 0)
    return nullptr;
  Loan* loan = borrow_memory(exporter, flags);
  if (loan == nullptr) return nullptr;
  MemoryViewObject* view = new_memoryview(type, loan, nullptr);
  if (view != nullptr)
    view->has_objects =
        loan->buffer.format != nullptr ? std::strcmp(loan->format(), "O") == 0 : has_objects != 0;
  Py_DECREF(loan->object());
  return reinterpret_cast<PyObject*>(view);
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  MemoryViewObject* view = as_view(o);
  Py_VISIT(Py_TYPE(o));
  if (view->loan != nullptr) Py_VISIT(view->loan->object());
  Py_VISIT(view->home);
  return 0;
}

int clear(PyObject* o) {
  MemoryViewObject* view = as_view(o);
  // Somebody still reads the memory.
  if (view->n_exports > 0) return 0;
  Loan* loan = view->loan;
  view->loan = nullptr;
  view->n_dimensions = 0;
  if (loan != nullptr) Py_DECREF(loan->object());
  Py_CLEAR(view->home);
  return 0;
}

void destroy(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (as_view(o)->weak_references != nullptr) PyObject_ClearWeakRefs(o);
  as_view(o)->n_exports = 0;
  clear(o);
  type->tp_free(o);
  Py_DECREF(type);
}

PyMemberDef kMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(MemoryViewObject, weak_references), READONLY,
     nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef kGetSet[] = {
    {"T", transposed, nullptr, nullptr, nullptr},
    {"base", base, nullptr, nullptr, nullptr},
    {"shape", shape, nullptr, nullptr, nullptr},
    {"strides", strides, nullptr, nullptr, nullptr},
    {"suboffsets", suboffsets, nullptr, nullptr, nullptr},
    {"ndim", ndim, nullptr, nullptr, nullptr},
    {"itemsize", itemsize, nullptr, nullptr, nullptr},
    {"nbytes", nbytes, nullptr, nullptr, nullptr},
    {"size", size, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef kMethods[] = {
    {"is_c_contig", is_c_contig, METH_NOARGS, nullptr},
    {"is_f_contig", is_f_contig, METH_NOARGS, nullptr},
    {"copy", copy, METH_NOARGS, nullptr},
    {"copy_fortran", copy_fortran, METH_NOARGS, nullptr},
    {"__reduce__", refuse_pickle, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot kSlots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(clear)},
    {Py_tp_repr, reinterpret_cast<void*>(represent)},
    {Py_tp_str, reinterpret_cast<void*>(show)},
    {Py_tp_members, kMembers},
    {Py_tp_getset, kGetSet},
    {Py_tp_methods, kMethods},
    {Py_bf_getbuffer, reinterpret_cast<void*>(lend)},
    {Py_bf_releasebuffer, reinterpret_cast<void*>(take_back)},
    {Py_mp_length, reinterpret_cast<void*>(length)},
    {Py_mp_subscript, reinterpret_cast<void*>(get_item)},
    {Py_mp_ass_subscript, reinterpret_cast<void*>(set_item)},
    {Py_sq_length, reinterpret_cast<void*>(length)},
    {Py_sq_item, reinterpret_cast<void*>(get_nth)},
    {0, nullptr},
};

PyType_Spec kSpec = {
    "cython.view.memoryview",
    sizeof(MemoryViewObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
        Py_TPFLAGS_SEQUENCE,
    kSlots,
};

// Takes a method of Python's Sequence over.
bool adopt(PyTypeObject* type, PyObject* sequence, const char* name) {
  const Ref method(PyObject_GetAttrString(sequence, name));
  return method && PyDict_SetItemString(type->tp_dict, name, method) == 0;
}

// ---- axes ----

struct AxisObject {
  PyObject ob_base;
  const char* text;
};

PyObject* represent_axis(PyObject* o) {
  return PyUnicode_FromString(reinterpret_cast<AxisObject*>(o)->text);
}

void destroy_axis(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}

PyType_Slot kAxisSlots[] = {
    {Py_tp_repr, reinterpret_cast<void*>(represent_axis)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_axis)},
    {0, nullptr},
};

PyType_Spec kAxisSpec = {
    "cython.view.axis",
    sizeof(AxisObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    kAxisSlots,
};

const char* text_of(Axis axis) {
  const bool is_contiguous = axis.packing == AxisPacking::kContiguous;
  switch (axis.access) {
    case AxisAccess::kFull:
      return is_contiguous ? "<contiguous and direct or indirect>"
                           : "<strided and direct or indirect>";
    case AxisAccess::kPointer:
      return is_contiguous ? "<contiguous and indirect>" : "<strided and indirect>";
    case AxisAccess::kDirect:
      break;
  }
  return is_contiguous ? "<contiguous and direct>" : "<strided and direct>";
}

}  // namespace

PyTypeObject* make_sequence_type(PyType_Spec* spec) {
  const Ref module(PyImport_ImportModule("collections.abc"));
  const Ref sequence(module ? PyObject_GetAttrString(module, "Sequence") : nullptr);
  Ref type(sequence ? PyType_FromSpec(spec) : nullptr);
  if (!type) return nullptr;
  auto* made = reinterpret_cast<PyTypeObject*>(type.get());
  if (!adopt(made, sequence, "count") || !adopt(made, sequence, "index")) return nullptr;
  PyType_Modified(made);
  const Ref registered(PyObject_CallMethod(sequence, "register", "O", type.get()));
  return registered ? reinterpret_cast<PyTypeObject*>(type.release()) : nullptr;
}

PyTypeObject* memoryview_type() {
  static PyTypeObject* type = nullptr;  // for the life of the process, as its objects are
  if (type == nullptr) type = make_sequence_type(&kSpec);
  return type;
}

MemoryViewObject* as_memoryview(PyObject* o) {
  const PyBufferProcs* procs = Py_TYPE(o)->tp_as_buffer;
  if (procs == nullptr || procs->bf_getbuffer != lend) return nullptr;
  return as_view(o)->loan != nullptr ? as_view(o) : nullptr;
}

MemoryViewObject* new_memoryview(PyTypeObject* type, Loan* loan, const MemoryViewObject* like) {
  if (type == nullptr) return nullptr;
  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) return nullptr;
  MemoryViewObject* view = as_view(o);
  Py_INCREF(loan->object());
  view->loan = loan;
  const bool is_like = like != nullptr;
  view->data = is_like ? like->data : static_cast<char*>(loan->buffer.buf);
  view->n_dimensions = is_like ? like->n_dimensions : loan->n_dimensions;
  std::copy_n(is_like ? like->shape : loan->shape, kMaxDimensions, view->shape);
  std::copy_n(is_like ? like->strides : loan->strides, kMaxDimensions, view->strides);
  std::copy_n(is_like ? like->suboffsets : loan->suboffsets, kMaxDimensions, view->suboffsets);
  view->item_size = is_like ? like->item_size : loan->buffer.itemsize;
  finish_layout(view);
  if (!is_like) return view;
  view->has_objects = like->has_objects;
  view->to_object = like->to_object;
  view->from_object = like->from_object;
  view->home = Py_XNewRef(like->home);
  return view;
}

PyObject* new_memoryview(Loan* loan, bool has_objects) {
  MemoryViewObject* view = new_memoryview(memoryview_type(), loan, nullptr);
  if (view != nullptr) view->has_objects = has_objects;
  return reinterpret_cast<PyObject*>(view);
}

PyObject* axis_object(Axis axis) {
  static PyObject* type = nullptr;  // for the life of the process, as its objects are
  if (type == nullptr) type = PyType_FromSpec(&kAxisSpec);
  if (type == nullptr) return nullptr;
  auto* made = reinterpret_cast<PyTypeObject*>(type);
  PyObject* o = made->tp_alloc(made, 0);
  if (o != nullptr) reinterpret_cast<AxisObject*>(o)->text = text_of(axis);
  return o;
}

}  // namespace er
