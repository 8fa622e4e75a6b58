"""The .pxd files of our own: cpython.*, libc.*, posix.*."""

import os
import textwrap
from pathlib import Path

import engineroom as er
import pytest

ROOT = Path(er.__file__).parent / "pxd"


def modules():
    for path in sorted(ROOT.rglob("*.pxd")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("module", list(modules()))
def test_module_is_declared(module):
    er.explain(f"from {module} cimport *", "types")


def build(source):
    return er.compile(textwrap.dedent(source))


def test_containers():
    m = build(
        """
        from cpython.dict cimport PyDict_GetItem, PyDict_Next, PyDict_SetItem
        from cpython.list cimport PyList_Append, PyList_GET_ITEM, PyList_New, PyList_SET_ITEM
        from cpython.object cimport PyObject
        from cpython.ref cimport Py_INCREF, Py_REFCNT, Py_TYPE
        from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_Pack

        def make(n):
            cdef int i
            made = PyList_New(n)
            for i in range(n):
                item = object()
                Py_INCREF(item)
                PyList_SET_ITEM(made, i, item)
            PyList_Append(made, n)
            return made, <object>PyList_GET_ITEM(made, n)

        def get(d, key):
            cdef PyObject *found = PyDict_GetItem(d, key)
            return None if found is NULL else <object>found

        def total(dict d):
            cdef Py_ssize_t at = 0
            cdef PyObject *key
            cdef PyObject *value
            cdef long s = 0
            while PyDict_Next(d, &at, &key, &value):
                s += <object>value
            return s

        def pack(a, b):
            t = PyTuple_Pack(2, <PyObject *>a, <PyObject *>b)
            return t, PyTuple_GET_SIZE(t)
        """
    )
    made, last = m.make(3)
    assert len(made) == 4
    assert last == 3
    assert m.get({"a": 1}, "a") == 1
    assert m.get({"a": 1}, "b") is None
    assert m.total({"a": 1, "b": 2}) == 3
    assert m.pack(1, 2) == ((1, 2), 2)


def test_errors_and_numbers():
    m = build(
        """
        from cpython.exc cimport PyErr_Occurred, PyErr_SetString
        from cpython.long cimport PyLong_AsLong
        from cpython.number cimport PyNumber_Add
        from cpython.unicode cimport PyUnicode_AsUTF8, PyUnicode_Substring
        from cpython.version cimport PY_MAJOR_VERSION

        cdef int fail() except -1:
            PyErr_SetString(KeyError, b"set in C")
            return -1

        def f():
            fail()

        def g(o):
            return PyLong_AsLong(o), PyNumber_Add(o, 1), PY_MAJOR_VERSION, PyErr_Occurred() is NULL

        def h(text):
            return PyUnicode_Substring(text, 1, 3), PyUnicode_AsUTF8(text)[0]
        """
    )
    with pytest.raises(KeyError, match="set in C"):
        m.f()
    assert m.g(41) == (41, 42, 3, True)
    with pytest.raises(TypeError):
        m.g("x")
    assert m.h("abcd") == ("bc", ord("a"))


def test_system():
    m = build(
        """
        from libc.errno cimport ENOENT, errno
        from libc.stdio cimport snprintf
        from libc.stdlib cimport div, div_t
        from libc.string cimport memset, strtok
        from libc.time cimport gmtime_r, strftime, time_t, tm
        from posix.stat cimport S_ISDIR, stat, struct_stat
        from posix.unistd cimport access, getpid, F_OK

        def date(time_t when):
            cdef tm parts
            cdef char text[40]
            gmtime_r(&when, &parts)
            strftime(text, sizeof(text), b"%Y-%m-%d", &parts)
            return text.decode("ascii"), parts.tm_year

        def text(int n, double x, bytes end):
            cdef char out[40]
            snprintf(out, sizeof(out), b"%d %.2f %s %s", n, x, b"and", end)
            return out

        def about(bytes path):
            cdef struct_stat known
            if access(path, F_OK) != 0:
                return errno == ENOENT
            stat(path, &known)
            return bool(S_ISDIR(known.st_mode)), getpid()

        def divide(int a, int b):
            return div(a, b)
        """
    )
    assert m.date(86400) == ("1970-01-02", 70)
    assert m.text(3, 2.5, b"end") == b"3 2.50 and end"
    assert m.about(b"/") == (True, os.getpid())
    assert m.about(b"/no/such/path") is True
    assert m.divide(7, 2) == {"quot": 3, "rem": 1}


def test_no_object_where_c_cannot_know_it():
    with pytest.raises(er.CompileError, match="a Python object cannot be passed where"):
        build(
            """
            from libc.stdio cimport printf
            def f(x):
                printf(b"%d", x)
            """
        )


def test_time():
    import time

    m = build(
        """
        from cpython.time cimport time

        def now():
            return time()
        """
    )
    assert abs(m.now() - time.time()) < 5


def test_context_variables():
    m = er.compile(
        """
        from cpython.contextvars cimport get_value, get_value_no_default, PyContextVar_New, \\
            PyContextVar_New_with_default, PyContextVar_Set
        without = PyContextVar_New("without", NULL)
        with_one = PyContextVar_New_with_default("with_one", 5)
        def values():
            return get_value(without), get_value(without, 1), get_value(with_one, 2), \\
                get_value_no_default(with_one, 3)
        def put(value):
            PyContextVar_Set(without, value)
        """.replace("\n        ", "\n")
    )
    assert m.values() == (None, 1, 5, 3)
    m.put([1])
    assert m.values() == ([1], [1], 5, 3)


def test_codecs_cells_marshal():
    m = er.compile(
        """
from cpython.codecs cimport PyCodec_KnownEncoding, PyCodec_Encode
from cpython.cellobject cimport PyCell_New, PyCell_Get, PyCell_Set
from cpython.marshal cimport PyMarshal_WriteObjectToString, PyMarshal_ReadObjectFromString
def f(x):
    cell = PyCell_New(x)
    PyCell_Set(cell, [PyCell_Get(cell)])
    data = PyMarshal_WriteObjectToString(PyCell_Get(cell), 4)
    return (PyMarshal_ReadObjectFromString(data, len(data)), PyCodec_KnownEncoding("latin-1"),
            PyCodec_Encode("é", "latin-1", NULL))
        """
    )
    assert m.f("x") == (["x"], True, b"\xe9")


def test_functions_among_the_fields_of_a_struct():
    m = er.compile(
        """
cdef struct Operation:
    int run(int a, int b)
cdef int add(int a, int b):
    return a + b
cdef Operation first = Operation(add)
def f():
    cdef Operation second
    second.run = first.run
    return second.run(1, 2)
        """
    )
    assert m.f() == 3


def test_python_may_know_what_a_header_defines(tmp_path):
    (tmp_path / "one.pxd").write_text(
        'cdef extern from "math.h":\n    cpdef double root "sqrt"(double)\n'
    )
    (tmp_path / "one.pyx").write_text(
        textwrap.dedent(
            """
            cdef extern from *:
                \"\"\"
                static int added(int a, int b) { return a + b; }
                static void nothing() {}
                \"\"\"
                cpdef int add "added"(int a, int b)
                cpdef void nothing()
            def f():
                return add(1, 2) + root(4)
            """
        )
    )
    m = er.compile_file(tmp_path / "one.pyx")
    assert m.f() == 5
    assert m.root(9) == 3
    assert m.add(b=1, a=2) == 3
    assert m.nothing() is None
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'b'"):
        m.add(1)


def test_values_per_thread():
    m = er.compile(
        """
from cpython.pythread cimport *
def f():
    cdef Py_tss_t key
    cdef int value = 7
    before = PyThread_tss_is_created(&key)
    if PyThread_tss_create(&key) != 0:
        raise MemoryError()
    PyThread_tss_set(&key, &value)
    got = (<int *>PyThread_tss_get(&key))[0]
    PyThread_tss_delete(&key)
    return before, got
        """
    )
    assert m.f() == (False, 7)
