#include "crypto/x509_issue.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/x509_impl.h"
#include "crypto/x509_testing.h"

namespace confide::crypto {
namespace {

struct IssueTest : ::testing::Test {
  P256Key key = P256Key::generate();
  P256Key ca_key = P256Key::generate();
  Certificate ca = issue_certificate(test_ca_request("CA", ca_key), ca_key, nullptr).value();
  CertificateRequest request = test_request("server", key);

  CertificateRequest tls_request() const {
    CertificateRequest out = request;
    out.tls_server = true;
    out.dns_names = {"localhost", "api.example.com"};
    out.ip_addresses = {"127.0.0.1", "::1"};
    return out;
  }
};

// What a TLS client asks of the server's certificate.
bool is_for_host(const Certificate& c, const char* host) {
  return X509_check_host(c.impl().x509.get(), host, 0, 0, nullptr) == 1;
}
bool is_for_ip(const Certificate& c, const char* ip) {
  return X509_check_ip_asc(c.impl().x509.get(), ip, 0) == 1;
}

TEST_F(IssueTest, SelfSignedServerCertificateIsItsOwnRoot) {
  const Certificate c = issue_certificate(tls_request(), key, nullptr).value();
  EXPECT_TRUE(verify_chain(std::vector{c}, c, kTestNow));
  EXPECT_EQ(X509_check_purpose(c.impl().x509.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_ca(c.impl().x509.get()), 0);
  EXPECT_TRUE(is_for_host(c, "localhost"));
  EXPECT_TRUE(is_for_host(c, "api.example.com"));
  EXPECT_TRUE(is_for_ip(c, "127.0.0.1"));
  EXPECT_TRUE(is_for_ip(c, "::1"));
  EXPECT_FALSE(is_for_host(c, "example.com"));
  EXPECT_FALSE(is_for_ip(c, "127.0.0.2"));
}

TEST_F(IssueTest, IssuedServerCertificateVerifies) {
  const Certificate c = issue_certificate(tls_request(), ca_key, &ca).value();
  EXPECT_TRUE(verify_chain(std::vector{c}, ca, kTestNow));
  EXPECT_EQ(X509_check_purpose(c.impl().x509.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(c.impl().x509.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
}

TEST_F(IssueTest, CaKeepsItsPathLength) {
  EXPECT_EQ(X509_check_ca(ca.impl().x509.get()), 1);
  EXPECT_EQ(X509_get_pathlen(ca.impl().x509.get()), -1);
  const Certificate c = issue_certificate(test_ca_request("x", key, 2), key, nullptr).value();
  EXPECT_EQ(X509_get_pathlen(c.impl().x509.get()), 2);
  EXPECT_EQ(X509_get_key_usage(c.impl().x509.get()),
            static_cast<std::uint32_t>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
}

TEST_F(IssueTest, SerialNumbersAreFresh) {
  const Certificate a = issue_certificate(request, ca_key, &ca).value();
  const Certificate b = issue_certificate(request, ca_key, &ca).value();
  const ASN1_INTEGER* serial = X509_get0_serialNumber(a.impl().x509.get());
  EXPECT_NE(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(b.impl().x509.get())), 0);
  EXPECT_EQ(ASN1_STRING_length(serial), 16);
}

TEST_F(IssueTest, NamesWhereItsCrlIs) {
  request.crl_url = "https://example.com/root.crl";
  const Certificate c = issue_certificate(request, ca_key, &ca).value();
  const Bytes value = c.extension("2.5.29.31").value();
  EXPECT_NE(as_text(value).find("https://example.com/root.crl"), std::string_view::npos);
  EXPECT_TRUE(verify_chain(std::vector{c}, ca, kTestNow));
}

TEST_F(IssueTest, HoldsTimesBeyond2050) {
  request.not_after = *parse_rfc3339("9999-12-31T23:59:59Z");
  EXPECT_EQ(issue_certificate(request, ca_key, &ca)->not_after(), request.not_after);
  request.not_after += std::chrono::seconds{1};
  EXPECT_EQ(refusal(issue_certificate(request, ca_key, &ca)), Errc::malformed);
}

TEST_F(IssueTest, RefusesTheWrongKey) {
  EXPECT_EQ(refusal(issue_certificate(request, key, &ca)), Errc::mismatch);
  EXPECT_EQ(refusal(issue_certificate(request, ca_key, nullptr)), Errc::mismatch);
  EXPECT_EQ(refusal(issue_crl(ca, key, kTestNow, kTestNow)), Errc::mismatch);
}

TEST_F(IssueTest, RefusesUnusableFields) {
  const auto refused = [&](auto change) {
    CertificateRequest bad = request;
    change(bad);
    return refusal(issue_certificate(bad, ca_key, &ca));
  };
  EXPECT_EQ(refused([](auto& r) { r.dns_names = {""}; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.dns_names = {"a b"}; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.dns_names = {"h\xC3\xB6st"}; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.ip_addresses = {"127.0.0"}; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.ip_addresses = {"localhost"}; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.crl_url = "http://a b"; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.extensions = {{"serverAuth", {}}}; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.subject_key = {}; }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.common_name.assign(65, 'x'); }), Errc::malformed);
  EXPECT_EQ(refused([](auto& r) { r.common_name = "\xFF"; }), Errc::malformed);
}

TEST_F(IssueTest, CrlCountsUpwards) {
  const auto number_of = [](const Crl& crl) {
    const Handle<ASN1_INTEGER> number(static_cast<ASN1_INTEGER*>(
        X509_CRL_get_ext_d2i(crl.impl().crl.get(), NID_crl_number, nullptr, nullptr)));
    return ASN1_INTEGER_get(number.get());
  };
  const auto at = [&](Time t) { return issue_crl(ca, ca_key, t, t + std::chrono::days{1}); };
  EXPECT_LT(number_of(at(kTestNow).value()),
            number_of(at(kTestNow + std::chrono::seconds{1}).value()));
}

}  // namespace
}  // namespace confide::crypto
