#include "engine/spill.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/kept_results.h"
#include "engine/spill_file.h"

namespace engineroom::engine {
namespace {

KeptPtr result(std::size_t size, char fill = 'x') {
  return std::make_shared<Kept>(Kept{
      true, {}, {Bytes(std::string(size / 2, fill)), Bytes(std::string(size - size / 2, '.'))}});
}

Spilled written() { return {std::make_shared<const Extent>(nullptr, 0, 0), {}}; }

TEST(Spill, in_memory_until_it_is_written) {
  Spill spill(1000, 1000);
  const auto write = spill.add("a", result(100));
  ASSERT_TRUE(write);
  EXPECT_EQ(spill.find("a").kept, write->kept);
  spill.on_written(write->number, written());
  EXPECT_EQ(spill.find("a").kept, nullptr);
  EXPECT_NE(spill.find("a").spilled, nullptr);
  spill.drop("a");
  EXPECT_FALSE(spill.find("a"));
  EXPECT_EQ(spill.bytes(), 0u);
}

TEST(Spill, the_least_recently_used_go) {
  Spill spill(300, 1000);
  for (const char* id : {"a", "b", "c"}) {
    spill.on_written(spill.add(id, result(100))->number, written());
  }
  EXPECT_TRUE(spill.find("a"));
  spill.add("d", result(150));
  EXPECT_FALSE(spill.find("b"));
  EXPECT_FALSE(spill.find("c"));
  EXPECT_TRUE(spill.find("a"));
  EXPECT_EQ(spill.bytes(), 250u);
  EXPECT_FALSE(spill.add("e", result(301)));
  EXPECT_EQ(spill.take_lost(), (std::vector<std::string>{"b", "c", "e"}));
}

TEST(Spill, what_the_disk_does_not_keep_up_with_is_dropped) {
  Spill spill(1000, 250);
  const auto first = spill.add("a", result(100));
  const auto second = spill.add("b", result(100));
  EXPECT_FALSE(spill.add("c", result(100)));
  spill.on_written(first->number, written());
  EXPECT_TRUE(spill.add("c", result(100)));
  spill.drop("b");
  // Too late.
  spill.on_written(second->number, written());
  EXPECT_FALSE(spill.find("b"));
  EXPECT_TRUE(spill.add("d", result(150)));
}

TEST(Spill, what_cannot_be_written_is_forgotten) {
  Spill spill(1000, 1000);
  spill.on_written(spill.add("a", result(100))->number, {});
  EXPECT_FALSE(spill.find("a"));
  EXPECT_EQ(spill.bytes(), 0u);
}

TEST(SpillFile, what_is_read_stays_although_it_is_dropped) {
  auto opened = SpillFile::open(testing::TempDir());
  ASSERT_TRUE(opened.ok());
  const KeptPtr first = result(100'000, 'a');
  const auto write = [&](const KeptPtr& kept) {
    auto extent = opened.value()->write(kept->buffers);
    EXPECT_TRUE(extent.ok());
    Spilled spilled{extent.take(), {}};
    for (const Bytes& buffer : kept->buffers) spilled.sizes.push_back(buffer.size());
    return spilled;
  };
  Spilled spilled = write(first);
  const std::optional<Frames> read = SpillFile::read(spilled);
  ASSERT_TRUE(read);
  spilled = write(result(100'000, 'b'));
  EXPECT_EQ(*read, first->buffers);
  spilled = {};
  EXPECT_EQ(*read, first->buffers);
}

TEST(SpillFile, a_forked_child_that_forgets_it_changes_nothing) {
  auto opened = SpillFile::open(testing::TempDir());
  ASSERT_TRUE(opened.ok());
  const KeptPtr kept = result(100'000, 'a');
  auto extent = opened.value()->write(kept->buffers);
  ASSERT_TRUE(extent.ok());
  Spilled spilled{extent.take(), {50'000, 50'000}};
  const pid_t child = ::fork();
  if (child == 0) {
    spilled.extent = nullptr;
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(SpillFile::read(spilled), kept->buffers);
}

TEST(SpillFile, leaves_nothing_that_has_a_name) {
  const std::string folder = testing::TempDir() + "/spill";
  std::filesystem::create_directory(folder);
  auto opened = SpillFile::open(folder);
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(opened.value()->write(result(10)->buffers).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  EXPECT_FALSE(SpillFile::open(folder + "/nowhere").ok());
}

TEST(KeptResults, large_ones_beyond_memory_come_from_disk) {
  KeptResults results(
      {.memory_bytes = 300'000, .spill_bytes = 1 << 20, .spill_folder = testing::TempDir()}, [] {});
  for (char id = 'a'; id <= 'h'; ++id) results.put(std::string(1, id), result(100'000, id));
  results.put("small", result(10));
  // Written or not.
  for (int turn = 0; turn < 2; ++turn) {
    for (char id = 'a'; id <= 'h'; ++id) {
      const KeptPtr found = results.find(std::string(1, id));
      ASSERT_NE(found, nullptr) << id;
      EXPECT_EQ(found->buffers, result(100'000, id)->buffers);
      results.on_turn();
    }
  }
  results.drop("a");
  EXPECT_EQ(results.find("a"), nullptr);
}

TEST(KeptResults, without_a_disk_they_are_forgotten) {
  KeptResults results({.memory_bytes = 150'000, .spill_bytes = 0, .spill_folder = {}}, [] {});
  results.put("a", result(100'000));
  EXPECT_FALSE(results.is_lost("a"));
  results.put("b", result(100'000));
  EXPECT_EQ(results.find("a"), nullptr);
  EXPECT_TRUE(results.is_lost("a"));
  EXPECT_NE(results.find("b"), nullptr);
}

}  // namespace
}  // namespace engineroom::engine
