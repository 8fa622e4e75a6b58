#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

// An exact int, by __int__. Null after an error.
PyObject* to_int(PyObject* o) {
  if (PyLong_Check(o)) return Py_NewRef(o);
  const PyNumberMethods* number = Py_TYPE(o)->tp_as_number;
  if (number == nullptr || number->nb_int == nullptr) {
    if (number != nullptr && number->nb_index != nullptr) return PyNumber_Index(o);
    PyErr_SetString(PyExc_TypeError, "an integer is required");
    return nullptr;
  }
  PyObject* value = number->nb_int(o);
  if (value == nullptr || PyLong_CheckExact(value)) return value;
  if (PyLong_Check(value)) {
    if (PyErr_WarnFormat(PyExc_DeprecationWarning, 1,
                         "__int__ returned non-int (type %.200s).  The ability to return an "
                         "instance of a strict subclass of int is deprecated, and may be removed "
                         "in a future version of Python.",
                         Py_TYPE(value)->tp_name) == 0)
      return value;
  } else {
    PyErr_Format(PyExc_TypeError, "__int__ returned non-int (type %.200s)",
                 Py_TYPE(value)->tp_name);
  }
  Py_DECREF(value);
  return nullptr;
}

bool too_large(const char* name) {
  PyErr_Format(PyExc_OverflowError, "value too large to convert to %s", name);
  return false;
}

bool is_negative(PyObject* value) {
  int overflow;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  return overflow < 0 || (overflow == 0 && number < 0);
}

}  // namespace

// ---- errors of arithmetic.h ----

bool raise_zero_division(const char* message) {
  const WithGil gil;
  PyErr_SetString(PyExc_ZeroDivisionError, message);
  return false;
}

bool raise_overflow(const char* message) {
  const WithGil gil;
  PyErr_SetString(PyExc_OverflowError, message);
  return false;
}

bool raise_value_error(const char* message) {
  const WithGil gil;
  PyErr_SetString(PyExc_ValueError, message);
  return false;
}

bool raise_complex_power() {
  const WithGil gil;
  PyErr_SetString(PyExc_TypeError,
                  "Cannot convert 'complex' with non-zero imaginary component to 'double' (this "
                  "most likely comes from the '**' operator; use 'cython.cpow(True)' to return "
                  "'nan' instead of a complex number).");
  return false;
}

bool error_occurred_nogil() {
  // Of its own state a thread may see that much without the GIL: nobody else writes it.
  const PyThreadState* thread = PyGILState_GetThisThreadState();
#if PY_VERSION_HEX >= 0x030C0000
  return thread != nullptr && thread->current_exception != nullptr;
#else
  return thread != nullptr && thread->curexc_type != nullptr;
#endif
}

// ---- numbers ----

bool signed_from_object(PyObject* o, long long low, long long high, const char* name,
                        long long* out) {
  const Ref value(to_int(o));
  if (!value) return false;
  // As CPython says it of the widest type.
  const long number = PyLong_AsLong(value);
  if (number == -1 && PyErr_Occurred()) return false;
  if (number < low || number > high) return too_large(name);
  *out = number;
  return true;
}

bool unsigned_from_object(PyObject* o, unsigned long long high, const char* name,
                          unsigned long long* out) {
  const Ref value(to_int(o));
  if (!value) return false;
  if (is_negative(value)) {
    PyErr_Format(PyExc_OverflowError, "can't convert negative value to %s", name);
    return false;
  }
  const unsigned long number = PyLong_AsUnsignedLong(value);
  if (number == static_cast<unsigned long>(-1) && PyErr_Occurred()) return false;
  if (number > high) return too_large(name);
  *out = number;
  return true;
}

bool double_from_object(PyObject* o, double* out) {
  *out = PyFloat_AsDouble(o);
  return *out != -1.0 || !PyErr_Occurred();
}

bool complex_from_object(PyObject* o, double* real, double* imag) {
  const Py_complex value = PyComplex_AsCComplex(o);
  *real = value.real;
  *imag = value.imag;
  return value.real != -1.0 || !PyErr_Occurred();
}

bool from_object_index(PyObject* o, Py_ssize_t* out) {
  long small;
  if (small_int(o, &small)) {
    *out = small;
    return true;
  }
  const Ref value(PyNumber_Index(o));
  if (!value) return false;
  *out = PyLong_AsSsize_t(value);
  return *out != -1 || !PyErr_Occurred();
}

