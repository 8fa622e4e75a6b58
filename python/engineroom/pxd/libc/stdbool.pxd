# libc.stdbool — C's bool.
cdef extern from "<stdbool.h>":
    ctypedef unsigned char bool "bool"
