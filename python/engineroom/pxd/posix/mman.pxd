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

cdef extern from "<sys/mman.h>" nogil:
    enum:
        MADV_DODUMP
        MADV_DOFORK
        MADV_DONTDUMP
        MADV_DONTFORK
        MADV_FREE
        MADV_HUGEPAGE
        MADV_HWPOISON
        MADV_KEEPONFORK
        MADV_MERGEABLE
        MADV_NOHUGEPAGE
        MADV_REMOVE
        MADV_SOFT_OFFLINE
        MADV_UNMERGEABLE
        MADV_WIPEONFORK
        MAP_ANON
        MAP_GROWSDOWN
        MAP_HUGETLB
        MAP_LOCKED
        MAP_NOCORE
        MAP_NOSYNC
        MAP_STACK
        MCL_ONFAULT
        MLOCK_ONFAULT
        POSIX_MADV_DONTNEED
        POSIX_MADV_NORMAL
        POSIX_MADV_RANDOM
        POSIX_MADV_SEQUENTIAL
        POSIX_MADV_WILLNEED
        POSIX_TYPED_MEM_ALLOCATE
        POSIX_TYPED_MEM_ALLOCATE_CONTIG
        POSIX_TYPED_MEM_MAP_ALLOCATABLE
    int mincore(void *start, size_t length, unsigned char *vec)
    int mlock2(const void *start, size_t length, int flags)
    int mlockall(int flags)
    void *mremap(void *start, size_t old_length, size_t new_length, int flags, ...)
    int munlockall()
    int posix_madvise(void *start, size_t length, int advice)
    int remap_file_pages(void *start, size_t size, int protection, size_t offset, int flags)
    struct posix_typed_mem_info:
        size_t posix_tmi_length
    int posix_mem_offset(const void *start, size_t length, off_t *offset, size_t *contiguous, int *fd)
    int posix_typed_mem_get_info(int fd, posix_typed_mem_info *info)
    int posix_typed_mem_open(const char *name, int oflag, int tflag)
