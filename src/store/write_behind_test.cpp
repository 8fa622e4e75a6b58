#include "store/write_behind.h"
#include "store/query.h"

#include <condition_variable>
#include <mutex>

#include <gtest/gtest.h>

namespace engineroom::store {
namespace {

// A disk that takes its time: nothing is written until it is let.
class SlowDatabase : public Database {
 public:
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_open = false;
    std::size_t n_written = 0;
  };
  explicit SlowDatabase(Gate& gate) : gate_(gate) {}

  Status write(const ChangeBatch& batch, bool /*again*/) override {
    std::unique_lock lock(gate_.mutex);
    gate_.changed.wait(lock, [this] { return gate_.is_open; });
    gate_.n_written += batch.size();
    return {};
  }
  Status erase_engine(std::string_view /*engine_uuid*/) override { return {}; }
  Status erase_finished() override { return {}; }
  Status erase_oldest(std::uint64_t /*keep*/) override { return {}; }
  Result<Record> find(std::string_view /*msg_id*/) override { return Record{}; }
  Result<std::optional<WallTime>> later(std::optional<WallTime> /*after*/,
                                        std::size_t /*count*/) override {
    return std::optional<WallTime>();
  }
  Status select(const Query& /*query*/, const Span& /*span*/,
                const std::function<bool(const Record&)>&) override {
    return {};
  }
  Result<std::optional<WallTime>> latest() override { return std::optional<WallTime>(); }
  Result<std::vector<Listed>> list(const Query& /*query*/, const Span& /*span*/) override {
    return std::vector<Listed>();
  }
  Result<std::uint64_t> count() override { return std::uint64_t{0}; }
  std::string name() const override { return "slow"; }

 private:
  Gate& gate_;
};

TEST(WriteBehind, LargeBuffersDoNotWaitForTheDisk) {
  SlowDatabase::Gate gate;
  const Bytes large(std::string(8u << 20, 'x'));
  WriteBehind writer(std::make_unique<SlowDatabase>(gate));
  for (int i = 0; i < 7; ++i) {
    Record record;
    record.msg_id = std::to_string(i);
    record.buffers = {large};
    writer.edit([&](ChangeBatch& batch) { batch.insert(std::move(record)); });
  }
  {
    const std::scoped_lock lock(gate.mutex);
    EXPECT_EQ(gate.n_written, 0u);
    gate.is_open = true;
    gate.changed.notify_all();
  }
  writer.drain();
  EXPECT_EQ(gate.n_written, 7u);
  EXPECT_EQ(writer.lost(), 0u);
}

TEST(ChangeBatch, CountsLargeBuffersApart) {
  ChangeBatch batch;
  Record record;
  record.msg_id = "a";
  record.header = std::string(1000, 'h');
  record.buffers = {Bytes(std::string(1000, 's')), Bytes(std::string(1 << 20, 'l'))};
  batch.insert(record);
  EXPECT_EQ(batch.large_bytes(), 1u << 20);
  EXPECT_GE(batch.bytes(), 2000u);
  EXPECT_LT(batch.bytes(), 10'000u);
}

}  // namespace
}  // namespace engineroom::store
