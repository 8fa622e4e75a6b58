# cpython.method — methods.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    bint PyMethod_Check(object o)
    object PyMethod_New(object function, object self)
    PyObject *PyMethod_Function(object method) except NULL
    PyObject *PyMethod_Self(object method) except NULL
    bint PyInstanceMethod_Check(object o)
    object PyInstanceMethod_New(object function)

cdef extern from "Python.h":
    PyObject *PyMethod_GET_FUNCTION(object m)
    PyObject *PyMethod_GET_SELF(object m)
