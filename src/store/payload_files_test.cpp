// Large buffers in files: what is written is read, what is foreign is left alone, what was left
// behind goes.
#include "store/payload_files.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>

namespace engineroom::store {
namespace {

namespace fs = std::filesystem;

class PayloadFilesTest : public testing::Test {
 protected:
  PayloadFilesTest() {
    std::string made = testing::TempDir() + "engineroom-XXXXXX";
    root_ = mkdtemp(made.data());
    folder_ = root_ + "/tasks.db-payloads";
  }
  ~PayloadFilesTest() override { fs::remove_all(root_); }

  std::string write(PayloadFiles& files, const Frames& frames) {
    Result<std::string> name = files.write(frames);
    EXPECT_TRUE(name.ok()) << (name.ok() ? "" : name.status().message());
    return name.ok() ? name.take() : "";
  }
  std::string path_of(const std::string& name) const { return folder_ + "/" + name; }
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::string root_;
  std::string folder_;
};

Frames some_frames() {
  return {Bytes(std::string(300'000, 'a')), Bytes(), Bytes(std::string("\0b", 2))};
}

TEST_F(PayloadFilesTest, WhatIsWrittenIsRead) {
  PayloadFiles files(folder_);
  EXPECT_FALSE(fs::exists(folder_));
  const std::string name = write(files, some_frames());
  const Result<Frames> read = PayloadFiles(folder_).read(name);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value(), some_frames());
  const Frames many(3000, Bytes(std::string("xyz")));
  EXPECT_EQ(files.read(write(files, many)).value(), many);
}

TEST_F(PayloadFilesTest, TheSameBytesAreWrittenOnce) {
  PayloadFiles files(folder_);
  const std::string first = write(files, some_frames());
  const std::string second = write(files, some_frames());
  EXPECT_EQ(fs::hard_link_count(path_of(first)), 2U);
  files.erase(first);
  EXPECT_EQ(files.read(second).value(), some_frames());
  files.forget_last();
  write(files, some_frames());
  EXPECT_EQ(fs::hard_link_count(path_of(second)), 1U);
  // The sum of the sizes is the same.
  const Frames halves = {Bytes(std::string(150'000, 'a')), Bytes(std::string(150'000, 'a'))};
  EXPECT_EQ(files.read(write(files, halves)).value(), halves);
}

TEST_F(PayloadFilesTest, NobodyElseCanRead) {
  PayloadFiles files(folder_);
  const std::string name = write(files, some_frames());
  struct stat info{};
  ASSERT_EQ(::stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  ASSERT_EQ(::stat(path_of(name).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(PayloadFilesTest, WhatIsErasedIsNotFound) {
  PayloadFiles files(folder_);
  const std::string name = write(files, some_frames());
  files.erase(name);
  EXPECT_EQ(files.read(name).status().code(), ErrorCode::kNotFound);
  EXPECT_EQ(count(), 0U);
  files.erase(name);
}

TEST_F(PayloadFilesTest, NamesThatLeadElsewhereAreRefused) {
  PayloadFiles files(folder_);
  write(files, some_frames());
  std::ofstream(root_ + "/secret") << "secret";
  for (const char* name : {"../secret", "", "/etc/passwd", "0123456789abcdef0123456789abcdeF"}) {
    EXPECT_EQ(files.read(name).status().code(), ErrorCode::kMalformed) << name;
    files.erase(name);
  }
  const std::string link = "0123456789abcdef0123456789abcdef";
  fs::create_symlink(root_ + "/secret", path_of(link));
  EXPECT_EQ(files.read(link).status().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(fs::exists(root_ + "/secret"));
}

TEST_F(PayloadFilesTest, AFolderThatLeadsElsewhereIsRefused) {
  fs::create_directory(root_ + "/elsewhere");
  fs::create_directory_symlink(root_ + "/elsewhere", folder_);
  EXPECT_FALSE(PayloadFiles(folder_).write(some_frames()).ok());
  EXPECT_TRUE(fs::is_empty(root_ + "/elsewhere"));
}

TEST_F(PayloadFilesTest, DamagedFilesAreNoFrames) {
  PayloadFiles files(folder_);
  const std::string name = write(files, some_frames());
  for (const std::size_t size : {299'999, 20, 7}) {
    fs::resize_file(path_of(name), size);
    EXPECT_EQ(files.read(name).status().code(), ErrorCode::kMalformed) << size;
  }
}

TEST_F(PayloadFilesTest, AFolderThatWasRemovedIsMadeAgain) {
  PayloadFiles files(folder_);
  write(files, some_frames());
  fs::remove_all(folder_);
  EXPECT_FALSE(files.write(some_frames()).ok());
  EXPECT_EQ(files.read(write(files, some_frames())).value(), some_frames());
}

TEST_F(PayloadFilesTest, StraysGoWhenTheyAreOld) {
  PayloadFiles files(folder_);
  const std::string known = write(files, some_frames());
  write(files, some_frames());
  std::ofstream(path_of("notes.txt")) << "the user's";
  const auto is_known = [&known](std::string_view name) { return name == known; };
  const WallTime now = std::chrono::system_clock::now();
  files.erase_strays(is_known, now);
  EXPECT_EQ(count(), 3U);  // a transaction may be about to name it
  files.erase_strays(is_known, now + PayloadFiles::kUncommitted + std::chrono::seconds(5));
  EXPECT_EQ(count(), 2U);
  EXPECT_TRUE(files.read(known).ok());
  EXPECT_TRUE(fs::exists(path_of("notes.txt")));
  PayloadFiles(root_ + "/none").erase_strays(is_known, now);
}

}  // namespace
}  // namespace engineroom::store
