// The type of compiled functions. To Python it is a function in all but its class: it has defaults,
// annotations, a signature, a code object (without code), and becomes a method in a class.
#include "runtime/engineroom_runtime.h"

#include <structmember.h>

namespace er {
namespace {

struct Function {
  FunctionHead head;
  // So many arguments by position are all that it takes, and may go to `body` as they are.
  Py_ssize_t n_direct;  // -1: never
  PyObject* (*body)(PyObject* self, PyObject* const* args);
  const FunctionSpec* spec;
  PyObject* parameters;  // a tuple of interned names, as in the spec
  PyObject* name;
  PyObject* qualname;
  PyObject* doc;
  PyObject* module;       // the name of it
  PyObject* globals;      // the namespace that the code uses; or null
  PyObject* home;         // what keeps the code loaded; or null
  PyObject* defaults;     // a tuple, or null
  PyObject* kwdefaults;   // a dict, or null
  PyObject* annotations;  // a dict, or null
  PyObject* code;         // null until asked for
  PyObject* dict;
  PyObject* weak_references;
};

Function* as_function(PyObject* o) { return reinterpret_cast<Function*>(o); }

PyObject* parameter_name(const Function* f, Py_ssize_t i) {
  return PyTuple_GET_ITEM(f->parameters, i);
}

// ---- wrong calls, in CPython's words ----

// "'a', 'b', and 'c'"
PyObject* list_names(PyObject* names) {
  const Py_ssize_t n = PyList_GET_SIZE(names);
  Ref text(PyUnicode_FromString(""));
  for (Py_ssize_t i = 0; text && i < n; ++i) {
    const char* form = i == 0 ? "%U%R" : i + 1 < n ? "%U, %R" : n == 2 ? "%U and %R" : "%U, and %R";
    text = Ref(PyUnicode_FromFormat(form, text.get(), PyList_GET_ITEM(names, i)));
  }
  return text.release();
}

ER_COLD bool raise_missing(const Function* f, const char* kind, PyObject* names) {
  const Py_ssize_t n = PyList_GET_SIZE(names);
  const Ref text(list_names(names));
  if (text) {
    PyErr_Format(PyExc_TypeError, "%U() missing %zd required %s argument%s: %U", f->qualname, n,
                 kind, n == 1 ? "" : "s", text.get());
  }
  return false;
}

ER_COLD bool raise_too_many(const Function* f, Py_ssize_t n_given, PyObject* const* values) {
  const FunctionSpec& spec = *f->spec;
  const Py_ssize_t n = spec.n_positional;
  const Py_ssize_t n_defaults = f->defaults != nullptr ? PyTuple_GET_SIZE(f->defaults) : 0;
  Py_ssize_t n_keyword_only = 0;
  for (int i = 0; i < spec.n_keyword_only; ++i) n_keyword_only += values[n + i] != nullptr;

  const bool plural = n_defaults > 0 || n != 1;
  const Ref takes(n_defaults > 0 ? PyUnicode_FromFormat("from %zd to %zd", n - n_defaults, n)
                                 : PyUnicode_FromFormat("%zd", n));
  Ref extra(PyUnicode_FromString(""));
  if (n_keyword_only > 0) {
    extra = Ref(PyUnicode_FromFormat(" positional argument%s (and %zd keyword-only argument%s)",
                                     n_given != 1 ? "s" : "", n_keyword_only,
                                     n_keyword_only != 1 ? "s" : ""));
  }
  if (takes && extra) {
    PyErr_Format(PyExc_TypeError, "%U() takes %U positional argument%s but %zd%U %s given",
                 f->qualname, takes.get(), plural ? "s" : "", n_given, extra.get(),
                 n_given == 1 && n_keyword_only == 0 ? "was" : "were");
  }
  return false;
}

// A keyword that names no parameter: unknown, or positional only.
ER_COLD bool raise_unexpected(const Function* f, PyObject* keyword, PyObject* kwnames) {
  const Ref wrong(PyList_New(0));
  if (!wrong) return false;
  for (Py_ssize_t i = 0; i < f->spec->n_positional_only; ++i) {
    const int there = PySequence_Contains(kwnames, parameter_name(f, i));
    if (there < 0 || (there > 0 && PyList_Append(wrong, parameter_name(f, i)) < 0)) return false;
  }
  if (PyList_GET_SIZE(wrong.get()) > 0) {
    const Ref comma(PyUnicode_FromString(", "));
    const Ref text(comma ? PyUnicode_Join(comma, wrong) : nullptr);
    if (text) {
      PyErr_Format(PyExc_TypeError,
                   "%U() got some positional-only arguments passed as keyword arguments: '%U'",
                   f->qualname, text.get());
    }
    return false;
  }
  PyErr_Format(PyExc_TypeError, "%U() got an unexpected keyword argument '%S'", f->qualname,
               keyword);
  return false;
}

// ---- calls ----

// The parameter of this name that may be given by keyword; -1 if there is none, -2 after an error.
Py_ssize_t find_parameter(const Function* f, PyObject* keyword) {
  const FunctionSpec& spec = *f->spec;
  const Py_ssize_t end = spec.n_positional + spec.n_keyword_only;
  for (Py_ssize_t i = spec.n_positional_only; i < end; ++i) {
    if (parameter_name(f, i) == keyword) return i;
  }
  for (Py_ssize_t i = spec.n_positional_only; i < end; ++i) {
    const int same = PyObject_RichCompareBool(parameter_name(f, i), keyword, Py_EQ);
    if (same != 0) return same > 0 ? i : -2;
  }
  return -1;
}

bool take_keywords(const Function* f, PyObject* const* args, PyObject* kwnames, PyObject** values,
                   PyObject* varkeywords) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); ++i) {
    PyObject* keyword = PyTuple_GET_ITEM(kwnames, i);
    if (!PyUnicode_Check(keyword)) {
      PyErr_Format(PyExc_TypeError, "%U() keywords must be strings", f->qualname);
      return false;
    }
    const Py_ssize_t found = find_parameter(f, keyword);
    if (found == -2) return false;
    if (found == -1) {
      if (varkeywords == nullptr) return raise_unexpected(f, keyword, kwnames);
      if (PyDict_SetItem(varkeywords, keyword, args[i]) < 0) return false;
    } else if (values[found] != nullptr) {
      PyErr_Format(PyExc_TypeError, "%U() got multiple values for argument '%S'", f->qualname,
                   keyword);
      return false;
    } else {
      values[found] = args[i];
    }
  }
  return true;
}

