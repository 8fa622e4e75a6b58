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

namespace {

// Cython's module of that name cannot be imported: its classes are ours.
PyObject* class_of_view(const char* name) {
  PyTypeObject* type = std::strcmp(name, "array") == 0 ? array_type() : memoryview_type();
  return Py_XNewRef(reinterpret_cast<PyObject*>(type));
}

}  // namespace

int import_classes(const ClassSpec* specs, Py_ssize_t n, PyObject** classes) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (std::strcmp(specs[i].module, "cython.view") == 0) {
      PyObject* type = class_of_view(specs[i].name);
      if (type == nullptr) return -1;
      Py_XSETREF(classes[i], type);
      continue;
    }
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

// ---- C names that compiled modules lend each other ----

namespace {

constexpr char kLent[] = "__pyx_capi__";

// Borrowed; null without an exception if there is none.
PyObject* lent_of(PyObject* globals) {
  const Ref key(PyUnicode_FromString(kLent));
  return key ? PyDict_GetItemWithError(globals, key.get()) : nullptr;
}

bool keep_module(PyObject* home, PyObject* module) {
  if (home == nullptr || home == Py_None) return true;
  const Ref modules(PyObject_GetAttrString(home, "modules"));
  if (!modules) return false;
  return PyList_Check(modules.get()) && PyList_Append(modules.get(), module) == 0;
}

// The module that was to be borrowed from; says what for if there is none.
PyObject* import_lender(const char* module, const char* what, const char* name) {
  PyObject* found = PyImport_ImportModule(module);
  if (found != nullptr || !PyErr_ExceptionMatches(PyExc_ModuleNotFoundError)) return found;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  const Ref missing(PyObject_GetAttrString(value, "name"));
  const bool is_it = missing && PyUnicode_Check(missing.get()) &&
                     PyUnicode_CompareWithASCIIString(missing.get(), module) == 0;
  PyErr_Clear();
  if (!is_it) {
    PyErr_Restore(type, value, traceback);
    return nullptr;
  }
  const Ref dropped_type(type), dropped_value(value), dropped_traceback(traceback);
  const Ref text(PyUnicode_FromFormat(
      "No module named '%s', of which the C %s '%s' is used: compile it first, and put it into "
      "sys.modules",
      module, what, name));
  if (text) PyErr_SetImportErrorSubclass(PyExc_ModuleNotFoundError, text, missing, nullptr);
  return nullptr;
}

}  // namespace

bool lend_c(PyObject* globals, PyObject* home, const char* name, const char* signature,
            void* address) {
  PyObject* lent = lent_of(globals);
  if (lent == nullptr) {
    const Ref made(PyErr_Occurred() ? nullptr : PyDict_New());
    if (!made || PyDict_SetItemString(globals, kLent, made.get()) < 0) return false;
    lent = made.get();  // which `globals` holds
    if (home != nullptr && PyDict_SetItemString(lent, "__home__", home) < 0) return false;
  }
  const Ref capsule(PyCapsule_New(address, signature, nullptr));
  return capsule && PyDict_SetItemString(lent, name, capsule.get()) == 0;
}

bool borrow_c(PyObject* home, const char* module, const char* name, const char* signature,
              bool is_function, void** address) {
  const char* what = is_function ? "function" : "variable";
  const Ref found(import_lender(module, what, name));
  if (!found) return false;
  const Ref lent(PyObject_GetAttrString(found.get(), kLent));
  if (!lent && !PyErr_ExceptionMatches(PyExc_AttributeError)) return false;
  PyErr_Clear();
  PyObject* capsule =
      lent && PyDict_Check(lent.get()) ? PyDict_GetItemString(lent.get(), name) : nullptr;
  if (capsule == nullptr) {
    PyErr_Format(PyExc_ImportError, "%.200s does not export expected C %s %.200s", module, what,
                 name);
    return false;
  }
  if (PyCapsule_IsValid(capsule, signature) == 0) {
    PyErr_Format(PyExc_TypeError,
                 "C %s %.200s.%.200s has wrong signature (expected %.500s, got %.500s)", what,
                 module, name, signature,
                 PyCapsule_CheckExact(capsule) ? PyCapsule_GetName(capsule) : "no capsule");
    return false;
  }
  *address = PyCapsule_GetPointer(capsule, signature);
  return keep_module(home, found.get());
}

}  // namespace er
