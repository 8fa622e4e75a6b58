#include "session/stub.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "sema/names.h"
#include "syntax/children.h"
#include "syntax/stmt_children.h"

namespace engineroom::session {
namespace {

using syntax::as;
using syntax::StmtKind;
using syntax::try_as;
using tree::ObjectClass;
using tree::ParamKind;
using tree::Type;
using tree::TypeKind;

const std::string kAny = "Any";

// What the annotations of a stub refer to.
class Types {
 public:
  // Of values that Python gets, or that it may give for a parameter. `none`: None may be given.
  std::string of(const Type& type, bool is_parameter, bool none = false) {
    const std::string plain = plain_of(type, is_parameter);
    return none && plain != kAny && plain != "None" ? plain + " | None" : plain;
  }

  void need(const std::string& import) { imports_.insert(import); }
  const std::set<std::string>& imports() const { return imports_; }

 private:
  std::string plain_of(const Type& type, bool is_parameter) {
    switch (type.kind) {
      case TypeKind::kVoid:
        return "None";
      case TypeKind::kBint:
        return "bool";
      case TypeKind::kInt:
        return type.name == "Py_UCS4" ? "str" : "int";
      case TypeKind::kEnum:
        return "int";
      case TypeKind::kFloat:
        return "float";
      case TypeKind::kComplex:
        return "complex";
      case TypeKind::kPointer:
        return type.is_char_pointer() ? "bytes" : kAny;
      case TypeKind::kArray:
        return type.is_char_pointer_like() ? "bytes" : "list[" + of(*type.base, false) + "]";
      case TypeKind::kStruct:
        return type.is_tuple ? tuple_of(type) : "dict[str, Any]";
      case TypeKind::kView:
        return is_parameter ? buffer() : kAny;
      case TypeKind::kObject:
        return object_of(type, is_parameter);
      default:
        return kAny;
    }
  }

  std::string tuple_of(const Type& type) {
    std::string items;
    for (const tree::Field& field : type.fields)
      items += (items.empty() ? "" : ", ") + of(*field.type, false);
    return "tuple[" + items + "]";
  }

  std::string object_of(const Type& type, bool is_parameter) {
    if (type.buffer != nullptr && type.base != nullptr) {
      const bool is_plain = type.base->extension == nullptr;
      return is_plain && is_parameter ? buffer() : plain_of(*type.base, is_parameter);
    }
    if (type.extension != nullptr) {
      if (type.extension->full_name() != "numpy.ndarray") return kAny;
      need("import numpy.typing");
      return "numpy.typing.NDArray[Any]";
    }
    static const std::map<ObjectClass, std::string> kClasses = {
        {ObjectClass::kList, "list[Any]"},
        {ObjectClass::kTuple, "tuple[Any, ...]"},
        {ObjectClass::kDict, "dict[Any, Any]"},
        {ObjectClass::kSet, "set[Any]"},
        {ObjectClass::kFrozenSet, "frozenset[Any]"},
        {ObjectClass::kStr, "str"},
        {ObjectClass::kBytes, "bytes"},
        {ObjectClass::kByteArray, "bytearray"},
        {ObjectClass::kInt, "int"},
        {ObjectClass::kFloat, "float"},
        {ObjectClass::kComplex, "complex"},
        {ObjectClass::kBool, "bool"},
        {ObjectClass::kSlice, "slice"},
        {ObjectClass::kRange, "range"},
        {ObjectClass::kType, "type[Any]"},
        {ObjectClass::kException, "BaseException"},
    };
    const auto found = kClasses.find(type.object_class);
    return found == kClasses.end() ? kAny : found->second;
  }

  std::string buffer() {
    need("from typing_extensions import Buffer");
    return "Buffer";
  }

