# libc.string — <string.h>.
cdef extern from "<string.h>" nogil:
    void *memcpy(void *to, const void *source, size_t size)
    void *memmove(void *to, const void *source, size_t size)
    void *memset(void *memory, int byte, size_t size)
    int memcmp(const void *a, const void *b, size_t size)
    void *memchr(const void *memory, int byte, size_t size)
    size_t strlen(const char *text)
    char *strcpy(char *to, const char *source)
    char *strncpy(char *to, const char *source, size_t size)
    char *strdup(const char *text)
    char *strcat(char *to, const char *source)
    char *strncat(char *to, const char *source, size_t size)
    int strcmp(const char *a, const char *b)
    int strncmp(const char *a, const char *b, size_t size)
    int strcasecmp(const char *a, const char *b)
    char *strchr(const char *text, int c)
    char *strrchr(const char *text, int c)
    char *strstr(const char *text, const char *part)
    size_t strspn(const char *text, const char *accept)
    size_t strcspn(const char *text, const char *reject)
    char *strerror(int number)
    void *memccpy(void *to, const void *source, int byte, size_t size)
    size_t strnlen(const char *text, size_t size)
    char *strndup(const char *text, size_t size)
    int strncasecmp(const char *a, const char *b, size_t size)
    int strcoll(const char *a, const char *b)
    size_t strxfrm(char *to, const char *source, size_t size)
    char *strpbrk(const char *text, const char *accept)
    char *strtok(char *text, const char *delimiters)
    char *strtok_r(char *text, const char *delimiters, char **rest)
    char *strsep(char **text, const char *delimiters)

# Names from when qualifiers could not be written.
ctypedef const char const_char "const char"
ctypedef const signed char const_schar "const signed char"
ctypedef const unsigned char const_uchar "const unsigned char"
ctypedef const void const_void "const void"

cdef extern from "<string.h>" nogil:
    void *memrchr(const void *memory, int c, size_t n)
    char *strcasestr(const char *text, const char *part)
