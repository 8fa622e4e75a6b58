# cpython.mem — Python's memory.
cdef extern from "Python.h":
    void *PyMem_RawMalloc(size_t n) nogil
    void *PyMem_RawCalloc(size_t n, size_t size) nogil
    void *PyMem_RawRealloc(void *memory, size_t n) nogil
    void PyMem_RawFree(void *memory) nogil
    void *PyMem_Malloc(size_t n)
    void *PyMem_Calloc(size_t n, size_t size)
    void *PyMem_Realloc(void *memory, size_t n)
    void PyMem_Free(void *memory)
    void *PyObject_Malloc(size_t n)
    void *PyObject_Calloc(size_t n, size_t size)
    void *PyObject_Realloc(void *memory, size_t n)
    void PyObject_Free(void *memory)

cdef extern from "Python.h":
    void PyMem_Del(void *p)
