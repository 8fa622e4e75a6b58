# cpython.type — classes.
cdef extern from "Python.h":
    ctypedef class __builtin__.type [object PyTypeObject]:
        pass

cdef extern from "Python.h":
    bint PyType_Check(object o)
    bint PyType_CheckExact(object o)
    void PyType_Modified(type cls)
    bint PyType_HasFeature(object cls, int feature)
    bint PyType_IS_GC(object cls)
    bint PyType_IsSubtype(type a, type b)
    object PyType_GenericAlloc(object cls, Py_ssize_t n)
    object PyType_GenericNew(type cls, object args, object kwargs)
    bint PyType_Ready(type cls) except -1
    unsigned long PyType_GetFlags(type cls)

cdef extern from "Python.h":
    void *PyType_GetSlot(object type, int slot) except NULL
