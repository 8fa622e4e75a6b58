// The public compiler, in a program that has Python inside.
#include "engineroom/compiler.h"

#include <Python.h>
#include <unistd.h>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace engineroom {
namespace {

using testing::HasSubstr;

class CompilerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { Py_Initialize(); }
  static void TearDownTestSuite() {
    std::filesystem::remove_all(folder_of_this_process("package"));
  }

  // Tests may run at the same time, each in a process of its own.
  static std::string folder_of_this_process(const std::string& name) {
    return testing::TempDir() + "/engineroom_" + name + "_" + std::to_string(getpid());
  }

  // The package as it will be installed, made of links.
  static std::string package() {
    namespace fs = std::filesystem;
    const fs::path folder = folder_of_this_process("package");
    fs::remove_all(folder);
    fs::create_directories(folder);
    fs::create_directory_symlink(ENGINEROOM_SOURCE_DIR "/src", folder / "include");
    fs::create_directory_symlink(ENGINEROOM_SOURCE_DIR "/python/engineroom/pxd", folder / "pxd");
    fs::create_symlink(ENGINEROOM_RUNTIME_LIBRARY, folder / "libengineroom_runtime.so");
    return folder;
  }

  Compiler compiler_ = Compiler::create({.package_dir = package(),
                                         .python_include_dir = ENGINEROOM_PYTHON_INCLUDE,
                                         .cache_dir = testing::TempDir() + "/engineroom_cache"})
                           .take();
};

TEST_F(CompilerTest, RunsWhatItCompiles) {
  const Compilation done = compiler_.compile(
      "from libc.math cimport sqrt\n"
      "def root(double x):\n"
      "    return sqrt(x)\n"
      "answer = root(1764)\n",
      {.file = "roots.pyx"});
  ASSERT_TRUE(done.ok) << (done.messages.empty() ? "" : done.messages[0].rendered);
  EXPECT_THAT(done.cpp, HasSubstr("sqrt("));
  PyObject* globals = PyDict_New();
  PyObject* name = PyUnicode_FromString("roots");
  PyDict_SetItemString(globals, "__name__", name);
  ASSERT_EQ(done.module.run(globals), 0);
  EXPECT_EQ(PyFloat_AsDouble(PyDict_GetItemString(globals, "answer")), 42);
  Py_DECREF(name);
  Py_DECREF(globals);
}

TEST_F(CompilerTest, SaysWhatIsWrong) {
  const Compilation done =
      compiler_.compile("def root(double x):\n    return sqrt(x)\n", {.file = "roots.pyx"});
  EXPECT_FALSE(done.ok);
  ASSERT_EQ(done.messages.size(), 1U);
  EXPECT_EQ(done.messages[0].line, 2U);
  EXPECT_EQ(done.messages[0].column, 12U);
  EXPECT_EQ(done.messages[0].text, "undeclared name 'sqrt'");
  EXPECT_THAT(done.messages[0].rendered, HasSubstr("roots.pyx:2:12: error"));
}

TEST_F(CompilerTest, SaysWhatCSays) {
  const Compilation done = compiler_.compile(
      "cdef extern from \"nowhere.h\":\n    int f()\ndef g(): return f()\n", {.file = "c.pyx"});
  EXPECT_FALSE(done.ok);
  ASSERT_FALSE(done.messages.empty());
  EXPECT_EQ(done.messages[0].code, "c++");
  EXPECT_THAT(done.messages[0].text, HasSubstr("nowhere.h"));
}

TEST_F(CompilerTest, ErrorsOfTheTextAreSet) {
  const Compilation done = compiler_.compile("1 / 0\n");
  ASSERT_TRUE(done.ok);
  PyObject* globals = PyDict_New();
  EXPECT_EQ(done.module.run(globals), -1);
  EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_ZeroDivisionError));
  PyErr_Clear();
  Py_DECREF(globals);
}

TEST(Compiler, NeedsThePackage) {
  const auto compiler = Compiler::create({.package_dir = "/nowhere", .python_include_dir = "/"});
  EXPECT_FALSE(compiler.ok());
  EXPECT_THAT(compiler.status().message(), HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace engineroom
