// runtime/common_forms.h — templates for the types that most cells use. Made here they are a part
// of the precompiled header, from which cells read what they use; else each would make them again,
// for which it has to read the templates and all that they look at.
#pragma once

#include "runtime/arithmetic.h"
#include "runtime/buffer.h"
#include "runtime/convert.h"
#include "runtime/iterate.h"
#include "runtime/object.h"
#include "runtime/sequence.h"
#include "runtime/taken.h"

namespace er {

template <typename T>
inline void make_number_forms(T value) {
  from_object<T>(nullptr, &value);
  to_object(value);
  true_div<T>(value, value, &value);
  floor_div<T>(value, value, &value);
  mod<T>(value, value, &value);
  same<T>(value, value);
  step_by<T>(value, value);
}

template <std::size_t N>
inline void make_list_forms() {
  PyObject* const items[N] = {};
  make_tuple(items);
  make_list(items);
  call(nullptr, items);
  call(Taken{nullptr}, items);
  call_method(nullptr, nullptr, items);
  call_method(Taken{nullptr}, nullptr, items);
  call_kw(nullptr, nullptr, items);
}

inline void make_common_forms() {
  make_number_forms(0);
  make_number_forms(0L);
  make_number_forms(0.0);
  make_list_forms<1>();
  make_list_forms<2>();
  make_list_forms<3>();
  Ref item;
  Iterator().next(item);
  RangeIterator range;
  PyObject* const arguments[1] = {};
  range.start(nullptr, arguments);
  range.start(Taken{nullptr}, arguments);
  range.next(item);
  Buffer buffer;
  BufferView<1> vector;
  BufferView<2> matrix;
  acquire(buffer, vector, nullptr, {});
  acquire(buffer, matrix, nullptr, {});
}

}  // namespace er
