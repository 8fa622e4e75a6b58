# cpython.pystate — threads, as Python sees them.
from cpython.object cimport PyObject
cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        pass
    ctypedef struct PyInterpreterState:
        pass
    ctypedef int PyGILState_STATE
    PyThreadState *PyThreadState_Get()
    PyThreadState *PyEval_SaveThread() nogil
    void PyEval_RestoreThread(PyThreadState *state) nogil
    PyGILState_STATE PyGILState_Ensure() nogil
    void PyGILState_Release(PyGILState_STATE state) nogil
    bint PyGILState_Check() nogil

cdef extern from "Python.h":
    PyInterpreterState *PyInterpreterState_New()
    void PyInterpreterState_Clear(PyInterpreterState *interpreter)
    void PyInterpreterState_Delete(PyInterpreterState *interpreter)
    PyInterpreterState *PyInterpreterState_Head()
    PyInterpreterState *PyInterpreterState_Next(PyInterpreterState *interpreter)
    PyThreadState *PyInterpreterState_ThreadHead(PyInterpreterState *interpreter)
    long long PyInterpreterState_GetID(PyInterpreterState *interpreter)
    PyThreadState *PyThreadState_New(PyInterpreterState *interpreter)
    void PyThreadState_Clear(PyThreadState *state)
    void PyThreadState_Delete(PyThreadState *state)
    PyThreadState *PyThreadState_Next(PyThreadState *state)
    PyThreadState *PyThreadState_Swap(PyThreadState *state)
    PyObject *PyThreadState_GetDict()
    int PyThreadState_SetAsyncExc(unsigned long thread, object e)
