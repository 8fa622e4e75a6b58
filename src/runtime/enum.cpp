#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

// Values without a name become members when they are first asked for.
constexpr const char* kBase = R"(
from enum import IntEnum

class FlexibleEnum(IntEnum):
    @classmethod
    def _missing_(cls, value):
        member = int.__new__(cls, value)
        member._name_ = None
        member._value_ = value
        return cls._value2member_map_.setdefault(value, member)

    def __repr__(self):
        if self._name_ is None:
            return f"<{type(self).__name__}: {self._value_!r}>"
        return super().__repr__()
)";

// The class of that name that the text above defines or imports.
PyObject* base_class(const char* name) {
  static PyObject* names = nullptr;  // for the life of the process, as its classes are
  if (names == nullptr) {
    Ref made(PyDict_New());
    const Ref module(PyUnicode_FromString("engineroom"));
    if (!made || !module || PyDict_SetItemString(made, "__name__", module) < 0) return nullptr;
    const Ref done(PyRun_String(kBase, Py_file_input, made, made));
    if (!done) return nullptr;
    names = made.release();
  }
  return PyDict_GetItemString(names, name);
}

}  // namespace

PyObject* make_enum(PyObject* globals, PyObject* name, PyObject* items, PyObject* doc,
                    int is_scoped) {
  PyObject* base = base_class(is_scoped != 0 ? "IntEnum" : "FlexibleEnum");
  if (base == nullptr) return nullptr;
  const Ref args(PyTuple_Pack(2, name, items));
  PyObject* module = PyDict_GetItemString(globals, "__name__");
  const Ref keywords(PyDict_New());
  if (!args || !keywords) return nullptr;
  if (module != nullptr && PyDict_SetItemString(keywords, "module", module) < 0) return nullptr;
  Ref made(PyObject_Call(base, args, keywords));
  if (!made || (!Py_IsNone(doc) && PyObject_SetAttrString(made, "__doc__", doc) < 0))
    return nullptr;
  return made.release();
}

PyObject* enum_class(PyObject* globals, const char* module, const char* name) {
  PyObject* own = PyDict_GetItemString(globals, "__name__");
  const bool has_name = own != nullptr && PyUnicode_Check(own);
  if (has_name && PyUnicode_CompareWithASCIIString(own, module) == 0) {
    PyObject* found = PyDict_GetItemString(globals, name);
    if (found != nullptr) return Py_NewRef(found);
  }
  const Ref owner(PyImport_ImportModule(module));
  if (!owner) return nullptr;
  PyObject* found = PyObject_GetAttrString(owner, name);
  if (found != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyErr_Clear();
  PyErr_Format(PyExc_ImportError, "cannot import name '%s' from '%s'", name, module);
  return nullptr;
}

PyObject* to_enum(PyObject* globals, const char* module, const char* name, long long value) {
  const Ref number(PyLong_FromLongLong(value));
  if (!number) return nullptr;
  const Ref type(enum_class(globals, module, name));
  if (!type) {
    if (!PyErr_ExceptionMatches(PyExc_ImportError)) return nullptr;
    PyErr_Clear();
    return Py_NewRef(number);
  }
  return PyObject_CallOneArg(type, number);
}

}  // namespace er