// ---- text ----

bool chars_from_object(PyObject* o, char** out) {
  if (PyBytes_Check(o)) {
    *out = PyBytes_AS_STRING(o);
    return true;
  }
  if (PyByteArray_Check(o)) {
    *out = PyByteArray_AS_STRING(o);
    return true;
  }
  PyErr_Format(PyExc_TypeError, "expected bytes, %.200s found", Py_TYPE(o)->tp_name);
  return false;
}

bool ucs4_from_object(PyObject* o, Py_UCS4* out) {
  if (PyUnicode_Check(o)) {
    const Py_ssize_t n = PyUnicode_GET_LENGTH(o);
    if (n == 1) {
      *out = PyUnicode_READ_CHAR(o, 0);
      return true;
    }
    PyErr_Format(PyExc_ValueError,
                 "only single character unicode strings can be converted to Py_UCS4, got length "
                 "%zd",
                 n);
    return false;
  }
  const Ref value(to_int(o));
  if (!value) return false;
  const long number = PyLong_AsLong(value);
  if (number == -1 && PyErr_Occurred()) return false;
  if (number < 0) {
    PyErr_SetString(PyExc_OverflowError, "cannot convert negative value to Py_UCS4");
    return false;
  }
  if (number > 0x10FFFF) return too_large("Py_UCS4");
  *out = static_cast<Py_UCS4>(number);
  return true;
}

// ---- arrays and structs ----

bool array_from_object(PyObject* o, void* out, Py_ssize_t n, std::size_t item_size,
                       bool (*item)(PyObject* object, void* out)) {
  const Ref iterator(PyObject_GetIter(o));
  if (!iterator) return false;
  char* place = static_cast<char*>(out);
  Py_ssize_t i = 0;
  while (PyObject* object = PyIter_Next(iterator)) {
    const Ref owner(object);
    if (i == n) {
      PyErr_Format(PyExc_IndexError, "too many values found during array assignment, expected %zd",
                   n);
      return false;
    }
    if (!item(object, place)) return false;
    place += item_size;
    ++i;
  }
  if (PyErr_Occurred()) return false;
  if (i < n) {
    PyErr_Format(PyExc_IndexError,
                 "not enough values found during array assignment, expected %zd, got %zd", n, i);
    return false;
  }
  return true;
}

PyObject* bytes_within(const void* text, Py_ssize_t low, Py_ssize_t high, bool has_high) {
  const char* chars = static_cast<const char*>(text);
  if (low < 0 || high < 0 || !has_high) {
    const auto size = static_cast<Py_ssize_t>(std::strlen(chars));
    if (low < 0) low = std::max<Py_ssize_t>(low + size, 0);
    if (!has_high) high = size;
    if (high < 0) high = std::max<Py_ssize_t>(high + size, 0);
  }
  return high > low ? PyBytes_FromStringAndSize(chars + low, high - low)
                    : PyBytes_FromStringAndSize(nullptr, 0);
}

int check_slice(Py_ssize_t size, Py_ssize_t low, Py_ssize_t high) {
  if (high - low == size) return 0;
  const WithGil gil;
  PyErr_Format(PyExc_ValueError, "Assignment to slice of wrong length, expected %zd, got %zd", size,
               high - low);
  return -1;
}

bool check_struct(PyObject* o) {
  if (PyMapping_Check(o) && !PyList_Check(o) && !PyTuple_Check(o) && !PyUnicode_Check(o) &&
      !PyBytes_Check(o))
    return true;
  PyErr_Format(PyExc_TypeError, "Expected a mapping, got %.200s", Py_TYPE(o)->tp_name);
  return false;
}

PyObject* struct_field(PyObject* mapping, const char* field) {
  const Ref key(PyUnicode_FromString(field));
  if (!key) return nullptr;
  PyObject* value = PyObject_GetItem(mapping, key);
  if (value != nullptr) return value;
  if (PyErr_ExceptionMatches(PyExc_KeyError)) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "No value specified for struct attribute '%s'", field);
  }
  return nullptr;
}

