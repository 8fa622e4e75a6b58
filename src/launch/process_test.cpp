#include "launch/process.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"

namespace engineroom::launch {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kPatience = 20s;

class ProcessTest : public ::testing::Test {
 protected:
  ~ProcessTest() override { std::filesystem::remove(output_); }

  Process shell(const std::string& script) {
    Result<Process> process = Process::start({.command = {"sh", "-c", script},
                                              .environment = {{"ENGINEROOM_TEST", "from parent"}},
                                              .output_file = output_});
    EXPECT_TRUE(process.ok()) << process.status().to_string();
    return process.take();
  }

  std::string output() {
    std::ifstream file(output_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Polls until the output has so many lines, and returns them.
  std::string output_of_lines(int n) {
    const Time deadline = Clock::now() + kPatience;
    while (std::ranges::count(output(), '\n') < n && Clock::now() < deadline)
      std::this_thread::sleep_for(2ms);
    return output();
  }

  // Ended; whether somebody has taken notice of it is not ours to say.
  static bool ended(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::size_t name_end = text.rfind(')');
    return name_end == std::string::npos || text.compare(name_end, 3, ") Z") == 0;
  }

  static bool gone(pid_t pid) {
    const Time deadline = Clock::now() + kPatience;
    while (!ended(pid)) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }

  const std::string output_ = ::testing::TempDir() + "/" + new_session_id();
};

TEST_F(ProcessTest, RunsAndExits) {
  Process process = shell("echo $ENGINEROOM_TEST; echo problem >&2; exit 3");
  const std::optional<Exit> exit = process.wait_until(Clock::now() + kPatience);
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->to_string(), "exited with status 3");
  EXPECT_EQ(output(), "from parent\nproblem\n");
  EXPECT_EQ(last_lines(output_, 1), "problem\n");
  EXPECT_TRUE(process.poll().has_value());
}

TEST_F(ProcessTest, IsAskedToEnd) {
  Process process = shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
  output_of_lines(1);
  EXPECT_FALSE(process.poll().has_value());
  EXPECT_EQ(process.stop(kPatience).to_string(), "exited with status 7");
}

TEST_F(ProcessTest, IsKilledIfItDoesNotListen) {
  Process process = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  output_of_lines(1);
  EXPECT_THAT(process.stop(10ms).to_string(), HasSubstr("killed by signal 9"));
}

TEST_F(ProcessTest, ItsChildrenEndWithIt) {
  pid_t child = 0;
  {
    const Process process = shell("sleep 1000 & echo $!; wait");
    child = std::stoi(output_of_lines(1));
  }
  EXPECT_TRUE(gone(child));

  Process process = shell("sleep 1000 & echo $!; exit 0");
  child = std::stoi(output_of_lines(2).substr(output().find('\n') + 1));
  EXPECT_TRUE(process.wait_until(Clock::now() + kPatience).has_value());
  EXPECT_TRUE(gone(child));
}

TEST_F(ProcessTest, OutlivesTheThreadThatStartedIt) {
  std::optional<Process> process;
  std::thread([&] { process.emplace(shell("echo ready; sleep 1000")); }).join();
  output_of_lines(1);
  EXPECT_FALSE(process->wait_until(Clock::now() + 50ms).has_value());
}

// By itself, when the child has begun; or by the child, before it knows more of it.
class OrphanTest : public ProcessTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(OrphanTest, EndsWhenItsParentIsKilled) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a forked process may not start threads under ThreadSanitizer";
#endif
  // The parent is a process of its own, which starts a child with a child, and is then killed.
  const pid_t parent = fork();
  if (parent == 0) {
    const std::string script = std::string("sleep 1000 & echo $$ $!; ") + GetParam() + "; wait";
    const Result<Process> child =
        Process::start({.command = {"sh", "-c", script}, .output_file = output_});
    pause();
    _exit(0);
  }
  std::istringstream pids(output_of_lines(1));
  pid_t child = 0;
  pid_t grandchild = 0;
  pids >> child >> grandchild;
  ASSERT_GT(grandchild, 0);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(gone(child));
  EXPECT_TRUE(gone(grandchild));
}

INSTANTIATE_TEST_SUITE_P(Killed, OrphanTest, ::testing::Values(":", "kill -KILL $PPID"));

TEST_F(ProcessTest, WhatCannotStart) {
  EXPECT_EQ(Process::start({.command = {"no-such-program"}}).status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Process::start({.command = {"/no/such/program"}}).status().code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(
      Process::start({.command = {"true"}, .output_file = "/no/such/folder/log"}).status().code(),
      ErrorCode::kIo);
}

TEST_F(ProcessTest, CanBeMoved) {
  Process first = shell("exit 1");
  Process second = shell("exit 2");
  first = std::move(second);
  EXPECT_EQ(first.wait_until(Clock::now() + kPatience)->code, 2);
}

}  // namespace
}  // namespace engineroom::launch
