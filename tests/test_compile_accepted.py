"""What Cython takes, though it is seldom written: pointers, sizes, names of types, encodings."""

import textwrap

import engineroom as er
import pytest


def build(source, **options):
    return er.compile(textwrap.dedent(source), **options)


def test_functions_are_compared_as_pointers():
    m = build(
        """
        cdef int one(): return 1
        cdef int two(): return 2

        def f():
            cdef int (*p)()
            p = one
            return p is one, p == &one, p == two, p is not two
        """
    )
    assert m.f() == (True, True, False, True)


def test_pointers_of_two_types_are_void():
    m = build(
        """
        cimport cython

        def f(int x, long y, bint first):
            result = &x if first else &y
            value = (<int *>result)[0] if first else (<long *>result)[0]
            return cython.typeof(result), value
        """
    )
    assert m.f(1, 2, True) == ("void *", 1)
    assert m.f(1, 2, False) == ("void *", 2)


def test_void_or_another_pointer_is_refused():
    with pytest.raises(er.CompileError, match="not supported yet: 'void \\*' or another pointer"):
        build(
            "def f(int x, long y, char *z):\n    result = &x and &y and z\n    return result[0]\n"
        )


def test_null_or_a_pointer():
    m = build(
        """
        def f(int x, bint c):
            cdef int *p = &x if c else NULL
            cdef void *q = p or &c
            return p is NULL, q is p
        """
    )
    assert m.f(3, True) == (False, True)
    assert m.f(3, False) == (True, False)


def test_size_of_an_array_type():
    m = build(
        "cdef struct S:\n    int a\n    int b\ndef f():\n    return sizeof(S[5]), sizeof(S)\n"
    )
    assert m.f() == (40, 8)


def test_sizes_that_only_c_knows():
    m = build(
        """
        from libc cimport limits
        cdef extern from *:
            \"""
            struct S { char arr[sizeof(int)]; };
            enum { N = 3 };
            \"""
            enum: N
            struct S:
                char arr[sizeof(int)]

        def sizes():
            cdef char a[limits.CHAR_MAX]
            cdef char b[sizeof(int) + 1]
            cdef S s
            return sizeof(a), sizeof(b), sizeof(s.arr)

        def items():
            cdef int a[N]
            cdef int b[N]
            a[0], a[1], a[2] = 1, 2, 3
            b = a
            cdef int[:] view = a
            view[0] = 7
            return len(a), a, b, [x for x in a[:2]], view.shape[0]

        def taken(values):
            cdef int a[N]
            a = values
            return a[0] + a[N - 1]
        """
    )
    assert m.sizes() == (127, 5, 4)
    assert m.items() == (3, [7, 2, 3], [1, 2, 3], [7, 2], 3)
    assert m.taken([1, 2, 3]) == 4
    with pytest.raises(IndexError):
        m.taken([1, 2])
    with pytest.raises(er.CompileError, match="the end of this slice of C memory must be given"):
        build("def f():\n    cdef int a[sizeof(int)]\n    for x in a: pass\n")
    with pytest.raises(er.CompileError, match="the size of a C array must be a constant"):
        build("def f(int n):\n    cdef char a[n]\n")


def test_an_item_of_an_enum_as_exception_value():
    m = build(
        """
        cdef enum E:
            A
            B

        cdef E make(bint fails) except? E.A:
            if fails:
                raise RuntimeError
            return E.B

        def f(fails):
            return make(fails) == B
        """
    )
    assert m.f(False) is True
    with pytest.raises(RuntimeError):
        m.f(True)


def test_a_destructor_of_a_capsule():
    m = build(
        """
        from cpython cimport pycapsule

        cdef int value = 5
        ended = []

        cdef void destructor(object capsule) noexcept:
            ended.append(pycapsule.PyCapsule_GetName(capsule))

        def f():
            capsule = pycapsule.PyCapsule_New(&value, b"five", &destructor)
            assert pycapsule.PyCapsule_GetDestructor(capsule) is &destructor
            return (<int *>pycapsule.PyCapsule_GetPointer(capsule, b"five"))[0]
        """
    )
    assert m.f() == 5
    assert m.ended == [b"five"]


