#include "runtime/engineroom_runtime.h"

#include <exception>
#include <ios>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include <frameobject.h>
#include <unistd.h>

namespace er {
namespace {

// An exception of a class or an instance; null after an error, which is another exception.
PyObject* instance_of(PyObject* exception, const char* otherwise) {
  if (PyExceptionInstance_Check(exception)) return Py_NewRef(exception);
  if (!PyExceptionClass_Check(exception)) {
    PyErr_SetString(PyExc_TypeError, otherwise);
    return nullptr;
  }
  PyObject* made = PyObject_CallNoArgs(exception);
  if (made != nullptr && !PyExceptionInstance_Check(made)) {
    PyErr_Format(PyExc_TypeError,
                 "calling %R should have returned an instance of BaseException, not %R", exception,
                 Py_TYPE(made));
    Py_CLEAR(made);
  }
  return made;
}

void set(PyObject* exception) {
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
}

#if PY_VERSION_HEX < 0x030C0000
// Of the thread: PyErr_Fetch and the like would do the same, one call for each.
PyObject*& handled_in(PyThreadState* thread) { return thread->exc_info->exc_value; }
#endif

// The raised exception, normalised and with its traceback; null if there is none.
PyObject* take_raised() {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyThreadState* thread = PyThreadState_Get();
  PyObject* type = std::exchange(thread->curexc_type, nullptr);
  PyObject* value = std::exchange(thread->curexc_value, nullptr);
  PyObject* traceback = std::exchange(thread->curexc_traceback, nullptr);
  if (type == nullptr) return nullptr;
  const bool is_normal = value != nullptr && reinterpret_cast<PyObject*>(Py_TYPE(value)) == type;
  if (!is_normal) PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_DECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

// Takes over the reference. Does not chain it to the one being handled.
void give_back_raised(PyObject* exception) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception);
#else
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), exception,
                PyException_GetTraceback(exception));
#endif
}

}  // namespace

// ---- raise ----

int raise(PyObject* exception, PyObject* cause) {
  const Ref made(instance_of(exception, "exceptions must derive from BaseException"));
  if (!made) return -1;
  if (cause != nullptr) {
    PyObject* made_cause = nullptr;
    if (cause != Py_None) {
      made_cause = instance_of(cause, "exception causes must derive from BaseException");
      if (made_cause == nullptr) return -1;
    }
    PyException_SetCause(made, made_cause);
  }
  set(made);
  return -1;
}

int raise3(PyObject* type, PyObject* value, PyObject* traceback) {
  if (traceback == Py_None) traceback = nullptr;
  if (value == Py_None) value = nullptr;
  if (traceback != nullptr && !PyTraceBack_Check(traceback)) {
    PyErr_SetString(PyExc_TypeError, "raise: arg 3 must be a traceback or None");
    return -1;
  }
  Ref made;
  if (PyExceptionInstance_Check(type)) {
    if (value != nullptr) {
      PyErr_SetString(PyExc_TypeError, "instance exception may not have a separate value");
      return -1;
    }
    made = borrow(type);
  } else if (value != nullptr && PyExceptionClass_Check(type)) {
    const int is_instance = PyExceptionInstance_Check(value) ? PyObject_IsInstance(value, type) : 0;
    if (is_instance < 0) return -1;
    made = Ref(is_instance            ? Py_NewRef(value)
               : PyTuple_Check(value) ? PyObject_CallObject(type, value)
                                      : PyObject_CallOneArg(type, value));
    if (made) made = Ref(instance_of(made, "exceptions must derive from BaseException"));
  } else {
    made = Ref(instance_of(type, "exceptions must derive from BaseException"));
  }
  if (!made) return -1;
  set(made);
  if (traceback != nullptr) {
    PyObject* raised = take_raised();
    PyException_SetTraceback(raised, traceback);
    give_back_raised(raised);
  }
  return -1;
}

int reraise() {
  PyObject* exception = PyErr_GetHandledException();
  if (exception == nullptr || exception == Py_None) {
    Py_XDECREF(exception);
    PyErr_SetString(PyExc_RuntimeError, "No active exception to reraise");
    return -1;
  }
  give_back_raised(exception);
  return -1;
}

int raise_assertion(PyObject* message) {
  if (message == nullptr) {
    PyErr_SetNone(PyExc_AssertionError);
    return -1;
  }
  // A tuple is one argument.
  const Ref exception(PyObject_CallOneArg(PyExc_AssertionError, message));
  if (exception) set(exception);
  return -1;
}

