#include <gtest/gtest.h>

#include "syntax/test_parse.h"

namespace engineroom::syntax {
namespace {

const As kLevel2{LanguageLevel::k2, FileKind::kPyx};

TEST(Stmt, assignments) {
  EXPECT_EQ(tree("a = b, c = d"), "Assign a = (b, c) = d\n");
  EXPECT_EQ(tree("a, *b = c"), "Assign (a, *b) = c\n");
  EXPECT_EQ(tree("a.b[c] //= d"), "AugAssign a.b[c] //= d\n");
  EXPECT_EQ(tree("a @= b; c >>= d"), "AugAssign a @= b\nAugAssign c >>= d\n");
  EXPECT_EQ(tree("a: int = 3"), "AnnAssign a: int = 3\n");
  EXPECT_EQ(tree("dereference(p) = 3"), "Assign dereference(p) = 3\n");
  EXPECT_EQ(tree("x = yield y"), "Assign x = (yield y)\n");
}

TEST(Stmt, simple) {
  EXPECT_EQ(tree("del a, b[c]"), "Delete a, b[c]\n");
  EXPECT_EQ(tree("raise E from c"), "Raise E from c\n");
  EXPECT_EQ(tree("assert a, b"), "Assert a, b\n");
  EXPECT_EQ(tree("global a, b"), "Global a, b\n");
  EXPECT_EQ(tree("return a, *b"), "Return (a, *b)\n");
  EXPECT_EQ(tree("type A[T: int, *Ts, **P] = list[T]"),
            "TypeAlias A[T: int, *Ts, **P] = list[T]\n");
}

TEST(Stmt, imports) {
  EXPECT_EQ(tree("import a.b as c, d"), "Import a.b as c, d\n");
  EXPECT_EQ(tree("from ...a.b import (c as d,\n  e,)"), "ImportFrom ...a.b import c as d, e\n");
  EXPECT_EQ(tree("from . import *"), "ImportFrom . import *\n");
  EXPECT_EQ(tree("cimport numpy as np"), "CImport numpy as np\n");
  EXPECT_EQ(tree("from libc.math cimport sin as s"), "FromCImport libc.math cimport sin as s\n");
  EXPECT_EQ(tree("include 'a.pxi'"), "Include u\"a.pxi\"\n");
}

TEST(Stmt, python_2) {
  EXPECT_EQ(tree("print a, b,", kLevel2), "Print a, b,\n");
  EXPECT_EQ(tree("print >>f, a", kLevel2), "Print >>f a\n");
  EXPECT_EQ(tree("print", kLevel2), "Print \n");
  EXPECT_EQ(tree("exec a in b, c", kLevel2), "Exec a in b, c\n");
  EXPECT_EQ(tree("exec(a, b)", kLevel2), "Exec a in b\n");
  EXPECT_EQ(tree("raise E, v, t", kLevel2), "Raise E, v, t\n");
  EXPECT_EQ(tree("from __future__ import print_function\nprint(a)", kLevel2),
            "ImportFrom __future__ import print_function\nExpr print(a)\n");
  EXPECT_EQ(errors("print a"),
            "1:1 'print' is a function at language level 3 | write 'print(a)', or set "
            "language_level=2\n");
}

TEST(Stmt, if_while_for) {
  EXPECT_EQ(tree("if a: b\nelif c: d\nelse: e"),
            "If\n  if a:\n    Expr b\n  if c:\n    Expr d\n  else:\n    Expr e\n");
  EXPECT_EQ(tree("while a:\n  break\nelse:\n  continue"),
            "While a\n  body:\n    Break\n  else:\n    Continue\n");
  EXPECT_EQ(tree("for a, b in c, d: pass"), "For (a, b) in (c, d)\n  body:\n    Pass\n");
  EXPECT_EQ(tree("for i from 0 <= i < n by 2: pass"),
            "ForFrom 0 <= i < n by 2\n  body:\n    Pass\n");
  EXPECT_EQ(tree("for n > i >= 0: pass"), "ForFrom n > i >= 0\n  body:\n    Pass\n");
  EXPECT_EQ(errors("for i from 0 <= j < n: pass"),
            "1:17 the bounds of the loop must be given for its variable 'i'\n");
}

TEST(Stmt, exceptions) {
  EXPECT_EQ(tree("try: a\nexcept E as e: b\nexcept: c\nelse: d\nfinally: f"),
            "Try\n  body:\n    Expr a\n  except E as e:\n    Expr b\n  except:\n    Expr c\n"
            "  else:\n    Expr d\n  finally:\n    Expr f\n");
  EXPECT_EQ(tree("try: a\nexcept* E: b"),
            "TryStar\n  body:\n    Expr a\n  except E:\n    Expr b\n");
  EXPECT_EQ(tree("try: a\nexcept E, e: b", kLevel2),
            "Try\n  body:\n    Expr a\n  except E as e:\n    Expr b\n");
  EXPECT_EQ(tree("try: a\nexcept E, e: b"),
            "Try\n  body:\n    Expr a\n  except E as e:\n    Expr b\n");
  // PEP 758
  EXPECT_EQ(tree("try: a\nexcept E, F: b"),
            "Try\n  body:\n    Expr a\n  except (E, F):\n    Expr b\n");
  EXPECT_EQ(errors("try: a\nb"), "1:1 this 'try' has neither 'except' nor 'finally'\n");
}

TEST(Stmt, with_statements) {
  EXPECT_EQ(tree("with a as b, c: pass"), "With a as b, c\n  body:\n    Pass\n");
  EXPECT_EQ(tree("with (a as b, c,): pass"), "With a as b, c\n  body:\n    Pass\n");
  EXPECT_EQ(tree("with (a, b) as c: pass"), "With (a, b) as c\n  body:\n    Pass\n");
  EXPECT_EQ(tree("with nogil: pass"), "GilBlock nogil\n  body:\n    Pass\n");
  EXPECT_EQ(tree("with a, nogil(c), d: pass"),
            "With a\n  body:\n    GilBlock nogil if c\n      body:\n        With d\n"
            "          body:\n            Pass\n");
}

TEST(Stmt, functions_and_classes) {
  EXPECT_EQ(tree("@d\n@e(1)\ndef f(a, /, b: int = 1, *c, d, **e) -> g: pass"),
            "FunctionDef f (a, /, b: int=1, *c, d, **e) -> g\n  @d\n  @e(1)\n  body:\n    Pass\n");
  EXPECT_EQ(tree("def f(int a, char *b not None, c=1, *, object d): pass"),
            "FunctionDef f (int a, pointer(char) b not None, c=1, *, object d)\n  body:\n"
            "    Pass\n");
  EXPECT_EQ(tree("async def f():\n  async for a in b: await c\n  async with d: pass"),
            "AsyncFunctionDef f ()\n  body:\n    AsyncFor a in b\n      body:\n"
            "        Expr (await c)\n    AsyncWith d\n      body:\n        Pass\n");
  EXPECT_EQ(tree("class A[T](B, *C, metaclass=D): x: int"),
            "ClassDef A[T] (B, *C, metaclass=D)\n  body:\n    AnnAssign x: int\n");
  EXPECT_EQ(errors("def f(a=1, b): pass"),
            "1:12 a parameter without default follows one with a default\n");
}

TEST(Stmt, match) {
  EXPECT_EQ(tree("match a, b:\n  case [1, *_, x] | {'k': -1, **r} if x: pass\n"
                 "  case P(q, r=s) as t: pass\n  case a.b | None | (1 + 2j): pass\n"
                 "  case _: pass\n"),
            "Match (a, b)\n"
            "  case ([1, *_, x] | {u\"k\": (-1), **r}) if x:\n    Pass\n"
            "  case (P(q, r=s) as t):\n    Pass\n"
            "  case (a.b | is None | (1 + 2j)):\n    Pass\n"
            "  case _:\n    Pass\n");
  EXPECT_EQ(tree("match = 1\nmatch[a]: int\nmatch(b)"),
            "Assign match = 1\nAnnAssign match[a]: int\nExpr match(b)\n");
}

TEST(Stmt, directives_at_the_head) {
  EXPECT_EQ(tree("# cython: language_level=2, boundscheck = False\n# other\nprint 1\n"
                 "# cython: cdivision=True\n"),
            "Directive language_level = 2\nDirective boundscheck = False\nPrint 1\n");
  EXPECT_EQ(errors("# cython: language_level=4\n"),
            "1:11 there is no language level '4' | the levels are 2, 3 and 3str\n");
}

}  // namespace
}  // namespace engineroom::syntax
