# cpython.module — modules, and importing them.
from cpython.object cimport PyObject

cdef extern from "Python.h":
    object PyImport_ImportModule(const char *name)
    object PyImport_Import(object name)
    object PyImport_ReloadModule(object module)
    PyObject *PyImport_AddModule(const char *name) except NULL
    PyObject *PyImport_GetModuleDict() except NULL
    bint PyModule_Check(object o)
    bint PyModule_CheckExact(object o)
    object PyModule_New(const char *name)
    PyObject *PyModule_GetDict(object module) except NULL
    object PyModule_GetNameObject(object module)
    int PyModule_AddObject(object module, const char *name, object value) except -1
    int PyModule_AddIntConstant(object module, const char *name, long value) except -1
    int PyModule_AddStringConstant(object module, const char *name, const char *value) except -1

cdef extern from "Python.h":
    object PyModule_NewObject(object name)
    char *PyModule_GetName(object m) except NULL
    void *PyModule_GetState(object m)
    object PyModule_GetFilenameObject(object m)
    char *PyModule_GetFilename(object m) except NULL
    object PyImport_ImportModuleEx(const char *name, object globals, object locals, object names)
    object PyImport_ImportModuleLevel(char *name, object globals, object locals, object names,
                                      int level)
    object PyImport_ExecCodeModule(const char *name, object code)
    int PyImport_ImportFrozenModule(const char *name) except -1
    long PyImport_GetMagicNumber() except? -1
