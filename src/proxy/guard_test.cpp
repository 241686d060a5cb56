#include "proxy/guard.h"

#include <gtest/gtest.h>

namespace confide::proxy {
namespace {

net::HttpRequest with(std::initializer_list<std::pair<std::string, std::string>> headers) {
  net::HttpRequest request;
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  return request;
}

TEST(Guard, ServesProgramsOfThisMachine) {
  const Guard guard({});
  for (const auto* host :
       {"127.0.0.1:4000", "localhost:4000", "LOCALHOST", "[::1]:4000", "[::1]"}) {
    EXPECT_EQ(guard.refusal(with({{"Host", host}})), std::nullopt) << host;
  }
}

TEST(Guard, ANameThatWasMadeToPointHereIsRefused) {
  const Guard guard({"gateway.lan"});
  EXPECT_EQ(guard.refusal(with({{"host", "gateway.lan:1"}})), std::nullopt);
  for (const auto* host : {"evil.example:4000", "127.0.0.1.evil.example", "localhost.evil.example",
                           "", "[::1", "127.0.0.2", "[::2]:4000"}) {
    EXPECT_NE(guard.refusal(with({{"Host", host}})), std::nullopt) << host;
  }
  EXPECT_NE(guard.refusal(with({})), std::nullopt);
  EXPECT_NE(guard.refusal(with({{"Host", "localhost"}, {"host", "evil.example"}})), std::nullopt);
}

TEST(Guard, AWebPageFromElsewhereIsRefused) {
  const Guard guard({});
  EXPECT_EQ(guard.refusal(with({{"Host", "localhost:1"}, {"Origin", "http://localhost:1"}})),
            std::nullopt);
  EXPECT_EQ(guard.refusal(with({{"Host", "localhost:1"}, {"Sec-Fetch-Site", "none"}})),
            std::nullopt);
  for (const auto* origin : {"https://evil.example", "null", "http://localhost:2", ""}) {
    EXPECT_NE(guard.refusal(with({{"Host", "localhost:1"}, {"Origin", origin}})), std::nullopt)
        << origin;
  }
  for (const auto* site : {"cross-site", "same-site"}) {
    EXPECT_NE(guard.refusal(with({{"Host", "localhost:1"}, {"Sec-Fetch-Site", site}})),
              std::nullopt)
        << site;
  }
}

TEST(Guard, LoopbackAddresses) {
  for (const auto* own : {"127.0.0.1", "127.1.2.3", "::1"}) EXPECT_TRUE(is_loopback(own)) << own;
  for (const auto* other : {"0.0.0.0", "::", "192.168.0.1", "127.evil", "localhost"}) {
    EXPECT_FALSE(is_loopback(other)) << other;
  }
}

}  // namespace
}  // namespace confide::proxy