  std::set<std::string> imports_ = {"from typing import Any"};
};

// As a literal between three quotes, at an indentation of its own.
std::string doc_string(const std::string& doc) {
  std::string text = "\"\"\"";
  for (const char c : doc) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\r')
      text += "\\r";
    else
      text += c;
  }
  return text + "\"\"\"";
}

std::string literal_type(const syntax::Expr& value) {
  switch (value.kind) {
    case syntax::ExprKind::kTrue:
    case syntax::ExprKind::kFalse:
    case syntax::ExprKind::kCompare:
      return "bool";
    case syntax::ExprKind::kInt:
      return "int";
    case syntax::ExprKind::kFloat:
      return "float";
    case syntax::ExprKind::kImaginary:
      return "complex";
    case syntax::ExprKind::kJoinedStr:
      return "str";
    case syntax::ExprKind::kStr: {
      const syntax::StrKind kind = as<syntax::Str>(value).str_kind;
      return kind == syntax::StrKind::kBytes  ? "bytes"
             : kind == syntax::StrKind::kChar ? kAny
                                              : "str";
    }
    case syntax::ExprKind::kUnaryOp:
      if (as<syntax::UnaryOp>(value).op == syntax::UnaryOperator::kNot) return "bool";
      return literal_type(*as<syntax::UnaryOp>(value).operand);
    case syntax::ExprKind::kList:
    case syntax::ExprKind::kListComp:
      return "list[Any]";
    case syntax::ExprKind::kTuple:
      return "tuple[Any, ...]";
    case syntax::ExprKind::kDict:
    case syntax::ExprKind::kDictComp:
      return "dict[Any, Any]";
    case syntax::ExprKind::kSet:
    case syntax::ExprKind::kSetComp:
      return "set[Any]";
    default:
      return kAny;
  }
}

bool is_generator(const syntax::Expr& expr) {
  if (expr.kind == syntax::ExprKind::kYield || expr.kind == syntax::ExprKind::kYieldFrom)
    return true;
  bool found = false;
  syntax::for_each_child(expr, [&](const syntax::Expr& child) {
    found = found || (child.kind != syntax::ExprKind::kLambda && is_generator(child));
  });
  return found;
}

// Whether the statements may give anything but None to the caller.
bool gives_something(const syntax::Block& block) {
  return std::any_of(block.begin(), block.end(), [](const syntax::Stmt* stmt) {
    if (stmt->kind == StmtKind::kReturn) return as<syntax::Return>(*stmt).value != nullptr;
    if (stmt->kind == StmtKind::kFunctionDef || stmt->kind == StmtKind::kClassDef) return false;
    bool found = false;
    syntax::for_each_expr(*stmt,
                          [&](const syntax::Expr& expr) { found = found || is_generator(expr); });
    syntax::for_each_block(
        *stmt, [&](const syntax::Block& inner) { found = found || gives_something(inner); });
    return found;
  });
}

// The `a` of `@a.b(c)`.
std::string_view root_name(const syntax::Expr& decorator) {
  const syntax::Expr* at = &decorator;
  while (true) {
    if (const auto* call = try_as<syntax::Call>(at)) {
      at = call->func;
    } else if (const auto* attribute = try_as<syntax::Attribute>(at)) {
      at = attribute->value;
    } else {
      const auto* name = try_as<syntax::Name>(at);
      return name == nullptr ? "" : name->id;
    }
  }
}

class StubWriter {
 public:
  StubWriter(const syntax::Module& module, const tree::Module& typed)
      : typed_(typed), names_(sema::names_bound_by(module)) {
    for (const tree::Function& function : typed.functions) {
      const bool is_python =
          function.kind == tree::FunctionKind::kDef || function.kind == tree::FunctionKind::kCpdef;
      if (is_python && function.qualname == function.name) functions_[function.name] = &function;
    }
    for (const tree::Variable& variable : typed.variables) c_names_.insert(variable.name);
    see(module.body);
    // Those of included texts.
    for (const auto& [name, function] : functions_) note(name, "");
  }

