# posix.uio — reading and writing in pieces.
from posix.types cimport off_t
cdef extern from "<sys/uio.h>":
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t readv(int file, const iovec *pieces, int n) nogil
    ssize_t writev(int file, const iovec *pieces, int n) nogil

cdef extern from "<sys/uio.h>" nogil:
    enum:
        RWF_APPEND
        RWF_DSYNC
        RWF_HIPRI
        RWF_NOWAIT
        RWF_SYNC
    ssize_t preadv(int fd, const iovec *parts, int n, off_t offset)
    ssize_t pwritev(int fd, const iovec *parts, int n, off_t offset)
    ssize_t preadv2(int fd, const iovec *parts, int n, off_t offset, int flags)
    ssize_t pwritev2(int fd, const iovec *parts, int n, off_t offset, int flags)
