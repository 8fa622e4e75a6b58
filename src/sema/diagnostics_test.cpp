// One test per kind of mistake that sema reports. Names and control flow: names_test.cpp,
// control_flow_test.cpp.

#include <gtest/gtest.h>

#include "sema/test_analyze.h"

namespace engineroom::sema {
namespace {

TEST(CallOfC, HasAsManyArgumentsAsParameters) {
  const std::string f = "cdef int f(int x, int y):\n    return x\n";
  EXPECT_EQ(errors(f + "f(1)"), "3:1 'f' takes 2 arguments, not 1\n");
  EXPECT_EQ(errors(f + "f(1, 2, 3)"), "3:9 'f' takes 2 arguments, not 3\n");
  EXPECT_EQ(errors(f + "f(y=1, x=2)"), "");
}

TEST(CallOfC, TakesEachArgumentOnce) {
  const std::string f = "cdef int f(int x, int y):\n    return x\n";
  EXPECT_EQ(errors(f + "f(1, x=2)"), "3:8 argument 'x' passed twice\n");
  EXPECT_EQ(errors(f + "f(1, 2, x=3, z=4)"),
            "3:11 argument 'x' passed twice\n3:16 'f' has no parameter 'z'\n");
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
