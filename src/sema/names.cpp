#include "sema/names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <utility>

#include "sema/walk.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::Expr;
using syntax::ExprKind;
using syntax::Stmt;
using syntax::StmtKind;

void for_each_bound_name(const Expr& expr, const std::function<void(std::string_view)>& see) {
  if (expr.kind == ExprKind::kNamedExpr) see(as<syntax::NamedExpr>(expr).target->id);
  if (expr.kind != ExprKind::kListComp) return;
  for (const syntax::Comprehension& generator : as<syntax::ListComp>(expr).generators)
    if (!generator.is_scoped) for_each_target_name(*generator.target, see);
}

void for_each_target_name(const Expr& target, const std::function<void(std::string_view)>& see) {
  switch (target.kind) {
    case ExprKind::kName:
      return see(as<syntax::Name>(target).id);
    case ExprKind::kTuple:
      for (const Expr* e : as<syntax::Tuple>(target).elts) for_each_target_name(*e, see);
      return;
    case ExprKind::kList:
      for (const Expr* e : as<syntax::ListExpr>(target).elts) for_each_target_name(*e, see);
      return;
    case ExprKind::kStarred:
      return for_each_target_name(*as<syntax::Starred>(target).value, see);
    default:
      return;
  }
}

void for_each_pattern_name(const syntax::Pattern* pattern,
                           const std::function<void(std::string_view)>& see) {
  if (pattern == nullptr) return;
  switch (pattern->kind) {
    case syntax::PatternKind::kMatchSequence:
      for (const syntax::Pattern* e : as<syntax::MatchSequence>(*pattern).patterns)
        for_each_pattern_name(e, see);
      return;
    case syntax::PatternKind::kMatchMapping:
      for (const syntax::MatchMappingItem& item : as<syntax::MatchMapping>(*pattern).items)
        for_each_pattern_name(item.pattern, see);
      return see(as<syntax::MatchMapping>(*pattern).rest.text);
    case syntax::PatternKind::kMatchClass:
      for (const syntax::Pattern* e : as<syntax::MatchClass>(*pattern).patterns)
        for_each_pattern_name(e, see);
      for (const syntax::MatchKeyword& e : as<syntax::MatchClass>(*pattern).keywords)
        for_each_pattern_name(e.pattern, see);
      return;
    case syntax::PatternKind::kMatchStar:
      return see(as<syntax::MatchStar>(*pattern).name.text);
    case syntax::PatternKind::kMatchAs:
      for_each_pattern_name(as<syntax::MatchAs>(*pattern).pattern, see);
      return see(as<syntax::MatchAs>(*pattern).name.text);
    case syntax::PatternKind::kMatchOr:
      for (const syntax::Pattern* e : as<syntax::MatchOr>(*pattern).patterns)
        for_each_pattern_name(e, see);
      return;
    default:
      return;
  }
}

std::vector<std::string_view> declared_names(const Stmt& stmt) {
  std::vector<std::string_view> names;
  switch (stmt.kind) {
    case StmtKind::kCVarDef:
      for (const syntax::CDeclarator& one : as<syntax::CVarDef>(stmt).declarators)
        names.push_back(one.name.text);
      break;
    case StmtKind::kCFuncDef:
      names.push_back(as<syntax::CFuncDef>(stmt).name.text);
      break;
    case StmtKind::kCTypedef:
      names.push_back(as<syntax::CTypedef>(stmt).declarator.name.text);
      break;
    case StmtKind::kCStructDef:
      names.push_back(as<syntax::CStructDef>(stmt).name.text);
      break;
    case StmtKind::kCEnumDef:
      names.push_back(as<syntax::CEnumDef>(stmt).name.text);
      if (as<syntax::CEnumDef>(stmt).scoped) break;
      for (const syntax::CEnumItem& item : as<syntax::CEnumDef>(stmt).items)
        names.push_back(item.name.text);
      break;
    case StmtKind::kCFusedDef:
      names.push_back(as<syntax::CFusedDef>(stmt).name.text);
      break;
    case StmtKind::kCppClassDef:
      names.push_back(as<syntax::CppClassDef>(stmt).name.text);
      break;
    case StmtKind::kCClassDef: {
      const auto& def = as<syntax::CClassDef>(stmt);
      names.push_back(def.as_name.empty() ? def.name.text : def.as_name.text);
      break;
    }
    default:
      break;
  }
  return names;
}

