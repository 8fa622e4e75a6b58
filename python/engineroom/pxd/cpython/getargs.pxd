# cpython.getargs — arguments of functions written in C.
cdef extern from "Python.h":
    bint PyArg_ParseTuple(object args, const char *format, ...) except 0
    bint PyArg_ParseTupleAndKeywords(object args, object kwargs, const char *format, char **names, ...) except 0
    bint PyArg_Parse(object args, const char *format, ...) except 0
    bint PyArg_UnpackTuple(object args, const char *name, Py_ssize_t least, Py_ssize_t most, ...) except 0
