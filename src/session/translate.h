// session/translate.h — Cython text to C++ text: the compiler's stages in order.
//
//   text → syntax (tree) → sema (typed tree) → emit (C++)
//
// What comes after that, native code, is src/jit's. Nothing here is kept between two calls.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "syntax/diagnostic.h"
#include "syntax/tree.h"

namespace engineroom::session {

struct Request {
  std::string text;
  std::string file = "<cell>";                              // what messages and tracebacks name
  std::string module = "cell";                              // __name__ of the module
  syntax::LanguageLevel level = syntax::LanguageLevel::k3;  // unless the text says otherwise
  std::map<std::string, std::string> directives = {};
  std::vector<std::string> pxd_path = {};  // folders, in which "a.b" is a/b.pxd or a/b/__init__.pxd
  // Names that the module will have though nothing in the text binds them, such as those of the
  // cells before.
  std::set<std::string, std::less<>> known_names = {};
  std::string own_pxd = "";  // the .pxd file of the module itself; "" if it has none
  // What "\\N{name}" stands for (syntax/parse.h).
  std::function<std::optional<char32_t>(std::string_view)> character_by_name = {};
};

struct Message {
  syntax::Severity severity{};
  std::string code;
  std::string file;
  std::size_t line = 0;  // 1-based, as the columns
  std::size_t column = 0;
  std::size_t end_line = 0;
  std::size_t end_column = 0;  // of the first character after it
  std::string text;
  std::string hint;      // empty if none
  std::string rendered;  // with the source line and a caret
};

struct Translation {
  bool ok = false;
  std::vector<Message> messages;
  std::string syntax_text;  // the syntax tree, printed
  std::string types_text;   // the typed tree, printed; empty if there were errors
  std::string cpp;          // empty if there were errors
  // extern "C" int exec(PyObject* module): fills the module; -1 if it raised.
  std::string exec_symbol;
  std::vector<std::string> headers;  // that the C++ includes, besides Python's and the runtime's
};

Translation translate(const Request& request);

}  // namespace engineroom::session
