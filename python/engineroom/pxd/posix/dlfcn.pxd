# posix.dlfcn — shared libraries.
cdef extern from "<dlfcn.h>":
    enum:
        RTLD_LAZY
        RTLD_NOW
        RTLD_GLOBAL
        RTLD_LOCAL
    int dlclose(void *library)
    char *dlerror()
    void *dlopen(const char *path, int mode)
    void *dlsym(void *library, const char *name)
