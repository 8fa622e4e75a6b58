// runtime/module.h — a text as an extension module on disk: what its PyInit function needs.
//
// The names of the text are static in its library, so there is one module of it per process, as of
// those that Cython makes: it is given again if it is imported again, it stays for as long as the
// process does, and other interpreters of the process are refused. Only texts that become extension
// modules include this.
#pragma once

#include "runtime/openmp_fork.h"
#include "runtime/python.h"

#if defined(_OPENMP) && defined(__clang__)
extern "C" int omp_get_max_threads(void);  // as in gil.h
#elif defined(_OPENMP)
#include <omp.h>
#include <pthread.h>
#endif

namespace er {

struct ExtensionModule {
  const char* name;     // in full
  const char* version;  // of the engineroom whose headers it was compiled with
  // Runs the statements of the text: emit::Unit::entry.
  int (*run)(PyObject* globals, PyObject* home);
  PyObject* module = nullptr;  // once it was made; owned
};

// For the slots Py_mod_create and Py_mod_exec. If the statements raise, the next import runs them
// again. A module that is the loader_state of `spec` becomes the extension's: so a new build of a
// module that is loaded takes its place.
ER_RUNTIME_API PyObject* create_module(PyObject* spec, ExtensionModule& extension);
ER_RUNTIME_API int exec_module(PyObject* module, ExtensionModule& extension);

// GCC's OpenMP waits for ever in a process that was forked after a parallel region, for threads
// that are not there: so the forking thread lets its threads go before. Clang's minds it itself, if
// it is let (openmp_fork.h).
inline void make_openmp_fork_safe() {
#if defined(_OPENMP) && defined(__clang__)
  use_openmp_for_forks([] { omp_get_max_threads(); });
#elif defined(_OPENMP)
  static const int done =
      pthread_atfork([] { omp_pause_resource_all(omp_pause_hard); }, nullptr, nullptr);
  static_cast<void>(done);
#endif
}

}  // namespace er
