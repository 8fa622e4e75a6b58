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

cdef extern from "<stdio.h>" nogil:
    void flockfile(FILE *stream)
    int ftrylockfile(FILE *stream)
    void funlockfile(FILE *stream)
    int getc_unlocked(FILE *stream)
    int getchar_unlocked()
    int putc_unlocked(int c, FILE *stream)
    int putchar_unlocked(int c)
    ssize_t getdelim(char **line, size_t *n, int delimiter, FILE *stream)
