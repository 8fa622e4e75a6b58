// session/translate.h — Cython text to C++ text: the compiler's stages in order.
//
//   text → syntax (tree) → sema (typed tree) → emit (C++)
//
// What comes after that, native code, is src/jit's. Nothing here is kept between two calls; what
// makes a session of several texts is session/session.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sema/scope.h"
#include "session/annotation.h"
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
  bool wants_notes = false;  // Translation::notes
  bool wants_stub = false;   // Translation::stub
  // PyInit_NAME: the C++ is to be an extension module that stands alone.
  std::string init_symbol = {};
  std::string traceback_file = {};  // what tracebacks name; "": `file`
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

// What earlier texts of the same session have left for this one.
struct Earlier {
  const sema::Scope* names = nullptr;
  std::shared_ptr<tree::TypeTable> types;
  std::string id;  // what makes this text's names in C++ unique
};

// What a text leaves for later ones.
struct Exports {
  sema::Scope scope;  // C names
  std::shared_ptr<const tree::Declarations> declarations;
  std::unique_ptr<tree::Module> module;  // the variables that the scope refers to
};

struct Translation {
  // How long its stages took.
  struct Timings {
    Duration syntax = {};
    Duration sema = {};
    Duration emit = {};
  };

  bool ok = false;
  Timings timings;
  std::vector<Message> messages;
  std::string syntax_text;           // the syntax tree, printed
  std::string types_text;            // the typed tree, printed; empty if there were errors
  std::string cpp;                   // empty if there were errors
  std::vector<LineNote> notes;       // if they were asked for
  std::string stub;                  // as of a .pyi file, if it was asked for
  std::vector<std::uint32_t> lines;  // for each line of `cpp`, the line of the text; 0 if none
  // extern "C" int exec(PyObject* globals, PyObject* home): see emit::Unit. -1 if it raised.
  std::string exec_symbol;
  std::vector<std::string> headers;  // that the C++ includes, besides Python's and the runtime's
  std::vector<std::string> dependencies;  // the .pxd files and the included ones that were read
  // Names that the code will look up, in its globals or Python's builtins, and names it binds.
  std::vector<std::string> loaded_names;
  std::set<std::string> bound_names;
  // "# distutils: libraries = m" → {"libraries", "m"}
  std::vector<std::pair<std::string, std::string>> distutils;
  bool uses_openmp = false;
  std::shared_ptr<Exports> exports;  // null if there were errors, or it is of no session
};

Translation translate(const Request& request, const Earlier* earlier = nullptr);

}  // namespace engineroom::session
