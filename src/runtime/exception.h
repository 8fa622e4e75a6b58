// runtime/exception.h — raising, handling, tracebacks.
#pragma once

#include "runtime/python.h"

namespace er {

// ---- raise: all return -1 ----

ER_RUNTIME_API ER_COLD int raise(PyObject* exception, PyObject* cause);
// Python 2's; value and traceback may be null or None.
ER_RUNTIME_API ER_COLD int raise3(PyObject* type, PyObject* value, PyObject* traceback);
ER_RUNTIME_API ER_COLD int reraise();
ER_RUNTIME_API ER_COLD int raise_assertion(PyObject* message);

// ---- handling ----

// The exception that is being handled; borrowed, null if there is none.
ER_RUNTIME_API PyObject* current_exception();
// Is it of this class, or of one of this tuple?
ER_RUNTIME_API int exception_matches(PyObject* type);
// Calls exit(None, None, None), at the end of a `with`.
ER_RUNTIME_API int exit(PyObject* exit);
// Calls exit(type, value, traceback) for it: the truth of the result.
ER_RUNTIME_API int exit_with_exception(PyObject* exit);

// While it is entered, the exception that was raised is the one being handled.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() {
    if (caught_ != nullptr) leave();
  }
  // Takes the exception that was raised at `line` of this function (0: it has been there before).
  ER_RUNTIME_API void enter(const char* function, const char* file, int line, PyObject* globals);
  // Ends the handling. Does nothing if it was not entered.
  ER_RUNTIME_API void leave();
  // Ends the handling, and raises the exception again.
  ER_RUNTIME_API void reraise();

 private:
  PyObject* caught_ = nullptr;
  PyObject* previous_ = nullptr;
};

// ---- reports ----

// Adds an entry to the traceback of the exception that is raised; none if line is 0.
ER_RUNTIME_API ER_COLD void add_traceback(const char* function, const char* file, int line,
                                          PyObject* globals);
// For functions that cannot raise: "Exception ignored in".
ER_RUNTIME_API ER_COLD void write_unraisable(const char* function);
// In a catch clause: the C++ exception becomes Python's; of `type`, if it is not null. A handler
// function that sets the exception may be given instead.
ER_RUNTIME_API ER_COLD void from_cpp_exception(PyObject* type = nullptr);
ER_RUNTIME_API ER_COLD void from_cpp_exception(void (*handler)());

}  // namespace er
