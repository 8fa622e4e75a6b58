// The type of compiled functions. To Python it is a function in all but its class: it has defaults,
// annotations, a signature, a code object (without code), and becomes a method in a class.
#include "runtime/engineroom_runtime.h"
#include "runtime/function_object.h"

#include <structmember.h>

namespace er {
namespace {

// ---- the code object, for inspect ----

PyObject* make_code(Function* f) {
  const FunctionSpec& spec = *f->spec;
  const Ref empty(reinterpret_cast<PyObject*>(PyCode_NewEmpty(spec.file, spec.name, spec.line)));
  const Ref replace(empty ? PyObject_GetAttrString(empty, "replace") : nullptr);
  if (!replace) return nullptr;
  // inspect counts on newlocals, optimized and nofree.
  const int flags = CO_NEWLOCALS | CO_OPTIMIZED | (spec.has_varargs ? CO_VARARGS : 0) |
                    (spec.has_varkeywords ? CO_VARKEYWORDS : 0);
  const Ref arguments(Py_BuildValue(
      "{s:i,s:i,s:i,s:n,s:O,s:i}", "co_argcount", spec.n_positional, "co_posonlyargcount",
      spec.n_positional_only, "co_kwonlyargcount", spec.n_keyword_only, "co_nlocals",
      PyTuple_GET_SIZE(f->parameters), "co_varnames", f->parameters, "co_flags", flags));
  const Ref none(PyTuple_New(0));
  if (!arguments || !none) return nullptr;
  const Ref qualname(PyUnicode_FromString(spec.qualname));
  if (!qualname || PyDict_SetItemString(arguments, "co_qualname", qualname) < 0) return nullptr;
  return PyObject_Call(replace, none, arguments);
}

// ---- attributes ----

PyObject* get_or_none(PyObject* o) { return Py_NewRef(o != nullptr ? o : Py_None); }

PyObject* get_name(PyObject* o, void*) { return Py_NewRef(as_function(o)->name); }
PyObject* get_qualname(PyObject* o, void*) { return Py_NewRef(as_function(o)->qualname); }
PyObject* get_doc(PyObject* o, void*) { return get_or_none(as_function(o)->doc); }
PyObject* get_defaults(PyObject* o, void*) { return get_or_none(as_function(o)->defaults); }
PyObject* get_kwdefaults(PyObject* o, void*) { return get_or_none(as_function(o)->kwdefaults); }
PyObject* get_closure(PyObject*, void*) { return Py_NewRef(Py_None); }

PyObject* get_annotations(PyObject* o, void*) {
  Function* f = as_function(o);
  if (f->annotations == nullptr) f->annotations = PyDict_New();
  return Py_XNewRef(f->annotations);
}

PyObject* get_code(PyObject* o, void*) {
  Function* f = as_function(o);
  if (f->code == nullptr) f->code = make_code(f);
  return Py_XNewRef(f->code);
}

PyObject* get_globals(PyObject* o, void*) {
  PyObject* globals = as_function(o)->globals;
  return globals != nullptr ? Py_NewRef(globals) : PyDict_New();
}

int set_member(PyObject** member, PyObject* value) {
  Py_XINCREF(value);
  Py_XSETREF(*member, value);
  return 0;
}

int set_str(PyObject** member, PyObject* value, const char* name) {
  if (value != nullptr && PyUnicode_Check(value)) return set_member(member, value);
  PyErr_Format(PyExc_TypeError, "%s must be set to a string object", name);
  return -1;
}

int set_name(PyObject* o, PyObject* value, void*) {
  return set_str(&as_function(o)->name, value, "__name__");
}

int set_qualname(PyObject* o, PyObject* value, void*) {
  return set_str(&as_function(o)->qualname, value, "__qualname__");
}

int set_doc(PyObject* o, PyObject* value, void*) { return set_member(&as_function(o)->doc, value); }

int set_defaults(PyObject* o, PyObject* value, void*) {
  if (value == Py_None) value = nullptr;
  if (value != nullptr && !PyTuple_Check(value)) {
    PyErr_SetString(PyExc_TypeError, "__defaults__ must be set to a tuple object");
    return -1;
  }
  if (value != nullptr && PyTuple_GET_SIZE(value) > as_function(o)->spec->n_positional) {
    PyErr_SetString(PyExc_ValueError, "__defaults__ has more values than there are parameters");
    return -1;
  }
  return set_member(&as_function(o)->defaults, value);
}

int set_dict_member(PyObject** member, PyObject* value, const char* name) {
  if (value == Py_None) value = nullptr;
  if (value == nullptr || PyDict_Check(value)) return set_member(member, value);
  PyErr_Format(PyExc_TypeError, "%s must be set to a dict object", name);
  return -1;
}

int set_kwdefaults(PyObject* o, PyObject* value, void*) {
  return set_dict_member(&as_function(o)->kwdefaults, value, "__kwdefaults__");
}

int set_annotations(PyObject* o, PyObject* value, void*) {
  return set_dict_member(&as_function(o)->annotations, value, "__annotations__");
}

PyGetSetDef kGetSet[] = {
    {"__name__", get_name, set_name, nullptr, nullptr},
    {"__qualname__", get_qualname, set_qualname, nullptr, nullptr},
    {"__doc__", get_doc, set_doc, nullptr, nullptr},
    {"__defaults__", get_defaults, set_defaults, nullptr, nullptr},
    {"__kwdefaults__", get_kwdefaults, set_kwdefaults, nullptr, nullptr},
    {"__annotations__", get_annotations, set_annotations, nullptr, nullptr},
    {"__code__", get_code, nullptr, nullptr, nullptr},
    {"__closure__", get_closure, nullptr, nullptr, nullptr},
    {"__globals__", get_globals, nullptr, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef kMembers[] = {
    {"__module__", T_OBJECT, offsetof(Function, module), 0, nullptr},
    {"__home__", T_OBJECT, offsetof(Function, home), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Function, head.vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Function, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Function, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// By name, as Python's own, if nobody knows better.
PyObject* reduce(PyObject* o, PyObject*) {
  PyObject* home = as_function(o)->home;
  if (home == nullptr || home == Py_None) return Py_NewRef(as_function(o)->qualname);
  return PyObject_CallMethod(home, "reduce_function", "O", o);
}

// So that its home finds it again. A closure is one of many, and would keep its variables alive.
bool enter_home(PyObject* o) {
  PyObject* home = as_function(o)->home;
  if (home == nullptr || home == Py_None || as_function(o)->head.scope != nullptr ||
      as_function(o)->spec->name[0] == '<')
    return true;
  const Ref functions(PyObject_GetAttrString(home, "functions"));
  return functions && PyDict_SetItem(functions.get(), as_function(o)->qualname, o) == 0;
}

PyMethodDef kMethods[] = {
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

// ---- the type ----

PyObject* show(PyObject* o) {
  return PyUnicode_FromFormat("<cyfunction %U at %p>", as_function(o)->qualname, o);
}

PyObject* bind(PyObject* o, PyObject* instance, PyObject*) {
  if (instance == nullptr || instance == Py_None) return Py_NewRef(o);
  return PyMethod_New(o, instance);
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  const Function* f = as_function(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(f->head.scope);
  Py_VISIT(f->module);
  Py_VISIT(f->globals);
  Py_VISIT(f->home);
  Py_VISIT(f->defaults);
  Py_VISIT(f->kwdefaults);
  Py_VISIT(f->annotations);
  Py_VISIT(f->dict);
  return 0;
}

int clear(PyObject* o) {
  Function* f = as_function(o);
  Py_CLEAR(f->head.scope);
  Py_CLEAR(f->doc);
  Py_CLEAR(f->module);
  Py_CLEAR(f->globals);
  Py_CLEAR(f->home);
  Py_CLEAR(f->defaults);
  Py_CLEAR(f->kwdefaults);
  Py_CLEAR(f->annotations);
  Py_CLEAR(f->code);
  Py_CLEAR(f->dict);
  return 0;
}

void destroy(PyObject* o) {
  Function* f = as_function(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (f->weak_references != nullptr) PyObject_ClearWeakRefs(o);
  clear(o);
  Py_CLEAR(f->parameters);
  Py_CLEAR(f->name);
  Py_CLEAR(f->qualname);
  type->tp_free(o);
  Py_DECREF(type);
}

PyType_Slot kSlots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(clear)},
    {Py_tp_repr, reinterpret_cast<void*>(show)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_descr_get, reinterpret_cast<void*>(bind)},
    {Py_tp_getset, kGetSet},
    {Py_tp_members, kMembers},
    {Py_tp_methods, kMethods},
    {0, nullptr},
};

PyType_Spec kSpec = {
    "engineroom.cython_function_or_method",
    sizeof(Function),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
        Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    kSlots,
};

// Made once; null after an error.
PyTypeObject* function_type() {
  static PyObject* type = nullptr;
  if (type == nullptr) type = PyType_FromSpec(&kSpec);
  return reinterpret_cast<PyTypeObject*>(type);
}

PyObject* names_of(const FunctionSpec& spec) {
  const Py_ssize_t n =
      spec.n_positional + spec.n_keyword_only + spec.has_varargs + spec.has_varkeywords;
  Ref names(PyTuple_New(n));
  for (Py_ssize_t i = 0; names && i < n; ++i) {
    PyObject* name = PyUnicode_InternFromString(spec.parameters[i]);
    if (name == nullptr) return nullptr;
    PyTuple_SET_ITEM(names.get(), i, name);
  }
  return names.release();
}

}  // namespace

PyObject* new_function(const FunctionSpec* spec, PyObject* globals, PyObject* home,
                       PyObject* defaults, PyObject* kwdefaults, PyObject* annotations,
                       PyObject* scope) {
  PyTypeObject* type = function_type();
  if (type == nullptr) return nullptr;
  Ref parameters(names_of(*spec));
  Ref name(PyUnicode_InternFromString(spec->name));
  Ref qualname(PyUnicode_InternFromString(spec->qualname));
  Ref doc(spec->doc != nullptr ? PyUnicode_FromString(spec->doc) : nullptr);
  if (!parameters || !name || !qualname || (spec->doc != nullptr && !doc)) return nullptr;

  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) return nullptr;
  Function* f = as_function(o);
  const bool is_plain = !spec->has_varargs && !spec->has_varkeywords;
  f->head.vectorcall = is_plain ? call_plain : call_any;
  f->head.scope = Py_XNewRef(scope);
  f->n_direct = spec->n_keyword_only == 0 ? spec->n_positional : -1;
  f->body = spec->body;
  f->spec = spec;
  f->parameters = parameters.release();
  f->name = name.release();
  f->qualname = qualname.release();
  f->doc = doc.release();
  f->module = Py_XNewRef(globals != nullptr ? PyDict_GetItemString(globals, "__name__") : nullptr);
  f->globals = Py_XNewRef(globals);
  f->home = Py_XNewRef(home);
  f->defaults = Py_XNewRef(defaults);
  f->kwdefaults = Py_XNewRef(kwdefaults);
  f->annotations = Py_XNewRef(annotations);
  if (enter_home(o)) return o;
  Py_DECREF(o);
  return nullptr;
}

}  // namespace er
