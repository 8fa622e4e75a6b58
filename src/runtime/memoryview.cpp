#include "runtime/memoryview.h"

#include <algorithm>
#include <cstdlib>

#include "runtime/loan.h"

namespace er {
namespace {

// ---- loans ----

Loan* as_loan(PyObject* o) { return reinterpret_cast<Loan*>(o); }

int traverse_loan(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(as_loan(o)->memory.owner);
  Py_VISIT(as_loan(o)->buffer.obj);
  return 0;
}

// Dead loans, to be used again: the collector's bookkeeping of new ones costs as much as the buffer
// of a small array. The GIL protects them.
constexpr int kMaxSpareLoans = 16;
Loan* spare_loans[kMaxSpareLoans];
int n_spare_loans = 0;

Loan* new_loan(PyTypeObject* type) {
  if (n_spare_loans == 0) return as_loan(type->tp_alloc(type, 0));
  Loan* loan = spare_loans[--n_spare_loans];
  loan->memory = {};
  loan->buffer.obj = nullptr;
  PyObject_Init(loan->object(), type);
  PyObject_GC_Track(loan->object());
  return loan;
}

void free_loan(Loan* loan, PyTypeObject* type) {
  if (n_spare_loans < kMaxSpareLoans) {
    spare_loans[n_spare_loans++] = loan;
  } else {
    type->tp_free(loan->object());
  }
}

void destroy_loan(PyObject* o) {
  Loan* loan = as_loan(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  {
    const ExceptionAside aside;
    if (loan->buffer.obj != nullptr) PyBuffer_Release(&loan->buffer);
    Py_CLEAR(loan->memory.owner);
  }
  free_loan(loan, type);
  Py_DECREF(type);
}

// It has no tp_clear: a cycle leads through a memoryview as well, which has one.
PyType_Slot kLoanSlots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_loan)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse_loan)},
    {0, nullptr},
};

PyType_Spec kLoanSpec = {
    "engineroom.loan",
    sizeof(Loan),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    kLoanSlots,
};

PyTypeObject* loan_type() {
  static PyObject* type = nullptr;  // for the life of the process, as its objects are
  if (type == nullptr) type = PyType_FromSpec(&kLoanSpec);
  return reinterpret_cast<PyTypeObject*>(type);
}

bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

// The last reference from C is gone.
void release_loan(Memory* memory) {
  PyObject* o = loan_of(memory)->object();
  if (Py_IsInitialized() == 0) return;
  if (PyGILState_Check() != 0) return Py_DECREF(o);
  // A thread that asks for the GIL now never gets it.
  if (is_finalizing()) return;
  const WithGil gil;
  Py_DECREF(o);
}

bool normalize(Loan* loan) {
  const Py_buffer& buffer = loan->buffer;
  const bool has_shape = buffer.shape != nullptr;
  loan->n_dimensions = has_shape || buffer.ndim == 0 ? buffer.ndim : 1;
  if (loan->n_dimensions > kMaxDimensions) {
    PyErr_Format(PyExc_ValueError, "Buffer has too many dimensions (%d, at most %d)", buffer.ndim,
                 kMaxDimensions);
    return false;
  }
  Py_ssize_t stride = buffer.itemsize;
  for (int i = loan->n_dimensions - 1; i >= 0; --i) {
    loan->shape[i] = has_shape ? buffer.shape[i] : buffer.len / std::max(stride, Py_ssize_t{1});
    loan->strides[i] = buffer.strides != nullptr ? buffer.strides[i] : stride;
    loan->suboffsets[i] = buffer.suboffsets != nullptr ? buffer.suboffsets[i] : -1;
    stride *= loan->shape[i];
  }
  return true;
}

// ---- what is lent against what is wanted ----

template <typename... Args>
bool unfit(const char* message, Args... args) {
  PyErr_Format(PyExc_ValueError, message, args...);
  return false;
}

