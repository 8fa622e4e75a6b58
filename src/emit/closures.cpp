// Variables that functions share with functions inside them, which live in objects of the heap:
//
//   struct er_scope_1 { er::Global v_x; int v_n; };       // the objects come first
//
//   er::Ref s_1; er_scope_1* c_1 = nullptr;               // in the function that makes it
//   if (!s_1.set(er::new_scope(sizeof(er_scope_1), 1, 0, nullptr))) …
//   c_1 = er::scope_members<er_scope_1>(s_1);
//
//   PyObject* const s_1 = er::scope_of(er_self);          // in a function that was made in it
//   er_scope_1* const c_1 = er::scope_members<er_scope_1>(s_1);
//
// Otherwise such a variable is what a C variable of the module is.
#include "emit/closures.h"

#include <algorithm>

#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::ClosureScope;
using tree::Variable;

namespace {

std::string struct_name(const ClosureScope& scope) { return "er_scope_" + scope.id; }
std::string owner_name(const ClosureScope& scope) { return "s_" + scope.id; }

// A member's text, in the order in which they stand in the struct.
template <typename See>
void for_each_member(const ClosureScope& scope, const See& see) {
  const auto rank = [](const Variable& variable) {
    return variable.type->is_object() ? 0 : variable.type->is_view() ? 1 : 2;
  };
  for (const int wanted : {0, 1, 2})
    for (const ClosureScope::Member& member : scope.members)
      if (rank(*member.variable) == wanted) see(member);
}

}  // namespace

void define_scopes(const tree::Module& module, Writer& out) {
  for (const ClosureScope& scope : module.scopes) {
    out.open("struct " + struct_name(scope));
    for_each_member(scope, [&](const ClosureScope::Member& member) {
      out.line(global_declaration(*member.variable->type, member.cpp) + ";");
    });
    out.close("};");
  }
}

std::string global_declaration(const tree::Type& type, const std::string& name) {
  if (type.is_view()) return "er::GlobalView<" + type.cpp + "> " + name;
  return type.is_object() ? "er::Global " + name : declare(type, name);
}

std::string FunctionEmitter::scope_owner(const ClosureScope* scope) {
  return scope != nullptr ? owner_name(*scope) : "nullptr";
}

bool FunctionEmitter::is_free(const Variable& variable) const {
  if (!variable.is_captured()) return false;
  return std::find(function_.scopes.begin(), function_.scopes.end(), variable.scope) ==
         function_.scopes.end();
}

void FunctionEmitter::declare_scopes(Writer& head) const {
  std::string owner = "er::scope_of(er_self)";
  for (const ClosureScope* scope = function_.outer_scope; scope != nullptr; scope = scope->outer) {
    const std::string type = struct_name(*scope);
    head.line("PyObject* const " + owner_name(*scope) + " = " + owner + ";");
    head.line(type + "* const " + scope->cpp + " = er::scope_members<" + type + ">(" +
              owner_name(*scope) + ");");
    owner = "er::outer_scope(" + owner_name(*scope) + ")";
  }
  for (const ClosureScope* scope : function_.scopes) {
    head.line("er::Ref " + owner_name(*scope) + ";");
    head.line(struct_name(*scope) + "* " + scope->cpp + " = nullptr;");
  }
}

void FunctionEmitter::make_scope(const tree::MakeScope& stmt) {
  const ClosureScope& scope = *stmt.scope;
  const std::string owner = owner_name(scope);
  const std::string type = struct_name(scope);
  int n_objects = 0;
  std::vector<std::string> views;
  for_each_member(scope, [&](const ClosureScope::Member& member) {
    n_objects += member.variable->type->is_object();
    if (member.variable->type->is_view())
      views.push_back("&" + scope.cpp + "->" + member.cpp + ".memory");
  });
  out_.line("if (!" + owner + ".set(er::new_scope(" +
            joined({"sizeof(" + type + ")", std::to_string(n_objects), std::to_string(views.size()),
                    scope_owner(scope.outer)}) +
            "))) " + fail(stmt.range));
  out_.line(scope.cpp + " = er::scope_members<" + type + ">(" + owner + ");");
  if (!views.empty()) out_.line("er::set_scope_views(" + owner + ", {" + joined(views) + "});");
}

}  // namespace engineroom::emit
