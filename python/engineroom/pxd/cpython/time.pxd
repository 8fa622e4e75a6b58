# cpython.time — the time, as Python's module time has it.
from libc.time cimport timespec, clock_gettime, CLOCK_REALTIME

cdef inline double time() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return now.tv_sec + now.tv_nsec * 1e-9
