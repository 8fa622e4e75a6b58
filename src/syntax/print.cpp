#include "syntax/print.h"

#include <array>
#include <string>

#include "base/json.h"

namespace engineroom::syntax {
namespace {

constexpr std::array<const char*, 13> kOperators = {"+",  "-",  "*",  "@", "/", "//", "%",
                                                    "**", "<<", ">>", "|", "^", "&"};

const char* relation(CompareOperator op) {
  switch (op) {
    case CompareOperator::kLt:
      return " < ";
    case CompareOperator::kLtE:
      return " <= ";
    case CompareOperator::kGt:
      return " > ";
    default:
      return " >= ";
  }
}

class StmtPrinter {
 public:
  explicit StmtPrinter(int depth = 0) : depth_(depth) {}

  void block(Block body) {
    for (const Stmt* stmt : body) this->stmt(*stmt);
  }
  void stmt(const Stmt& stmt);
  std::string take() { return std::move(out_); }

 private:
  void line(std::string_view text) {
    out_.append(static_cast<std::size_t>(depth_) * 2, ' ');
    out_ += text;
    out_ += '\n';
  }
  // `name:` and the block below it; nothing for an empty one.
  void named(std::string_view name, Block body) {
    if (body.empty()) return;
    ++depth_;
    line(std::string(name) + ":");
    ++depth_;
    block(body);
    depth_ -= 2;
  }
  // A line one level deeper.
  void detail(std::string_view text) {
    ++depth_;
    line(text);
    --depth_;
  }

  void simple(const Stmt& stmt);
  void import(const Stmt& stmt);
  void compound(const Stmt& stmt);
  void clauses(std::string_view kind, List<IfClause> clauses, Block orelse);
  void attempt(const Try& stmt);
  void match(const Match& stmt);
  void function(const FunctionDef& stmt);
  void class_def(const ClassDef& stmt);
  void cython(const Stmt& stmt);
  void c_function(const CFuncDef& stmt);
  void c_class(const CClassDef& stmt);
  void c_enum(const CEnumDef& stmt);
  void cpp_class(const CppClassDef& stmt);
  void decorators(List<const Expr*> decorators) {
    for (const Expr* decorator : decorators) {
      std::string text = "@";
      text += print(*decorator);
      detail(text);
    }
  }

