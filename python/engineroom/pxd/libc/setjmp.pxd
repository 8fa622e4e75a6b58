# libc.setjmp — jumps out of functions.
cdef extern from "<setjmp.h>":
    ctypedef struct jmp_buf:
        pass
    int setjmp(jmp_buf state) nogil
    void longjmp(jmp_buf state, int value) nogil

cdef extern from "<setjmp.h>" nogil:
    ctypedef struct sigjmp_buf:
        pass
    int sigsetjmp(sigjmp_buf env, int save_mask)
    void siglongjmp(sigjmp_buf env, int value)
