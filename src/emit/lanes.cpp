#include "emit/lanes.h"

#include <algorithm>
#include <string_view>

#include "emit/effects.h"
#include "emit/inner_variables.h"
#include "emit/lane_checks.h"
#include "emit/memory_layout.h"
#include "emit/text.h"
#include "tree/children.h"

namespace engineroom::emit {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::StmtKind;
using tree::Type;
using tree::TypeKind;
using tree::Variable;

namespace {

const Type& plain(const Type& type) {
  return type.unqualified != nullptr ? *type.unqualified : type;
}

bool is_lane_number(const Type& type) {
  const Type& t = plain(type);
  if (t.kind == TypeKind::kComplex) return !t.is_soft && t.base->is_float() && t.base->rank <= 2;
  if (t.is_float()) return t.rank <= 2;
  return t.kind == TypeKind::kBint || (t.kind == TypeKind::kInt && !t.is_extern);
}

std::string lanes_of(const Type& type) {
  const Type& t = plain(type);
  if (t.is_complex()) return "er::Complex<er::Lanes<" + t.base->cpp + ">>";
  return "er::Lanes<" + t.cpp + ">";
}

// C's functions of a double that are an instruction.
const std::map<std::string_view, const char*>& instructions() {
  static const std::map<std::string_view, const char*> kInstructions = {
      {"sqrt", "__builtin_elementwise_sqrt"},   {"fabs", "__builtin_elementwise_abs"},
      {"floor", "__builtin_elementwise_floor"}, {"ceil", "__builtin_elementwise_ceil"},
      {"trunc", "__builtin_elementwise_trunc"},
  };
  return kInstructions;
}

bool is_comparison(std::string_view op) {
  return op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=";
}

bool is_literal(const Expr& expr, std::string_view digits) {
  if (const auto* cast = tree::try_as<tree::Cast>(&expr)) return is_literal(*cast->value, digits);
  const auto* literal = tree::try_as<tree::Literal>(&expr);
  if (literal == nullptr) return false;
  std::string_view text = literal->cpp;
  while (!text.empty() && (text.back() == 'L' || text.back() == 'U')) text.remove_suffix(1);
  return text == digits;
}

bool counts_by_one(const tree::CountLoop& loop) {
  return (loop.step == nullptr || is_literal(*loop.step, "1")) && loop.step_sign == 1 &&
         !loop.includes_stop && !loop.counts_in_variable;
}

// A value, and in which form it is there.
struct LaneValue {
  enum class Form : std::uint8_t {
    kScalar,  // one for all lanes
    kLanes,
    kMask,  // a condition
  };
  std::string text;
  Form form = Form::kScalar;
};

using Form = LaneValue::Form;

// Writes statements for all lanes. What it has no form for makes it fail as a whole.
class LaneWriter {
 public:
  // `inside`: null if turns must not read memory; else subscripts that need no check.
  explicit LaneWriter(LaneFunctions& functions, const std::set<const Expr*>* inside = nullptr)
      : functions_(functions), inside_(inside) {}

  bool is_fine() const { return is_fine_; }
  const Refusal& refusal() const { return refusal_; }
  bool has_inner_loop() const { return has_inner_loop_; }
  int n_stores() const { return n_stores_; }
  const Writer& text() const { return out_; }

  // Of a CountLoop or ParallelLoop.
  template <typename Loop>
  void turns(const Loop& loop, const std::string& counter, const std::string& stop);
  void function(const tree::Function& function, const std::string& signature,
                const VariableSet& in_lanes);

 private:
  enum class Place : std::uint8_t {
    kAll,   // the function, or the turn
    kLoop,  // lanes that are still in an inner loop
    kTurn,  // of these, the ones that have not said `continue`
    kPart,  // under a condition
  };
  struct Level {
    std::string mask;
    Place place;
  };

  // The first reason counts.
  LaneValue give_up(const char* why = "there is no form of this for several turns at once") {
    if (is_fine_) refusal_ = {at_, why};
    is_fine_ = false;
    return {"0"};
  }
  std::string new_name(const char* prefix) { return prefix + std::to_string(++n_names_); }
  const std::string& mask() const { return levels_.back().mask; }

  // ---- values ----
  LaneValue value(const Expr& expr);
  LaneValue value_of(const Expr& expr);
  LaneValue variable(const Variable& variable);
  LaneValue binary(const tree::Binary& expr);
  template <typename Make>
  auto unconditional(const Make& make);
  LaneValue logical(const tree::Logical& expr);
  LaneValue cast(const tree::Cast& expr);
  LaneValue call(const tree::Call& expr);
  LaneValue conditional(const tree::Conditional& expr);
  template <typename Make>
  auto under(const std::string& condition, const Make& make);
  // ---- memory ----
  LaneValue load(const Expr& expr);
  LaneValue load_item(const tree::BufferItem& item);
  bool needs_check(const tree::BufferItem& item, const Expr& index, bool wraps) const;
  std::optional<std::string> first_index(const Expr& index) const;
  std::string lanes(const LaneValue& value, const Type& type);
  std::string lanes(const Expr& expr) { return lanes(value(expr), *expr.type); }
  std::string condition(const Expr& expr);
  std::string scalar(const Expr& expr);

