# cpython.conversion — numbers and text.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    int PyOS_snprintf(char *text, size_t n, const char *format, ...)
    double PyOS_string_to_double(const char *text, char **end, PyObject *overflow) except? -1.0
    char *PyOS_double_to_string(double value, char format, int precision, int flags, int *type) except NULL
    int PyOS_stricmp(const char *a, const char *b)
    int PyOS_strnicmp(const char *a, const char *b, Py_ssize_t n)
    enum:
        Py_DTSF_SIGN
        Py_DTSF_ADD_DOT_0
        Py_DTSF_ALT
        Py_DTST_FINITE
        Py_DTST_INFINITE
        Py_DTST_NAN
