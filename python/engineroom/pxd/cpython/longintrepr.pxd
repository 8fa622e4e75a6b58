# cpython.longintrepr — the digits of Python's integers.
cdef extern from "Python.h":
    ctypedef unsigned digit
    ctypedef int sdigit
    struct PyLongObject:
        digit *ob_digit
    PyLongObject *_PyLong_New(Py_ssize_t n)
    const long PyLong_SHIFT
    const digit PyLong_BASE
    const digit PyLong_MASK