  // ---- statements ----
  void declare(const VariableSet& variables);
  void block(const tree::Block& block);
  void statement(const tree::Stmt& stmt);
  void assign(const tree::Assign& stmt);
  void store(const Expr& target, const Expr& value);
  std::string first_item(const tree::BufferItem& item);
  void if_statement(const tree::If& stmt);
  void while_loop(const tree::While& stmt);
  void count_loop(const tree::CountLoop& stmt);
  void inner_body(const tree::Block& body);
  template <typename Body>
  void in_loop(const tree::Stmt& loop, const Body& body);
  void leave(Place as_far_as);
  bool keeps_others(const Variable& variable) const;
  bool follows_lanes(const Expr& index) const;

  LaneFunctions& functions_;
  const std::set<const Expr*>* inside_;
  Refusal refusal_;
  syntax::SourceRange at_;  // what is being written
  Writer out_;
  int n_names_ = 0;
  bool is_fine_ = true;
  bool has_inner_loop_ = false;
  int n_loop_calls_ = 0;  // calls of functions with loops, so far
  int n_stores_ = 0;
  VariableSet in_lanes_;
  const Variable* turn_variable_ = nullptr;
  std::string counter_;              // the turn variable's value in the first lane
  std::string n_left_;               // how many turns there are from there
  std::vector<std::string> checks_;  // to be made before anything else
  const Type* result_ = nullptr;
  std::vector<Level> levels_;
  int n_loops_ = 0;        // around the current statement
  ReadCounts reads_;       // in the whole
  ReadCounts loop_reads_;  // in the outermost inner loop
};

// ---- values ----

std::string LaneWriter::lanes(const LaneValue& value, const Type& type) {
  const Type& t = plain(type);
  switch (value.form) {
    case Form::kLanes:
      return value.text;
    case Form::kMask:
      return "er::from_mask<" + t.cpp + ">(" + value.text + ")";
    case Form::kScalar:
      if (t.is_complex()) return "er::splat(" + t.cpp + "(" + value.text + "))";
      return "er::splat<" + t.cpp + ">(" + value.text + ")";
  }
  return "";
}

// A Mask, or a C condition if it is the same for all lanes.
std::string LaneWriter::condition(const Expr& expr) {
  const LaneValue made = value(expr);
  if (made.form == Form::kMask) return made.text;
  if (made.form == Form::kLanes) return "er::mask(" + made.text + ")";
  return "er::splat_mask(" + made.text + ")";
}

std::string LaneWriter::scalar(const Expr& expr) {
  const LaneValue made = value(expr);
  return made.form == Form::kScalar ? made.text : give_up().text;
}

LaneValue LaneWriter::value(const Expr& expr) {
  if (!is_fine_) return {"0"};
  const syntax::SourceRange around = std::exchange(at_, expr.range);
  LaneValue made = value_of(expr);
  at_ = around;
  return made;
}

LaneValue LaneWriter::value_of(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kLiteral:
      return is_lane_number(*expr.type) ? LaneValue{as<tree::Literal>(expr).cpp} : give_up();
    case ExprKind::kVariable:
      return variable(*as<tree::VariableRef>(expr).variable);
    case ExprKind::kUnary: {
      const auto& unary = as<tree::Unary>(expr);
      if (std::string_view(unary.op) == "!") {
        const LaneValue made = value(*unary.operand);
        if (made.form == Form::kScalar) return {"!(" + made.text + ")"};
        return {"~" + condition(*unary.operand), Form::kMask};
      }
      const LaneValue made = value(*unary.operand);
      if (made.form == Form::kScalar) return {std::string(unary.op) + "(" + made.text + ")"};
      if (plain(*unary.operand->type).cpp != plain(*expr.type).cpp) return give_up();
      return {unary.op + ("(" + lanes(made, *expr.type)) + ")", Form::kLanes};
    }
    case ExprKind::kBinary:
      return binary(as<tree::Binary>(expr));
    case ExprKind::kLogical:
      return logical(as<tree::Logical>(expr));
    case ExprKind::kConditional:
      return conditional(as<tree::Conditional>(expr));
    case ExprKind::kCall:
      return call(as<tree::Call>(expr));
    case ExprKind::kField: {
      const auto& access = as<tree::FieldAccess>(expr);
      if (!access.value->type->is_complex()) return give_up();
      const LaneValue made = value(*access.value);
      return {"(" + made.text + ")." + access.cpp, made.form};
    }
    case ExprKind::kCast:
      return cast(as<tree::Cast>(expr));
    case ExprKind::kIndex:
    case ExprKind::kBufferItem:
      return load(expr);
    default:
      return give_up();
  }
}

LaneValue LaneWriter::variable(const Variable& variable) {
  if (in_lanes_.contains(&variable)) return {variable.cpp, Form::kLanes};
  const bool is_plain = is_lane_number(*variable.type) || variable.type->is_pointer();
  return is_plain && !variable.is_global() ? LaneValue{variable.cpp} : give_up();
}

LaneValue LaneWriter::binary(const tree::Binary& expr) {
  const LaneValue left = value(*expr.left);
  const LaneValue right = value(*expr.right);
  const std::string_view op = expr.op;
  const std::string sign = " " + std::string(op) + " ";
  if (!is_lane_number(*expr.left->type) || !is_lane_number(*expr.right->type)) return give_up();
  // What nobody asked for is computed as well, where it must do no harm: division of integers may
  // be by zero, and a shift too far.
  const bool may_trap =
      (op == "/" || op == "%") && !expr.left->type->is_float() && !expr.left->type->is_complex();
  const bool is_shift = op == "<<" || op == ">>";
  if ((may_trap || is_shift) && tree::try_as<tree::Literal>(expr.right.get()) == nullptr)
    return give_up();
  if (left.form == Form::kScalar && right.form == Form::kScalar)
    return {"(" + left.text + sign + right.text + ")"};
  const Type& type = plain(*expr.left->type);
  if (plain(*expr.right->type).cpp != type.cpp) return give_up();
  const std::string text = lanes(left, type) + sign + lanes(right, type);
  if (is_comparison(op)) {
    if (type.is_complex()) return give_up();
    return {"er::mask(" + text + ")", Form::kMask};
  }
  const bool divides = op == "/" || op == "%";
  if (divides && !type.is_float()) return give_up();
  // Smaller integers are promoted in C, not in vectors.
  if (plain(*expr.type).cpp != type.cpp) return give_up();
  return {"(" + text + ")", Form::kLanes};
}

// What is evaluated for lanes that would not get here: a loop might never end for them.
template <typename Make>
auto LaneWriter::unconditional(const Make& make) {
  const int before = n_loop_calls_;
  auto made = make();
  if (n_loop_calls_ != before) is_fine_ = false;
  return made;
}

// What is evaluated for some of the lanes: others must not read memory for it.
template <typename Make>
auto LaneWriter::under(const std::string& condition, const Make& make) {
  levels_.push_back({"(" + mask() + " & " + condition + ")", Place::kPart});
  auto made = make();
  levels_.pop_back();
  return made;
}

LaneValue LaneWriter::logical(const tree::Logical& expr) {
  if (expr.test != nullptr) return give_up();
  const LaneValue left = value(*expr.left);
  if (left.form == Form::kScalar) {
    const LaneValue right = value(*expr.right);
    if (right.form == Form::kScalar)
      return {"(" + left.text + (expr.is_and ? " && " : " || ") + right.text + ")"};
  }
  const std::string sign = expr.is_and ? " & " : " | ";
  if (inside_ != nullptr) {
    const std::string first = new_name("m");
    out_.line("const er::Mask " + first + " = " + condition(*expr.left) + ";");
    const std::string second = under(expr.is_and ? first : "~" + first, [&] {
      return unconditional([&] { return condition(*expr.right); });
    });
    return {"(" + first + sign + second + ")", Form::kMask};
  }
  return {"(" + condition(*expr.left) + sign +
              unconditional([&] { return condition(*expr.right); }) + ")",
          Form::kMask};
}

LaneValue LaneWriter::conditional(const tree::Conditional& expr) {
  if (!is_lane_number(*expr.type)) return give_up();
  if (inside_ != nullptr) {
    const std::string test = new_name("m");
    out_.line("const er::Mask " + test + " = " + condition(*expr.test) + ";");
    const auto side = [&](const Expr& one, const std::string& when) {
      return under(when, [&] { return unconditional([&] { return lanes(one); }); });
    };
    const std::string body = side(*expr.body, test);
    const std::string orelse = side(*expr.orelse, "~" + test);
    return {"er::select(" + test + ", " + body + ", " + orelse + ")", Form::kLanes};
  }
  const LaneValue test = value(*expr.test);
  const LaneValue body = unconditional([&] { return value(*expr.body); });
  const LaneValue orelse = unconditional([&] { return value(*expr.orelse); });
  if (test.form == Form::kScalar && body.form == Form::kScalar && orelse.form == Form::kScalar)
    return {"(" + test.text + " ? " + body.text + " : " + orelse.text + ")"};
  return {"er::select(" + condition(*expr.test) + ", " + lanes(body, *expr.type) + ", " +
              lanes(orelse, *expr.type) + ")",
          Form::kLanes};
}

LaneValue LaneWriter::cast(const tree::Cast& expr) {
  const Type& from = plain(*expr.value->type);
  const Type& to = plain(*expr.type);
  if (!is_lane_number(from) || !is_lane_number(to)) return give_up();
  const LaneValue made = value(*expr.value);
  if (made.form == Form::kScalar) {
    if (to.is_complex()) return {to.cpp + "(" + made.text + ")"};
    return {"(" + to.cpp + ")(" + made.text + ")"};
  }
  if (to.kind == TypeKind::kBint) return from.kind == TypeKind::kBint ? made : give_up();
  if (from.is_complex() && to.is_complex()) return to.cpp == from.cpp ? made : give_up();
  if (from.is_complex()) return give_up();
  // A number that does not fit, in a lane that nobody asks for, would be undefined behaviour.
  if (from.is_float() && to.is_integral())
    return give_up("a float becomes an integer: it may not fit where a turn is not asked for it");
  if (to.is_complex())
    return {lanes_of(to) + "(er::convert<" + to.base->cpp + ">(" + lanes(made, from) + "))",
            Form::kLanes};
  return {"er::convert<" + to.cpp + ">(" + lanes(made, from) + ")", Form::kLanes};
}

LaneValue LaneWriter::call(const tree::Call& expr) {
  const auto* name = tree::try_as<tree::FunctionName>(expr.callee.get());
  if (name == nullptr || !is_lane_number(*expr.type)) return give_up();
  std::vector<LaneValue> args;
  std::vector<bool> in_lanes;
  for (const tree::ExprPtr& arg : expr.args) {
    args.push_back(value(*arg));
    in_lanes.push_back(args.back().form != Form::kScalar);
  }
  if (!is_fine_) return give_up();
  const bool is_scalar = std::none_of(in_lanes.begin(), in_lanes.end(), [](bool in) { return in; });
  if (name->is_extern) {
    const auto instruction = instructions().find(name->cpp);
    if (instruction == instructions().end() || args.size() != 1 ||
        plain(*expr.args[0]->type).cpp != "double")
      return give_up(
          "functions of C are called for one turn at a time, but sqrt, fabs, floor, "
          "ceil and trunc");
    if (is_scalar) return {name->cpp + "(" + args[0].text + ")"};
    return {std::string(instruction->second) + "(" + args[0].text + ")", Form::kLanes};
  }
  const LaneFunctions::Version version = functions_.version(name->cpp, in_lanes);
  if (version.name.empty())
    return give_up("this function has no form for vectors: it may fail, or read memory");
  if (version.has_inner_loop) {
    has_inner_loop_ = true;
    ++n_loop_calls_;
  }
  std::vector<std::string> texts = {mask()};
  for (std::size_t i = 0; i < args.size(); ++i)
    texts.push_back(in_lanes[i] ? lanes(args[i], *expr.args[i]->type) : args[i].text);
  return {version.name + "(" + joined(texts) + ")", Form::kLanes};
}

// ---- statements ----

void LaneWriter::declare(const VariableSet& variables) {
  // In the order of their names, so that equal texts make equal C++.
  std::map<std::string, const Type*> by_name;
  for (const Variable* variable : variables) by_name.emplace(variable->cpp, variable->type);
  for (const auto& [name, type] : by_name) {
    if (!is_lane_number(*type)) give_up("a variable is no number of C");
    if (!is_fine_) return;
    out_.line(lanes_of(*type) + " " + name + "{};");
  }
}

void LaneWriter::block(const tree::Block& block) {
  for (const tree::StmtPtr& stmt : block)
    if (is_fine_) statement(*stmt);
}

void LaneWriter::statement(const tree::Stmt& stmt) {
  at_ = stmt.range;
  switch (stmt.kind) {
    case StmtKind::kAssign:
      return assign(as<tree::Assign>(stmt));
    case StmtKind::kIf:
      return if_statement(as<tree::If>(stmt));
    case StmtKind::kWhile:
      return while_loop(as<tree::While>(stmt));
    case StmtKind::kCountLoop:
      return count_loop(as<tree::CountLoop>(stmt));
    case StmtKind::kBreak:
      return leave(Place::kLoop);
    case StmtKind::kContinue:
      return leave(n_loops_ == 0 ? Place::kAll : Place::kTurn);
    case StmtKind::kReturn: {
      const auto& result = as<tree::Return>(stmt).value;
      if (result_ == nullptr || result == nullptr) {
        give_up();
        return;
      }
      out_.line("er_result = er::select(" + mask() + ", " + lanes(*result) + ", er_result);");
      return leave(Place::kAll);
    }
    default:
      give_up();
  }
}

// Would lanes outside of the mask miss what the variable is now?
bool LaneWriter::keeps_others(const Variable& variable) const {
  if (levels_.size() == 1) return false;
  // Lanes that have left the only loop that reads it do not come back.
  const bool is_own = levels_.back().place == Place::kLoop && n_loops_ == 1;
  if (!is_own) return true;
  const auto in_loop = loop_reads_.find(&variable);
  const auto in_all = reads_.find(&variable);
  const int n_in_all = in_all == reads_.end() ? 0 : in_all->second;
  return n_in_all != (in_loop == loop_reads_.end() ? 0 : in_loop->second);
}

void LaneWriter::assign(const tree::Assign& stmt) {
  const auto* ref = tree::try_as<tree::VariableRef>(stmt.target.get());
  if (ref == nullptr) return store(*stmt.target, *stmt.value);
  const Variable& target = *ref->variable;
  const std::string made = lanes(*stmt.value);
  out_.line(target.cpp + " = " +
            (keeps_others(target) ? "er::select(" + mask() + ", " + made + ", " + target.cpp + ")"
                                  : made) +
            ";");
}

// Is it the variable of the turn, and what is the same for all lanes? Then so are the items.
bool LaneWriter::follows_lanes(const Expr& index) const {
  if (const auto* ref = tree::try_as<tree::VariableRef>(&index))
    return ref->variable == turn_variable_;
  if (const auto* cast = tree::try_as<tree::Cast>(&index)) {
    const Type& from = plain(*cast->value->type);
    const Type& to = plain(*cast->type);
    // What wraps around does not follow.
    return from.kind == TypeKind::kInt && to.kind == TypeKind::kInt && to.is_signed &&
           to.rank >= from.rank && follows_lanes(*cast->value);
  }
  return false;
}

// What it is in the first lane, if it is the next number in each next one: i, or i + 1.
std::optional<std::string> LaneWriter::first_index(const Expr& index) const {
  if (follows_lanes(index)) return counter_;
  if (const auto* cast = tree::try_as<tree::Cast>(&index)) {
    const Type& from = plain(*cast->value->type);
    const Type& to = plain(*cast->type);
    const bool widens = from.kind == TypeKind::kInt && to.kind == TypeKind::kInt &&
                        from.is_signed && to.is_signed && to.rank >= from.rank;
    return widens ? first_index(*cast->value) : std::nullopt;
  }
  const auto* sum = tree::try_as<tree::Binary>(&index);
  constexpr int kRankOfLong = 4;
  if (sum == nullptr || !plain(*sum->type).is_signed || plain(*sum->type).rank < kRankOfLong)
    return std::nullopt;
  const std::string_view op = sum->op;
  const auto* literal = tree::try_as<tree::Literal>(sum->right.get());
  if (literal == nullptr || (op != "+" && op != "-")) return std::nullopt;
  const std::optional<std::string> first = first_index(*sum->left);
  if (!first) return std::nullopt;
  return "(" + *first + " " + sum->op + " " + literal->cpp + ")";
}

bool LaneWriter::needs_check(const tree::BufferItem& item, const Expr& index, bool wraps) const {
  if (inside_->contains(&index)) return false;
  const bool is_constant = tree::try_as<tree::Literal>(&index) != nullptr;
  return item.checks_bounds || (wraps && plain(*index.type).is_signed && !is_constant);
}

// Lanes that are not asked read nothing.
LaneValue LaneWriter::load(const Expr& expr) {
  const Type& type = plain(*expr.type);
  if (inside_ == nullptr || type.is_complex() || type.kind == TypeKind::kBint ||
      !is_lane_number(type))
    return give_up();
  if (const auto* item = tree::try_as<tree::BufferItem>(&expr)) return load_item(*item);
  const auto& access = as<tree::IndexAccess>(expr);
  if (!access.value->type->is_pointer()) return give_up();
  const std::string from = scalar(*access.value);
  if (const auto first = first_index(*access.index))
    return {"er::load<" + type.cpp + ">(" + mask() + ", " + from + " + " + *first + ")",
            Form::kLanes};
  const LaneValue at = value(*access.index);
  if (at.form == Form::kScalar)
    return {"er::load_one<" + type.cpp + ">(" + mask() + ", " + from + " + " + at.text + ")"};
  return {"er::gather<" + type.cpp + ">(" + mask() + ", (const char*)(" + from +
              "), er::convert<Py_ssize_t>(" + lanes(at, *access.index->type) +
              ") * (Py_ssize_t)sizeof(" + type.cpp + "))",
          Form::kLanes};
}

LaneValue LaneWriter::load_item(const tree::BufferItem& item) {
  const auto* ref = tree::try_as<tree::VariableRef>(item.value.get());
  if (ref == nullptr || ref->variable->is_global() || ref->check_bound || item.checks_none)
    return give_up();
  const std::string name = memory_name(*ref->variable);
  const MemoryLayout layout = layout_of(*item.value->type);
  const std::string& type = plain(*item.type).cpp;
  const std::string begin = "er::load<" + type + ">(" + mask() + ", ";
  std::string address = name + ".data";
  std::string offsets;  // of lanes
  std::optional<std::size_t> followed;
  const auto stride = [&](std::size_t i) {
    return static_cast<int>(i) == layout.contiguous_axis
               ? "(Py_ssize_t)sizeof(" + type + ")"
               : name + ".strides[" + std::to_string(i) + "]";
  };
  for (std::size_t i = 0; i < item.indices.size(); ++i) {
    const Expr& index = *item.indices[i];
    at_ = index.range;
    if (layout.may_point[i]) return give_up();
    if (needs_check(item, index, item.wraps && layout.has_negative_indices))
      return give_up(
          "the subscript is checked in each turn; boundscheck(False) and "
          "wraparound(False) leave that out");
    const std::optional<std::string> first = followed ? std::nullopt : first_index(index);
    if (first) {
      followed = i;
      address += " + " + *first + " * " + stride(i);
      continue;
    }
    const LaneValue at = value(index);
    if (at.form == Form::kScalar) {
      address += " + (" + at.text + ") * " + stride(i);
    } else {
      offsets += (offsets.empty() ? "" : " + ") + std::string("er::convert<Py_ssize_t>(") +
                 lanes(at, *index.type) + ") * " + stride(i);
    }
  }
  if (!offsets.empty()) {
    if (followed) offsets += " + er::count_from<Py_ssize_t>(0) * " + stride(*followed);
    return {"er::gather<" + type + ">(" + mask() + ", " + address + ", " + offsets + ")",
            Form::kLanes};
  }
  if (!followed)
    return {"er::load_one<" + type + ">(" + mask() + ", (const " + type + "*)(" + address + "))"};
  if (static_cast<int>(*followed) == layout.contiguous_axis)
    return {begin + "(const " + type + "*)(" + address + "))", Form::kLanes};
  return {begin + address + ", " + stride(*followed) + ")", Form::kLanes};
}

void LaneWriter::store(const Expr& target, const Expr& value) {
  ++n_stores_;
  if (!is_lane_number(*target.type) || target.type->is_complex()) {
    give_up();
    return;
  }
  const auto* index = tree::try_as<tree::IndexAccess>(&target);
  const auto* item = tree::try_as<tree::BufferItem>(&target);
  std::string first;
  const std::optional<std::string> at =
      index != nullptr ? first_index(*index->index) : std::nullopt;
  if (at) {
    first = "&" + scalar(*index->value) + "[" + *at + "]";
  } else if (item != nullptr) {
    first = first_item(*item);
  } else {
    give_up("the items that turns write are not beside each other");
  }
  const std::string made = lanes(value);
  out_.line("er::store<" + plain(*target.type).cpp + ">(" + mask() + ", " + first + ", " + made +
            ");");
}

// The address of a memoryview's item in the first lane, and how far the next one is. What may be
// wrong with the indices is left to the plain loop.
std::string LaneWriter::first_item(const tree::BufferItem& item) {
  const auto* ref = tree::try_as<tree::VariableRef>(item.value.get());
  if (ref == nullptr || ref->variable->is_global()) return give_up().text;
  const std::string name = memory_name(*ref->variable);
  const MemoryLayout layout = layout_of(*item.value->type);
  const bool is_view = item.value->type->is_view();
  if (ref->check_bound)
    checks_.push_back("if (!" + ref->variable->cpp + (is_view ? ".memory" : "") + ") break;");
  if (item.checks_none) checks_.push_back("if (" + name + ".is_none()) break;");
  const bool wraps = item.wraps && layout.has_negative_indices;
  std::string address = name + ".data";
  int lane_axis = -1;
  for (std::size_t i = 0; i < item.indices.size(); ++i) {
    const Expr& index = *item.indices[i];
    const std::string axis = "[" + std::to_string(i) + "]";
    const std::string size = name + ".shape" + axis;
    const std::optional<std::string> followed = first_index(index);
    std::string at = followed ? *followed : "";
    if (layout.may_point[i]) return give_up().text;
    if (followed) {
      if (lane_axis >= 0) return give_up().text;
      lane_axis = static_cast<int>(i);
      if (wraps || item.checks_bounds) checks_.push_back("if (" + at + " < 0) break;");
      if (item.checks_bounds)
        checks_.push_back("if (" + size + " - " + at + " < (" + n_left_ + " < er::kLanes ? " +
                          n_left_ + " : er::kLanes)) break;");
    } else {
      at = new_name("x");
      const std::string made = scalar(index);
      checks_.push_back("const Py_ssize_t " + at + " = " +
                        (wraps ? "er::wrap(" + made + ", " + size + ")" : made) + ";");
      if (item.checks_bounds)
        checks_.push_back("if (er::is_outside(" + at + ", " + size + ")) break;");
    }
    address += " + " + at + " * " +
               (static_cast<int>(i) == layout.contiguous_axis
                    ? "(Py_ssize_t)sizeof(" + plain(*item.type).cpp + ")"
                    : name + ".strides" + axis);
  }
  if (lane_axis < 0) return give_up("each turn writes the same item").text;
  if (lane_axis == layout.contiguous_axis)
    return "(" + plain(*item.type).cpp + "*)(" + address + ")";
  return address + ", " + name + ".strides[" + std::to_string(lane_axis) + "]";
}

void LaneWriter::if_statement(const tree::If& stmt) {
  const std::string test = new_name("m");
  out_.line("const er::Mask " + test + " = " + condition(*stmt.test) + ";");
  const auto part = [&](const tree::Block& body, const std::string& sign) {
    if (body.empty()) return;
    const std::string name = new_name("m");
    out_.line("er::Mask " + name + " = " + mask() + " & " + sign + test + ";");
    levels_.push_back({name, Place::kPart});
    out_.open("if (er::any(" + name + "))");
    block(body);
    out_.close();
    levels_.pop_back();
  };
  part(stmt.body, "");
  part(stmt.orelse, "~");
}

template <typename Body>
void LaneWriter::in_loop(const tree::Stmt& loop, const Body& body) {
  has_inner_loop_ = true;
  if (n_loops_ == 0) {
    loop_reads_.clear();
    tree::for_each_expr(loop, [&](const Expr& expr) { add_reads(expr, loop_reads_); });
    tree::for_each_block(loop, [&](const tree::Block& inner) { add_reads(inner, loop_reads_); });
  }
  ++n_loops_;
  const std::string name = new_name("m");
  out_.line("er::Mask " + name + " = " + mask() + ";");
  levels_.push_back({name, Place::kLoop});
  body();
  levels_.pop_back();
  --n_loops_;
}

void LaneWriter::while_loop(const tree::While& stmt) {
  if (!stmt.orelse.empty()) {
    give_up();
    return;
  }
  in_loop(stmt, [&] {
    out_.open("for (;;)");
    if (!is_literal(*stmt.test, "1"))
      out_.line(mask() + " = " + mask() + " & " + condition(*stmt.test) + ";");
    out_.line("if (!er::any(" + mask() + ")) break;");
    inner_body(stmt.body);
    out_.close();
  });
}

namespace {

// Not in the loops inside.
bool has_continue(const tree::Block& block) {
  return std::any_of(block.begin(), block.end(), [](const tree::StmtPtr& stmt) {
    if (stmt->kind == StmtKind::kContinue) return true;
    if (stmt->kind != StmtKind::kIf) return false;
    return has_continue(as<tree::If>(*stmt).body) || has_continue(as<tree::If>(*stmt).orelse);
  });
}

}  // namespace

void LaneWriter::inner_body(const tree::Block& body) {
  const bool continues = has_continue(body);
  if (continues) {
    const std::string name = new_name("m");
    out_.line("er::Mask " + name + " = " + mask() + ";");
    levels_.push_back({name, Place::kTurn});
  }
  block(body);
  if (continues) levels_.pop_back();
}

void LaneWriter::count_loop(const tree::CountLoop& stmt) {
  const Type& type = *stmt.counter;
  if (!stmt.orelse.empty() || !counts_by_one(stmt) || type.kind != TypeKind::kInt ||
      !is_lane_number(*stmt.variable->type)) {
    give_up();
    return;
  }
  const std::string count = new_name("c");
  const std::string stop = new_name("e");
  const LaneValue first = value(*stmt.start);
  const LaneValue last = value(*stmt.stop);
  const bool is_scalar = first.form == Form::kScalar && last.form == Form::kScalar;
  const std::string cpp = is_scalar ? type.cpp : lanes_of(type);
  const auto bound = [&](const LaneValue& made) {
    return is_scalar ? made.text : lanes(made, type);
  };
  in_loop(stmt, [&] {
    out_.line(cpp + " " + count + " = " + bound(first) + ";");
    out_.line("const " + cpp + " " + stop + " = " + bound(last) + ";");
    out_.open(is_scalar ? "for (; " + count + " < " + stop + "; ++" + count + ")"
                        : "for (;; " + count + " += " + lanes({"1"}, type) + ")");
    if (!is_scalar)
      out_.line(mask() + " = " + mask() + " & er::mask(" + count + " < " + stop + ");");
    out_.line("if (!er::any(" + mask() + ")) break;");
    const std::string number = is_scalar ? lanes({count}, type) : count;
    const std::string variable = stmt.variable->cpp;
    out_.line(variable + " = er::select(" + mask() + ", er::convert<" +
              plain(*stmt.variable->type).cpp + ">(" + number + "), " + variable + ");");
    inner_body(stmt.body);
    out_.close();
  });
}

// The current lanes are gone from all masks up to that place.
void LaneWriter::leave(Place as_far_as) {
  const std::string gone = new_name("m");
  out_.line("const er::Mask " + gone + " = ~" + mask() + ";");
  for (std::size_t i = levels_.size(); i-- > 0;) {
    out_.line(levels_[i].mask + " = " + levels_[i].mask + " & " + gone + ";");
    if (levels_[i].place == as_far_as) return;
  }
  // There is no such place: the loop is around the lanes.
  if (as_far_as != Place::kAll) give_up("a turn ends the loop");
}

template <typename Loop>
void LaneWriter::turns(const Loop& loop, const std::string& counter, const std::string& stop) {
  const Type& type = *loop.counter;
  add_assigned(loop.body, in_lanes_);
  add_reads(loop.body, reads_);
  turn_variable_ = loop.variable;
  counter_ = counter;
  n_left_ = new_name("c");
  // The last turn stays.
  out_.open("while (" + counter + " < " + stop + " && " + counter + " + 1 < " + stop + ")");
  out_.line("const " + type.cpp + " " + n_left_ + " = " + stop + " - 1 - " + counter + ";");
  const std::size_t start = out_.mark();
  levels_.push_back({new_name("m"), Place::kAll});
  out_.line("er::Mask " + mask() + " = er::first_lanes(" + n_left_ + ");");
  declare(in_lanes_);
  out_.line(lanes_of(*loop.variable->type) + " " + loop.variable->cpp + " = er::convert<" +
            plain(*loop.variable->type).cpp + ">(er::count_from(" + counter + "));");
  in_lanes_.insert(loop.variable);
  block(loop.body);
  for (std::size_t i = 0; i < checks_.size(); ++i) out_.insert(start + i, checks_[i]);
  out_.line(counter + " += " + n_left_ + " < er::kLanes ? " + n_left_ + " : " + type.cpp +
            "(er::kLanes);");
  out_.close();
}

namespace {

// `but_last`: the last statement does not count.
bool has_return(const tree::Block& block, bool but_last = false) {
  const auto end = block.end() - (but_last ? 1 : 0);
  return std::any_of(block.begin(), end, [](const tree::StmtPtr& stmt) {
    bool found = stmt->kind == StmtKind::kReturn;
    tree::for_each_block(*stmt, [&](const tree::Block& inner) { found |= has_return(inner); });
    return found;
  });
}

}  // namespace

void LaneWriter::function(const tree::Function& function, const std::string& signature,
                          const VariableSet& in_lanes) {
  in_lanes_ = in_lanes;
  result_ = function.type->base;
  add_reads(function.body, reads_);
  levels_.push_back({"m0", Place::kAll});
  out_.open(signature);
  VariableSet locals;
  add_assigned(function.body, locals);
  for (const Variable* variable : in_lanes) locals.erase(variable);
  declare(locals);
  in_lanes_.insert(locals.begin(), locals.end());
  // The result of lanes that nobody asked for may be anything.
  const bool ends_plainly = !function.body.empty() &&
                            function.body.back()->kind == StmtKind::kReturn &&
                            as<tree::Return>(*function.body.back()).value != nullptr;
  const bool has_early = has_return(function.body, ends_plainly);
  if (has_early || !ends_plainly) out_.line(lanes_of(*result_) + " er_result{};");
  for (const tree::StmtPtr& stmt : function.body) {
    if (!is_fine_) return;
    if (ends_plainly && stmt == function.body.back()) {
      const std::string made = lanes(*as<tree::Return>(*stmt).value);
      out_.line(has_early ? "return er::select(m0, " + made + ", er_result);"
                          : "return " + made + ";");
    } else {
      statement(*stmt);
    }
  }
  if (!ends_plainly) out_.line("return er_result;");
  out_.close();
}

}  // namespace

