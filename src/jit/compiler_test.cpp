#include "jit/compiler.h"

#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jit/temporary_directory.h"

namespace engineroom::jit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

template <typename F>
F* function(const Program& program, const std::string& name) {
  return reinterpret_cast<F*>(program.symbol(name));
}

// A compiler as a process would make it, with a small header instead of Python's.
class CompilerTest : public ::testing::Test {
 protected:
  CompilerTest() {
    directory_.write("runtime.h",
                     "#pragma once\n"
                     "#include \"part.h\"\n"
                     "inline int twice(int x) { return 2 * x; }\n");
    directory_.write("part.h", "constexpr int kPart = 7;\n");
  }

  Compiler new_process() {
    return Compiler({.header = directory_.path("runtime.h"),
                     .include_dirs = {directory_.path()},
                     .cache_root = directory_.path("cache")});
  }

  // REQUIRES: the source has no errors.
  Program compile(const CompileJob& job) {
    Result<Program> program = compiler_.compile(job, report_);
    if (!program.ok()) throw std::runtime_error(program.status().to_string());
    return program.take();
  }

  std::string entry(const std::string& suffix) const {
    for (const std::string& file : directory_.files()) {
      if (file.ends_with(suffix)) return file;
    }
    return "";
  }

  TemporaryDirectory directory_;
  Compiler compiler_ = new_process();
  CompileReport report_;
};

TEST_F(CompilerTest, CompilesAFunction) {
  const Program program = compile({.source = "extern \"C\" int f(int x) { return twice(x) + 1; }"});
  EXPECT_EQ(function<int(int)>(program, "f")(20), 41);
  EXPECT_EQ(program.symbol("g"), nullptr);
  EXPECT_THAT(report_.diagnostics, IsEmpty());
  EXPECT_GT(report_.timings.front_end.count(), 0);
  EXPECT_EQ(Program().symbol("f"), nullptr);
}

TEST_F(CompilerTest, CompilesAtEveryLevel) {
  for (int level = 0; level <= 3; ++level) {
    const Program program = compile(
        {.source = "extern \"C\" int f(int x) { return twice(x); }", .optimization = level});
    EXPECT_EQ(function<int(int)>(program, "f")(21), 42);
  }
  EXPECT_EQ(compiler_.compile({.source = "", .optimization = 4}, report_).status().code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(CompilerTest, ReportsErrorsWithTheirPlaces) {
  const Result<Program> program = compiler_.compile(
      {.source = "int f() {\n  return x;\n}\n#line 12 \"cell.pyx\"\nint g() { return 1 +; }\n",
       .name = "cell.cpp"},
      report_);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(program.status().message(), "cell.cpp:2:10: error: use of undeclared identifier 'x'");
  ASSERT_EQ(report_.diagnostics.size(), 2u);
  const Diagnostic& second = report_.diagnostics[1];
  EXPECT_EQ(second.severity, Severity::kError);
  EXPECT_EQ(second.file, "cell.pyx");
  EXPECT_EQ(second.line, 12u);
  EXPECT_EQ(second.column, 21u);
  EXPECT_EQ(second.message, "expected expression");
  // And goes on.
  EXPECT_TRUE(compile({.source = "extern \"C\" int f() { return 1; }"}));
}

TEST_F(CompilerTest, ReportsAnErrorInAMacroWhereItIsUsed) {
  const Result<Program> program = compiler_.compile(
      {.source = "#define BAD(x) nothing(x)\n\nint f() { return BAD(1); }"}, report_);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(report_.diagnostics.front().line, 3u);
  EXPECT_EQ(report_.diagnostics.front().column, 18u);
}

TEST_F(CompilerTest, ReportsWarningsAndNotes) {
  compile({.source = "[[deprecated]] int old();\nextern \"C\" int f() { return 1 ? 2 : old(); }",
           .name = "cell"});
  ASSERT_EQ(report_.diagnostics.size(), 2u);
  EXPECT_EQ(report_.diagnostics[0].severity, Severity::kWarning);
  EXPECT_EQ(report_.diagnostics[0].to_string(), "cell:2:37: warning: 'old' is deprecated");
  EXPECT_EQ(report_.diagnostics[1].severity, Severity::kNote);
  EXPECT_EQ(report_.diagnostics[1].line, 1u);
}

TEST_F(CompilerTest, ReportsWrongFlagsAndInlineAssembly) {
  EXPECT_THAT(
      compiler_.compile({.source = "", .flags = {"-fno-such-thing"}}, report_).status().message(),
      HasSubstr("-fno-such-thing"));
  EXPECT_FALSE(
      compiler_.compile({.source = "void f() { asm(\"no such instruction\"); }"}, report_).ok());
}

TEST_F(CompilerTest, NamesSymbolsThatAreDefinedNowhere) {
  const Result<Program> program = compiler_.compile(
      {.source = "int missing(int);\nextern \"C\" int f() { return missing(1); }"}, report_);
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), ErrorCode::kNotFound);
  EXPECT_THAT(program.status().message(), HasSubstr("missing(int)"));
}

