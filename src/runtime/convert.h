// runtime/convert.h — C values to objects and back.
//
// Two C types that are one type in C++ but not in Python have functions of their own: bint, which
// is an int, Py_UCS4, an unsigned int, and Py_ssize_t, a long that takes no floats.
#pragma once

#include "runtime/complex.h"
#include "runtime/operators.h"
#include "runtime/python.h"

namespace er {

// ---- to objects ----

template <typename T>
  requires(std::is_integral_v<T> || std::is_enum_v<T>)
inline PyObject* to_object(T value) {
  if constexpr (std::is_enum_v<T>) {
    return to_object(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return PyBool_FromLong(value);
  } else if constexpr (std::is_signed_v<T>) {
    if constexpr (sizeof(T) <= sizeof(long)) return PyLong_FromLong(value);
    return PyLong_FromLongLong(value);
  } else {
    if constexpr (sizeof(T) < sizeof(long)) return PyLong_FromLong(static_cast<long>(value));
    if constexpr (sizeof(T) <= sizeof(long)) return PyLong_FromUnsignedLong(value);
    return PyLong_FromUnsignedLongLong(value);
  }
}
// What a header calls a number though it is none of these: of more than 64 bits, or a class of C++.
template <typename T>
  requires(!std::is_arithmetic_v<T> && !std::is_enum_v<T> && !std::is_pointer_v<T> &&
           !std::is_convertible_v<T, PyObject*>)
inline PyObject* to_object(T) {
  static_assert(sizeof(T) == 0, "not supported yet: values of this C type as objects");
  return nullptr;
}
inline PyObject* to_object(float value) { return PyFloat_FromDouble(value); }
inline PyObject* to_object(double value) { return PyFloat_FromDouble(value); }
inline PyObject* to_object(long double value) {
  return PyFloat_FromDouble(static_cast<double>(value));
}
template <typename T>
inline PyObject* to_object(Complex<T> value) {
  return PyComplex_FromDoubles(static_cast<double>(value.real), static_cast<double>(value.imag));
}
inline PyObject* to_object(SoftComplex value) {
  return value.imag == 0 ? PyFloat_FromDouble(value.real) : to_object<double>(value);
}
inline PyObject* to_object(const char* value) { return PyBytes_FromString(value); }
inline PyObject* to_object(const unsigned char* value) {
  return PyBytes_FromString(reinterpret_cast<const char*>(value));
}
inline PyObject* to_object(const signed char* value) {
  return PyBytes_FromString(reinterpret_cast<const char*>(value));
}
inline PyObject* to_object(PyObject* value) {
  Py_XINCREF(value);
  return value;
}

// A bytes object of one byte.
ER_RUNTIME_API PyObject* byte_to_object(long value);
inline PyObject* to_bool(long value) { return Py_NewRef(value != 0 ? Py_True : Py_False); }
// base ** exponent by Python's rules: complex, if a real number will not do.
ER_RUNTIME_API PyObject* power_object(double base, double exponent);
ER_RUNTIME_API bool power_soft(double base, double exponent, SoftComplex* out);
ER_RUNTIME_API bool real_of_soft(SoftComplex value, double* out);
inline PyObject* ucs4_to_object(Py_UCS4 value) {
  return PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, &value, 1);
}

// text[low:high] of characters.
inline PyObject* bytes_of(const void* text, Py_ssize_t low, Py_ssize_t high) {
  return PyBytes_FromStringAndSize(static_cast<const char*>(text) + low,
                                   high > low ? high - low : 0);
}

// Up to the first that is 0.
inline PyObject* bytes_from(const void* text, Py_ssize_t low) {
  return PyBytes_FromString(static_cast<const char*>(text) + low);
}
// The same; bounds below zero count from the end, which is the first 0.
ER_RUNTIME_API PyObject* bytes_within(const void* text, Py_ssize_t low, Py_ssize_t high,
                                      bool has_high);
// -1 if an array of that size does not fit between the bounds: ValueError.
ER_RUNTIME_API int check_slice(Py_ssize_t size, Py_ssize_t low, Py_ssize_t high);

// [item(values[0]), …]
template <typename T>
inline PyObject* array_to_list(const T* values, Py_ssize_t n, PyObject* (*item)(const T&)) {
  PyObject* list = PyList_New(n);
  for (Py_ssize_t i = 0; list != nullptr && i < n; ++i) {
    PyObject* object = item(values[i]);
    if (object == nullptr) {
      Py_CLEAR(list);
    } else {
      PyList_SET_ITEM(list, i, object);
    }
  }
  return list;
}

// ---- from objects ----

// The value of an exact int of a few bits, without a call.
inline bool small_int(PyObject* o, long* out) {
  if (!PyLong_CheckExact(o)) return false;
  auto* value = reinterpret_cast<PyLongObject*>(o);
#if PY_VERSION_HEX >= 0x030C0000
  if (!PyUnstable_Long_IsCompact(value)) return false;
  *out = PyUnstable_Long_CompactValue(value);
#else
  const Py_ssize_t size = Py_SIZE(value);
  if (size < -1 || size > 1) return false;
  *out = size == 0 ? 0 : static_cast<long>(size) * static_cast<long>(value->ob_digit[0]);
#endif
  return true;
}

// What is left: `name` is the type for messages, null for its own name.
ER_RUNTIME_API bool signed_from_object(PyObject* o, long long low, long long high, const char* name,
                                       long long* out);
ER_RUNTIME_API bool unsigned_from_object(PyObject* o, unsigned long long high, const char* name,
                                         unsigned long long* out);
ER_RUNTIME_API bool double_from_object(PyObject* o, double* out);
ER_RUNTIME_API bool complex_from_object(PyObject* o, double* real, double* imag);
ER_RUNTIME_API bool chars_from_object(PyObject* o, char** out);
ER_RUNTIME_API bool ucs4_from_object(PyObject* o, Py_UCS4* out);

template <typename T>
constexpr const char* int_name() {
  if constexpr (std::is_same_v<T, char>) return "char";
  if constexpr (std::is_same_v<T, signed char>) return "signed char";
  if constexpr (std::is_same_v<T, unsigned char>) return "unsigned char";
  if constexpr (std::is_same_v<T, short>) return "short";
  if constexpr (std::is_same_v<T, unsigned short>) return "unsigned short";
  if constexpr (std::is_same_v<T, int>) return "int";
  if constexpr (std::is_same_v<T, unsigned int>) return "unsigned int";
  if constexpr (std::is_same_v<T, long>) return "long";
  if constexpr (std::is_same_v<T, unsigned long>) return "unsigned long";
  if constexpr (std::is_same_v<T, long long>) return "long long";
  if constexpr (std::is_same_v<T, unsigned long long>) return "unsigned long long";
  return "integer";
}

// Has more specific forms below and in generated code.
template <typename T>
struct FromObject {
  static bool convert(PyObject*, T*) {
    static_assert(sizeof(T) == 0, "not supported yet: objects as values of this C type");
    return false;
  }
};

template <typename T>
inline bool from_object(PyObject* o, T* out, const char* name = nullptr) {
  if constexpr (std::is_same_v<T, bool>) {
    const int value = truth(o);
    *out = value > 0;
    return value >= 0;
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> value;
    if (!from_object(o, &value, name)) return false;
    *out = static_cast<T>(value);
    return true;
  } else if constexpr (std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    long small;
    if (small_int(o, &small)) [[likely]] {
      if constexpr (std::is_signed_v<T> && sizeof(T) >= 4) {
        *out = static_cast<T>(small);
        return true;
      } else if (small >= static_cast<long>(Limits::min()) &&
                 (sizeof(T) >= 4 || small <= static_cast<long>(Limits::max()))) {
        *out = static_cast<T>(small);
        return true;
      }
    }
    if (name == nullptr) name = int_name<T>();
    if constexpr (std::is_signed_v<T>) {
      long long value;
      if (!signed_from_object(o, Limits::min(), Limits::max(), name, &value)) return false;
      *out = static_cast<T>(value);
    } else {
      unsigned long long value;
      if (!unsigned_from_object(o, Limits::max(), name, &value)) return false;
      *out = static_cast<T>(value);
    }
    return true;
  } else if constexpr (std::is_floating_point_v<T>) {
    if (PyFloat_CheckExact(o)) [[likely]] {
      *out = static_cast<T>(PyFloat_AS_DOUBLE(o));
      return true;
    }
    double value;
    if (!double_from_object(o, &value)) return false;
    *out = static_cast<T>(value);
    return true;
  } else if constexpr (std::is_pointer_v<T> && sizeof(std::remove_pointer_t<T>) == 1) {
    char* value;
    if (!chars_from_object(o, &value)) return false;
    *out = reinterpret_cast<T>(value);
    return true;
  } else {
    return FromObject<T>::convert(o, out);
  }
}

template <typename T>
struct FromObject<Complex<T>> {
  static bool convert(PyObject* o, Complex<T>* out) {
    double real;
    double imag;
    if (!complex_from_object(o, &real, &imag)) return false;
    *out = Complex<T>(static_cast<T>(real), static_cast<T>(imag));
    return true;
  }
};

inline bool from_object_bint(PyObject* o, int* out) {
  *out = truth(o);
  return *out >= 0;
}
// By __index__.
ER_RUNTIME_API bool from_object_index(PyObject* o, Py_ssize_t* out);

// Exactly n items of an iterable into an array.
ER_RUNTIME_API bool array_from_object(PyObject* o, void* out, Py_ssize_t n, std::size_t item_size,
                                      bool (*item)(PyObject* object, void* out));

// ---- structs ----

// The value of a key of a mapping that stands for a struct: a new reference.
ER_RUNTIME_API PyObject* struct_field(PyObject* mapping, const char* field);
// False if it is no mapping: TypeError.
ER_RUNTIME_API bool check_struct(PyObject* o);
// Exactly one of the fields must be there: its number, or -1.
ER_RUNTIME_API int union_field(PyObject* mapping, const char* const* fields, int n_fields);

// ---- C tuples ----

template <typename T, typename... Rest>
struct Tuple {
  T first;
  Tuple<Rest...> rest;
};
template <typename T>
struct Tuple<T> {
  T first;
};
// False if it is no sequence of n items: TypeError.
ER_RUNTIME_API bool check_tuple(PyObject* o, Py_ssize_t n);

// ---- classes ----

// None passes. The object, borrowed, or null: "Expected list, got int".
ER_RUNTIME_API ER_COLD PyObject* raise_expected(const char* expected, PyObject* o);

#define ER_AS(NAME, CHECK, SHOWN)            \
  inline PyObject* NAME(PyObject* o) {       \
    if (CHECK(o) || Py_IsNone(o)) [[likely]] \
      return o;                              \
    return raise_expected(SHOWN, o);         \
  }
ER_AS(as_list, PyList_CheckExact, "list")
ER_AS(as_tuple, PyTuple_CheckExact, "tuple")
ER_AS(as_dict, PyDict_CheckExact, "dict")
ER_AS(as_set, PySet_CheckExact, "set")
ER_AS(as_frozenset, PyFrozenSet_CheckExact, "frozenset")
ER_AS(as_str, PyUnicode_CheckExact, "str")
ER_AS(as_bytes, PyBytes_CheckExact, "bytes")
ER_AS(as_bytearray, PyByteArray_CheckExact, "bytearray")
ER_AS(as_int, PyLong_CheckExact, "int")
ER_AS(as_float, PyFloat_CheckExact, "float")
ER_AS(as_complex, PyComplex_CheckExact, "complex")
ER_AS(as_bool, PyBool_Check, "bool")
ER_AS(as_type, PyType_Check, "type")
ER_AS(as_slice, PySlice_Check, "slice")
ER_AS(as_range, PyRange_Check, "range")
ER_AS(as_exception, PyExceptionInstance_Check, "BaseException")
#undef ER_AS

// What is declared as Python's int or float takes other numbers as well: new references; None
// passes.
ER_RUNTIME_API PyObject* int_of(PyObject* o);
ER_RUNTIME_API PyObject* float_of(PyObject* o);
// The same for an argument, whose name messages tell.
ER_RUNTIME_API PyObject* int_argument(PyObject* o, PyObject* name, int allows_none);
ER_RUNTIME_API PyObject* float_argument(PyObject* o, PyObject* name, int allows_none);

// An argument of a declared class: `checked` is what as_…() says of it.
ER_RUNTIME_API ER_COLD bool raise_argument(const char* parameter, const char* expected,
                                           PyObject* o);

}  // namespace er
