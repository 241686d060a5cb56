#include <gmock/gmock.h>
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

}  // namespace
}  // namespace confide::crypto