bool take_defaults(const Function* f, PyObject** values, PyObject* defaults, PyObject* kwdefaults) {
  const FunctionSpec& spec = *f->spec;
  const Py_ssize_t n_defaults = defaults != nullptr ? PyTuple_GET_SIZE(defaults) : 0;
  const Py_ssize_t first = spec.n_positional - n_defaults;
  Ref missing;
  for (Py_ssize_t i = 0; i < spec.n_positional; ++i) {
    if (values[i] != nullptr) continue;
    if (i >= first) {
      values[i] = PyTuple_GET_ITEM(defaults, i - first);
    } else if ((!missing && !missing.set(PyList_New(0))) ||
               PyList_Append(missing, parameter_name(f, i)) < 0) {
      return false;
    }
  }
  if (missing) return raise_missing(f, "positional", missing);
  for (Py_ssize_t i = spec.n_positional; i < spec.n_positional + spec.n_keyword_only; ++i) {
    if (values[i] != nullptr) continue;
    if (kwdefaults != nullptr) {
      values[i] = PyDict_GetItemWithError(kwdefaults, parameter_name(f, i));
      if (values[i] != nullptr) continue;
      if (PyErr_Occurred()) return false;
    }
    if ((!missing && !missing.set(PyList_New(0))) ||
        PyList_Append(missing, parameter_name(f, i)) < 0)
      return false;
  }
  return missing ? raise_missing(f, "keyword-only", missing) : true;
}

PyObject* call_general(Function* f, PyObject* const* args, Py_ssize_t n_args, PyObject* kwnames) {
  const FunctionSpec& spec = *f->spec;
  constexpr Py_ssize_t kOnStack = 16;
  const Py_ssize_t n_named = spec.n_positional + spec.n_keyword_only;
  const Py_ssize_t n = n_named + spec.has_varargs + spec.has_varkeywords;
  PyObject* on_stack[kOnStack];
  PyObject** values = on_stack;
  Ref storage;
  if (n > kOnStack) {
    storage = Ref(PyBytes_FromStringAndSize(nullptr, n * Py_ssize_t{sizeof(PyObject*)}));
    if (!storage) return nullptr;
    values = reinterpret_cast<PyObject**>(PyBytes_AS_STRING(storage.get()));
  }
  for (Py_ssize_t i = 0; i < n; ++i) values[i] = nullptr;

  const Py_ssize_t n_direct = n_args < spec.n_positional ? n_args : spec.n_positional;
  for (Py_ssize_t i = 0; i < n_direct; ++i) values[i] = args[i];
  Ref varkeywords;
  if (spec.has_varkeywords && !varkeywords.set(PyDict_New())) return nullptr;
  if (kwnames != nullptr && !take_keywords(f, args + n_args, kwnames, values, varkeywords))
    return nullptr;
  if (n_args > spec.n_positional && !spec.has_varargs) {
    raise_too_many(f, n_args, values);
    return nullptr;
  }
  // Kept, as the function may change its own defaults.
  const Ref defaults = borrow(f->defaults);
  Ref kwdefaults;
  bool wants_kwdefaults = false;
  for (Py_ssize_t i = spec.n_positional; i < n_named; ++i)
    wants_kwdefaults = wants_kwdefaults || values[i] == nullptr;
  if (wants_kwdefaults && f->kwdefaults != nullptr && !kwdefaults.set(PyDict_Copy(f->kwdefaults)))
    return nullptr;
  if (!take_defaults(f, values, defaults, kwdefaults)) return nullptr;
  Ref varargs;
  if (spec.has_varargs) {
    const Py_ssize_t n_extra = n_args > n_direct ? n_args - n_direct : 0;
    if (!varargs.set(tuple_of(args + n_direct, n_extra))) return nullptr;
    values[n_named] = varargs;
  }
  if (spec.has_varkeywords) values[n_named + spec.has_varargs] = varkeywords;
  return spec.body(reinterpret_cast<PyObject*>(f), values);
}

