# cpython.float — Python's floats.
cdef extern from "Python.h":
    bint PyFloat_Check(object o)
    bint PyFloat_CheckExact(object o)
    object PyFloat_FromString(object text)
    object PyFloat_FromDouble(double value)
    double PyFloat_AsDouble(object o) except? -1
    double PyFloat_AS_DOUBLE(object o)
    double PyFloat_GetMax()
    double PyFloat_GetMin()

cdef extern from "Python.h":
    int PyFloat_Pack2(double x, char *bytes, int is_little_endian) except -1
    int PyFloat_Pack4(double x, char *bytes, int is_little_endian) except -1
    int PyFloat_Pack8(double x, char *bytes, int is_little_endian) except -1
    double PyFloat_Unpack2(const char *bytes, int is_little_endian) except? -1
    double PyFloat_Unpack4(const char *bytes, int is_little_endian) except? -1
    double PyFloat_Unpack8(const char *bytes, int is_little_endian) except? -1
