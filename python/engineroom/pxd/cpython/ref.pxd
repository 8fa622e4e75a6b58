# cpython.ref — reference counts.
from cpython.object cimport PyObject, PyTypeObject

cdef extern from "Python.h":
    void Py_INCREF(object o)
    void Py_XINCREF(PyObject *o)
    void Py_DECREF(object o)
    void Py_XDECREF(PyObject *o)
    void Py_CLEAR(PyObject *o)
    Py_ssize_t Py_REFCNT(object o)
    Py_ssize_t _Py_REFCNT "Py_REFCNT" (PyObject* o)
    PyTypeObject *Py_TYPE(object o)
