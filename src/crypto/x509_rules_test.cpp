// What AWS-LC's path validation leaves to us, and what we trust it to refuse: certificates and CRLs
// that are right but for one thing, signed again.
#include "crypto/x509_rules.h"

#include <functional>

#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/public_key_impl.h"
#include "crypto/x509_impl.h"
#include "crypto/x509_testing.h"

namespace confide::crypto {
namespace {

using std::chrono::days;

constexpr ChainRules kLoose{.key_identifiers = false, .key_usage = false};

Handle<EVP_MD_CTX> signing_with(const SigningKey& key, const EVP_MD* hash) {
  return signature_context(EVP_DigestSignInit, hash, RsaPadding::pss, key.impl().pkey.get());
}

// `certificate` with a change, signed again by `key`.
Certificate changed(const Certificate& certificate, const SigningKey& key,
                    const std::function<void(X509*)>& change, const EVP_MD* hash = EVP_sha256()) {
  const auto copy = own(X509_dup(certificate.impl().x509.get()));
  change(copy.get());
  must(X509_sign_ctx(copy.get(), signing_with(key, hash).get()) > 0);
  return Certificate::from_der(to_der(copy.get(), i2d_X509)).value();
}

Crl changed(const Crl& crl, const SigningKey& key, const std::function<void(X509_CRL*)>& change) {
  const auto copy = own(X509_CRL_dup(crl.impl().crl.get()));
  change(copy.get());
  must(X509_CRL_sign_ctx(copy.get(), signing_with(key, EVP_sha256()).get()) > 0);
  return Crl::from_der(to_der(copy.get(), i2d_X509_CRL)).value();
}

Handle<X509_EXTENSION> extension(const char* oid, ByteView der, bool critical) {
  const auto object = own(OBJ_txt2obj(oid, /*always_return_oid=*/1));
  const auto value = own(ASN1_OCTET_STRING_new());
  must(ASN1_OCTET_STRING_set(value.get(), der.data(), static_cast<int>(der.size())) == 1);
  return own(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), critical ? 1 : 0, value.get()));
}

void remove(X509* certificate, int nid) {
  const int at = X509_get_ext_by_NID(certificate, nid, -1);
  must(at >= 0);
  X509_EXTENSION_free(X509_delete_ext(certificate, at));
}

struct RulesTest : ::testing::Test {
  TestPki pki;

  Status verify(const Certificate& leaf, ChainRules rules = {}) const {
    return verify_chain(std::vector{leaf, pki.intermediate}, pki.root, kTestNow, {}, rules);
  }
  Status verify_leaf_crl(const Crl& crl) const {
    return verify_chain(std::vector{pki.leaf, pki.intermediate}, pki.root, kTestNow,
                        std::vector{crl, pki.root_crl()});
  }
  Crl leaf_crl(const std::function<void(X509_CRL*)>& change) const {
    return changed(pki.intermediate_crl(), pki.intermediate_key, change);
  }
  Crl leaf_crl_with(const char* oid, ByteView der, bool critical) const {
    return leaf_crl([&](X509_CRL* crl) {
      must(X509_CRL_add_ext(crl, extension(oid, der, critical).get(), -1) == 1);
    });
  }
};

TEST_F(RulesTest, ARootsPathLengthCounts) {
  const P256Key& key = pki.root_key;
  const auto root = issue_certificate(test_ca_request("Test Root", key, 0), key, nullptr).value();
  EXPECT_EQ(refusal(verify_chain(std::vector{pki.leaf, pki.intermediate}, root, kTestNow)),
            Errc::untrusted);
  EXPECT_TRUE(verify_chain(std::vector{pki.intermediate}, root, kTestNow));
}

TEST_F(RulesTest, CasThatIssuedThemselvesAreBoundByTheirPathLengthButDoNotCount) {
  // The same name as its issuer's, another key.
  const P256Key next_key = P256Key::generate();
  const auto next =
      issue_certificate(test_ca_request("Test Root", next_key, 0), pki.root_key, &pki.root).value();
  const auto leaf = issue_certificate(test_request("Leaf", pki.leaf_key), next_key, &next).value();
  const auto ca =
      issue_certificate(test_ca_request("CA", pki.intermediate_key), next_key, &next).value();
  const auto deep =
      issue_certificate(test_request("Deep", pki.leaf_key), pki.intermediate_key, &ca).value();
  const auto root =
      issue_certificate(test_ca_request("Test Root", pki.root_key, 0), pki.root_key, nullptr)
          .value();
  EXPECT_TRUE(verify_chain(std::vector{leaf, next}, root, kTestNow));
  EXPECT_EQ(refusal(verify_chain(std::vector{deep, ca, next}, pki.root, kTestNow)),
            Errc::untrusted);
}

