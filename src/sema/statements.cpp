#include <algorithm>

#include "sema/analyzer.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;
using syntax::StmtKind;

Block Analyzer::block(const syntax::Block& stmts) {
  Block out;
  for (const syntax::Stmt* stmt : stmts) statement(*stmt, out);
  return out;
}

void Analyzer::statement(const syntax::Stmt& stmt, Block& out) {
  if (const syntax::Block* inner = stands_for(stmt)) {
    for (const syntax::Stmt* one : *inner) statement(*one, out);
    return;
  }
  switch (stmt.kind) {
    case StmtKind::kExprStmt: {
      const syntax::Expr& value = *as<syntax::ExprStmt>(stmt).value;
      // A docstring, or a constant that does nothing.
      if (value.kind == ExprKind::kStr || value.kind == ExprKind::kEllipsis) return;
      return add_expr(out, expr(value));
    }
    case StmtKind::kAssign:
      return assign_statement(as<syntax::Assign>(stmt), out);
    case StmtKind::kAugAssign:
      return augmented(as<syntax::AugAssign>(stmt), out);
    case StmtKind::kAnnAssign: {
      const auto& annotated = as<syntax::AnnAssign>(stmt);
      if (annotated.value == nullptr) return;
      const Type* wanted = target_type(*annotated.target);
      return assign(*annotated.target, expr(*annotated.value, wanted), out);
    }
    case StmtKind::kReturn:
      return return_statement(as<syntax::Return>(stmt), out);
    case StmtKind::kDelete:
      for (const syntax::Expr* target : as<syntax::Delete>(stmt).targets)
        delete_target(*target, out);
      return;
    case StmtKind::kPass:
      return;
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      if (context_->loops == 0) {
        diagnostics_.error(
            "outside-loop", stmt.range,
            stmt.kind == StmtKind::kBreak ? "'break' outside a loop" : "'continue' outside a loop");
        return;
      }
      if (stmt.kind == StmtKind::kBreak) {
        out.push_back(make_stmt<tree::Break>(stmt.range));
      } else {
        out.push_back(make_stmt<tree::Continue>(stmt.range));
      }
      return;
    case StmtKind::kRaise:
      return raise_statement(as<syntax::Raise>(stmt), out);
    case StmtKind::kAssert:
      return assert_statement(as<syntax::Assert>(stmt), out);
    case StmtKind::kGlobal:
      return;
    case StmtKind::kImport:
      return import_statement(as<syntax::Import>(stmt), out);
    case StmtKind::kImportFrom:
      return import_from(as<syntax::ImportFrom>(stmt), out);
    case StmtKind::kIf:
      return if_statement(as<syntax::If>(stmt), out);
    case StmtKind::kWhile:
      return while_loop(as<syntax::While>(stmt), out);
    case StmtKind::kFor:
      return for_loop(as<syntax::For>(stmt), out);
    case StmtKind::kForFrom:
      return for_from(as<syntax::ForFrom>(stmt), out);
    case StmtKind::kTry:
      return try_statement(as<syntax::Try>(stmt), out);
    case StmtKind::kWith:
      return with_statement(as<syntax::With>(stmt), 0, out);
    case StmtKind::kFunctionDef: {
      const auto& def = as<syntax::FunctionDef>(stmt);
      ExprPtr function = def_function(def);
      if (function) assign_name(def.name.text, std::move(function), out, def.name.range);
      return;
    }
    case StmtKind::kPrint:
      return print_statement(as<syntax::Print>(stmt), out);
    case StmtKind::kExec: {
      const auto& exec = as<syntax::Exec>(stmt);
      const auto part = [&](const syntax::Expr* e) {
        return e != nullptr ? object(*e) : c_literal(object_, "nullptr", stmt.range);
      };
      ExprPtr code = object(*exec.code);
      ExprPtr in = exec.globals != nullptr ? object(*exec.globals) : globals(stmt.range);
      return do_helper(out, "er::exec_statement", stmt.range, std::move(code), std::move(in),
                       part(exec.locals));
    }
    case StmtKind::kCVarDef:
      return local_c_variables(as<syntax::CVarDef>(stmt), out);
    case StmtKind::kCDefBlock:
      for (const syntax::Stmt* inner : as<syntax::CDefBlock>(stmt).body) statement(*inner, out);
      return;
    case StmtKind::kCFuncDef: {
      const auto& def = as<syntax::CFuncDef>(stmt);
      if (!context_->is_module) return not_supported(stmt.range, "C functions inside functions");
      // Python gets to know a cpdef function where its definition stands.
      const auto found = functions_.find(&stmt);
      if (found == functions_.end()) return;
      evaluate_c_defaults(def, found->second->cpp, out);
      if (!def.is_cpdef) return;
      auto made = make<tree::MakeFunction>(object_, stmt.range);
      made->function = found->second;
      const auto& params = def.type->params->params;
      tree::FunctionName name;
      name.cpp = found->second->cpp;
      for (std::size_t i = 0; i < params.size(); ++i) {
        if (params[i].default_value == nullptr) continue;
        const Type* type = found->second->type->parameters[i].type;
        ExprPtr value = c_default(name, i, type, params[i].default_value->range);
        made->defaults.push_back(value ? to_object(std::move(value))
                                       : object(*params[i].default_value));
      }
      return do_helper(out, "er::store_global", stmt.range, globals(stmt.range),
                       str_constant(def.name.text, stmt.range),
                       decorated(std::move(made), def.decorators));
    }
    // Declared before any statement is looked at.
    case StmtKind::kCExternBlock:
    case StmtKind::kCStructDef:
    case StmtKind::kCEnumDef:
    case StmtKind::kCTypedef:
    case StmtKind::kCImport:
    case StmtKind::kFromCImport:
      if (!context_->is_module)
        not_supported(stmt.range, "C declarations of this kind inside functions");
      return;
    case StmtKind::kClassDef:
      return not_supported(stmt.range, "classes");
    case StmtKind::kCClassDef:
      return not_supported(stmt.range, "extension classes");
    case StmtKind::kCppClassDef:
      return not_supported(stmt.range, "C++ classes");
    case StmtKind::kCFusedDef:
      return not_supported(stmt.range, "fused types");
    case StmtKind::kMatch:
      return not_supported(stmt.range, "match");
    case StmtKind::kNonlocal:
      if (context_->is_module)
        diagnostics_.error("nonlocal", stmt.range,
                           "nonlocal declaration not allowed at module level");
      return;
    case StmtKind::kTypeAlias:
      return not_supported(stmt.range, "type aliases");
    case StmtKind::kPropertyDef:
      return not_supported(stmt.range, "properties");
    case StmtKind::kGilBlock: {
      const auto& gil = as<syntax::GilBlock>(stmt);
      return gil_block(gil.nogil, gil.condition, gil.range, [&] { return block(gil.body); }, out);
    }
    case StmtKind::kCompileTimeDef:
      return define(as<syntax::CompileTimeDef>(stmt));
    case StmtKind::kInclude:
    case StmtKind::kCompileTimeIf:
    case StmtKind::kError:
      return;
  }
}

