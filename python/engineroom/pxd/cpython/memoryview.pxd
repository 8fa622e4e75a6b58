# cpython.memoryview — Python's memoryview objects.
from cpython.buffer cimport Py_buffer
from cpython.object cimport PyObject
cdef extern from "Python.h":
    object PyMemoryView_FromObject(object o)
    object PyMemoryView_FromMemory(char *memory, Py_ssize_t n, int flags)
    object PyMemoryView_GetContiguous(object o, int access, char order)
    bint PyMemoryView_Check(object o)

cdef extern from "Python.h":
    object PyMemoryView_FromBuffer(Py_buffer *view)
    Py_buffer *PyMemoryView_GET_BUFFER(object view)
    PyObject *PyMemoryView_GET_BASE(object view)
