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

ApiKey with_tokens(std::uint32_t per_minute) {
  ApiKey out = key("a", "one");
  out.tokens_per_minute = per_minute;
  return out;
}

TEST(AccessTest, WhatMayBeUsedIsReservedAndTheRestGivenBack) {
  const Access access({with_tokens(600)});
  const auto first = grant(access, "one");
  const auto second = grant(access, "one");
  EXPECT_TRUE(first->reserve({.prompt = 400}, kStart));
  const auto refused = second->reserve({.prompt = 300}, kStart);
  ASSERT_FALSE(refused) << "together they might use more than there is";
  EXPECT_EQ(refused.error().code, "rate_limit_exceeded");
  EXPECT_EQ(error_response(refused.error()).headers.get("Retry-After"), "10");
  EXPECT_EQ(error_response(refused.error()).headers.get("X-RateLimit-Remaining-Tokens"), "200");
  first->use(100, kStart);
  first->give_back();
  EXPECT_FALSE(second->reserve({.prompt = 501}, kStart));
  EXPECT_TRUE(second->reserve({.prompt = 500}, kStart));
}

TEST(AccessTest, AGrantThatEndsGivesBack) {
  const Access access({with_tokens(600)});
  auto dropped = grant(access, "one");
  EXPECT_TRUE(dropped->reserve({.prompt = 600}, kStart));
  dropped.reset();
  const auto ended = grant(access, "one");
  EXPECT_TRUE(ended->reserve({.prompt = 600}, kStart));
  ended->end();
  EXPECT_TRUE(grant(access, "one")->reserve({.prompt = 600}, kStart));
}

TEST(AccessTest, WhatIsGivenBackFillsTheBudgetAndNoMore) {
  const Access access({with_tokens(600)});
  const auto slow = grant(access, "one");
  EXPECT_TRUE(slow->reserve({.prompt = 300}, kStart));
  slow->use(0, kStart + seconds{60});
  slow->give_back();
  EXPECT_TRUE(grant(access, "one")->reserve({.prompt = 600}, kStart + seconds{60}));
  const auto next = grant(access, "one");
  EXPECT_TRUE(next->reserve({.prompt = 600}, kStart + seconds{60}));
  EXPECT_FALSE(grant(access, "one")->reserve({.prompt = 1}, kStart + seconds{60}));
}

TEST(AccessTest, MoreThanWasReservedIsADebt) {
  const Access access({with_tokens(600)});
  const auto request = grant(access, "one");
  EXPECT_TRUE(request->reserve({.prompt = 100}, kStart));
  request->use(60, kStart);
  request->use(740, kStart);
  const auto after = grant(access, "one");
  const auto refused = after->reserve({.prompt = 1}, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(error_response(refused.error()).headers.get("Retry-After"), "21")
      << "200 below nothing";
  EXPECT_EQ(error_response(refused.error()).headers.get("X-RateLimit-Remaining-Tokens"), "0");
  EXPECT_FALSE(after->reserve({.prompt = 0}, kStart + seconds{20}));
  EXPECT_TRUE(after->reserve({.prompt = 1}, kStart + seconds{21}));
}

TEST(AccessTest, EachAnswerTakesAQuarterOfTheBudgetAtMost) {
  const Access access({with_tokens(400)});
  std::vector<std::shared_ptr<Grant>> running;
  for (int i = 0; i < 4; ++i) {
    running.push_back(grant(access, "one"));
    const TokenNeed short_one{.prompt = 10, .answers = 2, .longest = 40};
    EXPECT_TRUE(running.back()->reserve(short_one, kStart)) << i;
  }
  const TokenNeed long_one{.prompt = 10, .answers = 1, .longest = 100'000};
  EXPECT_FALSE(grant(access, "one")->reserve(long_one, kStart)) << "40 are left";
  running.resize(3);
  EXPECT_TRUE(grant(access, "one")->reserve(long_one, kStart)) << "130 are left, 110 needed";
}

TEST(AccessTest, WhatMayBeMoreThanTheBudgetNeedsAFullOneAndTakesAllOfIt) {
  const Access access({with_tokens(60)});
  const auto first = grant(access, "one");
  EXPECT_TRUE(first->reserve({.prompt = 100}, kStart));
  EXPECT_FALSE(grant(access, "one")->reserve({.prompt = 1}, kStart));
  first->use(100, kStart);
  first->give_back();
  EXPECT_FALSE(grant(access, "one")->reserve({.prompt = 100}, kStart + seconds{60}));
  EXPECT_TRUE(grant(access, "one")->reserve({.prompt = 100}, kStart + seconds{100}));
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
