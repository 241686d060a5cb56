#include "crypto/ocsp.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/aws_lc.h"
#include "crypto/ocsp_testing.h"
#include "crypto/x509_testing.h"

namespace confide::crypto {
namespace {

using std::chrono::days;
using std::chrono::hours;
using Word = OcspAnswer::Status;

struct OcspTest : ::testing::Test {
  TestPki pki;
  P256Key responder_key = P256Key::generate();
  Certificate responder = delegate(pki.root_key, &pki.root);
  OcspTestAnswer answer{
      .subject = pki.intermediate, .issuer = pki.root, .this_update = kTestNow - hours{1}};
  OcspTestResponse response{.answers = {answer.encode()},
                            .signer = responder,
                            .certificates = {responder},
                            .produced_at = kTestNow - hours{1}};

  CertificateRequest delegate_request() const {
    CertificateRequest out = test_request("Responder", responder_key);
    out.ocsp_signing = true;
    return out;
  }
  Certificate delegate(const P256Key& key, const Certificate* issuer) const {
    return issue_certificate(delegate_request(), key, issuer).value();
  }
  // The same response by another responder.
  Bytes by(const Certificate& certificate) const {
    OcspTestResponse out = response;
    out.signer = certificate;
    out.certificates = {certificate};
    return out.sign(responder_key);
  }
  Bytes saying(Bytes status) const {
    OcspTestAnswer other = answer;
    other.status = std::move(status);
    OcspTestResponse out = response;
    out.answers = {other.encode()};
    return out.sign(responder_key);
  }
  Result<OcspAnswer> verify(ByteView der, Time at = kTestNow) const {
    return verify_ocsp(der, pki.intermediate, pki.root, at);
  }
};

TEST_F(OcspTest, TellsWhatTheResponderSays) {
  const auto good = verify(response.sign(responder_key));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->status, Word::good);
  EXPECT_EQ(good->serial, pki.intermediate.serial());
  EXPECT_EQ(good->produced_at, kTestNow - hours{1});
  EXPECT_EQ(good->this_update, kTestNow - hours{1});
  EXPECT_EQ(good->next_update, kTestNow + hours{23});
  EXPECT_EQ(good->revoked_at, std::nullopt);

  const auto revoked = verify(saying(ocsp_revoked(kTestNow - days{3}, 6)));
  ASSERT_TRUE(revoked) << revoked.error().message;
  EXPECT_EQ(revoked->status, Word::revoked);
  EXPECT_EQ(revoked->revoked_at, kTestNow - days{3});
  EXPECT_EQ(revoked->reason, 6);
  EXPECT_EQ(verify(saying(ocsp_revoked(kTestNow)))->reason, std::nullopt);
  EXPECT_EQ(verify(saying({0x82, 0x00}))->status, Word::unknown);

  answer.next_update.reset();
  response.answers = {answer.encode()};
  EXPECT_EQ(verify(response.sign(responder_key))->next_update, std::nullopt);
}

TEST_F(OcspTest, TheIssuerItselfMayAnswer) {
  response.signer = pki.root;
  response.certificates.clear();
  EXPECT_TRUE(verify(response.sign(pki.root_key)));
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::bad_signature);
}

TEST_F(OcspTest, TheResponderMayBeNamedByItsKey) {
  const TestPki& p = pki;
  const SigningKey key(responder_key);
  const Bytes data_by_key = [&] {
    Bytes sha1(20);
    unsigned size = 0;
    const Bytes bits = key_bits_for_test(key.public_key());
    must(EVP_Digest(bits.data(), bits.size(), sha1.data(), &size, EVP_sha1(), nullptr) == 1);
    return der_element(
        DerTag::sequence,
        {der_element(der_context_constructed(2), {der_element(DerTag::octet_string, sha1)}),
         der_time(kTestNow), der_element(DerTag::sequence, answer.encode())});
  }();
  Bytes signature{0};
  append(signature, key.sign(SignatureScheme::p256_sha256_der, data_by_key));
  const Bytes der = ocsp_wrap(der_element(
      DerTag::sequence,
      {data_by_key, der_algorithm("2a8648ce3d040302"), der_element(DerTag::bit_string, signature),
       der_element(der_context_constructed(0), {der_element(DerTag::sequence, responder.der())})}));
  EXPECT_TRUE(verify_ocsp(der, p.intermediate, p.root, kTestNow));
}

