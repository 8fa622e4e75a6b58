cdef extern from "<stdlib.h>" nogil:
    void *malloc(size_t size)
    void free(void *ptr)
    int RAND_MAX
