# libc.float — <float.h>.
cdef extern from "<float.h>" nogil:
    const float FLT_MIN
    const float FLT_MAX
    const float FLT_EPSILON
    const double DBL_MIN
    const double DBL_MAX
    const double DBL_EPSILON
    const int FLT_DIG
    const int DBL_DIG
    const int DBL_MANT_DIG
