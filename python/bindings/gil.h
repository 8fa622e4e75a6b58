// bindings/gil.h — letting go of the interpreter's lock during a wait.
//
// When the interpreter ends, a daemon thread that asks for the lock again is ended by pthread_exit
// (until Python 3.14, where it hangs). That unwinds its stack through C++, where a destructor stops
// it with std::terminate, and a session that ended well becomes a crash. So nanobind's
// gil_scoped_release, whose destructor asks for the lock, is not used here: these threads sleep
// until the process is gone, as they do in 3.14.
#pragma once

#include <cxxabi.h>
#include <nanobind/nanobind.h>
#include <unistd.h>

namespace engineroom::bindings {

class GilReleased {
 public:
  GilReleased() : state_(PyEval_SaveThread()) {}
  ~GilReleased() {
    try {
      PyEval_RestoreThread(state_);
    } catch (abi::__forced_unwind&) {
      for (;;) pause();
    }
  }
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace engineroom::bindings
