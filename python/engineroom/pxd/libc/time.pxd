# libc.time — <time.h>.
cdef extern from "<time.h>" nogil:
    ctypedef long clock_t
    ctypedef long time_t
    const clock_t CLOCKS_PER_SEC
    clock_t clock()
    time_t time(time_t *result)
    double difftime(time_t later, time_t earlier)
