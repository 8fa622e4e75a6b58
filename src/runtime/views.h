// runtime/views.h — what generated code does with memoryviews whose number of dimensions it knows.
//
// V is an er::View or er::IndirectView. It is passed by value, so that what the library gets the
// address of is a copy; all of this is gone before the optimizer looks at functions.
#pragma once

#include <initializer_list>

#include "runtime/memoryview.h"

namespace er {
ER_BEGIN_INLINE

// ---- references, by the names that they have for objects ----

template <int N>
View<N> new_ref(const View<N>& view) {
  hold(view.memory);
  return view;
}
template <int N>
IndirectView<N> new_ref(const IndirectView<N>& view) {
  hold(view.memory);
  return view;
}
template <int N>
ViewRef<View<N>> borrow(const View<N>& view) {
  return ViewRef<View<N>>(new_ref(view));
}
template <int N>
ViewRef<IndirectView<N>> borrow(const IndirectView<N>& view) {
  return ViewRef<IndirectView<N>>(new_ref(view));
}

// A C variable of a module. Without a destructor, as it may outlive the interpreter.
template <typename V>
class GlobalView : public V {
 public:
  const V& get() const { return *this; }
  GlobalView& operator=(ViewRef<V>&& other) noexcept {
    Memory* const old = this->memory;
    static_cast<V&>(*this) = other.release();
    drop(old);
    return *this;
  }
  void borrow(const V& other) { *this = er::borrow(other); }
  void reset() { *this = ViewRef<V>(); }
};

// ---- from and to objects ----

template <typename V>
bool view_from_object(PyObject* o, ViewRef<V>* out, const ViewSpec& spec) {
  V made;
  if (!acquire_view(&made, o, spec)) return false;
  out->take(made);
  return true;
}
template <typename V>
PyObject* view_to_object(V view, const ViewSpec& spec, PyObject* home) {
  return view_to_object(static_cast<void*>(&view), spec, home);
}
inline PyObject* array_class() { return reinterpret_cast<PyObject*>(array_type()); }
inline PyObject* memoryview_class() { return reinterpret_cast<PyObject*>(memoryview_type()); }
inline void keep_callback(PyObject* array, PyObject* home) {
  if (!Py_IsNone(array)) Py_XSETREF(reinterpret_cast<ArrayObject*>(array)->home, Py_XNewRef(home));
}
inline PyObject* axis_object_of(int access, int packing) {
  return axis_object({static_cast<AxisAccess>(access), static_cast<AxisPacking>(packing)});
}
inline PyObject* array_of_pointer(void* data, const ViewSpec& spec,
                                  std::initializer_list<Py_ssize_t> shape, bool is_fortran) {
  return array_of_pointer(data, spec, shape.begin(), is_fortran);
}

// ---- parts of a view ----

// Axis `from` of a view as axis `to` of another.
template <typename V, typename W>
void take_axis(V& out, int to, const W& view, int from) {
  out.shape[to] = view.shape[from];
  out.strides[to] = view.strides[from];
}
template <typename V>
void add_axis(V& out, int to) {
  out.shape[to] = 1;
  out.strides[to] = 0;
}

inline Py_ssize_t cut_bound(Py_ssize_t bound, Py_ssize_t size) {
  if (bound < 0) {
    bound += size;
    return bound < 0 ? 0 : bound;
  }
  return bound < size ? bound : size;
}
// view[start:stop] of one axis; without a start it is 0, without a stop the largest there is.
template <typename V, typename W>
void cut_axis(V& out, int to, const W& view, int from, Py_ssize_t start, Py_ssize_t stop) {
  const Py_ssize_t size = view.shape[from];
  start = cut_bound(start, size);
  stop = cut_bound(stop, size);
  out.data += start * view.strides[from];
  out.shape[to] = stop > start ? stop - start : 0;
  out.strides[to] = view.strides[from];
}
template <typename V, typename W>
bool slice_axis(V& out, int to, const W& view, int from, const SliceBounds& bounds) {
  Py_ssize_t size = view.shape[from];
  Py_ssize_t stride = view.strides[from];
  char* data = out.data;
  if (!slice_axis(&size, &stride, &data, bounds, from)) return false;
  out.data = data;
  out.shape[to] = size;
  out.strides[to] = stride;
  return true;
}
// Of views with pointers in them.
template <typename V, typename W>
bool slice_view(V from, W& out, std::initializer_list<ViewIndex> indices) {
  W made;
  const bool done =
      slice_view(any(from), any(made), indices.begin(), static_cast<int>(indices.size()));
  made.memory = from.memory;
  out = made;
  return done;
}

template <int N>
View<N> transposed(const View<N>& view) {
  View<N> result;
  result.memory = view.memory;
  result.data = view.data;
  for (int i = 0; i < N; ++i) take_axis(result, i, view, N - 1 - i);
  return result;
}

template <int N>
bool transposed_some(const View<N>& view, ViewRef<View<N>>* out) {
  if (view.is_none()) return raise_none_view_attribute("T");
  out->borrow(transposed(view));
  return true;
}

template <typename V>
Py_ssize_t length(const V& view) {
  return view.shape[0];
}
// How many turns a loop over it has; -1 with an exception if it is None.
template <typename V>
Py_ssize_t n_turns_over(const V& view) {
  if (!view.is_none()) return view.shape[0];
  raise_none_view("iterate over");
  return -1;
}
template <typename V>
bool is_bound(const V& view) {
  return view.memory != nullptr;
}
template <typename V>
bool is_none(const V& view) {
  return view.is_none();
}
// As an object it has a length, and None is false.
template <typename V>
bool is_true(const V& view) {
  return !view.is_none() && view.shape[0] > 0;
}
template <typename V>
V none_view() {
  V view;
  view.memory = &none_memory;
  hold(&none_memory);
  return view;
}
// Of a view without pointers.
inline Py_ssize_t* no_suboffsets() {
  static Py_ssize_t suboffsets[] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return suboffsets;
}

// The same memory, as a view that would also follow pointers.
template <int N>
IndirectView<N> as_indirect(const View<N>& view) {
  IndirectView<N> result;
  static_cast<View<N>&>(result) = view;
  for (int i = 0; i < N; ++i) result.suboffsets[i] = -1;
  return result;
}
template <int N>
IndirectView<N> as_indirect(const IndirectView<N>& view) {
  return view;
}

// ---- all items at once ----

template <typename V, typename W>
bool copy_items(V from, W to, std::size_t item_size, bool has_objects) {
  return copy_view(any(from), any(to), item_size, has_objects);
}
template <typename V, typename T>
bool fill_items(V to, T item, bool has_objects) {
  return fill_view(any(to), &item, sizeof item, has_objects);
}
template <typename V, typename W>
bool copy_contiguous(V from, ViewRef<W>* out, const ViewSpec& spec, char order) {
  W made;
  if (!copy_contiguous(any(from), any(made), spec, order)) return false;
  out->take(made);
  return true;
}
template <typename V>
int is_contiguous(V view, std::size_t item_size, char order) {
  return is_contiguous(any(view), item_size, order) ? 1 : 0;
}

ER_END_INLINE
}  // namespace er