TEST_F(CompilerTest, ProgramsMayDefineTheSameNames) {
  const Program one = compile({.source = "int n = 1; extern \"C\" int f() { return n; }"});
  const Program two = compile({.source = "int n = 2; extern \"C\" int f() { return n; }"});
  EXPECT_EQ(function<int()>(one, "f")(), 1);
  EXPECT_EQ(function<int()>(two, "f")(), 2);
}

TEST_F(CompilerTest, LinksToEarlierPrograms) {
  Program library = compile({.source = "int counter = 5; int count() { return counter++; }"});
  const Program other = compile({.source = "int count() { return 1000; }"});
  const Program user = compile({.source = "extern int counter; int count();\n"
                                          "extern \"C\" int f() { return count() + counter; }",
                                .link = {library, other}});
  EXPECT_EQ(function<int()>(user, "f")(), 11);
  // The user keeps it alive.
  library = Program();
  EXPECT_EQ(function<int()>(user, "f")(), 13);
}

TEST_F(CompilerTest, ExceptionsCrossPrograms) {
  directory_.write("thrower.h", "struct Mine { int value; }; void thrower(int);");
  const CompileJob throwing = {.source =
                                   "#include \"thrower.h\"\n"
                                   "void thrower(int x) { throw Mine{x}; }",
                               .include_dirs = {directory_.path()}};
  const CompileJob catching = {
      .source =
          "#include \"thrower.h\"\n"
          "struct Guard { int& n; ~Guard() { n += 100; } };\n"
          "extern \"C\" int f(int x) {\n"
          "  int n = 0;\n"
          "  try { Guard guard{n}; thrower(x); } catch (const Mine& e) { n += e.value; }\n"
          "  return n;\n"
          "}",
      .include_dirs = {directory_.path()},
      .link = {compile(throwing)}};
  EXPECT_EQ(function<int(int)>(compile(catching), "f")(7), 107);
}

TEST_F(CompilerTest, ExceptionsReachTheCaller) {
  const Program program =
      compile({.source = "#include <stdexcept>\n#include <string>\n"
                         "extern \"C\" void f() { throw std::runtime_error(\"from a cell\"); }"});
  try {
    function<void()>(program, "f")();
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "from a cell");
  }
}