  std::string out_;
  int depth_;
};

std::string optional(std::string_view before, const Expr* expr) {
  return expr == nullptr ? std::string() : std::string(before) + print(*expr);
}

std::string text_list(List<const Expr*> items) {
  std::string out;
  for (const Expr* item : items) out += (out.empty() ? "" : ", ") + print(*item);
  return out;
}

std::string names(List<Identifier> items) {
  std::string out;
  for (const Identifier& item : items) {
    if (!out.empty()) out += ", ";
    out += item.text;
  }
  return out;
}

std::string aliases(List<Alias> items) {
  std::string out;
  for (const Alias& item : items) {
    if (!out.empty()) out += ", ";
    out += item.name.text;
    if (!item.asname.empty()) out += " as " + std::string(item.asname.text);
  }
  return out;
}

std::string type_params(List<TypeParam> params) {
  if (params.empty()) return "";
  std::string out = "[";
  for (const TypeParam& param : params) {
    if (out.size() > 1) out += ", ";
    if (param.kind == TypeParamKind::kTypeVarTuple) out += "*";
    if (param.kind == TypeParamKind::kParamSpec) out += "**";
    out += param.name.text;
    out += optional(": ", param.bound) + optional(" = ", param.default_value);
  }
  return out + "]";
}

std::string bases(List<const Expr*> args, List<Keyword> keywords) {
  if (args.empty() && keywords.empty()) return "";
  std::string out = text_list(args);
  for (const Keyword& keyword : keywords) {
    if (!out.empty()) out += ", ";
    out += keyword.name.empty() ? "**" : std::string(keyword.name.text) + "=";
    out += print(*keyword.value);
  }
  return " (" + out + ")";
}

std::string cname(std::string_view name) {
  return name.empty() ? std::string() : " " + json_quote(name);
}

std::string context(const CContext& context) {
  std::string out;
  if (context.visibility == Visibility::kPublic) out += " public";
  if (context.visibility == Visibility::kReadonly) out += " readonly";
  if (context.visibility == Visibility::kExtern) out += " extern";
  if (context.api) out += " api";
  if (context.is_inline) out += " inline";
  if (context.nogil) out += " nogil";
  if (!context.name_space.empty()) out += " namespace " + json_quote(context.name_space);
  return out;
}

std::string declarator(const CDeclarator& declarator) {
  return std::string(declarator.name.text) + cname(declarator.cname) + ": " +
         print(*declarator.type) + optional(" = ", declarator.value);
}

void StmtPrinter::stmt(const Stmt& stmt) {
  if (stmt.kind < StmtKind::kIf) {
    simple(stmt);
  } else if (stmt.kind < StmtKind::kCVarDef) {
    compound(stmt);
  } else {
    cython(stmt);
  }
}

void StmtPrinter::simple(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kExprStmt:
      return line("Expr " + print(*as<ExprStmt>(stmt).value));
    case StmtKind::kAssign: {
      std::string text = "Assign ";
      for (const Expr* target : as<Assign>(stmt).targets) text += print(*target) + " = ";
      return line(text + print(*as<Assign>(stmt).value));
    }
    case StmtKind::kAugAssign: {
      const AugAssign& node = as<AugAssign>(stmt);
      return line("AugAssign " + print(*node.target) + " " +
                  kOperators[static_cast<std::size_t>(node.op)] + "= " + print(*node.value));
    }
    case StmtKind::kAnnAssign: {
      const AnnAssign& node = as<AnnAssign>(stmt);
      return line("AnnAssign " + print(*node.target) + ": " + print(*node.annotation) +
                  optional(" = ", node.value));
    }
    case StmtKind::kReturn:
      return line("Return" + optional(" ", as<Return>(stmt).value));
    case StmtKind::kDelete:
      return line("Delete " + text_list(as<Delete>(stmt).targets));
    case StmtKind::kPass:
      return line("Pass");
    case StmtKind::kBreak:
      return line("Break");
    case StmtKind::kContinue:
      return line("Continue");
    case StmtKind::kRaise: {
      const Raise& node = as<Raise>(stmt);
      return line("Raise" + optional(" ", node.exc) + optional(" from ", node.cause) +
                  optional(", ", node.value) + optional(", ", node.traceback));
    }
    case StmtKind::kAssert:
      return line("Assert " + print(*as<Assert>(stmt).test) +
                  optional(", ", as<Assert>(stmt).message));
    case StmtKind::kGlobal:
      return line("Global " + names(as<Global>(stmt).names));
    case StmtKind::kNonlocal:
      return line("Nonlocal " + names(as<Nonlocal>(stmt).names));
    case StmtKind::kTypeAlias: {
      const TypeAlias& node = as<TypeAlias>(stmt);
      return line("TypeAlias " + std::string(node.name.text) + type_params(node.type_params) +
                  " = " + print(*node.value));
    }
    default:
      return import(stmt);
  }
}

void StmtPrinter::import(const Stmt& stmt) {
  if (const Import* node = try_as<Import>(&stmt)) return line("Import " + aliases(node->names));
  const ImportFrom& node = as<ImportFrom>(stmt);
  line("ImportFrom " + std::string(static_cast<std::size_t>(node.level), '.') +
       std::string(node.module.text) + " import " + aliases(node.names));
}

void StmtPrinter::compound(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kIf:
      return clauses("If", as<If>(stmt).clauses, as<If>(stmt).orelse);
    case StmtKind::kWhile: {
      const While& node = as<While>(stmt);
      line("While " + print(*node.test));
      named("body", node.body);
      return named("else", node.orelse);
    }
    case StmtKind::kFor: {
      const For& node = as<For>(stmt);
      line(std::string(node.is_async ? "AsyncFor " : "For ") + print(*node.target) + " in " +
           print(*node.iter));
      named("body", node.body);
      return named("else", node.orelse);
    }
    case StmtKind::kTry:
      return attempt(as<Try>(stmt));
    case StmtKind::kWith: {
      const With& node = as<With>(stmt);
      std::string text;
      for (const WithItem& item : node.items) {
        text += text.empty() ? " " : ", ";
        text += print(*item.context) + optional(" as ", item.target);
      }
      line((node.is_async ? "AsyncWith" : "With") + text);
      return named("body", node.body);
    }
    case StmtKind::kMatch:
      return match(as<Match>(stmt));
    case StmtKind::kFunctionDef:
      return function(as<FunctionDef>(stmt));
    case StmtKind::kClassDef:
      return class_def(as<ClassDef>(stmt));
    case StmtKind::kPrint: {
      const Print& node = as<Print>(stmt);
      return line("Print" + optional(" >>", node.file) + " " + text_list(node.values) +
                  (node.newline ? "" : ","));
    }
    default: {
      const Exec& node = as<Exec>(stmt);
      return line("Exec " + print(*node.code) + optional(" in ", node.globals) +
                  optional(", ", node.locals));
    }
  }
}

