// races/reports.h — what a Record means: the two halves of the check.
#pragma once

#include <string>

#include "races/record.h"
#include "syntax/diagnostic.h"
#include "syntax/source.h"
#include "tree/module.h"

namespace engineroom::races {

struct Reporter {
  const syntax::Sources& sources;
  syntax::Diagnostics& diagnostics;
  bool is_strict = false;

  // What stands there, in quotes; "it" if that is too long.
  std::string text(syntax::SourceRange range) const;
  // A warning; an error where checks are strict.
  syntax::Diagnostics::Added undecided(std::string_view code, syntax::SourceRange range,
                                       std::string message) const;
};

// Of one loop: what are its private variables, what its reductions?
void check_variables(const tree::Function& function, tree::ParallelLoop& loop, Record& record,
                     const Reporter& reporter);
// Do iterations meet in memory?
void check_memory(const Record& record, const Reporter& reporter);

// Is the variable's value read behind the statement, before it gets another one?
bool is_read_behind(const tree::Function& function, const tree::Stmt& stmt,
                    const tree::Variable& variable);

}  // namespace engineroom::races