TEST_F(CompilerTest, ConstructsAndDestroysStaticObjects) {
  std::vector<int> events;
  const auto note =
      +[](void* list, int value) { static_cast<std::vector<int>*>(list)->push_back(value); };
  Program host = compile({.source = "void* list; void (*note)(void*, int);"});
  *static_cast<void**>(host.symbol("list")) = &events;
  *reinterpret_cast<void (**)(void*, int)>(host.symbol("note")) = note;
  Program program =
      compile({.source = "extern void* list; extern void (*note)(void*, int);\n"
                         "struct Object { int n; Object(int n) : n(n) { note(list, n); }\n"
                         "                ~Object() { note(list, -n); } };\n"
                         "Object one(1); static Object two(2);\n"
                         "extern \"C\" void f() { static Object three(3); }",
               .link = {host}});
  EXPECT_THAT(events, ElementsAre(1, 2));
  function<void()>(program, "f")();
  EXPECT_THAT(events, ElementsAre(1, 2, 3));
  const Program copy = program;
  program = Program();
  EXPECT_THAT(events, ElementsAre(1, 2, 3));
  const_cast<Program&>(copy) = Program();
  EXPECT_THAT(events, ElementsAre(1, 2, 3, -3, -2, -1));
}

TEST_F(CompilerTest, ThreadLocalVariablesArePerThread) {
  const Program program =
      compile({.source = "static thread_local int n = 5; extern \"C\" int f() { return ++n; }"});
  auto* f = function<int()>(program, "f");
  EXPECT_EQ(f(), 6);
  EXPECT_EQ(f(), 7);
  int other = 0;
  std::thread([&] { other = f(); }).join();
  EXPECT_EQ(other, 6);
}

TEST_F(CompilerTest, UsesLibraries) {
  CompileJob job = {.source =
                        "extern \"C\" const char* zlibVersion();\n"
                        "extern \"C\" const char* f() { return zlibVersion(); }",
                    .libraries = {"z"}};
  EXPECT_THAT(function<const char*()>(compile(job), "f")(), HasSubstr("1."));
  Compiler compiler({.libraries = {"z"}});
  job.libraries = {};
  EXPECT_TRUE(compiler.compile(job, report_).ok());
  job.libraries = {"nosuch"};
  EXPECT_EQ(compiler_.compile(job, report_).status().message(), "there is no library nosuch");
}

TEST_F(CompilerTest, RunsOpenMPLoops) {
  const CompileJob job = {
      .source =
          "#include <omp.h>\n"
          "extern \"C\" long f(long n) {\n"
          "  long sum = 0;\n"
          "  #pragma omp parallel for reduction(+ : sum) num_threads(3)\n"
          "  for (long i = 0; i < n; ++i) sum += i + (omp_get_num_threads() == 3);\n"
          "  // Its threads would go on until the end, and there confuse LeakSanitizer.\n"
          "  omp_pause_resource_all(omp_pause_hard);\n"
          "  return sum;\n"
          "}",
      .openmp = true};
  EXPECT_EQ(function<long(long)>(compile(job), "f")(1000), 499500 + 1000);
  EXPECT_THAT(report_.diagnostics, IsEmpty());
}

TEST_F(CompilerTest, ShowsIrAndAssembly) {
  compile({.source = "extern \"C\" int f(int x) { return x * 12345; }",
           .want_ir = true,
           .want_assembly = true});
  EXPECT_THAT(report_.ir, HasSubstr("define"));
  EXPECT_THAT(report_.ir, HasSubstr("mul"));
  EXPECT_THAT(report_.assembly, HasSubstr("imull"));
}

TEST_F(CompilerTest, KnowsTheCLibrary) {
  compile({.source = "#include <math.h>\n#include <string.h>\n"
                     "extern \"C\" double f(double x) { return sqrt(x) + floor(x) + fabs(x); }\n"
                     "extern \"C\" void g(char* a, const char* b) { memcpy(a, b, 8); }\n"
                     "extern \"C\" size_t h() { return strlen(\"text\"); }\n",
           .want_ir = true,
           .want_assembly = true});
  EXPECT_THAT(report_.assembly, HasSubstr("sqrtsd"));
  EXPECT_THAT(report_.ir, HasSubstr("@llvm.floor.f64"));
  EXPECT_THAT(report_.ir, HasSubstr("@llvm.fabs.f64"));
  EXPECT_THAT(report_.ir, Not(HasSubstr("@memcpy")));
  EXPECT_THAT(report_.ir, HasSubstr("ret i64 4"));
}

