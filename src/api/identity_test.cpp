#include "api/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::api {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

const Time kNow = from_unix(1'790'000'000);
const seal::SteadyTime kStart{seconds{1000}};

crypto::Certificate certificate(const crypto::P256Key& key, const std::string& name = "other") {
  crypto::CertificateRequest request;
  request.common_name = name;
  request.subject_key = key.public_key();
  request.not_before = kNow - seconds{60};
  request.not_after = kNow + std::chrono::hours{24};
  request.tls_server = true;
  return crypto::issue_certificate(request, key, nullptr).value();
}

std::string spki(const crypto::Certificate& of) { return to_hex(of.spki_sha256()); }

std::vector<std::string> listed(const Identity& identity) {
  const auto parsed = aci::parse_keyset(identity.published()->keyset).value();
  std::vector<std::string> out;
  for (const auto& entry : parsed.keyset.tls_public_keys) out.push_back(entry.spki_sha256);
  return out;
}

struct IdentityTest : ::testing::Test {
  IdentityOptions options{.subject = "",
                          .dns_names = {"localhost"},
                          .ip_addresses = {},
                          .now = kNow,
                          .steady_now = kStart,
                          .sealing_epoch = seconds{0}};
  crypto::Certificate first = certificate(crypto::P256Key::generate());
  crypto::Certificate second = certificate(crypto::P256Key::generate());

  std::unique_ptr<Identity> from_file() {
    options.tls_certificate = first;
    return Identity::create(options).value();
  }
};

TEST_F(IdentityTest, MakesATlsKeyUnlessItIsGivenACertificate) {
  const auto own = Identity::create(options).value();
  ASSERT_NE(own->tls_key(), nullptr);
  EXPECT_EQ(own->tls_certificate().p256_public().value(), own->tls_key()->public_key());
  EXPECT_THAT(listed(*own), ElementsAre(spki(own->tls_certificate())));

  const auto given = from_file();
  EXPECT_EQ(given->tls_key(), nullptr);
  EXPECT_THAT(listed(*given), ElementsAre(spki(first)));
}

TEST_F(IdentityTest, AReplacedTlsKeyIsListedUntilItsOverlapEnds) {
  const auto identity = from_file();
  const auto before = identity->published();
  EXPECT_TRUE(identity->replace_tls(second, kStart).value());
  EXPECT_THAT(listed(*identity), ElementsAre(spki(second), spki(first)));
  EXPECT_TRUE(identity->tls_certificate() == second);
  const auto during = identity->published();
  EXPECT_NE(during->digest, before->digest);
  EXPECT_NE(during->sealing_key, before->sealing_key) << "clients take the new keyset by this";
  EXPECT_EQ(identity->published_with(before->sealing_key), before);

  EXPECT_FALSE(identity->tend(kStart + kTlsOverlap - seconds{1}).value());
  EXPECT_TRUE(identity->tend(kStart + kTlsOverlap).value());
  EXPECT_THAT(listed(*identity), ElementsAre(spki(second)));
  EXPECT_NE(identity->published()->sealing_key, during->sealing_key);
}

TEST_F(IdentityTest, AKeyThatComesBackIsListedOnce) {
  const auto identity = from_file();
  ASSERT_TRUE(identity->replace_tls(second, kStart));
  ASSERT_TRUE(identity->replace_tls(first, kStart + seconds{1}));
  EXPECT_THAT(listed(*identity), ElementsAre(spki(first), spki(second)));
  EXPECT_TRUE(identity->tend(kStart + kTlsOverlap + seconds{1}).value());
  EXPECT_THAT(listed(*identity), ElementsAre(spki(first)));
}

TEST_F(IdentityTest, ARenewedCertificateOfTheSameKeyChangesNoKeyset) {
  const auto key = crypto::P256Key::generate();
  options.tls_certificate = certificate(key);
  const auto identity = Identity::create(options).value();
  const auto before = identity->published();
  const auto renewed = certificate(key, "renewed");
  EXPECT_FALSE(identity->replace_tls(renewed, kStart).value());
  EXPECT_EQ(identity->published(), before);
  EXPECT_TRUE(identity->tls_certificate() == renewed);
}

}  // namespace
}  // namespace confide::api
