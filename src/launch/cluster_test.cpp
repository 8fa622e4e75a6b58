// How a cluster fails to start. That it starts is tests/test_cpp_client.py, which has real
// programs.

#include "engineroom/cluster.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace engineroom {
namespace {

using ::testing::HasSubstr;

TEST(Cluster, ControllerThatFails) {
  const Result<Cluster> cluster = Cluster::start(
      {.engines = 1,
       .controller_command = {"sh", "-c", "echo first; echo cannot bind >&2; exit 4"}});
  ASSERT_FALSE(cluster.ok());
  EXPECT_EQ(cluster.status().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(cluster.status().message(), HasSubstr("controller exited with status 4"));
  EXPECT_THAT(cluster.status().message(), HasSubstr("first\ncannot bind\n"));
}

TEST(Cluster, ControllerThatWritesNoFiles) {
  const Result<Cluster> cluster = Cluster::start(
      {.engines = 1, .controller_command = {"sh", "-c", "sleep 1000"}, .timeout_s = 0.05});
  ASSERT_FALSE(cluster.ok());
  EXPECT_EQ(cluster.status().code(), ErrorCode::kTimeout);
}

TEST(Cluster, NoSuchProgram) {
  const Result<Cluster> cluster =
      Cluster::start({.engines = 1, .controller_command = {"no-such-program"}});
  ASSERT_FALSE(cluster.ok());
  EXPECT_THAT(cluster.status().message(), HasSubstr("no-such-program"));
}

}  // namespace
}  // namespace engineroom
