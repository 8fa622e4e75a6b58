# posix.select — waiting for files.
from posix.signal cimport sigset_t
from posix.time cimport timespec, timeval

cdef extern from "<sys/select.h>":
    enum:
        FD_SETSIZE
    ctypedef struct fd_set:
        pass
    int select(int n, fd_set *readable, fd_set *writable, fd_set *errors, timeval *limit) nogil
    void FD_CLR(int file, fd_set *set) nogil
    bint FD_ISSET(int file, fd_set *set) nogil
    void FD_SET(int file, fd_set *set) nogil
    void FD_ZERO(fd_set *set) nogil

cdef extern from "<sys/select.h>" nogil:
    int pselect(int n, fd_set *readable, fd_set *writable, fd_set *exceptional, const timespec *timeout,
                const sigset_t *mask)