TEST_F(OcspTest, FindsItsAnswerAmongOthers) {
  OcspTestAnswer other = answer;
  other.subject = pki.root;
  other.status = ocsp_revoked(kTestNow);
  response.answers = {other.encode(), answer.encode()};
  EXPECT_EQ(verify(response.sign(responder_key))->status, Word::good);
}

TEST_F(OcspTest, RefusesAnswersAboutOthers) {
  const TestPki strangers;
  OcspTestAnswer other = answer;
  other.subject = pki.root;  // another number
  response.answers = {other.encode()};
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::not_found);
  other = answer;
  other.issuer = strangers.root;  // the same name, another key
  response.answers = {other.encode()};
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::not_found);
  other = answer;
  other.issuer = issue_certificate(test_ca_request("Another Root", pki.root_key), pki.root_key,
                                   nullptr)
                     .value();  // another name, the same key
  response.answers = {other.encode()};
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::not_found);
  response.answers.clear();
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::not_found);
  response.answers = {answer.encode()};
  EXPECT_EQ(refusal(verify_ocsp(response.sign(responder_key), pki.leaf, pki.root, kTestNow)),
            Errc::not_found);
}

TEST_F(OcspTest, RefusesTwoAnswers) {
  OcspTestAnswer other = answer;
  other.status = ocsp_revoked(kTestNow);
  response.answers = {answer.encode(), other.encode()};
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::malformed);
}

TEST_F(OcspTest, RefusesRespondersThatTheIssuerDidNotAppoint) {
  EXPECT_EQ(refusal(verify(by(delegate(responder_key, nullptr)))), Errc::untrusted);
  EXPECT_EQ(refusal(verify(by(delegate(pki.intermediate_key, &pki.intermediate)))),
            Errc::untrusted);
  const TestPki strangers;  // of the same names
  EXPECT_EQ(refusal(verify(by(delegate(strangers.root_key, &strangers.root)))), Errc::untrusted);
  response.certificates.clear();
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::untrusted);
  response.certificates = {pki.leaf};
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::untrusted);
}

TEST_F(OcspTest, RefusesARespondersCertificateWithASpoiledSignature) {
  Bytes der = to_bytes(responder.der());
  der.back() ^= 1;
  EXPECT_EQ(refusal(verify(by(Certificate::from_der(der).value()))), Errc::bad_signature);
}

TEST_F(OcspTest, RefusesRespondersWithoutTheRightUse) {
  auto request = delegate_request();
  request.ocsp_signing = false;
  EXPECT_EQ(refusal(verify(by(issue_certificate(request, pki.root_key, &pki.root).value()))),
            Errc::untrusted);
  request.tls_server = true;
  EXPECT_EQ(refusal(verify(by(issue_certificate(request, pki.root_key, &pki.root).value()))),
            Errc::untrusted);
  request = delegate_request();
  request.is_ca = true;  // a key for certificates and CRLs alone
  EXPECT_EQ(refusal(verify(by(issue_certificate(request, pki.root_key, &pki.root).value()))),
            Errc::untrusted);
}

TEST_F(OcspTest, RefusesRespondersOutOfDate) {
  auto request = delegate_request();
  request.not_after = kTestNow - days{1};
  EXPECT_EQ(refusal(verify(by(issue_certificate(request, pki.root_key, &pki.root).value()))),
            Errc::expired);
  request = delegate_request();
  request.not_before = kTestNow + days{1};
  EXPECT_EQ(refusal(verify(by(issue_certificate(request, pki.root_key, &pki.root).value()))),
            Errc::expired);
}

TEST_F(OcspTest, RefusesCriticalExtensions) {
  // Extensions [1] { OID 1.2.3, critical or not, NULL }.
  const auto extension = [](bool critical) {
    const Bytes oid = der_element(DerTag::oid, {Bytes{0x2A, 0x03}});
    const Bytes flag = critical ? Bytes{0x01, 0x01, 0xFF} : Bytes();
    const Bytes value = der_element(DerTag::octet_string, {Bytes{0x05, 0x00}});
    return der_element(
        der_context_constructed(1),
        {der_element(DerTag::sequence, {der_element(DerTag::sequence, {oid, flag, value})})});
  };
  for (const bool critical : {false, true}) {
    const std::optional<Errc> expected = critical ? std::optional(Errc::unsupported) : std::nullopt;
    OcspTestResponse whole = response;
    whole.extensions = extension(critical);
    EXPECT_EQ(refusal(verify(whole.sign(responder_key))), expected);
    OcspTestAnswer single = answer;
    single.extensions = extension(critical);
    whole = response;
    whole.answers = {single.encode()};
    EXPECT_EQ(refusal(verify(whole.sign(responder_key))), expected);
  }
}

