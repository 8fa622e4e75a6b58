// Operators on objects. Python decides what they mean; ints of a few bits, floats and strings are
// most of what they meet, and need none of its dispatch.
#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

// ---- operands ----

// Small ints have at most 30 bits: a sum or a product of two is a long.
inline bool both_small(PyObject* a, PyObject* b, long* x, long* y) {
  return small_int(a, x) && small_int(b, y);
}

inline bool both_floats(PyObject* a, PyObject* b) {
  return PyFloat_CheckExact(a) && PyFloat_CheckExact(b);
}

// The value of a float or a small int: a double that is exactly that.
inline bool small_number(PyObject* o, double* out) {
  if (PyFloat_CheckExact(o)) {
    *out = PyFloat_AS_DOUBLE(o);
    return true;
  }
  long value;
  if (!small_int(o, &value)) return false;
  *out = static_cast<double>(value);
  return true;
}

// Two floats, or a float and a small int.
inline bool doubles(PyObject* a, PyObject* b, double* x, double* y) {
  if (!PyFloat_CheckExact(a) && !PyFloat_CheckExact(b)) return false;
  return small_number(a, x) && small_number(b, y);
}

inline bool both_str(PyObject* a, PyObject* b) {
  return PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b);
}

// ---- results ----

// Numbers are immutable to whoever knows them. One that only a variable of a function knows may as
// well get the value of the next: that saves the memory manager two calls.

#if PY_VERSION_HEX < 0x030C0000
constexpr long kMaxDigit = PyLong_MASK;
// The ints from -5 to 256 are shared by everybody.
constexpr long kMinShared = -5;
constexpr long kMaxShared = 256;
inline bool is_shared_int(long value) { return value >= kMinShared && value <= kMaxShared; }

inline bool overwrite(PyObject* o, long value) {
  const bool fits = value >= -kMaxDigit && value <= kMaxDigit && !is_shared_int(value);
  if (!fits || Py_REFCNT(o) != 1 || !PyLong_CheckExact(o)) return false;
  // What has no digit has no room for one.
  if (Py_SIZE(o) == 0) return false;
  auto* number = reinterpret_cast<PyLongObject*>(o);
  number->ob_digit[0] = static_cast<digit>(value < 0 ? -value : value);
  Py_SET_SIZE(number, value < 0 ? -1 : 1);
  return true;
}
#else
inline bool overwrite(PyObject*, long) { return false; }
#endif

inline PyObject* new_int(long value) {
#if PY_VERSION_HEX < 0x030C0000
  // Those that are shared, once they were asked for.
  static PyObject* shared[kMaxShared - kMinShared + 1];
  if (is_shared_int(value)) {
    PyObject*& known = shared[value - kMinShared];
    if (known == nullptr) [[unlikely]]
      known = PyLong_FromLong(value);
    return Py_XNewRef(known);
  }
  if (value >= -kMaxDigit && value <= kMaxDigit) {
    PyLongObject* made = _PyLong_New(1);
    if (made == nullptr) return nullptr;
    made->ob_digit[0] = static_cast<digit>(value < 0 ? -value : value);
    if (value < 0) Py_SET_SIZE(made, -1);
    return reinterpret_cast<PyObject*>(made);
  }
#endif
  return PyLong_FromLong(value);
}

struct NewObject {
  using Result = PyObject*;
  static PyObject* integer(long value) { return new_int(value); }
  static PyObject* real(double value) { return PyFloat_FromDouble(value); }
  static PyObject* object(PyObject* made) { return made; }
};

struct Into {
  using Result = bool;
  Ref& target;
  bool integer(long value) const { return put_int(target, value); }
  bool real(double value) const {
    PyObject* old = target.get();
    if (old == nullptr || Py_REFCNT(old) != 1 || !PyFloat_CheckExact(old))
      return target.set(PyFloat_FromDouble(value));
    reinterpret_cast<PyFloatObject*>(old)->ob_fval = value;
    return true;
  }
  bool object(PyObject* made) const { return target.set(made); }
};

// ---- operations: kOtherwise is Python's own ----

template <binaryfunc kOtherwise, typename To>
inline typename To::Result sum(To to, PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y)) return to.integer(x + y);
  double p;
  double q;
  if (doubles(a, b, &p, &q)) return to.real(p + q);
  return to.object(kOtherwise(a, b));
}

template <binaryfunc kOtherwise, typename To>
inline typename To::Result difference(To to, PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y)) return to.integer(x - y);
  double p;
  double q;
  if (doubles(a, b, &p, &q)) return to.real(p - q);
  return to.object(kOtherwise(a, b));
}

template <binaryfunc kOtherwise, typename To>
inline typename To::Result product(To to, PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y)) return to.integer(x * y);
  double p;
  double q;
  if (doubles(a, b, &p, &q)) return to.real(p * q);
  return to.object(kOtherwise(a, b));
}

