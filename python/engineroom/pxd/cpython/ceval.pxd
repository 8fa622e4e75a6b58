# cpython.ceval — running code.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    PyObject *PyEval_GetBuiltins()
    PyObject *PyEval_GetGlobals()
    PyObject *PyEval_GetLocals()
