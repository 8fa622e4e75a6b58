# cpython.pylifecycle — the interpreter's own start and end.
from cpython.pystate cimport PyThreadState
from libc.stddef cimport wchar_t
from libc.stdio cimport FILE
cdef extern from "Python.h":
    bint Py_IsInitialized() nogil
    void Py_FatalError(const char *message)
    int Py_AtExit(void (*function)())

cdef extern from "Python.h":
    ctypedef void (*PyOS_sighandler_t)(int)
    void Py_Initialize()
    void Py_InitializeEx(int takes_signals)
    void Py_Finalize()
    int Py_FinalizeEx()
    PyThreadState *Py_NewInterpreter()
    void Py_EndInterpreter(PyThreadState *state)
    void Py_Exit(int status)
    int Py_FdIsInteractive(FILE *file, const char *name)
    int Py_Main(int argc, wchar_t **argv)
    const char *Py_GetVersion()
    const char *Py_GetPlatform()
    const char *Py_GetCopyright()
    const char *Py_GetCompiler()
    const char *Py_GetBuildInfo()
    PyOS_sighandler_t PyOS_getsig(int signal)
    PyOS_sighandler_t PyOS_setsig(int signal, PyOS_sighandler_t handler)
