# cpython.contextvars — variables with a value per context.
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF

cdef extern from "Python.h":
    bint PyContext_CheckExact(object o)
    bint PyContextVar_CheckExact(object o)
    bint PyContextToken_CheckExact(object o)
    object PyContext_New()
    object PyContext_Copy(object context)
    object PyContext_CopyCurrent()
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    object PyContextVar_New(const char *name, PyObject *default)
    object PyContextVar_New_with_default "PyContextVar_New" (const char *name, object default)
    int PyContextVar_Get(object variable, PyObject *default, PyObject **value) except -1
    int PyContextVar_Get_with_default "PyContextVar_Get" (object variable, object default,
                                                          PyObject **value) except -1
    object PyContextVar_Set(object variable, object value)
    int PyContextVar_Reset(object variable, object token) except -1

# The value in the current context, or else `default`.
cdef inline object get_value(object variable, object default=None):
    cdef PyObject *value = NULL
    PyContextVar_Get(variable, NULL, &value)
    if value is NULL:
        return default
    found = <object> value
    Py_XDECREF(value)
    return found

# Of a variable that has no default of its own.
cdef inline object get_value_no_default(object variable, object default=None):
    cdef PyObject *value = NULL
    PyContextVar_Get(variable, <PyObject *> default, &value)
    found = <object> value
    Py_XDECREF(value)
    return found