constexpr const char* kOtherDimension =
    "Buffer and memoryview are not contiguous in the same dimension.";

bool has_fitting_stride(const Py_buffer& buffer, int axis, Axis wanted) {
  if (buffer.shape[axis] <= 1) return true;
  const Py_ssize_t stride = buffer.strides[axis];
  if (wanted.packing == AxisPacking::kContiguous) {
    if (wanted.access != AxisAccess::kDirect) {
      if (stride != static_cast<Py_ssize_t>(sizeof(void*)))
        return unfit("Buffer is not indirectly contiguous in dimension %d.", axis);
    } else if (stride != buffer.itemsize) {
      return unfit(kOtherDimension);
    }
  }
  if (wanted.packing == AxisPacking::kFollow && std::abs(stride) < buffer.itemsize)
    return unfit(kOtherDimension);
  return true;
}

// The exporter left strides out: it has them as C has.
bool has_fitting_packing(const Py_buffer& buffer, int axis, Axis wanted) {
  if (buffer.shape[axis] <= 1) return true;
  if (wanted.packing == AxisPacking::kContiguous && axis != buffer.ndim - 1)
    return unfit("C-contiguous buffer is not contiguous in dimension %d", axis);
  if (wanted.access == AxisAccess::kPointer)
    return unfit("C-contiguous buffer is not indirect in dimension %d", axis);
  if (buffer.suboffsets != nullptr) return unfit("Buffer exposes suboffsets but no strides");
  return true;
}

bool has_fitting_access(const Py_buffer& buffer, int axis, Axis wanted) {
  const bool is_pointer = buffer.suboffsets != nullptr && buffer.suboffsets[axis] >= 0;
  if (wanted.access == AxisAccess::kDirect && is_pointer)
    return unfit("Buffer not compatible with direct access in dimension %d.", axis);
  if (wanted.access == AxisAccess::kPointer && !is_pointer)
    return unfit("Buffer is not indirectly accessible in dimension %d.", axis);
  return true;
}

bool is_packed(const Py_buffer& buffer, bool is_fortran) {
  Py_ssize_t stride = buffer.itemsize;
  for (int k = 0; k < buffer.ndim; ++k) {
    const int i = is_fortran ? k : buffer.ndim - 1 - k;
    if (buffer.shape[i] > 1 && buffer.strides[i] != stride)
      return unfit(is_fortran ? "Buffer not fortran contiguous." : "Buffer not C contiguous.");
    stride *= buffer.shape[i];
  }
  return true;
}

bool fits(const Py_buffer& buffer, const ViewSpec& spec) {
  if (!buffer_fits(buffer, *spec.item, spec.n_dimensions, false)) return false;
  // The strides of what is empty mean nothing.
  if (buffer.len <= 0) return true;
  if (buffer.shape == nullptr) return unfit("Buffer does not expose its shape");
  for (int i = 0; i < buffer.ndim; ++i) {
    const bool is_packing_fit = buffer.strides != nullptr
                                    ? has_fitting_stride(buffer, i, spec.axes[i])
                                    : has_fitting_packing(buffer, i, spec.axes[i]);
    if (!is_packing_fit || !has_fitting_access(buffer, i, spec.axes[i])) return false;
  }
  if (buffer.strides == nullptr) return true;
  if (spec.is_fortran_contiguous) return is_packed(buffer, true);
  return !spec.is_c_contiguous || is_packed(buffer, false);
}

int flags_of(const ViewSpec& spec) {
  int flags = PyBUF_RECORDS_RO;
  bool is_indirect = false;
  for (int i = 0; i < spec.n_dimensions; ++i)
    is_indirect |= spec.axes[i].access != AxisAccess::kDirect;
  if (spec.is_c_contiguous) {
    flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT;
  } else if (spec.is_fortran_contiguous) {
    flags = PyBUF_F_CONTIGUOUS | PyBUF_FORMAT;
  } else if (is_indirect) {
    flags = PyBUF_FULL_RO;
  }
  return spec.is_writable ? flags | PyBUF_WRITABLE : flags;
}

