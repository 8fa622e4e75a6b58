# posix.uio — reading and writing in pieces.
cdef extern from "<sys/uio.h>":
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t readv(int file, const iovec *pieces, int n) nogil
    ssize_t writev(int file, const iovec *pieces, int n) nogil
