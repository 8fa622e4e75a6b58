# cpython.pythread — threads, locks and values per thread, as Python has them on every system.
cdef extern from "<pythread.h>":
    ctypedef void *PyThread_type_lock
    ctypedef enum PyLockStatus:
        PY_LOCK_FAILURE
        PY_LOCK_ACQUIRED
        PY_LOCK_INTR
    ctypedef struct Py_tss_t:
        pass
    enum:
        WAIT_LOCK
        NOWAIT_LOCK
    Py_tss_t Py_tss_NEEDS_INIT
    void PyThread_init_thread()
    long PyThread_start_new_thread(void (*run)(void *), void *arg)
    void PyThread_exit_thread()
    long PyThread_get_thread_ident() nogil
    size_t PyThread_get_stacksize()
    int PyThread_set_stacksize(size_t n)
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int mode) nogil
    PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds,
                                             int may_be_interrupted) nogil
    void PyThread_release_lock(PyThread_type_lock lock) nogil
    int PyThread_create_key()
    void PyThread_delete_key(int key)
    int PyThread_set_key_value(int key, void *value)
    void *PyThread_get_key_value(int key)
    void PyThread_delete_key_value(int key)
    void PyThread_ReInitTLS()
    Py_tss_t *PyThread_tss_alloc()
    void PyThread_tss_free(Py_tss_t *key)
    bint PyThread_tss_is_created(Py_tss_t *key)
    int PyThread_tss_create(Py_tss_t *key)
    void PyThread_tss_delete(Py_tss_t *key)
    int PyThread_tss_set(Py_tss_t *key, void *value)
    void *PyThread_tss_get(Py_tss_t *key)
