#include "crypto/aead.h"

#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <climits>

#include "crypto/openssl.h"

namespace confide::crypto {
namespace {

// OpenSSL takes an int for the length.
bool fits(ByteView bytes) { return bytes.size() <= std::size_t{INT_MAX}; }

Handle<EVP_CIPHER_CTX> gcm_context(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce,
                                   ByteView aad, bool encrypt) {
  must(key.size() == 32 && fits(aad));
  auto context = own(EVP_CIPHER_CTX_new());
  // GCM's default nonce length is the 12 bytes we use.
  must(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.reveal().data(),
                         nonce.data(), encrypt ? 1 : 0) == 1);
  int n = 0;
  must(aad.empty() ||
       EVP_CipherUpdate(context.get(), nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1);
  return context;
}

void transform(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  int n = 0;
  must(in.empty() ||
       (EVP_CipherUpdate(context, out, &n, in.data(), static_cast<int>(in.size())) == 1 &&
        static_cast<std::size_t>(n) == in.size()));
}

}  // namespace

Bytes aes256gcm_seal(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce, ByteView aad,
                     ByteView plaintext) {
  must(fits(plaintext));
  const auto context = gcm_context(key, nonce, aad, /*encrypt=*/true);
  Bytes out(plaintext.size() + kGcmTagSize);
  transform(context.get(), plaintext, out.data());
  std::uint8_t* const tag = out.data() + plaintext.size();
  int n = 0;
  must(EVP_CipherFinal_ex(context.get(), tag, &n) == 1 && n == 0);
  must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, int{kGcmTagSize}, tag) == 1);
  return out;
}

Result<Bytes> aes256gcm_open(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce,
                             ByteView aad, ByteView sealed) {
  if (sealed.size() < kGcmTagSize || !fits(sealed)) {
    return fail(Errc::malformed, "AES-GCM: impossible length");
  }
  const ByteView ciphertext = sealed.first(sealed.size() - kGcmTagSize);
  ByteArray<kGcmTagSize> tag{};
  std::ranges::copy(sealed.last(kGcmTagSize), tag.begin());

  const auto context = gcm_context(key, nonce, aad, /*encrypt=*/false);
  Bytes out(ciphertext.size());
  transform(context.get(), ciphertext, out.data());
  must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, int{kGcmTagSize}, tag.data()) ==
       1);
  std::uint8_t rest = 0;  // GCM leaves nothing for the end, but the call wants an address
  int n = 0;
  if (EVP_CipherFinal_ex(context.get(), &rest, &n) != 1) {
    wipe(out);
    return openssl_fail(Errc::bad_signature, "AES-GCM: the tag does not match");
  }
  return out;
}

SecretBytes hkdf_sha256(ByteView salt, const SecretBytes& ikm, std::string_view info,
                        std::size_t length) {
  // Looking it up costs as much as deriving; every thread may share the one found.
  static const auto kdf = own(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const auto context = own(EVP_KDF_CTX_new(kdf.get()));
  // OSSL_PARAM holds pointers to mutable data for both directions; these are only read.
  const ByteView key = ikm.reveal();
  std::string digest = "SHA256";
  std::array<OSSL_PARAM, 5> params{};
  auto* next = params.data();
  *next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0);
  *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                              const_cast<std::uint8_t*>(key.data()), key.size());
  if (!salt.empty()) {
    *next++ = OSSL_PARAM_construct_octet_string(
        OSSL_KDF_PARAM_SALT, const_cast<std::uint8_t*>(salt.data()), salt.size());
  }
  if (!info.empty()) {
    *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()),
                                                info.size());
  }
  *next = OSSL_PARAM_construct_end();
  SecretBytes out(length);
  must(EVP_KDF_derive(context.get(), out.reveal().data(), length, params.data()) == 1);
  return out;
}

}  // namespace confide::crypto
