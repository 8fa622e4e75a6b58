#include "emit/hoisted_checks.h"

#include <algorithm>
#include <optional>

#include "emit/memory_layout.h"
#include "tree/children.h"

namespace engineroom::emit {

using tree::as;
using tree::Expr;
using tree::ExprKind;
using tree::StmtKind;
using tree::Type;
using tree::TypeKind;

namespace {

bool is_known_int(const Type& type) {
  return type.without_const().kind == TypeKind::kInt && !type.without_const().is_extern;
}

// Does every value of the one type stay what it is in the other?
bool keeps_values(const Type& from, const Type& to) {
  if (!is_known_int(from) || !is_known_int(to)) return false;
  const Type& f = from.without_const();
  const Type& t = to.without_const();
  if (f.is_signed == t.is_signed) return f.rank <= t.rank;
  // Those from long upwards may be as large as each other.
  return t.is_signed && f.rank < t.rank && f.rank < tree::kRankOfLong;
}

// A subscript for the least and for the largest value of the loop's variable.
struct Ends {
  std::string at_least;
  std::string at_largest;
  // +1: the variable is added, -1: subtracted, 0: it is not there; else nobody knows.
  std::optional<int> direction = 0;

  bool varies() const { return direction != 0; }
};

class Finder {
 public:
  Finder(const CountedLoop& loop, EffectsOf& effects,
         const std::set<const tree::Variable*>& addressed)
      : loop_(loop), changes_(effects.of_block(*loop.body)), addressed_(addressed) {}

  HoistedChecks find() {
    if (!is_constant(*loop_.variable) || !is_known_int(*loop_.variable->type) ||
        !is_known_int(*loop_.counter) || !look_at(*loop_.body) || found_.conditions.empty())
      return {};
    const Type& type = loop_.variable->type->without_const();
    if (type.cpp != loop_.counter->without_const().cpp) {
      require("er::fits<" + type.cpp + ">(" + loop_.least + ")");
      require("er::fits<" + type.cpp + ">(" + loop_.largest + ")");
    }
    return std::move(found_);
  }

 private:
  // The body leaves it alone.
  bool is_constant(const tree::Variable& variable) const {
    return !variable.is_global() && !addressed_.contains(&variable) &&
           !changes_.writes.contains(&variable);
  }

  void require(std::string condition) {
    std::vector<std::string>& all = found_.conditions;
    if (std::find(all.begin(), all.end(), condition) == all.end())
      all.push_back(std::move(condition));
  }

  // False if there is something for which the body is not to be written twice.
  bool look_at(const tree::Block& block) {
    return std::all_of(block.begin(), block.end(), [&](const tree::StmtPtr& stmt) {
      constexpr StmtKind kPlain[] = {StmtKind::kExpr,  StmtKind::kAssign,   StmtKind::kIf,
                                     StmtKind::kBreak, StmtKind::kContinue, StmtKind::kReturn};
      const bool is_loop = stmt->kind == StmtKind::kWhile || stmt->kind == StmtKind::kCountLoop;
      if (std::find(std::begin(kPlain), std::end(kPlain), stmt->kind) == std::end(kPlain) &&
          !(is_loop && loop_.may_nest))
        return false;
      bool is_fine = true;
      tree::for_each_expr(*stmt, [&](const Expr& e) { is_fine = is_fine && look_at(e); });
      tree::for_each_block(*stmt, [&](const tree::Block& b) { is_fine = is_fine && look_at(b); });
      return is_fine;
    });
  }

  bool look_at(const Expr& expr) {
    // Beside what objects cost a check is nothing.
    if (expr.type->is_object() || expr.kind == ExprKind::kBlock) return false;
    if (const auto* item = tree::try_as<tree::BufferItem>(&expr)) {
      look_at_item(*item);
      return std::all_of(item->indices.begin(), item->indices.end(),
                         [&](const tree::ExprPtr& index) { return look_at(*index); });
    }
    bool is_fine = true;
    tree::for_each_child(expr, [&](const Expr& child) { is_fine = is_fine && look_at(child); });
    return is_fine;
  }

  void look_at_item(const tree::BufferItem& item) {
    if (!item.checks_bounds && !item.wraps) return;
    const auto* memory = tree::try_as<tree::VariableRef>(item.value.get());
    if (memory == nullptr || !is_constant(*memory->variable)) return;
    for (std::size_t axis = 0; axis < item.indices.size(); ++axis) {
      const Expr& index = *item.indices[axis];
      const std::optional<Ends> ends = ends_of_whole(index);
      if (!ends) continue;
      const std::string size =
          memory_name(*memory->variable) + ".shape[" + std::to_string(axis) + "]";
      if (ends->direction != -1)
        require("er::is_inside(" + ends->at_least + ", " + ends->at_largest + ", " + size + ")");
      if (!ends->direction || ends->direction == -1)
        require("er::is_inside(" + ends->at_largest + ", " + ends->at_least + ", " + size + ")");
      found_.inside.insert(&index);
    }
  }

