# libc.errno — <errno.h>.
cdef extern from "<errno.h>" nogil:
    int errno
    const int EINTR
    const int EINVAL
    const int ENOENT
    const int ENOMEM
    const int ERANGE
