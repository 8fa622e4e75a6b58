#include "sema/control_flow.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sema/test_analyze.h"

namespace engineroom::sema {
namespace {

// Warnings with all directives about control flow on.
std::string flow(const std::string& body) {
  With with;
  for (const char* name : {"maybe_uninitialized", "unused", "unused_arg", "unused_result"})
    with.directives["warn." + std::string(name)] = "True";
  return warnings("def f(a, b, g):\n    g(a, b)\n" + body, with);
}

const char kMaybe[] = " might be referenced before assignment\n";

TEST(Unreachable, IsWhatFollowsAJump) {
  EXPECT_EQ(flow("    return 1\n    g()\n    g()\n"), "4:5 unreachable code\n");
  EXPECT_EQ(flow("    for i in a:\n        g(i)\n        continue\n        g()\n"),
            "6:9 unreachable code\n");
  EXPECT_EQ(flow("    while a:\n        break\n        g()\n"), "5:9 unreachable code\n");
  EXPECT_EQ(flow("    raise a\n    g()\n"), "4:5 unreachable code\n");
}

TEST(Unreachable, IsWhatFollowsJumpsOnAllWays) {
  EXPECT_EQ(flow("    if a:\n        return 1\n    else:\n        return 2\n    g()\n"),
            "7:5 unreachable code\n");
  EXPECT_EQ(flow("    if a:\n        return 1\n    elif b:\n        return 2\n    g()\n"), "");
  EXPECT_EQ(flow("    while True:\n        g()\n    g()\n"), "5:5 unreachable code\n");
  EXPECT_EQ(flow("    while True:\n        break\n    g()\n"), "");
  EXPECT_EQ(flow("    try:\n        return\n    finally:\n        g()\n    g()\n"),
            "7:5 unreachable code\n");
  EXPECT_EQ(
      flow("    try:\n        raise a\n    except b:\n        pass\n    else:\n        g()\n"),
      "8:9 unreachable code\n");
}

TEST(Unreachable, IsNotWhatAManagerMayLeadTo) {
  EXPECT_EQ(flow("    with a:\n        raise b\n    g()\n"), "");
}

TEST(Unreachable, CanBeSwitchedOff) {
  EXPECT_EQ(warnings("# cython: warn.unreachable=False\ndef f():\n    return\n    f()\n"), "");
}

TEST(ModuleFlow, FindsWhatIsUnreachableOrDeclaredLate) {
  EXPECT_EQ(warnings("while True:\n    print(1)\nprint(2)\n"), "3:1 unreachable code\n");
  EXPECT_EQ(
      errors("x = 1\ncdef int x\n"),
      "2:10 cdef variable 'x' declared after it is used | move the 'cdef' above the first use of "
      "'x'\n");
  EXPECT_EQ(errors("def f():\n    return x\ncdef int x\nx = 1\n"), "");
  EXPECT_EQ(warnings("cdef int f():\n    return 1\ncdef int g():\n    return 2\nf()\n"), "");
}

TEST(AssignedReads, NeedNoCheck) {
  // "?" marks a read that is checked when the code runs.
  const auto checks = [](const std::string& body) {
    const std::string tree = types("def f(a, g):\n" + body);
    return std::count(tree.begin(), tree.end(), '?');
  };
  EXPECT_EQ(checks("    if a:\n        x = [1]\n    else:\n        x = [2]\n    return x\n"), 0);
  EXPECT_EQ(checks("    if a:\n        x = [1]\n    return x\n"), 1);
  EXPECT_EQ(checks("    for x in a:\n        g(x)\n    return x\n"), 1);
  EXPECT_EQ(checks("    x = [1]\n    for i in a:\n        g(x)\n        del x\n"), 2);
  EXPECT_EQ(checks("    try:\n        x = g()\n    finally:\n        g(x)\n"), 1);
  EXPECT_EQ(checks("    try:\n        x = g()\n    except ValueError:\n        return\n    g(x)\n"),
            0);
}

TEST(Undeclared, VariablesCanBeWarnedOf) {
  EXPECT_EQ(warnings("# cython: warn.undeclared=True\n"
                     "def f(a):\n    cdef int i = 1\n    b = a\n    b = i\n    return b\n"),
            "4:5 implicit declaration of 'b'\n");
}

TEST(Unassigned, IsAnErrorForObjectsIfCertain) {
  EXPECT_EQ(errors("def f():\n    print(a)\n    a = 1\n"),
            "2:11 local variable 'a' referenced before assignment\n");
  EXPECT_EQ(errors("def f():\n    a = 1\n    del a\n    return a\n"),
            "4:12 local variable 'a' referenced before assignment\n");
  EXPECT_EQ(errors("def f():\n    del a\n    a = 1\n    return a\n"),
            "2:9 local variable 'a' referenced before assignment\n");
  EXPECT_EQ(errors("def f():\n    [a for a in a]\n    a = 1\n"),
            "2:17 local variable 'a' referenced before assignment\n");
}

TEST(Unassigned, IsAWarningForC) {
  EXPECT_EQ(warnings("def f():\n    cdef int i\n    return i\n"),
            "3:12 local variable 'i' referenced before assignment\n");
  EXPECT_EQ(warnings("cdef struct S:\n    int x\n"
                     "def f():\n    cdef int i[3]\n    cdef S s\n    cdef int *p\n"
                     "    return i[0], s.x, sizeof(p)\n"),
            "");
}

TEST(Unassigned, IsNotAboutTypes) {
  EXPECT_EQ(errors("cimport cython\n"
                   "def f():\n    x = 1\n    del x\n    return cython.typeof(x)\n"),
            "");
}

TEST(Unassigned, IsNotWhatSomethingElseMayAssign) {
  EXPECT_EQ(warnings("cdef extern from *:\n    void get(int *p)\n"
                     "def f():\n    cdef int i\n    get(&i)\n    return i\n"),
            "");
}

TEST(MaybeUnassigned, AfterBranchesAndLoops) {
  EXPECT_EQ(flow("    if a:\n        x = 1\n    return x\n"),
            std::string("5:12 local variable 'x'") + kMaybe);
  EXPECT_EQ(flow("    if a:\n        x = 1\n    else:\n        x = 2\n    return x\n"), "");
  EXPECT_EQ(flow("    for x in a:\n        pass\n    return x\n"),
            std::string("5:12 local variable 'x'") + kMaybe);
  EXPECT_EQ(flow("    for i in a:\n        x = i\n    else:\n        x = 0\n    return x\n"),
            "4:9 the value assigned to 'x' is not used\n");
  EXPECT_EQ(flow("    while True:\n        x = g()\n        if x: break\n    return x\n"), "");
  EXPECT_EQ(flow("    if a and (x := b):\n        return x\n    return x\n"),
            std::string("4:16 local variable 'x'") + kMaybe + "5:12 local variable 'x'" + kMaybe);
}

TEST(MaybeUnassigned, InHandlers) {
  EXPECT_EQ(flow("    try:\n        x = g()\n    except b:\n        return x\n    return x\n"),
            std::string("6:16 local variable 'x'") + kMaybe);
  EXPECT_EQ(flow("    try:\n        x = g()\n    finally:\n        g()\n    return x\n"), "");
  EXPECT_EQ(flow("    try:\n        x = g()\n    finally:\n        g(x)\n"),
            std::string("6:11 local variable 'x'") + kMaybe);
  EXPECT_EQ(flow("    try:\n        x = g()\n    except b:\n        raise\n    return x\n"), "");
  EXPECT_EQ(flow("    try:\n        g()\n    except b as e:\n        g(e)\n    return e\n"),
            "7:12 local variable 'e' referenced before assignment\n");
}

TEST(MaybeUnassigned, ThroughFinallyOnTheWayOut) {
  EXPECT_EQ(flow("    for i in a:\n"
                 "        try:\n"
                 "            if i: continue\n"
                 "            x = i\n"
                 "        finally:\n"
                 "            g()\n"
                 "    return x\n"),
            std::string("9:12 local variable 'x'") + kMaybe);
}

TEST(Unused, VariablesParametersValues) {
  EXPECT_EQ(flow("    x = 1\n"), "3:5 unused variable 'x'\n");
  EXPECT_EQ(flow("    _, unused_x = a\n"), "");
  EXPECT_EQ(flow("    cdef int i\n"), "3:14 unused variable 'i'\n");
  EXPECT_EQ(flow("    x = 1\n    x = 2\n    return x\n"),
            "3:5 the value assigned to 'x' is not used\n");
  EXPECT_EQ(warnings("def f(a):\n    pass\n", {.directives = {{"warn.unused_arg", "True"}}}),
            "1:7 unused argument 'a'\n");
}

TEST(DeclaredAfterUse, IsAnError) {
  EXPECT_EQ(
      errors("def f():\n    i = 1\n    cdef int i\n    return i\n"),
      "3:14 cdef variable 'i' declared after it is used | move the 'cdef' above the first use of "
      "'i'\n");
}

TEST(ControlFlow, EndsSoonWhateverTheNesting) {
  std::string text;
  std::string indent = "    ";
  for (int i = 0; i < 60; ++i) {
    text += indent + "try:\n" + indent + "    x = g()\n" + indent + "finally:\n";
    indent += " ";
  }
  EXPECT_NE(flow(text + indent + "g(x)\n"), "");
}

}  // namespace
}  // namespace engineroom::sema
