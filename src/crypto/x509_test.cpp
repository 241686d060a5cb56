#include "crypto/x509.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/testing.h"
#include "crypto/x509_testing.h"

namespace confide::crypto {
namespace {

using ::testing::ElementsAre;

struct CertificateTest : ::testing::Test {
  TestPki pki;
};

TEST_F(CertificateTest, TellsWhatItHolds) {
  EXPECT_EQ(pki.leaf.common_name(), "Test Leaf");
  EXPECT_EQ(pki.leaf.subject(), "CN=Test Leaf,O=Confide tests");
  EXPECT_EQ(pki.leaf.issuer(), "CN=Test Intermediate,O=Confide tests");
  EXPECT_EQ(pki.leaf.not_before(), kTestNow - std::chrono::days{180});
  EXPECT_EQ(pki.leaf.not_after(), kTestNow + std::chrono::days{180});
  EXPECT_EQ(pki.leaf.p256_public().value(), pki.leaf_key.public_key());
}

TEST_F(CertificateTest, TellsNamesKeyAndNumberForComparing) {
  EXPECT_EQ(pki.leaf.issuer_der(), pki.intermediate.subject_der());
  EXPECT_NE(pki.leaf.subject_der(), pki.intermediate.subject_der());
  EXPECT_EQ(to_bytes(pki.leaf.public_key()->spki().last(64)), to_bytes(pki.leaf_key.public_key()));
  EXPECT_EQ(pki.leaf.serial().size(), 32U);
  EXPECT_EQ(pki.leaf.serial(), to_hex(ByteView(pki.leaf.der()).subspan(15, 16)));
  EXPECT_TRUE(pki.root.is_ca());
  EXPECT_FALSE(pki.leaf.is_ca());
}

TEST_F(CertificateTest, HashesTheSubjectPublicKeyInfo) {
  // The DER of a P-256 SubjectPublicKeyInfo up to the point, RFC 5480.
  Bytes spki = from_hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004").value();
  append(spki, pki.leaf_key.public_key());
  EXPECT_EQ(pki.leaf.spki_sha256(), sha256(spki));
}

TEST_F(CertificateTest, CopiesAreEqualOthersAreNot) {
  const Certificate copy = pki.leaf;
  EXPECT_EQ(copy, pki.leaf);
  EXPECT_EQ(Certificate::from_der(pki.leaf.der()).value(), pki.leaf);
  EXPECT_FALSE(pki.leaf == pki.root);
}

TEST_F(CertificateTest, DerIsExact) {
  const Bytes der = to_bytes(pki.leaf.der());
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_EQ(refusal(Certificate::from_der(longer)), Errc::malformed);
  EXPECT_EQ(refusal(Certificate::from_der(ByteView(der).first(der.size() - 1))), Errc::malformed);
  EXPECT_EQ(refusal(Certificate::from_der({})), Errc::malformed);
  EXPECT_EQ(refusal(Certificate::from_der(Bytes(2U << 20U, 0x30))), Errc::limit);
  // The outer length in three bytes where two do: BER, but not DER.
  ASSERT_EQ(der[1], 0x82);
  Bytes ber = {der[0], 0x83, 0x00, der[2], der[3]};
  append(ber, ByteView(der).subspan(4));
  EXPECT_EQ(refusal(Certificate::from_der(ber)), Errc::malformed);
}

TEST_F(CertificateTest, PemIsExactlyOneCertificate) {
  const std::string pem = pki.leaf.to_pem();
  EXPECT_EQ(Certificate::from_pem(pem).value(), pki.leaf);
  EXPECT_EQ(Certificate::from_pem("\n " + pem + "\r\n").value(), pki.leaf);
  using namespace std::string_literals;
  std::string headed = pem;
  headed.insert(headed.find('\n') + 1, "Proc-Type: 4,ENCRYPTED\n\n");
  std::string spaced = pem;
  spaced.insert(100, " ");
  std::string relabelled = pem;
  relabelled.replace(relabelled.rfind("CERTIFICATE"), 11, "X509 CRL");
  for (const std::string& bad : {""s, "x" + pem, pem + "x", pem + pem, pem + '\0', headed, spaced,
                                 relabelled, pem.substr(0, pem.size() / 2), pem.substr(1)}) {
    EXPECT_EQ(refusal(Certificate::from_pem(bad)), Errc::malformed) << bad;
  }
}

TEST_F(CertificateTest, PemChainKeepsFileOrder) {
  const std::string pem = pki.leaf.to_pem() + "\n" + pki.intermediate.to_pem() + pki.root.to_pem();
  const auto is = [](const Certificate& c) { return ::testing::Eq(c); };
  EXPECT_THAT(parse_pem_chain(pem).value(),
              ElementsAre(is(pki.leaf), is(pki.intermediate), is(pki.root)));
  EXPECT_EQ(parse_pem_chain(pem + '\0').value().size(), 3U);
  EXPECT_EQ(parse_pem_chain(pem, {}, 3).value().size(), 3U);
}

TEST_F(CertificateTest, PemChainRefusesRubbish) {
  const std::string one = pki.leaf.to_pem();
  EXPECT_EQ(refusal(parse_pem_chain(one + one + one, {}, 2)), Errc::limit);
  for (const std::string& bad :
       {std::string(), std::string("\n"), one + "# comment\n" + one, "rubbish\n" + one,
        one + "rubbish", one + std::string(2, '\0'), one + '\0' + one}) {
    EXPECT_EQ(refusal(parse_pem_chain(bad)), Errc::malformed) << bad;
  }
}

TEST(PemChain, SharesTheCertificatesThatAreKnown) {
  const TestPki pki;
  const std::vector<Certificate> known{pki.root};
  const auto chain = parse_pem_chain(pki.leaf.to_pem() + pki.root.to_pem(), known).value();
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_EQ(chain[0], pki.leaf);
  EXPECT_EQ(&chain[1].impl(), &known[0].impl());
}

TEST_F(CertificateTest, FindsExtensionsByOid) {
  CertificateRequest request = test_request("Extended", pki.leaf_key);
  request.extensions = {{"1.2.840.113741.1.13.1", Bytes{0x04, 0x02, 0xAA, 0xBB}}};
  const Certificate certificate = issue_certificate(request, pki.root_key, &pki.root).value();
  EXPECT_THAT(certificate.extension("1.2.840.113741.1.13.1").value(),
              ElementsAre(0x04, 0x02, 0xAA, 0xBB));
  EXPECT_EQ(certificate.extension("1.2.840.113741.1.13.2"), std::nullopt);
}

TEST_F(CertificateTest, RefusesRepeatedExtensions) {
  CertificateRequest request = test_request("Twice", pki.leaf_key);
  request.extensions = {{"1.2.3.4", Bytes{0x05, 0x00}}, {"1.2.3.4", Bytes{0x02, 0x01, 0x01}}};
  EXPECT_EQ(refusal(issue_certificate(request, pki.root_key, &pki.root)), Errc::malformed);
}

TEST_F(CertificateTest, VerifiesRawSignaturesByItsKey) {
  const auto signature = pki.leaf_key.sign(as_bytes("message"));
  EXPECT_TRUE(verify_p256(pki.leaf, as_bytes("message"), signature));
  EXPECT_EQ(refusal(verify_p256(pki.leaf, as_bytes("massage"), signature)), Errc::bad_signature);
  EXPECT_EQ(refusal(verify_p256(pki.root, as_bytes("message"), signature)), Errc::bad_signature);
}

TEST_F(CertificateTest, CrlTellsWhatItHolds) {
  const Certificate revoked[] = {pki.leaf};
  const Crl crl = pki.intermediate_crl(revoked);
  EXPECT_EQ(crl.issuer(), pki.intermediate.subject());
  EXPECT_EQ(crl.this_update(), kTestNow - std::chrono::days{15});
  EXPECT_EQ(crl.next_update(), kTestNow + std::chrono::days{15});
  EXPECT_TRUE(crl.revokes(pki.leaf));
  EXPECT_FALSE(crl.revokes(pki.intermediate));
  EXPECT_FALSE(pki.intermediate_crl().revokes(pki.leaf));
}

TEST_F(CertificateTest, CrlRevokesOnlyItsIssuersCertificates) {
  const Certificate revoked[] = {pki.leaf};  // the serial number is listed, but by another issuer
  EXPECT_FALSE(pki.root_crl(revoked).revokes(pki.leaf));
}

TEST_F(CertificateTest, ComesInTwoForms) {
  EXPECT_EQ(Certificate::from_any(pki.leaf.der()).value(), pki.leaf);
  EXPECT_EQ(Certificate::from_any(as_bytes(pki.leaf.to_pem())).value(), pki.leaf);
  EXPECT_EQ(refusal(Certificate::from_any({})), Errc::malformed);
  EXPECT_EQ(refusal(Certificate::from_any(as_bytes(to_hex(pki.leaf.der())))), Errc::malformed);
}

TEST_F(CertificateTest, CrlComesInThreeForms) {
  const Crl crl = pki.root_crl();
  const Bytes der = to_bytes(crl.der());
  const std::string hex = to_hex(der);
  std::string upper = hex;
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  const std::string pem =
      "-----BEGIN X509 CRL-----\n" + to_base64(der) + "\n-----END X509 CRL-----\n";
  for (const Bytes& form : {der, to_bytes(as_bytes(hex)), to_bytes(as_bytes(upper)),
                            to_bytes(as_bytes(hex + "\n")), to_bytes(as_bytes(pem))}) {
    EXPECT_EQ(to_bytes(Crl::from_any(form).value().der()), der);
  }
  for (const std::string& bad : {std::string(), hex.substr(2), hex.substr(1), hex + "00",
                                 "0x" + hex, pem + pem, pem + "x", pki.root.to_pem()}) {
    EXPECT_EQ(refusal(Crl::from_any(as_bytes(bad))), Errc::malformed) << bad;
  }
  EXPECT_EQ(refusal(Crl::from_der(pki.root.der())), Errc::malformed);
}

}  // namespace
}  // namespace confide::crypto