// ---- the outside ----

LaneFunctions::Version LaneFunctions::version(const std::string& cpp, std::vector<bool> in_lanes) {
  const auto found =
      std::find_if(module_.functions.begin(), module_.functions.end(),
                   [&](const tree::Function& f) { return f.type != nullptr && f.cpp == cpp; });
  if (found == module_.functions.end()) return {};
  const tree::Function& function = *found;
  const bool is_called_by_c =
      function.kind == tree::FunctionKind::kCdef || function.kind == tree::FunctionKind::kCpdef;
  if (!is_called_by_c || function.body.empty() || function.c_parameters.size() != in_lanes.size() ||
      !is_lane_number(*function.type->base) || function.type->except == tree::Except::kCpp)
    return {};
  VariableSet assigned;
  add_assigned(function.body, assigned);
  if (overlap(addressed_variables(function), assigned)) return {};
  VariableSet varying;
  std::vector<std::string> parameters = {"er::Mask m0"};
  for (std::size_t i = 0; i < in_lanes.size(); ++i) {
    const Variable& parameter = *function.c_parameters[i];
    const bool is_assigned = assigned.contains(&parameter);
    if ((in_lanes[i] || is_assigned) && !is_lane_number(*parameter.type)) return {};
    // What the function assigns to starts as a copy for each lane.
    if (is_assigned && !in_lanes[i]) return {};
    if (in_lanes[i]) varying.insert(&parameter);
    parameters.push_back(in_lanes[i] ? lanes_of(*parameter.type) + " " + parameter.cpp
                                     : declare(*parameter.type, parameter.cpp));
  }

  // While it is being made it has no version: it does not call itself.
  const auto key = std::pair(cpp, std::move(in_lanes));
  const auto [known, is_new] = known_.try_emplace(key);
  if (!is_new) return known->second;
  const std::string name = "er_lanes" + std::to_string(known_.size()) + "_" + cpp;
  LaneWriter writer(*this);
  writer.function(function,
                  "[[clang::always_inline]] static inline " + lanes_of(*function.type->base) + " " +
                      name + "(" + joined(parameters) + ")",
                  varying);
  if (!writer.is_fine() || writer.n_stores() > 0) return {};
  text_.append(writer.text());
  return known_[key] = {name, writer.has_inner_loop()};
}

