cdef extern from "<math.h>" nogil:
    double sqrt(double x)
    double M_PI
