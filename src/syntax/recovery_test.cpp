// One mistake, one message; and the text behind it is still read.
#include <gtest/gtest.h>

#include "syntax/test_parse.h"

namespace engineroom::syntax {
namespace {

TEST(Recovery, goes_on_with_the_next_line) {
  EXPECT_EQ(errors("x = \ny = 1 +\nz = (1 2)\nw = 1\n"),
            "1:5 expected an expression, found the end of the line\n"
            "2:8 expected an expression, found the end of the line\n"
            "3:8 expected ',' or ')', found '2' | is a comma missing?\n");
}

TEST(Recovery, keeps_the_block_of_a_wrong_head) {
  EXPECT_EQ(errors("if x = 1:\n  y = )\nelse:\n  z = 1\n"),
            "1:6 expected ':' after the condition, found '=' | '=' assigns; to compare, write "
            "'=='\n"
            "2:7 ')' closes nothing\n");
  EXPECT_EQ(errors("def f(x)\n  return x\nwhile x\n  pass\n"),
            "1:9 expected ':' after the head of the function\n"
            "3:8 expected ':' after the condition\n");
  EXPECT_EQ(errors("for i = 1:\n  a b\n"),
            "1:7 expected 'in' after the variable of the loop, found '=' | write 'for i in "
            "range(n):'\n"
            "2:5 expected the end of the statement, found 'b' | to declare a C variable, write "
            "'cdef a b'\n");
}

TEST(Recovery, reads_the_block_of_a_line_it_could_not_read) {
  EXPECT_EQ(errors("clas A:\n  def f(self):\n    return (\n  x = ]\ny = 1 2\n").substr(0, 40),
            "1:6 expected the end of the statement, f");
  EXPECT_EQ(errors("cdef class A(:\n  cdef int x y\ny = 1 2\n"),
            "1:13 '(' is never closed\n"
            "2:14 expected the end of the statement, found 'y'\n"
            "3:7 expected the end of the statement, found '2'\n");
  EXPECT_EQ(errors("cdef class A(1 2):\n  cdef int x y\ny = 1 2\n"),
            "1:16 expected ',' or ')' in the arguments, found '2' | is a comma missing?\n"
            "2:14 expected the end of the statement, found 'y'\n"
            "3:7 expected the end of the statement, found '2'\n");
}

TEST(Recovery, brackets) {
  EXPECT_EQ(errors("x = f(a, (b\ndef g():\n  y = [1\n  return y\n"),
            "1:10 '(' is never closed\n3:7 '[' is never closed\n");
  EXPECT_EQ(errors("x = (1]\ny = 2\n"), "1:7 ']' does not match '('\n");
  EXPECT_EQ(errors("x = 'abc\ny = 2\n"),
            "1:5 this string is never closed | close it on the same line, or use three quotes for "
            "several lines\n");
}

TEST(Recovery, indentation) {
  EXPECT_EQ(errors("x = 1\n  y = 2\nz = 3\n"),
            "2:3 this line is indented more than the one above it | remove the blanks, or end the "
            "line above with ':' if this is its block\n");
  EXPECT_EQ(errors("if x:\ny = 1\n"),
            "2:1 expected an indented block after the condition | an empty block is 'pass'\n");
  EXPECT_EQ(errors("if x:\n    y = 1\n  z = 2\n"),
            "3:3 the indentation of this line matches no line above it | give it the indentation "
            "of the block it belongs to\n");
  EXPECT_EQ(errors("else:\n  x = 1\n"),
            "1:1 'else' belongs to no 'if', 'for', 'while' or 'try' before it | is it indented as "
            "the statement it belongs to?\n");
}

TEST(Recovery, words_for_users_of_c_and_python) {
  EXPECT_EQ(errors("int x\n"),
            "1:5 expected the end of the statement, found 'x' | to declare a C variable, write "
            "'cdef int x'\n");
  EXPECT_EQ(errors("cdef int x\n", {LanguageLevel::k3, FileKind::kPy}),
            "1:6 expected the end of the statement, found 'int' | C declarations need a .pyx file "
            "or a cell of Cython\n");
  EXPECT_EQ(errors("if x:\n  cdef int y\n"),
            "2:3 'cdef' cannot stand inside a control structure | declare it before the block; "
            "the assignment may stay inside\n");
  EXPECT_EQ(errors("def int f(x): pass\n"),
            "1:9 expected '(' after the name of the function, found 'f' | a function with a C "
            "result type begins with 'cdef' or 'cpdef'\n");
  EXPECT_EQ(errors("cdef int f(x) -> int:\n  pass\n"),
            "1:15 a C function has its result type before its name | write 'cdef int f(...)'\n");
  EXPECT_EQ(errors("class = 3\n"), "1:7 expected the name of a class, found '='\n");
  EXPECT_EQ(errors("x.class = 3\n"),
            "1:3 'class' is a keyword and cannot be the name of an attribute | choose another "
            "name, such as 'class_'\n");
  EXPECT_EQ(errors("1 = x\nf(x) + 1 = 2\n"),
            "1:1 a number cannot be assigned to\n2:1 the result of an operator cannot be assigned "
            "to\n");
  EXPECT_EQ(errors("x = \u201ca\u201d\n"),
            "1:5 the character '\u201c' (U+201C) cannot be used here | did you mean '\"'?\n"
            "1:7 the character '\u201d' (U+201D) cannot be used here | did you mean '\"'?\n");
  EXPECT_EQ(errors("f(a b)\n"),
            "1:5 expected ',' or ')' in the arguments, found 'b' | is a comma missing?\n");
}

TEST(Limits, depth_gives_a_message) {
  const std::string deep = "this is nested more than 400 levels deep\n";
  EXPECT_TRUE(errors("x = " + std::string(100'000, '(')).find("never closed") != std::string::npos);
  const std::string parens = std::string(5000, '(') + "1" + std::string(5000, ')');
  EXPECT_EQ(errors("x = " + parens), "1:405 " + deep);
  EXPECT_EQ(errors("x = " + std::string(100'000, '-') + "1"), "1:404 " + deep);
  std::string blocks;
  for (int i = 0; i < 1000; ++i)
    blocks += std::string(static_cast<std::size_t>(i), ' ') + "if x:\n";
  EXPECT_NE(errors(blocks).find(deep), std::string::npos);
  std::string type = "cdef ";
  for (int i = 0; i < 5000; ++i) type += "v[";
  EXPECT_NE(errors(type + "int" + std::string(5000, ']') + " x").find(deep), std::string::npos);
}

TEST(Limits, height_gives_a_message) {
  std::string sum = "x = 1";
  for (int i = 0; i < 1000; ++i) sum += " + 1";
  EXPECT_EQ(errors(sum), "");
  for (int i = 0; i < 100'000; ++i) sum += " + 1";
  EXPECT_EQ(errors(sum),
            "1:5 this expression has more than 2000 levels | split it into several statements\n");
  std::string chain = "x = a";
  for (int i = 0; i < 100'000; ++i) chain += ".b";
  EXPECT_NE(errors(chain).find("more than 2000 levels"), std::string::npos);
  EXPECT_NE(errors("cdef int " + std::string(100'000, '*') + "p").find("more than 2000 levels"),
            std::string::npos);
  std::string clauses = "if a: pass\n";
  for (int i = 0; i < 10'000; ++i) clauses += "elif a: pass\n";
  EXPECT_EQ(errors(clauses), "");
}

TEST(Limits, size_and_bytes) {
  EXPECT_EQ(errors(std::string("x = 1\0", 6)),
            "1:6 the text has a null byte | is this a source file?\n");
  EXPECT_EQ(errors("x = '\xff'"),
            "1:6 the text is not valid UTF-8 | save it as UTF-8, or declare its encoding if it is "
            "Latin-1: # coding: latin-1\n");
  EXPECT_EQ(tree("# coding: latin-1\nx = '\xe4'"), "Assign x = u\"\u00e4\"\n");
  EXPECT_EQ(tree("\xef\xbb\xbfx = 1\r\ny = 2\r"), "Assign x = 1\nAssign y = 2\n");
}

}  // namespace
}  // namespace engineroom::syntax
