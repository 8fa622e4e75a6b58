#include "wire/host_buffers.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/json.h"

namespace engineroom::wire {
namespace {

std::vector<HostBuffer> read(const std::string& value, std::size_t count) {
  JsonReader reader;
  const std::string text = "{\"" + std::string(kHostBuffersKey) + "\":" + value + "}";
  simdjson::dom::object object;
  EXPECT_EQ(reader.parse(text).value().get(object), simdjson::SUCCESS);
  return read_host_buffers(object, count);
}

TEST(HostBuffersTest, what_is_written_is_read) {
  const std::vector<HostBuffer> written = {
      {1, "buffer-a"}, {3, "buffer-b", HostBuffer::Holder{"e1", R"({"url":"u"})", 700'000, 12.5}}};
  const std::vector<HostBuffer> found = read(to_json(written), 4);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].at, 1u);
  EXPECT_EQ(found[0].id, "buffer-a");
  EXPECT_FALSE(found[0].holder);
  EXPECT_EQ(found[1].at, 3u);
  EXPECT_EQ(found[1].holder->uuid, "e1");
  EXPECT_EQ(found[1].holder->peer, R"({"url":"u"})");
  EXPECT_EQ(found[1].holder->bytes, 700'000u);
  EXPECT_EQ(found[1].holder->patience, 12.5);
  EXPECT_FALSE(found[1].holder->is_relayed);
}

TEST(HostBuffersTest, a_holder_may_be_one_that_gets_it_in_pieces) {
  const HostBuffer::Holder relayed{"e2", R"({"url":"u"})", 700'000, 12.5, true};
  const std::vector<HostBuffer> found = read(to_json({{0, "buffer-a", relayed}}), 1);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].holder->is_relayed);
}

TEST(HostBuffersTest, what_makes_no_sense_is_left_out) {
  EXPECT_TRUE(read("3", 9).empty());
  EXPECT_TRUE(read(R"([1,{"at":0},{"id":"buffer-a"},{"at":-1,"id":"buffer-a"}])", 9).empty());
  EXPECT_TRUE(read(R"([{"at":9,"id":"buffer-a"},{"at":0,"id":"a task's"}])", 9).empty());
  // Half a holder: it is not here either.
  EXPECT_TRUE(read(R"([{"at":0,"id":"buffer-a","engine":"e"}])", 9).empty());
  EXPECT_EQ(read(R"([{"at":0,"id":"buffer-a"},{"at":0,"id":"buffer-b"}])", 9).size(), 1u);
}

TEST(HostBuffersTest, patience_fits_the_clock) {
  const auto found =
      read(R"([{"at":0,"id":"buffer-a","engine":"e","peer":null,"bytes":1,"patience":1e300}])", 1);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].holder->patience, 86'400);
}

}  // namespace
}  // namespace engineroom::wire
