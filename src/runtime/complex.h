// runtime/complex.h — C complex numbers.
//
// std::complex is slow to include, and its operators check for NaN; Cython's numbers do not.
#pragma once

#include "runtime/python.h"

namespace er {

template <typename T>
struct Complex {
  T real = 0;
  T imag = 0;

  constexpr Complex() = default;
  constexpr Complex(T re, T im = 0) : real(re), imag(im) {}
  template <typename U>
  constexpr explicit Complex(const Complex<U>& other)
      : real(static_cast<T>(other.real)), imag(static_cast<T>(other.imag)) {}

  Complex conjugate() const { return {real, -imag}; }
  explicit operator bool() const { return real != 0 || imag != 0; }

  friend Complex operator+(Complex a) { return a; }
  friend Complex operator-(Complex a) { return {-a.real, -a.imag}; }
  friend Complex operator+(Complex a, Complex b) { return {a.real + b.real, a.imag + b.imag}; }
  friend Complex operator-(Complex a, Complex b) { return {a.real - b.real, a.imag - b.imag}; }
  friend Complex operator*(Complex a, Complex b) {
    return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
  }
  friend Complex operator/(Complex a, Complex b) {
    if (b.imag == 0) return {a.real / b.real, a.imag / b.real};
    if (std::fabs(b.real) >= std::fabs(b.imag)) {
      const T ratio = b.imag / b.real;
      const T scale = 1 / (b.real + b.imag * ratio);
      return {(a.real + a.imag * ratio) * scale, (a.imag - a.real * ratio) * scale};
    }
    const T ratio = b.real / b.imag;
    const T scale = 1 / (b.imag + b.real * ratio);
    return {(a.real * ratio + a.imag) * scale, (a.imag * ratio - a.real) * scale};
  }
  friend bool operator==(Complex a, Complex b) { return a.real == b.real && a.imag == b.imag; }
};

// a ** b of doubles: a real number, unless Python's answer is complex.
struct SoftComplex : Complex<double> {
  using Complex<double>::Complex;
  constexpr SoftComplex() = default;
  constexpr SoftComplex(Complex<double> value) : Complex<double>(value) {}
};

template <typename T>
inline T abs(Complex<T> z) {
  return std::hypot(z.real, z.imag);
}
template <typename T>
inline Complex<T> conjugate(Complex<T> z) {
  return z.conjugate();
}

ER_RUNTIME_API ER_COLD bool raise_zero_division(const char* message);

template <typename T>
inline bool true_div(std::type_identity_t<Complex<T>> a, std::type_identity_t<Complex<T>> b,
                     Complex<T>* out) {
  if (b == Complex<T>()) [[unlikely]]
    return raise_zero_division("float division");
  *out = a / b;
  return true;
}

template <typename T>
inline Complex<T> power(Complex<T> base, std::type_identity_t<Complex<T>> exponent) {
  if (exponent.imag == 0 && exponent.real == std::trunc(exponent.real) &&
      std::fabs(exponent.real) <= 4) {
    int n = static_cast<int>(exponent.real);
    if (n < 0) {
      base = Complex<T>(1) / base;
      n = -n;
    }
    Complex<T> result(1);
    for (; n > 0; --n) result = result * base;
    return result;
  }
  if (base.imag == 0 && exponent.imag == 0 && base.real >= 0)
    return {std::pow(base.real, exponent.real), 0};
  const T length = abs(base);
  if (length == 0) return {0, 0};
  const T angle = std::atan2(base.imag, base.real);
  const T log_length = std::log(length);
  const T scale = std::exp(log_length * exponent.real - exponent.imag * angle);
  const T turn = angle * exponent.real + exponent.imag * log_length;
  return {scale * std::cos(turn), scale * std::sin(turn)};
}

}  // namespace er
