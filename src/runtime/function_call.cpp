// Calls of compiled functions by Python: its arguments become one borrowed object per parameter.
// The common forms of a call come before the general one, which takes them all.
#include "runtime/engineroom_runtime.h"
#include "runtime/function_object.h"

namespace er {
namespace {

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

}  // namespace

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

}  // namespace er
