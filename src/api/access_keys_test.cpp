#include "api/access_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kDigest(64, 'a');

std::string entry(const std::string& name, char digit, const std::string& rest) {
  return "[[key]]\nname = \"" + name + "\"\nsha256 = \"" + std::string(64, digit) + "\"\n" + rest;
}

TEST(AccessKeysTest, ReadsWhatItWrites) {
  ApiKey limited{.name = "ci-1", .models = {"big", "small"}};
  limited.digest.fill(0x11);
  limited.requests_per_minute = 60;
  limited.tokens_per_minute = 100'000;
  limited.concurrent_requests = 4;
  limited.expires = from_unix(1'800'000'000);
  ApiKey all{.name = "all", .every_model = true};
  const auto read = parse_api_keys(write_api_keys({limited, all}));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 2U);
  const ApiKey& first = read->front();
  EXPECT_EQ(first.name, "ci-1");
  EXPECT_EQ(first.digest, limited.digest);
  EXPECT_THAT(first.models, ElementsAre("big", "small"));
  EXPECT_FALSE(first.every_model);
  EXPECT_EQ(first.requests_per_minute, 60U);
  EXPECT_EQ(first.tokens_per_minute, 100'000U);
  EXPECT_EQ(first.concurrent_requests, 4U);
  EXPECT_EQ(first.expires, from_unix(1'800'000'000));
  EXPECT_TRUE(read->back().every_model);
  EXPECT_FALSE(read->back().requests_per_minute);
  EXPECT_FALSE(read->back().expires);
}

TEST(AccessKeysTest, AnEmptyListOfModelsIsNone) {
  const auto keys = parse_api_keys(entry("a", '1', "models = []\n")).value();
  EXPECT_FALSE(keys[0].may_use("tiny"));
  EXPECT_FALSE(keys[0].may_use("*"));
  EXPECT_TRUE(parse_api_keys(entry("a", '1', "models = [\"*\"]\n")).value()[0].may_use("tiny"));
}

TEST(AccessKeysTest, ADateIsItsFirstSecond) {
  const auto keys = parse_api_keys(entry("a", '1', "models = []\nexpires = 2027-01-31\n")).value();
  EXPECT_EQ(to_rfc3339(*keys[0].expires), "2027-01-31T00:00:00Z");
}

TEST(AccessKeysTest, AnEmptyFileHasNoKeys) {
  EXPECT_THAT(parse_api_keys("# nobody\n").value(), IsEmpty());
}

struct Broken {
  std::string text;
  std::string what;
};

struct BrokenKeys : ::testing::TestWithParam<Broken> {};

TEST_P(BrokenKeys, AreRefusedWithTheLine) {
  const auto keys = parse_api_keys(GetParam().text);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, Errc::malformed);
  EXPECT_THAT(keys.error().message, HasSubstr(GetParam().what));
  EXPECT_THAT(keys.error().message, StartsWith("API keys, line "));
  EXPECT_THAT(keys.error().message, Not(HasSubstr("secret")));
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenKeys,
    ::testing::Values(
        Broken{"key = \"secret", "no valid TOML"}, Broken{"secret = 1\n", "nothing here but"},
        Broken{"key = [1]\n", "key is no table"},
        Broken{"[[key]]\nname = \"a\"\nsha256 = \"" + kDigest + "\"\n", "models is missing"},
        Broken{"[[key]]\nname = \"a\"\nmodels = []\n", "sha256 is missing"},
        Broken{"[[key]]\nsha256 = \"" + kDigest + "\"\nmodels = []\n", "name is missing"},
        Broken{entry("a b", '1', "models = []\n"), "name must have"},
        Broken{entry("a", 'A', "models = []\n"), "64 lower-case"},
        Broken{entry("a", '1', "models = \"*\"\n"), "models must be a list"},
        Broken{entry("a", '1', "models = [1]\n"), "no name"},
        Broken{entry("a", '1', "models = [\"*\", \"b\"]\n"), "stands alone"},
        Broken{entry("a", '1', "models = []\nrequests_per_minute = 0\n"), "from 1"},
        Broken{entry("a", '1', "models = []\ntokens_per_minute = -5\n"), "from 1"},
        Broken{entry("a", '1', "models = []\nconcurrent_requests = 1.5\n"), "from 1"},
        Broken{entry("a", '1', "models = []\nexpires = 2027-01-31T00:00:00+02:00\n"), "UTC"},
        Broken{entry("a", '1', "models = []\nexpires = \"secret\"\n"), "expires must be"},
        Broken{entry("a", '1', "models = []\nmodel = \"secret\"\n"), "unknown member"},
        Broken{entry("a", '1', "models = []\n") + entry("a", '2', "models = []\n"), "before"},
        Broken{entry("a", '1', "models = []\n") + entry("b", '1', "models = []\n"), "before"}));

TEST(AccessKeysTest, ADescriptionHasNoDigest) {
  const auto keys = parse_api_keys(entry("a", '1', "models = [\"*\"]\n")).value();
  const Json list = describe_api_keys(keys)["keys"];
  EXPECT_EQ(list[0]["name"], "a");
  EXPECT_EQ(list[0]["models"], Json::array({"*"}));
  EXPECT_TRUE(list[0]["expires"].is_null());
  EXPECT_THAT(list.dump(), Not(HasSubstr("1111")));
}

TEST(AccessKeysTest, ANewKeyHas32RandomBytes) {
  const std::string key = make_api_key();
  EXPECT_THAT(key, StartsWith("sk-confide-"));
  EXPECT_EQ(key.size(), 11U + 43U);
  EXPECT_NE(key, make_api_key());
}

}  // namespace
}  // namespace confide::api
