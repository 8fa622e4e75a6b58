#include "runtime/engineroom_runtime.h"

namespace er {

PyObject* import_name(PyObject* globals, PyObject* name, PyObject* fromlist, int level) {
  PyObject* import = PyDict_GetItemString(PyEval_GetBuiltins(), "__import__");
  if (import == nullptr) {
    PyErr_SetString(PyExc_ImportError, "__import__ not found");
    return nullptr;
  }
  const Ref number(PyLong_FromLong(level));
  if (!number) return nullptr;
  return PyObject_CallFunctionObjArgs(import, name, globals, Py_None,
                                      fromlist != nullptr ? fromlist : Py_None, number.get(),
                                      nullptr);
}

PyObject* import_from(PyObject* module, PyObject* name) {
  PyObject* found = PyObject_GetAttr(module, name);
  if (found != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyErr_Clear();
  // A submodule that is being imported is not yet an attribute of its package.
  const Ref package(PyObject_GetAttrString(module, "__name__"));
  if (!package || !PyUnicode_Check(package.get())) {
    PyErr_Clear();
    PyErr_Format(PyExc_ImportError, "cannot import name %R from %R (unknown location)", name,
                 module);
    return nullptr;
  }
  const Ref full(PyUnicode_FromFormat("%U.%U", package.get(), name));
  if (!full) return nullptr;
  found = PyImport_GetModule(full);
  if (found != nullptr || PyErr_Occurred()) return found;

  Ref path(PyModule_Check(module) ? PyModule_GetFilenameObject(module) : nullptr);
  PyErr_Clear();
  const Ref message(path ? PyUnicode_FromFormat("cannot import name %R from %R (%S)", name,
                                                package.get(), path.get())
                         : PyUnicode_FromFormat("cannot import name %R from %R (unknown location)",
                                                name, package.get()));
  if (message) PyErr_SetImportError(message, package, path);
  return nullptr;
}

int import_star(PyObject* globals, PyObject* module) {
  Ref names(PyObject_GetAttrString(module, "__all__"));
  bool only_public = false;
  if (!names) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
    PyErr_Clear();
    const Ref dict(PyObject_GetAttrString(module, "__dict__"));
    if (!dict) {
      if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
      PyErr_SetString(PyExc_ImportError, "from-import-* object has no __dict__ and no __all__");
      return -1;
    }
    names = Ref(PyMapping_Keys(dict));
    only_public = true;
  }
  const Ref list(names ? PySequence_List(names) : nullptr);
  if (!list) return -1;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
    PyObject* name = PyList_GET_ITEM(list.get(), i);
    if (!PyUnicode_Check(name)) {
      PyErr_Format(PyExc_TypeError, "Item in from-import-* must be str, not %.100s",
                   Py_TYPE(name)->tp_name);
      return -1;
    }
    if (only_public && PyUnicode_GET_LENGTH(name) > 0 && PyUnicode_READ_CHAR(name, 0) == '_')
      continue;
    const Ref value(PyObject_GetAttr(module, name));
    if (!value || PyDict_SetItem(globals, name, value) < 0) return -1;
  }
  return 0;
}

PyObject* import_dotted(PyObject* globals, PyObject* name) {
  Ref module(import_name(globals, name, nullptr, 0));
  const Ref dot(PyUnicode_FromString("."));
  const Ref parts(module && dot ? PyUnicode_Split(name, dot, -1) : nullptr);
  if (!parts) return nullptr;
  for (Py_ssize_t i = 1; i < PyList_GET_SIZE(parts.get()); ++i) {
    if (!module.set(import_from(module, PyList_GET_ITEM(parts.get(), i)))) return nullptr;
  }
  return module.release();
}

int import_classes(const ClassSpec* specs, Py_ssize_t n, PyObject** classes) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Ref module(PyImport_ImportModule(specs[i].module));
    if (!module) return -1;
    PyObject* type = PyObject_GetAttrString(module, specs[i].name);
    if (type == nullptr) return -1;
    if (!PyType_Check(type)) {
      Py_DECREF(type);
      PyErr_Format(PyExc_TypeError, "%.200s.%.200s is not a type object", specs[i].module,
                   specs[i].name);
      return -1;
    }
    Py_XSETREF(classes[i], type);
  }
  return 0;
}

PyObject* check_instance(PyObject* o, PyObject* type) {
  auto* wanted = reinterpret_cast<PyTypeObject*>(type);
  if (PyObject_TypeCheck(o, wanted)) return o;
  PyErr_Format(PyExc_TypeError, "Cannot convert %.200s to %.200s", Py_TYPE(o)->tp_name,
               wanted->tp_name);
  return nullptr;
}

}  // namespace er
