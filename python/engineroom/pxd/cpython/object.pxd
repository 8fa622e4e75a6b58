# cpython.object — objects, whatever their class. Results are new references, as Cython wants them.
from libc.stdio cimport FILE
cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        const char *tp_name
        const char *tp_doc
        Py_ssize_t tp_basicsize
        Py_ssize_t tp_itemsize
        Py_ssize_t tp_dictoffset
        unsigned long tp_flags
    ctypedef struct PyObject:
        Py_ssize_t ob_refcnt
        PyTypeObject *ob_type

    ctypedef PyObject *(*PyCFunction)(PyObject *, PyObject *)
    ctypedef void (*destructor)(PyObject *)
    ctypedef int (*visitproc)(PyObject *, void *) except -1
    ctypedef int (*inquiry)(PyObject *) except -1
    ctypedef int (*traverseproc)(PyObject *, visitproc, void *) except -1
    ctypedef Py_hash_t (*hashfunc)(PyObject *) except -1
    ctypedef PyObject *(*reprfunc)(PyObject *)
    ctypedef PyObject *(*getiterfunc)(PyObject *)
    ctypedef PyObject *(*iternextfunc)(PyObject *)
    ctypedef PyObject *(*unaryfunc)(PyObject *)
    ctypedef PyObject *(*binaryfunc)(PyObject *, PyObject *)
    ctypedef PyObject *(*ternaryfunc)(PyObject *, PyObject *, PyObject *)
    ctypedef Py_ssize_t (*lenfunc)(PyObject *) except -1

    const int Py_LT
    const int Py_LE
    const int Py_EQ
    const int Py_NE
    const int Py_GT
    const int Py_GE
    const int Py_PRINT_RAW

    const unsigned long Py_TPFLAGS_HAVE_GC
    const unsigned long Py_TPFLAGS_BASETYPE
    const unsigned long Py_TPFLAGS_HEAPTYPE
    const unsigned long Py_TPFLAGS_READY
    const unsigned long Py_TPFLAGS_DEFAULT

    bint PyCallable_Check(object o)
    bint PyObject_HasAttr(object o, object name)
    bint PyObject_HasAttrString(object o, const char *name)
    object PyObject_GetAttr(object o, object name)
    object PyObject_GetAttrString(object o, const char *name)
    object PyObject_GenericGetAttr(object o, object name)
    int PyObject_SetAttr(object o, object name, object value) except -1
    int PyObject_SetAttrString(object o, const char *name, object value) except -1
    int PyObject_GenericSetAttr(object o, object name, object value) except -1
    int PyObject_DelAttr(object o, object name) except -1
    int PyObject_DelAttrString(object o, const char *name) except -1
    object PyObject_RichCompare(object a, object b, int op)
    bint PyObject_RichCompareBool(object a, object b, int op) except -1
    object PyObject_Repr(object o)
    object PyObject_Str(object o)
    object PyObject_ASCII(object o)
    object PyObject_Bytes(object o)
    object PyObject_Format(object o, object spec)
    bint PyObject_TypeCheck(object o, PyTypeObject *type)
    bint PyObject_IsInstance(object o, object cls) except -1
    bint PyObject_IsSubclass(object o, object cls) except -1
    object PyObject_Call(object f, object args, object kwargs)
    object PyObject_CallObject(object f, object args)
    object PyObject_CallFunction(object f, const char *format, ...)
    object PyObject_CallMethod(object o, const char *name, const char *format, ...)
    object PyObject_CallFunctionObjArgs(object f, ...)
    object PyObject_CallMethodObjArgs(object o, object name, ...)
    Py_hash_t PyObject_Hash(object o) except? -1
    bint PyObject_IsTrue(object o) except -1
    bint PyObject_Not(object o) except -1
    object PyObject_Type(object o)
    Py_ssize_t PyObject_Length(object o) except -1
    Py_ssize_t PyObject_Size(object o) except -1
    Py_ssize_t PyObject_LengthHint(object o, Py_ssize_t otherwise) except -1
    object PyObject_GetItem(object o, object key)
    int PyObject_SetItem(object o, object key, object value) except -1
    int PyObject_DelItem(object o, object key) except -1
    object PyObject_Dir(object o)
    object PyObject_GetIter(object o)
    int PyObject_AsFileDescriptor(object o) except -1
    PyTypeObject *Py_TYPE(object o)
    Py_ssize_t Py_SIZE(object o)
    bint Py_IS_TYPE(object o, PyTypeObject *type)
    int Py_EnterRecursiveCall(const char *where) except -1
    void Py_LeaveRecursiveCall()

cdef extern from "Python.h":
    void *PyObject_Malloc(size_t n)
    void *PyObject_Realloc(void *p, size_t n)
    void PyObject_Free(void *p)
    int PyObject_Print(object o, FILE *file, int flags) except -1
    object PyObject_GenericGetDict(object o, void *context)
    int PyObject_GenericSetDict(object o, object value, void *context) except -1