void StmtPrinter::clauses(std::string_view kind, List<IfClause> clauses, Block orelse) {
  line(kind);
  for (const IfClause& clause : clauses) named("if " + print(*clause.test), clause.body);
  named("else", orelse);
}

void StmtPrinter::attempt(const Try& stmt) {
  line(stmt.is_star ? "TryStar" : "Try");
  named("body", stmt.body);
  for (const ExceptHandler& handler : stmt.handlers)
    named("except" + optional(" ", handler.type) + optional(" as ", handler.target), handler.body);
  named("else", stmt.orelse);
  named("finally", stmt.finalbody);
}

void StmtPrinter::match(const Match& stmt) {
  line("Match " + print(*stmt.subject));
  for (const MatchCase& each : stmt.cases)
    named("case " + print(*each.pattern) + optional(" if ", each.guard), each.body);
}

void StmtPrinter::function(const FunctionDef& stmt) {
  line(std::string(stmt.is_async ? "AsyncFunctionDef " : "FunctionDef ") +
       std::string(stmt.name.text) + type_params(stmt.type_params) + " (" + print(*stmt.params) +
       ")" + optional(" -> ", stmt.returns));
  decorators(stmt.decorators);
  named("body", stmt.body);
}

void StmtPrinter::class_def(const ClassDef& stmt) {
  line("ClassDef " + std::string(stmt.name.text) + type_params(stmt.type_params) +
       bases(stmt.bases, stmt.keywords));
  decorators(stmt.decorators);
  named("body", stmt.body);
}

// ---- Cython ----

void StmtPrinter::cython(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kCVarDef:
      line("CVarDef" + context(as<CVarDef>(stmt).context));
      for (const CDeclarator& each : as<CVarDef>(stmt).declarators) detail(declarator(each));
      return;
    case StmtKind::kCFuncDef:
      return c_function(as<CFuncDef>(stmt));
    case StmtKind::kCDefBlock:
      line("CDefBlock" + context(as<CDefBlock>(stmt).context));
      return named("body", as<CDefBlock>(stmt).body);
    case StmtKind::kCExternBlock: {
      const CExternBlock& node = as<CExternBlock>(stmt);
      line("CExternBlock " + (node.any_header ? "*" : json_quote(node.header)) +
           context(node.context));
      if (!node.verbatim.empty()) detail("verbatim: " + json_quote(node.verbatim));
      return named("body", node.body);
    }
    case StmtKind::kCStructDef: {
      const CStructDef& node = as<CStructDef>(stmt);
      line(std::string("CStructDef") + context(node.context) + (node.packed ? " packed" : "") +
           (node.struct_kind == CStructKind::kUnion ? " union " : " struct ") +
           std::string(node.name.text) + cname(node.cname) + (node.is_typedef ? " typedef" : ""));
      return named("body", node.body);
    }
    case StmtKind::kCEnumDef:
      return c_enum(as<CEnumDef>(stmt));
    case StmtKind::kCFusedDef:
      line("CFusedDef " + std::string(as<CFusedDef>(stmt).name.text));
      for (const CType* type : as<CFusedDef>(stmt).types) detail(print(*type));
      return;
    case StmtKind::kCTypedef:
      return line("CTypedef" + context(as<CTypedef>(stmt).context) + " " +
                  declarator(as<CTypedef>(stmt).declarator));
    case StmtKind::kCClassDef:
      return c_class(as<CClassDef>(stmt));
    case StmtKind::kCppClassDef:
      return cpp_class(as<CppClassDef>(stmt));
    case StmtKind::kPropertyDef:
      line("PropertyDef " + std::string(as<PropertyDef>(stmt).name.text));
      return named("body", as<PropertyDef>(stmt).body);
    case StmtKind::kCImport:
      return line("CImport " + aliases(as<CImport>(stmt).names));
    case StmtKind::kFromCImport: {
      const FromCImport& node = as<FromCImport>(stmt);
      return line("FromCImport " + std::string(static_cast<std::size_t>(node.level), '.') +
                  std::string(node.module.text) + " cimport " + aliases(node.names));
    }
    case StmtKind::kInclude: {
      const Str* path = as<Include>(stmt).path;
      return line("Include " + (path == nullptr ? "<error>" : print(*path)));
    }
    case StmtKind::kForFrom: {
      const ForFrom& node = as<ForFrom>(stmt);
      const ForBounds& bounds = node.bounds;
      line("ForFrom " + print(*bounds.lower) + relation(bounds.relation1) + print(*node.target) +
           relation(bounds.relation2) + print(*bounds.upper) + optional(" by ", bounds.step));
      named("body", node.body);
      return named("else", node.orelse);
    }
    case StmtKind::kGilBlock: {
      const GilBlock& node = as<GilBlock>(stmt);
      line(std::string("GilBlock ") + (node.nogil ? "nogil" : "gil") +
           optional(" if ", node.condition));
      return named("body", node.body);
    }
    case StmtKind::kCompileTimeDef:
      return line("CompileTimeDef " + std::string(as<CompileTimeDef>(stmt).name.text) + " = " +
                  print(*as<CompileTimeDef>(stmt).value));
    case StmtKind::kCompileTimeIf:
      return clauses("CompileTimeIf", as<CompileTimeIf>(stmt).clauses,
                     as<CompileTimeIf>(stmt).orelse);
    default:
      return line("<error>");
  }
}

