// sema/test_analyze.h — for tests: Cython text in, typed tree or messages out.
//
//   EXPECT_EQ(errors("x = y"), "1:5 undeclared name 'y'\n");
//   EXPECT_EQ(types("def f(int a):\n    return a"), "...");
#pragma once

#include <map>
#include <string>

#include "sema/analyze.h"

namespace engineroom::sema {

struct With {
  syntax::LanguageLevel level = syntax::LanguageLevel::k3;
  std::map<std::string, std::string> directives = {};
  // "libc.math" → its text; also "names.pxi".
  std::map<std::string, std::string> pxds = {{"libc.math",
                                              "cdef extern from \"math.h\" nogil:\n"
                                              "    double sqrt(double x)\n"}};
};

// The errors: "line:column message", and " | hint" if there is one, a line each.
std::string errors(const std::string& text, const With& with = {});
// The warnings likewise. The text must have no errors.
std::string warnings(const std::string& text, const With& with = {});
// The typed tree, printed; the messages in its place if there were errors.
std::string types(const std::string& text, const With& with = {});

}  // namespace engineroom::sema