// Some of the last arguments are left to their defaults, all others are given by position.
PyObject* call_with_defaults(Function* f, PyObject* const* args, Py_ssize_t n_args) {
  const FunctionSpec& spec = *f->spec;
  constexpr Py_ssize_t kOnStack = 8;
  const Py_ssize_t n = spec.n_positional;
  const Py_ssize_t n_defaults = f->defaults != nullptr ? PyTuple_GET_SIZE(f->defaults) : 0;
  if (n > kOnStack || n_args > n || n_args < n - n_defaults)
    return call_general(f, args, n_args, nullptr);
  // Kept, as the function may change its own defaults.
  const Ref defaults = borrow(f->defaults);
  PyObject* values[kOnStack];
  for (Py_ssize_t i = 0; i < n_args; ++i) values[i] = args[i];
  for (Py_ssize_t i = n_args; i < n; ++i)
    values[i] = PyTuple_GET_ITEM(defaults.get(), i - (n - n_defaults));
  return spec.body(reinterpret_cast<PyObject*>(f), values);
}

// Are all parameters given, in their order? Then the arguments may go as they are.
bool is_in_order(const Function* f, Py_ssize_t n_args, PyObject* kwnames) {
  const FunctionSpec& spec = *f->spec;
  const Py_ssize_t n_keywords = PyTuple_GET_SIZE(kwnames);
  if (n_args + n_keywords != spec.n_positional + spec.n_keyword_only ||
      n_args > spec.n_positional || n_args < spec.n_positional_only)
    return false;
  for (Py_ssize_t i = 0; i < n_keywords; ++i)
    if (PyTuple_GET_ITEM(kwnames, i) != parameter_name(f, n_args + i)) return false;
  return true;
}

// Keywords that are the very strings of the parameters, as those of nearly all calls are.
PyObject* call_with_keywords(Function* f, PyObject* const* args, Py_ssize_t n_args,
                             PyObject* kwnames) {
  const FunctionSpec& spec = *f->spec;
  constexpr Py_ssize_t kOnStack = 8;
  const Py_ssize_t n = spec.n_positional + spec.n_keyword_only;
  const auto give_up = [&] { return call_general(f, args, n_args, kwnames); };
  if (n > kOnStack || n_args > spec.n_positional) return give_up();
  PyObject* values[kOnStack] = {};
  for (Py_ssize_t i = 0; i < n_args; ++i) values[i] = args[i];
  const Py_ssize_t first = n_args > spec.n_positional_only ? n_args : spec.n_positional_only;
  Py_ssize_t at = first;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(kwnames); ++k) {
    PyObject* keyword = PyTuple_GET_ITEM(kwnames, k);
    // They mostly come in the order of the parameters.
    if (at >= n || parameter_name(f, at) != keyword) {
      at = first;
      while (at < n && parameter_name(f, at) != keyword) ++at;
      if (at == n) return give_up();
    }
    if (values[at] != nullptr) return give_up();
    values[at++] = args[n_args + k];
  }
  if (n_args + PyTuple_GET_SIZE(kwnames) == n)
    return f->body(reinterpret_cast<PyObject*>(f), values);
  // Kept, as the function may change its own defaults.
  const Ref defaults = borrow(f->defaults);
  const Py_ssize_t n_defaults = defaults ? PyTuple_GET_SIZE(defaults.get()) : 0;
  const Py_ssize_t first_default = spec.n_positional - n_defaults;
  for (Py_ssize_t i = n_args; i < n; ++i) {
    if (values[i] != nullptr) continue;
    if (i < first_default || i >= spec.n_positional) return give_up();
    values[i] = PyTuple_GET_ITEM(defaults.get(), i - first_default);
  }
  return f->body(reinterpret_cast<PyObject*>(f), values);
}

// Of functions without *args and **kwargs. Mostly as many arguments as parameters.
PyObject* call_plain(PyObject* o, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
  Function* f = as_function(o);
  const Py_ssize_t n_args = PyVectorcall_NARGS(nargsf);
  if (kwnames != nullptr) {
    if (is_in_order(f, n_args, kwnames)) return f->body(o, args);
    return call_with_keywords(f, args, n_args, kwnames);
  }
  if (n_args == f->n_direct) [[likely]]
    return f->body(o, args);
  if (f->spec->n_keyword_only > 0) return call_general(f, args, n_args, nullptr);
  return call_with_defaults(f, args, n_args);
}

PyObject* call_any(PyObject* o, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
  return call_general(as_function(o), args, PyVectorcall_NARGS(nargsf), kwnames);
}

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

// ---- constants ----

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
