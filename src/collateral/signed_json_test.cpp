#include "collateral/signed_json.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace confide::collateral {
namespace {

std::string signature() { return std::string(128, 'A'); }

Errc refusal(const std::string& text) {
  const auto parsed = parse_signed_json(text, "tcbInfo");
  return parsed ? Errc::internal : parsed.error().code;
}

TEST(SignedJsonTest, TheTextIsTheMembersExactBytes) {
  const std::string value = R"({ "id":"TDX",  "n":[1,{"tcbInfo":"}\"{"}],"e":{} })";
  for (const std::string form :
       {R"({{"tcbInfo":{0},"signature":"{1}"}})", R"({{"signature":"{1}" , "tcbInfo" : {0} }})",
        "\n{{\t\"x\":[\"tcbInfo\",{{\"tcbInfo\":{{}}}}],\"tcbInfo\":\r\n{0}\n,\"signature\":\"{1}"
        "\"}}\n"}) {
    const std::string text = fmt::format(fmt::runtime(form), value, signature());
    const auto parsed = parse_signed_json(text, "tcbInfo");
    ASSERT_TRUE(parsed) << text << parsed.error().message;
    EXPECT_EQ(parsed->text, value) << text;
    EXPECT_EQ(parsed->signature[0], 0xAA);
  }
}

TEST(SignedJsonTest, WhatIsNoSignedObjectIsRefused) {
  const std::string good = signature();
  for (const std::string& text : {
           std::string(),
           std::string("[]"),
           std::string("{}"),
           fmt::format(R"({{"tcbInfo":{{}}}})"),
           fmt::format(R"({{"signature":"{}"}})", good),
           fmt::format(R"({{"tcbInfo":"{{}}","signature":"{}"}})", good),
           fmt::format(R"({{"tcbInfo":[],"signature":"{}"}})", good),
           fmt::format(R"({{"enclaveIdentity":{{}},"signature":"{}"}})", good),
           fmt::format(R"({{"tcbInfo":{{}},"signature":"{}"}})", good.substr(2)),
           fmt::format(R"({{"tcbInfo":{{}},"signature":"{}"}})", good + "00"),
           fmt::format(R"({{"tcbInfo":{{}},"tcbInfo":{{}},"signature":"{}"}})", good),
           fmt::format(R"({{"tcbInfo":{{"a":1,"a":2}},"signature":"{}"}})", good),
           fmt::format(R"({{"tcb\u0049nfo":{{}},"signature":"{}"}})", good),
           fmt::format(R"({{"tcbInfo":{{}},"signature":"{}"}} x)", good),
       }) {
    EXPECT_EQ(refusal(text), Errc::malformed) << text;
  }
}

}  // namespace
}  // namespace confide::collateral
