// syntax/lexer.h — text to tokens, all at once.
//
// Having all tokens at hand makes looking ahead a matter of indices, which Cython's grammar needs
// (is `T[x] y` a declaration?), and knowing the partner of each bracket makes it cheap.
//
// A bracket that is never closed would swallow the rest of the text. When a line inside brackets
// begins with a word that only a statement can begin with (`def`, `return` ...), the lexer gives up
// on the bracket, reports it, and goes on with a new line.
#pragma once

#include <vector>

#include "syntax/diagnostic.h"
#include "syntax/source.h"
#include "syntax/token.h"

namespace engineroom::syntax {

struct LexedText {
  std::vector<Token> tokens;  // never empty: the last one is kEnd
  // The comments before the first token, without line ends: directives may stand there.
  std::vector<SourceRange> head_comments;
};

// `cython_words`: cdef and the like are keywords.
LexedText lex(const Sources& sources, SourceId id, bool cython_words, Diagnostics& diagnostics);

}  // namespace engineroom::syntax
