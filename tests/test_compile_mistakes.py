"""What beginners do wrong, and what they are then shown: each mistake with the whole text of the message."""

import engineroom as er
import pytest

MISTAKES = {
    "missing colon": (
        """\
def f(int n)
    return n
""",
        """\
1 error
<cython m>:1:13: error: expected ':' after the head of the function [missing-colon]
    def f(int n)
                ^
""",
    ),
    "wrong indentation": (
        """\
def f(int n):
    x = n
      y = x
    return y
""",
        """\
1 error
<cython m>:3:7: error: this line is indented more than the one above it [unexpected-indent]
          y = x
          ^
  hint: remove the blanks, or end the line above with ':' if this is its block
""",
    ),
    "undeclared function": (
        """\
def f(double x):
    return sqrt(x)
""",
        """\
1 error
<cython m>:2:12: error: undeclared name 'sqrt' [undeclared-name]
        return sqrt(x)
               ^~~~
  hint: did you mean 'from libc.math cimport sqrt'?
""",
    ),
    "missing cimport": (
        """\
import numpy as np
def f(np.ndarray[double] x):
    return x[0]
""",
        """\
1 error
<cython m>:2:7: error: 'np.ndarray' is not a type [unknown-type]
    def f(np.ndarray[double] x):
          ^~~~~~~~~~
  hint: put 'cimport numpy as np' at the top of the module
""",
    ),
    "int given a string": (
        """\
def f():
    cdef int n = '12'
    return n
""",
        """\
1 error
<cython m>:2:18: error: cannot convert text to 'int' [conversion]
        cdef int n = '12'
                     ^~~~
  hint: to read a number from text, write 'int('12')'
""",
    ),
    "int given a fraction": (
        """\
def f(double x):
    cdef int n = x / 2
    return n
""",
        """\
1 error
<cython m>:2:18: error: cannot assign type 'double' to 'int' [conversion]
        cdef int n = x / 2
                     ^~~~~
  hint: the fraction would be lost; where it may be, cast it: <int>(x / 2)
""",
    ),
    "value from void": (
        """\
cdef void f(int n):
    return n
""",
        """\
1 error
<cython m>:2:12: error: a function of type void returns no value [return-value]
        return n
               ^
  hint: declare what it returns: 'cdef int f(...)'
""",
    ),
    "too few arguments": (
        """\
cdef int add(int a, int b):
    return a + b

def f():
    return add(1)
""",
        """\
1 error
<cython m>:5:12: error: 'add' takes 2 arguments, not 1 [arguments]
        return add(1)
               ^~~~~~
  hint: 'b' is missing
""",
    ),
    "misspelt type": (
        """\
def f(Double x):
    return x
""",
        """\
1 error
<cython m>:1:7: error: 'Double' is not a type [unknown-type]
    def f(Double x):
          ^~~~~~
  hint: did you mean 'double'?
""",
    ),
    "cdef in a block": (
        """\
def f(int n):
    if n > 0:
        cdef int k = n
    return n
""",
        """\
1 error
<cython m>:3:9: error: 'cdef' cannot stand inside a control structure [cdef-not-here]
            cdef int k = n
            ^~~~
  hint: declare it before the block; the assignment may stay inside
""",
    ),
    "cdef after the first use": (
        """\
def f(int n):
    k = n
    cdef int k
    return k
""",
        """\
1 error
<cython m>:3:14: error: cdef variable 'k' declared after it is used [declared-late]
        cdef int k
                 ^
  hint: move the 'cdef' above the first use of 'k'
""",
    ),
    "tabs and blanks": (
        """\
def f(int n):
    x = n
\treturn x
""",
        """\
1 error
<cython m>:3:2: error: tabs and blanks are mixed, so that the indentation is not clear [mixed-indentation]
    \treturn x
    \t^
  hint: use blanks only
""",
    ),
    "a class": (
        """\
class A:
    def f(self):
        return 1
""",
        """\
1 error
<cython m>:1:1: error: not supported yet: classes [not-supported]
    class A:
    ^~~~~~~~
  hint: define the class in plain Python, and use it here
""",
    ),
    "Python 2's print": (
        """\
def f(x):
    print x
""",
        """\
1 error
<cython m>:2:5: error: 'print' is a function at language level 3 [old-statement]
        print x
        ^~~~~
  hint: write 'print(x)', or set language_level=2
""",
    ),
    "= for ==": (
        """\
def f(int x):
    if x = 1:
        return 2
""",
        """\
1 error
<cython m>:2:10: error: expected ':' after the condition, found '=' [unexpected-token]
        if x = 1:
             ^
  hint: '=' assigns; to compare, write '=='
""",
    ),
    "C's increment": (
        """\
def f(int n):
    n++
""",
        """\
1 error
<cython m>:2:8: error: expected an expression, found the end of the line [unexpected-token]
        n++
           ^
  hint: write 'n += 1'
""",
    ),
    "C's cast": (
        """\
def f(double x):
    return (int) x
""",
        """\
1 error
<cython m>:2:18: error: expected the end of the statement, found 'x' [unexpected-token]
        return (int) x
                     ^
  hint: a cast is written '<int>x'
""",
    ),
    "C's arrow": (
        """\
cdef struct P:
    int x
cdef int f(P *p):
    return p->x
""",
        """\
1 error
<cython m>:4:13: error: expected the end of the statement, found '->' [unexpected-token]
        return p->x
                ^~
  hint: write '.': it also reads what a pointer points to
""",
    ),
    "C's braces": (
        """\
cdef int f(int n) {
    return n;
}
""",
        """\
1 error
<cython m>:1:19: error: '{' is never closed [unclosed-bracket]
    cdef int f(int n) {
                      ^
  hint: a block begins with ':', and is indented
""",
    ),
    "C's loop variable": (
        """\
def f(int n):
    for int i in range(n):
        pass
""",
        """\
1 error
<cython m>:2:13: error: expected 'in' after the variable of the loop, found 'i' [unexpected-token]
        for int i in range(n):
                ^
  hint: declare it before the loop: 'cdef int i'
""",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name):
    source, shown = MISTAKES[name]
    with pytest.raises(er.CompileError) as caught:
        er.compile(source, name="m")
    assert str(caught.value) == shown.rstrip("\n")


def test_ipython_shows_the_same_in_colour():
    import re

    source, shown = MISTAKES["misspelt type"]
    with pytest.raises(er.CompileError) as caught:
        er.compile(source, name="m")
    (coloured,) = caught.value._render_traceback_()
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == "CompileError: " + shown.rstrip("\n")


def test_warnings_wait_until_there_are_no_errors():
    with pytest.raises(er.CompileError) as caught:
        er.compile("def f():\n    cdef int i\n    return i + nowhere\n")
    assert "referenced before assignment" not in str(caught.value)
    assert [d.severity for d in caught.value.diagnostics] == ["warning", "error"]