// ---- what a module binds ----

namespace {

class BoundNames {
 public:
  explicit BoundNames(const Included& included) : included_(included) {}

  ModuleNames of(const syntax::Module& module) {
    block(module.body);
    return std::move(names_);
  }

 private:
  void add(std::string_view name) { names_.bound.insert(name); }
  void declare(std::string_view name) { names_.declared.insert(name); }

  void target(const Expr* expr) {
    if (expr != nullptr) for_each_target_name(*expr, [this](std::string_view name) { add(name); });
  }

  void aliases(const syntax::List<syntax::Alias>& list, bool first_part_only,
               bool is_cimport = false) {
    for (const syntax::Alias& alias : list) {
      std::string_view name = alias.asname.empty() ? alias.name.text : alias.asname.text;
      if (name == "*" && !is_cimport) names_.is_open = true;
      if (first_part_only && alias.asname.empty()) name = name.substr(0, name.find('.'));
      is_cimport ? declare(name) : add(name);
    }
  }

  // (x := 1), in comprehensions as well.
  void walrus(const Expr& expr) {
    walk(&expr, [this](const Expr& inner) {
      for_each_bound_name(inner, [this](std::string_view name) { add(name); });
    });
  }

  void block(const syntax::Block& stmts) {
    for (const Stmt* stmt : stmts) statement(*stmt);
  }

  void statement(const Stmt& stmt) {
    syntax::for_each_expr(stmt, [this](const Expr& expr) { walrus(expr); });
    switch (stmt.kind) {
      case StmtKind::kAssign:
        for (const Expr* e : as<syntax::Assign>(stmt).targets) target(e);
        return;
      case StmtKind::kAugAssign:
        return for_each_target_name(*as<syntax::AugAssign>(stmt).target,
                                    [this](std::string_view name) { names_.rebound.insert(name); });
      case StmtKind::kAnnAssign:
        return target(as<syntax::AnnAssign>(stmt).target);
      case StmtKind::kImport:
        return aliases(as<syntax::Import>(stmt).names, true);
      case StmtKind::kImportFrom:
        return aliases(as<syntax::ImportFrom>(stmt).names, false);
      case StmtKind::kTypeAlias:
        return add(as<syntax::TypeAlias>(stmt).name.text);
      case StmtKind::kCompileTimeDef:
        return add(as<syntax::CompileTimeDef>(stmt).name.text);
      case StmtKind::kInclude:
        if (const syntax::Block* stands_for = included_ ? included_(stmt) : nullptr)
          return block(*stands_for);
        names_.is_open = true;
        return;
      case StmtKind::kFor:
        target(as<syntax::For>(stmt).target);
        break;
      case StmtKind::kForFrom:
        target(as<syntax::ForFrom>(stmt).target);
        break;
      case StmtKind::kTry:
        for (const syntax::ExceptHandler& handler : as<syntax::Try>(stmt).handlers)
          target(handler.target);
        break;
      case StmtKind::kWith:
        for (const syntax::WithItem& item : as<syntax::With>(stmt).items) target(item.target);
        break;
      case StmtKind::kMatch:
        for (const syntax::MatchCase& one : as<syntax::Match>(stmt).cases)
          for_each_pattern_name(one.pattern, [this](std::string_view name) { add(name); });
        break;
      case StmtKind::kFunctionDef:
        add(as<syntax::FunctionDef>(stmt).name.text);
        return globals_in(as<syntax::FunctionDef>(stmt).body);
      case StmtKind::kClassDef:
        add(as<syntax::ClassDef>(stmt).name.text);
        return globals_in(as<syntax::ClassDef>(stmt).body);
      case StmtKind::kCClassDef:
        declare(as<syntax::CClassDef>(stmt).name.text);
        return globals_in(as<syntax::CClassDef>(stmt).body);
      case StmtKind::kCppClassDef:
        return declare(as<syntax::CppClassDef>(stmt).name.text);
      case StmtKind::kCFuncDef:
        declare(as<syntax::CFuncDef>(stmt).name.text);
        return globals_in(as<syntax::CFuncDef>(stmt).body);
      default:
        c_declaration(stmt);
        break;
    }
    syntax::for_each_block(stmt, [this](const syntax::Block& inner) { block(inner); });
  }