void take_layout(AnyView out, char* data, const Py_ssize_t* shape, const Py_ssize_t* strides,
                 const Py_ssize_t* suboffsets) {
  *out.data = data;
  for (int i = 0; i < out.n_dimensions; ++i) {
    out.shape[i] = shape[i];
    out.strides[i] = strides[i];
    if (out.suboffsets != nullptr) out.suboffsets[i] = suboffsets[i];
  }
}

void take_none(AnyView out) {
  hold(&none_memory);
  *out.memory = &none_memory;
  *out.data = nullptr;
  for (int i = 0; i < out.n_dimensions; ++i) {
    out.shape[i] = out.strides[i] = 0;
    if (out.suboffsets != nullptr) out.suboffsets[i] = -1;
  }
}

// Of our own class: its memory is shared, and nothing asked of the exporter.
bool acquire_again(AnyView out, MemoryViewObject* o, const ViewSpec& spec) {
  if (spec.is_writable && o->loan->buffer.readonly != 0)
    return unfit("Cannot create writable memory view from read-only memoryview");
  Py_buffer buffer = {};
  buffer.len = buffer.itemsize = o->item_size;
  for (int i = 0; i < o->n_dimensions; ++i) buffer.len *= o->shape[i];
  buffer.format = o->loan->buffer.format;
  buffer.ndim = o->n_dimensions;
  buffer.shape = o->shape;
  buffer.strides = o->strides;
  buffer.suboffsets = o->is_indirect ? o->suboffsets : nullptr;
  if (!fits(buffer, spec)) return false;
  *out.memory = lend_to_c(o->loan);
  take_layout(out, o->data, o->shape, o->strides, o->suboffsets);
  return true;
}

void never_released(Memory* /*memory*/) {}

}  // namespace

Memory none_memory = {1, never_released, nullptr};

Loan* borrow_memory(PyObject* exporter, int flags) {
  PyTypeObject* type = loan_type();
  if (type == nullptr) return nullptr;
  Loan* loan = new_loan(type);
  if (loan == nullptr) return nullptr;
  loan->memory.release = release_loan;
  if (PyObject_GetBuffer(exporter, &loan->buffer, flags) < 0) {
    loan->buffer.obj = nullptr;
    Py_DECREF(loan->object());
    return nullptr;
  }
  loan->memory.owner = Py_NewRef(exporter);
  if (normalize(loan)) return loan;
  Py_DECREF(loan->object());
  return nullptr;
}

Memory* lend_to_c(Loan* loan) {
  if (__atomic_fetch_add(&loan->memory.n_references, 1, __ATOMIC_RELAXED) == 0)
    Py_INCREF(loan->object());
  return &loan->memory;
}

bool acquire_view(AnyView out, PyObject* o, const ViewSpec& spec) {
  if (Py_IsNone(o)) {
    take_none(out);
    return true;
  }
  MemoryViewObject* known = as_memoryview(o);
  if (known != nullptr) return acquire_again(out, known, spec);
  Loan* loan = borrow_memory(o, flags_of(spec));
  if (loan == nullptr) return false;
  if (fits(loan->buffer, spec)) {
    *out.memory = lend_to_c(loan);
    take_layout(out, static_cast<char*>(loan->buffer.buf), loan->shape, loan->strides,
                loan->suboffsets);
  }
  const bool is_taken = loan->memory.n_references > 0;
  Py_DECREF(loan->object());
  return is_taken;
}

