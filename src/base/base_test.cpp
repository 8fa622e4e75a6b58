#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <simdjson.h>
#include <spdlog/spdlog.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/status.h"

namespace engineroom {
namespace {

TEST(Bytes, CopiesShareTheOwner) {
  auto text = std::make_shared<const std::string>("payload");
  const std::weak_ptr<const std::string> watch = text;
  Bytes first(text, text->data(), text->size());
  text.reset();
  {
    const Bytes second = first;
    first = Bytes();
    EXPECT_EQ(second, "payload");
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Bytes, EmptyBytesHaveValidData) {
  EXPECT_NE(Bytes().data(), nullptr);
  EXPECT_EQ(Bytes(), "");
}

TEST(Clock, Iso8601HasMicrosecondsAndZ) {
  using std::chrono::microseconds;
  using std::chrono::system_clock;
  EXPECT_EQ(iso8601(system_clock::time_point()), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(iso8601(system_clock::time_point(microseconds(1795240654884217))),
            "2026-11-21T05:57:34.884217Z");
  // A leap day, and an instant before the epoch.
  EXPECT_EQ(iso8601(system_clock::time_point(microseconds(951782400000001))),
            "2000-02-29T00:00:00.000001Z");
  EXPECT_EQ(iso8601(system_clock::time_point(microseconds(-1))), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(iso8601_now().size(), 27u);
}

TEST(Clock, Iso8601IsReadInTheFormsThatPythonWrites) {
  using std::chrono::microseconds;
  using std::chrono::system_clock;
  const auto micros = [](std::string_view text) -> std::optional<long long> {
    const auto when = parse_iso8601(text);
    if (!when) return std::nullopt;
    return std::chrono::duration_cast<microseconds>(when->time_since_epoch()).count();
  };
  EXPECT_EQ(micros("2026-11-21T05:57:34.884217Z"), 1795240654884217);
  EXPECT_EQ(micros("2026-11-21T05:57:34.884217+00:00"), 1795240654884217);
  EXPECT_EQ(micros("2026-11-21 06:57:34.884217999+0100"), 1795240654884217);
  EXPECT_EQ(micros("1969-12-31T19:00:00.5-05:00"), 500000);
  EXPECT_EQ(micros("1970-01-01T00:00:01"), 1000000);
  for (const char* none :
       {"", "1970-01-01", "1970-02-30T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+1", "197a-01-01T00:00:00Z"}) {
    EXPECT_EQ(micros(none), std::nullopt) << none;
  }
}

TEST(Clock, SecondsRoundTrip) {
  EXPECT_DOUBLE_EQ(to_seconds(from_seconds(1.5)), 1.5);
  EXPECT_DOUBLE_EQ(to_seconds(from_seconds(-0.25)), -0.25);
  EXPECT_EQ(from_seconds(0.0), Duration::zero());
}

TEST(Id, SessionIdsHaveTheJupyterForm) {
  const std::string id = new_session_id();
  ASSERT_EQ(id.size(), 33u);
  EXPECT_EQ(id[8], '-');
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i != 8) {
      EXPECT_NE(std::string("0123456789abcdef").find(id[i]), std::string::npos) << id;
    }
  }
  EXPECT_NE(id, new_session_id());
}

TEST(Id, MessageIdsCount) {
  MessageIdSource ids("session");
  const std::string first = ids.next();
  EXPECT_TRUE(first.starts_with("session_"));
  EXPECT_TRUE(first.ends_with("_0"));
  EXPECT_TRUE(ids.next().ends_with("_1"));
  std::set<std::string> seen = {first};
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(ids.next()).second);
}

TEST(Id, RandomHexHasTheLengthAskedFor) {
  EXPECT_EQ(random_hex(0), "");
  EXPECT_EQ(random_hex(5).size(), 10u);
}

TEST(Status, SaysWhatAndWhetherToRetry) {
  EXPECT_TRUE(Status().ok());
  const Status status(ErrorCode::kMalformed, "header is not JSON");
  EXPECT_EQ(status.to_string(), "malformed: header is not JSON");
  EXPECT_FALSE(retry_can_help(status.code()));
  EXPECT_TRUE(retry_can_help(ErrorCode::kUnavailable));
}

TEST(Status, ResultHoldsValueOrStatus) {
  Result<std::string> good = std::string("value");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good.take(), "value");
  const Result<std::string> bad = Status(ErrorCode::kNotFound, "no such engine");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().code(), ErrorCode::kNotFound);
}

TEST(Log, LevelsComeAsNumbersOrNames) {
  const auto level_of = [](const char* level) {
    set_up_logging("test", level);
    return spdlog::default_logger_raw()->level();
  };
  EXPECT_EQ(level_of("10"), spdlog::level::debug);
  EXPECT_EQ(level_of("INFO"), spdlog::level::info);
  EXPECT_EQ(level_of("Warning"), spdlog::level::warn);
  EXPECT_EQ(level_of("50"), spdlog::level::critical);
  EXPECT_EQ(level_of("no such level"), spdlog::level::info);
  EXPECT_EQ(level_of("20x"), spdlog::level::info);
}

TEST(Log, LinesOfJson) {
  testing::internal::CaptureStderr();
  ::setenv("ENGINEROOM_LOG_FORMAT", "json", 1);
  set_up_logging("test", "info");
  ER_LOG_WARN("said \"{}\"\nand more", 5);
  ::unsetenv("ENGINEROOM_LOG_FORMAT");
  set_up_logging("test", "info");
  ER_LOG_WARN("plain");
  const std::string output = testing::internal::GetCapturedStderr();
  const std::size_t end = output.find('\n');
  ASSERT_NE(end, std::string::npos);
  JsonReader reader;
  const auto event = reader.parse(std::string_view(output).substr(0, end));
  ASSERT_TRUE(event.ok());
  EXPECT_NE(output.find(R"("level":"warning","program":"test","pid":)"), std::string::npos);
  EXPECT_NE(output.find(R"("message":"said \"5\"\nand more"})"), std::string::npos);
  EXPECT_NE(output.substr(end).find("[test] warning plain"), std::string::npos);
}

TEST(Log, OncePerKeyAndBounded) {
  LogOncePer once(2);
  EXPECT_TRUE(once.first_time("a"));
  EXPECT_FALSE(once.first_time("a"));
  EXPECT_TRUE(once.first_time("b"));
  EXPECT_FALSE(once.first_time("c"));
}

}  // namespace
}  // namespace engineroom