template <binaryfunc kOtherwise, typename To>
inline typename To::Result quotient(To to, PyObject* a, PyObject* b) {
  double p;
  double q;
  // Python rounds the quotient of two ints correctly, and so does the processor if they are small.
  if (small_number(a, &p) && small_number(b, &q) && q != 0) return to.real(p / q);
  return to.object(kOtherwise(a, b));
}

// As ints, which a processor divides faster than longs.
template <binaryfunc kOtherwise, typename To>
inline typename To::Result floored(To to, PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y) && y != 0) {
    // By 2 and -1 too, of which processors would make a division.
    if (y == 2) return to.integer(x >> 1);
    return to.integer(floor_div_nz<int>(static_cast<int>(x), static_cast<int>(y)));
  }
  return to.object(kOtherwise(a, b));
}

template <binaryfunc kOtherwise, typename To>
inline typename To::Result rest(To to, PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y) && y != 0) {
    if (y == 2) return to.integer(x & 1);
    return to.integer(mod_nz<int>(static_cast<int>(x), static_cast<int>(y)));
  }
  return to.object(kOtherwise(a, b));
}

PyObject* concatenated(PyObject* a, PyObject* b) {
  return both_str(a, b) ? PyUnicode_Concat(a, b) : PyNumber_Add(a, b);
}

}  // namespace

bool put_int(Ref& target, long value) {
  PyObject* old = target.get();
  return (old != nullptr && overwrite(old, value)) || target.set(new_int(value));
}

int remainder_true(PyObject* a, PyObject* b) {
  long x;
  long y;
  if (both_small(a, b, &x, &y) && y != 0)
    return y == 2 ? static_cast<int>(x & 1) : static_cast<int>(x) % static_cast<int>(y) != 0;
  PyObject* result = PyNumber_Remainder(a, b);
  if (result == nullptr) return -1;
  const int value = truth(result);
  Py_DECREF(result);
  return value;
}

// Each as a new object, into a variable, and as the operator with =.
#define ER_OPERATOR(NAME, OPERATION, PYTHON, IN_PLACE)                                      \
  PyObject* NAME(PyObject* a, PyObject* b) { return OPERATION<PYTHON>(NewObject(), a, b); } \
  bool NAME(Ref& target, PyObject* a, PyObject* b) {                                        \
    return OPERATION<PYTHON>(Into{target}, a, b);                                           \
  }                                                                                         \
  PyObject* inplace_##NAME(PyObject* a, PyObject* b) {                                      \
    return OPERATION<IN_PLACE>(NewObject(), a, b);                                          \
  }                                                                                         \
  bool inplace_##NAME(Ref& target, PyObject* a, PyObject* b) {                              \
    return OPERATION<IN_PLACE>(Into{target}, a, b);                                         \
  }
ER_OPERATOR(add, sum, concatenated, PyNumber_InPlaceAdd)
ER_OPERATOR(subtract, difference, PyNumber_Subtract, PyNumber_InPlaceSubtract)
ER_OPERATOR(multiply, product, PyNumber_Multiply, PyNumber_InPlaceMultiply)
ER_OPERATOR(true_divide, quotient, PyNumber_TrueDivide, PyNumber_InPlaceTrueDivide)
ER_OPERATOR(floor_divide, floored, PyNumber_FloorDivide, PyNumber_InPlaceFloorDivide)
ER_OPERATOR(remainder, rest, PyNumber_Remainder, PyNumber_InPlaceRemainder)
#undef ER_OPERATOR

// ---- x += y ----

namespace {

// A str that nobody else knows, and that has room for all characters of `more`.
bool can_grow(PyObject* text, PyObject* more) {
  return text != more && Py_REFCNT(text) == 1 &&
         PyUnicode_MAX_CHAR_VALUE(more) <= PyUnicode_MAX_CHAR_VALUE(text) &&
         PyUnicode_GET_LENGTH(more) > 0 && PyUnicode_GET_LENGTH(text) > 0;
}

// REQUIRES: can_grow(*text, more). After an error it is as it was.
bool grow(PyObject** text, PyObject* more) {
  const Py_ssize_t n = PyUnicode_GET_LENGTH(*text);
  const Py_ssize_t n_more = PyUnicode_GET_LENGTH(more);
  if (PyUnicode_Resize(text, n + n_more) < 0) return false;
  const Py_ssize_t kind = PyUnicode_KIND(*text);
  if (PyUnicode_KIND(more) != kind) return PyUnicode_CopyCharacters(*text, n, more, 0, n_more) >= 0;
  std::memcpy(static_cast<char*>(PyUnicode_DATA(*text)) + n * kind, PyUnicode_DATA(more),
              static_cast<std::size_t>(n_more * kind));
  return true;
}

}  // namespace

bool add_to(Ref& variable, PyObject* b) {
  PyObject* a = variable.get();
  if (!both_str(a, b)) return inplace_add(variable, a, b);
  if (!can_grow(a, b)) return variable.set(PyUnicode_Concat(a, b));
  PyObject* text = variable.release();
  const bool done = grow(&text, b);
  variable = Ref(text);
  return done;
}

