# cpython.exc — raising exceptions, and asking for them.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    PyObject *PyErr_Occurred()
    void PyErr_Clear()
    void PyErr_Print()
    void PyErr_PrintEx(int set_sys_last)
    int PyErr_ExceptionMatches(object type)
    bint PyErr_GivenExceptionMatches(object given, object type)
    void PyErr_NormalizeException(PyObject **type, PyObject **value, PyObject **traceback)
    void PyErr_Fetch(PyObject **type, PyObject **value, PyObject **traceback)
    void PyErr_Restore(PyObject *type, PyObject *value, PyObject *traceback)
    void PyErr_GetExcInfo(PyObject **type, PyObject **value, PyObject **traceback)
    void PyErr_SetExcInfo(PyObject *type, PyObject *value, PyObject *traceback)
    void PyErr_SetString(object type, const char *message)
    void PyErr_SetObject(object type, object value)
    void PyErr_SetNone(object type)
    int PyErr_BadArgument() except 0
    PyObject *PyErr_NoMemory() except NULL
    PyObject *PyErr_SetFromErrno(object type) except NULL
    PyObject *PyErr_SetFromErrnoWithFilename(object type, const char *file) except NULL
    PyObject *PyErr_SetFromErrnoWithFilenameObject(object type, object file) except NULL
    PyObject *PyErr_Format(object type, const char *format, ...) except NULL
    void PyErr_BadInternalCall()
    int PyErr_WarnEx(object category, const char *message, Py_ssize_t level) except -1
    int PyErr_WarnFormat(object category, Py_ssize_t level, const char *format, ...) except -1
    int PyErr_CheckSignals() except -1
    void PyErr_SetInterrupt() nogil
    object PyErr_NewException(const char *name, object base, object dict)
    object PyErr_NewExceptionWithDoc(const char *name, const char *doc, object base, object dict)
    void PyErr_WriteUnraisable(object o)
    object PyException_GetTraceback(object exception)
    int PyException_SetTraceback(object exception, object traceback) except -1
    object PyException_GetContext(object exception)
    object PyException_GetCause(object exception)

cdef extern from "Python.h":
    void PyErr_SetInterruptEx(int signal)
    int PyErr_WarnExplicit(object category, const char *message, const char *file, int line,
                           const char *module, object registry) except -1
    object PyErr_GetHandledException()
    void PyErr_SetHandledException(object e)
    object PyErr_GetRaisedException()
    void PyErr_SetRaisedException(object e)
