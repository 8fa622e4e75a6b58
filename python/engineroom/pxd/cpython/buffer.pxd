# cpython.buffer — the buffer protocol.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    enum:
        PyBUF_SIMPLE
        PyBUF_WRITABLE
        PyBUF_FORMAT
        PyBUF_ND
        PyBUF_STRIDES
        PyBUF_C_CONTIGUOUS
        PyBUF_F_CONTIGUOUS
        PyBUF_ANY_CONTIGUOUS
        PyBUF_INDIRECT
        PyBUF_CONTIG
        PyBUF_CONTIG_RO
        PyBUF_STRIDED
        PyBUF_STRIDED_RO
        PyBUF_RECORDS
        PyBUF_RECORDS_RO
        PyBUF_FULL
        PyBUF_FULL_RO
        PyBUF_READ
        PyBUF_WRITE
    ctypedef struct Py_buffer:
        void *buf
        PyObject *obj
        Py_ssize_t len
        Py_ssize_t itemsize
        bint readonly
        int ndim
        char *format
        Py_ssize_t *shape
        Py_ssize_t *strides
        Py_ssize_t *suboffsets
        void *internal
    bint PyObject_CheckBuffer(object o)
    int PyObject_GetBuffer(object o, Py_buffer *view, int flags) except -1
    void PyBuffer_Release(Py_buffer *view)
    void *PyBuffer_GetPointer(Py_buffer *view, Py_ssize_t *indices)
    Py_ssize_t PyBuffer_SizeFromFormat(const char *format) except -1
    int PyBuffer_ToContiguous(void *to, Py_buffer *view, Py_ssize_t n, char order)
    int PyBuffer_FromContiguous(Py_buffer *view, void *from_, Py_ssize_t n, char order)
    int PyObject_CopyData(object to, object from_) except -1
    bint PyBuffer_IsContiguous(Py_buffer *view, char order)
    void PyBuffer_FillContiguousStrides(int ndim, Py_ssize_t *shape, Py_ssize_t *strides, Py_ssize_t item, char order)
    int PyBuffer_FillInfo(Py_buffer *view, object exporter, void *memory, Py_ssize_t n, int readonly, int flags) except -1
    object PyMemoryView_FromBuffer(Py_buffer *view)

cdef extern from "Python.h":
    int PyObject_CopyToObject(object o, void *memory, Py_ssize_t n, char order) except -1
