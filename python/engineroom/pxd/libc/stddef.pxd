# libc.stddef — sizes.
cdef extern from "<stddef.h>":
    ctypedef signed int wchar_t
    ctypedef struct max_align_t:
        pass