  void c_declaration(const Stmt& stmt) {
    if (stmt.kind == StmtKind::kCImport)
      return aliases(as<syntax::CImport>(stmt).names, true, true);
    if (stmt.kind == StmtKind::kFromCImport)
      return aliases(as<syntax::FromCImport>(stmt).names, false, true);
    for (const std::string_view name : declared_names(stmt)) declare(name);
  }

  void globals_in(const syntax::Block& stmts) {
    for (const Stmt* stmt : stmts) {
      if (stmt->kind == StmtKind::kGlobal)
        for (const syntax::Identifier& name : as<syntax::Global>(*stmt).names)
          names_.rebound.insert(name.text);
      syntax::for_each_block(*stmt, [this](const syntax::Block& inner) { globals_in(inner); });
    }
  }

  const Included& included_;
  ModuleNames names_;
};

}  // namespace

ModuleNames names_bound_by(const syntax::Module& module, const Included& included) {
  return BoundNames(included).of(module);
}

// ---- what Python has ----

const std::vector<std::string_view>& builtin_names() {
  // dir(builtins) of Python 3.11 to 3.15, sorted; then what each module has.
  static const std::vector<std::string_view> kNames = {"ArithmeticError",
                                                       "AssertionError",
                                                       "AttributeError",
                                                       "BaseException",
                                                       "BaseExceptionGroup",
                                                       "BlockingIOError",
                                                       "BrokenPipeError",
                                                       "BufferError",
                                                       "BytesWarning",
                                                       "ChildProcessError",
                                                       "ConnectionAbortedError",
                                                       "ConnectionError",
                                                       "ConnectionRefusedError",
                                                       "ConnectionResetError",
                                                       "DeprecationWarning",
                                                       "EOFError",
                                                       "Ellipsis",
                                                       "EncodingWarning",
                                                       "EnvironmentError",
                                                       "Exception",
                                                       "ExceptionGroup",
                                                       "False",
                                                       "FileExistsError",
                                                       "FileNotFoundError",
                                                       "FloatingPointError",
                                                       "FutureWarning",
                                                       "GeneratorExit",
                                                       "ImportCycleError",
                                                       "IOError",
                                                       "ImportError",
                                                       "ImportWarning",
                                                       "IndentationError",
                                                       "IndexError",
                                                       "InterruptedError",
                                                       "IsADirectoryError",
                                                       "KeyError",
                                                       "KeyboardInterrupt",
                                                       "LookupError",
                                                       "MemoryError",
                                                       "ModuleNotFoundError",
                                                       "NameError",
                                                       "None",
                                                       "NotADirectoryError",
                                                       "NotImplemented",
                                                       "NotImplementedError",
                                                       "OSError",
                                                       "OverflowError",
                                                       "PendingDeprecationWarning",
                                                       "PermissionError",
                                                       "ProcessLookupError",
                                                       "PythonFinalizationError",
                                                       "RecursionError",
                                                       "ReferenceError",
                                                       "ResourceWarning",
                                                       "RuntimeError",
                                                       "RuntimeWarning",
                                                       "StopAsyncIteration",
                                                       "StopIteration",
                                                       "SyntaxError",
                                                       "SyntaxWarning",
                                                       "SystemError",
                                                       "SystemExit",
                                                       "TabError",
                                                       "TimeoutError",
                                                       "True",
                                                       "TypeError",
                                                       "UnboundLocalError",
                                                       "UnicodeDecodeError",
                                                       "UnicodeEncodeError",
                                                       "UnicodeError",
                                                       "UnicodeTranslateError",
                                                       "UnicodeWarning",
                                                       "UserWarning",
                                                       "ValueError",
                                                       "Warning",
                                                       "ZeroDivisionError",
                                                       "_IncompleteInputError",
                                                       "__build_class__",
                                                       "__debug__",
                                                       "__doc__",
                                                       "__import__",
                                                       "__lazy_import__",
                                                       "__loader__",
                                                       "__name__",
                                                       "__package__",
                                                       "__spec__",
                                                       "abs",
                                                       "aiter",
                                                       "all",
                                                       "anext",
                                                       "any",
                                                       "ascii",
                                                       "bin",
                                                       "bool",
                                                       "breakpoint",
                                                       "bytearray",
                                                       "bytes",
                                                       "callable",
                                                       "chr",
                                                       "classmethod",
                                                       "compile",
                                                       "complex",
                                                       "copyright",
                                                       "credits",
                                                       "delattr",
                                                       "dict",
                                                       "dir",
                                                       "divmod",
                                                       "enumerate",
                                                       "eval",
                                                       "exec",
                                                       "exit",
                                                       "filter",
                                                       "float",
                                                       "format",
                                                       "frozendict",
                                                       "frozenset",
                                                       "getattr",
                                                       "globals",
                                                       "hasattr",
                                                       "hash",
                                                       "help",
                                                       "hex",
                                                       "id",
                                                       "input",
                                                       "int",
                                                       "isinstance",
                                                       "issubclass",
                                                       "iter",
                                                       "len",
                                                       "license",
                                                       "list",
                                                       "locals",
                                                       "map",
                                                       "max",
                                                       "memoryview",
                                                       "min",
                                                       "next",
                                                       "object",
                                                       "oct",
                                                       "open",
                                                       "ord",
                                                       "pow",
                                                       "print",
                                                       "property",
                                                       "quit",
                                                       "range",
                                                       "repr",
                                                       "reversed",
                                                       "round",
                                                       "sentinel",
                                                       "set",
                                                       "setattr",
                                                       "slice",
                                                       "sorted",
                                                       "staticmethod",
                                                       "str",
                                                       "sum",
                                                       "super",
                                                       "tuple",
                                                       "type",
                                                       "vars",
                                                       "zip",
                                                       "__builtins__",
                                                       "__cached__",
                                                       "__file__",
                                                       "__path__",
                                                       "_",
                                                       "WindowsError"};
  return kNames;
}

