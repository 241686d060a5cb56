#include "api/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const SteadyTime kStart{seconds{1000}};
const Time kNow = from_unix(1'790'000'000);

ApiKey key(const std::string& name, const std::string& text) {
  ApiKey out{.name = name, .every_model = true};
  out.digest = crypto::sha256(as_bytes(text));
  return out;
}

net::Headers bearer(const std::string& text) {
  net::Headers out;
  out.add("Authorization", "Bearer " + text);
  return out;
}

std::shared_ptr<Grant> grant(const Access& access, const std::string& text) {
  auto out = access.identify(bearer(text), kNow);
  EXPECT_TRUE(out);
  return out.value_or(nullptr);
}

TEST(AccessTest, TellsWhoseKeyItIs) {
  const Access access({key("a", "one"), key("b", "two"), key("c", "three")});
  EXPECT_EQ(grant(access, "one")->key_name(), "a");
  EXPECT_EQ(grant(access, "two")->key_name(), "b");
  EXPECT_EQ(grant(access, "three")->key_name(), "c");
  net::Headers headers;
  headers.add("X-Api-Key", "two");
  EXPECT_EQ(access.identify(headers, kNow).value()->key_name(), "b");
}

TEST(AccessTest, RefusesWhatIsNoKey) {
  const Access access({key("a", "one"), key("none", "")});
  net::Headers basic;
  basic.add("Authorization", "Basic one");
  for (const net::Headers& headers :
       {net::Headers(), bearer("On"), bearer("one "), bearer(""), bearer("onee"), basic}) {
    const auto refused = access.identify(headers, kNow);
    if (headers.get("Authorization") == "Bearer one ") {
      EXPECT_TRUE(refused) << "blanks at the end are no part of a header's value";
      continue;
    }
    ASSERT_FALSE(refused) << headers.get("Authorization").value_or("nothing");
    EXPECT_EQ(refused.error().status, 401);
    EXPECT_EQ(refused.error().code, "invalid_api_key");
    EXPECT_EQ(error_response(refused.error()).headers.get("WWW-Authenticate"), "Bearer");
  }
  EXPECT_FALSE(Access({}).identify(bearer("one"), kNow)) << "no keys let nobody in";
}

TEST(AccessTest, AKeyEndsWhenItExpires) {
  ApiKey ending = key("a", "one");
  ending.expires = kNow;
  const Access access({ending});
  EXPECT_TRUE(access.identify(bearer("one"), kNow - seconds{1}));
  const auto late = access.identify(bearer("one"), kNow);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "invalid_api_key");
}

TEST(AccessTest, RequestsPerMinuteRefillEvenly) {
  ApiKey limited = key("a", "one");
  limited.requests_per_minute = 6;
  const Access access({limited});
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(grant(access, "one")->begin(kStart)) << i;
  const auto refused = grant(access, "one")->begin(kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 429);
  EXPECT_EQ(refused.error().type, "rate_limit_error");
  EXPECT_EQ(refused.error().code, "rate_limit_exceeded");
  const net::HttpResponse response = error_response(refused.error());
  EXPECT_EQ(response.headers.get("Retry-After"), "10");
  EXPECT_EQ(response.headers.get("X-RateLimit-Limit-Requests"), "6");
  EXPECT_EQ(response.headers.get("X-RateLimit-Remaining-Requests"), "0");
  EXPECT_EQ(response.headers.get("X-RateLimit-Reset-Requests"), "60s");
  EXPECT_FALSE(response.headers.has("X-RateLimit-Limit-Tokens"));
  EXPECT_FALSE(grant(access, "one")->begin(kStart + milliseconds{9'900}));
  EXPECT_TRUE(grant(access, "one")->begin(kStart + seconds{10}));
  EXPECT_FALSE(grant(access, "one")->begin(kStart + seconds{10}));
}

TEST(AccessTest, RequestsAtOnceEndWithTheirGrants) {
  ApiKey limited = key("a", "one");
  limited.concurrent_requests = 2;
  const Access access({limited});
  const auto first = grant(access, "one");
  auto second = grant(access, "one");
  EXPECT_TRUE(first->begin(kStart));
  EXPECT_TRUE(second->begin(kStart));
  const auto refused = grant(access, "one")->begin(kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(error_response(refused.error()).headers.get("Retry-After"), "1");
  second.reset();
  EXPECT_TRUE(grant(access, "one")->begin(kStart));
}

TEST(AccessTest, AnswersAreTakenFromTheBudgetToo) {
  ApiKey limited = key("a", "one");
  limited.tokens_per_minute = 600;
  const Access access({limited});
  const auto request = grant(access, "one");
  EXPECT_TRUE(request->take_prompt(100, kStart));
  request->take_answer(700, kStart);
  const auto refused = request->take_prompt(1, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(error_response(refused.error()).headers.get("Retry-After"), "21")
      << "200 below nothing";
  EXPECT_EQ(error_response(refused.error()).headers.get("X-RateLimit-Remaining-Tokens"), "0");
  EXPECT_FALSE(request->take_prompt(0, kStart + seconds{20}));
  EXPECT_TRUE(request->take_prompt(1, kStart + seconds{21}));
}

TEST(AccessTest, APromptLargerThanTheBudgetNeedsAFullOne) {
  ApiKey limited = key("a", "one");
  limited.tokens_per_minute = 60;
  const Access access({limited});
  EXPECT_TRUE(grant(access, "one")->take_prompt(100, kStart));
  EXPECT_FALSE(grant(access, "one")->take_prompt(100, kStart + seconds{60}));
  EXPECT_TRUE(grant(access, "one")->take_prompt(100, kStart + seconds{100}));
}

TEST(AccessTest, AReplacedFileKeepsTheCountsOfKeysThatStay) {
  ApiKey limited = key("a", "one");
  limited.requests_per_minute = 1;
  Access access({limited, key("b", "two")});
  EXPECT_TRUE(grant(access, "one")->begin(kStart));
  limited.name = "renamed";
  access.replace({limited});
  EXPECT_FALSE(access.identify(bearer("two"), kNow));
  const auto again = grant(access, "one");
  EXPECT_EQ(again->key_name(), "renamed");
  EXPECT_FALSE(again->begin(kStart));
}

TEST(AccessTest, TheBudgetsOfTwoKeysAreApart) {
  ApiKey a = key("a", "one");
  ApiKey b = key("b", "two");
  a.requests_per_minute = b.requests_per_minute = 1;
  const Access access({a, b});
  EXPECT_TRUE(grant(access, "one")->begin(kStart));
  EXPECT_TRUE(grant(access, "two")->begin(kStart));
  EXPECT_FALSE(grant(access, "one")->begin(kStart));
}

}  // namespace
}  // namespace confide::api