  // Numbers are computed in a type in which nothing overflows. What they were computed in must have
  // had room for them, too.
  std::optional<Ends> ends_of_whole(const Expr& index) {
    const Expr* expr = &index;
    while (const auto* cast = tree::try_as<tree::Cast>(expr)) {
      if (!keeps_values(*cast->value->type, *cast->type)) return std::nullopt;
      expr = cast->value.get();
    }
    n_products_ = 0;
    std::optional<Ends> ends = this->ends(*expr, *expr->type);
    if (!ends || expr->kind != ExprKind::kBinary) return ends;
    if (!expr->type->without_const().is_signed) return std::nullopt;
    const std::string fits = "er::fits<" + expr->type->without_const().cpp + ">(";
    if (expr->type->without_const().rank < tree::kRankOfLong) {
      require(fits + ends->at_least + ")");
      require(fits + ends->at_largest + ")");
    }
    return ends;
  }

  // `computed_in`: of sums and products, all of which are of this type.
  std::optional<Ends> ends(const Expr& expr, const Type& computed_in) {
    switch (expr.kind) {
      case ExprKind::kLiteral:
      case ExprKind::kVariable:
      case ExprKind::kCast:
        return leaf(expr);
      case ExprKind::kBinary: {
        const auto& binary = as<tree::Binary>(expr);
        if (expr.type->without_const().cpp != computed_in.without_const().cpp) return std::nullopt;
        const std::string_view op = binary.op;
        const bool is_product = op == "*";
        if (!is_product && op != "+" && op != "-") return std::nullopt;
        const auto left = is_product ? leaf(*binary.left) : ends(*binary.left, computed_in);
        const auto right = is_product ? leaf(*binary.right) : ends(*binary.right, computed_in);
        if (!left || !right) return std::nullopt;
        return combined(*left, *right, op[0]);
      }
      default:
        return std::nullopt;
    }
  }

  std::optional<Ends> combined(const Ends& left, const Ends& right, char op) {
    const auto text = [op](const std::string& a, const std::string& b) {
      return "(" + a + " " + op + " " + b + ")";
    };
    Ends made{text(left.at_least, right.at_least), text(left.at_largest, right.at_largest), 0};
    if (op == '*') {
      // More than one could overflow after all; and a square is not a*j + b.
      if (++n_products_ > 1 || (left.varies() && right.varies())) return std::nullopt;
      if (left.varies() || right.varies()) made.direction = std::nullopt;
      return made;
    }
    if (!left.direction || !right.direction) {
      made.direction = std::nullopt;
      return made;
    }
    const int direction = *left.direction + (op == '-' ? -*right.direction : *right.direction);
    made.direction = (direction > 0) - (direction < 0);
    return made;
  }

  std::optional<Ends> leaf(const Expr& expr) {
    if (const auto* cast = tree::try_as<tree::Cast>(&expr)) {
      if (!keeps_values(*cast->value->type, *cast->type)) return std::nullopt;
      return leaf(*cast->value);
    }
    if (!is_known_int(*expr.type)) return std::nullopt;
    if (const auto* literal = tree::try_as<tree::Literal>(&expr)) {
      const std::string text = "er::Wide(" + literal->cpp + ")";
      return Ends{text, text, 0};
    }
    const auto* ref = tree::try_as<tree::VariableRef>(&expr);
    if (ref == nullptr) return std::nullopt;
    if (ref->variable == loop_.variable) return Ends{loop_.least, loop_.largest, 1};
    if (!is_constant(*ref->variable)) return std::nullopt;
    const std::string text = "er::Wide(" + ref->variable->cpp + ")";
    return Ends{text, text, 0};
  }

  const CountedLoop& loop_;
  const Effects changes_;
  const std::set<const tree::Variable*>& addressed_;
  HoistedChecks found_;
  int n_products_ = 0;  // in the subscript
};

}  // namespace

HoistedChecks hoist_checks(const CountedLoop& loop, EffectsOf& effects,
                           const std::set<const tree::Variable*>& addressed) {
  return Finder(loop, effects, addressed).find();
}

}  // namespace engineroom::emit
