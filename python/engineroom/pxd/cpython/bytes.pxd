# cpython.bytes — bytes.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    bint PyBytes_Check(object o)
    bint PyBytes_CheckExact(object o)
    bytes PyBytes_FromString(const char *text)
    bytes PyBytes_FromStringAndSize(const char *text, Py_ssize_t n)
    bytes PyBytes_FromFormat(const char *format, ...)
    bytes PyBytes_FromObject(object o)
    Py_ssize_t PyBytes_Size(object bytes) except -1
    Py_ssize_t PyBytes_GET_SIZE(object bytes)
    char *PyBytes_AsString(object bytes) except NULL
    char *PyBytes_AS_STRING(object bytes)
    int PyBytes_AsStringAndSize(object bytes, char **text, Py_ssize_t *n) except -1
    void PyBytes_Concat(PyObject **bytes, object more)
    void PyBytes_ConcatAndDel(PyObject **bytes, object more)

cdef extern from "Python.h":
    object PyBytes_FromFormatV(const char *format, ...)
    int _PyBytes_Resize(PyObject **o, Py_ssize_t n) except -1
