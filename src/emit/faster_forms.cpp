// Calls that have a faster form for what is known of them here. What is not known, the faster forms
// find out when they run (runtime/builtins.h).
#include <map>
#include <set>

#include "emit/function_emitter.h"

namespace engineroom::emit {

using tree::Variable;

namespace {

struct Form {
  std::size_t n_args;
  const char* name;
};
using Forms = std::multimap<std::string_view, Form>;

std::string form_of(const Forms& forms, std::string_view name, std::size_t n_args) {
  const auto [begin, end] = forms.equal_range(name);
  for (auto i = begin; i != end; ++i)
    if (i->second.n_args == n_args) return i->second.name;
  return "";
}

}  // namespace

// The text of a constant that is a name; "" if it is none.
std::string FunctionEmitter::name_of(const tree::Expr& expr) const {
  const auto* constant = tree::try_as<tree::PyConstant>(&expr);
  if (constant == nullptr) return "";
  const tree::Constant& value = context_.module.constants[constant->index];
  return value.kind == tree::ConstantKind::kStr ? value.text : "";
}

// Of a call whose callee is a global of Python.
std::string FunctionEmitter::called_global(const tree::Helper& call) const {
  const bool is_call = call.name == "er::call" && !call.args.empty();
  const auto* callee = is_call ? tree::try_as<tree::Helper>(call.args[0].get()) : nullptr;
  const bool is_global =
      callee != nullptr && callee->name == "er::load_global" && callee->args.size() == 2;
  return is_global ? name_of(*callee->args[1]) : "";
}

std::string FunctionEmitter::global_cache(const tree::Expr& name) {
  const auto* constant = tree::try_as<tree::PyConstant>(&name);
  if (constant == nullptr) return "";
  context_.uses_global_caches = true;
  return "er_caches[" + std::to_string(constant->index) + "]";
}

// Helpers whose arguments after the first few are a list in braces.
int FunctionEmitter::n_fixed_arguments(const std::string& name) {
  static const std::map<std::string_view, int> kLists = {
      {"er::make_tuple", 0},  {"er::make_list", 0}, {"er::make_set", 0},
      {"er::make_dict", 0},   {"er::join_str", 0},  {"er::call", 1},
      {"er::call_method", 2}, {"er::call_kw", 2},   {"er::print", 2},
  };
  const auto found = kLists.find(name);
  return found == kLists.end() ? -1 : found->second;
}

// The function to call in place of the helper; mostly itself.
std::string FunctionEmitter::faster_name(const tree::Helper& expr) const {
  static const Forms kFunctions = {{"isinstance", {2, "er::call_isinstance"}},
                                   {"abs", {1, "er::call_abs"}},
                                   {"min", {2, "er::call_min"}},
                                   {"max", {2, "er::call_max"}}};
  static const Forms kMethods = {{"get", {1, "er::call_get"}}, {"get", {2, "er::call_get"}}};
  std::string name;
  if (expr.name == "er::call")
    name = form_of(kFunctions, called_global(expr), expr.args.size() - 1);
  if (expr.name == "er::call_method")
    name = form_of(kMethods, name_of(*expr.args[1]), expr.args.size() - 2);
  return name.empty() ? expr.name : name;
}

// The text of a helper whose result is not wanted, but for -1 after an error; "" of all others.
std::string FunctionEmitter::dropped_text(const tree::Helper& expr) {
  static const Forms kMethods = {{"append", {1, "er::do_append"}}, {"add", {1, "er::do_add"}}};
  if (expr.name != "er::call_method") return "";
  const std::string name = form_of(kMethods, name_of(*expr.args[1]), expr.args.size() - 2);
  if (name.empty()) return "";
  const std::vector<Value> args =
      values({expr.args[0].get(), expr.args[1].get(), expr.args[2].get()});
  return name + "(" + args[0].text + ", " + args[1].text + ", {" + args[2].text + "})";
}

// The text of `x = a + b` or `x += b`, where x is a local object: true if it was done. "" of all
// others.
std::string FunctionEmitter::operated_text(const Variable& target, const tree::Helper& expr) {
  // Those of which runtime/operators.h has a form with a target.
  static const std::set<std::string_view> kOperators = {
      "er::add",         "er::subtract",         "er::multiply",
      "er::true_divide", "er::floor_divide",     "er::remainder",
      "er::inplace_add", "er::inplace_subtract", "er::inplace_multiply"};
  if (!kOperators.contains(expr.name)) return "";
  const auto* left = tree::try_as<tree::VariableRef>(expr.args[0].get());
  const bool is_sum =
      expr.name == "er::inplace_add" && left != nullptr && left->variable == &target;
  const std::vector<Value> args = values({expr.args[0].get(), expr.args[1].get()});
  // Not so if evaluating b changes x.
  if (is_sum && args[0].form == Form::kVariable)
    return "er::add_to(" + args[0].text + ", " + args[1].text + ")";
  return expr.name + "(" + target.cpp + ", " + args[0].text + ", " + args[1].text + ")";
}

// Is it a call of what is probably range()?
bool FunctionEmitter::is_range(const tree::Expr& iterable) const {
  const auto* call = tree::try_as<tree::Helper>(&iterable);
  if (call == nullptr || call->args.size() < 2 || call->args.size() > 4) return false;
  const std::string name = called_global(*call);
  return name == "range" || name == "xrange";
}

}  // namespace engineroom::emit