TEST_F(RulesTest, WeakHashesAreRefused) {
  const auto nothing = [](X509*) {};
  const SigningKey key(pki.intermediate_key);
  EXPECT_TRUE(verify(changed(pki.leaf, key, nothing, EVP_sha512())));
  EXPECT_EQ(refusal(verify(changed(pki.leaf, key, nothing, EVP_sha1()))), Errc::untrusted);

  const auto rsa = SigningKey::generate(KeyKind::rsa);
  CertificateRequest request = test_ca_request("RSA", pki.root_key);
  request.subject_key = rsa.public_key();
  const auto root = issue_certificate(request, rsa, nullptr).value();
  const auto leaf = issue_certificate(test_request("Leaf", pki.leaf_key), rsa, &root).value();
  const auto verdict = [&](const EVP_MD* hash) {
    return refusal(verify_chain(std::vector{changed(leaf, rsa, nothing, hash)}, root, kTestNow));
  };
  EXPECT_EQ(verdict(EVP_sha256()), std::nullopt);
  EXPECT_EQ(verdict(EVP_sha1()), Errc::untrusted);
}

TEST_F(RulesTest, SmallKeysAreRefused) {
  const auto exponent = own(BN_new());
  must(BN_set_word(exponent.get(), RSA_F4) == 1);
  for (const int bits : {1024, 2048}) {
    auto rsa = own(RSA_new());
    must(RSA_generate_key_ex(rsa.get(), bits, exponent.get(), nullptr) == 1);
    const auto key = pkey_of(std::move(rsa));
    const auto leaf = changed(pki.leaf, pki.intermediate_key, [&](X509* certificate) {
      must(X509_set_pubkey(certificate, key.get()) == 1);
    });
    EXPECT_EQ(refusal(verify(leaf)), bits < 2048 ? std::optional(Errc::untrusted) : std::nullopt);
  }
}

TEST_F(RulesTest, KeysOfOtherKindsAreRefused) {
  const Bytes seed(32, 7);
  const Handle<EVP_PKEY> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  const auto leaf = changed(pki.leaf, pki.intermediate_key, [&](X509* certificate) {
    must(X509_set_pubkey(certificate, key.get()) == 1);
  });
  EXPECT_EQ(refusal(verify(leaf)), Errc::untrusted);
}

// RFC 5280, section 4.2.1.3: at least one bit is set.
TEST_F(RulesTest, AKeyUsageAllowsSomething) {
  const auto leaf = changed(pki.leaf, pki.intermediate_key, [&](X509* certificate) {
    remove(certificate, NID_key_usage);
    const Bytes no_bits{0x03, 0x02, 0x07, 0x00};
    must(X509_add_ext(certificate, extension("2.5.29.15", no_bits, true).get(), -1) == 1);
  });
  EXPECT_EQ(refusal(verify(leaf)), Errc::untrusted);
}

TEST_F(RulesTest, ARootOfVersion1IsNoCa) {
  const X509* const model = pki.root.impl().x509.get();
  const auto bare = own(X509_new());  // of version 1
  must(X509_set_serialNumber(bare.get(), X509_get0_serialNumber(model)) == 1);
  must(X509_set_subject_name(bare.get(), X509_get_subject_name(model)) == 1);
  must(X509_set_issuer_name(bare.get(), X509_get_subject_name(model)) == 1);
  must(X509_set1_notBefore(bare.get(), X509_get0_notBefore(model)) == 1);
  must(X509_set1_notAfter(bare.get(), X509_get0_notAfter(model)) == 1);
  must(X509_set_pubkey(bare.get(), SigningKey(pki.root_key).impl().pkey.get()) == 1);
  must(X509_sign_ctx(bare.get(), signing_with(pki.root_key, EVP_sha256()).get()) > 0);
  const auto root = Certificate::from_der(to_der(bare.get(), i2d_X509)).value();
  EXPECT_EQ(X509_check_ca(root.impl().x509.get()), 1);  // or so AWS-LC says
  EXPECT_FALSE(root.is_ca());
  EXPECT_EQ(
      refusal(verify_chain(std::vector{pki.leaf, pki.intermediate}, root, kTestNow, {}, kLoose)),
      Errc::untrusted);
}

TEST_F(RulesTest, BasicConstraintsOfACaAreCritical) {
  const auto ca = changed(pki.intermediate, pki.root_key, [](X509* certificate) {
    remove(certificate, NID_basic_constraints);
    const Bytes der{0x30, 0x03, 0x01, 0x01, 0xFF};
    must(X509_add_ext(certificate, extension("2.5.29.19", der, false).get(), -1) == 1);
  });
  EXPECT_EQ(refusal(verify_chain(std::vector{pki.leaf, ca}, pki.root, kTestNow, {}, kLoose)),
            Errc::untrusted);
}

