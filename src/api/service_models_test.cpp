// /v1/models as Anthropic's clients ask for it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"

namespace confide::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ServiceModelsTest : ServiceTest {
  Access access{keys()};
  std::unique_ptr<Identity> own_identity = make_identity();
  Service several{{.provenance = {}}, with_models(), *own_identity};

  static std::vector<ApiKey> keys() {
    ApiKey all{.name = "all", .every_model = true};
    all.digest = crypto::sha256(as_bytes("sk-all"));
    ApiKey one{.name = "one", .models = {"m2"}};
    one.digest = crypto::sha256(as_bytes("sk-one"));
    return {all, one};
  }
  ServiceParts with_models() {
    ServiceParts out = parts();
    out.models.clear();
    for (int i = 1; i <= 5; ++i) {
      out.models.push_back({.name = fmt::format("m{}", i),
                            .aliases = {fmt::format("also{}", i)},
                            .digest = "sha256:" + std::string(64, 'a'),
                            .engine = engine});
    }
    out.access = &access;
    return out;
  }
  std::shared_ptr<FakeExchange> list(const std::string& path, const std::string& key = "sk-all",
                                     const std::string& version = "2023-06-01") {
    auto exchange = std::make_shared<FakeExchange>();
    net::HttpRequest asked = request("GET", path);
    asked.headers.add("x-api-key", key);
    asked.headers.add("anthropic-version", version);
    several.handle(std::move(asked), exchange);
    exchange->wait();
    return exchange;
  }
  static std::vector<std::string> ids(const Json& page) {
    std::vector<std::string> out;
    for (const Json& model : page["data"]) out.push_back(model["id"]);
    return out;
  }
};

TEST_F(ServiceModelsTest, WhoNamesAnthropicsVersionGetsItsShape) {
  const Json page = parsed(*list("/v1/models"));
  EXPECT_THAT(ids(page), ElementsAre("m1", "m2", "m3", "m4", "m5"));
  EXPECT_EQ(
      json::compact(page["data"][0]),
      R"({"type":"model","id":"m1","display_name":"m1","created_at":"2026-09-21T14:13:20Z"})");
  EXPECT_EQ(page["has_more"], false);
  EXPECT_EQ(page["first_id"], "m1");
  EXPECT_EQ(page["last_id"], "m5");
  EXPECT_EQ(parsed(*list("/v1/models/m3")), page["data"][2]);
  EXPECT_EQ(parsed(*list("/v1/models/also3")), page["data"][2]);
}

TEST_F(ServiceModelsTest, PagesAreTurnedBothWays) {
  const Json first = parsed(*list("/v1/models?limit=2"));
  EXPECT_THAT(ids(first), ElementsAre("m1", "m2"));
  EXPECT_EQ(first["has_more"], true);
  const Json last = parsed(*list("/v1/models?limit=2&after_id=m3"));
  EXPECT_THAT(ids(last), ElementsAre("m4", "m5"));
  EXPECT_EQ(last["has_more"], false);
  const Json before = parsed(*list("/v1/models?limit=2&before_id=m4"));
  EXPECT_THAT(ids(before), ElementsAre("m2", "m3"));
  EXPECT_EQ(before["has_more"], true);
  const Json start = parsed(*list("/v1/models?limit=2&before_id=m2"));
  EXPECT_THAT(ids(start), ElementsAre("m1"));
  EXPECT_EQ(start["has_more"], false);
  const Json between = parsed(*list("/v1/models?after_id=m1&before_id=m4"));
  EXPECT_THAT(ids(between), ElementsAre("m2", "m3"));
  for (const std::string nothing : {"after_id=m5", "before_id=m1", "after_id=m4&before_id=m2"}) {
    const Json page = parsed(*list("/v1/models?" + nothing));
    EXPECT_THAT(page["data"], IsEmpty()) << nothing;
    EXPECT_EQ(page["has_more"], false) << nothing;
    EXPECT_TRUE(page["first_id"].is_null() && page["last_id"].is_null()) << nothing;
  }
}

TEST_F(ServiceModelsTest, AKeySeesItsOwnModels) {
  EXPECT_THAT(ids(parsed(*list("/v1/models", "sk-one"))), ElementsAre("m2"));
  EXPECT_EQ(list("/v1/models?after_id=m1", "sk-one")->status(), 400) << "as if it were not there";
}

TEST_F(ServiceModelsTest, ErrorsAreAnthropicsToo) {
  const auto refused = [&](const std::string& path, int status, const std::string& type,
                           const std::string& key = "sk-all",
                           const std::string& version = "2023-06-01") {
    const auto exchange = list(path, key, version);
    EXPECT_EQ(exchange->status(), status) << path;
    const Json body = parsed(*exchange);
    EXPECT_EQ(body["type"], "error") << path;
    EXPECT_EQ(body["error"]["type"], type) << path;
    EXPECT_EQ(body["request_id"], exchange->headers().get("Request-Id").value()) << path;
  };
  refused("/v1/models/none", 404, "not_found_error");
  refused("/v1/models/m1", 403, "permission_error", "sk-one");
  refused("/v1/models", 401, "authentication_error", "sk-none");
  refused("/v1/models", 400, "invalid_request_error", "sk-all", "1999-01-01");
  for (const std::string query : {"limit=0", "limit=1001", "limit=x", "limit=", "limit=1x",
                                  "after_id=none", "before_id=also1", "after_id="}) {
    refused("/v1/models?" + query, 400, "invalid_request_error");
  }
}

}  // namespace
}  // namespace confide::api
