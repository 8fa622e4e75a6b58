// syntax/children.h — for_each_child: the expressions directly within an expression.
//
//   for_each_child(expr, [&](const Expr& child) { ... });
//
// In the order of the text. Not entered: C types, and what only a lambda's call evaluates (its body
// is a child, its parameters' defaults are too).
#pragma once

#include "syntax/ctype.h"
#include "syntax/expr.h"

namespace engineroom::syntax {

template <typename F>
void for_each_child(const Expr& expr, const F& visit) {
  const auto one = [&](const Expr* child) {
    if (child != nullptr) visit(*child);
  };
  const auto all = [&](List<const Expr*> children) {
    for (const Expr* child : children) visit(*child);
  };
  const auto keywords = [&](List<Keyword> list) {
    for (const Keyword& keyword : list) visit(*keyword.value);
  };
  const auto generators = [&](List<Comprehension> list) {
    for (const Comprehension& generator : list) {
      one(generator.target);
      one(generator.iter);
      if (generator.bounds != nullptr) {
        one(generator.bounds->lower);
        one(generator.bounds->upper);
        one(generator.bounds->step);
      }
      all(generator.ifs);
    }
  };
  switch (expr.kind) {
    case ExprKind::kName:
    case ExprKind::kNone:
    case ExprKind::kTrue:
    case ExprKind::kFalse:
    case ExprKind::kEllipsis:
    case ExprKind::kNull:
    case ExprKind::kInt:
    case ExprKind::kFloat:
    case ExprKind::kImaginary:
    case ExprKind::kStr:
    case ExprKind::kTypeExpr:
    case ExprKind::kError:
      return;
    case ExprKind::kJoinedStr:
      return all(as<JoinedStr>(expr).values);
    case ExprKind::kTemplateStr:
      return all(as<TemplateStr>(expr).values);
    case ExprKind::kFormattedValue:
      one(as<FormattedValue>(expr).value);
      return one(as<FormattedValue>(expr).format_spec);
    case ExprKind::kBoolOp:
      return all(as<BoolOp>(expr).values);
    case ExprKind::kBinOp:
      one(as<BinOp>(expr).left);
      return one(as<BinOp>(expr).right);
    case ExprKind::kUnaryOp:
      return one(as<UnaryOp>(expr).operand);
    case ExprKind::kCompare:
      one(as<Compare>(expr).left);
      for (const Comparison& comparison : as<Compare>(expr).rest) one(comparison.right);
      return;
    case ExprKind::kIfExp:
      one(as<IfExp>(expr).body);
      one(as<IfExp>(expr).test);
      return one(as<IfExp>(expr).orelse);
    case ExprKind::kNamedExpr:
      one(as<NamedExpr>(expr).target);
      return one(as<NamedExpr>(expr).value);
    case ExprKind::kAttribute:
      return one(as<Attribute>(expr).value);
    case ExprKind::kSubscript:
      one(as<Subscript>(expr).value);
      return one(as<Subscript>(expr).slice);
    case ExprKind::kSlice:
      one(as<Slice>(expr).lower);
      one(as<Slice>(expr).upper);
      return one(as<Slice>(expr).step);
    case ExprKind::kCall:
      one(as<Call>(expr).func);
      all(as<Call>(expr).args);
      return keywords(as<Call>(expr).keywords);
    case ExprKind::kStarred:
      return one(as<Starred>(expr).value);
    case ExprKind::kTuple:
      return all(as<Tuple>(expr).elts);
    case ExprKind::kList:
      return all(as<ListExpr>(expr).elts);
    case ExprKind::kSet:
      return all(as<Set>(expr).elts);
    case ExprKind::kDict:
      for (const DictItem& item : as<Dict>(expr).items) {
        one(item.key);
        one(item.value);
      }
      return;
    case ExprKind::kListComp:
      one(as<ListComp>(expr).elt);
      return generators(as<ListComp>(expr).generators);
    case ExprKind::kSetComp:
      one(as<SetComp>(expr).elt);
      return generators(as<SetComp>(expr).generators);
    case ExprKind::kDictComp:
      one(as<DictComp>(expr).key);
      one(as<DictComp>(expr).value);
      return generators(as<DictComp>(expr).generators);
    case ExprKind::kGeneratorExp:
      one(as<GeneratorExp>(expr).elt);
      return generators(as<GeneratorExp>(expr).generators);
    case ExprKind::kLambda:
      for (const Param& param : as<Lambda>(expr).params->params) one(param.default_value);
      return one(as<Lambda>(expr).body);
    case ExprKind::kYield:
      return one(as<Yield>(expr).value);
    case ExprKind::kYieldFrom:
      return one(as<YieldFrom>(expr).value);
    case ExprKind::kAwait:
      return one(as<Await>(expr).value);
    case ExprKind::kRepr:
      return one(as<Repr>(expr).value);
    case ExprKind::kCast:
      return one(as<Cast>(expr).value);
    case ExprKind::kAddressOf:
      return one(as<AddressOf>(expr).value);
    case ExprKind::kSizeOf:
      return one(as<SizeOf>(expr).operand);
    case ExprKind::kNew:
      all(as<New>(expr).args);
      return keywords(as<New>(expr).keywords);
  }
}

}  // namespace engineroom::syntax