TEST_F(RulesTest, UsagesBelongToTheirRole) {
  const auto leaf_with_usage = [&](CertificateRequest request, std::uint8_t bits) {
    request.key_usage = false;
    request.extensions.emplace_back("2.5.29.15", Bytes{0x03, 0x02, 0x00, bits});
    return issue_certificate(request, pki.intermediate_key, &pki.intermediate).value();
  };
  const auto request = test_request("Leaf", pki.leaf_key);
  EXPECT_TRUE(verify(leaf_with_usage(request, 0x81)));  // digitalSignature, encipherOnly
  EXPECT_EQ(refusal(verify(leaf_with_usage(request, 0x84))), Errc::untrusted);  // keyCertSign
  const auto ca = test_ca_request("Leaf", pki.leaf_key, 0);
  EXPECT_TRUE(verify(leaf_with_usage(ca, 0x84)));
  EXPECT_EQ(refusal(verify(leaf_with_usage(ca, 0x81))), Errc::untrusted);
}

TEST_F(RulesTest, EmptyNamesAreRefused) {
  CertificateRequest request = test_request("", pki.leaf_key);
  request.organization.clear();
  const auto nameless = issue_certificate(request, pki.intermediate_key, &pki.intermediate).value();
  EXPECT_EQ(refusal(verify(nameless)), Errc::untrusted);
  request.dns_names = {"localhost"};  // not critical
  EXPECT_EQ(
      refusal(verify(issue_certificate(request, pki.intermediate_key, &pki.intermediate).value())),
      Errc::untrusted);
  const auto with_names = [&](ByteView names) {
    return changed(nameless, pki.intermediate_key, [&](X509* certificate) {
      must(X509_add_ext(certificate, extension("2.5.29.17", names, true).get(), -1) == 1);
    });
  };
  EXPECT_TRUE(verify(with_names(Bytes{0x30, 0x03, 0x82, 0x01, 'a'})));
  EXPECT_EQ(refusal(verify(with_names(Bytes{0x30, 0x00}))), Errc::untrusted);

  request = test_ca_request("", pki.root_key);
  request.organization.clear();
  const auto root = issue_certificate(request, pki.root_key, nullptr).value();
  const auto leaf =
      issue_certificate(test_request("Leaf", pki.leaf_key), pki.root_key, &root).value();
  EXPECT_EQ(refusal(verify_chain(std::vector{leaf}, root, kTestNow)), Errc::untrusted);
}

TEST_F(RulesTest, BothPlacesNameOneSignatureAlgorithm) {
  // The root's own signature is not checked, so nothing else would notice.
  const Bytes oid = from_hex("06082a8648ce3d040302").value();
  Bytes der = to_bytes(pki.root.der());
  const auto last = std::ranges::find_end(der, oid);
  ASSERT_FALSE(last.empty());
  last.back() = 0x03;
  const auto root = Certificate::from_der(der).value();
  EXPECT_EQ(refusal(verify_chain(std::vector{pki.leaf, pki.intermediate}, root, kTestNow)),
            Errc::untrusted);
}

TEST_F(RulesTest, UnknownCriticalExtensionsAreRefused) {
  for (const bool critical : {false, true}) {
    const std::optional<Errc> expected = critical ? std::optional(Errc::untrusted) : std::nullopt;
    const auto add = [&](X509* certificate) {
      must(X509_add_ext(certificate, extension("1.2.3.4", Bytes{0x05, 0x00}, critical).get(), -1) ==
           1);
    };
    EXPECT_EQ(refusal(verify(changed(pki.leaf, pki.intermediate_key, add))), expected);
    const auto ca = changed(pki.intermediate, pki.root_key, add);
    EXPECT_EQ(refusal(verify_chain(std::vector{pki.leaf, ca}, pki.root, kTestNow)), expected);
    const auto root = changed(pki.root, pki.root_key, add);
    EXPECT_EQ(refusal(verify_chain(std::vector{pki.leaf, pki.intermediate}, root, kTestNow)),
              expected);
    EXPECT_EQ(refusal(verify_leaf_crl(leaf_crl_with("1.2.3.4", Bytes{0x05, 0x00}, critical))),
              expected);
  }
}

TEST_F(RulesTest, UnknownCriticalExtensionsOfAnEntryAreRefused) {
  const auto listing = [&](bool critical) {
    return leaf_crl([&](X509_CRL* crl) {
      auto entry = own(X509_REVOKED_new());
      const auto serial = own(ASN1_INTEGER_new());
      must(ASN1_INTEGER_set_uint64(serial.get(), 7) == 1);  // nobody's
      must(X509_REVOKED_set_serialNumber(entry.get(), serial.get()) == 1);
      must(X509_REVOKED_set_revocationDate(
               entry.get(), const_cast<ASN1_TIME*>(X509_CRL_get0_lastUpdate(crl))) == 1);
      must(X509_REVOKED_add_ext(entry.get(),
                                extension("1.2.3.4", Bytes{0x05, 0x00}, critical).get(), -1) == 1);
      must(X509_CRL_add0_revoked(crl, entry.release()) == 1);
    });
  };
  EXPECT_TRUE(verify_leaf_crl(listing(false)));
  EXPECT_EQ(refusal(verify_leaf_crl(listing(true))), Errc::untrusted);
}

