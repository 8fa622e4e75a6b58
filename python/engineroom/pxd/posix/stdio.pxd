# posix.stdio — what POSIX adds to stdio.h.
from libc.stdio cimport FILE
from posix.types cimport off_t

cdef extern from "<stdio.h>":
    FILE *fdopen(int file, const char *mode) nogil
    int fileno(FILE *file) nogil
    FILE *fmemopen(void *memory, size_t n, const char *mode) nogil
    FILE *open_memstream(char **memory, size_t *n) nogil
    FILE *popen(const char *command, const char *mode) nogil
    int pclose(FILE *file) nogil
    int fseeko(FILE *file, off_t at, int whence) nogil
    off_t ftello(FILE *file) nogil
    ssize_t getline(char **line, size_t *n, FILE *file) nogil