PyObject* view_to_object(AnyView view, const ViewSpec& spec, PyObject* home) {
  if (*view.memory == &none_memory) return Py_NewRef(Py_None);
  PyTypeObject* type = memoryview_type();
  if (type == nullptr) return nullptr;
  MemoryViewObject* o = new_memoryview(type, loan_of(*view.memory), nullptr);
  if (o == nullptr) return nullptr;
  o->n_dimensions = view.n_dimensions;
  o->item_size = static_cast<Py_ssize_t>(whole_size(*spec.item));
  o->has_objects = spec.item->group == ItemGroup::kObject;
  o->to_object = spec.to_object;
  o->from_object = spec.from_object;
  o->home = Py_XNewRef(home);
  o->data = *view.data;
  for (int i = 0; i < view.n_dimensions; ++i) {
    o->shape[i] = view.shape[i];
    o->strides[i] = view.strides[i];
    o->suboffsets[i] = view.suboffsets != nullptr ? view.suboffsets[i] : -1;
    o->is_indirect |= o->suboffsets[i] >= 0;
  }
  return &o->ob_base;
}

namespace {

// How templates lay a view out.
AnyView any_of(void* view, const ViewSpec& spec) {
  bool is_indirect = false;
  for (int i = 0; i < spec.n_dimensions; ++i)
    is_indirect |= spec.axes[i].access != AxisAccess::kDirect;
  static_assert(sizeof(View<3>) == 8 * sizeof(void*));
  static_assert(sizeof(IndirectView<3>) == 11 * sizeof(void*));
  auto** data = static_cast<char**>(view);
  auto* shape = reinterpret_cast<Py_ssize_t*>(data + 1);
  Py_ssize_t* strides = shape + spec.n_dimensions;
  auto** memory = reinterpret_cast<Memory**>(strides + spec.n_dimensions);
  auto* suboffsets = reinterpret_cast<Py_ssize_t*>(memory + 1);
  return {memory, data, spec.n_dimensions, shape, strides, is_indirect ? suboffsets : nullptr};
}

}  // namespace

bool acquire_view(void* out, PyObject* o, const ViewSpec& spec) {
  return acquire_view(any_of(out, spec), o, spec);
}

PyObject* view_to_object(void* view, const ViewSpec& spec, PyObject* home) {
  return view_to_object(any_of(view, spec), spec, home);
}

bool copy_contiguous(AnyView from, AnyView out, const ViewSpec& spec, char order) {
  const WithGil gil;
  Loan* source = loan_of(*from.memory);
  const Ref format(source->buffer.format != nullptr ? PyBytes_FromString(source->buffer.format)
                                                    : format_of(*spec.item));
  if (!format) return false;
  Loan* loan = copy_to_new_memory(from, format, static_cast<Py_ssize_t>(whole_size(*spec.item)),
                                  spec.item->group == ItemGroup::kObject, order == 'f');
  if (loan == nullptr) return false;
  *out.memory = lend_to_c(loan);
  take_layout(out, static_cast<char*>(loan->buffer.buf), loan->shape, loan->strides,
              loan->suboffsets);
  Py_DECREF(loan->object());
  return true;
}

// ---- errors ----

bool raise_none_view(const char* verb) {
  const WithGil gil;
  PyErr_Format(PyExc_TypeError, "Cannot %s None memoryview slice", verb);
  return false;
}

bool raise_none_view_attribute(const char* name) {
  const WithGil gil;
  if (std::strcmp(name, "T") == 0) {
    PyErr_SetString(PyExc_AttributeError, "Cannot transpose None memoryview slice");
  } else {
    PyErr_Format(PyExc_AttributeError, "Cannot access '%s' attribute of None memoryview slice",
                 name);
  }
  return false;
}

bool raise_unbound_view(const char* name) {
  const WithGil gil;
  PyErr_Format(PyExc_UnboundLocalError, "local variable '%s' referenced before assignment", name);
  return false;
}

bool raise_view_not_returned() {
  const WithGil gil;
  PyErr_SetString(PyExc_TypeError, "Memoryview return value is not initialized");
  return false;
}

bool raise_index_out_of_bounds(int axis) {
  const WithGil gil;
  PyErr_Format(PyExc_IndexError, "Index out of bounds (axis %d)", axis);
  return false;
}

}  // namespace er
