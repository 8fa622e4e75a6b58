// What cannot become what: conversions, operators, and pointers that would dangle.

#include <gtest/gtest.h>

#include "sema/test_analyze.h"

namespace engineroom::sema {
namespace {

// The errors of one line with some variables.
std::string of(const std::string& line) {
  std::string found = errors(
      "cdef bytes b = b'a'\n"
      "def f(int i, str s, list l, double complex z):\n"
      "    cdef char *c = NULL\n"
      "    cdef int *p = NULL\n"
      "    " +
      line + "\n");
  return found.starts_with("5:") ? found.substr(2) : found;
}

TEST(TextToC, IsNoNumber) {
  EXPECT_EQ(of("i = 'a'"), "");
  EXPECT_EQ(of("i = '\\xFF'"), "");
  EXPECT_EQ(of("c[0] = b'a'"), "");
  EXPECT_EQ(of("p[0] = 'a'"), "");
  EXPECT_EQ(of("i = '12'"),
            "9 cannot convert text to 'int' | to read a number from text, write 'int('12')'\n");
  EXPECT_EQ(of("i = 'ab'"),
            "9 cannot convert text to 'int' | only a literal of one ASCII character is an integer "
            "of C: its code\n");
  EXPECT_EQ(
      of("cdef double d = 'x'"),
      "21 cannot convert text to 'double' | to read a number from text, write 'float('x')'\n");
  EXPECT_EQ(of("cdef Py_UCS4 u = 'ab'"),
            "22 cannot convert text to 'Py_UCS4' | a Py_UCS4 holds exactly one character\n");
  EXPECT_EQ(
      of("cdef Py_UCS4 u = b'a'"),
      "22 cannot convert text to 'Py_UCS4' | a Py_UCS4 is a character of a str: leave out the "
      "b\n");
  EXPECT_EQ(of("i = [1, 2]"), "9 cannot convert a list to 'int'\n");
}

TEST(TextToC, NeedsAnEncoding) {
  EXPECT_EQ(of("c = 'abc'"), "");
  EXPECT_EQ(of("cdef void *v = 'abc'"), "");
  EXPECT_EQ(of("c = u'abc'"),
            "9 cannot convert a str to 'char *': how is it encoded? | write b\"...\", with the "
            "bytes that are meant\n");
  EXPECT_EQ(of("c = s"),
            "9 cannot convert a str to 'char *': how is it encoded? | make bytes of it, and keep "
            "them: 'data = text.encode()'\n");
  EXPECT_EQ(of("s = c"),
            "9 cannot convert 'char *' to a str: how is it encoded? | decode it: 'c.decode()'\n");
}

const char kDangling[] =
    " nothing keeps this object, into which the 'char *' points | assign the object to a variable "
    "first, and take the pointer from that\n";

TEST(Pointer, IntoAnObjectThatNobodyKeepsDangles) {
  EXPECT_EQ(of("c = b"), "");
  EXPECT_EQ(of("c = b'abc'"), "");
  EXPECT_EQ(of("c = l[0]"), "");
  EXPECT_EQ(of("c = s.data"), "");
  EXPECT_EQ(of("c = b + b"), "9" + std::string(kDangling));
  EXPECT_EQ(of("c = b[1:]"), "9" + std::string(kDangling));
  EXPECT_EQ(of("c = s.encode()"), "9" + std::string(kDangling));
  EXPECT_EQ(of("c = b if i else s.encode()"), "9" + std::string(kDangling));
  EXPECT_EQ(of("c, i = s.encode(), 1"), "12" + std::string(kDangling));
  EXPECT_EQ(of("c = x = s.encode()"), "13" + std::string(kDangling));
}

TEST(Pointer, OfAGlobalNameIsWarnedOf) {
  EXPECT_EQ(warnings("b = b'abc'\ncdef char *c = b\n"),
            "2:16 the 'char *' is good only until this global name gets another value | a variable "
            "declared with 'cdef bytes' is seen by C code only\n");
}

TEST(Operators, OfPointers) {
  EXPECT_EQ(of("i = i | c"), "9 operator '|' does not take 'int' and 'char *'\n");
  EXPECT_EQ(of("i = i - c"), "9 operator '-' does not take 'int' and 'char *'\n");
  EXPECT_EQ(of("i = c ** 1.5"), "9 operator '**' does not take 'char *' and 'double'\n");
  EXPECT_EQ(of("i = i == c"), "9 operator '==' does not take 'int' and 'char *'\n");
  EXPECT_EQ(of("i = p == c"), "9 operator '==' does not take 'int *' and 'char *'\n");
  EXPECT_EQ(of("i = p == NULL"), "");
  EXPECT_EQ(of("i = i[0]"), "9 a number of type 'int' has no items\n");
}

TEST(Operators, OfComplexNumbers) {
  EXPECT_EQ(of("z = z % 2"), "9 operator '%' does not take 'double complex' and 'long'\n");
  EXPECT_EQ(of("z = z // 2"), "9 operator '//' does not take 'double complex' and 'long'\n");
  EXPECT_EQ(of("z = z / 2"), "");
}

TEST(Unpacking, OfDisplaysFits) {
  EXPECT_EQ(of("a, b = 1, 2, 3"), "5 3 values cannot be unpacked to 2 targets\n");
  EXPECT_EQ(of("a, (b, c) = 1, (2, 3, 4)"), "8 3 values cannot be unpacked to 2 targets\n");
  EXPECT_EQ(of("a, *b, c = [1]"), "5 at least 2 values are needed here, not 1\n");
  EXPECT_EQ(of("a, *b = [1]"), "");
  EXPECT_EQ(of("a, b = [*l]"), "");
}

}  // namespace
}  // namespace engineroom::sema
