// emit/emit.h — typed tree to C++: one small, readable text per module.
//
//   static PyObject* f_square(PyObject*, PyObject* const* er_args) {
//     int er_at = 0;
//     PyObject* v_x = er_args[0];
//     {
//       er::Ref t1{er::multiply(v_x, v_x)};
//       if (!t1) { er_at = 2; goto fail; }
//       return t1.release();
//     }
//   fail:
//     er::add_traceback("square", er_file, er_at, er_globals);
//     return nullptr;
//   }
//
// What can fail becomes a temporary of its own, in a block per statement, and a failure is a goto
// to the innermost handler; what cannot stays nested. Locals are declared at the top, so that no
// goto passes by an initialisation. Everything that would be the same in every module is in
// src/runtime.
//
// The text may use er_globals (the dict of the module's names, borrowed) and er_constants[i]; the
// stage before may use them too, in literals.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "syntax/source.h"
#include "tree/module.h"

namespace engineroom::emit {

struct EmitOptions {
  std::string id = "module";    // what makes the names of the entry points unique
  bool line_directives = true;  // #line, so that Clang's diagnostics are about the source
  // C functions and variables can be used by later modules, which are told Unit::declarations.
  bool is_shared = true;
  std::string file = {};  // what tracebacks name, if not the source as it is called here
  // PyInit_NAME, if it is to be an extension module that stands alone; its text then includes
  // runtime/module.h.
  std::string init_symbol = {};
};

// Something that was asked for and that cannot be done.
struct Refusal {
  syntax::SourceRange range;
  std::string why;
};

struct Unit {
  std::string text;
  std::vector<Refusal> refusals;  // if there are any, the text is of no use
  // extern "C" int entry(PyObject* globals, PyObject* home): runs the module's statements with
  // `globals`, a dict, as their names; 0, or -1 with an exception set. Both must live as long as
  // the code runs; functions made by it see to that.
  std::string entry;
  // What later modules have to be told, if is_shared: see tree::Declarations.
  std::vector<tree::Prelude> declarations;
  std::vector<std::string> headers;  // those that the text includes, as written in the source
  // For each line of `text`, the line of the source that it does; 0 if it is not for one.
  std::vector<std::uint32_t> lines;
};

// REQUIRES: tree::verify() has nothing to say about the module.
Unit emit(const tree::Module& module, const syntax::Sources& sources,
          const EmitOptions& options = {});

}  // namespace engineroom::emit
