# cpython.pylifecycle — the interpreter's own start and end.
cdef extern from "Python.h":
    bint Py_IsInitialized() nogil
    void Py_FatalError(const char *message)
    int Py_AtExit(void (*function)())
