#include "runtime/gil.h"

#include <sched.h>

#include "runtime/engineroom_runtime.h"

namespace er {
namespace {

thread_local RegionThread* region_of_thread = nullptr;

#if PY_VERSION_HEX >= 0x030C0000
PyObject* take_raised() { return PyErr_GetRaisedException(); }
void give_back_raised(PyObject* exception) { PyErr_SetRaisedException(exception); }
#else
PyObject* take_raised() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return nullptr;
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_DECREF(type);
  Py_XDECREF(traceback);
  return value;
}
void give_back_raised(PyObject* exception) {
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception))), exception,
                PyException_GetTraceback(exception));
}
#endif

}  // namespace

// ---- the GIL ----

PyGILState_STATE take_gil() {
  RegionThread* region = region_of_thread;
  const bool is_unknown = region != nullptr && PyGILState_GetThisThreadState() == nullptr;
  if (!is_unknown) return PyGILState_Ensure();
  // Taken twice and given back once, the state stays.
  PyGILState_Ensure();
  region->keeps_state_ = true;
  PyGILState_Ensure();
  return PyGILState_UNLOCKED;
}

void add_traceback_nogil(const char* function, const char* file, int line, PyObject* globals) {
  const WithGil gil;
  add_traceback(function, file, line, globals);
}

void write_unraisable_nogil(const char* function) {
  const WithGil gil;
  write_unraisable(function);
}

PyObject* new_ref_nogil(PyObject* object) {
  const WithGil gil;
  return Py_XNewRef(object);
}

void drop_nogil(Ref& object) {
  if (!object) return;
  const WithGil gil;
  object.reset();
}

void HandlerNogil::enter(const char* function, const char* file, int line, PyObject* globals) {
  const WithGil gil;
  add_traceback(function, file, line, globals);
  caught_ = take_raised();
  is_entered_ = true;
}

void HandlerNogil::leave() {
  const WithGil gil;
  Py_CLEAR(caught_);
  is_entered_ = false;
}

void HandlerNogil::reraise() {
  const WithGil gil;
  if (caught_ != nullptr) give_back_raised(std::exchange(caught_, nullptr));
  is_entered_ = false;
}

// ---- threads of a region ----

RegionThread::RegionThread(bool at_once) : outer_(region_of_thread) {
  region_of_thread = this;
  if (at_once && PyGILState_GetThisThreadState() == nullptr) PyGILState_Release(take_gil());
}

RegionThread::~RegionThread() {
  region_of_thread = outer_;
  if (!keeps_state_) return;
  PyGILState_Ensure();
  PyGILState_Release(PyGILState_LOCKED);
  PyGILState_Release(PyGILState_UNLOCKED);  // the last one, which frees the state
}

// ---- leaving a region ----

// Nobody holds it for longer than it takes to copy a few values, nor waits for the GIL meanwhile.
void Leaving::lock() {
  while (__atomic_test_and_set(&is_locked_, __ATOMIC_ACQUIRE)) ::sched_yield();
}

void Extreme::lock() {
  while (__atomic_test_and_set(&is_locked_, __ATOMIC_ACQUIRE)) ::sched_yield();
}

void Leaving::done() {
  PyObject* superseded = std::exchange(superseded_, nullptr);
  __atomic_clear(&is_locked_, __ATOMIC_RELEASE);
  if (superseded == nullptr) return;
  const WithGil gil;
  Py_DECREF(superseded);
}

bool Leaving::claims(Turn turn, int why) {
  lock();
  if (turn < lowest_) __atomic_store_n(&lowest_, turn, __ATOMIC_RELAXED);
  if (why_ == 0 || (why_ != kRaised && turn < decides_)) {
    why_ = why;
    decides_ = turn;
    return true;
  }
  done();
  return false;
}

bool Leaving::fails(Turn turn, int line) {
  const WithGil gil;
  PyObject* raised = take_raised();
  if (raised == nullptr) {
    PyErr_SetString(PyExc_SystemError, "error return without exception set");
    raised = take_raised();
  }
  lock();
  if (turn < lowest_) __atomic_store_n(&lowest_, turn, __ATOMIC_RELAXED);
  if (why_ == kRaised && turn > decides_) {
    done();
    Py_DECREF(raised);
    return false;
  }
  // done() drops what it replaces: that may run code, for which this is no time.
  superseded_ = std::exchange(raised_, raised);
  why_ = kRaised;
  decides_ = turn;
  line_ = line;
  return true;
}

int Leaving::reraise() {
  const WithGil gil;
  give_back_raised(std::exchange(raised_, nullptr));
  return line_;
}

}  // namespace er
