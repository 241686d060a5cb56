#include "crypto/aead.h"

#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

#include "crypto/openssl.h"

namespace confide::crypto {
namespace {

// OpenSSL takes an int for the length.
bool fits(ByteView bytes) { return bytes.size() <= std::size_t{INT_MAX}; }

const EVP_CIPHER* cipher_of(Aead aead) {
  switch (aead) {
    case Aead::aes_128_gcm:
      return EVP_aes_128_gcm();
    case Aead::aes_256_gcm:
      return EVP_aes_256_gcm();
    case Aead::chacha20_poly1305:
      return EVP_chacha20_poly1305();
  }
  std::abort();
}

Handle<EVP_CIPHER_CTX> gcm_context(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce,
                                   bool encrypt) {
  must(key.size() == 32);
  auto context = own(EVP_CIPHER_CTX_new());
  // The default nonce length of all our algorithms is the 12 bytes we use.
  must(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.reveal().data(),
                         nonce.data(), encrypt ? 1 : 0) == 1);
  return context;
}

void add_aad(EVP_CIPHER_CTX* context, ByteView aad) {
  must(fits(aad));
  int n = 0;
  must(aad.empty() ||
       EVP_CipherUpdate(context, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1);
}

void transform(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  int n = 0;
  must(in.empty() ||
       (EVP_CipherUpdate(context, out, &n, in.data(), static_cast<int>(in.size())) == 1 &&
        static_cast<std::size_t>(n) == in.size()));
}

// `context` has its key and nonce.
Bytes seal_with(EVP_CIPHER_CTX* context, ByteView aad, ByteView plaintext) {
  must(fits(plaintext));
  add_aad(context, aad);
  Bytes out(plaintext.size() + kAeadTagSize);
  transform(context, plaintext, out.data());
  std::uint8_t* const tag = out.data() + plaintext.size();
  int n = 0;
  must(EVP_CipherFinal_ex(context, tag, &n) == 1 && n == 0);
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, int{kAeadTagSize}, tag) == 1);
  return out;
}

Status check_length(ByteView sealed) {
  if (sealed.size() < kAeadTagSize || !fits(sealed)) {
    return fail(Errc::malformed, "AEAD: impossible length");
  }
  return {};
}

// `sealed` has passed check_length().
Result<Bytes> open_with(EVP_CIPHER_CTX* context, ByteView aad, ByteView sealed) {
  const ByteView ciphertext = sealed.first(sealed.size() - kAeadTagSize);
  ByteArray<kAeadTagSize> tag{};
  std::ranges::copy(sealed.last(kAeadTagSize), tag.begin());
  add_aad(context, aad);
  Bytes out(ciphertext.size());
  transform(context, ciphertext, out.data());
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, int{kAeadTagSize}, tag.data()) == 1);
  std::uint8_t rest = 0;  // nothing is left for the end, but the call wants an address
  int n = 0;
  if (EVP_CipherFinal_ex(context, &rest, &n) != 1) {
    wipe(out);
    return openssl_fail(Errc::bad_signature, "AEAD: the tag does not match");
  }
  return out;
}

SecretBytes derive(int mode, ByteView salt, const SecretBytes& ikm, std::string_view info,
                   std::size_t length) {
  // Looking it up costs as much as deriving; every thread may share the one found.
  static const auto kdf = own(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const auto context = own(EVP_KDF_CTX_new(kdf.get()));
  // OSSL_PARAM holds pointers to mutable data for both directions; these are only read.
  const ByteView key = ikm.reveal();
  std::string digest = "SHA256";
  std::array<OSSL_PARAM, 6> params{};
  auto* next = params.data();
  *next++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
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

}  // namespace

Bytes aes256gcm_seal(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce, ByteView aad,
                     ByteView plaintext) {
  return seal_with(gcm_context(key, nonce, /*encrypt=*/true).get(), aad, plaintext);
}

Result<Bytes> aes256gcm_open(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce,
                             ByteView aad, ByteView sealed) {
  TRY(check_length(sealed));
  return open_with(gcm_context(key, nonce, /*encrypt=*/false).get(), aad, sealed);
}

std::size_t key_size(Aead aead) noexcept { return aead == Aead::aes_128_gcm ? 16 : 32; }

struct AeadSequence::State {
  Handle<EVP_CIPHER_CTX> context;
  AeadNonce base{};
  std::uint64_t next = 0;
};

AeadSequence::AeadSequence(Aead aead, const SecretBytes& key, const AeadNonce& base,
                           std::uint64_t first)
    : state_(std::make_unique<State>(State{own(EVP_CIPHER_CTX_new()), base, first})) {
  must(key.size() == key_size(aead));
  // The key is set up once; each message brings its nonce and direction.
  must(EVP_CipherInit_ex(state_->context.get(), cipher_of(aead), nullptr, key.reveal().data(),
                         nullptr, 1) == 1);
}

AeadSequence::AeadSequence(AeadSequence&&) noexcept = default;
AeadSequence& AeadSequence::operator=(AeadSequence&&) noexcept = default;
AeadSequence::~AeadSequence() = default;

Status AeadSequence::take_nonce(bool encrypt) {
  if (state_->next == std::numeric_limits<std::uint64_t>::max()) {
    return fail(Errc::limit, "AEAD: too many messages under one key");
  }
  AeadNonce nonce = state_->base;
  for (std::size_t i = 0; i < sizeof state_->next; ++i) {
    nonce[nonce.size() - 1 - i] ^= static_cast<std::uint8_t>(state_->next >> (8 * i));
  }
  must(EVP_CipherInit_ex(state_->context.get(), nullptr, nullptr, nullptr, nonce.data(),
                         encrypt ? 1 : 0) == 1);
  return {};
}

Result<Bytes> AeadSequence::seal(ByteView aad, ByteView plaintext) {
  TRY(take_nonce(/*encrypt=*/true));
  ++state_->next;
  return seal_with(state_->context.get(), aad, plaintext);
}

Result<Bytes> AeadSequence::open(ByteView aad, ByteView sealed) {
  TRY(check_length(sealed));
  TRY(take_nonce(/*encrypt=*/false));
  TRY_ASSIGN(Bytes plaintext, open_with(state_->context.get(), aad, sealed));
  ++state_->next;
  return plaintext;
}

SecretBytes hkdf_sha256(ByteView salt, const SecretBytes& ikm, std::string_view info,
                        std::size_t length) {
  return derive(EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, salt, ikm, info, length);
}

SecretBytes hkdf_sha256_extract(ByteView salt, const SecretBytes& ikm) {
  return derive(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, salt, ikm, {}, 32);
}

SecretBytes hkdf_sha256_expand(const SecretBytes& prk, std::string_view info, std::size_t length) {
  return derive(EVP_KDF_HKDF_MODE_EXPAND_ONLY, {}, prk, info, length);
}

}  // namespace confide::crypto
