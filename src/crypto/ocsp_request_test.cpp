#include "crypto/ocsp_request.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "crypto/x509_testing.h"

namespace confide::crypto {
namespace {

bool holds(ByteView haystack, ByteView needle) {
  return !std::ranges::search(haystack, needle).empty();
}

TEST(OcspRequestTest, NamesTheCertificateByIssuerAndSerial) {
  const TestPki pki;
  const Bytes request = make_ocsp_request(pki.leaf, pki.intermediate).value();
  // id-sha384, RFC 4055: the hash by which the issuer is named.
  EXPECT_TRUE(holds(request, from_hex("0609608648016503040202").value()));
  EXPECT_TRUE(holds(request, sha384(pki.leaf.issuer_der())));
  EXPECT_TRUE(holds(request, from_hex(pki.leaf.serial()).value()));
  EXPECT_FALSE(holds(request, from_hex("2b0601050507300102").value())) << "no nonce";
}

TEST(OcspRequestTest, EachCertificateHasItsOwnAndAlwaysTheSame) {
  const TestPki pki;
  const Bytes request = make_ocsp_request(pki.leaf, pki.intermediate).value();
  EXPECT_EQ(request, make_ocsp_request(pki.leaf, pki.intermediate).value());
  EXPECT_NE(request, make_ocsp_request(pki.intermediate, pki.root).value());
}

}  // namespace
}  // namespace confide::crypto
