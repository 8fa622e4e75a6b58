#include "engine/transfer.h"

#include <gtest/gtest.h>

#include "wire/pieces.h"

namespace engineroom::engine {
namespace {

std::vector<std::uint64_t> sizes_of(const Frames& frames) {
  std::vector<std::uint64_t> sizes;
  for (const Bytes& frame : frames) sizes.push_back(frame.size());
  return sizes;
}

std::string text(std::size_t size, int seed) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 31 + i / 257) + seed);
  return text;
}

// Asks for pieces as often as there are, and gives those that were asked for last first.
Frames pass(const Frames& frames) {
  Transfer transfer;
  EXPECT_FALSE(transfer.has_begun());
  EXPECT_TRUE(transfer.begin(sizes_of(frames)));
  while (transfer.next()) {
  }
  auto ranges = transfer.outstanding();
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    EXPECT_FALSE(transfer.is_done());
    EXPECT_TRUE(
        transfer.add(range->from, wire::cut_piece(frames, range->from, range->bytes).view()));
  }
  EXPECT_TRUE(transfer.is_done());
  return transfer.take();
}

TEST(Transfer, whatever_the_frames_are_they_arrive) {
  const std::size_t first = Transfer::kFirstBytes;
  const std::size_t piece = Transfer::kPieceBytes;
  const std::vector<std::vector<std::size_t>> cases = {{},
                                                       {0},
                                                       {0, 0, 1},
                                                       {first},
                                                       {first + 1},
                                                       {first - 1, 0, 1, piece},
                                                       {3 * piece + 17},
                                                       {10, piece, 0, piece, 20},
                                                       {0, first, 0, 2 * piece, 0}};
  for (const auto& sizes : cases) {
    Frames frames;
    for (const std::size_t size : sizes) {
      frames.emplace_back(text(size, static_cast<int>(frames.size())));
    }
    EXPECT_EQ(pass(frames), frames);
  }
}

TEST(Transfer, what_was_not_asked_for_changes_nothing) {
  Transfer transfer;
  ASSERT_TRUE(transfer.begin({100}));
  const std::string all = text(100, 3);
  EXPECT_FALSE(transfer.add(50, all.substr(50)));
  EXPECT_FALSE(transfer.add(0, all.substr(0, 99)));
  EXPECT_TRUE(transfer.add(0, all));
  EXPECT_FALSE(transfer.add(0, all));
  EXPECT_EQ(transfer.take(), Frames{Bytes(all)});
}

TEST(Transfer, what_no_memory_holds_is_refused) {
  Transfer transfer;
  EXPECT_FALSE(transfer.begin({std::uint64_t{1} << 61, std::uint64_t{1} << 61}));
  EXPECT_FALSE(transfer.begin({~std::uint64_t{0}}));
}

TEST(Pieces, of_one_frame_are_not_copied) {
  const Frames frames = {Bytes(text(1000, 1)), Bytes(text(1000, 2))};
  EXPECT_EQ(wire::cut_piece(frames, 1100, 50).data(), frames[1].data() + 100);
  EXPECT_EQ(wire::cut_piece(frames, 990, 20).str(), text(1000, 1).substr(990) + text(10, 2));
  EXPECT_EQ(wire::cut_piece(frames, 1990, 20).size(), 10u);
  EXPECT_EQ(wire::cut_piece(frames, 3000, 20).size(), 0u);
}

}  // namespace
}  // namespace engineroom::engine