// ---- handling ----

PyObject* current_exception() {
#if PY_VERSION_HEX < 0x030C0000
  PyObject* exception = handled_in(PyThreadState_Get());
  if (exception != nullptr && exception != Py_None) return exception;
#endif
  PyObject* outer = PyErr_GetHandledException();
  Py_XDECREF(outer);  // the thread holds another one
  return outer;
}

int exception_matches(PyObject* type) {
  PyObject* exception = current_exception();
  if (exception != nullptr && reinterpret_cast<PyObject*>(Py_TYPE(exception)) == type) return 1;
  const Py_ssize_t n = PyTuple_Check(type) ? PyTuple_GET_SIZE(type) : 1;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* one = PyTuple_Check(type) ? PyTuple_GET_ITEM(type, i) : type;
    if (!PyExceptionClass_Check(one)) {
      PyErr_SetString(PyExc_TypeError,
                      "catching classes that do not inherit from BaseException is not allowed");
      return -1;
    }
  }
  return exception != nullptr ? PyErr_GivenExceptionMatches(exception, type) : 0;
}

int exit(PyObject* exit) {
  // A tuple for those who want one, which need not be made each time.
  static PyObject* nones = PyTuple_Pack(3, Py_None, Py_None, Py_None);
  const bool wants_tuple = PyVectorcall_Function(exit) == nullptr;
  const Ref result(wants_tuple && nones != nullptr ? PyObject_Call(exit, nones, nullptr)
                                                   : call(exit, {Py_None, Py_None, Py_None}));
  return result ? 0 : -1;
}

int exit_with_exception(PyObject* exit) {
  const Ref exception(PyErr_GetHandledException());
  const Ref traceback(PyException_GetTraceback(exception));
  const Ref result(PyObject_CallFunctionObjArgs(
      exit, reinterpret_cast<PyObject*>(Py_TYPE(exception.get())), exception.get(),
      traceback ? traceback.get() : Py_None, nullptr));
  return result ? truth(result) : -1;
}

void Handler::enter(const char* function, const char* file, int line, PyObject* globals) {
  add_traceback(function, file, line, globals);
  caught_ = take_raised();
  if (caught_ == nullptr) {
    PyErr_SetString(PyExc_SystemError, "error return without exception set");
    caught_ = take_raised();
  }
#if PY_VERSION_HEX < 0x030C0000
  previous_ = std::exchange(handled_in(PyThreadState_Get()), Py_NewRef(caught_));
#else
  previous_ = PyErr_GetHandledException();
  PyErr_SetHandledException(caught_);
#endif
}

void Handler::leave() {
  if (caught_ == nullptr) return;
#if PY_VERSION_HEX < 0x030C0000
  PyObject* mine = std::exchange(handled_in(PyThreadState_Get()), previous_);
  previous_ = nullptr;
  Py_XDECREF(mine);
#else
  PyErr_SetHandledException(previous_);
  Py_CLEAR(previous_);
#endif
  Py_CLEAR(caught_);
}

void Handler::reraise() {
  PyObject* exception = Py_NewRef(caught_);
  leave();
  give_back_raised(exception);
}

// ---- tracebacks ----

