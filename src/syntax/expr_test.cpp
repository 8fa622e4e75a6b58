#include <gtest/gtest.h>

#include "syntax/test_parse.h"

namespace engineroom::syntax {
namespace {

const As kLevel2{LanguageLevel::k2, FileKind::kPyx};
const As kLevel3Str{LanguageLevel::k3Str, FileKind::kPyx};
const As kPython{LanguageLevel::k3, FileKind::kPy};

TEST(Expr, operators_bind_as_in_python) {
  EXPECT_EQ(expr("a + b * c - d"), "((a + (b * c)) - d)");
  EXPECT_EQ(expr("-a ** -b ** c"), "(-(a ** (-(b ** c))))");
  EXPECT_EQ(expr("a | b ^ c & d << e + f // g"), "(a | (b ^ (c & (d << (e + (f // g))))))");
  EXPECT_EQ(expr("not a == b and c or d"), "(((not (a == b)) and c) or d)");
  EXPECT_EQ(expr("a < b <= c is not d not in e"), "(a < b <= c is not d not in e)");
  EXPECT_EQ(expr("a if b else c if d else e"), "(a if b else (c if d else e))");
  EXPECT_EQ(expr("a @ b % c / d"), "(((a @ b) % c) / d)");
  EXPECT_EQ(expr("(a := 1) + b"), "((a := 1) + b)");
}

TEST(Expr, access_and_calls) {
  EXPECT_EQ(expr("a.b[c].d(e)(f)"), "a.b[c].d(e)(f)");
  EXPECT_EQ(expr("f(a, *b, c=1, **d)"), "f(a, *b, c=1, **d)");
  EXPECT_EQ(expr("f(x for x in y)"), "f((x for x in y))");
  EXPECT_EQ(expr("f(*x for x in y)"), "f((*x for x in y))");
  EXPECT_EQ(expr("a[1:2, ::3, ..., None]"), "a[(1:2, ::3, ..., None)]");
  EXPECT_EQ(expr("a[*b]"), "a[(*b,)]");
  EXPECT_EQ(expr("a[b := 1]"), "a[(b := 1)]");
}

TEST(Expr, displays_and_comprehensions) {
  EXPECT_EQ(expr("()"), "()");
  EXPECT_EQ(expr("(a,)"), "(a,)");
  EXPECT_EQ(expr("[a, *b]"), "[a, *b]");
  EXPECT_EQ(expr("{a, *b}"), "{a, *b}");
  EXPECT_EQ(expr("{a: b, **c}"), "{a: b, **c}");
  EXPECT_EQ(expr("[x for x in y if z if w for v, in u]"), "[x for x in y if z if w for (v,) in u]");
  EXPECT_EQ(expr("[*x for x in y]"), "[*x for x in y]");
  EXPECT_EQ(expr("{**x for x in y}"), "{**x for x in y}");
  EXPECT_EQ(expr("{k: v for k, v in y}"), "{k: v for (k, v) in y}");
  EXPECT_EQ(expr("[i for i from 0 <= i < n by 2]"), "[i for i from 0 <= _ < n by 2]");
  EXPECT_EQ(expr("lambda a, *, b=1: a"), "(lambda a, *, b=1: a)");
}

TEST(Expr, numbers) {
  EXPECT_EQ(expr("1_000 + 0xFF + 0o17 + 0b11"), "(((1000 + 0xFF) + 0o17) + 0b11)");
  EXPECT_EQ(expr("10L + 10ULL"), "(10L + 10ULL)");
  EXPECT_EQ(expr("1.5e-3 + 2j + .5"), "((1.5e-3 + 2j) + .5)");
  EXPECT_EQ(expr("0e5 + 0_0 + 0U + 0j"), "(((0e5 + 00) + 0U) + 0j)");
  EXPECT_EQ(errors("x = 0x"), "1:5 '0x' is not a number\n");
  EXPECT_EQ(errors("x = 0b12"), "1:5 '0b12' is not a number\n");
  EXPECT_EQ(expr("0777", kLevel2), "0o777");
  EXPECT_EQ(errors("x = 0777"),
            "1:5 a decimal number cannot begin with 0 | for an octal number write 0o777\n");
  EXPECT_EQ(errors("x = 10U", kPython), "1:5 a number cannot end with 'U'\n");
  EXPECT_EQ(expr("1if x else 2"), "(1 if x else 2)");
}

TEST(Expr, strings) {
  EXPECT_EQ(expr("'a' \"b\""), "u\"ab\"");
  EXPECT_EQ(expr("'a'", kLevel2), "\"a\"");
  EXPECT_EQ(expr("'a'", kLevel3Str), "\"a\"");
  EXPECT_EQ(expr("u'a'", kLevel2), "u\"a\"");
  EXPECT_EQ(expr(R"(b'a\x00\xff\u1234')"), R"(b"a\x00\xff\x5cu1234")");
  EXPECT_EQ(expr(R"('\u20ac\N{BULLET}\x41\101\d')"), "u\"\u20ac\u2022AA\\\\d\"");
  EXPECT_EQ(expr(R"(r'\n')"), R"(u"\\n")");
  EXPECT_EQ(expr("c'x'"), "c\"x\"");
  EXPECT_EQ(expr("'''a\nb'''"), R"(u"a\nb")");
  EXPECT_EQ(expr("'a\\\nb'"), "u\"ab\"");
  EXPECT_EQ(errors("x = 'a' b'b'"),
            "1:5 adjacent strings of different kinds cannot be joined | give all of them the "
            "prefix b, or none\n");
  EXPECT_EQ(errors("x = '\\xg'"), "1:6 the escape \\x needs 2 hexadecimal digits\n");
  EXPECT_EQ(errors("x = c'ab'"), "1:5 a C character literal holds exactly one character\n");
}

TEST(Expr, format_strings) {
  EXPECT_EQ(expr("f'a{b}c'"), "f(u\"a\" {b} u\"c\")");
  EXPECT_EQ(expr("f'{a!r:>{b}}'"), "f({a!r:f(u\">\" {b})})");
  EXPECT_EQ(expr("f'{{{a}}}'"), "f(u\"{\" {a} u\"}\")");
  EXPECT_EQ(expr("f'{x = }'"), "f(u\"x = \" {x!r})");
  EXPECT_EQ(expr("f'{x=:3}'"), "f(u\"x=\" {x:f(u\"3\")})");
  EXPECT_EQ(expr("f'{x!=y}'"), "f({(x != y)})");
  EXPECT_EQ(expr("f'{x:=5}'"), "f({x:f(u\"=5\")})");
  EXPECT_EQ(expr("f'{a[\"b\"]:{c}}{(lambda: 1)()}'"), "f({a[u\"b\"]:f({c})} {(lambda : 1)()})");
  // Quotes and comments of the same kind within (PEP 701).
  EXPECT_EQ(expr("f'{a['b']} {f'{c}'}'"), "f({a[u\"b\"]} u\" \" {f({c})})");
  EXPECT_EQ(expr("'a' f'{b}' 'c'"), "f(u\"a\" {b} u\"c\")");
  EXPECT_EQ(expr("t'{a}b'"), "t({a} u\"b\")");
  EXPECT_EQ(expr("rf'\\n{a}'"), "f(u\"\\\\n\" {a})");
  EXPECT_EQ(errors("f'{}'"),
            "1:4 expected an expression in the braces, found '}' | write '{{' for the character "
            "itself\n");
  EXPECT_EQ(errors("f'}'"),
            "1:3 a single '}' in an f-string | write '}}' for the character itself\n");
  EXPECT_EQ(errors("f'{a!x}'"), "1:6 a conversion is one of !r, !s and !a\n");
}

TEST(Expr, python_2) {
  EXPECT_EQ(expr("`a` <> b", kLevel2), "(`a` != b)");
  EXPECT_EQ(errors("a <> b", kPython), "1:3 '<>' is an operator of Python 2 | write '!='\n");
  EXPECT_EQ(errors("`a`", kPython), "1:1 backquotes are syntax of Python 2 | write 'repr(...)'\n");
}

TEST(Expr, cython) {
  EXPECT_EQ(expr("<int>x + <double*?>y"), "(<int>x + <pointer(double)?>y)");
  EXPECT_EQ(expr("<int[:n]>p"), "<view(int, :n)>p");
  EXPECT_EQ(expr("<unsigned char *>&a[0]"), "<pointer(unsigned char)>(&a[0])");
  EXPECT_EQ(expr("sizeof(int) + sizeof(x) + sizeof(Foo*)"),
            "((sizeof(type int) + sizeof(x)) + sizeof(type pointer(Foo)))");
  EXPECT_EQ(expr("new Foo[int, double*](1, a=2)"),
            "new Foo[type int, type pointer(double)](1, a=2)");
  EXPECT_EQ(expr("f[int*](a, unsigned long)"), "f[type pointer(int)](a, type unsigned long)");
  EXPECT_EQ(expr("a[b * c] + f(x*y)"), "(a[(b * c)] + f((x * y)))");
  EXPECT_EQ(expr("NULL"), "NULL");
  EXPECT_EQ(errors("a && b"), "1:3 '&&' is not an operator here | write 'and'\n");
  EXPECT_EQ(errors("<int>x", kPython), "1:1 expected an expression, found '<'\n");
}

TEST(Expr, soft_keywords_are_names_elsewhere) {
  EXPECT_EQ(expr("match(case, type, print, async, nogil)"),
            "match(case, type, print, async, nogil)");
  EXPECT_EQ(expr("await x"), "(await x)");
  EXPECT_EQ(expr("await + 1"), "(await + 1)");
}

TEST(Expr, knows_its_range) {
  Sources sources;
  const SourceId id = sources.add("test", "x = f(a)[1].b + (c)\n");
  Diagnostics diagnostics;
  const Tree tree = parse(sources, id, {}, diagnostics);
  const Expr& value = *as<Assign>(*tree.module->body[0]).value;
  EXPECT_EQ(sources.text_of(value.range), "f(a)[1].b + (c)");
  const BinOp& sum = as<BinOp>(value);
  EXPECT_EQ(sources.text_of(sum.left->range), "f(a)[1].b");
  EXPECT_EQ(sources.text_of(as<Attribute>(*sum.left).value->range), "f(a)[1]");
  EXPECT_EQ(sources.text_of(as<Attribute>(*sum.left).attr.range), "b");
  EXPECT_EQ(sources.text_of(sum.op_range), "+");
  EXPECT_EQ(sources.text_of(sum.right->range), "c");
}

}  // namespace
}  // namespace engineroom::syntax
