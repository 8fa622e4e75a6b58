# libc.stdlib — <stdlib.h>.
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