int union_field(PyObject* mapping, const char* const* fields, int n_fields) {
  int found = -1;
  for (int i = 0; i < n_fields; ++i) {
    const Ref key(PyUnicode_FromString(fields[i]));
    if (!key) return -1;
    const int there = PySequence_Contains(mapping, key);
    if (there < 0) return -1;
    if (there == 0) continue;
    if (found >= 0) {
      PyErr_Format(PyExc_ValueError, "More than one union attribute passed: '%s' and '%s'",
                   fields[found], fields[i]);
      return -1;
    }
    found = i;
  }
  if (found >= 0) return found;
  Ref names(PyUnicode_FromString(""));
  for (int i = 0; names && i < n_fields; ++i) {
    names = Ref(PyUnicode_FromFormat(i == 0 ? "%U%s" : "%U, %s", names.get(), fields[i]));
  }
  if (names) {
    PyErr_Format(PyExc_ValueError, "No value specified for any of the union attributes (%U)",
                 names.get());
  }
  return -1;
}

bool check_tuple(PyObject* o, Py_ssize_t n) {
  if (!PySequence_Check(o)) {
    PyErr_Format(PyExc_TypeError, "Expected a sequence of size %zd, got %.200s", n,
                 Py_TYPE(o)->tp_name);
    return false;
  }
  const Py_ssize_t size = PySequence_Size(o);
  if (size < 0) return false;
  if (size == n) return true;
  PyErr_Format(PyExc_TypeError, "Expected a sequence of size %zd, got size %zd", n, size);
  return false;
}

// ---- classes ----

PyObject* raise_expected(const char* expected, PyObject* o) {
  PyErr_Format(PyExc_TypeError, "Expected %s, got %.200s", expected, Py_TYPE(o)->tp_name);
  return nullptr;
}

PyObject* power_object(double base, double exponent) {
  const Ref a(PyFloat_FromDouble(base));
  const Ref b(PyFloat_FromDouble(exponent));
  return a && b ? PyNumber_Power(a, b, Py_None) : nullptr;
}

bool power_soft(double base, double exponent, SoftComplex* out) {
  if (base < 0 && exponent != std::floor(exponent) && std::isfinite(exponent)) {
    const Py_complex made = _Py_c_pow({base, 0}, {exponent, 0});  // to the last digit
    *out = Complex<double>(made.real, made.imag);
    return true;
  }
  *out = SoftComplex();
  return power_real<double>(base, exponent, &out->real);
}

bool real_of_soft(SoftComplex value, double* out) {
  if (value.imag != 0) return raise_complex_power();
  *out = value.real;
  return true;
}

PyObject* byte_to_object(long value) {
  // As the byte itself, or as what a signed char calls it.
  if (value < -128 || value > 255) {
    PyErr_SetString(PyExc_OverflowError, "value too large to pack into a byte");
    return nullptr;
  }
  const char byte = static_cast<char>(value);
  return PyBytes_FromStringAndSize(&byte, 1);
}

namespace {

// Not of text, which int() and float() would parse.
bool is_number(PyObject* o) {
  const PyNumberMethods* methods = Py_TYPE(o)->tp_as_number;
  return methods != nullptr && (methods->nb_int != nullptr || methods->nb_index != nullptr ||
                                methods->nb_float != nullptr);
}

}  // namespace

PyObject* int_of(PyObject* o) {
  if (PyLong_CheckExact(o) || Py_IsNone(o)) return Py_NewRef(o);
  return is_number(o) ? PyNumber_Long(o) : raise_expected("int", o);
}

PyObject* float_of(PyObject* o) {
  if (PyFloat_CheckExact(o) || Py_IsNone(o)) return Py_NewRef(o);
  return is_number(o) ? PyNumber_Float(o) : raise_expected("float", o);
}

PyObject* int_argument(PyObject* o, PyObject* name, int allows_none) {
  if (is_number(o) || (Py_IsNone(o) && allows_none)) return int_of(o);
  raise_argument(PyUnicode_AsUTF8(name), "int", o);
  return nullptr;
}

PyObject* float_argument(PyObject* o, PyObject* name, int allows_none) {
  if (is_number(o) || (Py_IsNone(o) && allows_none)) return float_of(o);
  raise_argument(PyUnicode_AsUTF8(name), "float", o);
  return nullptr;
}

bool raise_argument(const char* parameter, const char* expected, PyObject* o) {
  if (o == Py_None) {
    PyErr_Format(PyExc_TypeError, "Argument '%.200s' must not be None", parameter);
  } else {
    PyErr_Format(PyExc_TypeError, "Argument '%.200s' has incorrect type (expected %s, got %.200s)",
                 parameter, expected, Py_TYPE(o)->tp_name);
  }
  return false;
}

}  // namespace er
