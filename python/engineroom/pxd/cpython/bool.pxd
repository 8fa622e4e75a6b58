# cpython.bool — True and False.
cdef extern from "Python.h":
    bint PyBool_Check(object o)
    object PyBool_FromLong(long value)
