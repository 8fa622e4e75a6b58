# cpython.object — objects, whatever their class. Results are new references, as Cython wants them.
cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        pass
    ctypedef struct PyObject:
        Py_ssize_t ob_refcnt
        PyTypeObject *ob_type

    const int Py_LT
    const int Py_LE
    const int Py_EQ
    const int Py_NE
    const int Py_GT
    const int Py_GE

    bint PyCallable_Check(object o)
    bint PyObject_HasAttr(object o, object name)
    bint PyObject_HasAttrString(object o, const char *name)
    object PyObject_GetAttr(object o, object name)
    object PyObject_GetAttrString(object o, const char *name)
    int PyObject_SetAttr(object o, object name, object value) except -1
    int PyObject_DelAttr(object o, object name) except -1
    object PyObject_RichCompare(object a, object b, int op)
    bint PyObject_RichCompareBool(object a, object b, int op) except -1
    object PyObject_Repr(object o)
    object PyObject_Str(object o)
    bint PyObject_TypeCheck(object o, PyTypeObject *type)
    bint PyObject_IsInstance(object o, object cls) except -1
    bint PyObject_IsSubclass(object o, object cls) except -1
    object PyObject_Call(object f, object args, object kwargs)
    object PyObject_CallObject(object f, object args)
    Py_hash_t PyObject_Hash(object o) except? -1
    bint PyObject_IsTrue(object o) except -1
    bint PyObject_Not(object o) except -1
    object PyObject_Type(object o)
    Py_ssize_t PyObject_Length(object o) except -1
    Py_ssize_t PyObject_Size(object o) except -1
    object PyObject_GetItem(object o, object key)
    int PyObject_SetItem(object o, object key, object value) except -1
    int PyObject_DelItem(object o, object key) except -1
    object PyObject_GetIter(object o)
