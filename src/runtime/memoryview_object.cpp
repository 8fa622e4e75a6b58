// cython.view.memoryview: what Python sees of a view.
#include <algorithm>

#include "runtime/memoryview_object.h"

#include <structmember.h>

namespace er {

using view_object::as_view;
using view_object::finish_layout;
using view_object::has_memory;
using view_object::layout;

namespace {

Py_ssize_t n_items(MemoryViewObject* view) {
  Py_ssize_t n = 1;
  for (int i = 0; i < view->n_dimensions; ++i) n *= view->shape[i];
  return n;
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
    {Py_mp_subscript, reinterpret_cast<void*>(view_object::get_item)},
    {Py_mp_ass_subscript, reinterpret_cast<void*>(view_object::set_item)},
    {Py_sq_length, reinterpret_cast<void*>(length)},
    {Py_sq_item, reinterpret_cast<void*>(view_object::get_nth)},
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

}  // namespace er