bool write_lanes(const tree::CountLoop& loop, const tree::Function& function,
                 const std::set<const Variable*>& addressed, const std::string& counter,
                 const std::string& stop, LaneFunctions& functions, Writer& out) {
  const Type& type = *loop.counter;
  if (!counts_by_one(loop) || type.kind != TypeKind::kInt || type.is_extern ||
      !is_lane_number(*loop.variable->type) || loop.variable->is_global() ||
      !may_have_inner_loop(loop.body))
    return false;
  // What is stored could be one of them.
  if (!addressed.empty() || !are_turns_apart(*loop.variable, loop.body, function)) return false;
  LaneWriter writer(functions);
  writer.turns(loop, counter, stop);
  // More than one place written could be the same memory twice.
  if (!writer.is_fine() || !writer.has_inner_loop() || writer.n_stores() != 1) return false;
  out.line("#ifdef ER_HAS_LANES");
  out.append(writer.text());
  out.line("#endif");
  return true;
}

std::optional<Refusal> write_parallel_lanes(const tree::ParallelLoop& loop,
                                            const tree::Function& function,
                                            const std::set<const Variable*>& addressed,
                                            const std::set<const Expr*>& inside,
                                            const std::string& counter, const std::string& stop,
                                            LaneFunctions& functions, Writer& out) {
  const auto refusal = [&](const char* why) { return Refusal{loop.range, why}; };
  if (!loop.reductions.empty()) return refusal("a reduction adds up in the order of the turns");
  if (!is_lane_number(*loop.variable->type) || loop.variable->is_global())
    return refusal("the loop's variable is no local integer of C");
  if (!addressed.empty()) return refusal("the function has the address of a variable");
  if (!are_turns_apart(*loop.variable, loop.body, function))
    return refusal(
        "turns read, or leave for later, variables that not every turn sets before, or "
        "the loop is left");
  LaneWriter writer(functions, &inside);
  writer.turns(loop, counter, stop);
  if (!writer.is_fine()) return writer.refusal();
  out.line("#ifdef ER_HAS_LANES");
  out.append(writer.text());
  out.line("#endif");
  return std::nullopt;
}

}  // namespace engineroom::emit
