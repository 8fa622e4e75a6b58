// syntax/test_parse.h — for tests: text in, printed tree or messages out.
//
//   EXPECT_EQ(tree("x = 1"), "Assign x = 1\n");
//   EXPECT_EQ(errors("x = "), "1:5 expected an expression, found the end of the line\n");
#pragma once

#include <string>

#include "syntax/parse.h"

namespace engineroom::syntax {

struct As {
  LanguageLevel level = LanguageLevel::k3;
  FileKind file_kind = FileKind::kPyx;
};

// The printed tree; the messages in its place if there were errors.
std::string tree(const std::string& text, As as = {});
// The same for one expression, without the name of the statement.
std::string expr(const std::string& text, As as = {});
// The type of `cdef <text>`, with the name.
std::string declared(const std::string& text);
// "line:column message", and " | hint" if there is one, a line each.
std::string errors(const std::string& text, As as = {});

}  // namespace engineroom::syntax
