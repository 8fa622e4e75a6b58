// One test per kind of mistake that sema reports. Names and control flow: names_test.cpp,
// control_flow_test.cpp.

#include <gtest/gtest.h>

#include "sema/test_analyze.h"

namespace engineroom::sema {
namespace {

TEST(CallOfC, HasAsManyArgumentsAsParameters) {
  const std::string f = "cdef int f(int x, int y):\n    return x\n";
  EXPECT_EQ(errors(f + "f(1)"), "3:1 'f' takes 2 arguments, not 1 | 'y' is missing\n");
  EXPECT_EQ(errors(f + "f(1, 2, 3)"), "3:9 'f' takes 2 arguments, not 3\n");
  EXPECT_EQ(errors(f + "f(y=1, x=2)"), "");
}

TEST(CallOfC, TakesEachArgumentOnce) {
  const std::string f = "cdef int f(int x, int y):\n    return x\n";
  EXPECT_EQ(errors(f + "f(1, x=2)"), "3:6 argument 'x' passed twice\n");
  EXPECT_EQ(errors(f + "f(1, 2, x=3, z=4)"),
            "3:9 argument 'x' passed twice\n3:14 'f' has no parameter 'z'\n");
}

TEST(Mistakes, OfWhatTheParserUnderstandsHideNoOthers) {
  EXPECT_EQ(errors("def f(a):\n    print a, nowhere\n    return g(x=1, x=2)\n"),
            "2:5 'print' is a function at language level 3 | write 'print(a, nowhere)', or set "
            "language_level=2\n"
            "2:14 undeclared name 'nowhere'\n"
            "3:12 undeclared name 'g'\n"
            "3:19 the argument 'x' is given twice\n");
  EXPECT_EQ(errors("def f(a:\n    return nowhere\n"), "1:6 '(' is never closed\n");
}

TEST(Conversion, OfPointersAndObjects) {
  EXPECT_EQ(errors("def f(x):\n    cdef int *p = x\n"),
            "2:19 cannot convert a Python object to 'int *'\n");
  EXPECT_EQ(errors("def f():\n    cdef int *p = NULL\n    return p\n"),
            "3:12 cannot convert 'int *' to a Python object | convert what it points to, or cast "
            "it: <object>p\n");
  EXPECT_EQ(errors("def f():\n    cdef int *p = 1.5\n    cdef double *q = p\n"),
            "2:19 cannot assign type 'double' to 'int *'\n"
            "3:22 cannot assign type 'int *' to 'double *'\n");
}

TEST(Fields, MustExist) {
  EXPECT_EQ(errors("cdef struct S:\n    int x\ndef f():\n    cdef S s\n    return s.y\n"),
            "5:14 'S' has no field 'y'\n");
}

TEST(Jumps, StandInLoopsAndFunctions) {
  EXPECT_EQ(errors("break"), "1:1 'break' outside a loop\n");
  EXPECT_EQ(errors("def f():\n    continue"), "2:5 'continue' outside a loop\n");
  EXPECT_EQ(errors("return 1"), "1:1 'return' outside a function\n");
}

TEST(Unions, WithTextAmongOthersStayInC) {
  const std::string u =
      "cdef union U:\n    char *s\n    int i\ndef f():\n    cdef U u\n    u.i = 1\n";
  EXPECT_EQ(errors(u + "    return u\n"), "7:12 cannot convert 'U' to a Python object\n");
  EXPECT_EQ(errors(u + "    return u.i\n"), "");
}

TEST(Functions, FitPointersOfTheirKind) {
  const std::string f = "cdef int f(int x): return x\ncdef int (*p)(int) ";
  EXPECT_EQ(errors(f + "nogil\np = f"),
            "3:5 cannot assign type 'int (int)' to 'int (int) *' | declare the function 'nogil'\n");
  EXPECT_EQ(errors(f + "noexcept\np = f"),
            "3:5 cannot assign type 'int (int)' to 'int (int) *' | declare the function "
            "'noexcept', or the pointer with its 'except'\n");
  EXPECT_EQ(errors("@print\ncdef int f(): return 1\n"),
            "1:2 a C function cannot be decorated | C code calls it directly; only directives such "
            "as @cython.cdivision(True) are possible\n");
}

TEST(Warnings, OfWhatDoesNothing) {
  EXPECT_EQ(warnings("x = 1;\n"), "1:6 a semicolon at the end of a line does nothing\n");
  EXPECT_EQ(warnings("x = 1; y = 2\n"), "");
  EXPECT_EQ(warnings("# cython: wraparound=False\ndef f(list x):\n    return x[-2:], x[0:2]\n"),
            "3:14 a negative bound, where 'wraparound=False' says that there is none\n");
}

TEST(Delete, TakesNothingFromC) {
  const std::string s =
      "cdef struct S:\n    int x\ncdef object g\ndef f():\n    cdef S s\n"
      "    cdef int a[3]\n    ";
  EXPECT_EQ(errors(s + "del s.x"), "7:9 a field of a C struct cannot be deleted\n");
  EXPECT_EQ(errors(s + "del a[0]"), "7:9 an item of C memory cannot be deleted\n");
  EXPECT_EQ(errors("cdef object g\ndel g"), "2:5 a C variable cannot be deleted\n");
}

TEST(NotSupported, IsSaidOncePerFunction) {
  EXPECT_EQ(errors("def f():\n    yield 1\n    yield 2\n"),
            "2:5 not supported yet: generators | return a list\n");
}

TEST(NotSupported, HasNoOthersInItsWake) {
  EXPECT_EQ(errors("def f(x):\n"
                   "    y = 1\n"
                   "    match x:\n        case [a, b]:\n            z = a\n"
                   "    return y, z, a, b\n"),
            "3:5 not supported yet: match | use 'if' and 'elif'\n");
  EXPECT_EQ(errors("from libcpp.vector cimport vector\n"
                   "def f(double[:] x):\n"
                   "    cdef vector[int] v\n"
                   "    v.push_back(x[0])\n"
                   "    return v.size()\n"),
            "1:1 not supported yet: C++: the module 'libcpp.vector'\n");
}

TEST(Undeclared, NamesOfTheCompilerItself) {
  EXPECT_EQ(
      errors("def f(int n):\n    for i in prange(n): pass\n"),
      "2:14 undeclared name 'prange' | did you mean 'from cython.parallel cimport prange'?\n");
}

TEST(Closures, ShareVariablesWithFunctionsInside) {
  EXPECT_EQ(types("def f(int n, m):\n"
                  "    def g():\n"
                  "        nonlocal n\n"
                  "        n = 1\n"
                  "        return [n for m in n]\n"
                  "    return g\n"),
            "def f(n: int, m: Python object)\n"
            "  local g: Python object\n"
            "  captured n: int\n"
            "  scope n\n"
            "  n = n : int\n"
            "  g = function f.<locals>.g : Python object\n"
            "  return g : Python object\n"
            "def f.<locals>.g()\n"
            "  local k_1: list object\n"
            "  local m: Python object\n"
            "  n = <int>1L : int\n"
            "  return \n"
            "    {\n"
            "      k_1 = er::make_list()! : list object\n"
            "      for m in er::to_object(n)!\n"
            "        er::list_append(k_1, er::to_object(n)!)!\n"
            "    } = k_1 : list object\n"
            "module\n"
            "  er::store_global(er_globals, 'f', function f)!\n");
}

TEST(Nonlocal, IsOfAFunctionAround) {
  EXPECT_EQ(errors("n = 0\n"
                   "def f():\n"
                   "    def g():\n"
                   "        nonlocal n\n"
                   "        n += 1\n"),
            "4:18 no binding for nonlocal 'n' found\n");
  EXPECT_EQ(errors("def f(n):\n"
                   "    def g():\n"
                   "        n = 1\n"
                   "        nonlocal n\n"),
            "4:18 'n' redeclared as nonlocal | 'nonlocal' comes before the first assignment\n");
}

TEST(Declarations, AreMadeOnce) {
  EXPECT_EQ(errors("def f():\n    cdef int i\n    cdef int i\n"), "3:14 'i' is declared already\n");
  EXPECT_EQ(errors("def f(a, a):\n    pass\n"), "1:10 two parameters are called 'a'\n");
}

TEST(Size, OfChainsHasALimit) {
  std::string text = "def f(x):\n    if x: pass\n";
  for (int i = 0; i < 2000; ++i) text += "    elif x: pass\n";
  EXPECT_EQ(errors(text), "2002:5 this `if` has more than 2000 branches\n");
}

TEST(Mistakes, OfAllDeclarationsAndBodiesAreReported) {
  EXPECT_EQ(errors("cdef nothing x\n"
                   "cdef int f():\n"
                   "    return here\n"
                   "def g():\n"
                   "    return there\n"),
            "1:6 'nothing' is not a type | C types are declared with ctypedef, cdef struct or cdef "
            "enum, or come from a cimport\n"
            "3:12 undeclared name 'here'\n"
            "5:12 undeclared name 'there'\n");
}

}  // namespace
}  // namespace engineroom::sema
