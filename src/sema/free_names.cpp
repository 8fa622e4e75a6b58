#include "sema/free_names.h"

#include <utility>
#include <vector>

#include "sema/names.h"
#include "syntax/children.h"
#include "syntax/stmt_children.h"

namespace engineroom::sema {

using syntax::as;
using syntax::Expr;
using syntax::ExprKind;
using syntax::Stmt;
using syntax::StmtKind;

namespace {

// Goes through the text of one function.
class Names {
 public:
  void see(const syntax::Block& block) {
    for (const Stmt* stmt : block) see(*stmt);
  }
  void see(const Expr* e) {
    if (e != nullptr) see(*e);
  }
  void see(const Expr& e);
  void see_generators(const syntax::List<syntax::Comprehension>& generators,
                      std::initializer_list<const Expr*> values);
  void bind(const syntax::Params& params) {
    for (const syntax::Param& param : params.params) {
      // def f(x): one word is the name.
      if (param.name.text.empty() && param.type->kind == syntax::CTypeKind::kNamed)
        bound_.insert(as<syntax::CNamedType>(*param.type).name());
      bound_.insert(param.name.text);
    }
  }

  NameSet free() const {
    NameSet names;
    for (const NameSet* set : {&used_, &inside_})
      for (const std::string_view name : *set)
        if (!bound_.contains(name) && !globals_.contains(name)) names.insert(name);
    names.insert(nonlocals_.begin(), nonlocals_.end());
    return names;
  }
  const NameSet& inside() const { return inside_; }

 private:
  void see(const Stmt& stmt);
  void bind(const Expr& target) {
    for_each_target_name(target, [this](std::string_view name) { bound_.insert(name); });
  }
  bool is_shadowed(std::string_view name) const {
    for (const NameSet& names : shadows_)
      if (names.contains(name)) return true;
    return false;
  }
  void add_inside(const NameSet& names) {
    for (const std::string_view name : names)
      if (!is_shadowed(name)) inside_.insert(name);
  }

