#include "transport/shared_bytes.h"

#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace engineroom::transport {
namespace {

const Time kNow{std::chrono::hours(1)};
const std::string kText(kSharedBytes, 'x');

UniqueFd duplicate(const Bytes& bytes) { return UniqueFd(::dup(shared_descriptor(bytes))); }

ino_t file_of(const Bytes& bytes) {
  struct stat info{};
  ::fstat(shared_descriptor(bytes), &info);
  return info.st_ino;
}

TEST(SharedBytesTest, CopyLooksLikeTheOriginal) {
  SharedPool pool;
  const auto copy = pool.copy("some text", kNow);
  ASSERT_TRUE(copy);
  EXPECT_EQ(*copy, "some text");
  EXPECT_GE(shared_descriptor(*copy), 0);
  EXPECT_LT(shared_descriptor(Bytes::copy_of("some text")), 0);
}

TEST(SharedBytesTest, AnotherMappingSeesTheSame) {
  SharedPool pool;
  const auto copy = pool.copy("some text", kNow);
  const auto seen = map_shared(duplicate(*copy), 4, true);
  ASSERT_TRUE(seen);
  EXPECT_EQ(*seen, "some");
  EXPECT_GE(shared_descriptor(*seen), 0);
  const auto last = map_shared(duplicate(*copy), 4, false);
  EXPECT_LT(shared_descriptor(*last), 0);
}

TEST(SharedBytesTest, SegmentIsUsedAgainOnceNobodyLooksAtIt) {
  SharedPool pool;
  auto first = pool.copy("first", kNow);
  const ino_t file = file_of(*first);
  auto seen = map_shared(duplicate(*first), 5, false);
  first.reset();
  EXPECT_NE(file_of(*pool.copy("second", kNow)), file) << "a mapping is left";
  EXPECT_EQ(*seen, "first");
  seen.reset();
  EXPECT_EQ(file_of(*pool.copy("third", kNow)), file);
}

TEST(SharedBytesTest, SegmentIsUsedAgainWhenWhoLookedAtItDies) {
  SharedPool pool;
  auto first = pool.copy("first", kNow);
  const ino_t file = file_of(*first);
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ready[0]);
    [[maybe_unused]] const ssize_t n = ::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  first.reset();
  EXPECT_NE(file_of(*pool.copy("second", kNow)), file);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(file_of(*pool.copy("third", kNow)), file);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(SharedBytesTest, KeepsNoMoreThanItMay) {
  SharedPool pool(10 * 4096);
  const auto large = pool.copy(std::string(9 * 4096, 'x'), kNow);
  auto small = pool.copy("small", kNow);
  auto next = pool.copy(std::string(2 * 4096, 'x'), kNow);
  const ino_t file = file_of(*next);
  next.reset();
  EXPECT_EQ(file_of(*pool.copy(std::string(2 * 4096, 'x'), kNow)), file) << "the largest had to go";
}

TEST(SharedBytesTest, IdlePoolsKeepNothing) {
  SharedPool pool;
  EXPECT_EQ(pool.on_time(kNow), std::nullopt);
  auto first = pool.copy("first", kNow);
  const ino_t file = file_of(*first);
  EXPECT_EQ(pool.on_time(kNow), kNow + SharedPool::kIdle);
  EXPECT_EQ(pool.on_time(kNow + SharedPool::kIdle), std::nullopt);
  EXPECT_EQ(*first, "first");
  EXPECT_EQ(file_of(*first), file);
}

TEST(SharedBytesTest, OnlyLargeFramesAreCopied) {
  SharedPool pool;
  Frames frames = {Bytes::copy_of("small"), Bytes(kText)};
  pool.copy_large(frames, kNow);
  EXPECT_FALSE(is_shared(frames[0]));
  EXPECT_TRUE(is_shared(frames[1]));
  EXPECT_EQ(frames[1], kText);
  const char* data = frames[1].data();
  pool.copy_large(frames, kNow);
  EXPECT_EQ(frames[1].data(), data) << "shared already";
}

TEST(SharedBytesTest, WhatCouldShrinkIsNotMapped) {
  UniqueFd file(::memfd_create("test", MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(file.get(), 4096), 0);
  EXPECT_FALSE(map_shared(UniqueFd(::dup(file.get())), 4096, true)) << "not sealed";
  ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  EXPECT_FALSE(map_shared(UniqueFd(::dup(file.get())), 4097, true)) << "smaller than it claims";
  EXPECT_FALSE(map_shared(UniqueFd(::dup(file.get())), 0, true));
  EXPECT_TRUE(map_shared(UniqueFd(::dup(file.get())), 4096, true));
  EXPECT_FALSE(map_shared(UniqueFd(::open("/dev/zero", O_RDONLY)), 4096, true));
}

}  // namespace
}  // namespace engineroom::transport