namespace {

// An entry of a traceback is a frame, and a frame has a code object. Those of the places that
// failed last are kept. A place is known by the addresses of its texts: programs that ran are never
// unloaded. The same texts elsewhere, as of a cell that is run again, share the code object.
struct Place {
  const char* function_address = nullptr;
  const char* file_address = nullptr;
  int line = 0;
  PyCodeObject* code = nullptr;
  std::string function;
  std::string file;
};
constexpr std::size_t kPlaces = 1024;

// Puts what is raised aside, as it is, while other things are done; what they raise is dropped.
class Aside {
 public:
#if PY_VERSION_HEX >= 0x030C0000
  explicit Aside(PyThreadState*) : value_(PyErr_GetRaisedException()) {}
  ~Aside() { PyErr_SetRaisedException(value_); }
#else
  explicit Aside(PyThreadState* thread)
      : thread_(thread),
        type_(std::exchange(thread->curexc_type, nullptr)),
        value_(std::exchange(thread->curexc_value, nullptr)),
        traceback_(std::exchange(thread->curexc_traceback, nullptr)) {}
  ~Aside() {
    if (thread_->curexc_type != nullptr) PyErr_Clear();
    thread_->curexc_type = type_;
    thread_->curexc_value = value_;
    thread_->curexc_traceback = traceback_;
  }
#endif
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
#if PY_VERSION_HEX < 0x030C0000
  PyThreadState* const thread_;
  PyObject* const type_;
#endif
  PyObject* const value_;
#if PY_VERSION_HEX < 0x030C0000
  PyObject* const traceback_;
#endif
};

// A module on disk may call its source by a path that holds anywhere: "pack/a.pyx". If it lies
// beside the module, it is called by where it is, so that whoever shows the traceback finds its
// lines.
std::string place_of(const char* file, PyObject* globals) {
  if (file[0] == '/' || file[0] == '<') return file;
  PyObject* module = PyDict_GetItemString(globals, "__file__");
  const char* path =
      module != nullptr && PyUnicode_Check(module) ? PyUnicode_AsUTF8(module) : nullptr;
  if (path == nullptr) return file;
  const std::string_view library = path;
  if (!library.ends_with(".so")) return file;
  const std::string_view source = file;
  std::string beside(library.substr(0, library.rfind('/') + 1));
  beside += source.substr(source.rfind('/') + 1);
  return access(beside.c_str(), R_OK) == 0 ? beside : file;
}

// Borrowed; null after an error.
PyCodeObject* code_of_place(const char* function, const char* file, int line, PyObject* globals) {
  static Place* places = new Place[kPlaces];
  const auto address = reinterpret_cast<std::uintptr_t>(function);
  Place& place = places[(address / 8 + static_cast<unsigned>(line) * 31u) % kPlaces];
  if (place.function_address == function && place.file_address == file && place.line == line)
    return place.code;
  std::string found = place_of(file, globals);
  if (place.code == nullptr || place.line != line || place.function != function ||
      place.file != found) {
    PyCodeObject* code = PyCode_NewEmpty(found.c_str(), function, line);
    if (code == nullptr) return nullptr;
    Py_XSETREF(place.code, code);
    place.function = function;
    place.file = std::move(found);
  }
  place.function_address = function;
  place.file_address = file;
  place.line = line;
  return place.code;
}

}  // namespace

void add_traceback(const char* function, const char* file, int line, PyObject* globals) {
  PyThreadState* thread = PyThreadState_Get();
  if (line <= 0 || !PyErr_Occurred()) return;
  PyFrameObject* frame = nullptr;
  {
    const Aside aside(thread);
    PyCodeObject* code = code_of_place(function, file, line, globals);
    if (code != nullptr) frame = PyFrame_New(thread, code, globals, nullptr);
  }
  if (frame == nullptr) return;
  PyTraceBack_Here(frame);
  Py_DECREF(frame);
}

void write_unraisable(const char* function) {
  PyObject* raised = take_raised();
  if (raised == nullptr) return;
  PyObject* name = PyUnicode_FromString(function);
  give_back_raised(raised);
  PyErr_WriteUnraisable(name);
  Py_XDECREF(name);
}

// ---- C++ exceptions ----

void from_cpp_exception(PyObject* type) {
  try {
    // The exception that is thrown may be Python's already.
    if (PyErr_Occurred()) return;
    throw;
  } catch (const std::bad_alloc& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_MemoryError, e.what());
  } catch (const std::bad_cast& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_TypeError, e.what());
  } catch (const std::bad_typeid& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_TypeError, e.what());
  } catch (const std::domain_error& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_ValueError, e.what());
  } catch (const std::invalid_argument& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_ValueError, e.what());
  } catch (const std::ios_base::failure& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_IOError, e.what());
  } catch (const std::out_of_range& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_IndexError, e.what());
  } catch (const std::overflow_error& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_OverflowError, e.what());
  } catch (const std::range_error& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_ArithmeticError, e.what());
  } catch (const std::underflow_error& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_ArithmeticError, e.what());
  } catch (const std::exception& e) {
    PyErr_SetString(type != nullptr ? type : PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(type != nullptr ? type : PyExc_RuntimeError, "Unknown exception");
  }
}

void from_cpp_exception(void (*handler)()) {
  try {
    handler();
    if (!PyErr_Occurred()) {
      PyErr_SetString(PyExc_RuntimeError, "Error converting c++ exception.");
    }
  } catch (...) {
    from_cpp_exception(static_cast<PyObject*>(nullptr));
  }
}

}  // namespace er
