// Items from one view to another, or one item to all. Dimensions are put into the order of the
// target's memory first, and those that lie behind one another become one: what is contiguous is
// then a single row, whatever its shape.
#include <algorithm>
#include <cstdlib>

#include "runtime/loan.h"

namespace er {
namespace {

bool fail(PyObject* type, const char* message) {
  const WithGil gil;
  PyErr_SetString(type, message);
  return false;
}

bool is_pointer(AnyView view, int axis) {
  return view.suboffsets != nullptr && view.suboffsets[axis] >= 0;
}

// Two layouts of one shape.
struct Walk {
  int n;
  Py_ssize_t shape[kMaxDimensions];
  Py_ssize_t from[kMaxDimensions];  // strides
  Py_ssize_t to[kMaxDimensions];
};

// ---- the order of dimensions ----

void swap_axes(Walk& walk, int a, int b) {
  std::swap(walk.shape[a], walk.shape[b]);
  std::swap(walk.from[a], walk.from[b]);
  std::swap(walk.to[a], walk.to[b]);
}

// The steps in the target become smaller from axis to axis.
void sort_axes(Walk& walk) {
  for (int i = 1; i < walk.n; ++i)
    for (int k = i; k > 0 && std::abs(walk.to[k - 1]) < std::abs(walk.to[k]); --k)
      swap_axes(walk, k - 1, k);
}

void simplify(Walk& walk) {
  sort_axes(walk);
  int n = 0;
  for (int i = 0; i < walk.n; ++i) {
    if (walk.shape[i] == 1) continue;
    const int last = n - 1;
    if (n > 0 && walk.from[last] == walk.from[i] * walk.shape[i] &&
        walk.to[last] == walk.to[i] * walk.shape[i]) {
      walk.shape[last] *= walk.shape[i];
      walk.from[last] = walk.from[i];
      walk.to[last] = walk.to[i];
      continue;
    }
    walk.shape[n] = walk.shape[i];
    walk.from[n] = walk.from[i];
    walk.to[n] = walk.to[i];
    ++n;
  }
  walk.n = n;
}

Py_ssize_t count(const Walk& walk) {
  Py_ssize_t n = 1;
  for (int i = 0; i < walk.n; ++i) n *= walk.shape[i];
  return n;
}

// Calls row(from, to, n) for all rows along the last axis.
template <typename Row>
void each_row(const Walk& walk, char* from, char* to, Row row) {
  if (count(walk) == 0) return;
  const int n_outer = std::max(walk.n - 1, 0);
  const Py_ssize_t length = walk.n > 0 ? walk.shape[walk.n - 1] : 1;
  Py_ssize_t at[kMaxDimensions] = {};
  for (;;) {
    row(from, to, length);
    int axis = n_outer - 1;
    for (; axis >= 0; --axis) {
      from += walk.from[axis];
      to += walk.to[axis];
      if (++at[axis] < walk.shape[axis]) break;
      from -= walk.from[axis] * walk.shape[axis];
      to -= walk.to[axis] * walk.shape[axis];
      at[axis] = 0;
    }
    if (axis < 0) return;
  }
}

// ---- rows ----

struct RowStrides {
  Py_ssize_t from;
  Py_ssize_t to;
};

template <std::size_t kSize>
void copy_row(char* from, char* to, Py_ssize_t n, RowStrides strides) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    std::memcpy(to, from, kSize);
    from += strides.from;
    to += strides.to;
  }
}

void copy_row(char* from, char* to, Py_ssize_t n, RowStrides strides, std::size_t item_size) {
  const auto packed = static_cast<Py_ssize_t>(item_size);
  if (strides.from == packed && strides.to == packed) {
    std::memcpy(to, from, static_cast<std::size_t>(n) * item_size);
    return;
  }
  switch (item_size) {
    case 1:
      return copy_row<1>(from, to, n, strides);
    case 2:
      return copy_row<2>(from, to, n, strides);
    case 4:
      return copy_row<4>(from, to, n, strides);
    case 8:
      return copy_row<8>(from, to, n, strides);
    case 16:
      return copy_row<16>(from, to, n, strides);
    default:
      for (Py_ssize_t i = 0; i < n; ++i) {
        std::memcpy(to, from, item_size);
        from += strides.from;
        to += strides.to;
      }
  }
}

RowStrides row_strides(const Walk& walk) {
  return walk.n > 0 ? RowStrides{walk.from[walk.n - 1], walk.to[walk.n - 1]} : RowStrides{0, 0};
}

