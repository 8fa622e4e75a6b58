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


def test_sizes_that_only_c_knows_are_refused():
    with pytest.raises(er.CompileError, match="not supported yet: sizes of arrays that only C"):
        build("def f():\n    cdef char a[sizeof(int)]\n    return sizeof(a)\n")
    with pytest.raises(er.CompileError, match="not supported yet: sizes of arrays that only C"):
        build("from libc cimport limits\ndef f():\n    cdef char a[limits.CHAR_MAX]\n")
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
