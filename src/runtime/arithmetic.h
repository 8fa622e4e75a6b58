// runtime/arithmetic.h — arithmetic of C numbers by Python's rules.
//
// Functions with `out` say false after an error. They may be called without the GIL.
#pragma once

#include "runtime/python.h"

namespace er {

// Raise, with or without the GIL; always false.
ER_RUNTIME_API ER_COLD bool raise_zero_division(const char* message);
ER_RUNTIME_API ER_COLD bool raise_overflow(const char* message);
ER_RUNTIME_API ER_COLD bool raise_value_error(const char* message);

// PyErr_Occurred() of a thread that may not hold the GIL.
ER_RUNTIME_API bool error_occurred_nogil();

// ---- division ----

// REQUIRES: b != 0, and a / b is a T.
template <typename T>
inline T floor_div_nz(std::type_identity_t<T> a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::floor(a / b);
  } else {
    if constexpr (std::is_signed_v<T>) {
      // Without a branch, and a plain division where `a` is known to be positive.
      if (__builtin_constant_p(b > 0) && b > 0) {
        const T sign = a < 0 ? T{-1} : T{0};
        return static_cast<T>((a ^ sign) / b) ^ sign;
      }
    }
    const T quotient = a / b;
    if constexpr (std::is_signed_v<T>) {
      const T rest = a - quotient * b;
      return quotient - ((rest != 0) & ((rest ^ b) < 0));
    }
    return quotient;
  }
}

template <typename T>
inline T mod_nz(std::type_identity_t<T> a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    T rest = std::fmod(a, b);
    if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
    return rest;
  } else {
    const T rest = a % b;
    if constexpr (std::is_signed_v<T>) {
      // Signs mostly agree: a branch costs less than arithmetic that the result has to wait for.
      if ((rest ^ b) < 0 && rest != 0) return rest + b;
    }
    return rest;
  }
}

// 0 and -1, the divisors that need care, in one comparison.
template <typename T>
inline bool is_delicate(T b) {
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<U>(static_cast<U>(b) + 1u) <= 1u;
  } else {
    return b == 0;
  }
}

template <typename T>
inline bool floor_div(std::type_identity_t<T> a, std::type_identity_t<T> b, T* out) {
  if (is_delicate<T>(b)) [[unlikely]] {
    if (b == 0)
      return raise_zero_division(std::is_integral_v<T> ? "integer division or modulo by zero"
                                                       : "float division");
    if constexpr (std::is_integral_v<T>) {
      if (a == std::numeric_limits<T>::min())
        return raise_overflow("value too large to perform division");
    }
  }
  *out = floor_div_nz<T>(a, b);
  return true;
}

template <typename T>
inline bool mod(std::type_identity_t<T> a, std::type_identity_t<T> b, T* out) {
  if (is_delicate<T>(b)) [[unlikely]] {
    if (b == 0)
      return raise_zero_division(std::is_integral_v<T> ? "integer division or modulo by zero"
                                                       : "float divmod()");
    // The processor computes the quotient too, which may overflow.
    *out = 0;
    return true;
  }
  *out = mod_nz<T>(a, b);
  return true;
}

// The same with the sign that C gives to the rest of integers: enough to compare it with 0.
// REQUIRES: b != 0 and b != -1.
template <typename T>
inline T c_mod_nz(std::type_identity_t<T> a, T b) {
  return a % b;
}
template <typename T>
inline bool c_mod(std::type_identity_t<T> a, std::type_identity_t<T> b, T* out) {
  if (is_delicate<T>(b)) [[unlikely]]
    return mod<T>(a, b, out);
  *out = a % b;
  return true;
}

template <typename T>
inline bool true_div(std::type_identity_t<T> a, std::type_identity_t<T> b, T* out) {
  if (b == 0) [[unlikely]]
    return raise_zero_division("float division");
  *out = a / b;
  return true;
}

// ---- powers ----

// A negative exponent gives 0, as C has no better answer.
template <typename T>
inline T power_int(std::type_identity_t<T> base, T exponent) {
  using U = std::make_unsigned_t<T>;
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) return 0;
  }
  U result = 1;
  U square = static_cast<U>(base);
  for (U bits = static_cast<U>(exponent); bits != 0; bits >>= 1) {
    if (bits & 1) result = static_cast<U>(result * square);
    square = static_cast<U>(square * square);
  }
  return static_cast<T>(result);
}

template <typename T>
  requires std::is_floating_point_v<T>
