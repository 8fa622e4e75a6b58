# cpython.descr — descriptors: what attributes of classes are made of.
from cpython.object cimport PyObject, PyTypeObject

cdef extern from "Python.h":
    ctypedef object (*wrapperfunc)(object self, object args, void *wrapped)
    struct wrapperbase:
        const char *name
        int offset
        void *function
        wrapperfunc wrapper
        const char *doc
        int flags
    int PyWrapperFlag_KEYWORDS
    object PyDescr_NewWrapper(PyTypeObject *type, wrapperbase *base, void *wrapped)
    bint PyDescr_IsData(object descriptor)
