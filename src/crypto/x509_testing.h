// For tests only: a root, an intermediate and a leaf of our own making.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "crypto/x509_issue.h"

namespace confide::crypto {

inline constexpr Time kTestNow = from_unix(1'790'000'000);

// A request for a year around kTestNow.
inline CertificateRequest test_request(std::string name, const P256Key& key) {
  CertificateRequest out;
  out.common_name = std::move(name);
  out.organization = "Confide tests";
  out.subject_key = key.public_key();
  out.not_before = kTestNow - std::chrono::days{180};
  out.not_after = kTestNow + std::chrono::days{180};
  return out;
}

inline CertificateRequest test_ca_request(std::string name, const P256Key& key,
                                          int path_length = -1) {
  CertificateRequest out = test_request(std::move(name), key);
  out.is_ca = true;
  out.path_length = path_length;
  return out;
}

struct TestPki {
  P256Key root_key = P256Key::generate();
  P256Key intermediate_key = P256Key::generate();
  P256Key leaf_key = P256Key::generate();
  Certificate root =
      issue_certificate(test_ca_request("Test Root", root_key), root_key, nullptr).value();
  Certificate intermediate =
      issue_certificate(test_ca_request("Test Intermediate", intermediate_key, 0), root_key, &root)
          .value();
  Certificate leaf =
      issue_certificate(test_request("Test Leaf", leaf_key), intermediate_key, &intermediate)
          .value();

  // CRLs of a month around kTestNow.
  Crl root_crl(std::span<const Certificate> revoked = {}) const {
    return crl_at(kTestNow, root, root_key, revoked);
  }
  Crl intermediate_crl(std::span<const Certificate> revoked = {}) const {
    return crl_at(kTestNow, intermediate, intermediate_key, revoked);
  }
  static Crl crl_at(Time middle, const Certificate& issuer, const P256Key& key,
                    std::span<const Certificate> revoked = {}) {
    return issue_crl(issuer, key, middle - std::chrono::days{15}, middle + std::chrono::days{15},
                     revoked)
        .value();
  }
};

}  // namespace confide::crypto