void StmtPrinter::c_function(const CFuncDef& stmt) {
  line("CFuncDef" + context(stmt.context) + (stmt.is_cpdef ? " cpdef " : " ") +
       std::string(stmt.name.text) + cname(stmt.cname) +
       (stmt.template_params.empty() ? "" : "[" + names(stmt.template_params) + "]") + ": " +
       print(*stmt.type) + (stmt.has_body ? "" : " declared"));
  decorators(stmt.decorators);
  named("body", stmt.body);
}

void StmtPrinter::c_class(const CClassDef& stmt) {
  std::string text = "CClassDef" + context(stmt.context) + " ";
  if (!stmt.module_name.empty()) text += std::string(stmt.module_name) + ".";
  text += stmt.name.text;
  if (!stmt.as_name.empty()) text += " as " + std::string(stmt.as_name.text);
  text += bases(stmt.bases, stmt.keywords);
  const CClassOptions& options = stmt.options;
  if (!options.objstruct.empty()) text += " object " + std::string(options.objstruct);
  if (!options.typeobj.empty()) text += " type " + std::string(options.typeobj);
  if (!options.check_size.empty()) text += " check_size " + std::string(options.check_size);
  if (stmt.is_typedef) text += " typedef";
  line(text + (stmt.has_body ? "" : " declared"));
  decorators(stmt.decorators);
  named("body", stmt.body);
}

void StmtPrinter::c_enum(const CEnumDef& stmt) {
  line("CEnumDef" + context(stmt.context) + (stmt.is_cpdef ? " cpdef" : "") +
       (stmt.scoped ? " class" : "") + (stmt.name.empty() ? "" : " ") +
       std::string(stmt.name.text) + cname(stmt.cname) +
       (stmt.underlying == nullptr ? "" : " (" + print(*stmt.underlying) + ")") +
       (stmt.is_typedef ? " typedef" : ""));
  for (const CEnumItem& item : stmt.items)
    detail(std::string(item.name.text) + cname(item.cname) + optional(" = ", item.value));
}

void StmtPrinter::cpp_class(const CppClassDef& stmt) {
  std::string text =
      "CppClassDef" + context(stmt.context) + " " + std::string(stmt.name.text) + cname(stmt.cname);
  std::string params;
  for (const CppTemplateParam& param : stmt.template_params) {
    if (!params.empty()) params += ", ";
    params += std::string(param.name.text) + (param.optional ? "=*" : "");
  }
  if (!params.empty()) text += "[" + params + "]";
  std::string base_names;
  for (const CType* base : stmt.bases)
    base_names += (base_names.empty() ? "" : ", ") + print(*base);
  if (!base_names.empty()) text += " (" + base_names + ")";
  line(text + (stmt.has_body ? "" : " declared"));
  decorators(stmt.decorators);
  named("body", stmt.body);
}

}  // namespace

std::string print(const Stmt& stmt) {
  StmtPrinter printer;
  printer.stmt(stmt);
  return printer.take();
}

std::string print(const Module& module) {
  std::string out;
  for (const Directive& directive : module.directives)
    out += "Directive " + std::string(directive.key) + " = " + std::string(directive.value) + "\n";
  StmtPrinter printer;
  printer.block(module.body);
  return out + printer.take();
}

}  // namespace engineroom::syntax
