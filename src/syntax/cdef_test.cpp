#include <gtest/gtest.h>

#include "syntax/test_parse.h"

namespace engineroom::syntax {
namespace {

TEST(Declarator, turns_types_the_right_way_round) {
  EXPECT_EQ(declared("int x"), "x: int");
  EXPECT_EQ(declared("int x, *p, a[3][4], *q[5]"),
            "x: int; p: pointer(int); a: array(array(int, 4), 3); q: array(pointer(int), 5)");
  EXPECT_EQ(declared("int (*f)(double)"), "f: pointer(function(double) -> int)");
  EXPECT_EQ(declared("int *(*f[3])(char **, ...) noexcept nogil"),
            "f: array(pointer(function(pointer(pointer(char)), ...) -> pointer(int) noexcept nogil)"
            ", 3)");
  EXPECT_EQ(declared("void (*signal(int, void (*)(int)))(int)"),
            "signal: function(int, pointer(function(int) -> void)) -> pointer(function(int) -> "
            "void)");
  EXPECT_EQ(declared("const char *const p"), "p: const pointer(const char)");
  EXPECT_EQ(declared("int[3][4] a"), "a: array(array(int, 4), 3)");
  EXPECT_EQ(declared("vector[int]& r"), "r: reference(vector[type int])");
}

TEST(Declarator, types) {
  EXPECT_EQ(declared("unsigned long long x"), "x: unsigned long long");
  EXPECT_EQ(declared("long double complex x"), "x: long double complex");
  EXPECT_EQ(declared("unsigned x"), "x: unsigned int");
  EXPECT_EQ(declared("x"), "x: object?");
  EXPECT_EQ(declared("np.double_t x"), "x: np.double_t");
  EXPECT_EQ(declared("double[:, ::1] x"), "x: view(double, :, ::1)");
  EXPECT_EQ(declared("const double[::view.strided] x"), "x: view(const double, ::view.strided)");
  EXPECT_EQ(declared("np.ndarray[np.double_t, ndim=2, mode='c'] x"),
            "x: np.ndarray[type np.double_t, ndim=2, mode=u\"c\"]");
  EXPECT_EQ(declared("map[int, vector[char*]].iterator it"),
            "it: map[type int, type vector[type pointer(char)]].iterator");
  EXPECT_EQ(declared("(int, double) t"), "t: tuple(int, double)");
  EXPECT_EQ(declared("function[double(int) noexcept] f"),
            "f: function[type function(int) -> double noexcept]");
  EXPECT_EQ(declared("array[int, N + 1] a"), "a: array[type int, (N + 1)]");
  EXPECT_EQ(errors("cdef short double x"), "1:6 'short double' is no type of C\n");
  EXPECT_EQ(errors("cdef struct Foo x"),
            "1:6 'struct' is not repeated where the type is used | write 'Foo' alone\n");
}

TEST(CFunction, signatures) {
  EXPECT_EQ(declared("int f(x, int y, z=3)"), "f: function(x?, int y, z=3) -> int");
  EXPECT_EQ(declared("f(self)"), "f: function(self?) -> object?");
  EXPECT_EQ(declared("int f() except -1"), "f: function() -> int except (-1)");
  EXPECT_EQ(declared("int f() except? -1 nogil"), "f: function() -> int except? (-1) nogil");
  EXPECT_EQ(declared("void f() except *"), "f: function() -> void except *");
  EXPECT_EQ(declared("void f() except +handler nogil"),
            "f: function() -> void except +handler nogil");
  EXPECT_EQ(declared("void f() except + nogil"), "f: function() -> void except + nogil");
  EXPECT_EQ(declared("void f() except +*"), "f: function() -> void except +*");
  EXPECT_EQ(declared("void f() noexcept with gil"), "f: function() -> void noexcept with gil");
  EXPECT_EQ(declared("int f(int x=*, int y=?)"), "f: function(int x=*, int y=*) -> int");
  EXPECT_EQ(tree("cpdef inline double f(double x) nogil:\n  return x"),
            "CFuncDef inline cpdef f: function(double x) -> double nogil\n  body:\n"
            "    Return x\n");
}

TEST(Cdef, blocks) {
  EXPECT_EQ(tree("cdef:\n  int x = 3\n  int f():\n    return 1\n  struct S:\n    int y\n"),
            "CDefBlock\n  body:\n    CVarDef\n      x: int = 3\n"
            "    CFuncDef f: function() -> int\n      body:\n        Return 1\n"
            "    CStructDef struct S\n      body:\n        CVarDef\n          y: int\n");
  EXPECT_EQ(tree("cdef extern from \"<a.h>\" namespace \"n\" nogil:\n  '''int y;'''\n"
                 "  int f \"c_f\" (int)\n  enum: A, B\n"),
            "CExternBlock \"<a.h>\" extern nogil namespace \"n\"\n  verbatim: \"int y;\"\n"
            "  body:\n"
            "    CFuncDef extern nogil namespace \"n\" f \"c_f\": function(int) -> int nogil "
            "declared\n"
            "    CEnumDef extern nogil namespace \"n\"\n      A\n      B\n");
  EXPECT_EQ(tree("cdef extern from *:\n  pass"), "CExternBlock * extern\n  body:\n    Pass\n");
}

TEST(Cdef, structs_enums_typedefs) {
  EXPECT_EQ(tree("cdef packed struct S \"s\":\n  int x, y\n  char *z[2]"),
            "CStructDef packed struct S \"s\"\n  body:\n    CVarDef\n      x: int\n      y: int\n"
            "    CVarDef\n      z: array(pointer(char), 2)\n");
  EXPECT_EQ(errors("cdef struct S:\n  pass"),
            "1:13 a struct of C needs at least one field | to announce it only, leave out the "
            "colon and 'pass'\n");
  EXPECT_EQ(tree("ctypedef union U:\n  int x"),
            "CStructDef union U typedef\n  body:\n    CVarDef\n      x: int\n");
  EXPECT_EQ(tree("cpdef enum class E(char):\n  'doc'\n  A = 1, B\n  C \"c\""),
            "CEnumDef cpdef class E (char)\n  A = 1\n  B\n  C \"c\"\n");
  EXPECT_EQ(tree("ctypedef unsigned long (*fn)(int)"),
            "CTypedef fn: pointer(function(int) -> unsigned long)\n");
  EXPECT_EQ(tree("ctypedef fused T:\n  int\n  double[:]"),
            "CFusedDef T\n  int\n  view(double, :)\n");
}

TEST(Cdef, classes) {
  EXPECT_EQ(tree("cdef class A(B):\n  cdef public int x\n  cdef readonly double[:] y\n"
                 "  cdef int f(self): return 1\n  property p:\n    def __get__(self): pass\n"),
            "CClassDef A (B)\n  body:\n    CVarDef public\n      x: int\n    CVarDef readonly\n"
            "      y: view(double, :)\n    CFuncDef f: function(self) -> int\n      body:\n"
            "        Return 1\n    PropertyDef p\n      body:\n        FunctionDef __get__ (self)\n"
            "          body:\n            Pass\n");
  EXPECT_EQ(tree("ctypedef extern class a.b.C as D [object O, type T, check_size ignore]:\n"
                 "  cdef int x"),
            "CClassDef extern a.b.C as D object O type T check_size ignore typedef\n  body:\n"
            "    CVarDef\n      x: int\n");
  EXPECT_EQ(tree("cdef class A"), "CClassDef A declared\n");
}

TEST(Cdef, cpp_classes) {
  EXPECT_EQ(
      tree("cdef extern from 'a':\n  cdef cppclass A[T, U=*](B[T]) nogil:\n"
           "    A() except +\n    T& operator[](size_t) const\n    bint operator==(A)\n"
           "    @staticmethod\n    V f[V](V x)\n    cppclass it:\n      it operator++()\n"),
      "CExternBlock \"a\" extern\n  body:\n    CppClassDef extern nogil A[T, U=*] (B[type T])\n"
      "      body:\n"
      "        CFuncDef extern nogil A: function() -> object? except + nogil declared\n"
      "        CFuncDef extern nogil operator[]: function(size_t?) -> reference(T) nogil "
      "declared\n"
      "        CFuncDef extern nogil operator==: function(A?) -> bint nogil declared\n"
      "        CFuncDef extern nogil f[V]: function(V x) -> V nogil declared\n"
      "          @staticmethod\n"
      "        CppClassDef extern nogil it\n          body:\n"
      "            CFuncDef extern nogil operator++: function() -> it nogil declared\n");
}

TEST(Cdef, compile_time) {
  EXPECT_EQ(tree("DEF N = 3\nIF N > 2:\n  cdef int x\nELIF a:\n  pass\nELSE:\n  pass"),
            "CompileTimeDef N = 3\nCompileTimeIf\n  if (N > 2):\n    CVarDef\n      x: int\n"
            "  if a:\n    Pass\n  else:\n    Pass\n");
}

}  // namespace
}  // namespace engineroom::syntax
