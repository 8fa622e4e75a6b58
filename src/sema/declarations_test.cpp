// What can be declared, and as what.

#include <gtest/gtest.h>

#include "sema/test_analyze.h"

namespace engineroom::sema {
namespace {

TEST(Types, OfVariablesHaveASize) {
  EXPECT_EQ(
      errors("cdef void x"),
      "1:11 a variable cannot be of type 'void' | a pointer to anything is 'void *'; a Python "
      "object is 'object'\n");
  EXPECT_EQ(errors("cdef struct S\ncdef S s\ncdef S *p\n"),
            "2:8 nobody knows how large 'S' is: a variable cannot be of this type | declare its "
            "fields, or use a pointer: 'S *'\n");
  EXPECT_EQ(errors("def f():\n    cdef int x[]\n"),
            "2:14 the array 'x' has no size | write how many items it has, or declare a pointer\n");
  EXPECT_EQ(errors("cdef int x[3][]"),
            "1:6 only the first dimension of an array can be left open\n");
  EXPECT_EQ(errors("cdef f(void v): pass"),
            "1:8 a parameter cannot be of type 'void' | a pointer to anything is 'void *'\n");
  EXPECT_EQ(errors("cdef f(void): pass"),
            "1:8 a parameter cannot be of type 'void' | a function without parameters is declared "
            "'f()'\n");
}

TEST(Types, OfCHoldNoObjects) {
  EXPECT_EQ(errors("cdef object x[3]"),
            "1:6 an array of C cannot hold Python objects | use a list\n");
  EXPECT_EQ(
      errors("cdef object *x"),
      "1:6 there are no pointers to Python objects | use 'PyObject *' of cpython.object, or a "
      "list\n");
  EXPECT_EQ(errors("cdef const object x"), "1:6 a Python object cannot be const or volatile\n");
  EXPECT_EQ(errors("def f(int x not None): pass"),
            "1:7 only Python objects can be 'not None', not a 'int'\n");
}

TEST(Const, IsNotAssignedTo) {
  const std::string text =
      "cdef struct S:\n    int x\n"
      "cdef f(const int a, const int *b, const S s, int *const d, const S *t):\n    ";
  EXPECT_EQ(errors(text + "a = 1\n"), "4:5 assignment to const 'a'\n");
  EXPECT_EQ(errors(text + "b[0] = 1\n"), "4:5 assignment to const 'b[0]'\n");
  EXPECT_EQ(errors(text + "b[0] += 1\n"), "4:5 assignment to const 'b[0]'\n");
  EXPECT_EQ(errors(text + "s.x = 1\n"), "4:5 assignment to const 's.x'\n");
  EXPECT_EQ(errors(text + "t.x = 1\n"), "4:5 assignment to const 't.x'\n");
  EXPECT_EQ(errors(text + "d = NULL\n"), "4:5 assignment to const 'd'\n");
  EXPECT_EQ(errors(text + "d[0] = 1\n"), "");
  EXPECT_EQ(errors(text + "b = NULL\n"), "");
}

TEST(Views, HaveAxes) {
  const std::string views =
      "from cython cimport view\n"
      "cdef int[:, ::1] c\ncdef int[::1, :] f\ncdef int[::view.indirect, ::1] p\n"
      "cdef const double[::view.generic, :] g\n";
  EXPECT_EQ(errors(views), "");
  EXPECT_EQ(errors("cdef int[::1, ::1] a\n"),
            "1:15 an array cannot be contiguous in the order of both C and Fortran\n");
  EXPECT_EQ(errors("cdef int[:, ::1, :] a\n"),
            "1:13 '::1' stands first, last, or behind an indirect axis\n");
  EXPECT_EQ(errors("from cython cimport view\ncdef int[::view.contiguous, ::view.contiguous] a\n"),
            "2:29 only one axis can be direct and contiguous\n");
  EXPECT_EQ(errors("cdef int[:] *a\n"),
            "1:6 there are no pointers to memoryviews | a pointer to its first item is '&view[0]', "
            "and its length 'view.shape[0]'\n");
}

TEST(Views, FitWhereTheyHaveWhatIsWanted) {
  const auto given = [](const std::string& from, const std::string& to) {
    return errors("def f(" + from + " a):\n    cdef " + to + " b = a\n    return b\n");
  };
  EXPECT_EQ(given("int[::1]", "int[:]"), "");
  EXPECT_EQ(given("int[:]", "const int[:]"), "");
  EXPECT_EQ(given("int[:]", "int[::1]"),
            "2:23 memoryview 'int[:]' does not conform to memoryview 'int[::1]' | a copy has it: "
            ".copy(), .copy_fortran()\n");
  EXPECT_EQ(given("const int[:]", "int[:]"),
            "2:21 memoryview 'const int[:]' does not conform to memoryview 'int[:]' | the one is "
            "const, the other is not\n");
  EXPECT_EQ(given("int[:]", "long[:]"), "2:22 memoryviews of different items: 'int' and 'long'\n");
}

TEST(ExceptClause, FitsTheResult) {
  EXPECT_EQ(errors("cdef char *f() except -1: pass"),
            "1:23 the exception value must be of type 'char *', which the function returns | write "
            "'except NULL'\n");
  EXPECT_EQ(errors("cdef char *f() except NULL: return NULL"), "");
  EXPECT_EQ(errors("cdef int f(x) except g(1): pass\n"),
            "1:22 the exception value must be a constant | 'except *' asks after each call whether "
            "there was an exception\n");
  EXPECT_EQ(errors("cdef object f() except *: pass"),
            "1:17 a function that returns an object has no exception clause | leave it out: "
            "exceptions are passed on anyway\n");
  EXPECT_EQ(warnings("cdef object f() noexcept: pass"),
            "1:17 'noexcept' has no effect on a function that returns an object\n");
}

}  // namespace
}  // namespace engineroom::sema
