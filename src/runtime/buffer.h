// runtime/buffer.h — memory of other objects (PEP 3118), item by item.
//
// A variable declared np.ndarray[double] x, or object[int, ndim=2] x, is three things: the object,
// the Buffer that it lent, and a view, which is where the memory is. The view is apart because the
// optimizer keeps its parts in registers, as nobody but the function itself ever has its address.
//
// What the exporter says of its items, a text like "T{i:a:d:b:}", is compared with an ItemType.
#pragma once

#include "runtime/python.h"

namespace er {

// ---- what items are ----

enum class ItemGroup : char {
  kSigned,
  kUnsigned,
  kChar,  // of C: any integer of a byte will do
  kReal,
  kComplex,
  kStruct,
  kObject,
};

struct ItemField;

struct ItemType {
  const char* name;  // for messages
  std::size_t size;  // of an array: of one element
  ItemGroup group;
  // kStruct; also kComplex, if it is a struct of two numbers.
  const ItemField* fields = nullptr;
  int n_fields = 0;
  // Of a field that is a C array.
  int n_dimensions = 0;
  std::size_t shape[8] = {};
};

struct ItemField {
  const ItemType* type;
  const char* name;
  std::size_t offset;
};

// Of a whole item, also where it is an array.
inline std::size_t whole_size(const ItemType& item) {
  std::size_t size = item.size;
  for (int i = 0; i < item.n_dimensions; ++i) size *= item.shape[i];
  return size;
}

template <typename T>
constexpr ItemGroup item_group() {
  if constexpr (std::is_floating_point_v<T>) {
    return ItemGroup::kReal;
  } else {
    return static_cast<T>(-1) < static_cast<T>(0) ? ItemGroup::kSigned : ItemGroup::kUnsigned;
  }
}

// ---- acquiring ----

// What a variable wants of an exporter.
struct BufferSpec {
  const ItemType* item;
  int n_dimensions;
  int flags;             // PyBUF_…
  bool is_cast = false;  // only the size of items matters
};

// Has it the wanted items and number of dimensions? If not, an exception says what is different.
bool buffer_fits(const Py_buffer& buffer, const ItemType& item, int n_dimensions, bool is_cast);

class Buffer {
 public:
  Buffer() { view_.obj = nullptr; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  // An exception that is set stays so.
  ~Buffer() {
    if (view_.obj != nullptr) release();
  }

  // Instead of what it has; of None: no items. If that fails it takes the old one again, and says
  // false.
  ER_RUNTIME_API bool acquire(PyObject* o, const BufferSpec& spec);
  ER_RUNTIME_API void release();
  const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_;
};

// Strided memory of N dimensions.
template <int N>
struct BufferView {
  char* data = nullptr;
  Py_ssize_t shape[N] = {};
  Py_ssize_t strides[N] = {};

  void take(const Py_buffer& view) {
    data = static_cast<char*>(view.buf);
    for (int i = 0; i < N; ++i) {
      shape[i] = view.shape[i];
      strides[i] = view.strides[i];
    }
  }
};

// The same where dimensions may hold pointers.
template <int N>
struct IndirectBufferView : BufferView<N> {
  Py_ssize_t suboffsets[N] = {};

  void take(const Py_buffer& view) {
    BufferView<N>::take(view);
    for (int i = 0; i < N; ++i) suboffsets[i] = view.suboffsets[i];
  }
};

template <typename View>
inline bool acquire(Buffer& buffer, View& view, PyObject* o, const BufferSpec& spec) {
  const bool done = buffer.acquire(o, spec);
  view.take(buffer.view());
  return done;
}

// ---- access ----

inline Py_ssize_t wrap(Py_ssize_t index, Py_ssize_t size) {
  return index < 0 ? index + size : index;
}
inline bool is_outside(Py_ssize_t index, Py_ssize_t size) {
  return static_cast<std::size_t>(index) >= static_cast<std::size_t>(size);
}
// In which a product of two C integers has room, and sums with it.
__extension__ using Wide = __int128;
inline bool is_inside(Wide least, Wide largest, Py_ssize_t size) {
  return least >= 0 && largest < size;
}
template <typename T>
inline bool fits(Wide value) {
  return value == static_cast<Wide>(static_cast<T>(value));
}
inline char* follow(char* data, Py_ssize_t suboffset) {
  return suboffset < 0 ? data : *reinterpret_cast<char**>(data) + suboffset;
}
// With or without the GIL; always false.
ER_RUNTIME_API ER_COLD bool raise_out_of_bounds(int axis);
// Null in memory stands for None.
inline PyObject* item_object(PyObject* o) { return o != nullptr ? o : Py_None; }

}  // namespace er
