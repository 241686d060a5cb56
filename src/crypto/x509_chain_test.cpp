#include <gmock/gmock.h>
#include <optional>

#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/x509.h"
#include "crypto/x509_testing.h"

namespace confide::crypto {
namespace {

using std::chrono::days;
using ::testing::HasSubstr;

struct ChainTest : ::testing::Test {
  TestPki pki;
  std::vector<Certificate> chain = {pki.leaf, pki.intermediate};
  std::vector<Crl> crls = {pki.intermediate_crl(), pki.root_crl()};

  Status verify(Time at = kTestNow) const { return verify_chain(chain, pki.root, at); }
  Status verify_with_crls(Time at = kTestNow) const {
    return verify_chain(chain, pki.root, at, crls);
  }
};

TEST_F(ChainTest, AcceptsAGoodChainWithAndWithoutItsRoot) {
  EXPECT_TRUE(verify());
  EXPECT_TRUE(verify_with_crls());
  chain.push_back(pki.root);
  EXPECT_TRUE(verify());
  EXPECT_TRUE(verify_with_crls());
  EXPECT_TRUE(verify_chain(std::vector{pki.root}, pki.root, kTestNow));
}

TEST_F(ChainTest, RefusesAnEmptyOrEndlessChain) {
  chain.clear();
  EXPECT_EQ(refusal(verify()), Errc::untrusted);
  chain.assign(9, pki.leaf);
  EXPECT_EQ(refusal(verify()), Errc::untrusted);
}

TEST_F(ChainTest, RefusesAnotherRoot) {
  const TestPki other;  // the same names, other keys
  EXPECT_EQ(refusal(verify_chain(chain, other.root, kTestNow)), Errc::untrusted);
  chain.push_back(pki.root);
  EXPECT_EQ(refusal(verify_chain(chain, other.root, kTestNow)), Errc::untrusted);
  chain.back() = other.root;
  EXPECT_EQ(refusal(verify()), Errc::untrusted);
  EXPECT_EQ(refusal(verify_chain(std::vector{other.root}, pki.root, kTestNow)), Errc::untrusted);
}

TEST_F(ChainTest, RefusesAChainWithHolesStrangersOrDisorder) {
  const TestPki other;
  for (const auto& bad :
       std::vector<std::vector<Certificate>>{{pki.leaf},
                                             {pki.leaf, pki.root},
                                             {pki.leaf, other.intermediate},
                                             {pki.intermediate, pki.leaf},
                                             {pki.leaf, pki.root, pki.intermediate},
                                             {pki.leaf, pki.intermediate, other.root},
                                             {pki.leaf, pki.intermediate, other.leaf},
                                             {pki.leaf, pki.intermediate, pki.intermediate}}) {
    chain = bad;
    EXPECT_EQ(refusal(verify()), Errc::untrusted);
  }
}

TEST_F(ChainTest, RefusesWhatIsExpiredOrNotYetValid) {
  EXPECT_TRUE(verify(kTestNow + days{179}));
  EXPECT_EQ(refusal(verify(kTestNow + days{181})), Errc::expired);
  EXPECT_EQ(refusal(verify(kTestNow - days{181})), Errc::expired);
  auto request = test_request("Short", pki.leaf_key);
  request.not_after = kTestNow - days{1};
  chain[0] = issue_certificate(request, pki.intermediate_key, &pki.intermediate).value();
  EXPECT_EQ(refusal(verify()), Errc::expired);
}

TEST_F(ChainTest, RefusesAnExpiredIntermediateOrRoot) {
  auto request = test_ca_request("Test Root", pki.root_key);
  request.not_after = kTestNow - days{1};
  const auto old_root = issue_certificate(request, pki.root_key, nullptr).value();
  EXPECT_EQ(refusal(verify_chain(chain, old_root, kTestNow)), Errc::expired);
  request = test_ca_request("Test Intermediate", pki.intermediate_key);
  request.not_after = kTestNow - days{1};
  chain[1] = issue_certificate(request, pki.root_key, &pki.root).value();
  EXPECT_EQ(refusal(verify()), Errc::expired);
}

TEST_F(ChainTest, RefusesACertificateIssuedByALeaf) {
  const P256Key key = P256Key::generate();
  const auto forged =
      issue_certificate(test_request("Forged", key), pki.leaf_key, &pki.leaf).value();
  chain.insert(chain.begin(), forged);
  EXPECT_EQ(refusal(verify()), Errc::untrusted);
}

TEST_F(ChainTest, RefusesAPathLongerThanItsCaAllows) {
  // pki.intermediate has path length 0: no other CA below it.
  const P256Key sub_key = P256Key::generate();
  const auto sub =
      issue_certificate(test_ca_request("Sub", sub_key), pki.intermediate_key, &pki.intermediate)
          .value();
  const P256Key key = P256Key::generate();
  const auto leaf = issue_certificate(test_request("Deep", key), sub_key, &sub).value();
  chain = {leaf, sub, pki.intermediate};
  EXPECT_EQ(refusal(verify()), Errc::untrusted);
}

TEST_F(ChainTest, RefusesARevokedLeafOrIntermediate) {
  crls = {pki.intermediate_crl(std::vector{pki.leaf}), pki.root_crl()};
  auto status = verify_with_crls();
  ASSERT_EQ(refusal(status), Errc::untrusted);
  EXPECT_THAT(status.error().message, HasSubstr("revoked"));
  crls = {pki.intermediate_crl(), pki.root_crl(std::vector{pki.intermediate})};
  status = verify_with_crls();
  ASSERT_EQ(refusal(status), Errc::untrusted);
  EXPECT_THAT(status.error().message, HasSubstr("revoked"));
}

TEST_F(ChainTest, DemandsACrlOfEveryIssuer) {
  crls = {pki.root_crl()};
  EXPECT_EQ(refusal(verify_with_crls()), Errc::untrusted);
  crls = {pki.intermediate_crl()};
  EXPECT_EQ(refusal(verify_with_crls()), Errc::untrusted);
}

TEST_F(ChainTest, RefusesCrlsThatAreNotCurrent) {
  for (const days shift : {days{-16}, days{16}}) {
    crls[1] = TestPki::crl_at(kTestNow + shift, pki.root, pki.root_key);
    EXPECT_EQ(refusal(verify_with_crls()), Errc::expired) << shift.count();
  }
}

TEST_F(ChainTest, RefusesCrlsOfAnotherKey) {
  const TestPki other;  // the same names
  crls = {other.intermediate_crl(), other.root_crl()};
  EXPECT_EQ(refusal(verify_with_crls()), Errc::untrusted);
  Bytes der = to_bytes(pki.root_crl().der());
  der.back() ^= 1;
  crls = {pki.intermediate_crl(), Crl::from_der(der).value()};
  EXPECT_EQ(refusal(verify_with_crls()), Errc::bad_signature);
}

TEST_F(ChainTest, ReportsASpoiledSignatureAsSuch) {
  Bytes der = to_bytes(pki.leaf.der());
  der.back() ^= 1;  // in s
  chain[0] = Certificate::from_der(der).value();
  EXPECT_EQ(refusal(verify()), Errc::bad_signature);
}

TEST_F(ChainTest, AnyFlippedBitOfTheLeafIsRefused) {
  const Bytes good = to_bytes(pki.leaf.der());
  int parsed = 0;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto certificate = Certificate::from_der(bad);
    if (!certificate) continue;
    ++parsed;
    chain[0] = *certificate;
    ASSERT_NE(refusal(verify()), std::nullopt) << "bit " << bit;
  }
  EXPECT_GT(parsed, 100);
}

// A root, an intermediate and a leaf with keys of one kind, AMD's way or RFC 5280's.
struct OtherPki {
  SigningKey root_key, intermediate_key, leaf_key;
  Certificate root, intermediate, leaf;