void copy_bytes(const Walk& walk, char* from, char* to, std::size_t item_size) {
  const RowStrides strides = row_strides(walk);
  each_row(walk, from, to, [&](char* source, char* target, Py_ssize_t n) {
    copy_row(source, target, n, strides, item_size);
  });
}

PyObject*& object_at(char* data) { return *reinterpret_cast<PyObject**>(data); }

// The old ones go one by one: what their finalizers see has been assigned already, or not yet.
void copy_objects(const Walk& walk, char* from, char* to) {
  const RowStrides strides = row_strides(walk);
  each_row(walk, from, to, [&](char* source, char* target, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* old = object_at(target);
      object_at(target) = Py_XNewRef(object_at(source));
      Py_XDECREF(old);
      source += strides.from;
      target += strides.to;
    }
  });
}

void copy_items(const Walk& walk, char* from, char* to, std::size_t item_size, bool has_objects) {
  if (has_objects) {
    copy_objects(walk, from, to);
  } else {
    copy_bytes(walk, from, to, item_size);
  }
}

// ---- a copy aside ----

// By way of memory in between, as the source would change under the copy. Objects in there have
// references of their own: the target's may be their last.
bool copy_by_way(const Walk& walk, char* from, char* to, std::size_t item_size, bool has_objects) {
  const std::size_t n_bytes = static_cast<std::size_t>(count(walk)) * item_size;
  char* aside = static_cast<char*>(has_objects ? std::calloc(1, std::max(n_bytes, std::size_t{1}))
                                               : std::malloc(std::max(n_bytes, std::size_t{1})));
  if (aside == nullptr) return fail(PyExc_MemoryError, "");
  Walk away = walk;
  set_contiguous_strides(walk.n, walk.shape, away.to, static_cast<Py_ssize_t>(item_size), false);
  Walk back = walk;
  std::copy_n(away.to, walk.n, back.from);
  copy_items(away, from, aside, item_size, has_objects);
  copy_items(back, aside, to, item_size, has_objects);
  for (std::size_t i = 0; has_objects && i < n_bytes; i += sizeof(PyObject*))
    Py_XDECREF(object_at(aside + i));
  std::free(aside);
  return true;
}

// ---- shapes ----

// Sets the axes of one side; missing ones in front have one item.
void set_axes(AnyView view, int n, Py_ssize_t* shape, Py_ssize_t* strides) {
  const int offset = n - view.n_dimensions;
  for (int i = 0; i < n; ++i) {
    shape[i] = i < offset ? 1 : view.shape[i - offset];
    strides[i] = i < offset ? 0 : view.strides[i - offset];
  }
}

bool broadcast(AnyView from, AnyView to, Walk* walk) {
  walk->n = std::max(from.n_dimensions, to.n_dimensions);
  Py_ssize_t shape[kMaxDimensions];
  set_axes(from, walk->n, shape, walk->from);
  set_axes(to, walk->n, walk->shape, walk->to);
  for (int i = 0; i < walk->n; ++i) {
    if (shape[i] == walk->shape[i]) continue;
    if (shape[i] != 1) {
      const WithGil gil;
      PyErr_Format(PyExc_ValueError, "got differing extents in dimension %d (got %zd and %zd)", i,
                   walk->shape[i], shape[i]);
      return false;
    }
    walk->from[i] = 0;
  }
  return true;
}

bool is_direct(AnyView view) {
  for (int i = 0; i < view.n_dimensions; ++i) {
    if (!is_pointer(view, i)) continue;
    const WithGil gil;
    PyErr_Format(PyExc_ValueError, "Dimension %d is not direct", i);
    return false;
  }
  return true;
}

struct Extent {
  const char* begin;
  const char* end;
};

Extent extent_of(AnyView view, std::size_t item_size) {
  Extent extent{*view.data, *view.data};
  for (int i = 0; i < view.n_dimensions; ++i) {
    if (view.shape[i] == 0) return {*view.data, *view.data};
    (view.strides[i] > 0 ? extent.end : extent.begin) += view.strides[i] * (view.shape[i] - 1);
  }
  extent.end += item_size;
  return extent;
}

// Each item is copied to its own place.
bool is_same_place(AnyView from, AnyView to, const Walk& walk) {
  return *from.data == *to.data && std::equal(walk.from, walk.from + walk.n, walk.to);
}

// The strides of a walk that has a target only.
Walk walk_of(AnyView view) {
  Walk walk;
  walk.n = view.n_dimensions;
  set_axes(view, walk.n, walk.shape, walk.to);
  std::fill_n(walk.from, walk.n, 0);
  return walk;
}

