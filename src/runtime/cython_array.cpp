// cython.view.array: memory of a shape, for C first. Python sees its items by way of a memoryview.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "runtime/loan.h"

namespace er {
namespace {

ArrayObject* as_array(PyObject* o) { return reinterpret_cast<ArrayObject*>(o); }

// ---- formats ----

char number_format(ItemGroup group, std::size_t size) {
  switch (group) {
    case ItemGroup::kChar:
      return 'c';
    case ItemGroup::kReal:
    case ItemGroup::kComplex:
      return size == sizeof(float) ? 'f' : (size == sizeof(double) ? 'd' : 'g');
    case ItemGroup::kObject:
      return 'O';
    default:
      break;
  }
  const bool is_signed = group == ItemGroup::kSigned;
  switch (size) {
    case 1:
      return is_signed ? 'b' : 'B';
    case 2:
      return is_signed ? 'h' : 'H';
    case 4:
      return is_signed ? 'i' : 'I';
    default:
      return is_signed ? 'q' : 'Q';
  }
}

std::size_t total_size(const ItemType& item) {
  std::size_t size = item.size;
  for (int i = 0; i < item.n_dimensions; ++i) size *= item.shape[i];
  return size;
}

std::size_t alignment_of(const ItemType& item) {
  switch (item.group) {
    case ItemGroup::kStruct: {
      std::size_t alignment = 1;
      for (int i = 0; i < item.n_fields; ++i)
        alignment = std::max(alignment, alignment_of(*item.fields[i].type));
      return alignment;
    }
    case ItemGroup::kComplex:
      return item.size == 2 * sizeof(long double) ? alignof(long double) : item.size / 2;
    case ItemGroup::kReal:
      return item.size == sizeof(long double) ? alignof(long double) : item.size;
    default:
      return item.size;
  }
}

std::size_t padding(std::size_t offset, std::size_t alignment) {
  return (alignment - offset % alignment) % alignment;
}

// Are fields where C puts them by itself?
bool is_natural(const ItemType& item) {
  std::size_t offset = 0;
  for (int i = 0; i < item.n_fields; ++i) {
    const ItemField& field = item.fields[i];
    offset += padding(offset, alignment_of(*field.type));
    if (field.offset != offset) return false;
    offset += total_size(*field.type);
  }
  return offset + padding(offset, alignment_of(item)) == item.size;
}

void append_format(const ItemType& item, std::string& out);

void append_struct(const ItemType& item, std::string& out) {
  const bool is_packed = !is_natural(item);
  std::size_t offset = 0;
  out += "T{";
  for (int i = 0; i < item.n_fields; ++i) {
    const ItemField& field = item.fields[i];
    if (is_packed) out.append("^").append(field.offset - offset, 'x');
    append_format(*field.type, out);
    out.append(":").append(field.name).append(":");
    offset = field.offset + total_size(*field.type);
  }
  if (is_packed) out.append(item.size - offset, 'x');
  out += '}';
}

void append_format(const ItemType& item, std::string& out) {
  if (item.n_dimensions > 0) {
    out += '(';
    for (int i = 0; i < item.n_dimensions; ++i)
      out.append(i > 0 ? "," : "").append(std::to_string(item.shape[i]));
    out += ')';
  }
  if (item.group == ItemGroup::kStruct) return append_struct(item, out);
  const bool is_complex = item.group == ItemGroup::kComplex;
  if (is_complex) out += 'Z';
  out += number_format(item.group, is_complex ? item.size / 2 : item.size);
}

// ---- making ----

constexpr Py_ssize_t kTooLarge = -1;

// Of a new object: everything but its memory.
bool set_layout(ArrayObject* array, int n, const Py_ssize_t* shape, Py_ssize_t item_size,
                PyObject* format, bool is_fortran) {
  const auto n_bytes = sizeof(Py_ssize_t) * 2 * static_cast<std::size_t>(std::max(n, 1));
  array->_shape = static_cast<Py_ssize_t*>(PyObject_Malloc(n_bytes));
  if (array->_shape == nullptr) {
    PyErr_SetString(PyExc_MemoryError, "unable to allocate shape and strides.");
    return false;
  }
  array->_strides = array->_shape + n;
  std::copy_n(shape, n, array->_shape);
  array->ndim = n;
  array->itemsize = item_size;
  array->_format = Py_NewRef(format);
  array->format = PyBytes_AS_STRING(format);
  array->dtype_is_object = std::strcmp(array->format, "O") == 0;
  array->mode = PyUnicode_InternFromString(is_fortran ? "fortran" : "c");
  array->len = set_contiguous_strides(n, shape, array->_strides, item_size, is_fortran);
  if (array->len == kTooLarge) PyErr_SetString(PyExc_MemoryError, "unable to allocate array data.");
  return array->mode != nullptr && array->len != kTooLarge;
}

bool allocate(ArrayObject* array) {
  // C code may put memory of malloc() in its place.
  array->data = static_cast<char*>(
      std::malloc(static_cast<std::size_t>(std::max(array->len, Py_ssize_t{1}))));
  if (array->data == nullptr) {
    PyErr_SetString(PyExc_MemoryError, "unable to allocate array data.");
    return false;
  }
  array->free_data = true;
  if (!array->dtype_is_object) return true;
  auto** objects = reinterpret_cast<PyObject**>(array->data);
  for (Py_ssize_t i = 0; i < array->len / array->itemsize; ++i) objects[i] = Py_NewRef(Py_None);
  return true;
}

PyObject* finished(Ref made, bool is_done) { return is_done ? made.release() : nullptr; }

bool invalid(const char* message) {
  PyErr_SetString(PyExc_ValueError, message);
  return false;
}

bool read_shape(PyObject* shape, Py_ssize_t* sizes) {
  const Py_ssize_t n = PyTuple_GET_SIZE(shape);
  if (n == 0) return invalid("Empty shape tuple for cython.array");
  if (n > kMaxDimensions) return invalid("Too many dimensions for cython.array");
  for (Py_ssize_t i = 0; i < n; ++i) {
    sizes[i] = PyNumber_AsSsize_t(PyTuple_GET_ITEM(shape, i), PyExc_OverflowError);
    if (sizes[i] == -1 && PyErr_Occurred() != nullptr) return false;
    if (sizes[i] > 0) continue;
    PyErr_Format(PyExc_ValueError, "Invalid shape in axis %zd: %zd.", i, sizes[i]);
    return false;
  }
  return true;
}

PyObject* as_bytes(PyObject* format) {
  if (PyBytes_Check(format)) return Py_NewRef(format);
  if (PyUnicode_Check(format)) return PyUnicode_AsASCIIString(format);
  PyErr_Format(PyExc_TypeError, "format must be str or bytes, not %.200s",
               Py_TYPE(format)->tp_name);
  return nullptr;
}

bool read_mode(PyObject* mode, bool* is_fortran) {
  *is_fortran = false;
  if (mode == nullptr) return true;
  if (PyUnicode_Check(mode)) {
    if (PyUnicode_CompareWithASCIIString(mode, "c") == 0) return true;
    *is_fortran = PyUnicode_CompareWithASCIIString(mode, "fortran") == 0;
    if (*is_fortran) return true;
  }
  PyErr_Format(PyExc_ValueError, "Invalid mode, expected 'c' or 'fortran', got %S", mode);
  return false;
}

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  static const char* const kNames[] = {"shape", "itemsize",        "format",
                                       "mode",  "allocate_buffer", nullptr};
  PyObject* shape;
  Py_ssize_t item_size;
  PyObject* format;
  PyObject* mode = nullptr;
  int is_allocated = 1;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "O!nO|Op:array", const_cast<char**>(kNames),
                                  &PyTuple_Type, &shape, &item_size, &format, &mode,
                                  &is_allocated) == 0)
    return nullptr;
  Py_ssize_t sizes[kMaxDimensions];
  bool is_fortran;
  if (!read_shape(shape, sizes)) return nullptr;
  if (item_size <= 0) {
    invalid("itemsize <= 0 for cython.array");
    return nullptr;
  }
  const Ref bytes(as_bytes(format));
  if (!bytes || !read_mode(mode, &is_fortran)) return nullptr;
  Ref made(type->tp_alloc(type, 0));
  if (!made) return nullptr;
  ArrayObject* array = as_array(made);
  const bool is_done = set_layout(array, static_cast<int>(PyTuple_GET_SIZE(shape)), sizes,
                                  item_size, bytes, is_fortran) &&
                       (is_allocated == 0 || allocate(array));
  return finished(std::move(made), is_done);
}