void Analyzer::if_statement(const syntax::If& stmt, Block& out) {
  // They are nested in the typed tree, which is walked by recursion.
  constexpr std::size_t kMaxClauses = 2000;
  if (stmt.clauses.size() > kMaxClauses) {
    diagnostics_.error("size", stmt.clauses[kMaxClauses].range,
                       "this `if` has more than " + std::to_string(kMaxClauses) + " branches");
    return;
  }
  Block* into = &out;
  for (const syntax::IfClause& clause : stmt.clauses) {
    auto node = make_stmt<tree::If>(clause.range);
    node->test = condition(*clause.test);
    node->body = block(clause.body);
    Block* next = &node->orelse;
    into->push_back(std::move(node));
    into = next;
  }
  *into = block(stmt.orelse);
}

void Analyzer::return_statement(const syntax::Return& stmt, Block& out) {
  if (context_->is_module) {
    diagnostics_.error("return-outside", stmt.range, "'return' outside a function");
    return;
  }
  auto node = make_stmt<tree::Return>(stmt.range);
  const Type* result = context_->function->result;
  if (stmt.value == nullptr) {
    if (result->is_object())
      node->value = none(stmt.range);
    else if (!result->is_void())
      diagnostics_.error("return-value", stmt.range,
                         "a value of type '" + result->name + "' must be returned");
  } else if (result->is_void()) {
    diagnostics_
        .error("return-value", stmt.value->range, "a function of type void returns no value")
        .hint("declare what it returns: 'cdef int " + context_->function->name + "(...)'");
  } else {
    const Type* said = context_->returns;
    const bool is_class = said != nullptr && said->is_object() && result == object_;
    ExprPtr value = expr(*stmt.value, result);
    if (is_class) value = coerce(std::move(value), said);
    node->value = coerce(assigned_power(std::move(value), *result), result);
  }
  out.push_back(std::move(node));
}

