# posix.ioctl — devices.
cdef extern from "<sys/ioctl.h>":
    enum:
        FIONBIO
        TIOCGWINSZ
    int ioctl(int file, unsigned long request, ...) nogil
