// Private to crypto/: owning handles for the objects of AWS-LC, whose interface is OpenSSL's, and
// what to do when a call fails. It wipes every block of memory that it frees.
//
// Each call is compared with the value its header calls success. A failure on outside bytes
// becomes an Error and empties this thread's error queue; a failure that no input can cause (out of
// memory, a broken library) aborts, since there is no safe way on.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/must.h"
#include "crypto/p256.h"

namespace confide::crypto {

struct AwsLcDeleter {
  void operator()(ASN1_BIT_STRING* p) const noexcept { ASN1_STRING_free(p); }
  void operator()(ASN1_OBJECT* p) const noexcept { ASN1_OBJECT_free(p); }
  void operator()(AUTHORITY_KEYID* p) const noexcept { AUTHORITY_KEYID_free(p); }
  void operator()(BASIC_CONSTRAINTS* p) const noexcept { BASIC_CONSTRAINTS_free(p); }
  void operator()(BIGNUM* p) const noexcept { BN_clear_free(p); }
  void operator()(BIO* p) const noexcept { BIO_free_all(p); }
  void operator()(BN_CTX* p) const noexcept { BN_CTX_free(p); }
  void operator()(CRL_DIST_POINTS* p) const noexcept { CRL_DIST_POINTS_free(p); }
  void operator()(DIST_POINT* p) const noexcept { DIST_POINT_free(p); }
  void operator()(EC_KEY* p) const noexcept { EC_KEY_free(p); }
  void operator()(ECDSA_SIG* p) const noexcept { ECDSA_SIG_free(p); }
  void operator()(EC_POINT* p) const noexcept { EC_POINT_free(p); }
  void operator()(EVP_AEAD_CTX* p) const noexcept { EVP_AEAD_CTX_free(p); }
  void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(EXTENDED_KEY_USAGE* p) const noexcept { EXTENDED_KEY_USAGE_free(p); }
  void operator()(GENERAL_NAME* p) const noexcept { GENERAL_NAME_free(p); }
  void operator()(GENERAL_NAMES* p) const noexcept { GENERAL_NAMES_free(p); }
  void operator()(PKCS8_PRIV_KEY_INFO* p) const noexcept { PKCS8_PRIV_KEY_INFO_free(p); }
  void operator()(RSA* p) const noexcept { RSA_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
  void operator()(X509_CRL* p) const noexcept { X509_CRL_free(p); }
  void operator()(X509_EXTENSION* p) const noexcept { X509_EXTENSION_free(p); }
  void operator()(X509_NAME* p) const noexcept { X509_NAME_free(p); }
  void operator()(X509_REVOKED* p) const noexcept { X509_REVOKED_free(p); }
  void operator()(X509_STORE* p) const noexcept { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const noexcept { X509_STORE_CTX_free(p); }
  // These two free the list alone: what is in it belongs to others.
  void operator()(STACK_OF(X509) * p) const noexcept { sk_X509_free(p); }
  void operator()(STACK_OF(X509_CRL) * p) const noexcept { sk_X509_CRL_free(p); }
};

template <class T>
using Handle = std::unique_ptr<T, AwsLcDeleter>;

// Takes ownership of what a call that can only fail for want of memory returned.
template <class T>
Handle<T> own(T* p) noexcept {
  if (p == nullptr) std::abort();
  return Handle<T>(p);
}

[[nodiscard]] inline tl::unexpected<Error> aws_lc_fail(Errc code, std::string message) {
  ERR_clear_error();
  return fail(code, std::move(message));
}

// DER of `object` by its i2d function, some of which take it as constant.
template <class T, class I2d>
Bytes to_der(T* object, I2d* i2d) {
  const int size = i2d(object, nullptr);
  must(size > 0);
  Bytes out(static_cast<std::size_t>(size));
  unsigned char* at = out.data();
  must(i2d(object, &at) == size);
  return out;
}

// The object that all of `der` encodes, or null.
template <class T>
Handle<T> from_der(ByteView der, T* (*d2i)(T**, const unsigned char**, long)) {
  const unsigned char* at = der.data();
  Handle<T> out(d2i(nullptr, &at, static_cast<long>(der.size())));
  if (out != nullptr && at != der.data() + der.size()) out.reset();
  return out;
}

// Around `key`, which it takes over.
Handle<EVP_PKEY> pkey_of(Handle<EC_KEY> key);
Handle<EVP_PKEY> pkey_of(Handle<RSA> key);

// PKCS#8 DER of a private key.
SecretBytes pkcs8_of(const EVP_PKEY& key);

Handle<EVP_PKEY> p256_private_pkey(const P256Key& key);

}  // namespace confide::crypto
