// runtime/lanes.h — several turns of a loop side by side, each in a lane of vectors.
//
// A C number of the loop becomes Lanes<T>, a condition a Mask, and what stood under `if` is done
// for all lanes and kept for those of the mask. Nothing is computed in another order than in one
// turn alone, so that each lane has the same result to the last bit.
//
// Clang alone: other compilers make slower code of this than of the plain loop, which they get.
#pragma once

#include "runtime/complex.h"

namespace er {
// The i-th of `items`, each of so many bytes, goes to to + i * stride, if bit i is set.
ER_RUNTIME_API void store_lanes(char* to, std::ptrdiff_t stride, const void* items,
                                std::size_t size, unsigned bits);
// The reverse. Other items stay as they are.
ER_RUNTIME_API void load_lanes(void* items, const char* from, std::ptrdiff_t stride,
                               std::size_t size, unsigned bits);
// So many turns of a parallel loop are handed out together.
constexpr int kLaneBlock = 64;
inline int n_lane_blocks(int n_turns) { return (n_turns - 1) / kLaneBlock + 1; }
}  // namespace er

#if defined(__clang__)
#define ER_HAS_LANES 1

namespace er {

// Two registers of doubles, so that the processor has something to do while it waits for the first.
#if defined(__AVX512F__)
#define ER_LANES 16
#define ER_LANE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#else
#define ER_LANES 8
#define ER_LANE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7
#endif
constexpr int kLanes = ER_LANES;

template <typename T>
using Lanes = T __attribute__((ext_vector_type(ER_LANES)));
using Mask = bool __attribute__((ext_vector_type(ER_LANES)));

ER_BEGIN_INLINE

// Of a comparison, or of numbers: those that are not 0.
template <typename T>
inline Mask mask(T lanes) {
  return __builtin_convertvector(lanes, Mask);
}
inline unsigned bits(Mask mask) {
  return __builtin_bit_cast(std::conditional_t < kLanes == 16, std::uint16_t, std::uint8_t >, mask);
}
inline bool any(Mask mask) { return __builtin_reduce_or(mask); }
inline bool all(Mask mask) { return __builtin_reduce_and(mask); }

template <typename T>
inline Lanes<T> splat(T value) {
  return value;
}
template <typename T>
inline Complex<Lanes<T>> splat(Complex<T> value) {
  return {splat(value.real), splat(value.imag)};
}
inline Mask splat_mask(bool value) { return value; }
// first, first + 1, …
template <typename T>
inline Lanes<T> count_from(T first) {
  return Lanes<T>{ER_LANE_NUMBERS} + first;
}
template <typename T>
inline Mask first_lanes(T n) {
  return mask(Lanes<T>{ER_LANE_NUMBERS} < n);
}

// To, of lanes of other numbers.
template <typename To, typename From>
inline Lanes<To> convert(From lanes) {
  return __builtin_convertvector(lanes, Lanes<To>);
}
// 1 and 0
template <typename To>
inline Lanes<To> from_mask(Mask mask) {
  return __builtin_convertvector(mask, Lanes<To>);
}

template <int kSize>
using IntOfSize = std::conditional_t<
    kSize == 8, std::int64_t,
    std::conditional_t<kSize == 4, std::int32_t,
                       std::conditional_t<kSize == 2, std::int16_t, std::int8_t>>>;

template <typename T>
inline T select(Mask mask, T yes, T no) {
  const auto sign = -__builtin_convertvector(mask, Lanes<IntOfSize<sizeof(yes[0])>>);
  return sign ? yes : no;
}
template <typename T>
inline Complex<T> select(Mask mask, Complex<T> yes, Complex<T> no) {
  return {select(mask, yes.real, no.real), select(mask, yes.imag, no.imag)};
}

// Into memory, items side by side.
template <typename T>
inline void store(Mask mask, T* to, Lanes<T> lanes) {
  if (all(mask)) {
    __builtin_memcpy(to, &lanes, sizeof(lanes));
  } else {
    store_lanes(reinterpret_cast<char*>(to), sizeof(T), &lanes, sizeof(T), bits(mask));
  }
}
// Items `stride` bytes apart.
template <typename T>
inline void store(Mask mask, char* to, std::ptrdiff_t stride, Lanes<T> lanes) {
  store_lanes(to, stride, &lanes, sizeof(T), bits(mask));
}

template <typename T>
inline Lanes<T> load(Mask mask, const T* from) {
  Lanes<T> lanes{};
  if (all(mask)) {
    __builtin_memcpy(&lanes, from, sizeof(lanes));
  } else {
    load_lanes(&lanes, reinterpret_cast<const char*>(from), sizeof(T), sizeof(T), bits(mask));
  }
  return lanes;
}
// Items at these numbers of bytes from there.
template <typename T>
inline Lanes<T> gather(Mask mask, const char* from, Lanes<Py_ssize_t> offsets) {
  Lanes<T> lanes{};
  const unsigned wanted = bits(mask);
  for (int i = 0; i < kLanes; ++i) {
    T item{};
    if ((wanted >> i & 1) != 0) __builtin_memcpy(&item, from + offsets[i], sizeof(T));
    lanes[i] = item;
  }
  return lanes;
}
// Items `stride` bytes apart.
template <typename T>
inline Lanes<T> load(Mask mask, const char* from, std::ptrdiff_t stride) {
  return gather<T>(mask, from, count_from<Py_ssize_t>(0) * stride);
}
// The same one for all lanes, if any wants it.
template <typename T>
inline T load_one(Mask mask, const T* from) {
  return any(mask) ? *from : T{};
}

ER_END_INLINE

}  // namespace er
#endif
