// runtime/gil.h — code without the GIL, and what parallel regions need besides OpenMP.
//
// A thread that Python does not know gets a state of its own for as long as it holds the GIL, and
// loses with it what it raised. In a parallel region that can fail it keeps the state until the
// region's end (RegionThread): the state is made when the thread first takes the GIL, so a region
// in which nothing happens costs nothing.
#pragma once

#include "runtime/python.h"
#include "runtime/ref.h"

namespace er {

// PyGILState_Ensure(), but for threads in a region: see RegionThread.
ER_RUNTIME_API PyGILState_STATE take_gil();

class WithGil {
 public:
  WithGil() : state_(take_gil()) {}
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;
  ~WithGil() { PyGILState_Release(state_); }

 private:
  const PyGILState_STATE state_;
};

// REQUIRES: the thread holds the GIL.
class WithoutGil {
 public:
  WithoutGil() : thread_(PyEval_SaveThread()) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil() { PyEval_RestoreThread(thread_); }

 private:
  PyThreadState* const thread_;
};

// Of functions that are called with or without it.
class WithoutGilIfHeld {
 public:
  WithoutGilIfHeld() : thread_(PyGILState_Check() != 0 ? PyEval_SaveThread() : nullptr) {}
  WithoutGilIfHeld(const WithoutGilIfHeld&) = delete;
  WithoutGilIfHeld& operator=(const WithoutGilIfHeld&) = delete;
  ~WithoutGilIfHeld() {
    if (thread_ != nullptr) PyEval_RestoreThread(thread_);
  }

 private:
  PyThreadState* const thread_;
};

// Handles an exception in code without the GIL: only `finally` does.
class HandlerNogil {
 public:
  ~HandlerNogil() {
    if (is_entered_) leave();
  }
  ER_RUNTIME_API void enter(const char* function, const char* file, int line, PyObject* globals);
  ER_RUNTIME_API void leave();
  ER_RUNTIME_API void reraise();

 private:
  PyObject* caught_ = nullptr;
  bool is_entered_ = false;
};

// A local object of a function that is called without the GIL.
class NogilRef : public Ref {
 public:
  NogilRef() = default;
  // Takes over a new reference.
  explicit NogilRef(PyObject* taken) : Ref(taken) {}
  using Ref::operator=;
  ~NogilRef();
};

// er::add_traceback() and er::write_unraisable(), without the GIL.
ER_RUNTIME_API ER_COLD void add_traceback_nogil(const char* function, const char* file, int line,
                                                PyObject* globals);
ER_RUNTIME_API ER_COLD void write_unraisable_nogil(const char* function);
ER_RUNTIME_API ER_COLD void drop_nogil(Ref& object);
ER_RUNTIME_API PyObject* new_ref_nogil(PyObject* object);

inline NogilRef::~NogilRef() {
  if (get() != nullptr) drop_nogil(*this);
}

// ---- parallel regions ----

// A thread of a team, from the region's begin to its end. With `at_once` it is made known to Python
// now: functions of others may raise, and forget it when they give the GIL back.
class RegionThread {
 public:
  ER_RUNTIME_API explicit RegionThread(bool at_once);
  RegionThread(const RegionThread&) = delete;
  RegionThread& operator=(const RegionThread&) = delete;
  ER_RUNTIME_API ~RegionThread();

 private:
  friend PyGILState_STATE take_gil();
  RegionThread* const outer_;
  bool keeps_state_ = false;
};

// How a region was left, if it did not come to its end. The lowest iteration that leaves decides,
// but exceptions come before everything else.
class Leaving {
 public:
  using Turn = unsigned long long;
  static constexpr int kRaised = 1;  // generated code has other numbers for the rest

  // The iteration is beyond one that leaves.
  bool skips(Turn turn) const { return turn > __atomic_load_n(&lowest_, __ATOMIC_RELAXED); }
  // True if this iteration decides, as far as is known; then the values that it leaves behind can
  // be put where they are read after the region, until done().
  ER_RUNTIME_API bool claims(Turn turn, int why);
  // The same for the exception that this thread has raised at `line`.
  ER_RUNTIME_API ER_COLD bool fails(Turn turn, int line);
  ER_RUNTIME_API void done();
  // After the region: 0 if it came to its end.
  int why() const { return why_; }
  // After kRaised: raises the exception in this thread. Says in what line it was raised.
  ER_RUNTIME_API ER_COLD int reraise();
  // Of a loop that is run several times by the team: one thread does so before each time.
  void reset() {
    lowest_ = kNone;
    why_ = 0;
  }
  // Of what a thread has added up: was its last turn beyond the one that decides, so that the loop
  // in order would not have come to any of it? REQUIRES: each thread has turns that follow each
  // other, and all have ended.
  bool drops(Turn last) const { return why_ != 0 && last > decides_; }
  // Of the threads that ask, it is the first.
  bool goes_on() { return !__atomic_test_and_set(&is_taken_, __ATOMIC_ACQ_REL); }

 private:
  static constexpr Turn kNone = ~Turn{0};
  void lock();

  Turn lowest_ = kNone;
  Turn decides_ = kNone;
  PyObject* raised_ = nullptr;
  PyObject* superseded_ = nullptr;  // was raised in a higher iteration
  int why_ = 0;
  int line_ = 0;
  bool is_locked_ = false;
  bool is_taken_ = false;
};

// Which turn has the maximum or minimum of a loop, where more than its value is asked for. Each
// thread comes with the best of its own turns; they count from 1, and 0 means that it has none.
class Extreme {
 public:
  using Turn = unsigned long long;
  // One thread at a time, from here to done(): is what it has better than what there is?
  bool takes(Turn turn, bool is_better, bool is_equal, bool takes_last) {
    if (turn_ != 0 && !is_better && !(is_equal && (turn > turn_) == takes_last)) return false;
    turn_ = turn;
    return true;
  }
  ER_RUNTIME_API void lock();
  void done() { __atomic_clear(&is_locked_, __ATOMIC_RELEASE); }

 private:
  Turn turn_ = 0;
  bool is_locked_ = false;
};

}  // namespace er

#ifdef _OPENMP
// As each compiler's own <omp.h> has them, which a text may include, too.
extern "C" {
#if defined(__clang__)
int omp_get_thread_num(void);
int omp_get_max_threads(void);
#else
int omp_get_thread_num(void) noexcept;
int omp_get_max_threads(void) noexcept;
#endif
}
#endif

namespace er {

// What the turns of a loop that counts in T are counted with.
template <typename T>
using Turns = std::make_unsigned_t<T>;

// For schedule(): what is asked for, or the least that there can be.
inline int chunk_size(int wanted) { return wanted > 0 ? wanted : 1; }

// The number of the thread in its team.
inline int thread_number() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

#ifdef _OPENMP
// For num_threads(): 0 means as many as there are.
inline int n_threads(int wanted) { return wanted > 0 ? wanted : omp_get_max_threads(); }
#endif

}  // namespace er