bool is_builtin_name(std::string_view name) {
  static const std::set<std::string_view> kSorted(builtin_names().begin(), builtin_names().end());
  return kSorted.contains(name) || name == "intern";
}

std::string_view renamed_builtin(std::string_view name) {
  if (name == "unicode" || name == "basestring") return "str";
  if (name == "xrange") return "range";
  if (name == "raw_input") return "input";
  if (name == "unichr") return "chr";
  return "";
}

// ---- what was meant ----

namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Letters left out, put in, replaced, or two neighbours swapped; `limit + 1` if there are more.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size() + limit || b.size() > a.size() + limit) return limit + 1;
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool is_same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (is_same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

bool is_same_but_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view closest_name(std::string_view name,
                              const std::vector<std::string_view>& candidates) {
  // Of a name of two letters anything is near. Nobody mistypes a name longer than this, and the
  // work grows with its square.
  constexpr std::size_t kMaxSize = 100;
  if (name.size() > kMaxSize) return "";
  const std::size_t limit = name.size() <= 2 ? 0 : name.size() <= 5 ? 1 : name.size() <= 9 ? 2 : 3;
  std::size_t best = limit + 1;
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kMaxSize || candidate == name) continue;
    const bool is_same = is_same_but_case(name, candidate);
    const std::size_t d = is_same ? 0 : distance(name, candidate, limit);
    if (d < best) {
      best = d;
      found = candidate;
    }
  }
  return found;
}

std::string_view usual_import(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 34> kImports = {{
      {"array", "import array"},
      {"asyncio", "import asyncio"},
      {"bisect", "import bisect"},
      {"collections", "import collections"},
      {"copy", "import copy"},
      {"ctypes", "import ctypes"},
      {"cython", "import cython"},
      {"datetime", "import datetime"},
      {"er", "import engineroom as er"},
      {"functools", "import functools"},
      {"gc", "import gc"},
      {"heapq", "import heapq"},
      {"inspect", "import inspect"},
      {"itertools", "import itertools"},
      {"json", "import json"},
      {"math", "import math"},
      {"mp", "import multiprocessing as mp"},
      {"np", "import numpy as np"},
      {"numpy", "import numpy"},
      {"operator", "import operator"},
      {"os", "import os"},
      {"pathlib", "import pathlib"},
      {"pd", "import pandas as pd"},
      {"pickle", "import pickle"},
      {"plt", "import matplotlib.pyplot as plt"},
      {"random", "import random"},
      {"re", "import re"},
      {"scipy", "import scipy"},
      {"struct", "import struct"},
      {"sys", "import sys"},
      {"threading", "import threading"},
      {"time", "import time"},
      {"traceback", "import traceback"},
      {"warnings", "import warnings"},
  }};
  const auto* found = std::find_if(kImports.begin(), kImports.end(),
                                   [&](const auto& entry) { return entry.first == name; });
  return found == kImports.end() ? "" : found->second;
}

}  // namespace engineroom::sema
