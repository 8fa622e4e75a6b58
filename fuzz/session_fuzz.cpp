// fuzz/session_fuzz.cpp — any program at all: the compiler's stages from text to C++ end, in
// bounded time and memory, with C++ or with diagnostics; and what they accept keeps the typed
// tree's rules.
//
// The first byte chooses. Either the rest is the text, mutated from the seeds in
// fuzz/corpus/session_fuzz; or a program is made from the rest by a grammar: one that the parser
// accepts, and that uses the names which it declares; lines with errors are then taken out of it,
// so that it gets through sema to emit. Only our own .pxd files are found, if it runs in the root
// of the repository.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "base/fuzz_input.h"
#include "session/translate.h"

namespace engineroom {
namespace {

// Cython, written at random: each decision takes a byte of the input.
class ProgramMaker {
 public:
  explicit ProgramMaker(FuzzInput& input) : input_(input) {}

  std::string module() {
    out_ =
        "from libc.math cimport sqrt\nfrom libc.stdlib cimport malloc, free\n"
        "from cython.parallel cimport parallel, prange, threadid\n"
        "cdef struct Point:\n    int x\n    double y[3]\n"
        "cdef union Either:\n    int i\n    char *s\n"
        "cdef enum Color: RED, GREEN = 4\n"
        "ctypedef int (*callback)(int, double) except? -1\n"
        "cdef extern from *:\n    ctypedef long wide\n    int LIMIT\n    int twice(int n) nogil\n"
        "cdef int n0\ncdef object o0\n";
    for (int i = 0; i < 12 && !input_.empty() && out_.size() < kMaxText; ++i) {
      switch (choose(6)) {
        case 0:
        case 1:
          statement(0);
          break;
        case 2:
          threaded_function(i);
          break;
        default:
          function(i);
      }
    }
    return std::move(out_);
  }

 private:
  static constexpr std::size_t kMaxText = 20000;
  static constexpr int kMaxNesting = 4;
  static constexpr int kMaxDepth = 5;

  unsigned choose(unsigned n) { return input_.byte() % n; }
  template <std::size_t N>
  std::string_view one_of(const std::array<std::string_view, N>& words) {
    return words[choose(N)];
  }

  std::string_view type() {
    static constexpr std::array<std::string_view, 28> kTypes = {
        "int",       "double",        "object",    "long",          "char *",
        "bint",      "list",          "dict",      "str",           "bytes",
        "Point",     "Point *",       "int *",     "Py_ssize_t",    "size_t",
        "wide",      "callback",      "Color",     "unsigned char", "double complex",
        "float",     "const int *",   "double[:]", "int[:, ::1]",   "const char[:]",
        "object[:]", "Point[::1, :]", "double[3]"};
    return one_of(kTypes);
  }
  std::string_view name() {
    static constexpr std::array<std::string_view, 14> kNames = {
        "a", "b", "c", "i", "j", "n0", "o0", "x", "f0", "f1", "RED", "LIMIT", "len", "Point"};
    return one_of(kNames);
  }
  std::string_view local() {
    static constexpr std::array<std::string_view, 6> kLocals = {"a", "b", "c", "i", "j", "x"};
    return one_of(kLocals);
  }

  void line(int nesting, const std::string& text) {
    out_.append(4 * static_cast<std::size_t>(nesting), ' ').append(text).append("\n");
  }

  std::string list_of(int depth) {
    std::string text;
    for (unsigned n = choose(4); n > 0; --n) text += expr(depth) + ", ";
    return text;
  }

  std::string generator(int depth) {
    std::string text = " for " + std::string(local()) + " in " + iterable(depth);
    if (choose(3) == 0) text += " if " + expr(depth);
    return text;
  }

  std::string iterable(int depth) {
    switch (choose(3)) {
      case 0:
        return "range(" + expr(depth) + ")";
      case 1:
        return "range(" + expr(depth) + ", " + expr(depth) + ", " + expr(depth) + ")";
      default:
        return "(" + expr(depth) + ")";
    }
  }

