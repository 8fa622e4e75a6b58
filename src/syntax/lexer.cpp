#include "syntax/lexer.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "syntax/spelling.h"
#include "syntax/unicode.h"

namespace engineroom::syntax {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_char(char c) { return is_name_start(c) || is_digit(c); }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

class Lexer {
 public:
  Lexer(const Sources& sources, SourceId id, bool cython_words, Diagnostics& diagnostics)
      : text_(sources[id].text()),
        id_(id),
        cython_words_(cython_words),
        diagnostics_(diagnostics) {}

  LexedText run();

 private:
  // {…} in an f-string.
  struct Field {
    std::size_t n_brackets;  // open ones, its own included
    bool in_spec;            // behind the colon
  };
  struct FString {
    std::uint32_t start;  // index of its kFStringStart
    char quote;
    bool triple;
    bool raw;
    std::size_t n_brackets;  // open ones outside of it
    std::vector<Field> fields;
  };
  // A line's indentation, measured twice: with tabs to multiples of 8, and with tabs as one column.
  // Lines whose order differs between the two mix tabs and blanks in a way nobody can see.
  struct Indentation {
    std::uint32_t column;
    std::uint32_t alternative;
  };

  char at(std::uint32_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  bool at_end() const { return pos_ >= text_.size(); }
  std::string_view rest() const { return text_.substr(pos_); }
  SourceRange range(std::uint32_t begin, std::uint32_t end) const { return {id_, begin, end}; }
  void emit(Tok kind, std::uint32_t begin) { tokens_.push_back({kind, begin, pos_, 0}); }
  std::uint32_t next_index() const { return static_cast<std::uint32_t>(tokens_.size()); }

  bool check_text();
  void lex_one();
  void begin_line();
  void change_indentation(Indentation now);
  void lex_newline();
  void lex_comment();
  bool skip_continuation();
  void lex_name();
  void lex_number();
  void skip_digits(bool (*is_kind)(char));
  void lex_string(std::uint32_t begin);
  void lex_fstring_start(std::uint32_t begin, bool raw);
  bool in_fstring_text() const;
  void lex_fstring_text();
  void lex_fstring_brace(std::uint32_t begin);
  void end_fstring();
  void unterminated(std::uint32_t begin, bool triple);
  void skip_line_end();
  void lex_operator();
  void open_bracket(Tok kind);
  void close_bracket(Tok kind);
  bool is_end_of_field_expression() const;
  void lex_stray_character();
  bool give_up_brackets();
  void report_unclosed();
  bool begins_block_of_c(const Token& brace) const;
  void finish();

  std::string_view text_;
  SourceId id_;
  bool cython_words_;
  Diagnostics& diagnostics_;
  std::uint32_t pos_ = 0;
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
  std::vector<SourceRange> head_comments_;
  std::vector<Indentation> indents_{{0, 0}};
  std::vector<std::uint32_t> brackets_;  // indices of the opening tokens that are not closed yet
  std::vector<FString> fstrings_;
  bool lost_brace_ = false;  // a '{' was reported that is never closed
};

LexedText Lexer::run() {
  if (check_text()) {
    tokens_.reserve(text_.size() / 4 + 8);
    while (!at_end()) lex_one();
  }
  finish();
  return {std::move(tokens_), std::move(head_comments_)};
}

// What cannot be a text at all is reported once, not once per byte.
bool Lexer::check_text() {
  for (std::size_t i = 0; i < text_.size();) {
    const std::size_t size = text_[i] == '\0' ? 0 : decode_utf8(text_.substr(i)).size;
    if (size == 0) {
      const auto place = static_cast<std::uint32_t>(i);
      if (text_[i] == '\0') {
        diagnostics_.error("null-byte", range(place, place + 1), "the text has a null byte")
            .hint("is this a source file?");
      } else {
        diagnostics_.error("not-utf8", range(place, place + 1), "the text is not valid UTF-8")
            .hint("save it as UTF-8, or declare its encoding if it is Latin-1: # coding: latin-1");
      }
      return false;
    }
    i += size;
  }
  return true;
}

void Lexer::lex_one() {
  if (in_fstring_text()) return lex_fstring_text();
  if (at_line_start_) {
    at_line_start_ = false;
    if (brackets_.empty()) return begin_line();
    if (give_up_brackets()) return;
  }
  const char c = at(pos_);
  switch (c) {
    case ' ':
    case '\t':
    case '\f':
      ++pos_;
      return;
    case '\r':
    case '\n':
      return lex_newline();
    case '#':
      return lex_comment();
    case '\\':
      if (skip_continuation()) return;
      return lex_stray_character();
    case '"':
    case '\'':
      return lex_string(pos_);
    default:
      break;
  }
  if (is_digit(c) || (c == '.' && is_digit(at(pos_ + 1)))) return lex_number();
  if (is_name_start(c)) return lex_name();
  if (static_cast<unsigned char>(c) >= 0x80) {
    return may_be_in_name(decode_utf8(rest()).code) ? lex_name() : lex_stray_character();
  }
  lex_operator();
}

// ---- lines ----

void Lexer::begin_line() {
  Indentation now{0, 0};
  for (; !at_end(); ++pos_) {
    const char c = at(pos_);
    if (c == ' ') {
      now = {now.column + 1, now.alternative + 1};
    } else if (c == '\t') {
      now = {(now.column / 8 + 1) * 8, now.alternative + 1};
    } else if (c == '\f') {
      now = {0, 0};
    } else {
      break;
    }
  }
  const char c = at(pos_);
  // Lines without a token have no indentation.
  if (at_end() || c == '#' || c == '\n' || c == '\r') return;
  if (c == '\\' && (at(pos_ + 1) == '\n' || at(pos_ + 1) == '\r')) return;
  change_indentation(now);
}

void Lexer::change_indentation(Indentation now) {
  const Indentation last = indents_.back();
  const bool inconsistent = (now.column > last.column) != (now.alternative > last.alternative) ||
                            (now.column < last.column) != (now.alternative < last.alternative);
  if (inconsistent) {
    diagnostics_
        .error("mixed-indentation", range(pos_, pos_),
               "tabs and blanks are mixed, so that the indentation is not clear")
        .hint("use blanks only");
  }
  if (now.column > last.column) {
    indents_.push_back(now);
    emit(Tok::kIndent, pos_);
    return;
  }
  while (indents_.size() > 1 && now.column < indents_.back().column) {
    indents_.pop_back();
    emit(Tok::kDedent, pos_);
  }
  if (now.column != indents_.back().column && !inconsistent) {
    diagnostics_
        .error("bad-dedent", range(pos_, pos_),
               "the indentation of this line matches no line above it")
        .hint("give it the indentation of the block it belongs to");
  }
}

void Lexer::skip_line_end() {
  if (at(pos_) == '\r' && at(pos_ + 1) == '\n') ++pos_;
  ++pos_;
}

void Lexer::lex_newline() {
  const std::uint32_t begin = pos_;
  skip_line_end();
  at_line_start_ = true;
  if (!brackets_.empty()) return;
  const bool is_blank = tokens_.empty() || tokens_.back().kind == Tok::kNewline ||
                        tokens_.back().kind == Tok::kIndent || tokens_.back().kind == Tok::kDedent;
  if (!is_blank) tokens_.push_back({Tok::kNewline, begin, begin, 0});
}

void Lexer::lex_comment() {
  const std::uint32_t begin = pos_;
  while (!at_end() && at(pos_) != '\n' && at(pos_) != '\r') ++pos_;
  if (tokens_.empty()) head_comments_.push_back(range(begin, pos_));
}

bool Lexer::skip_continuation() {
  std::uint32_t next = pos_ + 1;
  if (at(next) != '\n' && at(next) != '\r') return false;
  pos_ = next;
  skip_line_end();
  return true;
}

// Does a line within brackets begin with a statement?
bool Lexer::give_up_brackets() {
  std::uint32_t i = pos_;
  while (at(i) == ' ' || at(i) == '\t') ++i;
  const std::uint32_t begin = i;
  while (is_name_char(at(i))) ++i;
  const std::string_view word = text_.substr(begin, i - begin);
  if (!begins_statement_only(kind_of_word(word, cython_words_))) return false;

  report_unclosed();
  tokens_.push_back({Tok::kError, pos_, pos_, 0});
  tokens_.push_back({Tok::kNewline, pos_, pos_, 0});
  at_line_start_ = true;
  return true;
}

// The innermost bracket is the one that most likely lacks its partner.
void Lexer::report_unclosed() {
  const Token& opener = tokens_[brackets_.back()];
  const std::string bracket(text_.substr(opener.begin, 1));
  const Diagnostics::Added added = diagnostics_.error(
      "unclosed-bracket", range(opener.begin, opener.end), in_quotes(bracket) + " is never closed");
  if (begins_block_of_c(opener)) added.hint("a block begins with ':', and is indented");
  lost_brace_ = lost_brace_ || bracket == "{";
  brackets_.clear();
  fstrings_.clear();
}

// int f() {
bool Lexer::begins_block_of_c(const Token& brace) const {
  if (text_[brace.begin] != '{' || brace.begin == 0) return false;
  const std::size_t before = text_.find_last_not_of(' ', brace.begin - 1);
  const std::size_t after = text_.find_first_not_of(" \t\r", brace.end);
  const bool ends_line = after == std::string_view::npos || text_[after] == '\n';
  return ends_line && before != std::string_view::npos &&
         (text_[before] == ')' || is_name_char(text_[before]));
}

void Lexer::finish() {
  pos_ = static_cast<std::uint32_t>(text_.size());
  if (!brackets_.empty()) {
    report_unclosed();
    emit(Tok::kError, pos_);
  } else if (!fstrings_.empty()) {
    unterminated(tokens_[fstrings_.back().start].begin, fstrings_.back().triple);
  }
  if (!tokens_.empty() && tokens_.back().kind != Tok::kNewline) emit(Tok::kNewline, pos_);
  for (; indents_.size() > 1; indents_.pop_back()) emit(Tok::kDedent, pos_);
  emit(Tok::kEnd, pos_);
}

// ---- names and numbers ----

void Lexer::lex_name() {
  const std::uint32_t begin = pos_;
  while (!at_end()) {
    if (is_name_char(at(pos_))) {
      ++pos_;
      continue;
    }
    if (static_cast<unsigned char>(at(pos_)) < 0x80) break;
    const Character character = decode_utf8(rest());
    if (!may_be_in_name(character.code)) break;
    pos_ += static_cast<std::uint32_t>(character.size);
  }
  const std::string_view word = text_.substr(begin, pos_ - begin);
  // r"", bR'', f""": the prefixes are checked when the string is decoded.
  const bool quote_follows = at(pos_) == '"' || at(pos_) == '\'';
  if (quote_follows && word.size() <= 3 &&
      word.find_first_not_of("rRbBuUfFtTcC") == std::string_view::npos) {
    return lex_string(begin);
  }
  emit(kind_of_word(word, cython_words_), begin);
}

void Lexer::skip_digits(bool (*is_kind)(char)) {
  while (is_kind(at(pos_)) || (at(pos_) == '_' && is_kind(at(pos_ + 1)))) ++pos_;
}

void Lexer::lex_number() {
  const std::uint32_t begin = pos_;
  const char second = static_cast<char>(at(pos_ + 1) | 0x20);
  if (at(pos_) == '0' && (second == 'x' || second == 'o' || second == 'b')) {
    pos_ += 2;
    skip_digits(second == 'x' ? is_hex_digit : is_digit);
  } else {
    skip_digits(is_digit);
    if (at(pos_) == '.') {
      ++pos_;
      if (is_digit(at(pos_))) skip_digits(is_digit);
    }
    if (at(pos_) == 'e' || at(pos_) == 'E') {
      const std::uint32_t sign = at(pos_ + 1) == '+' || at(pos_ + 1) == '-' ? 1 : 0;
      if (is_digit(at(pos_ + 1 + sign))) {
        pos_ += 1 + sign;
        skip_digits(is_digit);
      }
    }
  }
  // Suffixes of C and of imaginary numbers.
  while (at(pos_) != '\0' && std::string_view("uUlLjJ").find(at(pos_)) != std::string_view::npos)
    ++pos_;
  emit(Tok::kNumber, begin);
}

// ---- strings ----

void Lexer::lex_string(std::uint32_t begin) {
  const std::string_view prefix = text_.substr(begin, pos_ - begin);
  const bool raw = prefix.find_first_of("rR") != std::string_view::npos;
  if (prefix.find_first_of("fFtT") != std::string_view::npos) return lex_fstring_start(begin, raw);

  const char quote = at(pos_);
  const bool triple = at(pos_ + 1) == quote && at(pos_ + 2) == quote;
  pos_ += triple ? 3 : 1;
  while (!at_end()) {
    const char c = at(pos_);
    if (c == quote && (!triple || (at(pos_ + 1) == quote && at(pos_ + 2) == quote))) {
      pos_ += triple ? 3 : 1;
      return emit(Tok::kString, begin);
    }
    if (!triple && (c == '\n' || c == '\r')) break;
    if (c == '\\' && pos_ + 1 < text_.size()) {
      ++pos_;
      if (at(pos_) == '\r' && at(pos_ + 1) == '\n') ++pos_;
    }
    ++pos_;
  }
  unterminated(begin, triple);
}

// The token is kError, so that the parser adds no message of its own.
void Lexer::unterminated(std::uint32_t begin, bool triple) {
  pos_ = std::min(pos_, static_cast<std::uint32_t>(text_.size()));
  const std::uint32_t shown = triple ? std::min(begin + 3, pos_) : pos_;
  diagnostics_.error("unterminated-string", range(begin, shown), "this string is never closed")
      .hint(triple ? "close it with three quotes"
                   : "close it on the same line, or use three quotes for several lines");
  emit(Tok::kError, begin);
}

void Lexer::lex_fstring_start(std::uint32_t begin, bool raw) {
  const char quote = at(pos_);
  const bool triple = at(pos_ + 1) == quote && at(pos_ + 2) == quote;
  pos_ += triple ? 3 : 1;
  fstrings_.push_back({next_index(), quote, triple, raw, brackets_.size(), {}});
  emit(Tok::kFStringStart, begin);
}

bool Lexer::in_fstring_text() const {
  return !fstrings_.empty() &&
         (fstrings_.back().fields.empty() || fstrings_.back().fields.back().in_spec);
}

// Up to the next brace that counts, or the closing quote.
void Lexer::lex_fstring_text() {
  const FString& fstring = fstrings_.back();
  const bool in_spec = !fstring.fields.empty();
  const std::uint32_t begin = pos_;
  while (!at_end()) {
    const char c = at(pos_);
    if (c == fstring.quote &&
        (!fstring.triple || (at(pos_ + 1) == fstring.quote && at(pos_ + 2) == fstring.quote))) {
      if (pos_ > begin) emit(Tok::kFStringMiddle, begin);
      return end_fstring();
    }
    if (c == '{' || c == '}') {
      if (!in_spec && at(pos_ + 1) == c) {
        pos_ += 2;
        continue;
      }
      return lex_fstring_brace(begin);
    }
    if ((c == '\n' || c == '\r') && !fstring.triple) break;
    if (c == '\\' && pos_ + 1 < text_.size()) {
      const char next = at(pos_ + 1);
      if (next == 'N' && at(pos_ + 2) == '{' && !fstring.raw) {
        while (!at_end() && at(pos_) != '}' && at(pos_) != '\n') ++pos_;
        if (at(pos_) == '}') ++pos_;
        continue;
      }
      if (next != '{' && next != '}') ++pos_;
      if (at(pos_) == '\r' && at(pos_ + 1) == '\n') ++pos_;
    }
    ++pos_;
  }
  // Unterminated: forget the brackets of its fields.
  const FString lost = fstring;
  fstrings_.pop_back();
  brackets_.resize(lost.n_brackets);
  unterminated(tokens_[lost.start].begin, lost.triple);
}

void Lexer::lex_fstring_brace(std::uint32_t begin) {
  if (pos_ > begin) emit(Tok::kFStringMiddle, begin);
  const std::uint32_t brace = pos_++;
  FString& fstring = fstrings_.back();
  if (at(brace) == '{') {
    brackets_.push_back(next_index());
    emit(Tok::kLBrace, brace);
    fstring.fields.push_back({brackets_.size(), false});
  } else if (!fstring.fields.empty()) {
    fstring.fields.pop_back();
    tokens_[brackets_.back()].match = next_index();
    brackets_.pop_back();
    emit(Tok::kRBrace, brace);
  } else {
    diagnostics_.error("stray-brace", range(brace, brace + 1), "a single '}' in an f-string")
        .hint("write '}}' for the character itself");
    emit(Tok::kError, brace);
  }
}

void Lexer::end_fstring() {
  const std::uint32_t begin = pos_;
  const FString fstring = fstrings_.back();
  fstrings_.pop_back();
  pos_ += fstring.triple ? 3 : 1;
  if (!fstring.fields.empty()) {
    const Token& brace = tokens_[brackets_.back()];
    diagnostics_.error("unclosed-bracket", range(brace.begin, brace.end),
                       "'{' is never closed in this f-string");
    brackets_.resize(fstring.n_brackets);
    return emit(Tok::kError, begin);
  }
  tokens_[fstring.start].match = next_index();
  emit(Tok::kFStringEnd, begin);
}

// ---- operators ----

bool Lexer::is_end_of_field_expression() const {
  return !fstrings_.empty() && !fstrings_.back().fields.empty() &&
         fstrings_.back().fields.back().n_brackets == brackets_.size();
}

void Lexer::lex_operator() {
  const std::uint32_t begin = pos_;
  switch (at(pos_)) {
    case '(':
      return open_bracket(Tok::kLParen);
    case '[':
      return open_bracket(Tok::kLBracket);
    case '{':
      return open_bracket(Tok::kLBrace);
    case ')':
      return close_bracket(Tok::kRParen);
    case ']':
      return close_bracket(Tok::kRBracket);
    case '}':
      return close_bracket(Tok::kRBrace);
    case ':':
      // In f"{x:=5}" the colon begins the format, whatever follows it.
      if (is_end_of_field_expression()) {
        fstrings_.back().fields.back().in_spec = true;
        ++pos_;
        return emit(Tok::kColon, begin);
      }
      break;
    default:
      break;
  }
  const OperatorFound found = find_operator(rest());
  if (found.size == 0) return lex_stray_character();
  pos_ += static_cast<std::uint32_t>(found.size);
  emit(found.kind, begin);
}

void Lexer::open_bracket(Tok kind) {
  const std::uint32_t begin = pos_++;
  brackets_.push_back(next_index());
  emit(kind, begin);
}

void Lexer::close_bracket(Tok kind) {
  const std::uint32_t begin = pos_++;
  const std::string closer(text_.substr(begin, 1));
  const bool outside_fstring =
      !fstrings_.empty() && brackets_.size() <= fstrings_.back().n_brackets;
  // The partner was given up on.
  if (brackets_.empty() && closer == "}" && lost_brace_) return emit(Tok::kError, begin);
  if (brackets_.empty() || outside_fstring) {
    diagnostics_.error("unmatched-bracket", range(begin, pos_),
                       in_quotes(closer) + " closes nothing");
    return emit(Tok::kError, begin);
  }
  Token& opener = tokens_[brackets_.back()];
  if (closer_of(opener.kind) != kind) {
    diagnostics_
        .error("mismatched-bracket", range(begin, pos_),
               in_quotes(closer) + " does not match " + in_quotes(text_.substr(opener.begin, 1)))
        .related(range(opener.begin, opener.end), "opened here");
    kind = Tok::kError;
  }
  if (is_end_of_field_expression()) fstrings_.back().fields.pop_back();
  opener.match = next_index();
  brackets_.pop_back();
  emit(kind, begin);
}

void Lexer::lex_stray_character() {
  const std::uint32_t begin = pos_;
  const Character character = decode_utf8(rest());
  pos_ += static_cast<std::uint32_t>(std::max<std::size_t>(character.size, 1));
  if (character.code == '\\') {
    diagnostics_
        .error("stray-backslash", range(begin, pos_),
               "a backslash continues the line only as its last character")
        .hint("remove what follows it, blanks too");
  } else if (character.code < 0x80) {
    diagnostics_.error("stray-character", range(begin, pos_),
                       (character.code < 0x20 || character.code == 0x7F
                            ? "the control character " + code_point_name(character.code)
                            : in_quotes(text_.substr(begin, 1))) +
                           " has no meaning outside of strings and comments");
  } else {
    const Diagnostics::Added added =
        diagnostics_.error("stray-character", range(begin, pos_),
                           "the character " + in_quotes(text_.substr(begin, pos_ - begin)) + " (" +
                               code_point_name(character.code) + ") cannot be used here");
    const std::string_view meant = ascii_for(character.code);
    if (!meant.empty()) added.hint("did you mean " + in_quotes(meant) + "?");
  }
  emit(Tok::kError, begin);
}

}  // namespace

LexedText lex(const Sources& sources, SourceId id, bool cython_words, Diagnostics& diagnostics) {
  return Lexer(sources, id, cython_words, diagnostics).run();
}

}  // namespace engineroom::syntax
