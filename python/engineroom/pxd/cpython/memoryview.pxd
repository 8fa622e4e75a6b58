# cpython.memoryview — Python's memoryview objects.
cdef extern from "Python.h":
    object PyMemoryView_FromObject(object o)
    object PyMemoryView_FromMemory(char *memory, Py_ssize_t n, int flags)
    object PyMemoryView_GetContiguous(object o, int access, char order)
    bint PyMemoryView_Check(object o)
