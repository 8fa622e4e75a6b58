# libc.stdlib — <stdlib.h>.
from libc.stddef cimport wchar_t

cdef extern from "<stdlib.h>" nogil:
    const int RAND_MAX
    const int EXIT_SUCCESS
    const int EXIT_FAILURE

    void *malloc(size_t size)
    void *calloc(size_t n, size_t size)
    void *realloc(void *memory, size_t size)
    void free(void *memory)

    int rand()
    void srand(unsigned int seed)
    double drand48()
    void srand48(long seed)
    long random()
    void srandom(unsigned int seed)

    int abs(int x)
    long labs(long x)
    long long llabs(long long x)

    int atoi(const char *text)
    long atol(const char *text)
    long long atoll(const char *text)
    double atof(const char *text)
    double strtod(const char *text, char **end)
    long strtol(const char *text, char **end, int base)
    unsigned long strtoul(const char *text, char **end, int base)

    char *getenv(const char *name)
    void exit(int status)
    void abort()
    int system(const char *command)
    void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
    void *bsearch(const void *key, const void *base, size_t n, size_t size,
                  int (*compare)(const void *, const void *))
    ctypedef struct div_t:
        int quot
        int rem
    ctypedef struct ldiv_t:
        long quot
        long rem
    ctypedef struct lldiv_t:
        long long quot
        long long rem
    div_t div(int a, int b)
    ldiv_t ldiv(long a, long b)
    lldiv_t lldiv(long long a, long long b)
    float strtof(const char *text, char **end)
    long double strtold(const char *text, char **end)
    long long strtoll(const char *text, char **end, int base)
    unsigned long long strtoull(const char *text, char **end, int base)
    int atexit(void (*function)())
    void _Exit(int status)
    int rand_r(unsigned int *seed)
    int setenv(const char *name, const char *value, int replace)
    int unsetenv(const char *name)
    char *realpath(const char *path, char *to)
    int mkstemp(char *pattern)
    int posix_memalign(void **memory, size_t alignment, size_t size)
    void *aligned_alloc(size_t alignment, size_t size)
    const size_t MB_CUR_MAX
    int mblen(const char *text, size_t size)
    int mbtowc(wchar_t *to, const char *text, size_t size)
    int wctomb(char *to, wchar_t c)
    size_t mbstowcs(wchar_t *to, const char *text, size_t size)
    size_t wcstombs(char *to, const wchar_t *text, size_t size)

cdef extern from "<stdlib.h>" nogil:
    void _exit "_Exit" (int status)
