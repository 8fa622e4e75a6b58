// sema/analyze.h — syntax tree to typed tree: what every name means, which type every expression
// has, and where values are converted.
//
// What is wrong, or not supported yet, is reported; a tree with reported errors is not to be
// compiled. Nothing is guessed: what this stage does not know yet it refuses, with «not supported
// yet».
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sema/scope.h"
#include "syntax/diagnostic.h"
#include "syntax/tree.h"
#include "tree/module.h"

namespace engineroom::sema {

struct Options {
  std::string module_name = "cell";
  // "boundscheck" → "False": what was set outside of the text.
  std::map<std::string, std::string> directives;
  // The text of the .pxd file of a module ("libc.math"), if there is one. Added to `sources`.
  std::function<std::optional<syntax::SourceId>(std::string_view module)> find_pxd;
  // The same for `from .a cimport b`, where `level` counts the dots: beside the text `from`, or in
  // the folders above.
  std::function<std::optional<syntax::SourceId>(std::string_view module, int level,
                                                syntax::SourceId from)>
      find_relative_pxd;
  // The .pxd file of the module itself, whose declarations are as good as its own.
  std::optional<syntax::SourceId> own_pxd;
  // The text of a file that the text `from` includes. Added to `sources`.
  std::function<std::optional<syntax::SourceId>(std::string_view path, syntax::SourceId from)>
      find_include;
  // For the parser of those texts (syntax/parse.h).
  std::function<std::optional<char32_t>(std::string_view)> character_by_name;
  // What IF and DEF know, besides what DEF says: UNAME_SYSNAME …
  std::map<std::string, std::string, std::less<>> definitions;
  // Names that the module's namespace will have though nothing in the text binds them.
  std::function<bool(std::string_view name)> is_known;
  // The modules that one may cimport the name from, best first. Only asked after a mistake.
  std::function<std::vector<std::string>(std::string_view name)> modules_declaring;

  // Of a session of modules that use each other's C names: what makes this one's names in C++
  // unique; what earlier ones have left, by name; and the table of types that is common to all.
  std::string id = {};
  const Scope* earlier = nullptr;
  std::shared_ptr<tree::TypeTable> types = std::make_shared<tree::TypeTable>();
};

struct Analysis {
  std::unique_ptr<tree::Module> module;
  // The C names that the module declares, for later modules. They refer to its variables and types.
  Scope scope;
};

// REQUIRES: the syntax tree has no errors.
Analysis analyze(const syntax::Module& module, syntax::Sources& sources, const Options& options,
                 syntax::Diagnostics& diagnostics);

}  // namespace engineroom::sema