def test_classes_of_python_in_the_module_cython():
    m = build(
        """
        cimport cython

        def f(value):
            cdef cython.unicode text = value
            return text
        """
    )
    assert m.f("a") == "a"
    with pytest.raises(TypeError):
        m.f(b"a")


def test_a_fraction_as_step_of_for_from():
    m = build(
        """
        def f(a, b, double step):
            cdef object x
            seen = []
            for x from a <= x < b by step:
                seen.append(x)
            return seen, x
        """
    )
    assert m.f(0, 2, 0.5) == ([0.0, 0.5, 1.0, 1.5], 2.0)


def test_a_struct_has_the_methods_of_a_dict():
    m = build(
        """
        cdef struct Day:
            int year
            int month

        def f():
            cdef Day day = Day(2000, 6)
            return sorted(day.items()), day.get("year")
        """
    )
    assert m.f() == ([("month", 6), ("year", 2000)], 2000)


def test_functions_of_cpp_that_share_a_name_are_refused():
    with pytest.raises(er.CompileError, match="not supported yet: functions of C\\+\\+ that share"):
        build("cdef extern from *:\n    int f(int)\n    double f(double)\n")


def test_macros_that_code_for_cython_asks():
    m = build(
        """
        cdef extern from *:
            bint CYTHON_COMPILING_IN_LIMITED_API
            bint CYTHON_COMPILING_IN_CPYTHON

        def f():
            return CYTHON_COMPILING_IN_LIMITED_API, CYTHON_COMPILING_IN_CPYTHON
        """
    )
    assert m.f() == (False, True)


@pytest.mark.parametrize("encoding", ["latin-1", "iso-8859-15", "koi8-r", "utf-8"])
def test_encodings_of_files(tmp_path, encoding):
    text = "пример" if encoding == "koi8-r" else "ä€" if encoding != "latin-1" else "äÖ"
    path = tmp_path / "m.pyx"
    path.write_text(f"# -*- coding: {encoding} -*-\ns = '{text}'\n", encoding=encoding)
    assert er.compile_file(path).s == text
    assert er.compile_file(path, level="3str").s == text
    # A text is no file: it is decoded already.
    assert build(path.read_text(encoding=encoding)).s == text


def test_bytes_of_a_recoded_file(tmp_path):
    path = tmp_path / "m.pyx"
    path.write_text("# coding: latin-1\ns = b'\\xe4'\nt = b'ä'\n", encoding="latin-1")
    with pytest.raises(er.CompileError, match="not supported yet: bytes of text that is not in U"):
        er.compile_file(path, level="2")
    path.write_text("# coding: latin-1\ns = b'\\xe4'\nt = 'ä'\n", encoding="latin-1")
    assert er.compile_file(path).s == b"\xe4"
    path.write_text("# coding: nonsense\n")
    with pytest.raises(SyntaxError, match="unknown encoding"):
        er.compile_file(path)


def test_numbers_that_are_none_of_cs_are_refused():
    declared = 'cdef extern from *:\n    ctypedef long long wide "__int128_t"\n'
    with pytest.raises(er.CompileError, match="not supported yet: values of this C type as obj"):
        build(declared + "def f():\n    cdef wide x = 1\n    return x\n")
    with pytest.raises(er.CompileError, match="not supported yet: objects as values of this C t"):
        build(declared + "def f(wide x):\n    return x > 1\n")


def test_verbatim_c_that_uses_numpy():
    pytest.importorskip("numpy")
    m = build(
        '''
        cimport numpy as np

        cdef extern from *:
            """
            static void** api(void) { return PyArray_API; }
            """
            void** api()

        def f():
            return api() != NULL
        '''
    )
    assert m.f() is True


