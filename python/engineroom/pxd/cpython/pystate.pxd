# cpython.pystate — threads, as Python sees them.
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
