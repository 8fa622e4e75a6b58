#include "wire/signer.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/id.h"

namespace engineroom::wire {
namespace {

TEST(Signer, MatchesPublishedValues) {
  // RFC 4231, test cases 1, 2 and 6 (a key longer than a block), the text spread over the four
  // parts.
  Signer first(std::string(20, '\x0b'));
  EXPECT_EQ(first.sign("Hi", " ", "There", ""),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  Signer second("Jefe");
  EXPECT_EQ(second.sign("what do ya ", "want ", "for ", "nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  Signer sixth(std::string(131, '\xaa'));
  EXPECT_EQ(sixth.sign("Test Using Larger Than Block-Size Key", " - ", "Hash Key First", ""),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Signer, StaysKeyedOverManyMessages) {
  Signer signer("key");
  const std::string expected = Signer("key").sign("a", "b", "c", "d");
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(signer.sign("a", "b", "c", "d"), expected);
    EXPECT_NE(signer.sign("a", "b", "c", std::to_string(i)), expected);
  }
  EXPECT_EQ(signer.sign_frame("a", "b", "c", "d"), expected);
}

TEST(Signer, VerifiesExactlyItsOwn) {
  Signer signer("key");
  const std::string good = signer.sign("a", "b", "c", "d");
  EXPECT_TRUE(signer.verify(good, "a", "b", "c", "d"));
  EXPECT_FALSE(signer.verify("", "a", "b", "c", "d"));
  EXPECT_FALSE(signer.verify(good.substr(1), "a", "b", "c", "d"));
  EXPECT_FALSE(signer.verify(good + "0", "a", "b", "c", "d"));
  EXPECT_FALSE(Signer("other").verify(good, "a", "b", "c", "d"));
  std::string upper = good;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_FALSE(signer.verify(upper, "a", "b", "c", "d"));
}

TEST(Signer, WithoutKeyNothingIsSigned) {
  Signer signer("");
  EXPECT_FALSE(signer.enabled());
  EXPECT_EQ(signer.sign("a", "b", "c", "d"), "");
  EXPECT_TRUE(signer.sign_frame("a", "b", "c", "d").empty());
  EXPECT_TRUE(signer.verify("anything", "a", "b", "c", "d"));
}

TEST(Signer, Moves) {
  Signer a("key");
  const std::string expected = a.sign("a", "b", "c", "d");
  Signer b = std::move(a);
  EXPECT_EQ(b.sign("a", "b", "c", "d"), expected);
}

TEST(Signer, OnePerThread) {
  const std::string expected = Signer("key").sign("a", "b", "c", "d");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Signer signer("key");
      for (int n = 0; n < 500; ++n) ASSERT_EQ(signer.sign("a", "b", "c", "d"), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ReplayGuard, RefusesTheSecondTime) {
  ReplayGuard guard;
  const std::string signature = random_hex(32);
  EXPECT_TRUE(guard.is_fresh(signature));
  EXPECT_FALSE(guard.is_fresh(signature));
  EXPECT_TRUE(guard.is_fresh(""));
  EXPECT_TRUE(guard.is_fresh(""));
  EXPECT_TRUE(guard.is_fresh(std::string(64, '0')));
  EXPECT_FALSE(guard.is_fresh(std::string(64, '0')));
}

TEST(ReplayGuard, ForgetsTheOldestFirst) {
  ReplayGuard guard(3);
  const std::vector<std::string> s = {random_hex(32), random_hex(32), random_hex(32),
                                      random_hex(32)};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(guard.is_fresh(s[i]));
  EXPECT_TRUE(guard.is_fresh(s[3]));  // drives out s[0]
  EXPECT_FALSE(guard.is_fresh(s[1]));
  EXPECT_TRUE(guard.is_fresh(s[0]));  // drives out s[1]
  EXPECT_FALSE(guard.is_fresh(s[2]));
  EXPECT_TRUE(guard.is_fresh(s[1]));
}

// Digests that share low bits collide in the table: runs, erasures and moves must keep every entry
// findable.
TEST(ReplayGuard, AgreesWithASimpleOneUnderCollisions) {
  ReplayGuard guard(200);
  std::vector<std::string> remembered;
  std::uint64_t random = 12345;
  for (int i = 0; i < 20'000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    char text[17];
    // 64 high parts and 16 low parts, so that runs are long and values repeat.
    std::snprintf(text, sizeof text, "%08x%08x", static_cast<unsigned>(random >> 58),
                  static_cast<unsigned>(random >> 33) % 16 * 0x40);
    const auto found = std::find(remembered.begin(), remembered.end(), text);
    ASSERT_EQ(guard.is_fresh(text), found == remembered.end()) << i;
    if (found != remembered.end()) continue;
    remembered.emplace_back(text);
    if (remembered.size() > 200) remembered.erase(remembered.begin());
  }
}

TEST(ReplayGuard, HoldsItsCapacity) {
  ReplayGuard guard;
  std::vector<std::string> signatures;
  for (int i = 0; i < 65536; ++i) signatures.push_back(random_hex(8));
  for (const std::string& signature : signatures) ASSERT_TRUE(guard.is_fresh(signature));
  for (const std::string& signature : signatures) ASSERT_FALSE(guard.is_fresh(signature));
}

}  // namespace
}  // namespace engineroom::wire