void destroy(PyObject* o) {
  ArrayObject* array = as_array(o);
  PyTypeObject* type = Py_TYPE(o);
  {
    const ExceptionAside aside;
    if (array->callback_free_data != nullptr) {
      array->callback_free_data(array->data);
    } else if (array->free_data && array->data != nullptr) {
      if (array->dtype_is_object)
        count_objects({nullptr, &array->data, array->ndim, array->_shape, array->_strides, nullptr},
                      false);
      std::free(array->data);
    }
    PyObject_Free(array->_shape);
    Py_CLEAR(array->mode);
    Py_CLEAR(array->_format);
    Py_CLEAR(array->home);
  }
  type->tp_free(o);
  Py_DECREF(type);
}

// ---- as seen from Python ----

// Contiguity in the one order is none in the other, unless there is only one axis.
bool has_order(ArrayObject* array, int flags) {
  const bool is_c = PyUnicode_CompareWithASCIIString(array->mode, "c") == 0;
  if (array->ndim == 1) return true;
  const bool wants_c = (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS;
  const bool wants_fortran = (flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS;
  const bool has_strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
  return is_c ? !wants_fortran : !wants_c && has_strides;
}

int lend(PyObject* o, Py_buffer* buffer, int flags) {
  ArrayObject* array = as_array(o);
  buffer->obj = nullptr;
  if (!has_order(array, flags)) {
    invalid("Can only create a buffer that is contiguous in memory.");
    return -1;
  }
  const bool has_strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
  const bool has_shape = (flags & PyBUF_ND) != 0;
  buffer->buf = array->data;
  buffer->len = array->len;
  buffer->ndim = has_shape ? array->ndim : 1;
  buffer->shape = has_shape ? array->_shape : nullptr;
  buffer->strides = has_strides ? array->_strides : nullptr;
  buffer->suboffsets = nullptr;
  buffer->itemsize = array->itemsize;
  buffer->readonly = 0;
  buffer->format = (flags & PyBUF_FORMAT) != 0 ? array->format : nullptr;
  buffer->internal = nullptr;
  buffer->obj = Py_NewRef(o);
  return 0;
}

PyObject* memview(PyObject* o, void* /*closure*/) {
  Loan* loan = borrow_memory(o, PyBUF_RECORDS);
  if (loan == nullptr) return nullptr;
  PyObject* view = new_memoryview(loan, as_array(o)->dtype_is_object);
  Py_DECREF(loan->object());
  return view;
}

PyObject* get_attribute(PyObject* o, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(o, name);
  if (found != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return found;
  PyErr_Clear();
  const Ref view(memview(o, nullptr));
  return view ? PyObject_GetAttr(view, name) : nullptr;
}

Py_ssize_t length(PyObject* o) { return as_array(o)->_shape[0]; }

PyObject* get_item(PyObject* o, PyObject* index) {
  const Ref view(memview(o, nullptr));
  return view ? PyObject_GetItem(view, index) : nullptr;
}

PyObject* get_nth(PyObject* o, Py_ssize_t index) {
  const Ref view(memview(o, nullptr));
  return view ? PySequence_GetItem(view, index) : nullptr;
}

int set_item(PyObject* o, PyObject* index, PyObject* value) {
  const Ref view(memview(o, nullptr));
  if (!view) return -1;
  return value != nullptr ? PyObject_SetItem(view, index, value) : PyObject_DelItem(view, index);
}

PyObject* refuse_pickle(PyObject* /*self*/, PyObject* /*args*/) {
  PyErr_SetString(PyExc_TypeError, "no default __reduce__ due to non-trivial __cinit__");
  return nullptr;
}

PyGetSetDef kGetSet[] = {
    {"memview", memview, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef kMethods[] = {
    {"__reduce__", refuse_pickle, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot kSlots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
    {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
    {Py_tp_getset, kGetSet},
    {Py_tp_methods, kMethods},
    {Py_bf_getbuffer, reinterpret_cast<void*>(lend)},
    {Py_mp_length, reinterpret_cast<void*>(length)},
    {Py_mp_subscript, reinterpret_cast<void*>(get_item)},
    {Py_mp_ass_subscript, reinterpret_cast<void*>(set_item)},
    {Py_sq_length, reinterpret_cast<void*>(length)},
    {Py_sq_item, reinterpret_cast<void*>(get_nth)},
    {0, nullptr},
};

PyType_Spec kSpec = {
    "cython.view.array",
    sizeof(ArrayObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_SEQUENCE,
    kSlots,
};

}  // namespace

PyTypeObject* array_type() {
  static PyTypeObject* type = nullptr;  // for the life of the process, as its objects are
  if (type == nullptr) type = make_sequence_type(&kSpec);
  return type;
}

PyObject* new_array(int n_dimensions, const Py_ssize_t* shape, Py_ssize_t item_size,
                    PyObject* format, bool is_fortran) {
  PyTypeObject* type = array_type();
  if (type == nullptr) return nullptr;
  Ref made(type->tp_alloc(type, 0));
  if (!made) return nullptr;
  const bool is_done =
      set_layout(as_array(made), n_dimensions, shape, item_size, format, is_fortran) &&
      allocate(as_array(made));
  return finished(std::move(made), is_done);
}

PyObject* array_of_pointer(void* data, const ViewSpec& spec, const Py_ssize_t* shape,
                           bool is_fortran) {
  PyTypeObject* type = array_type();
  const Ref format(format_of(*spec.item));
  if (type == nullptr || !format) return nullptr;
  for (int i = 0; i < spec.n_dimensions; ++i) {
    if (shape[i] > 0) continue;
    PyErr_Format(PyExc_ValueError, "Invalid shape in axis %d: %zd.", i, shape[i]);
    return nullptr;
  }
  Ref made(type->tp_alloc(type, 0));
  if (!made) return nullptr;
  as_array(made)->data = static_cast<char*>(data);
  const bool is_done =
      set_layout(as_array(made), spec.n_dimensions, shape,
                 static_cast<Py_ssize_t>(whole_size(*spec.item)), format, is_fortran);
  return finished(std::move(made), is_done);
}

PyObject* format_of(const ItemType& item) {
  std::string format;
  append_format(item, format);
  return PyBytes_FromStringAndSize(format.data(), static_cast<Py_ssize_t>(format.size()));
}

}  // namespace er
