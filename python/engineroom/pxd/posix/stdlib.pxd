# posix.stdlib — what POSIX adds to stdlib.h.
cdef extern from "<stdlib.h>":
    void _Exit(int status) nogil
    double drand48() nogil
    double erand48(unsigned short *state) nogil
    long lrand48() nogil
    long mrand48() nogil
    void srand48(long seed) nogil
    long random() nogil
    void srandom(unsigned seed) nogil
    int rand_r(unsigned *seed) nogil
    char *mkdtemp(char *pattern) nogil
    int mkstemp(char *pattern) nogil
    char *realpath(const char *path, char *to) nogil
    int posix_memalign(void **memory, size_t alignment, size_t n) nogil
    int putenv(char *text) nogil
    int setenv(const char *name, const char *value, int replace) nogil
    int unsetenv(const char *name) nogil

cdef extern from "<stdlib.h>" nogil:
    int getsubopt(char **options, char *const *tokens, char **value)
    void lcong48(unsigned short parameters[7])
    long nrand48(unsigned short state[3])
    unsigned short *seed48(unsigned short state[3])
    char *setstate(char *state)
    int posix_openpt(int flags)
    char *ptsname(int fd)
    int unlockpt(int fd)
