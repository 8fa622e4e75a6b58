// What indices and slices make of a view's layout.
#include <algorithm>

#include "runtime/loan.h"

namespace er {
namespace {

bool fail(PyObject* type, const char* message, int axis) {
  const WithGil gil;
  PyErr_Format(type, message, axis);
  return false;
}

// Where a slice begins, in items, and how many it has.
struct Cut {
  Py_ssize_t start;
  Py_ssize_t step;
  Py_ssize_t n;
};

bool cut(Py_ssize_t size, const SliceBounds& bounds, int axis, Cut* result) {
  Py_ssize_t step = bounds.has_step ? bounds.step : 1;
  if (step == 0) return fail(PyExc_ValueError, "Step may not be zero (axis %d)", axis);
  step = std::max(step, -PY_SSIZE_T_MAX);  // so that it can be negated
  Py_ssize_t start = bounds.has_start ? bounds.start : (step < 0 ? PY_SSIZE_T_MAX : 0);
  Py_ssize_t stop = bounds.has_stop ? bounds.stop : (step < 0 ? PY_SSIZE_T_MIN : PY_SSIZE_T_MAX);
  const Py_ssize_t n = PySlice_AdjustIndices(size, &start, &stop, step);
  *result = {start, step, n};
  return true;
}

// Of a step that leads far outside there is one item at most, and the product means nothing.
Py_ssize_t stepped(Py_ssize_t stride, Py_ssize_t step) {
  return static_cast<Py_ssize_t>(static_cast<std::size_t>(stride) * static_cast<std::size_t>(step));
}

// Makes a new layout, axis by axis.
class Slicer {
 public:
  Slicer(AnyView from, AnyView out) : from_(from), out_(out) { *out_.data = *from_.data; }

  bool add(const ViewIndex& index) {
    switch (index.kind) {
      case ViewIndex::kIndex:
        return add_index(index.bounds.start);
      case ViewIndex::kSlice:
        return add_slice(index.bounds);
      case ViewIndex::kNewAxis:
        set_axis(1, 0, -1);
        return true;
    }
    return false;
  }

 private:
  Py_ssize_t suboffset() const {
    return from_.suboffsets != nullptr ? from_.suboffsets[axis_] : -1;
  }

  // Behind a pointer that was not followed yet, items are counted from where it leads to.
  void move(Py_ssize_t n_bytes) {
    if (pointer_axis_ < 0) {
      *out_.data += n_bytes;
    } else {
      out_.suboffsets[pointer_axis_] += n_bytes;
    }
  }

  void set_axis(Py_ssize_t size, Py_ssize_t stride, Py_ssize_t suboffset) {
    out_.shape[n_] = size;
    out_.strides[n_] = stride;
    if (out_.suboffsets != nullptr) out_.suboffsets[n_] = suboffset;
    ++n_;
  }

  bool add_index(Py_ssize_t index) {
    const Py_ssize_t at = wrap(index, from_.shape[axis_]);
    if (is_outside(at, from_.shape[axis_])) return raise_index_out_of_bounds(axis_);
    move(at * from_.strides[axis_]);
    if (suboffset() >= 0) {
      if (n_ > 0)
        return fail(PyExc_IndexError,
                    "All dimensions preceding dimension %d must be indexed and not sliced", axis_);
      *out_.data = follow(*out_.data, suboffset());
    }
    ++axis_;
    return true;
  }

  bool add_slice(const SliceBounds& bounds) {
    Cut result;
    if (!cut(from_.shape[axis_], bounds, axis_, &result)) return false;
    const Py_ssize_t stride = from_.strides[axis_];
    // Nothing is read of an empty slice, but where it is should stay inside.
    if (result.n > 0) move(result.start * stride);
    if (suboffset() >= 0) pointer_axis_ = n_;
    set_axis(result.n, stepped(stride, result.step), suboffset());
    ++axis_;
    return true;
  }

  AnyView from_;
  AnyView out_;
  int axis_ = 0;           // of `from_`
  int n_ = 0;              // axes of `out_`
  int pointer_axis_ = -1;  // of `out_`: the last that holds pointers
};

}  // namespace

bool slice_axis(Py_ssize_t* shape, Py_ssize_t* stride, char** data, const SliceBounds& bounds,
                int axis) {
  Cut result;
  if (!cut(*shape, bounds, axis, &result)) return false;
  if (result.n > 0) *data += result.start * *stride;
  *shape = result.n;
  *stride = stepped(*stride, result.step);
  return true;
}

bool slice_view(AnyView from, AnyView out, const ViewIndex* indices, int n) {
  Slicer slicer(from, out);
  for (int i = 0; i < n; ++i)
    if (!slicer.add(indices[i])) return false;
  return true;
}

bool transpose_view(AnyView view) {
  for (int i = 0; i < view.n_dimensions; ++i)
    if (view.suboffsets != nullptr && view.suboffsets[i] >= 0)
      return fail(PyExc_ValueError, "Cannot transpose memoryview with indirect dimensions", i);
  std::reverse(view.shape, view.shape + view.n_dimensions);
  std::reverse(view.strides, view.strides + view.n_dimensions);
  return true;
}

}  // namespace er