  std::string expr(int depth) {
    static constexpr std::array<std::string_view, 13> kLiterals = {
        "1",         "0",    "-1",   "2.5", "'text'", "b'b'",
        "None",      "True", "NULL", "3j",  "c'x'",   "9223372036854775808",
        "u'\\u20ac'"};
    static constexpr std::array<std::string_view, 5> kParts = {".shape[0]", ".strides[1]", ".T",
                                                               ".copy()", ".is_c_contig()"};
    static constexpr std::array<std::string_view, 21> kOperators = {
        "+", "-",  "*", "/",  "//", "%",  "**",     "<<",  ">>", "&", "|",
        "^", "==", "<", "!=", "is", "in", "not in", "and", "or", "@"};
    if (depth >= kMaxDepth || out_.size() > kMaxText) return std::string(name());
    ++depth;
    switch (choose(30)) {
      case 0:
      case 1:
      case 2:
        return std::string(name());
      case 3:
        return std::string(local()) + "[" + index() + ", " + index() + "]";
      case 26:
        return "<" + std::string(type()) + ">(" + expr(depth) + ")";
      case 27:
        return "&" + std::string(local()) + "[" + index() + "]";
      case 28:
        return std::string(local()) + std::string(one_of(kParts));
      case 29:
        return "threadid()";
      case 4:
      case 5:
        return std::string(one_of(kLiterals));
      case 6:
      case 7:
      case 8: {
        std::string left = expr(depth);
        const std::string op(one_of(kOperators));
        return "(" + left + " " + op + " " + expr(depth) + ")";
      }
      case 9:
        return "(-" + expr(depth) + ")";
      case 10:
        return "(not " + expr(depth) + ")";
      case 11:
        return std::string(name()) + "(" + list_of(depth) + ")";
      case 12:
        return expr(depth) + "[" + expr(depth) + "]";
      case 13: {
        std::string of = expr(depth);
        return of + "[" + expr(depth) + ":" + expr(depth) + "]";
      }
      case 14:
        return expr(depth) + ".x";
      case 15:
        return expr(depth) + ".y(" + list_of(depth) + ")";
      case 16:
        return "<" + std::string(type()) + ">(" + expr(depth) + ")";
      case 17:
        return "&" + std::string(name());
      case 18:
        return "[" + list_of(depth) + "]";
      case 19:
        return "(" + list_of(depth) + "1,)";
      case 20:
        return "{" + expr(depth) + ": " + expr(depth) + "}";
      case 21:
        return "[" + expr(depth) + generator(depth) + "]";
      case 22: {
        std::string body = expr(depth);
        return "(" + body + " if " + expr(depth) + " else " + expr(depth) + ")";
      }
      case 23:
        return "(lambda a, b=" + expr(depth) + ": " + expr(depth) + ")";
      case 24:
        return "f'{" + std::string(name()) + "!r:>{" + std::string(name()) + "}}'";
      default:
        return "(" + std::string(local()) + " := " + expr(depth) + ")";
    }
  }

  // Of a memoryview.
  std::string index() {
    static constexpr std::array<std::string_view, 12> kIndices = {
        "i", "j", "i + 1", "2 * i", "...", "None", ":", "::2", "1:", ":-1", "::-1", "i * 3 + j"};
    return std::string(one_of(kIndices));
  }

  // ---- loops on threads ----

  std::string loop_head() {
    static constexpr std::array<std::string_view, 6> kLimits = {
        "n", "1, n", "n - 1, -1, -1", "0, n, 2", "n // 2", "0, n, m"};
    static constexpr std::array<std::string_view, 8> kOptions = {
        "",
        "",
        ", schedule='static'",
        ", schedule='static', chunksize=m",
        ", schedule='dynamic'",
        ", schedule='guided', num_threads=3",
        ", schedule='runtime', use_threads_if=n > 5",
        ", collapse=2"};
    return "prange(" + std::string(one_of(kLimits)) + std::string(one_of(kOptions)) + ")";
  }