// `item` is in place of a source that does not move on.
void fill_bytes(const Walk& walk, char* item, char* to, std::size_t item_size) {
  if (item_size != 1) return copy_bytes(walk, item, to, item_size);
  const RowStrides strides = row_strides(walk);
  each_row(walk, item, to, [&](char* source, char* target, Py_ssize_t n) {
    if (strides.to != 1) return copy_row<1>(source, target, n, strides);
    std::memset(target, static_cast<unsigned char>(*source), static_cast<std::size_t>(n));
  });
}

}  // namespace

bool copy_view(AnyView from, AnyView to, std::size_t item_size, bool has_objects) {
  Walk walk;
  if (!broadcast(from, to, &walk) || !is_direct(from) || !is_direct(to)) return false;
  if (is_same_place(from, to, walk)) return true;
  const bool is_overlapping = views_overlap(from, to, item_size);
  simplify(walk);
  const auto copy = [&] {
    if (is_overlapping) return copy_by_way(walk, *from.data, *to.data, item_size, has_objects);
    copy_items(walk, *from.data, *to.data, item_size, has_objects);
    return true;
  };
  if (!has_objects) return copy();
  const WithGil gil;
  return copy();
}

bool fill_view(AnyView to, const void* item, std::size_t item_size, bool has_objects) {
  for (int i = 0; i < to.n_dimensions; ++i)
    if (is_pointer(to, i)) return fail(PyExc_ValueError, "Indirect dimensions not supported");
  Walk walk = walk_of(to);
  simplify(walk);
  char* source = static_cast<char*>(const_cast<void*>(item));
  if (has_objects) {
    const WithGil gil;
    copy_objects(walk, source, *to.data);
  } else {
    fill_bytes(walk, source, *to.data, item_size);
  }
  return true;
}

void count_objects(AnyView view, bool is_added) {
  Walk walk = walk_of(view);
  simplify(walk);
  const Py_ssize_t stride = row_strides(walk).to;
  each_row(walk, *view.data, *view.data, [&](char*, char* target, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* o = object_at(target + i * stride);
      if (is_added) {
        Py_XINCREF(o);
      } else {
        Py_XDECREF(o);
      }
    }
  });
}

bool views_overlap(AnyView a, AnyView b, std::size_t item_size) {
  const Extent one = extent_of(a, item_size);
  const Extent other = extent_of(b, item_size);
  return one.begin < other.end && other.begin < one.end;
}

bool is_contiguous(AnyView view, std::size_t item_size, char order) {
  auto stride = static_cast<Py_ssize_t>(item_size);
  const bool is_fortran = order == 'f' || order == 'F';
  for (int k = 0; k < view.n_dimensions; ++k) {
    const int i = is_fortran ? k : view.n_dimensions - 1 - k;
    if (is_pointer(view, i) || view.strides[i] != stride) return false;
    stride *= view.shape[i];
  }
  return true;
}

Py_ssize_t set_contiguous_strides(int n, const Py_ssize_t* shape, Py_ssize_t* strides,
                                  Py_ssize_t item_size, bool is_fortran) {
  Py_ssize_t stride = item_size;
  for (int k = 0; k < n; ++k) {
    const int i = is_fortran ? k : n - 1 - k;
    strides[i] = stride;
    if (__builtin_mul_overflow(stride, shape[i], &stride)) return -1;
  }
  return stride;
}

Loan* copy_to_new_memory(AnyView from, PyObject* format, Py_ssize_t item_size, bool has_objects,
                         bool is_fortran) {
  for (int i = 0; i < from.n_dimensions; ++i) {
    if (!is_pointer(from, i)) continue;
    PyErr_Format(PyExc_ValueError,
                 "Cannot copy memoryview slice with indirect dimensions (axis %d)", i);
    return nullptr;
  }
  const Ref array(new_array(from.n_dimensions, from.shape, item_size, format, is_fortran));
  if (!array) return nullptr;
  Loan* loan = borrow_memory(array, PyBUF_RECORDS);
  if (loan == nullptr) return nullptr;
  char* data = static_cast<char*>(loan->buffer.buf);
  const AnyView to = {nullptr, &data, loan->n_dimensions, loan->shape, loan->strides, nullptr};
  if (copy_view(from, to, static_cast<std::size_t>(item_size), has_objects)) return loan;
  Py_DECREF(loan->object());
  return nullptr;
}

}  // namespace er