  NameSet used_;
  NameSet bound_;
  NameSet globals_;
  NameSet nonlocals_;
  NameSet inside_;                // used by functions in it, which do not bind it
  std::vector<NameSet> shadows_;  // variables of comprehensions
};

void Names::see_generators(const syntax::List<syntax::Comprehension>& generators,
                           std::initializer_list<const Expr*> values) {
  std::size_t n_shadows = 0;
  for (const syntax::Comprehension& generator : generators) {
    see(generator.iter);
    if (generator.bounds != nullptr) {
      see(generator.bounds->lower);
      see(generator.bounds->upper);
      see(generator.bounds->step);
    }
    if (generator.is_scoped) {
      NameSet names;
      for_each_target_name(*generator.target, [&](std::string_view name) { names.insert(name); });
      shadows_.push_back(std::move(names));
      ++n_shadows;
    } else {
      bind(*generator.target);
    }
    for (const Expr* test : generator.ifs) see(test);
  }
  for (const Expr* value : values) see(value);
  shadows_.resize(shadows_.size() - n_shadows);
}

void Names::see(const Expr& e) {
  switch (e.kind) {
    case ExprKind::kName:
      if (!is_shadowed(as<syntax::Name>(e).id)) used_.insert(as<syntax::Name>(e).id);
      return;
    case ExprKind::kNamedExpr:
      bound_.insert(as<syntax::NamedExpr>(e).target->id);
      return see(as<syntax::NamedExpr>(e).value);
    case ExprKind::kLambda:
      for (const syntax::Param& param : as<syntax::Lambda>(e).params->params)
        see(param.default_value);
      return add_inside(free_names(as<syntax::Lambda>(e)));
    case ExprKind::kListComp:
      return see_generators(as<syntax::ListComp>(e).generators, {as<syntax::ListComp>(e).elt});
    case ExprKind::kSetComp:
      return see_generators(as<syntax::SetComp>(e).generators, {as<syntax::SetComp>(e).elt});
    case ExprKind::kDictComp:
      return see_generators(as<syntax::DictComp>(e).generators,
                            {as<syntax::DictComp>(e).key, as<syntax::DictComp>(e).value});
    case ExprKind::kGeneratorExp:
      return see_generators(as<syntax::GeneratorExp>(e).generators,
                            {as<syntax::GeneratorExp>(e).elt});
    default:
      return syntax::for_each_child(e, [this](const Expr& child) { see(child); });
  }
}

void Names::see(const Stmt& stmt) {
  syntax::for_each_expr(stmt, [this](const Expr& e) { see(e); });
  switch (stmt.kind) {
    case StmtKind::kFunctionDef:
      bound_.insert(as<syntax::FunctionDef>(stmt).name.text);
      return add_inside(free_names(as<syntax::FunctionDef>(stmt)));
    case StmtKind::kClassDef:
      bound_.insert(as<syntax::ClassDef>(stmt).name.text);
      return;
    case StmtKind::kGlobal:
      for (const syntax::Identifier& name : as<syntax::Global>(stmt).names)
        globals_.insert(name.text);
      return;
    case StmtKind::kNonlocal:
      for (const syntax::Identifier& name : as<syntax::Nonlocal>(stmt).names)
        nonlocals_.insert(name.text);
      return;
    case StmtKind::kAssign:
      for (const Expr* target : as<syntax::Assign>(stmt).targets) bind(*target);
      return;
    case StmtKind::kAugAssign:
      return bind(*as<syntax::AugAssign>(stmt).target);
    case StmtKind::kAnnAssign:
      return bind(*as<syntax::AnnAssign>(stmt).target);
    case StmtKind::kDelete:
      for (const Expr* target : as<syntax::Delete>(stmt).targets) bind(*target);
      return;
    case StmtKind::kImport:
      for (const syntax::Alias& alias : as<syntax::Import>(stmt).names)
        bound_.insert(alias.asname.empty() ? alias.name.text.substr(0, alias.name.text.find('.'))
                                           : alias.asname.text);
      return;
    case StmtKind::kImportFrom:
      for (const syntax::Alias& alias : as<syntax::ImportFrom>(stmt).names)
        bound_.insert(alias.asname.empty() ? alias.name.text : alias.asname.text);
      return;
    case StmtKind::kCVarDef:
      for (const std::string_view name : declared_names(stmt)) bound_.insert(name);
      return;
    case StmtKind::kFor:
      bind(*as<syntax::For>(stmt).target);
      break;
    case StmtKind::kForFrom:
      bind(*as<syntax::ForFrom>(stmt).target);
      break;
    case StmtKind::kWith:
      for (const syntax::WithItem& item : as<syntax::With>(stmt).items)
        if (item.target != nullptr) bind(*item.target);
      break;
    case StmtKind::kTry:
      for (const syntax::ExceptHandler& handler : as<syntax::Try>(stmt).handlers)
        if (handler.target != nullptr) bind(*handler.target);
      break;
    case StmtKind::kMatch:
      for (const syntax::MatchCase& one : as<syntax::Match>(stmt).cases)
        for_each_pattern_name(one.pattern, [this](std::string_view name) { bound_.insert(name); });
      break;
    default:
      break;
  }
  syntax::for_each_block(stmt, [this](const syntax::Block& block) { see(block); });
}

}  // namespace

NameSet free_names(const syntax::FunctionDef& def) {
  Names names;
  names.bind(*def.params);
  names.see(def.body);
  return names.free();
}

NameSet free_names(const syntax::Lambda& lambda) {
  Names names;
  names.bind(*lambda.params);
  names.see(*lambda.body);
  return names.free();
}

NameSet names_used_inside(const syntax::Block& body) {
  Names names;
  names.see(body);
  return names.inside();
}

NameSet names_used_inside(const Expr& value) {
  Names names;
  names.see(value);
  return names.inside();
}

NameSet shared_names(const syntax::List<syntax::Comprehension>& generators,
                     std::initializer_list<const Expr*> values) {
  NameSet own;
  Names names;
  // What the first is made of belongs to what is around.
  for (const syntax::Comprehension& generator : generators) {
    if (&generator != &generators[0]) names.see(generator.iter);
    for (const Expr* test : generator.ifs) names.see(test);
    if (generator.is_scoped)
      for_each_target_name(*generator.target, [&](std::string_view name) { own.insert(name); });
  }
  for (const Expr* value : values) names.see(value);
  NameSet shared;
  for (const std::string_view name : names.inside())
    if (own.contains(name)) shared.insert(name);
  return shared;
}

namespace {

const syntax::SourceRange* first_closure(const Expr& e) {
  if (e.kind == ExprKind::kLambda || e.kind == ExprKind::kGeneratorExp) return &e.range;
  const syntax::SourceRange* found = nullptr;
  syntax::for_each_child(e, [&](const Expr& child) {
    if (found == nullptr) found = first_closure(child);
  });
  return found;
}

}  // namespace

const syntax::SourceRange* first_closure(const syntax::Block& body) {
  const syntax::SourceRange* found = nullptr;
  for (const Stmt* stmt : body) {
    if (found != nullptr) break;
    if (stmt->kind == StmtKind::kFunctionDef) return &as<syntax::FunctionDef>(*stmt).header;
    syntax::for_each_expr(*stmt, [&](const Expr& e) {
      if (found == nullptr) found = first_closure(e);
    });
    syntax::for_each_block(*stmt, [&](const syntax::Block& block) {
      if (found == nullptr) found = first_closure(block);
    });
  }
  return found;
}

}  // namespace engineroom::sema