  static OtherPki make(KeyKind kind, bool root_has_id, bool leaf_has_id) {
    const auto root_key = SigningKey::generate(kind);
    const auto intermediate_key = SigningKey::generate(kind);
    const auto leaf_key = SigningKey::generate(KeyKind::p384);
    const auto request = [](const char* name, const SigningKey& key, bool ca, bool has_id) {
      CertificateRequest out;
      out.common_name = name;
      out.subject_key = key.public_key();
      out.not_before = kTestNow - days{1};
      out.not_after = kTestNow + days{1};
      out.is_ca = ca;
      out.key_identifiers = has_id;
      return out;
    };
    const auto root =
        issue_certificate(request("Root", root_key, true, root_has_id), root_key, nullptr).value();
    const auto intermediate =
        issue_certificate(request("Intermediate", intermediate_key, true, true), root_key, &root)
            .value();
    const auto leaf = issue_certificate(request("Leaf", leaf_key, false, leaf_has_id),
                                        intermediate_key, &intermediate)
                          .value();
    return {root_key, intermediate_key, leaf_key, root, intermediate, leaf};
  }

  Status verify(ChainRules rules = {}) const {
    return verify_chain(std::vector{leaf, intermediate, root}, root, kTestNow, {}, rules);
  }
};

TEST(ChainOfOtherKeys, P384AndRsaPssVerify) {
  for (const KeyKind kind : {KeyKind::p384, KeyKind::rsa}) {
    const auto pki = OtherPki::make(kind, true, true);
    const Status status = pki.verify();
    EXPECT_TRUE(status) << status.error().message;
    const auto crl =
        issue_crl(pki.root, pki.root_key, kTestNow - days{1}, kTestNow + days{1}).value();
    EXPECT_TRUE(verify_chain(std::vector{pki.intermediate}, pki.root, kTestNow, std::vector{crl}));
    const auto listing = issue_crl(pki.root, pki.root_key, kTestNow - days{1}, kTestNow + days{1},
                                   std::vector{pki.intermediate})
                             .value();
    EXPECT_EQ(refusal(verify_chain(std::vector{pki.intermediate}, pki.root, kTestNow,
                                   std::vector{listing})),
              Errc::untrusted);
  }
}

TEST(ChainOfOtherKeys, KeyIdentifiersAreDemandedUnlessTheRulesLetThemBe) {
  constexpr ChainRules kNoIdentifiers{.key_identifiers = false};
  for (const auto& [root_has_id, leaf_has_id] : {std::pair{true, false}, std::pair{false, true}}) {
    const auto pki = OtherPki::make(KeyKind::p384, root_has_id, leaf_has_id);
    EXPECT_EQ(refusal(pki.verify()), Errc::untrusted);
    EXPECT_TRUE(pki.verify(kNoIdentifiers));
  }
}

// A CA whose key usage is of these DER bytes, or that has none, and its leaf.
Status verify_under_ca_with_usage(const std::optional<Bytes>& usage, ChainRules rules) {
  const auto ca_key = SigningKey::generate(KeyKind::p384);
  CertificateRequest request;
  request.common_name = "CA";
  request.subject_key = ca_key.public_key();
  request.not_before = kTestNow - days{1};
  request.not_after = kTestNow + days{1};
  request.is_ca = true;
  request.path_length = 0;
  request.key_usage = false;
  if (usage) request.extensions.emplace_back("2.5.29.15", *usage);
  const auto ca = issue_certificate(request, ca_key, nullptr).value();
  const auto leaf_key = SigningKey::generate(KeyKind::p384);
  request.common_name = "Leaf";
  request.subject_key = leaf_key.public_key();
  request.is_ca = false;
  request.extensions.clear();
  const auto leaf = issue_certificate(request, ca_key, &ca).value();
  return verify_chain(std::vector{leaf}, ca, kTestNow, {}, rules);
}

TEST(ChainOfOtherKeys, AKeyUsageIsDemandedUnlessTheRulesLetItBe) {
  EXPECT_EQ(refusal(verify_under_ca_with_usage(std::nullopt, {})), Errc::untrusted);
  EXPECT_TRUE(verify_under_ca_with_usage(std::nullopt, {.key_usage = false}));
}

TEST(ChainOfOtherKeys, AKeyUsageThatIsThereCountsUnderAnyRules) {
  const Bytes cert_sign{0x03, 0x02, 0x02, 0x04};
  const Bytes digital_signature{0x03, 0x02, 0x07, 0x80};
  for (const bool demanded : {true, false}) {
    EXPECT_TRUE(verify_under_ca_with_usage(cert_sign, {.key_usage = demanded}));
    EXPECT_EQ(refusal(verify_under_ca_with_usage(digital_signature, {.key_usage = demanded})),
              Errc::untrusted);
  }
}

TEST(ChainOfOtherKeys, WhoeverSignsIsACaUnderAnyRules) {
  const auto pki = OtherPki::make(KeyKind::p384, true, true);
  CertificateRequest request;
  request.common_name = "Forged";
  request.subject_key = SigningKey::generate(KeyKind::p384).public_key();
  request.not_before = kTestNow - days{1};
  request.not_after = kTestNow + days{1};
  const auto forged = issue_certificate(request, pki.leaf_key, &pki.leaf).value();
  const std::vector chain = {forged, pki.leaf, pki.intermediate};
  for (const bool identifiers : {true, false}) {
    EXPECT_EQ(
        refusal(verify_chain(chain, pki.root, kTestNow, {}, {.key_identifiers = identifiers})),
        Errc::untrusted);
  }
}

}  // namespace
}  // namespace confide::crypto
