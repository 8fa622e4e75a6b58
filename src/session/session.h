// session/session.h — cells that share their C names: text in, native code out.
//
//   Session session(compiler);
//   Cell cell = session.compile({.text = "cdef double half(double x): return x / 2"});
//   if (!cell.ok) show(cell.translation.messages);
//   ... call cell.program.symbol(cell.translation.exec_symbol) ...
//   session.keep(cell);  // it ran: from now on other cells may use half()
//
// A cell that has errors, or that nobody keeps, leaves the session as it was. A name that is bound
// again means the new thing for cells to come; earlier cells stay with what they were compiled
// with, and keep it loaded.
//
// Threads: any; one thing at a time is done.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "jit/compiler.h"
#include "session/translate.h"

namespace engineroom::session {

struct Cell {
  bool ok = false;
  std::string id;                 // one of its own in the session
  std::vector<std::string> uses;  // ids of the cells of which it uses C names, and of what they use
  Translation translation;
  jit::CompileReport report;  // what Clang says; empty if the translation failed
  Status status;              // of Clang and the linker
  jit::Program program;       // empty if not ok
};

// A text of no session. Of `native` the source is filled in here; `file` is its name.
Cell compile(jit::Compiler& compiler, const Request& request, jit::CompileJob native = {});

class Session {
 public:
  explicit Session(std::shared_ptr<jit::Compiler> compiler);

  // With the C names of the cells that were kept.
  Cell compile(const Request& request, jit::CompileJob native = {});
  // With the C names of these cells of the session, the later ones' first.
  Cell compile_after(const std::vector<Cell>& earlier, const Request& request,
                     jit::CompileJob native = {});
  // REQUIRES: the cell is of this session, and ok.
  void keep(const Cell& cell);

 private:
  struct Known {
    std::string id;
    jit::Program program;
    std::shared_ptr<Exports> exports;
  };

  Cell compile_with(const sema::Scope& names, const Request& request, jit::CompileJob native);
  std::string new_id(const Request& request);

  std::shared_ptr<jit::Compiler> compiler_;
  std::mutex mutex_;
  // All below is guarded by mutex_.
  sema::Scope names_;
  std::shared_ptr<tree::TypeTable> types_;
  std::map<const tree::Declarations*, Known> cells_;  // all that were compiled
  std::map<std::string, int> n_of_id_;
};

}  // namespace engineroom::session