int add_to_item(PyObject* o, PyObject* key, PyObject* b) {
  Ref value;
  if (PyDict_CheckExact(o)) {
    PyObject* found = PyDict_GetItemWithError(o, key);
    if (found == nullptr && PyErr_Occurred()) return -1;
    long x;
    long y;
    if (found != nullptr && both_small(found, b, &x, &y)) {
      // Perhaps only the dict knows it.
      if (overwrite(found, x + y)) return 0;
      const Ref made(new_int(x + y));
      return made ? PyDict_SetItem(o, key, made) : -1;
    }
    value = borrow(found);
  }
  if (!value && !value.set(get_item(o, key))) return -1;
  return value.set(inplace_add(value, b)) ? set_item(o, key, value) : -1;
}

// ---- comparison ----

namespace {

template <int kOp, typename T>
bool ordered(T a, T b) {
  if constexpr (kOp == Py_LT) return a < b;
  if constexpr (kOp == Py_LE) return a <= b;
  if constexpr (kOp == Py_EQ) return a == b;
  if constexpr (kOp == Py_NE) return a != b;
  if constexpr (kOp == Py_GT) return a > b;
  return a >= b;
}

bool is_ready(PyObject* text) {
#if PY_VERSION_HEX < 0x030C0000
  return PyUnicode_IS_READY(text);
#else
  (void)text;
  return true;
#endif
}

// Most of those that differ do so at once, and many texts are of one character.
inline bool equal_str(PyObject* a, PyObject* b) {
  const Py_ssize_t n = PyUnicode_GET_LENGTH(a);
  const auto kind = PyUnicode_KIND(a);
  if (n != PyUnicode_GET_LENGTH(b) || kind != PyUnicode_KIND(b)) return false;
  const void* x = PyUnicode_DATA(a);
  const void* y = PyUnicode_DATA(b);
  if (*static_cast<const Py_UCS1*>(x) != *static_cast<const Py_UCS1*>(y)) return false;
  const std::size_t size = static_cast<std::size_t>(n) * kind;
  return size <= 1 || std::memcmp(x, y, size) == 0;
}

}  // namespace

template <int kOp>
int compare_true(PyObject* a, PyObject* b) {
  if (Py_IS_TYPE(a, Py_TYPE(b))) [[likely]] {
    long x;
    long y;
    if (both_small(a, b, &x, &y)) return ordered<kOp>(x, y);
    if constexpr (kOp == Py_EQ || kOp == Py_NE) {
      if (PyUnicode_CheckExact(a) && is_ready(a) && is_ready(b))
        return (a == b || equal_str(a, b)) == (kOp == Py_EQ);
    }
    if (PyFloat_CheckExact(a)) return ordered<kOp>(PyFloat_AS_DOUBLE(a), PyFloat_AS_DOUBLE(b));
  }
  PyObject* result = PyObject_RichCompare(a, b, kOp);
  if (result == nullptr) return -1;
  const int value = truth(result);
  Py_DECREF(result);
  return value;
}

template int compare_true<Py_LT>(PyObject* a, PyObject* b);
template int compare_true<Py_LE>(PyObject* a, PyObject* b);
template int compare_true<Py_EQ>(PyObject* a, PyObject* b);
template int compare_true<Py_NE>(PyObject* a, PyObject* b);
template int compare_true<Py_GT>(PyObject* a, PyObject* b);
template int compare_true<Py_GE>(PyObject* a, PyObject* b);

int truth_of(PyObject* o) {
  long value;
  if (small_int(o, &value)) return value != 0;
  return PyObject_IsTrue(o);
}

namespace {

// One narrow character in a few of them, where a search would not be worth its call.
inline bool is_character_in_few(PyObject* item, PyObject* text) {
  return PyUnicode_CheckExact(item) && is_ready(item) && is_ready(text) &&
         PyUnicode_GET_LENGTH(item) == 1 && PyUnicode_KIND(item) == PyUnicode_1BYTE_KIND &&
         PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND && PyUnicode_GET_LENGTH(text) <= 16;
}

int has_character(PyObject* item, PyObject* text) {
  const Py_UCS1 wanted = PyUnicode_1BYTE_DATA(item)[0];
  const Py_UCS1* characters = PyUnicode_1BYTE_DATA(text);
  for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text); ++i)
    if (characters[i] == wanted) return 1;
  return 0;
}

}  // namespace

int contains_in_str(PyObject* item, PyObject* text) {
  return is_character_in_few(item, text) ? has_character(item, text)
                                         : PyUnicode_Contains(text, item);
}

int contains(PyObject* item, PyObject* container) {
  if (PyDict_CheckExact(container)) return PyDict_Contains(container, item);
  if (PySet_CheckExact(container)) return PySet_Contains(container, item);
  if (PyUnicode_CheckExact(container)) return contains_in_str(item, container);
  return PySequence_Contains(container, item);
}

}  // namespace er
