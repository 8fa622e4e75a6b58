# cpython.tuple — tuples. What PyObject* returns is borrowed.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    bint PyTuple_Check(object o)
    bint PyTuple_CheckExact(object o)
    tuple PyTuple_New(Py_ssize_t n)
    tuple PyTuple_Pack(Py_ssize_t n, ...)
    Py_ssize_t PyTuple_Size(object tuple) except -1
    Py_ssize_t PyTuple_GET_SIZE(object tuple)
    PyObject *PyTuple_GetItem(object tuple, Py_ssize_t i) except NULL
    PyObject *PyTuple_GET_ITEM(object tuple, Py_ssize_t i)
    tuple PyTuple_GetSlice(object tuple, Py_ssize_t low, Py_ssize_t high)
    int PyTuple_SetItem(object tuple, Py_ssize_t i, object item) except -1
    void PyTuple_SET_ITEM(object tuple, Py_ssize_t i, object item)

cdef extern from "Python.h":
    int _PyTuple_Resize(PyObject **o, Py_ssize_t n) except -1
