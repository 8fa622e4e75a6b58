// runtime/memoryview.h — typed memoryviews: `int[:, ::1] a`.
//
// A View is where memory is: plain data, passed by value, and it counts nothing, like a borrowed
// PyObject*. A ViewRef is one that keeps its Memory alive, like a Ref. Neither needs the GIL: a
// Memory is counted atomically, and takes the GIL itself when the buffer has to be given back.
//
// Nobody but the function itself has the address of a local ViewRef, so that the optimizer keeps
// its parts in registers: what a function of the library fills is a View of its own, which is then
// taken.
//
// What is the same for all numbers of dimensions is in the library, and gets an AnyView.
#pragma once

#include "runtime/buffer.h"

namespace er {

// What lent the memory.
struct Memory {
  Py_ssize_t n_references;   // changed atomically
  void (*release)(Memory*);  // when nobody refers to it any more; with or without the GIL
  PyObject* owner;           // whose memory it is; a new reference, may be null
};

// Stands for None in views.
__attribute__((visibility("default"))) extern Memory none_memory;

ER_BEGIN_INLINE
inline void hold(Memory* memory) {
  if (memory != nullptr) __atomic_fetch_add(&memory->n_references, 1, __ATOMIC_RELAXED);
}
inline void drop(Memory* memory) {
  if (memory != nullptr && __atomic_fetch_sub(&memory->n_references, 1, __ATOMIC_ACQ_REL) == 1)
    memory->release(memory);
}

// `memory` is null as long as the variable has no value.
template <int N>
struct View : BufferView<N> {
  static constexpr int kDimensions = N;
  Memory* memory = nullptr;

  explicit operator bool() const { return memory != nullptr; }
  bool is_none() const { return memory == &none_memory; }
};

// The same where dimensions may hold pointers.
template <int N>
struct IndirectView : View<N> {
  Py_ssize_t suboffsets[N];
};

// A view with a reference of its own.
template <typename V>
class ViewRef : public V {
 public:
  ViewRef() = default;
  // Takes over a reference.
  explicit ViewRef(const V& taken) : V(taken) {}
  ViewRef(const ViewRef&) = delete;
  ViewRef(ViewRef&& other) noexcept : V(other.release()) {}
  ViewRef& operator=(const ViewRef&) = delete;
  ViewRef& operator=(ViewRef&& other) noexcept {
    take(other.release());
    return *this;
  }
  ~ViewRef() { drop(this->memory); }