TEST_F(CompilerTest, Setjmp) {
  const Program program = compile({.source = "#include <setjmp.h>\n"
                                             "static jmp_buf back;\n"
                                             "static void jump(int n) { longjmp(back, n); }\n"
                                             "extern \"C\" int f(int x) {\n"
                                             "  int n = x;\n"
                                             "  volatile int seen = 0;\n"
                                             "  if (setjmp(back) == 0) { seen = n; jump(3); }\n"
                                             "  return seen;\n"
                                             "}",
                                   .want_ir = true});
  EXPECT_EQ(function<int(int)>(program, "f")(5), 5);
  EXPECT_THAT(report_.ir, HasSubstr("returns_twice"));
}

TEST_F(CompilerTest, FlagsAndIncludeDirectories) {
  directory_.write("mine.h", "#define MINE 30\n");
  const Program program =
      compile({.source = "#include <mine.h>\nextern \"C\" int f() { return MINE + EXTRA + kPart; }",
               .include_dirs = {directory_.path()},
               .flags = {"-DEXTRA=5"}});
  EXPECT_EQ(function<int()>(program, "f")(), 42);
  // Two headers of one name, one flag that the header must have too.
  EXPECT_TRUE(
      compile({.source = "#ifndef __FAST_MATH__\n#error slow\n#endif", .flags = {"-ffast-math"}}));
}