TEST_F(RulesTest, ACrlOfChangesIsNoCrl) {
  for (const bool critical : {false, true}) {
    EXPECT_EQ(
        refusal(verify_leaf_crl(leaf_crl_with("2.5.29.27", Bytes{0x02, 0x01, 0x01}, critical))),
        Errc::untrusted);
  }
}

// IssuingDistributionPoint, RFC 5280 section 5.2.5.
TEST_F(RulesTest, ACrlForSomeCertificatesServesThoseAlone) {
  const auto verdict = [&](ByteView point) {
    return refusal(verify_leaf_crl(leaf_crl_with("2.5.29.28", point, true)));
  };
  const Bytes user_only{0x30, 0x03, 0x81, 0x01, 0xFF};
  EXPECT_EQ(verdict(user_only), std::nullopt);
  EXPECT_EQ(verdict(Bytes{0x30, 0x03, 0x82, 0x01, 0xFF}), Errc::untrusted);  // CAs only
  EXPECT_EQ(verdict(Bytes{0x30, 0x03, 0x84, 0x01, 0xFF}), Errc::untrusted);  // indirect
  EXPECT_EQ(verdict(Bytes{0x30, 0x03, 0x85, 0x01, 0xFF}), Errc::untrusted);  // attributes only
  EXPECT_EQ(verdict(Bytes{0x30, 0x04, 0x83, 0x02, 0x06, 0x40}), Errc::untrusted);  // some reasons
  // A distribution point that the leaf does not name: [0] { fullName [0] { URI "a" } }.
  EXPECT_EQ(verdict(Bytes{0x30, 0x07, 0xA0, 0x05, 0xA0, 0x03, 0x86, 0x01, 'a'}), Errc::untrusted);

  // It is checked like any other.
  const auto crl = leaf_crl_with("2.5.29.28", user_only, true);
  Bytes spoiled = to_bytes(crl.der());
  spoiled.back() ^= 1;
  EXPECT_EQ(refusal(verify_leaf_crl(Crl::from_der(spoiled).value())), Errc::bad_signature);
  const auto old = leaf_crl([&](X509_CRL* changing) {
    must(X509_CRL_add_ext(changing, extension("2.5.29.28", user_only, true).get(), -1) == 1);
    const auto past = own(ASN1_TIME_set(nullptr, to_unix(kTestNow - days{1})));
    must(X509_CRL_set1_nextUpdate(changing, past.get()) == 1);
  });
  EXPECT_EQ(refusal(verify_leaf_crl(old)), Errc::expired);
}

TEST_F(RulesTest, WhoSignsACrlMayDoSo) {
  const auto ca = changed(pki.intermediate, pki.root_key, [](X509* certificate) {
    remove(certificate, NID_key_usage);
    const Bytes cert_sign{0x03, 0x02, 0x02, 0x04};
    must(X509_add_ext(certificate, extension("2.5.29.15", cert_sign, true).get(), -1) == 1);
  });
  const std::vector crls{pki.intermediate_crl(), pki.root_crl()};
  EXPECT_TRUE(verify_chain(std::vector{pki.leaf, ca}, pki.root, kTestNow));
  EXPECT_EQ(refusal(verify_chain(std::vector{pki.leaf, ca}, pki.root, kTestNow, crls)),
            Errc::untrusted);
}

// A CRL remembers whose key signed it; that says nothing of other keys.
TEST_F(RulesTest, ACrlIsOnlyGoodUnderTheKeyThatSignedIt) {
  const auto nameless = [](const TestPki& of) {
    return changed(of.root_crl(), of.root_key, [](X509_CRL* crl) {
      const int at = X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1);
      X509_EXTENSION_free(X509_CRL_delete_ext(crl, at));
    });
  };
  const TestPki other;  // the same names
  const std::vector crls{nameless(pki)};
  const auto under = [&](const TestPki& of) {
    return refusal(verify_chain(std::vector{of.intermediate}, of.root, kTestNow, crls));
  };
  EXPECT_EQ(under(other), Errc::bad_signature);
  EXPECT_EQ(under(pki), std::nullopt);
  EXPECT_EQ(under(other), Errc::bad_signature);
  EXPECT_EQ(under(pki), std::nullopt);
}

}  // namespace
}  // namespace confide::crypto