void Analyzer::delete_target(const syntax::Expr& target, Block& out) {
  const syntax::SourceRange range = target.range;
  switch (target.kind) {
    case ExprKind::kName: {
      const std::string_view id = as<syntax::Name>(target).id;
      const auto local = context_->locals.find(id);
      const Symbol* symbol = find_symbol(id);
      if (symbol != nullptr && symbol->kind == SymbolKind::kVariable) {
        diagnostics_.error("delete", range, "a C variable cannot be deleted");
        return;
      }
      if (local == context_->locals.end())
        return do_helper(out, "er::delete_global", range, globals(range), str_constant(id, range));
      if (!local->second->type->is_counted()) {
        diagnostics_.error("delete", range, "a C variable cannot be deleted");
        return;
      }
      auto node = make_stmt<tree::Unbind>(range);
      node->variable = local->second;
      node->check = true;
      context_->bound.erase(local->second);
      out.push_back(std::move(node));
      return;
    }
    case ExprKind::kAttribute: {
      const auto& attribute = as<syntax::Attribute>(target);
      ExprPtr owner = expr(*attribute.value, object_);
      const Type& type = *owner->type;
      if (type.kind == TypeKind::kStruct || type.is_pointer()) {
        diagnostics_.error("delete", range, "a field of a C struct cannot be deleted");
        return;
      }
      return do_helper(out, "er::del_attr", range, to_object(std::move(owner)),
                       str_constant(attribute.attr.text, range));
    }
    case ExprKind::kSubscript: {
      const auto& subscript = as<syntax::Subscript>(target);
      ExprPtr container = expr(*subscript.value, object_);
      if (container->type->is_pointer_like() || container->type->buffer != nullptr ||
          container->type->is_view()) {
        diagnostics_.error("delete", range, "an item of C memory cannot be deleted");
        return;
      }
      container = to_object(std::move(container));
      return do_helper(out, "er::del_item", range, std::move(container), object(*subscript.slice));
    }
    case ExprKind::kTuple:
      for (const syntax::Expr* e : as<syntax::Tuple>(target).elts) delete_target(*e, out);
      return;
    case ExprKind::kList:
      for (const syntax::Expr* e : as<syntax::ListExpr>(target).elts) delete_target(*e, out);
      return;
    default:
      diagnostics_.error("delete", range, "this cannot be deleted");
  }
}

// ---- imports ----

void Analyzer::import_statement(const syntax::Import& stmt, Block& out) {
  for (const syntax::Alias& alias : stmt.names) {
    const std::string name(alias.name.text);
    if (name == "cython" || name.starts_with("cython.")) continue;
    const std::size_t dot = name.find('.');
    const bool is_renamed = !alias.asname.empty();
    const char* helper_name =
        is_renamed && dot != std::string::npos ? "er::import_dotted" : "er::import_top";
    ExprPtr module = object_helper(helper_name, alias.range, globals(alias.range),
                                   str_constant(name, alias.range));
    assign_name(is_renamed ? alias.asname.text : std::string_view(name).substr(0, dot),
                std::move(module), out, alias.range);
  }
}

// A class that is both cimported and imported from its module.
bool Analyzer::is_cimported_class(std::string_view bound, std::string_view module,
                                  std::string_view name) {
  const Symbol* symbol = find_symbol(bound);
  if (symbol == nullptr || symbol->kind != SymbolKind::kType) return false;
  const tree::ExtensionClass* extension = symbol->type->extension;
  return extension != nullptr && extension->module == module && extension->name == name;
}

