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
    ctypedef struct fpos_t:
        pass
    const int BUFSIZ
    const int FILENAME_MAX
    const int FOPEN_MAX
    const int L_tmpnam
    const int TMP_MAX
    const int SEEK_SET
    const int SEEK_CUR
    const int SEEK_END
    const int _IOFBF
    const int _IOLBF
    const int _IONBF

    int scanf(const char *format, ...)
    int fscanf(FILE *file, const char *format, ...)
    FILE *freopen(const char *path, const char *mode, FILE *file)
    FILE *fdopen(int number, const char *mode)
    int fgetc(FILE *file)
    int getc(FILE *file)
    int getchar()
    int ungetc(int c, FILE *file)
    int fputc(int c, FILE *file)
    int putc(int c, FILE *file)
    ssize_t getline(char **line, size_t *size, FILE *file)
    int fseek(FILE *file, long offset, int whence)
    long ftell(FILE *file)
    void rewind(FILE *file)
    int fgetpos(FILE *file, fpos_t *at)
    int fsetpos(FILE *file, const fpos_t *at)
    int feof(FILE *file)
    int ferror(FILE *file)
    void clearerr(FILE *file)
    void setbuf(FILE *file, char *memory)
    int setvbuf(FILE *file, char *memory, int mode, size_t size)
    int remove(const char *path)
    int rename(const char *old, const char *new)
    FILE *tmpfile()
