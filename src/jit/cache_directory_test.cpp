#include "jit/cache_directory.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "jit/temporary_directory.h"

namespace engineroom::jit {
namespace {

class CacheDirectoryTest : public ::testing::Test {
 protected:
  CacheDirectory cache(std::uint64_t limit_bytes = 1u << 20) {
    return CacheDirectory(directory_.path("cache"), limit_bytes);
  }

  TemporaryDirectory directory_;
};

TEST_F(CacheDirectoryTest, GivesBackWhatWasAdded) {
  cache().add("a", "payload", "notes");
  const std::optional<CacheEntry> entry = cache().find("a");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->payload, "payload");
  EXPECT_EQ(entry->notes, "notes");
  EXPECT_FALSE(cache().find("b").has_value());
}

TEST_F(CacheDirectoryTest, KeepsEmptyParts) {
  cache().add("a", "", "");
  EXPECT_TRUE(cache().find("a").has_value());
}

TEST_F(CacheDirectoryTest, IsReadableForTheUserAlone) {
  cache().add("a", "payload", "notes");
  struct stat info = {};
  ASSERT_EQ(::stat(directory_.path("cache").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(directory_.path("cache/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(CacheDirectoryTest, IgnoresEveryDamagedByte) {
  cache().add("a", "payload", "notes");
  const std::string file = directory_.path("cache/a");
  const std::string good = TemporaryDirectory::read(file);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    directory_.write("cache/a", bad);
    EXPECT_FALSE(cache().find("a").has_value()) << "byte " << i;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    directory_.write("cache/a", good.substr(0, size));
    EXPECT_FALSE(cache().find("a").has_value()) << "size " << size;
  }
  directory_.write("cache/a", good);
  EXPECT_TRUE(cache().find("a").has_value());
}

TEST_F(CacheDirectoryTest, IgnoresAnEntryUnderAnotherName) {
  cache().add("a", "payload", "notes");
  std::filesystem::rename(directory_.path("cache/a"), directory_.path("cache/b"));
  EXPECT_FALSE(cache().find("b").has_value());
}

TEST_F(CacheDirectoryTest, IgnoresWhatOthersMayWrite) {
  cache().add("a", "payload", "notes");
  ::chmod(directory_.path("cache/a").c_str(), 0666);
  EXPECT_FALSE(cache().find("a").has_value());
  ::chmod(directory_.path("cache/a").c_str(), 0600);
  ::chmod(directory_.path("cache").c_str(), 0777);
  EXPECT_FALSE(cache().find("a").has_value());
}

TEST_F(CacheDirectoryTest, IgnoresLinks) {
  cache().add("a", "payload", "notes");
  std::filesystem::rename(directory_.path("cache/a"), directory_.path("a"));
  std::filesystem::create_symlink(directory_.path("a"), directory_.path("cache/a"));
  EXPECT_FALSE(cache().find("a").has_value());
}

TEST_F(CacheDirectoryTest, DoesNothingWithoutADirectory) {
  CacheDirectory none("", 1u << 20);
  none.add("a", "payload", "notes");
  EXPECT_FALSE(none.find("a").has_value());

  directory_.write("file", "");
  CacheDirectory impossible(directory_.path("file/cache"), 1u << 20);
  impossible.add("a", "payload", "notes");
  EXPECT_FALSE(impossible.find("a").has_value());
}

TEST_F(CacheDirectoryTest, RemovesWhatWasUnusedForLongest) {
  const std::string kilobyte(1000, 'x');
  const auto age = [&](const std::string& name, int hours) {
    std::filesystem::last_write_time(
        directory_.path("cache/" + name),
        std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  CacheDirectory filled = cache();
  for (int i = 0; i < 8; ++i) {
    const std::string name = std::to_string(i);
    filled.add(name, kilobyte, "");
    age(name, 100 - i);
  }
  // Using the oldest makes it the newest.
  EXPECT_TRUE(filled.find("0").has_value());
  cache(5000).add("new", kilobyte, "");
  EXPECT_TRUE(filled.find("new").has_value());
  EXPECT_TRUE(filled.find("0").has_value());
  EXPECT_TRUE(filled.find("7").has_value());
  EXPECT_FALSE(filled.find("1").has_value());
  EXPECT_FALSE(filled.find("5").has_value());
}

TEST_F(CacheDirectoryTest, StaysWithinItsLimit) {
  CacheDirectory small = cache(10'000);
  for (int i = 0; i < 100; ++i) {
    small.add(std::to_string(i), std::string(500, 'x'), "");
    std::uintmax_t total = 0;
    for (const std::string& file : directory_.files()) total += std::filesystem::file_size(file);
    EXPECT_LE(total, 11'000u);
  }
  small.add("large", std::string(20'000, 'x'), "");
  EXPECT_FALSE(small.find("large").has_value());
}

TEST_F(CacheDirectoryTest, LeavesNoTemporaryFiles) {
  cache().add("a", "payload", "notes");
  cache().add("a", "again", "notes");
  EXPECT_EQ(directory_.files(), std::vector{directory_.path("cache/a")});
  EXPECT_EQ(cache().find("a")->payload, "again");
}

TEST(Sha256, IsTheStandardOne) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace engineroom::jit
