// sema/free_names.h — names that functions use of what is around them, read off the text.
//
// Which variables of a function are shared with functions inside it has to be known before their
// types are, and so before anything is analysed. The results' texts are those of the tree.
#pragma once

#include <initializer_list>
#include <set>
#include <string_view>

#include "syntax/tree.h"

namespace engineroom::sema {

using NameSet = std::set<std::string_view>;

// What a function uses, it or functions in it, and does not bind; `nonlocal` names are such.
NameSet free_names(const syntax::FunctionDef& def);
NameSet free_names(const syntax::Lambda& lambda);

// What functions in a text use and do not bind, except for variables of comprehensions around them.
NameSet names_used_inside(const syntax::Block& body);
NameSet names_used_inside(const syntax::Expr& value);

// Those variables of a comprehension that functions in it use.
NameSet shared_names(const syntax::List<syntax::Comprehension>& generators,
                     std::initializer_list<const syntax::Expr*> values);

// Whether a function, a lambda or a generator is made in it: the first one.
const syntax::SourceRange* first_closure(const syntax::Block& body);

}  // namespace engineroom::sema