  std::string place() {
    static constexpr std::array<std::string_view, 14> kIndices = {
        "i",     "j",      "i + 1", "n - 1 - i", "2 * i + 1", "i * m + j", "c[i]",
        "i % 3", "i // 2", "k",     "0",         "i & 3",     "k + j",     "threadid()"};
    static constexpr std::array<std::string_view, 6> kRows = {"i", "j", "i - 1", "k", "0", "m - j"};
    switch (choose(8)) {
      case 0:
      case 1:
        return "t[" + std::string(one_of(kRows)) + ", " + std::string(one_of(kRows)) + "]";
      case 2:
        return "p[" + std::string(one_of(kIndices)) + "]";
      case 3:
        return "q[" + std::string(one_of(kRows)) + "]";
      case 4:
        return "own[" + std::string(one_of(kRows)) + "]";
      case 5:
        return choose(2) == 0 ? "point.x" : "t[" + std::string(one_of(kRows)) + "][0]";
      default:
        return "a[" + std::string(one_of(kIndices)) + "]";
    }
  }

  std::string number() {
    static constexpr std::array<std::string_view, 10> kNumbers = {
        "i", "j", "k", "x", "s", "1", "n", "best", "0.5", "sqrt(x)"};
    switch (choose(4)) {
      case 0:
        return place();
      case 1: {
        static constexpr std::array<std::string_view, 8> kOperators = {
            " + ", " - ", " * ", " / ", " < ", " and ", " // ", " % "};
        const std::string left(one_of(kNumbers));
        return "(" + left + std::string(one_of(kOperators)) + place() + ")";
      }
      default:
        return std::string(one_of(kNumbers));
    }
  }

  void turn(int nesting) {
    for (unsigned n = 1 + choose(3); n > 0; --n) step(nesting);
  }

  void step(int nesting) {
    static constexpr std::array<std::string_view, 6> kNames = {"s", "x", "k", "best", "where", "j"};
    const bool is_deep = nesting >= 6 || out_.size() > kMaxText;
    switch (choose(is_deep ? 8 : 18)) {
      case 0:
      case 1:
        return line(nesting, place() + " = " + number());
      case 2: {
        static constexpr std::array<std::string_view, 7> kOps = {
            "+=", "-=", "*=", "/=", "&=", "|=", "**="};
        const std::string to = choose(2) == 0 ? place() : std::string(one_of(kNames));
        const std::string op(one_of(kOps));
        return line(nesting, to + " " + op + " " + number());
      }
      case 3: {
        const std::string to(one_of(kNames));
        return line(nesting, to + " = " + number());
      }
      case 4:
        return line(nesting, "best = max(best, " + number() + ")");
      case 5: {
        const std::string left = place();
        return line(nesting, left + ", " + place() + " = " + number() + ", " + left);
      }
      case 6:
        line(nesting, choose(2) == 0 ? "p = &t[i, 0]" : "q = t[i]");
        return line(nesting, choose(2) == 0 ? "t[i, :] = 0" : "t[:, i] = q");
      case 7:
        return line(nesting, choose(3) == 0 ? "return" : choose(2) == 0 ? "break" : "continue");
      case 8:
      case 9: {
        const std::string value = place();
        line(nesting, "if " + value + (choose(2) == 0 ? " > best:" : " <= best:"));
        line(nesting + 1, "best = " + value);
        if (choose(2) == 0) line(nesting + 1, "where = i");
        return;
      }
      case 10:
      case 11:
        line(nesting, "if " + number() + ":");
        turn(nesting + 1);
        if (choose(2) == 0) {
          line(nesting, "else:");
          turn(nesting + 1);
        }
        return;
      case 12:
      case 13:
        line(nesting, choose(2) == 0 ? "for j in range(m):" : "for j in range(i, n, 2):");
        return turn(nesting + 1);
      case 14:
        line(nesting, "k = 0");
        line(nesting, choose(2) == 0 ? "while k < m:" : "while True:");
        line(nesting + 1, "k += 1");
        return turn(nesting + 1);
      case 15:
        line(nesting, "with gil:");
        return turn(nesting + 1);
      case 16:
        line(nesting, "try:");
        turn(nesting + 1);
        line(nesting, "finally:");
        return turn(nesting + 1);
      default:
        line(nesting, "for j in " + loop_head() + ":");
        return turn(nesting + 1);
    }
  }

