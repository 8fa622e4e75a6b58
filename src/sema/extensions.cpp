// Classes that a header defines, as a .pxd declares them: `ctypedef class numpy.ndarray [object
// PyArrayObject]`. Their objects can be told from others, C knows their fields, and properties with
// a body are C functions.
#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::StmtKind;

namespace {

bool is_property(const syntax::CFuncDef& def) {
  if (!def.has_body || def.decorators.size() != 1) return false;
  const auto* name = syntax::try_as<syntax::Name>(def.decorators[0]);
  return name != nullptr && name->id == "property";
}

// {"mode": "strided"}
std::optional<tree::BufferMode> mode_of(const syntax::Expr* defaults) {
  const auto* dict = defaults != nullptr ? syntax::try_as<syntax::Dict>(defaults) : nullptr;
  if (dict == nullptr) return std::nullopt;
  for (const syntax::DictItem& item : dict->items) {
    const auto* key = item.key != nullptr ? syntax::try_as<syntax::Str>(item.key) : nullptr;
    const auto* value = syntax::try_as<syntax::Str>(item.value);
    if (key == nullptr || value == nullptr || key->text != "mode") continue;
    if (value->text == "strided") return tree::BufferMode::kStrided;
    if (value->text == "c") return tree::BufferMode::kC;
    if (value->text == "fortran") return tree::BufferMode::kFortran;
  }
  return std::nullopt;
}

}  // namespace

void Analyzer::declare_class(const syntax::CClassDef& def, Scope& scope, bool is_pxd) {
  const syntax::Identifier& name = def.as_name.empty() ? def.name : def.as_name;
  const bool is_foreign = !def.module_name.empty() && !def.options.objstruct.empty();
  if (!is_foreign) {
    // Of the module itself: refused as a statement.
    if (!is_pxd) return add_refused(scope, name);
    return not_supported(def.range, "extension classes");
  }
  Symbol symbol;
  symbol.kind = SymbolKind::kType;
  symbol.name = name.text;
  const Symbol* known = scope.find(name.text);
  if (known != nullptr && known->kind == SymbolKind::kType && known->type->extension != nullptr) {
    symbol = *known;
  } else {
    tree::ExtensionClass extension;
    extension.module = def.module_name;
    if (extension.module == "__builtin__") extension.module = "builtins";
    extension.name = def.name.text;
    extension.struct_cpp = def.options.objstruct;
    if (extension.struct_cpp != "PyObject") note_cpp_name(extension.struct_cpp);
    symbol.type = types_.extension(std::move(extension));
    ClassInfo& info = classes_[symbol.type->extension];
    info.members = std::make_shared<Scope>();
    info.struct_type = types_.extern_struct(std::string(def.options.objstruct),
                                            std::string(def.options.objstruct));
    add_symbol(scope, name, symbol);
  }
  ClassInfo& info = classes_[symbol.type->extension];
  declare_members(def.body, *symbol.type, info, scope);
}

void Analyzer::declare_members(const syntax::Block& body, const Type& self, ClassInfo& info,
                               Scope& scope) {
  for (const syntax::Stmt* stmt : body) {
    if (stmt->kind == StmtKind::kCDefBlock) {
      declare_members(as<syntax::CDefBlock>(*stmt).body, self, info, scope);
    } else if (stmt->kind == StmtKind::kCFuncDef) {
      const auto& function = as<syntax::CFuncDef>(*stmt);
      if (is_property(function)) {
        declare_property(function, self, *info.members, scope);
      } else {
        info.members->unsupported.emplace(function.name.text, "methods of extension classes");
      }
    } else if (stmt->kind == StmtKind::kPropertyDef) {
      info.members->unsupported.emplace(as<syntax::PropertyDef>(*stmt).name.text, "properties");
    } else if (stmt->kind == StmtKind::kCVarDef) {
      for (const syntax::CDeclarator& field : as<syntax::CVarDef>(*stmt).declarators) {
        if (field.name.text == "__cythonbufferdefaults__") {
          if (const auto mode = mode_of(field.value)) info.mode = *mode;
          continue;
        }
        Symbol member;
        member.kind = SymbolKind::kVariable;
        member.type = ctype(*field.type, scope);
        member.cpp = field.cname.empty() ? field.name.text : field.cname;
        info.members->names.emplace(std::string(field.name.text), std::move(member));
      }
    }
  }
}

void Analyzer::declare_property(const syntax::CFuncDef& def, const Type& self, Scope& members,
                                Scope& home) {
  Symbol symbol;
  symbol.kind = SymbolKind::kFunction;
  symbol.name = def.name.text;
  symbol.type = function_ctype(*def.type, home, false, &self);
  symbol.cpp = unique_cpp("f_", def.name.text);
  symbol.definition = &def;
  symbol.home = &home;
  members.names.emplace(std::string(def.name.text), std::move(symbol));
}

ExprPtr Analyzer::class_object(const tree::ExtensionClass& extension, syntax::SourceRange range) {
  return c_literal(types_.object(ObjectClass::kType),
                   "er_classes[" + std::to_string(class_index(extension)) + "]", range);
}

std::size_t Analyzer::class_index(const tree::ExtensionClass& extension) {
  for (std::size_t i = 0; i < out_.classes.size(); ++i)
    if (out_.classes[i] == &extension) return i;
  out_.classes.push_back(&extension);
  return out_.classes.size() - 1;
}

ExprPtr Analyzer::member(ExprPtr& value, const syntax::Attribute& e) {
  const tree::ExtensionClass* extension = value->type->extension;
  const auto info = classes_.find(extension);
  if (info == classes_.end()) return nullptr;
  const Scope& members = *info->second.members;
  if (refuse_unsupported(members, e.attr.text, e.attr.range)) return error_value(e.range);
  const Symbol* symbol = info->second.members->find(e.attr.text);
  if (symbol == nullptr) return nullptr;
  if (symbol->kind == SymbolKind::kVariable) {
    auto pointer = make<tree::Cast>(types_.pointer_to(info->second.struct_type), e.range);
    pointer->value = std::move(value);
    auto field = make<tree::FieldAccess>(symbol->type, e.range);
    field->value = std::move(pointer);
    field->cpp = symbol->cpp;
    return field;
  }
  auto call = make<tree::Call>(symbol->type->base, e.range);
  call->callee = symbol_value(*symbol, e.range);
  call->args.push_back(std::move(value));
  return call;
}

}  // namespace engineroom::sema
