// syntax/spelling.h — how words, operators and brackets are written.
#pragma once

#include <cstddef>
#include <string_view>

#include "syntax/token.h"

namespace engineroom::syntax {

// kName, if the word is not reserved.
Tok kind_of_word(std::string_view word, bool cython_words);

// The longest operator that the text begins with; its size is 0 if there is none.
struct OperatorFound {
  Tok kind;
  std::size_t size;
};
OperatorFound find_operator(std::string_view text);

// Words that cannot stand at the start of a line within brackets.
bool begins_statement_only(Tok kind);

Tok closer_of(Tok opener);

}  // namespace engineroom::syntax