inline T power(T base, std::type_identity_t<T> exponent) {
  return std::pow(base, exponent);
}

ER_RUNTIME_API ER_COLD bool raise_complex_power();

// Where Python's answer would be complex, but only a real number is wanted.
template <typename T>
inline bool power_real(std::type_identity_t<T> base, std::type_identity_t<T> exponent, T* out) {
  if (base < 0 && exponent != std::floor(exponent) && std::isfinite(exponent)) [[unlikely]]
    return raise_complex_power();
  if (base == 0 && exponent < 0) [[unlikely]]
    return raise_zero_division("0.0 cannot be raised to a negative power");
  *out = std::pow(base, exponent);
  return true;
}

// ---- functions of one and two numbers ----

template <typename T>
  requires std::is_arithmetic_v<T>
inline T abs(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fabs(value);
  } else if constexpr (std::is_signed_v<T>) {
    using U = std::make_unsigned_t<T>;
    return value < 0 ? static_cast<T>(U{0} - static_cast<U>(value)) : value;
  } else {
    return value;
  }
}
// The smallest integer has no counterpart.
template <typename T>
inline bool checked_abs(std::type_identity_t<T> value, T* out) {
  if (value == std::numeric_limits<T>::min()) [[unlikely]]
    return raise_overflow("value too large to negate");
  *out = value < 0 ? -value : value;
  return true;
}
// Of equal ones the first, as in Python.
template <typename T>
inline T min(T a, std::type_identity_t<T> b) {
  return b < a ? b : a;
}
template <typename T>
inline T max(T a, std::type_identity_t<T> b) {
  return b > a ? b : a;
}

// ---- overflowcheck ----

#define ER_CHECKED(NAME, OPERATOR, BUILTIN)                                        \
  template <typename T>                                                            \
  inline bool NAME(std::type_identity_t<T> a, std::type_identity_t<T> b, T* out) { \
    if constexpr (std::is_integral_v<T>) {                                         \
      if (BUILTIN(a, b, out)) [[unlikely]]                                         \
        return raise_overflow("value too large");                                  \
    } else {                                                                       \
      *out = a OPERATOR b;                                                         \
    }                                                                              \
    return true;                                                                   \
  }
ER_CHECKED(checked_add, +, __builtin_add_overflow)
ER_CHECKED(checked_sub, -, __builtin_sub_overflow)
ER_CHECKED(checked_mul, *, __builtin_mul_overflow)
#undef ER_CHECKED

// Bits that go out on the left are an overflow, and so is any shift that C leaves undefined.
template <typename T, typename Count>
inline bool checked_lshift(std::type_identity_t<T> a, Count b, T* out) {
  using U = std::make_unsigned_t<T>;
  const bool is_defined =
      a >= 0 && b >= 0 && static_cast<std::make_unsigned_t<Count>>(b) < sizeof(T) * 8;
  if (!is_defined || a > (std::numeric_limits<T>::max() >> b)) [[unlikely]]
    return raise_overflow("value too large");
  *out = static_cast<T>(static_cast<U>(a) << b);
  return true;
}

template <typename T>
inline bool checked_neg(std::type_identity_t<T> a, T* out) {
  return checked_sub<T>(0, a, out);
}

// ---- loops ----

// How many turns `for i in range(start, stop, step)` takes. REQUIRES: step != 0.
template <typename T>
inline auto n_turns(T start, std::type_identity_t<T> stop, std::type_identity_t<T> step) {
  using U = std::make_unsigned_t<T>;
  const U from = static_cast<U>(start);
  const U to = static_cast<U>(stop);
  if (step > 0) {
    if (start >= stop) return U{0};
    return static_cast<U>(static_cast<U>(to - from - 1) / static_cast<U>(step) + 1);
  }
  if (start <= stop) return U{0};
  return static_cast<U>(
      static_cast<U>(from - to - 1) / static_cast<U>(U{0} - static_cast<U>(step)) + 1);
}

// value + step, modulo the size of T: the step after the last may leave its range.
template <typename T>
inline T step_by(T value, std::type_identity_t<T> step) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(static_cast<U>(value) + static_cast<U>(step)));
  } else {
    return value + step;
  }
}

// Is it the value that means an error? NaN is NaN here.
template <typename T>
inline bool same(T value, T error) {
  if constexpr (std::is_floating_point_v<T>) {
    return value == error || (error != error && value != value);
  } else {
    return value == error;
  }
}

}  // namespace er
