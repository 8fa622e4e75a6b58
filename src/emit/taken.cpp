// New objects as arguments. `a * b + 1` could be a temporary for the product, a test of it, one for
// the sum, and a test of that. But an operation can take its operand over, drop it when it is done,
// and fail if it is null: the product stands nested (er::Taken, runtime/taken.h), and one test
// tells whether all went well. That is half of the text, and half of what Clang and LLVM have to
// do.
//
// It is right only if nothing happens between the two that is not to happen after a failure: the
// arguments behind the taken one must be there already.
#include <map>
#include <string_view>

#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::as;
using tree::ExprKind;
using tree::Fail;

namespace {

constexpr int kMaxNested = 16;

// Which arguments have an er::Taken form: bit i is the i-th.
unsigned takes(std::string_view helper) {
  static const std::map<std::string_view, unsigned> kTaking = {
      {"er::add", 3},         {"er::subtract", 3},       {"er::multiply", 3},
      {"er::true_divide", 3}, {"er::floor_divide", 3},   {"er::remainder", 3},
      {"er::power", 3},       {"er::matmul", 3},         {"er::lshift", 3},
      {"er::rshift", 3},      {"er::bit_and", 3},        {"er::bit_or", 3},
      {"er::bit_xor", 3},     {"er::negative", 1},       {"er::positive", 1},
      {"er::invert", 1},      {"er::compare", 3},        {"er::compare_true", 3},
      {"er::truth", 1},       {"er::contains", 3},       {"er::get_item", 3},
      {"er::set_item", 4},    {"er::set_item_index", 4}, {"er::get_attr", 1},
      {"er::set_attr", 4},    {"er::store_global", 4},   {"er::call", 1},
      {"er::call_method", 1}, {"er::list_append", 2},    {"er::set_add", 2},
      {"er::len", 1},
  };
  if (helper.starts_with("er::from_object<")) return 1;
  const auto found = kTaking.find(helper);
  return found == kTaking.end() ? 0 : found->second;
}

// An object stays what it is when it is declared as something else.
const tree::Expr& without_casts(const tree::Expr& expr) {
  const auto* cast = tree::try_as<tree::Cast>(&expr);
  const bool is_same = cast != nullptr && cast->type->is_object() && cast->value->type->is_object();
  return is_same ? without_casts(*cast->value) : expr;
}

}  // namespace

bool FunctionEmitter::makes_object(const tree::Expr& expr) {
  const tree::Expr& made = without_casts(expr);
  if (made.kind == ExprKind::kMakeFunction) return true;
  const auto* helper = tree::try_as<tree::Helper>(&made);
  return helper != nullptr && helper->type->is_object() && !helper->is_borrowed &&
         (helper->fail == Fail::kNull || helper->fail == Fail::kNever);
}

// Is its value there, whatever is evaluated first?
bool FunctionEmitter::is_settled(const tree::Expr& expr) {
  if (const auto* ref = tree::try_as<tree::VariableRef>(&expr)) {
    return !ref->variable->is_global() && (!ref->check_bound || bound_.contains(ref->variable));
  }
  const Effects& effects = effects_(expr);
  return !effects.has_statements && !effects.is_active && !effects.reads_memory;
}

int FunctionEmitter::taken_argument(const tree::Helper& expr) {
  const unsigned taking = takes(expr.name);
  if (taking == 0 || n_taken_around_ >= kMaxNested || faster_name(expr) != expr.name) return -1;
  // Pointers into the object must not outlive it.
  if (expr.name.starts_with("er::from_object<") && !expr.type->is_integral() &&
      !expr.type->is_float())
    return -1;
  int taken = static_cast<int>(expr.args.size()) - 1;
  while (taken >= 0 && !makes_object(*expr.args[static_cast<std::size_t>(taken)])) {
    if (!is_settled(*expr.args[static_cast<std::size_t>(taken)])) return -1;
    --taken;
  }
  if (taken < 0 || (taking >> taken & 1) == 0) return -1;
  const tree::Expr& object = *expr.args[static_cast<std::size_t>(taken)];
  // A failure has one place.
  if (line_of(object.range) != line_of(expr.range)) return -1;
  const std::set<const tree::Variable*>& writes = effects_(object).writes;
  for (std::size_t i = static_cast<std::size_t>(taken) + 1; i < expr.args.size(); ++i)
    if (overlap(writes, effects_(*expr.args[i]).reads)) return -1;
  return taken;
}

std::string FunctionEmitter::new_object_text(const tree::Expr& expr) {
  const tree::Expr& made = without_casts(expr);
  if (made.kind == ExprKind::kMakeFunction) return make_function_text(as<tree::MakeFunction>(made));
  return helper_text(as<tree::Helper>(made));
}

std::string FunctionEmitter::taken_text(const tree::Expr& expr) {
  ++n_taken_around_;
  std::string text = "er::Taken{" + new_object_text(expr) + "}";
  --n_taken_around_;
  return text;
}

// The truth of an item: it need not be referred to. "" if it is something else.
std::string FunctionEmitter::item_truth_text(const tree::Helper& expr) {
  if (expr.name != "er::truth") return "";
  const auto* item = tree::try_as<tree::Helper>(expr.args[0].get());
  if (item == nullptr || line_of(item->range) != line_of(expr.range)) return "";
  if (item->name != "er::get_item" && item->name != "er::get_item_index") return "";
  const std::string name = item->name == "er::get_item" ? "er::item_truth" : "er::item_truth_index";
  return name + "(" + joined(arguments(*item)) + ")";
}

}  // namespace engineroom::emit