TEST_F(CompilerTest, LongExpressionsHaveRoom) {
  std::string source = "extern \"C\" long f(long x) { return 0";
  for (int i = 0; i < 50'000; ++i) source += "+x";
  const Program program = compile({.source = source + "; }"});
  EXPECT_EQ(function<long(long)>(program, "f")(2), 100'000);

  source.append((16u << 20) + 1 - source.size(), ' ');
  EXPECT_EQ(compiler_.compile({.source = source}, report_).status().code(),
            ErrorCode::kResourceExhausted);
}

TEST_F(CompilerTest, LeavesSignalHandlersAlone) {
  struct sigaction before = {};
  struct sigaction after = {};
  ::sigaction(SIGINT, nullptr, &before);
  compile({.source = "extern \"C\" int f() { return 1; }"});
  ::sigaction(SIGINT, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST_F(CompilerTest, CompilesFromManyThreads) {
  std::vector<std::thread> threads;
  std::vector<int> results(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      CompileReport report;
      const Result<Program> program = compiler_.compile(
          {.source = "extern \"C\" int f() { return " + std::to_string(i) + "; }"}, report);
      if (program.ok())
        results[static_cast<std::size_t>(i)] = function<int()>(program.value(), "f")();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(results, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

// ---- the caches ----

TEST_F(CompilerTest, ASecondProcessTakesTheObjectFromTheCache) {
  const CompileJob job = {.source =
                              "[[deprecated]] int old();\n"
                              "extern \"C\" int f() { return 1 ? 2 : old(); }"};
  compile(job);
  EXPECT_FALSE(report_.from_cache);
  const std::vector<Diagnostic> diagnostics = report_.diagnostics;
  EXPECT_THAT(diagnostics, Not(IsEmpty()));

  compiler_ = new_process();
  const Program program = compile(job);
  EXPECT_TRUE(report_.from_cache);
  EXPECT_EQ(report_.diagnostics, diagnostics);
  EXPECT_EQ(report_.timings.front_end.count(), 0);
  EXPECT_EQ(function<int()>(program, "f")(), 2);

  CompileJob uncached = job;
  uncached.use_cache = false;
  compile(uncached);
  EXPECT_FALSE(report_.from_cache);
}

TEST_F(CompilerTest, EveryOptionCounts) {
  const CompileJob job = {.source = "extern \"C\" int f() { return 1; }"};
  compile(job);
  CompileJob other = job;
  other.name = "other";
  compile(other);
  EXPECT_FALSE(report_.from_cache);
  other = job;
  other.optimization = 1;
  compile(other);
  EXPECT_FALSE(report_.from_cache);
  other = job;
  other.flags = {"-DX"};
  compile(other);
  EXPECT_FALSE(report_.from_cache);
  other = job;
  other.include_dirs = {directory_.path()};
  compile(other);
  EXPECT_FALSE(report_.from_cache);
  other = job;
  other.openmp = true;
  compile(other);
  EXPECT_FALSE(report_.from_cache);
  compile(job);
  EXPECT_TRUE(report_.from_cache);
}

TEST_F(CompilerTest, ADamagedObjectIsMadeAgain) {
  const CompileJob job = {.source = "extern \"C\" int f() { return 3; }"};
  compile(job);
  const std::string file = entry(".o");
  std::string bytes = TemporaryDirectory::read(file);
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(function<int()>(compile(job), "f")(), 3);
  EXPECT_FALSE(report_.from_cache);
  compile(job);
  EXPECT_TRUE(report_.from_cache);
}

TEST_F(CompilerTest, AChangedIncludeIsSeen) {
  directory_.write("mine.h", "#define MINE 1\n");
  const CompileJob job = {.source = "#include \"mine.h\"\nextern \"C\" int f() { return MINE; }",
                          .include_dirs = {directory_.path()}};
  EXPECT_EQ(function<int()>(compile(job), "f")(), 1);
  directory_.write("mine.h", "#define MINE 200\n");
  EXPECT_EQ(function<int()>(compile(job), "f")(), 200);
}

TEST_F(CompilerTest, AChangedHeaderIsSeenByTheNextProcess) {
  const CompileJob job = {.source = "extern \"C\" int f() { return kPart; }"};
  EXPECT_EQ(function<int()>(compile(job), "f")(), 7);
  directory_.write("part.h", "constexpr int kPart = 700;\n");
  compiler_ = new_process();
  EXPECT_EQ(function<int()>(compile(job), "f")(), 700);
  EXPECT_FALSE(report_.from_cache);
}

TEST_F(CompilerTest, ADamagedHeaderIsMadeAgain) {
  compile({.source = "extern \"C\" int f() { return 1; }"});
  const std::string file = entry(".pch");
  const std::string good = TemporaryDirectory::read(file);
  std::string bad = good;
  bad[bad.size() / 2] = static_cast<char>(~bad[bad.size() / 2]);
  for (const std::string& damaged : {bad, good.substr(0, good.size() / 2), std::string()}) {
    std::ofstream(file, std::ios::binary) << damaged;
    compiler_ = new_process();
    const Program program =
        compile({.source = "extern \"C\" int f() { return kPart; }", .use_cache = false});
    EXPECT_EQ(function<int()>(program, "f")(), 7);
    EXPECT_EQ(TemporaryDirectory::read(file).size(), good.size());
  }
}

TEST_F(CompilerTest, WorksWithoutCaches) {
  Compiler compiler({.header = directory_.path("runtime.h"), .include_dirs = {directory_.path()}});
  Result<Program> program =
      compiler.compile({.source = "extern \"C\" int f() { return kPart; }"}, report_);
  ASSERT_TRUE(program.ok()) << program.status().to_string();
  EXPECT_EQ(function<int()>(program.value(), "f")(), 7);
  EXPECT_THAT(directory_.files(), ::testing::SizeIs(2));
}

TEST_F(CompilerTest, SaysWhatIsWrongWithTheHeader) {
  directory_.write("runtime.h", "#include <no_such_header.h>\n");
  const Result<Program> program = compiler_.compile({.source = ""}, report_);
  ASSERT_FALSE(program.ok());
  EXPECT_THAT(program.status().message(), HasSubstr("'no_such_header.h' file not found"));
}

}  // namespace
}  // namespace engineroom::jit
