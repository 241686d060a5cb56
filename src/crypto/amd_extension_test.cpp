#include "crypto/amd_extension.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/x509_testing.h"

namespace confide::crypto {
namespace {

using ::testing::HasSubstr;
using Extensions = std::vector<std::pair<std::string, Bytes>>;

AmdExtension sample() {
  AmdExtension out;
  out.struct_version = 1;
  out.product_name = "Turin-C1";
  out.bl = 2;
  out.tee = 3;
  out.snp = 4;
  out.spl4 = 5;
  out.spl5 = 6;
  out.spl6 = 7;
  out.spl7 = 8;
  out.ucode = 219;
  out.fmc = 9;
  out.hw_id = Bytes(8, 10);
  out.csp_id = "CN=cc.example";
  return out;
}

Certificate with(Extensions extensions) {
  const P256Key key = P256Key::generate();
  CertificateRequest request = test_request("SEV-VCEK", key);
  request.extensions = std::move(extensions);
  return issue_certificate(request, key, nullptr).value();
}

std::string arc(const std::string& below) { return "1.3.6.1.4.1.3704.1." + below; }

// The sample with one extension's value replaced, or left out if `value` is empty.
Result<AmdExtension> with_value(const std::string& below, const Bytes& value) {
  Extensions extensions = encode_amd_extension(sample());
  std::erase_if(extensions, [&](const auto& one) { return one.first == arc(below); });
  if (!value.empty()) extensions.emplace_back(arc(below), value);
  return read_amd_extension(with(extensions));
}

TEST(AmdExtension, ReadsEveryMember) {
  const auto got = read_amd_extension(with(encode_amd_extension(sample())));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->struct_version, 1);
  EXPECT_EQ(got->product_name, "Turin-C1");
  EXPECT_EQ(got->bl, 2);
  EXPECT_EQ(got->tee, 3);
  EXPECT_EQ(got->snp, 4);
  EXPECT_EQ(got->spl4, 5);
  EXPECT_EQ(got->spl5, 6);
  EXPECT_EQ(got->spl6, 7);
  EXPECT_EQ(got->spl7, 8);
  EXPECT_EQ(got->ucode, 219);
  EXPECT_EQ(got->fmc, 9);
  EXPECT_EQ(got->hw_id, Bytes(8, 10));
  EXPECT_EQ(got->csp_id, "CN=cc.example");
}

TEST(AmdExtension, WhatMayBeAbsentMayBeAbsent) {
  AmdExtension bare = sample();
  bare.spl4 = bare.spl5 = bare.spl6 = bare.spl7 = 0;  // not written then
  bare.fmc.reset();
  bare.hw_id.reset();
  bare.csp_id.reset();
  const auto got = read_amd_extension(with(encode_amd_extension(bare)));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->spl4 + got->spl5 + got->spl6 + got->spl7, 0);
  EXPECT_FALSE(got->fmc || got->hw_id || got->csp_id);
}

TEST(AmdExtension, RefusesWhatIsMissing) {
  for (const char* below : {"1", "2", "3.1", "3.2", "3.3", "3.8"}) {
    const auto got = with_value(below, {});
    EXPECT_EQ(refusal(got), Errc::malformed) << below;
    EXPECT_THAT(got.error().message, HasSubstr(std::string(".") + below + ": missing"));
  }
}

TEST(AmdExtension, RefusesLevelsThatAreNoSmallNumbers) {
  const std::vector<Bytes> bad{{0x02, 0x01},              // cut
                               {0x02, 0x01, 0x80},        // negative
                               {0x02, 0x02, 0x00, 0x01},  // not the shortest form
                               {0x02, 0x02, 0x01, 0x00},  // 256
                               {0x02, 0x01, 0x01, 0x00},  // a byte too many
                               {0x02, 0x00},
                               {0x04, 0x01, 0x01},
                               {0x01}};
  for (const char* below : {"1", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9"}) {
    for (const Bytes& value : bad) {
      const auto got = with_value(below, value);
      EXPECT_EQ(refusal(got), Errc::malformed) << below << " " << to_hex(value);
      EXPECT_THAT(got.error().message, HasSubstr(std::string(".") + below + ": no small number"));
    }
  }
  EXPECT_EQ(with_value("3.8", {0x02, 0x02, 0x00, 0xFF}).value().ucode, 255);
}

TEST(AmdExtension, RefusesTextThatIsNone) {
  const std::vector<Bytes> bad{{0x16, 0x02, 0x4D},         // cut
                               {0x16, 0x01, 0x4D, 0x00},   // a byte too many
                               {0x0C, 0x01, 0x4D},         // UTF8String
                               {0x16, 0x00},               // empty
                               {0x16, 0x02, 0x4D, 0x00},   // NUL
                               {0x16, 0x02, 0x4D, 0x0A},   // line feed
                               {0x16, 0x02, 0x4D, 0x7F},   // delete
                               {0x16, 0x02, 0x4D, 0xC3}};  // not ASCII
  for (const char* below : {"2", "5"}) {
    for (const Bytes& value : bad) {
      EXPECT_EQ(refusal(with_value(below, value)), Errc::malformed)
          << below << " " << to_hex(value);
    }
    EXPECT_TRUE(with_value(below, {0x16, 0x02, 0x20, 0x7E}));
  }
}

TEST(AmdExtension, TakesHardwareIdsBareOrInAnOctetString) {
  for (const std::size_t size : {8U, 64U}) {
    const Bytes id(size, 7);
    EXPECT_EQ(with_value("4", id).value().hw_id, id);
    Bytes wrapped{0x04, static_cast<std::uint8_t>(size)};
    append(wrapped, id);
    EXPECT_EQ(with_value("4", wrapped).value().hw_id, id);
    wrapped.push_back(0);
    EXPECT_EQ(refusal(with_value("4", wrapped)), Errc::malformed);
  }
  for (const std::size_t size : {1U, 7U, 9U, 32U, 63U, 65U, 128U}) {
    EXPECT_EQ(refusal(with_value("4", Bytes(size, 7))), Errc::malformed) << size;
    Bytes wrapped{0x04, static_cast<std::uint8_t>(size)};
    append(wrapped, Bytes(size, 7));
    EXPECT_EQ(refusal(with_value("4", wrapped)), Errc::malformed) << size;
  }
  EXPECT_EQ(refusal(with_value("4", {0x03, 0x08, 1, 2, 3, 4, 5, 6, 7, 8})), Errc::malformed);
}

}  // namespace
}  // namespace confide::crypto
