# posix.mman — memory that files are mapped into.
from posix.types cimport *

cdef extern from "<sys/mman.h>":
    enum:
        PROT_EXEC
        PROT_READ
        PROT_WRITE
        PROT_NONE
        MAP_PRIVATE
        MAP_SHARED
        MAP_FIXED
        MAP_ANONYMOUS
        MAP_NORESERVE
        MAP_POPULATE
        MS_ASYNC
        MS_SYNC
        MS_INVALIDATE
        MCL_CURRENT
        MCL_FUTURE
        MADV_NORMAL
        MADV_SEQUENTIAL
        MADV_RANDOM
        MADV_WILLNEED
        MADV_DONTNEED
    void *MAP_FAILED
    void *mmap(void *where, size_t n, int protection, int flags, int file, off_t at) nogil
    int munmap(void *memory, size_t n) nogil
    int mprotect(void *memory, size_t n, int protection) nogil
    int msync(void *memory, size_t n, int flags) nogil
    int mlock(const void *memory, size_t n) nogil
    int munlock(const void *memory, size_t n) nogil
    int madvise(void *memory, size_t n, int advice) nogil
    int shm_open(const char *name, int flags, mode_t mode) nogil
    int shm_unlink(const char *name) nogil