  void threaded_function(int id) {
    line(0, "def f" + std::to_string(id % 10) +
                "(double[:] a, double[:, ::1] t, int[:] c, int n, int m):");
    line(1, "cdef int i = 0, j = 0, k = 0, where = -1");
    line(1, "cdef double x = 1, s = 0, best = 0");
    line(1, "cdef double *p = &a[0]");
    line(1, "cdef double[:] q = a");
    line(1, "cdef double[4] own");
    line(1, "cdef Point point");
    line(1, "with nogil:");
    int nesting = 2;
    if (choose(3) == 0) {
      line(nesting++, choose(2) == 0 ? "with parallel():" : "with parallel(num_threads=2):");
      turn(nesting);
    }
    line(nesting, "for i in " + loop_head() + ":");
    turn(nesting + 1);
    if (choose(3) == 0) {
      line(nesting, "else:");
      turn(nesting + 1);
    }
    line(1, "return i, j, k, where, x, s, best");
  }

  std::string target() {
    switch (choose(7)) {
      case 0:
        return std::string(local()) + "[" + expr(3) + "]";
      case 3:
        return std::string(local()) + "[" + index() + ", " + index() + "]";
      case 1:
        return std::string(local()) + ".x";
      case 2:
        return std::string(local()) + ", *" + std::string(local());
      default:
        return std::string(local());
    }
  }

  void suite(int nesting) {
    if (nesting >= kMaxNesting || out_.size() > kMaxText) return line(nesting, "pass");
    for (unsigned n = 1 + choose(3); n > 0; --n) statement(nesting);
  }

  void statement(int nesting) {
    static constexpr std::array<std::string_view, 6> kInPlace = {
        "+=", "*=", "/=", "//=", "**=", ">>="};
    switch (choose(24)) {
      case 0:
      case 1:
        return line(nesting, target() + " = " + expr(0));
      case 20:
        line(nesting, "with nogil:");
        return suite(nesting + 1);
      case 21:
        line(nesting, "with gil:");
        return suite(nesting + 1);
      case 22:
        line(nesting, choose(2) == 0 ? "with nogil, parallel():" : "with parallel(num_threads=i):");
        return suite(nesting + 1);
      case 23:
        line(nesting, "for " + std::string(local()) + " in " + loop_head() + ":");
        return suite(nesting + 1);
      case 2:
        return line(nesting, std::string(local()) + " = " + std::string(local()) + " = " + expr(1));
      case 3: {
        const std::string to(local());
        const std::string op(one_of(kInPlace));
        return line(nesting, to + " " + op + " " + expr(1));
      }
      case 4: {
        std::string text = "cdef " + std::string(type()) + " " + std::string(local());
        if (choose(2) == 0) text += " = " + expr(1);
        return line(nesting, text);
      }
      case 5:
        line(nesting, "if " + expr(1) + ":");
        suite(nesting + 1);
        line(nesting, "elif " + expr(2) + ":");
        suite(nesting + 1);
        line(nesting, "else:");
        return suite(nesting + 1);
      case 6:
        line(nesting, "while " + expr(2) + ":");
        return suite(nesting + 1);
      case 7:
        line(nesting, "for " + target() + " in " + iterable(1) + ":");
        suite(nesting + 1);
        line(nesting, "else:");
        return suite(nesting + 1);
      case 8:
        line(nesting, "for " + std::string(local()) + " from " + expr(3) + " <= i < " + expr(3) +
                          " by " + expr(4) + ":");
        return suite(nesting + 1);
      case 9:
        line(nesting, "try:");
        suite(nesting + 1);
        line(nesting, "except " + std::string(name()) + " as " + std::string(local()) + ":");
        suite(nesting + 1);
        line(nesting, "else:");
        suite(nesting + 1);
        line(nesting, "finally:");
        return suite(nesting + 1);
      case 10:
        line(nesting, "with " + expr(2) + " as " + target() + ":");
        return suite(nesting + 1);
      case 11:
        return line(nesting, nesting == 0 ? "pass" : "return " + expr(0));
      case 12:
        return line(nesting, "del " + target());
      case 13:
        return line(nesting, choose(2) == 0 ? "break" : "continue");
      case 14:
        return line(nesting, "raise " + expr(2) + " from " + expr(3));
      case 15:
        return line(nesting, "assert " + expr(1) + ", " + expr(3));
      case 16:
        return line(nesting, nesting == 0 ? "import a.b as c" : "global x");
      case 17:
        return function(static_cast<int>(choose(3)), nesting);
      default:
        return line(nesting, expr(0));
    }
  }

