# cpython.version — which Python this is.
cdef extern from "Python.h":
    const char *PY_VERSION
    const int PY_VERSION_HEX
    const int PY_MAJOR_VERSION
    const int PY_MINOR_VERSION
    const int PY_MICRO_VERSION
    const int PY_RELEASE_LEVEL
    const int PY_RELEASE_SERIAL