  std::string text() {
    std::string body;
    for (const std::string& name : order_) body += declaration(name);
    if (is_open_ || names_.is_open) body += "def __getattr__(name: str) -> Any: ...\n";
    std::string result;
    if (typed_.has_doc) result += doc_string(typed_.doc) + "\n\n";
    for (const std::string& import : types_.imports()) result += import + "\n";
    return result + "\n" + body;
  }

 private:
  // ---- which names there are ----

  void see(const syntax::Block& block) {
    for (const syntax::Stmt* stmt : block) see(*stmt);
  }

  void see(const syntax::Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::kAssign:
        for (const syntax::Expr* target : as<syntax::Assign>(stmt).targets)
          see_target(*target, literal_type(*as<syntax::Assign>(stmt).value));
        return;
      case StmtKind::kAnnAssign: {
        const auto& assign = as<syntax::AnnAssign>(stmt);
        if (assign.value != nullptr) see_target(*assign.target, literal_type(*assign.value));
        return;
      }
      case StmtKind::kAugAssign:
        return see_target(*as<syntax::AugAssign>(stmt).target, kAny);
      case StmtKind::kFunctionDef: {
        const auto& def = as<syntax::FunctionDef>(stmt);
        defs_[std::string(def.name.text)] = &def;
        return note(std::string(def.name.text), is_kept(def.decorators) ? "" : kAny);
      }
      case StmtKind::kCFuncDef:
        if (as<syntax::CFuncDef>(stmt).is_cpdef)
          note(std::string(as<syntax::CFuncDef>(stmt).name.text), "");
        return;
      case StmtKind::kClassDef:
        return note(std::string(as<syntax::ClassDef>(stmt).name.text), kAny);
      case StmtKind::kCClassDef:
        return note(std::string(as<syntax::CClassDef>(stmt).name.text), kAny);
      case StmtKind::kCEnumDef:
        return see_enum(as<syntax::CEnumDef>(stmt));
      case StmtKind::kInclude:
        is_open_ = true;
        return;
      case StmtKind::kFor:
        see_target(*as<syntax::For>(stmt).target, kAny);
        break;
      case StmtKind::kWith:
        for (const syntax::WithItem& item : as<syntax::With>(stmt).items)
          if (item.target != nullptr) see_target(*item.target, kAny);
        break;
      default:
        break;
    }
    syntax::for_each_block(stmt, [this](const syntax::Block& block) { see(block); });
  }

  void see_target(const syntax::Expr& target, const std::string& type) {
    const bool is_name = target.kind == syntax::ExprKind::kName;
    sema::for_each_target_name(target, [&](std::string_view name) {
      if (!c_names_.contains(name)) note(std::string(name), is_name ? type : kAny);
    });
  }

  void see_enum(const syntax::CEnumDef& def) {
    const bool is_public = def.is_cpdef || def.context.visibility == syntax::Visibility::kPublic;
    if (!is_public) return;
    if (!def.name.empty()) {
      enums_[std::string(def.name.text)] = &def;
      note(std::string(def.name.text), "");
      if (def.scoped) return;
    }
    for (const syntax::CEnumItem& item : def.items)
      note(std::string(item.name.text), def.name.empty() ? "int" : std::string(def.name.text));
  }

  // What is bound to different things, or by functions, may be anything.
  void note(const std::string& name, const std::string& type) {
    const auto [known, is_new] = found_.try_emplace(name, type);
    if (is_new) {
      order_.push_back(name);
      if (names_.rebound.contains(name)) known->second = kAny;
    } else if (known->second != type) {
      const bool is_function = functions_.contains(name) && known->second.empty();
      if (!is_function || !type.empty()) known->second = kAny;
    }
  }

  // Decorators of Cython's leave a function what it is.
  static bool is_kept(const syntax::List<const syntax::Expr*>& decorators) {
    return std::all_of(decorators.begin(), decorators.end(), [](const syntax::Expr* decorator) {
      return root_name(*decorator) == "cython";
    });
  }