def test_parameters_named_like_types():
    m = build(
        """
        cdef object first(short, list, int n):
            return short, list, n

        cpdef zed(short, long, complex, x, object):
            return short, long, complex, x, object

        def f():
            return first(1.5, "a", 2)
        """
    )
    assert m.f() == (1.5, "a", 2)
    assert m.zed(short=1, long="a", complex=3, x=4, object=5) == (1, "a", 3, 4, 5)


def test_parameters_without_names_in_declarations():
    m = build(
        """
        cdef extern from "math.h":
            double fabs(double)

        def f(x):
            return fabs(x)
        """
    )
    assert m.f(-2) == 2.0


def test_two_sizes_in_brackets_of_a_type():
    m = build(
        """
        ctypedef struct P:
            int x
        def f():
            cdef P[2][3] a
            a[1][2].x = 5
            a[0][2].x = 4
            return sizeof(a) // sizeof(P), sizeof(a[0]) // sizeof(P), a[1], a[0][2].x
        def g(rows):
            cdef P[2][3] a = rows
            return a[1][2].x
        """
    )
    n, of_row, row, x = m.f()
    assert (n, of_row, len(row), row[2], x) == (6, 3, 3, {"x": 5}, 4)
    assert m.g([[{"x": 10 * i + j} for j in range(3)] for i in range(2)]) == 12


def test_parts_of_arrays_are_copied_without_the_gil():
    m = build(
        """
        cdef int whole() noexcept nogil:
            cdef int[4] x = [1, 2, 3, 4]
            cdef int[4] y
            y[:] = x[:]
            return y[0] * 1000 + y[1] * 100 + y[2] * 10 + y[3]
        cdef int shifted() noexcept nogil:
            cdef int[4] x = [1, 2, 3, 4]
            x[1:] = x[:3]
            x[:2] = x[2:]
            return x[0] * 1000 + x[1] * 100 + x[2] * 10 + x[3]
        def f(): return whole(), shifted()
        """
    )
    assert m.f() == (1234, 2323)


def test_results_of_pointers_to_functions_have_types():
    m = build(
        """
        cdef int* same(int* p, int fails) except? NULL:
            if fails:
                raise ValueError
            return p
        ctypedef int* (*function)(int*, int) except? NULL
        def f(int fails):
            cdef function g = same
            cdef int x = 7
            out = g(&x, fails)
            return out[0]
        """
    )
    assert m.f(0) == 7
    with pytest.raises(ValueError):
        m.f(1)


def test_values_of_exceptions():
    m = build(
        """
        DEF infty = float("inf")
        DEF nan = float("nan")
        cdef int* pointer(bint fails) except <int*>-1:
            if fails: raise ValueError
            return NULL
        cdef double large(bint fails) except 100000000000000000000000000000000:
            if fails: raise ValueError
            return 1
        cdef double infinite(bint fails) except infty:
            if fails: raise ValueError
            return 2
        cdef double no_number(bint fails) except nan:
            if fails: raise ValueError
            return 3
        def f(fails, int which):
            if which == 0: return pointer(fails) == NULL
            if which == 1: return large(fails)
            if which == 2: return infinite(fails)
            return no_number(fails)
        """
    )
    assert [m.f(False, i) for i in range(4)] == [True, 1.0, 2.0, 3.0]
    for i in range(4):
        with pytest.raises(ValueError):
            m.f(True, i)


@pytest.mark.parametrize(
    ("field", "message"),
    [("double[:] a", "cannot be a memory view"), ("object a", "cannot be a Python object")],
)
def test_what_c_structs_cannot_hold(field, message):
    with pytest.raises(er.CompileError, match="C struct/union member " + message) as raised:
        build(f"cdef struct S:\n    {field}\n")
    assert "not supported yet" not in str(raised.value)
