#include "sema/names.h"

#include <gtest/gtest.h>

#include "sema/test_analyze.h"

namespace engineroom::sema {
namespace {

TEST(ClosestName, IsOneOrTwoSlipsAway) {
  const std::vector<std::string_view> names = {"count", "total", "x", "print"};
  EXPECT_EQ(closest_name("cuont", names), "count");
  EXPECT_EQ(closest_name("cont", names), "count");
  EXPECT_EQ(closest_name("PRINT", names), "print");
  EXPECT_EQ(closest_name("y", names), "");
  EXPECT_EQ(closest_name("other", names), "");
  EXPECT_EQ(closest_name("", names), "");
}

TEST(ClosestName, PrefersTheNearestThenTheFirst) {
  EXPECT_EQ(closest_name("abcdef", {"abcxxf", "abcdxf", "abcdez"}), "abcdxf");
}

TEST(UndeclaredName, IsAnError) {
  EXPECT_EQ(errors("x = nowhere"), "1:5 undeclared name 'nowhere'\n");
  EXPECT_EQ(errors("def f():\n    return nowhere"), "2:12 undeclared name 'nowhere'\n");
  EXPECT_EQ(errors("cdef int f():\n    return nowhere"), "2:12 undeclared name 'nowhere'\n");
}

TEST(UndeclaredName, IsReportedOncePerFunction) {
  EXPECT_EQ(errors("def f():\n"
                   "    return nowhere + nowhere\n"
                   "def g():\n"
                   "    return nowhere\n"),
            "2:12 undeclared name 'nowhere'\n"
            "4:12 undeclared name 'nowhere'\n");
}

TEST(UndeclaredName, HasNoOthersInItsWake) {
  EXPECT_EQ(errors("def f(int n):\n"
                   "    cdef int *p = &nowhere\n"
                   "    p = p + nowhere.attribute[n](p)\n"
                   "    nowhere.x += p\n"
                   "    return 1 if n else -nowhere\n"),
            "2:20 undeclared name 'nowhere'\n");
}

TEST(UndeclaredName, OfOneStatementAllAreReported) {
  EXPECT_EQ(errors("def f():\n    return first(second, a=third)\n"),
            "2:12 undeclared name 'first'\n"
            "2:18 undeclared name 'second'\n"
            "2:28 undeclared name 'third'\n");
}

TEST(UndeclaredName, WhatTheModuleBindsAnywhereIsKnown) {
  EXPECT_EQ(errors("def f():\n"
                   "    return a, b, c, d, e, g, h, i, j, k, Exception, __name__, unicode\n"
                   "def g():\n"
                   "    global a\n"
                   "    a = 1\n"
                   "if g():\n"
                   "    import b.x\n"
                   "    from m import n as c\n"
                   "    for d, [e, *h] in []: pass\n"
                   "    print(i := 1)\n"
                   "try: pass\n"
                   "except Exception as j: pass\n"
                   "with g() as k: pass\n"),
            "");
}

TEST(UndeclaredName, AfterAStarImportAnythingIsKnown) {
  EXPECT_EQ(errors("from m import *\nx = nowhere"), "");
}

TEST(UndeclaredName, MayComeFromAnIncludedText) {
  const With with{.pxds = {{"a.pxi", "x = 1\ncdef int y\ninclude 'b.pxi'\n"}, {"b.pxi", "z = 1"}}};
  EXPECT_EQ(errors("include 'a.pxi'\nprint(x, y, z, nowhere)", with),
            "2:16 undeclared name 'nowhere'\n");
  EXPECT_EQ(errors("if True:\n    include 'b.pxi'\nprint(z, nowhere)", with),
            "3:10 undeclared name 'nowhere'\n");
  EXPECT_EQ(errors("if True:\n    include 'a.pxi'", with),
            "a.pxi:2:10 not supported yet: C variables of the module that are declared here\n");
  EXPECT_EQ(
      errors("include 'none.pxi'\nprint(x)", with),
      "1:9 there is no file 'none.pxi' to include | it is looked for beside the source and on "
      "the include path\n");
}

TEST(UndeclaredName, HintsAtWhereItIs) {
  EXPECT_EQ(errors("x = sqrt(2)"),
            "1:5 undeclared name 'sqrt' | did you mean 'from libc.math cimport sqrt'?\n");
  EXPECT_EQ(errors("x = np.zeros(3)"),
            "1:5 undeclared name 'np' | put 'import numpy as np' at the top of the module\n");
  EXPECT_EQ(errors("def f(count):\n    return conut"),
            "2:12 undeclared name 'conut' | did you mean 'count'?\n");
  EXPECT_EQ(errors("x = true"), "1:5 undeclared name 'true' | did you mean 'True'?\n");
}

TEST(UnknownType, HintsAtWhatWasMeant) {
  EXPECT_EQ(errors("cdef doubl x"), "1:6 'doubl' is not a type | did you mean 'double'?\n");
  EXPECT_EQ(
      errors("cdef np.ndarray x"),
      "1:6 'np.ndarray' is not a type | put 'cimport numpy as np' at the top of the module\n");
}

TEST(UnknownType, HasNoOthersInItsWake) {
  EXPECT_EQ(errors("cdef nothing x\n"
                   "cdef int *f(nothing *y):\n"
                   "    return y if x else x\n"),
            "1:6 'nothing' is not a type | C types are declared with ctypedef, cdef struct or cdef "
            "enum, or come from a cimport\n");
}

TEST(FailedCimport, HasNoOthersInItsWake) {
  EXPECT_EQ(errors("from libc.maths cimport sqrt, pow as power\n"
                   "cimport gone.away\n"
                   "def f(double x):\n"
                   "    cdef gone.away.type t\n"
                   "    return sqrt(x) + power(x, gone.away.e)\n"),
            "1:1 there is no module 'libc.maths' to cimport | a .pxd file of that name is looked "
            "for beside the source, on the include path and on sys.path\n"
            "2:9 there is no module 'gone.away' to cimport | a .pxd file of that name is looked "
            "for beside the source, on the include path and on sys.path\n");
}

}  // namespace
}  // namespace engineroom::sema
