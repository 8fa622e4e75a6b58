// What calls of Python's builtins mean here: some are done in C where their arguments are of C,
// some need what only the compiler knows (the module's globals, a function's locals), and of most
// the class of the result is known.
#include <algorithm>
#include <array>

#include "sema/analyzer.h"
#include "sema/assigned.h"

namespace engineroom::sema {

using syntax::as;
using syntax::ExprKind;

namespace {

// Builtins that take everything out of a generator at once, so that a list does as well.
constexpr std::array<std::string_view, 11> kConsumers = {"list",      "tuple", "set",      "sorted",
                                                         "sum",       "min",   "max",      "dict",
                                                         "frozenset", "bytes", "bytearray"};

struct Result {
  std::string_view name;
  ObjectClass object_class;
};

// Of functions, and of classes that make nothing but their own instances.
constexpr std::array<Result, 22> kResults = {{{"ascii", ObjectClass::kStr},
                                              {"bin", ObjectClass::kStr},
                                              {"bool", ObjectClass::kBool},
                                              {"bytearray", ObjectClass::kByteArray},
                                              {"bytes", ObjectClass::kBytes},
                                              {"chr", ObjectClass::kStr},
                                              {"complex", ObjectClass::kComplex},
                                              {"dict", ObjectClass::kDict},
                                              {"float", ObjectClass::kFloat},
                                              {"format", ObjectClass::kStr},
                                              {"frozenset", ObjectClass::kFrozenSet},
                                              {"hex", ObjectClass::kStr},
                                              {"int", ObjectClass::kInt},
                                              {"list", ObjectClass::kList},
                                              {"oct", ObjectClass::kStr},
                                              {"range", ObjectClass::kRange},
                                              {"repr", ObjectClass::kStr},
                                              {"set", ObjectClass::kSet},
                                              {"slice", ObjectClass::kSlice},
                                              {"sorted", ObjectClass::kList},
                                              {"str", ObjectClass::kStr},
                                              {"tuple", ObjectClass::kTuple}}};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Methods of str, bytes and bytearray that return their own class, and those that return a list.
constexpr std::array<std::string_view, 21> kSameClass = {
    "capitalize", "casefold", "center",   "expandtabs",   "format",       "format_map", "join",
    "ljust",      "lower",    "lstrip",   "removeprefix", "removesuffix", "replace",    "rjust",
    "rstrip",     "strip",    "swapcase", "title",        "translate",    "upper",      "zfill"};
constexpr std::array<std::string_view, 3> kLists = {"split", "rsplit", "splitlines"};
constexpr std::array<std::string_view, 5> kSetAlgebra = {"copy", "difference", "intersection",
                                                         "symmetric_difference", "union"};

}  // namespace

bool Analyzer::is_builtin(std::string_view name) {
  for (const auto& scope : inner_scopes_)
    if (scope.contains(name)) return false;
  for (const FunctionContext* context = context_; context != nullptr; context = context->outer)
    if (context->locals.contains(name)) return false;
  const ModuleNames& names = module_names();
  return find_symbol(name) == nullptr && !names.binds(name) && !names.rebound.contains(name) &&
         !(options_.is_known && options_.is_known(name));
}

const Type* Analyzer::builtin_result(std::string_view name) const {
  const auto* found = std::find_if(kResults.begin(), kResults.end(),
                                   [name](const Result& known) { return known.name == name; });
  return types_.object(found == kResults.end() ? ObjectClass::kAny : found->object_class);
}

const Type* Analyzer::method_result(ObjectClass owner, std::string_view name) const {
  ObjectClass result = ObjectClass::kAny;
  switch (owner) {
    case ObjectClass::kStr:
    case ObjectClass::kBytes:
    case ObjectClass::kByteArray:
      if (is_one_of(name, kSameClass)) result = owner;
      if (is_one_of(name, kLists)) result = ObjectClass::kList;
      if (name == "partition" || name == "rpartition") result = ObjectClass::kTuple;
      if (name == "encode") result = ObjectClass::kBytes;
      if (name == "decode" || name == "hex") result = ObjectClass::kStr;
      break;
    case ObjectClass::kSet:
    case ObjectClass::kFrozenSet:
      if (is_one_of(name, kSetAlgebra)) result = owner;
      break;
    case ObjectClass::kList:
    case ObjectClass::kDict:
      if (name == "copy") result = owner;
      break;
    default:
      break;
  }
  return types_.object(result);
}

// name(arguments), with the result's class.
template <typename... Args>
ExprPtr Analyzer::call_builtin(std::string_view name, const syntax::Call& call, Args... args) {
  ExprPtr callee = expr(*call.func);
  return helper("er::call", builtin_result(name), Fail::kNull, call.range, std::move(callee),
                std::move(args)...);
}

// Null: call Python's.
ExprPtr Analyzer::builtin_call(std::string_view name, const syntax::Call& call) {
  if (!is_builtin(name)) return nullptr;
  if ((name == "any" || name == "all") && is_plain(call))
    if (ExprPtr found = any_or_all(name == "any", call)) return found;
  if (!is_plain(call)) return nullptr;
  const std::size_t n = call.args.size();
  const bool takes_generator =
      n == 1 && call.args[0]->kind == ExprKind::kGeneratorExp && is_one_of(name, kConsumers);
  if (takes_generator) {
    const auto& generator = as<syntax::GeneratorExp>(*call.args[0]);
    ExprPtr list = comprehension(ObjectClass::kList, nullptr, *generator.elt, generator.generators,
                                 generator.range);
    return name == "list" ? std::move(list) : call_builtin(name, call, std::move(list));
  }
  if (ExprPtr namespaces = namespace_call(name, call)) return namespaces;
  if (name == "len" && n == 1) return len_call(call);
  if (name == "abs" && n == 1) return abs_call(call);
  if (name == "ord" && n == 1) {
    ExprPtr value = expr(*call.args[0]);
    if (value->type == types_.ucs4()) return coerce(std::move(value), types_.long_type());
    return call_builtin(name, call, to_object(std::move(value)));
  }
  if ((name == "min" || name == "max") && n >= 2) return min_max_call(name, call);
  if (name == "float" && n == 1) {
    ExprPtr value = expr(*call.args[0]);
    if (value->type->is_numeric() && !value->type->is_complex() && value->type != types_.ucs4())
      return coerce(std::move(value), types_.double_type());
    return call_builtin(name, call, to_object(std::move(value)));
  }
  return nullptr;
}

// any(test for x in xs): a loop that ends at the first one that decides. Null: not that.
ExprPtr Analyzer::any_or_all(bool is_any, const syntax::Call& call) {
  const auto* generator =
      call.args.size() == 1 ? syntax::try_as<syntax::GeneratorExp>(call.args[0]) : nullptr;
  if (generator == nullptr || generator->generators.size() != 1) return nullptr;
  const syntax::SourceRange range = call.range;
  auto block = make<tree::BlockExpr>(types_.bint(), range);
  Variable* result = keep(c_literal(types_.bint(), is_any ? "0" : "1", range), block->body);
  const auto innermost = [&](Block& out) {
    auto decides = make_stmt<tree::If>(generator->elt->range);
    decides->test = condition(*generator->elt);
    Block& found = is_any ? decides->body : decides->orelse;
    assign_variable(found, result, c_literal(types_.bint(), is_any ? "1" : "0", range), range);
    found.push_back(make_stmt<tree::Break>(range));
    out.push_back(std::move(decides));
  };
  ComprehensionScope before =
      open_comprehension(shared_names(generator->generators, {generator->elt}), block->body, range);
  comprehension_loops(generator->generators, 0, innermost, block->body,
                      seen_in(generator->generators, {generator->elt}), range);
  close_comprehension(std::move(before));
  block->result = variable(result, range);
  return block;
}

ExprPtr Analyzer::len_call(const syntax::Call& call) {
  ExprPtr value = expr(*call.args[0]);
  if (value->type->is_pointer() && value->type->base->rank == 1) {
    const Type* text = types_.pointer_to(types_.const_of(types_.char_type()));
    auto chars = make<tree::Cast>(text, call.range);
    chars->value = std::move(value);
    return helper("strlen", types_.find_int("size_t"), Fail::kNever, call.range, std::move(chars));
  }
  if (value->type->is_view()) return view_length(std::move(value), call.range);
  if (value->type->kind == TypeKind::kArray)
    return c_literal(types_.py_ssize_t(), value->type->size_text(), call.range);
  return helper("er::len", types_.py_ssize_t(), Fail::kMinusOne, call.range,
                to_object(std::move(value)));
}

ExprPtr Analyzer::abs_call(const syntax::Call& call) {
  ExprPtr value = expr(*call.args[0]);
  const Type* type = value->type;
  if (type->is_float()) return helper("er::abs", type, Fail::kNever, call.range, std::move(value));
  if (type->is_integral()) {
    // The smallest integer has no counterpart; those smaller than int have.
    const Type* result = types_.common(type, types_.int_type());
    const bool always_fits = !type->is_signed || (type->rank < 3 && !type->is_extern);
    return helper(always_fits ? "er::abs" : "er::checked_abs", result,
                  always_fits ? Fail::kNever : Fail::kFalse, call.range,
                  coerce(std::move(value), result));
  }
  if (type->is_complex())
    return helper("er::abs", type->base, Fail::kNever, call.range, std::move(value));
  return call_builtin("abs", call, to_object(std::move(value)));
}

ExprPtr Analyzer::min_max_call(std::string_view name, const syntax::Call& call) {
  std::vector<ExprPtr> values;
  for (const syntax::Expr* arg : call.args) values.push_back(expr(*arg));
  const bool is_c = std::all_of(values.begin(), values.end(), [](const ExprPtr& v) {
    return v->type->is_numeric() && !v->type->is_complex() && v->type->kind != TypeKind::kBint;
  });
  if (is_c) {
    const Type* type = values[0]->type;
    for (const ExprPtr& value : values) type = types_.common(type, value->type);
    ExprPtr result = coerce(std::move(values[0]), type);
    for (std::size_t i = 1; i < values.size(); ++i)
      result = helper(name == "min" ? "er::min" : "er::max", type, Fail::kNever, call.range,
                      std::move(result), coerce(std::move(values[i]), type));
    return result;
  }
  auto node = make<tree::Helper>(object_, call.range);
  node->name = "er::call";
  node->fail = Fail::kNull;
  node->args.push_back(expr(*call.func));
  for (ExprPtr& value : values) node->args.push_back(to_object(std::move(value)));
  return node;
}

// ---- namespaces ----

// Python's own would look at the frame that calls it, and compiled functions have none.
ExprPtr Analyzer::namespace_call(std::string_view name, const syntax::Call& call) {
  const syntax::SourceRange range = call.range;
  const std::size_t n = call.args.size();
  if (n == 0 && name == "globals") return globals(range);
  if (n == 0 && (name == "locals" || name == "vars")) return locals_dict(range);
  if (n == 0 && name == "dir")
    return helper("er::sorted_keys", types_.object(ObjectClass::kList), Fail::kNull, range,
                  locals_dict(range));
  if ((name != "eval" && name != "exec") || n == 0 || n > 3) return nullptr;
  // Without namespaces, what is assigned goes nowhere but into those of the module.
  ExprPtr code = object(*call.args[0]);
  ExprPtr in = n > 1 ? object(*call.args[1]) : none(range);
  ExprPtr with = n > 2                      ? object(*call.args[2])
                 : name == "eval" && n == 1 ? locals_dict(range)
                                            : none(range);
  return object_helper(name == "eval" ? "er::eval" : "er::exec", range, globals(range),
                       std::move(code), std::move(in), std::move(with));
}

// A new dict of the local variables that have a value; of a module, its globals.
ExprPtr Analyzer::locals_dict(syntax::SourceRange range) {
  if (context_->is_module) return globals(range);
  const Type* dict = types_.object(ObjectClass::kDict);
  auto block = make<tree::BlockExpr>(dict, range);
  Variable* made = keep(helper("er::make_dict", dict, Fail::kNull, range), block->body);
  const auto add = [&](Variable& local) {
    if (!can_be_object(*local.type)) return;
    Block* into = &block->body;
    if (local.type->is_view()) {
      auto bound = make_stmt<tree::If>(range);
      bound->test =
          helper("er::is_bound", types_.bint(), Fail::kNever, range, variable(&local, range));
      into = &bound->body;
      block->body.push_back(std::move(bound));
    }
    do_helper(*into, "er::dict_set_bound", range, variable(made, range),
              str_constant(local.name, range), to_object(variable(&local, range)));
  };
  std::set<const Variable*> own;
  for (Variable& local : context_->function->variables) {
    const auto known = context_->locals.find(local.name);
    if (known == context_->locals.end() || known->second != &local) continue;
    own.insert(&local);
    add(local);
  }
  for (const auto& [name, local] : context_->locals)
    if (!own.contains(local)) add(*local);
  block->result = variable(made, range);
  return block;
}

}  // namespace engineroom::sema
