# posix.strings — strings.h.
cdef extern from "<strings.h>":
    int bcmp(const void *a, const void *b, size_t n) nogil
    void bzero(void *memory, size_t n) nogil
    int ffs(int value) nogil
    int strcasecmp(const char *a, const char *b) nogil
    int strncasecmp(const char *a, const char *b, size_t n) nogil

cdef extern from "<strings.h>" nogil:
    void bcopy(const void *source, void *target, size_t n)
    char *index(const char *s, int c)
    char *rindex(const char *s, int c)