  const V& get() const { return *this; }
  // Takes over a reference.
  void take(const V& taken) {
    Memory* const old = this->memory;
    static_cast<V&>(*this) = taken;
    drop(old);
  }
  // Adds one, unless it is another part of the same memory, as in loops over slices.
  void borrow(const V& other) {
    Memory* const old = this->memory;
    const bool is_other = other.memory != old;
    if (is_other) hold(other.memory);
    static_cast<V&>(*this) = other;
    if (is_other) drop(old);
  }
  V release() {
    const V taken = *this;
    this->memory = nullptr;
    return taken;
  }
  void reset() { drop(release().memory); }
};
ER_END_INLINE

// A view of any number of dimensions; `suboffsets` is null if no dimension holds pointers.
struct AnyView {
  Memory** memory;
  char** data;
  int n_dimensions;
  Py_ssize_t* shape;
  Py_ssize_t* strides;
  Py_ssize_t* suboffsets;
};

template <int N>
inline AnyView any(View<N>& view) {
  return {&view.memory, &view.data, N, view.shape, view.strides, nullptr};
}
template <int N>
inline AnyView any(IndirectView<N>& view) {
  return {&view.memory, &view.data, N, view.shape, view.strides, view.suboffsets};
}

// ---- from and to objects: with the GIL ----

enum class AxisAccess : unsigned char { kDirect, kPointer, kFull };
enum class AxisPacking : unsigned char { kContiguous, kStrided, kFollow };
struct Axis {
  AxisAccess access;
  AxisPacking packing;
};

// What a variable wants of an exporter, and how its items look in Python.
struct ViewSpec {
  const ItemType* item;
  int n_dimensions;
  const Axis* axes;
  bool is_writable;
  bool is_c_contiguous;        // as a whole: the last axis is ::1, and there are no pointers
  bool is_fortran_contiguous;  // likewise, the first
  // Null if there is no such conversion.
  PyObject* (*to_object)(const char* item);
  bool (*from_object)(PyObject* o, char* item);
};

// Fills the view, which gets a reference; false with an exception: ValueError of the buffer's
// layout, TypeError of something without a buffer. None is a view of none_memory.
ER_RUNTIME_API bool acquire_view(AnyView out, PyObject* o, const ViewSpec& spec);
// A cython.view.memoryview of it: a new reference. None of none_memory. `home` keeps the code of
// the spec's functions loaded; may be null.
ER_RUNTIME_API PyObject* view_to_object(AnyView view, const ViewSpec& spec, PyObject* home);
// The same of an er::View or er::IndirectView with as many axes as the spec has, which is less for
// cells to write down.
ER_RUNTIME_API bool acquire_view(void* out, PyObject* o, const ViewSpec& spec);
ER_RUNTIME_API PyObject* view_to_object(void* view, const ViewSpec& spec, PyObject* home);

// What a spec has for items that are numbers. The library has them for those of C.
template <typename T>
ER_RUNTIME_API PyObject* item_to_object(const char* item);
template <typename T>
ER_RUNTIME_API bool item_from_object(PyObject* o, char* item);

// <double[:n, :m]> pointer: a new cython.view.array that does not own its memory.
ER_RUNTIME_API PyObject* array_of_pointer(void* data, const ViewSpec& spec, const Py_ssize_t* shape,
                                          bool is_fortran);

// cython.view.array, whose fields C code may use.
struct ArrayObject {
  PyObject ob_base;
  char* data;
  Py_ssize_t len;
  char* format;
  int ndim;
  Py_ssize_t* _shape;
  Py_ssize_t* _strides;
  Py_ssize_t itemsize;
  PyObject* mode;     // str
  PyObject* _format;  // bytes: owns `format`
  void (*callback_free_data)(void* data);
  PyObject* home;  // may be null; whoever sets the callback puts here what keeps its code loaded
  bool free_data;
  bool dtype_is_object;
};

// The classes: borrowed, null with an exception.
ER_RUNTIME_API PyTypeObject* array_type();
ER_RUNTIME_API PyTypeObject* memoryview_type();
// cython.view.generic, strided, indirect, contiguous, indirect_contiguous: a new reference.
ER_RUNTIME_API PyObject* axis_object(Axis axis);

// ---- with or without the GIL ----

// Raise, always false.
// "Cannot index None memoryview slice": index, assign to, slice.
ER_RUNTIME_API ER_COLD bool raise_none_view(const char* verb);
// An AttributeError; of T: transpose.
ER_RUNTIME_API ER_COLD bool raise_none_view_attribute(const char* name);
ER_RUNTIME_API ER_COLD bool raise_unbound_view(const char* name);
// A function of C ended without a value for its view.
ER_RUNTIME_API ER_COLD bool raise_view_not_returned();
// "Index out of bounds (axis 0)", as it is said of an index beside slices.
ER_RUNTIME_API ER_COLD bool raise_index_out_of_bounds(int axis);

// One axis of a slice, in place. Missing bounds have their has_… false.
struct SliceBounds {
  Py_ssize_t start, stop, step;
  bool has_start, has_stop, has_step;
};
// ValueError of step 0, which names the axis; else cannot fail (as in Python, bounds are cut to the
// axis).
ER_RUNTIME_API bool slice_axis(Py_ssize_t* shape, Py_ssize_t* stride, char** data,
                               const SliceBounds& bounds, int axis);

// What stands for one axis in v[...]: an index takes an axis away, a slice keeps it, newaxis adds
// one.
struct ViewIndex {
  enum Kind : unsigned char { kIndex, kSlice, kNewAxis } kind;
  SliceBounds bounds;  // an index is `start`
};
// The general case, pointers included: sets all of `out` but its memory, which gets no reference.
// Indices are wrapped and checked. `n` counts all indices; those that take an axis of `from` must
// be as many as it has.
ER_RUNTIME_API bool slice_view(AnyView from, AnyView out, const ViewIndex* indices, int n);
// ValueError if an axis holds pointers.
ER_RUNTIME_API bool transpose_view(AnyView view);

// to[...] = from: broadcast over missing and single dimensions, copied aside first if they overlap.
// ValueError of shapes that do not fit. Objects are counted, which takes the GIL.
ER_RUNTIME_API bool copy_view(AnyView from, AnyView to, std::size_t item_size, bool has_objects);
// to[...] = item.
ER_RUNTIME_API bool fill_view(AnyView to, const void* item, std::size_t item_size,
                              bool has_objects);
// A new view of new memory, 'c' or 'f', with a reference; takes the GIL to make it.
ER_RUNTIME_API bool copy_contiguous(AnyView from, AnyView out, const ViewSpec& spec, char order);
ER_RUNTIME_API bool is_contiguous(AnyView view, std::size_t item_size, char order);
ER_RUNTIME_API bool views_overlap(AnyView a, AnyView b, std::size_t item_size);

}  // namespace er