  void function(int number, int nesting = 0) {
    const std::string id = "f" + std::to_string(number % 10);
    static constexpr std::array<std::string_view, 8> kClauses = {
        "",          "",          " except -1",      " except? -1",
        " except *", " noexcept", " noexcept nogil", " except -1 nogil"};
    switch (choose(4)) {
      case 0:
        line(nesting,
             "def " + id + "(a, " + std::string(type()) + " b, c=" + expr(3) + ", *i, **j):");
        break;
      case 1: {
        std::string result(type());
        line(nesting, "cpdef " + result + " " + id + "(" + std::string(type()) + " a, " +
                          std::string(type()) + " b=1)" + std::string(one_of(kClauses)) + ":");
        break;
      }
      case 2: {
        std::string result(type());
        line(nesting, "cdef " + result + " " + id + "(" + std::string(type()) + " a, " +
                          std::string(type()) + " b)" + std::string(one_of(kClauses)) + ":");
        break;
      }
      default:
        line(nesting, "def " + id + "(" + std::string(type()) + " x not None, i: int = 3):");
        break;
    }
    suite(nesting + 1);
  }

  FuzzInput& input_;
  std::string out_;
};

// The text without its mistakes, or with other ones: each line with an error becomes harmless.
std::string mended(const std::string& text, const session::Translation& translation) {
  std::set<std::size_t> wrong;
  for (const session::Message& message : translation.messages)
    if (message.severity == syntax::Severity::kError) wrong.insert(message.line);
  std::string out;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end == std::string::npos ? text.size() : end + 1;
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const std::string code = line.substr(indent);
    out.append(indent, ' ');
    if (!wrong.contains(++number)) {
      out += code;
    } else if (!code.ends_with(":")) {
      out += "pass";
    } else if (code.starts_with("elif")) {
      out += "elif 1:";
    } else if (code.starts_with("except")) {
      out += "except:";
    } else if (code.starts_with("def") || code.starts_with("c")) {
      out += "def f" + std::to_string(number) + "(a, int b, *c):";
    } else {
      out += "if 1:";
    }
    out += '\n';
  }
  return out;
}

session::Translation check(const session::Request& request) {
  // To see what a crashing input stands for.
  if (std::getenv("FUZZ_SHOW") != nullptr) std::fprintf(stderr, "%s\n", request.text.c_str());
  session::Translation done = session::translate(request);
  FUZZ_REQUIRE(done.ok == !done.cpp.empty());
  FUZZ_REQUIRE(done.cpp.size() <= 20000 + 2000 * request.text.size());
  for (const session::Message& message : done.messages)
    FUZZ_REQUIRE(!message.text.empty() && !message.rendered.empty());
  return done;
}

}  // namespace
}  // namespace engineroom

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace engineroom;
  FuzzInput input(data, size);
  const unsigned choice = input.byte();
  session::Request request;
  request.level = static_cast<syntax::LanguageLevel>(choice % 3);
  request.pxd_path = {"fuzz/pxd"};
  if (choice < 128) {
    request.text = input.rest();
    check(request);
    return 0;
  }
  request.text = ProgramMaker(input).module();
  for (int round = 0; round < 5; ++round) {
    const session::Translation done = check(request);
    if (done.ok) break;
    request.text = mended(request.text, done);
  }
  return 0;
}
