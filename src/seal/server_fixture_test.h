// A client made by hand and the server it talks to, for the tests of ServerChannel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "seal/e2ee.h"

namespace confide::seal {

inline constexpr std::int64_t kNow = 1'750'000'000;

// By hand, as a foreign client would: nothing here is shared with what is tested but seal_field().
struct ManualClient {
  Suite suite;
  std::string service_key;
  OpeningKey own = OpeningKey::generate(suite);
  std::string nonce = "000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1F";
  std::int64_t timestamp = kNow;
  std::string model = "demo-model";

  E2eeHeaders headers() const {
    return {.version = "2",
            .client_public_key = own.public_hex(),
            .model_public_key = service_key,
            .nonce = nonce,
            .timestamp = std::to_string(timestamp),
            .signing_algo = std::nullopt};
  }
  std::string aad(const std::string& purpose, const std::string& field,
                  const std::string& id = "") const {
    return R"({"algo":")" + std::string(to_string(suite)) + R"(","field":")" + field + "\"," + id +
           R"("model":")" + model + R"(","nonce":")" + nonce + R"(","purpose":"aci.e2ee.)" +
           purpose + R"(.v2","ts":)" + std::to_string(timestamp) + "}";
  }
  std::string seal(const std::string& field, std::string_view text) const {
    return seal_field(suite, from_hex(service_key).value(), aad("request", field), text).value();
  }
  Result<std::string> open(const std::string& field, const std::string& id,
                           const Json& value) const {
    return own.open_field(value.get<std::string>(),
                          aad("response", field, R"("id":")" + id + "\","));
  }
};

// The server's end, for each suite.
class ServerTest : public ::testing::TestWithParam<Suite> {
 protected:
  ServerTest() : channel_(service_keys()) {}

  static std::vector<OpeningKey> service_keys() {
    std::vector<OpeningKey> keys;
    keys.emplace_back(
        crypto::X25519Key::from_scalar(SecretBytes::copy_of(Bytes(32, 0x03))).value());
    keys.emplace_back(
        crypto::Secp256k1Key::from_scalar(SecretBytes::copy_of(Bytes(32, 0x04))).value());
    return keys;
  }
  static std::string service_key(Suite suite) {
    return service_keys()[suite == Suite::x25519 ? 0 : 1].public_hex();
  }
  ManualClient client() const { return {GetParam(), service_key(GetParam())}; }

  E2eeResult<OpenedRequest> open(const E2eeHeaders& headers, const Json& body,
                                 std::int64_t now = kNow,
                                 Endpoint endpoint = Endpoint::chat_completions) {
    return channel_.open(headers, endpoint, json::compact(body), from_unix(now));
  }
  void expect_refused(const E2eeHeaders& headers, const Json& body, std::string_view type,
                      std::int64_t now = kNow) {
    const auto opened = open(headers, body, now);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().type, type) << opened.error().message;
    EXPECT_FALSE(opened.error().message.empty());
  }
  static Json chat(const ManualClient& client, std::string_view text = "hi") {
    Json body = Json::object();
    body["model"] = "demo-model";
    body["messages"] =
        Json::array({{{"role", "user"}, {"content", client.seal("messages.0.content", text)}}});
    return body;
  }

  ServerChannel channel_;
};

inline std::string suite_name(const ::testing::TestParamInfo<Suite>& info) {
  return info.param == Suite::x25519 ? "x25519" : "secp256k1";
}

}  // namespace confide::seal