  // ---- how they are declared ----

  std::string declaration(const std::string& name) {
    const std::string& type = found_.at(name);
    if (!type.empty()) return name + ": " + type + "\n";
    if (const auto found = enums_.find(name); found != enums_.end())
      return enum_class(name, *found->second);
    if (const auto found = functions_.find(name); found != functions_.end())
      return signature(*found->second);
    return name + ": Any\n";
  }

  std::string enum_class(const std::string& name, const syntax::CEnumDef& def) {
    types_.need("import enum");
    std::string text = "class " + name + "(enum.IntEnum):\n";
    for (const syntax::CEnumItem& item : def.items)
      text += "    " + std::string(item.name.text) + " = ...\n";
    return def.items.empty() ? text + "    ...\n" : text;
  }

  std::string signature(const tree::Function& function) {
    std::vector<std::string> parts;
    const auto add = [&](ParamKind kind, const char* stars) {
      for (const tree::PyParameter& parameter : function.py_parameters)
        if (parameter.kind == kind) parts.push_back(stars + parameter_text(parameter));
    };
    const auto has = [&](ParamKind kind) {
      return std::any_of(function.py_parameters.begin(), function.py_parameters.end(),
                         [&](const tree::PyParameter& one) { return one.kind == kind; });
    };
    add(ParamKind::kPositionalOnly, "");
    if (has(ParamKind::kPositionalOnly)) parts.emplace_back("/");
    add(ParamKind::kNormal, "");
    add(ParamKind::kVarArgs, "*");
    if (has(ParamKind::kKeywordOnly) && !has(ParamKind::kVarArgs)) parts.emplace_back("*");
    add(ParamKind::kKeywordOnly, "");
    add(ParamKind::kVarKeywords, "**");
    std::string text = "def " + function.name + "(";
    for (std::size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? ", " : "") + parts[i];
    text += ") -> " + result_of(function) + ":";
    return text + (function.has_doc ? "\n    " + doc_string(function.doc) + "\n" : " ...\n");
  }

  std::string parameter_text(const tree::PyParameter& parameter) {
    const tree::Variable& variable = *parameter.variable;
    if (parameter.kind == ParamKind::kVarArgs || parameter.kind == ParamKind::kVarKeywords)
      return variable.name + ": Any";
    const bool none = parameter.allows_none && variable.type->is_counted();
    const std::string type = types_.of(*variable.type, true, none);
    return variable.name + ": " + type + (parameter.has_default ? " = ..." : "");
  }

  std::string result_of(const tree::Function& function) {
    if (function.type != nullptr) {
      const Type& result = *function.type->base;
      return types_.of(result, false, result.is_object());
    }
    const auto found = defs_.find(function.name);
    if (found == defs_.end()) return kAny;
    const syntax::FunctionDef& def = *found->second;
    if (const auto* annotation = try_as<syntax::Name>(def.returns)) {
      static constexpr std::array<std::string_view, 8> kPlain = {
          "int", "float", "str", "bytes", "bool", "complex", "object", "bytearray"};
      if (std::find(kPlain.begin(), kPlain.end(), annotation->id) != kPlain.end())
        return std::string(annotation->id);
      return kAny;
    }
    return def.is_async || gives_something(def.body) ? kAny : "None";
  }

  const tree::Module& typed_;
  const sema::ModuleNames names_;
  Types types_;
  std::map<std::string, const tree::Function*> functions_;  // that Python can call, by name
  std::map<std::string, const syntax::FunctionDef*> defs_;
  std::map<std::string, const syntax::CEnumDef*> enums_;
  std::set<std::string, std::less<>> c_names_;
  std::vector<std::string> order_;
  std::map<std::string, std::string> found_;  // "": a function or an enum
  bool is_open_ = false;
};

}  // namespace

std::string stub_of(const syntax::Module& module, const tree::Module& typed) {
  return StubWriter(module, typed).text();
}

}  // namespace engineroom::session
