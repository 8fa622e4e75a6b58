#include "controller/resources.h"

#include <gtest/gtest.h>

namespace engineroom::controller {
namespace {

std::optional<Amounts> read(std::string_view json) {
  JsonReader reader;
  const auto object = read_object(reader, json);
  return read_amounts(*object, "resources");
}

TEST(Resources, are_numbers_by_name) {
  EXPECT_EQ(read(R"({"resources":{"gpus":0.5,"cpus":2,"memory":1e10}})"),
            (Amounts{{"cpus", 2000}, {"gpus", 500}, {"memory", 10'000'000'000'000}}));
  EXPECT_EQ(read(R"({"resources":{"cpus":0,"gpus":1e-9}})"), (Amounts{{"gpus", 1}}));
  EXPECT_EQ(read(R"({"resources":null})"), Amounts());
  EXPECT_EQ(read("{}"), Amounts());
}

TEST(Resources, of_another_kind_are_none) {
  for (const char* json : {R"("2")", "[1]", R"({"cpus":-1})", R"({"cpus":"2"})", R"({"cpus":true})",
                           R"({"cpus":1e300})", R"({"":1})", R"({"cpus":null})"}) {
    EXPECT_EQ(read(std::string(R"({"resources":)") + json + "}"), std::nullopt) << json;
  }
}

TEST(Resources, are_written_as_they_were_read) {
  const std::string json = R"({"cpus":2,"gpus":0.5})";
  EXPECT_EQ(to_json(*read(R"({"resources":)" + json + "}")), json);
}

TEST(Resources, that_are_missing_are_named) {
  Registry registry;
  for (const char* name : {"a", "b"}) {
    Engine& engine = registry.add(name, std::nullopt, Time{});
    engine.is_registered = true;
    engine.offer = {{"cpus", name[0] == 'a' ? 1000 : 4000}};
  }
  EXPECT_EQ(describe_missing(registry, {{"cpus", 8000}, {"gpus", 1000}}),
            "cpus=8, gpus=1 (the most that one offers: cpus=4, gpus=0)");
}

}  // namespace
}  // namespace engineroom::controller