TEST_F(OcspTest, TellsThatTheResponderHadNoAnswer) {
  for (const std::uint8_t status : Bytes{1, 2, 3, 5, 6}) {
    EXPECT_EQ(refusal(verify(Bytes{0x30, 0x03, 0x0A, 0x01, status})), Errc::unavailable);
  }
  EXPECT_EQ(refusal(verify(Bytes{0x30, 0x03, 0x0A, 0x01, 0x00})), Errc::malformed);
}

TEST_F(OcspTest, RefusesOtherSizes) {
  const Bytes good = response.sign(responder_key);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(refusal(verify(ByteView(good).first(size))), Errc::malformed) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(refusal(verify(longer)), Errc::malformed);
  EXPECT_EQ(refusal(verify(Bytes((64U << 10U) + 1, 0x30))), Errc::limit);
  response.answers.assign(65, answer.encode());
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::limit);
  response.answers.resize(1);
  response.certificates.assign(9, responder);
  EXPECT_EQ(refusal(verify(response.sign(responder_key))), Errc::limit);
}

TEST_F(OcspTest, RefusesEveryFlippedBitOfWhatIsSigned) {
  const Bytes good = response.sign(responder_key);
  // All up to the attached certificate, which is judged by itself.
  const std::size_t signed_end = good.size() - responder.der().size() - 8;
  for (std::size_t bit = 0; bit < 8 * signed_end; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_NE(refusal(verify(bad)), std::nullopt) << bit;
  }
}

// NVIDIA's own answers, and the made-up ones.
Bytes read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(NvidiaOcsp, RealAnswersVerify) {
  const std::filesystem::path folder =
      std::filesystem::path(CONFIDE_VECTORS) / "nvidia" / "h100-550.90.07-full";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  }
  const auto chain = parse_pem_chain(as_text(read(folder / "chain.pem"))).value();
  const Time day = parse_rfc3339("2025-08-21T12:00:00Z").value();
  const std::pair<const char*, std::size_t> cases[] = {
      {"l2", 3}, {"l3", 2}, {"l4", 1}};  // file and place in the chain
  for (const auto& [level, index] : cases) {
    const Bytes der =
        read(folder / "ocsp" / ("test_gpu_certificate_" + std::string(level) + ".der"));
    const auto answer = verify_ocsp(der, chain[index], chain[index + 1], day);
    ASSERT_TRUE(answer) << level << ": " << answer.error().message;
    EXPECT_EQ(answer->status, Word::good);
    EXPECT_EQ(answer->next_update.value() - answer->this_update, days{1});
    EXPECT_EQ(refusal(verify_ocsp(der, chain[index], chain[index + 1], day + days{200})),
              Errc::expired);
    EXPECT_EQ(refusal(verify_ocsp(der, chain[index - 1], chain[index], day)), Errc::not_found);
  }
}

TEST(NvidiaOcsp, MadeUpAnswersAreJudgedAsMeant) {
  const std::filesystem::path top = std::filesystem::path(CONFIDE_VECTORS) / "nvidia-synthetic";
  if (!std::filesystem::exists(top)) {
    GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  }
  const auto chain = parse_pem_chain(as_text(read(top / "_shared" / "chain-2682db00.pem"))).value();
  const Time at = parse_rfc3339("2026-01-15T12:00:00Z").value();
  const auto verify = [&](const char* folder, const char* file, std::size_t index) {
    return verify_ocsp(read(top / folder / "ocsp" / file), chain[index], chain[index + 1], at);
  };
  for (const auto& [file, index] : {std::pair{"device_l2.der", 3U}, std::pair{"device_l3.der", 2U},
                                    std::pair{"device_l4.der", 1U}}) {
    EXPECT_EQ(verify("base-ocsp", file, index)->status, Word::good) << file;
  }
  EXPECT_TRUE(verify("ocsp-by-issuer", "device_l4.der", 1));
  EXPECT_EQ(verify("ocsp-device-revoked", "device_l3.der", 2)->reason, 1);
  EXPECT_LT(verify("ocsp-expired", "device_l4.der", 1)->next_update.value(), at);
  EXPECT_GT(verify("ocsp-future", "device_l4.der", 1)->this_update, at);
  EXPECT_EQ(refusal(verify("ocsp-responder-no-eku", "device_l4.der", 1)), Errc::untrusted);
  EXPECT_EQ(refusal(verify("ocsp-responder-selfsigned", "device_l4.der", 1)), Errc::untrusted);
}

}  // namespace
}  // namespace confide::crypto
