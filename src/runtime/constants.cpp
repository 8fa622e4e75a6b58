// The constants of a module, made when it starts.
#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

PyObject* make_sequence(const ConstantSpec& spec, PyObject* const* constants) {
  Ref tuple(PyTuple_New(spec.size));
  for (Py_ssize_t i = 0; tuple && i < spec.size; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(constants[spec.items[i]]));
  if (!tuple || spec.kind == ConstantKind::kTuple) return tuple.release();
  return PyFrozenSet_New(tuple);
}

PyObject* make_constant(const ConstantSpec& spec, PyObject* const* constants) {
  switch (spec.kind) {
    case ConstantKind::kStr:
      return PyUnicode_DecodeUTF8(spec.text, spec.size, "surrogatepass");
    case ConstantKind::kName: {
      PyObject* name = PyUnicode_DecodeUTF8(spec.text, spec.size, "surrogatepass");
      if (name != nullptr) PyUnicode_InternInPlace(&name);
      return name;
    }
    case ConstantKind::kBytes:
      return PyBytes_FromStringAndSize(spec.text, spec.size);
    case ConstantKind::kInt:
      return PyLong_FromString(spec.text, nullptr, 0);
    case ConstantKind::kFloat:
      return PyFloat_FromDouble(spec.value);
    case ConstantKind::kComplex:
      return PyComplex_FromDoubles(0, spec.value);
    case ConstantKind::kTuple:
    case ConstantKind::kFrozenSet:
      return make_sequence(spec, constants);
  }
  return nullptr;
}

}  // namespace

int make_constants(const ConstantSpec* specs, Py_ssize_t n, PyObject** constants) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (constants[i] != nullptr) continue;
    constants[i] = make_constant(specs[i], constants);
    if (constants[i] == nullptr) return -1;
  }
  return 0;
}

}  // namespace er
