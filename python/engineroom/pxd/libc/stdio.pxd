# libc.stdio — <stdio.h>.
cdef extern from "<stdio.h>" nogil:
    ctypedef struct FILE:
        pass
    FILE *stdin
    FILE *stdout
    FILE *stderr
    const int EOF

    int printf(const char *format, ...)
    int fprintf(FILE *file, const char *format, ...)
    int sprintf(char *text, const char *format, ...)
    int snprintf(char *text, size_t size, const char *format, ...)
    int sscanf(const char *text, const char *format, ...)
    int puts(const char *text)
    int putchar(int c)
    FILE *fopen(const char *path, const char *mode)
    int fclose(FILE *file)
    size_t fread(void *to, size_t size, size_t n, FILE *file)
    size_t fwrite(const void *source, size_t size, size_t n, FILE *file)
    char *fgets(char *to, int size, FILE *file)
    int fputs(const char *text, FILE *file)
    int fflush(FILE *file)
    void perror(const char *text)
