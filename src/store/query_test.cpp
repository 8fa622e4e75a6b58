#include "store/query.h"

#include <gtest/gtest.h>

#include "store/glob.h"

namespace engineroom::store {
namespace {

WallTime at(int seconds) { return WallTime(std::chrono::seconds(seconds)); }

Record sample() {
  Record record;
  record.msg_id = "a1";
  record.client_uuid = "client";
  record.engine_uuid = "engine";
  record.label = "group_a/sub";
  record.header = R"({"msg_type":"apply_request","username":"me"})";
  record.metadata = R"({"retries":5,"targets":["x","y"],"nested":{"one":1.0}})";
  record.submitted = at(1000);
  record.started = at(1001);
  return record;
}

// "yes" or "no", or the error's text.
std::string ask(const std::string& query, const Record& record = sample()) {
  const Result<Query> parsed = Query::parse(query);
  if (!parsed.ok()) return parsed.status().message();
  return parsed.value().matches(record) ? "yes" : "no";
}

struct Case {
  const char* query;
  const char* answer;
};

TEST(QueryTest, EachOperatorMeansWhatMongosDoes) {
  const Case cases[] = {
      {R"({})", "yes"},
      {R"({"msg_id":"a1"})", "yes"},
      {R"({"msg_id":"a2"})", "no"},
      {R"({"msg_id":{"$ne":"a2"}})", "yes"},
      {R"({"msg_id":{"$gt":"a0","$lte":"a1"}})", "yes"},
      {R"({"msg_id":{"$gt":"a1"}})", "no"},
      {R"({"msg_id":{"$gte":"a1"}})", "yes"},
      {R"({"msg_id":{"$lt":"a1"}})", "no"},
      {R"({"msg_id":{"$in":["a1","b"]}})", "yes"},
      {R"({"msg_id":{"$nin":["a1","b"]}})", "no"},
      {R"({"msg_id":{"$in":[]}})", "no"},
      {R"({"label":{"$glob":"group_a*"}})", "yes"},
      {R"({"label":{"$glob":"GROUP*"}})", "no"},
      {R"({"metadata.retries":{"$mod":[3,2]}})", "yes"},
      {R"({"metadata.retries":{"$mod":[3,1]}})", "no"},
      {R"({"metadata.targets":{"$all":["y"]}})", "yes"},
      {R"({"metadata.targets":{"$all":["y","z"]}})", "no"},
      {R"({"completed":{"$exists":false}})", "yes"},
      {R"({"started":{"$exists":true}})", "yes"},
  };
  for (const Case& each : cases) EXPECT_EQ(ask(each.query), each.answer) << each.query;
}

TEST(QueryTest, AllConditionsMustHold) {
  EXPECT_EQ(ask(R"({"msg_id":"a1","client_uuid":"client"})"), "yes");
  EXPECT_EQ(ask(R"({"msg_id":"a1","client_uuid":"other"})"), "no");
  EXPECT_EQ(ask(R"({"msg_id":"b","client_uuid":"client"})"), "no");
}

TEST(QueryTest, DatesAreComparedAsTimesWhateverTheirForm) {
  EXPECT_EQ(ask(R"({"submitted":"1970-01-01T00:16:40.000000Z"})"), "yes");
  EXPECT_EQ(ask(R"({"submitted":"1970-01-01T01:16:40+01:00"})"), "yes");
  EXPECT_EQ(ask(R"({"submitted":{"$lt":"1970-01-01T00:16:40.000001Z"}})"), "yes");
  EXPECT_EQ(ask(R"({"submitted":{"$gt":"1970-01-01T00:16:40Z"}})"), "no");
  EXPECT_EQ(ask(R"({"started":{"$in":["1970-01-01T00:16:41Z",null]}})"), "yes");
  EXPECT_EQ(ask(R"({"submitted":"yesterday"})"),
            "query: 'submitted': \"yesterday\" is no date; write \"2026-11-21T05:57:34.884217Z\"");
}

TEST(QueryTest, NullEqualsWhatIsMissingAndIsInNoOrder) {
  EXPECT_EQ(ask(R"({"completed":null})"), "yes");
  EXPECT_EQ(ask(R"({"completed":{"$ne":null}})"), "no");
  EXPECT_EQ(ask(R"({"completed":{"$lt":"2026-01-01T00:00:00Z"}})"), "no");
  EXPECT_EQ(ask(R"({"resubmitted":null})"), "yes");
  EXPECT_EQ(ask(R"({"metadata.label":null})"), "yes");
  EXPECT_EQ(ask(R"({"label":null})"), "no");
}

TEST(QueryTest, PathsLookIntoJsonAndObjectsCompareAsAWhole) {
  EXPECT_EQ(ask(R"({"header.msg_type":"apply_request"})"), "yes");
  EXPECT_EQ(ask(R"({"header.msg_type.more":"x"})"), "no");
  EXPECT_EQ(ask(R"({"metadata.nested":{"one":1}})"), "yes");
  EXPECT_EQ(ask(R"({"metadata.nested":{"one":2}})"), "no");
  EXPECT_EQ(ask(R"({"metadata.retries":{"$gt":4.5}})"), "yes");
  EXPECT_EQ(ask(R"({"metadata.retries":true})"), "no");
}

TEST(QueryTest, MistakesAreNamed) {
  const Case cases[] = {
      {"[]", "query: wants an object of conditions, such as {\"msg_id\": {\"$in\": []}}"},
      {R"({"msg_id.x":1})", "query: 'msg_id.x': msg_id has no parts"},
      {R"({"buffers":[]})", "query: 'buffers': buffers cannot be compared"},
      {R"({"msg_id":{"$in":"a"}})", "query: 'msg_id': $in: wants a list, not \"a\""},
      {R"({"label":{"$glob":1}})", "query: 'label': $glob: wants a pattern (a text)"},
      {R"({"label":{"$exists":1}})", "query: 'label': $exists: wants true or false"},
      {R"({"content":{"$mod":[0,1]}})",
       "query: 'content': $mod: wants [divisor, remainder], whole numbers, the divisor not 0"},
      {R"({"label":{"$like":"a"}})",
       "query: 'label': $like: there is no such operator; there are $eq, $ne, $lt, $lte, $gt, "
       "$gte, "
       "$in, $nin, $all, $mod, $exists, $glob"},
  };
  for (const Case& each : cases) EXPECT_EQ(ask(each.query), each.answer);
  EXPECT_EQ(ask(R"({"msgid":"a"})").substr(0, 66),
            "query: 'msgid': there is no such field in records; there are: msg_");
}

TEST(QueryTest, TheIdsThatCanMatchAreKnown) {
  const auto ids = [](const char* query) { return Query::parse(query).take().msg_ids(); };
  EXPECT_EQ(ids(R"({"msg_id":"a"})"), std::vector<std::string>{"a"});
  EXPECT_EQ(ids(R"({"msg_id":{"$in":["b","a","b"]}})"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ids(R"({"msg_id":null})"), std::vector<std::string>{});
  EXPECT_EQ(ids(R"({"msg_id":{"$ne":"a"}})"), std::nullopt);
  EXPECT_EQ(ids(R"({"label":"a"})"), std::nullopt);
}

TEST(GlobTest, MatchesAsFnmatchDoes) {
  const struct {
    const char* text;
    const char* pattern;
    bool matches;
  } cases[] = {
      {"abc", "abc", true},
      {"abc", "ab", false},
      {"abc", "a*", true},
      {"abc", "*c", true},
      {"abc", "a?c", true},
      {"ac", "a?c", false},
      {"abc", "a[bx]c", true},
      {"abc", "a[!b]c", false},
      {"a5c", "a[0-9]c", true},
      {"label*task", "*[*]*", true},
      {"label?task", "*[*]*", false},
      {"a]c", "a[]]c", true},
      {"a[c", "a[c", true},
      {"aXbXc", "a*X*c", true},
      {"", "*", true},
      {"", "?", false},
      {"h\xc3\xa9", "h?", true},
      {"h\xc3\xa9", "h[\xc3\xa8-\xc3\xaa]", true},
      {"aaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*c", false},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(matches_glob(each.text, each.pattern), each.matches)
        << each.text << " " << each.pattern;
  }
}

}  // namespace
}  // namespace engineroom::store