void Analyzer::import_from(const syntax::ImportFrom& stmt, Block& out) {
  const std::string_view from = stmt.module.text;
  if (from == "__future__" ||
      (stmt.level == 0 && (from == "cython" || from.starts_with("cython."))))
    return;
  tree::Constant names{tree::ConstantKind::kTuple, {}, 0, {}};
  for (const syntax::Alias& alias : stmt.names) {
    ExprPtr name = str_constant(alias.name.text, alias.range);
    names.items.push_back(tree::as<tree::PyConstant>(*name).index);
  }
  Variable* module =
      keep(object_helper("er::import_name", stmt.range, globals(stmt.range),
                         str_constant(stmt.module.text, stmt.range),
                         constant(std::move(names), ObjectClass::kTuple, stmt.range),
                         c_literal(types_.int_type(), std::to_string(stmt.level), stmt.range)),
           out);
  for (const syntax::Alias& alias : stmt.names) {
    if (alias.name.text == "*") {
      const bool has_variables =
          std::any_of(scope_.names.begin(), scope_.names.end(),
                      [](const auto& entry) { return entry.second.kind == SymbolKind::kVariable; });
      if (has_variables)
        not_supported(alias.range, "'import *' in a module with C variables of its own");
      do_helper(out, "er::import_star", alias.range, globals(alias.range),
                variable(module, alias.range));
      continue;
    }
    ExprPtr value = object_helper("er::import_from", alias.range, variable(module, alias.range),
                                  str_constant(alias.name.text, alias.range));
    const std::string_view bound = alias.asname.empty() ? alias.name.text : alias.asname.text;
    if (is_cimported_class(bound, from, alias.name.text)) continue;
    assign_name(bound, std::move(value), out, alias.range);
  }
}

// ---- C variables, print ----

// The initial values; the names are known already.
// Once per function; of variables in its blocks that take the GIL there is nothing to say.
void Analyzer::refuse_local_without_gil(const Variable& local) {
  const bool lacks_gil = !context_->has_gil && !context_->is_gil_known;
  if (!lacks_gil || !local.type->is_object() || local.type == types_.error()) return;
  if (!context_->refused.insert("locals without the GIL").second) return;
  diagnostics_
      .error("needs-gil", context_->function->range,
             "Function declared nogil has Python locals or temporaries")
      .hint("declare " + syntax::in_quotes(local.name) + " in a 'with gil:'");
}

void Analyzer::local_c_variables(const syntax::CVarDef& def, Block& out) {
  for (const syntax::CDeclarator& declarator : def.declarators) {
    const auto local = context_->locals.find(declarator.name.text);
    if (local != context_->locals.end()) refuse_local_without_gil(*local->second);
    const Symbol* symbol = scope_.find(declarator.name.text);
    if (local == context_->locals.end() && symbol == nullptr) {
      not_supported(declarator.range, "C variables of the module that are declared here");
      continue;
    }
    if (declarator.value == nullptr) continue;
    Variable* target = local != context_->locals.end() ? local->second
                       : symbol != nullptr             ? symbol->variable
                                                       : nullptr;
    if (target == nullptr || refuse_const_array(*target, declarator.range)) continue;
    assign_to_variable(target, expr(*declarator.value, target->type), out, declarator.range);
  }
}

void Analyzer::print_statement(const syntax::Print& stmt, Block& out) {
  if (!context_->has_gil)
    return taking_gil(stmt.range, out, [&](Block& within) { print_statement(stmt, within); });
  auto node = make<tree::Helper>(types_.int_type(), stmt.range);
  node->name = "er::print";
  node->fail = Fail::kMinusOne;
  node->args.push_back(stmt.file != nullptr ? object(*stmt.file)
                                            : c_literal(object_, "nullptr", stmt.range));
  node->args.push_back(c_literal(types_.bint(), stmt.newline ? "1" : "0", stmt.range));
  for (const syntax::Expr* value : stmt.values) node->args.push_back(object(*value));
  add_expr(out, std::move(node));
}

}  // namespace engineroom::sema
