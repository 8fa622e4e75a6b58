// bench/jit_bench.cpp — from C++ text to code that can be called, and where the time goes.
//
// Budget: 50 ms (aim: 15 ms) for two lines in a warm process; 400 ms for the first job of a process
// whose header is cached; 1 ms for a job that an earlier process compiled, plus once per process
// the loading of LLVM. Texts differ each time, as a cache would answer otherwise.
//
//   jit_bench [name of a Python, default python3] [jobs, default 200]
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "jit/compiler.h"

namespace {

using namespace engineroom;       // NOLINT(google-build-using-namespace): a program of one file
using namespace engineroom::jit;  // NOLINT(google-build-using-namespace)

struct Text {
  const char* name;
  const char* source;  // %d is a number that differs each time
  bool openmp;
};

constexpr Text kTexts[] = {
    {"two lines", "extern \"C\" double f(double x) {\n  return x * x + %d; }\n", false},
    {"two lines of Python's API",
     "extern \"C\" PyObject* f(PyObject*, PyObject* x) {\n"
     "  long n = PyLong_AsLong(x); if (n == -1 && PyErr_Occurred()) return nullptr;\n"
     "  return PyLong_FromLong(n * n + %d); }\n",
     false},
    {"sieve",
     "extern \"C\" PyObject* f(long n) {\n"
     "  using er::Ref;\n"
     "  Ref result(PyList_New(0)); if (!result) return nullptr;\n"
     "  static int p[100000]; long k = 0;\n"
     "  for (long i = 2; k < n && k < 100000; ++i) {\n"
     "    long j = 0; while (j < k && i %% p[j] != 0) ++j;\n"
     "    if (j < k) continue;\n"
     "    p[k++] = static_cast<int>(i);\n"
     "    Ref item(PyLong_FromLong(i + %d)); if (!item) return nullptr;\n"
     "    if (PyList_Append(result.get(), item.get()) < 0) return nullptr;\n"
     "  }\n"
     "  return result.release(); }\n",
     false},
    {"Julia set with OpenMP",
     "extern \"C\" void f(double* out, long n, double cr, double ci) {\n"
     "  #pragma omp parallel for schedule(dynamic)\n"
     "  for (long i = 0; i < n; ++i) for (long j = 0; j < n; ++j) {\n"
     "    double x = 3.0 * i / n - 1.5, y = 3.0 * j / n - 1.5; int k = 0;\n"
     "    for (; k < 100 + %d && x * x + y * y < 4; ++k) {\n"
     "      double t = x * x - y * y + cr; y = 2 * x * y + ci; x = t; }\n"
     "    out[i * n + j] = k; } }\n",
     true},
};

std::string source_of(const Text& text, int i) {
  std::array<char, 4096> buffer;
  std::snprintf(buffer.data(), buffer.size(), text.source, i);
  return buffer.data();
}

double ms(Duration duration) { return to_seconds(duration) * 1e3; }

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

std::string output_of(const std::string& command) {
  std::string text;
  if (std::FILE* pipe = ::popen(command.c_str(), "r")) {
    std::array<char, 4096> buffer;
    while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) text += buffer.data();
    ::pclose(pipe);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

struct Place {
  std::string python_include;
  std::string cache;

  Compiler compiler() const {
    const std::filesystem::path here = std::filesystem::path(__FILE__).parent_path();
    return Compiler({.header = here.parent_path() / "src/runtime/engineroom_runtime.h",
                     .include_dirs = {here.parent_path() / "src", python_include},
                     .cache_root = cache});
  }
};

CompileReport compile(Compiler& compiler, const Text& text, int i, bool use_cache) {
  CompileReport report;
  const Result<Program> program = compiler.compile(
      {.source = source_of(text, i), .openmp = text.openmp, .use_cache = use_cache}, report);
  if (!program.ok() || program.value().symbol("f") == nullptr) {
    std::fprintf(stderr, "%s: %s\n", text.name, program.status().to_string().c_str());
    std::exit(1);
  }
  return report;
}

// One job in a process of its own.
void in_new_process(const char* what, const Place& place, int i) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    Compiler compiler = place.compiler();
    const CompileReport first = compile(compiler, kTexts[0], i, true);
    const CompileReport second = compile(compiler, kTexts[0], i + 1, true);
    std::printf("%-48s %8.2f ms   (header %.2f, next job %.2f%s)\n", what, ms(first.timings.total),
                ms(first.timings.header), ms(second.timings.total),
                first.from_cache ? ", from the object cache" : "");
    std::fflush(stdout);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

void warm(const Place& place, int n_jobs) {
  Compiler compiler = place.compiler();
  std::printf("\n%-28s %7s %7s   %s\n", "warm process, ms", "p50", "p99",
              "p50 of: front end, optimize, generate, link");
  for (const Text& text : kTexts) {
    std::array<std::vector<double>, 5> times;
    for (int i = 0; i < n_jobs + 5; ++i) {
      const Timings& t = compile(compiler, text, i, false).timings;
      if (i < 5) continue;
      int column = 0;
      for (Duration d : {t.total, t.front_end, t.optimize, t.generate, t.link}) {
        times[column++].push_back(ms(d));
      }
    }
    std::printf("%-28s %7.2f %7.2f  ", text.name, percentile(times[0], 0.5),
                percentile(times[0], 0.99));
    for (int i = 1; i < 5; ++i) std::printf(" %6.2f", percentile(times[i], 0.5));
    std::printf("\n");
  }
}

void cached(const Place& place, int n_jobs) {
  Compiler compiler = place.compiler();
  for (int i = 0; i < n_jobs; ++i) compile(compiler, kTexts[1], i, true);
  compiler = place.compiler();
  std::vector<double> times;
  for (int i = 0; i < n_jobs; ++i) {
    times.push_back(ms(compile(compiler, kTexts[1], i, true).timings.total));
  }
  std::printf("%-28s %7.2f %7.2f\n", "from the object cache", percentile(times, 0.5),
              percentile(times, 0.99));
}

double resident_kib() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * 4;
}

// What stays of a program, and what Clang keeps for the next one.
void memory(const Place& place, int n_jobs) {
  Compiler compiler = place.compiler();
  std::vector<Program> programs;
  CompileReport report;
  double before = 0;
  for (int i = 0; i < n_jobs + 20; ++i) {
    if (i == 20) before = resident_kib();
    Result<Program> program =
        compiler.compile({.source = source_of(kTexts[1], i), .use_cache = false}, report);
    if (program.ok()) programs.push_back(program.take());
  }
  const double loaded = resident_kib();
  std::printf("%-28s %7.1f KiB per program, %.0f MiB in all\n", "memory",
              (loaded - before) / n_jobs, loaded / 1024);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string python = argc > 1 ? argv[1] : "python3";
  const int n_jobs = argc > 2 ? std::atoi(argv[2]) : 200;
  const std::string script =
      "import sysconfig as s; print(s.get_path('include')); print(s.get_config_var('INSTSONAME'))";
  const std::string answer = output_of(python + " -c \"" + script + "\"");
  const std::size_t newline = answer.find('\n');
  // The API's symbols, without an interpreter: nothing is called.
  if (newline == std::string::npos ||
      ::dlopen(answer.substr(newline + 1).c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    std::fprintf(stderr, "%s has no shared library\n", python.c_str());
    return 1;
  }
  const std::filesystem::path cache =
      std::filesystem::temp_directory_path() / ("engineroom-bench-" + random_hex(8));
  const Place place = {answer.substr(0, newline), cache};

  in_new_process("first process ever: makes the header", place, 0);
  in_new_process("first job of a process, header cached", place, 10);
  in_new_process("first job of a process, object cached", place, 10);
  warm(place, n_jobs);
  cached(place, n_jobs);
  memory(place, n_jobs);
  std::filesystem::remove_all(cache);
  return 0;
}
