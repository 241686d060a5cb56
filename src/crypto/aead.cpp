#include "crypto/aead.h"

#include <openssl/aead.h>
#include <openssl/hkdf.h>

#include <cstdlib>
#include <limits>
#include <utility>

#include "crypto/aws_lc.h"

namespace confide::crypto {
namespace {

const EVP_AEAD* algorithm_of(Aead aead) {
  switch (aead) {
    case Aead::aes_128_gcm:
      return EVP_aead_aes_128_gcm();
    case Aead::aes_256_gcm:
      return EVP_aead_aes_256_gcm();
    case Aead::chacha20_poly1305:
      return EVP_aead_chacha20_poly1305();
  }
  std::abort();
}

Handle<EVP_AEAD_CTX> context_of(Aead aead, const SecretBytes& key) {
  must(key.size() == key_size(aead));
  return own(EVP_AEAD_CTX_new(algorithm_of(aead), key.reveal().data(), key.size(), kAeadTagSize));
}

Bytes seal_with(const EVP_AEAD_CTX& context, const AeadNonce& nonce, ByteView aad,
                ByteView plaintext) {
  Bytes out(plaintext.size() + kAeadTagSize);
  std::size_t size = 0;
  must(EVP_AEAD_CTX_seal(&context, out.data(), &size, out.size(), nonce.data(), nonce.size(),
                         plaintext.data(), plaintext.size(), aad.data(), aad.size()) == 1 &&
       size == out.size());
  return out;
}

Status check_length(ByteView sealed) {
  if (sealed.size() < kAeadTagSize) return fail(Errc::malformed, "AEAD: impossible length");
  return {};
}

// `sealed` has passed check_length().
Result<Bytes> open_with(const EVP_AEAD_CTX& context, const AeadNonce& nonce, ByteView aad,
                        ByteView sealed) {
  Bytes out(sealed.size() - kAeadTagSize);
  std::size_t size = 0;
  if (EVP_AEAD_CTX_open(&context, out.data(), &size, out.size(), nonce.data(), nonce.size(),
                        sealed.data(), sealed.size(), aad.data(), aad.size()) != 1) {
    wipe(out);
    return aws_lc_fail(Errc::bad_signature, "AEAD: the tag does not match");
  }
  must(size == out.size());
  return out;
}

}  // namespace

Bytes aes256gcm_seal(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce, ByteView aad,
                     ByteView plaintext) {
  return seal_with(*context_of(Aead::aes_256_gcm, key), nonce, aad, plaintext);
}

Result<Bytes> aes256gcm_open(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce,
                             ByteView aad, ByteView sealed) {
  TRY(check_length(sealed));
  return open_with(*context_of(Aead::aes_256_gcm, key), nonce, aad, sealed);
}

std::size_t key_size(Aead aead) noexcept { return aead == Aead::aes_128_gcm ? 16 : 32; }

struct AeadSequence::State {
  Handle<EVP_AEAD_CTX> context;
  AeadNonce base{};
  std::uint64_t next = 0;
};

AeadSequence::AeadSequence(Aead aead, const SecretBytes& key, const AeadNonce& base,
                           std::uint64_t first)
    : state_(std::make_unique<State>(State{context_of(aead, key), base, first})) {}

AeadSequence::AeadSequence(AeadSequence&&) noexcept = default;
AeadSequence& AeadSequence::operator=(AeadSequence&&) noexcept = default;
AeadSequence::~AeadSequence() = default;

Result<AeadNonce> AeadSequence::next_nonce() const {
  if (state_->next == std::numeric_limits<std::uint64_t>::max()) {
    return fail(Errc::limit, "AEAD: too many messages under one key");
  }
  AeadNonce nonce = state_->base;
  for (std::size_t i = 0; i < sizeof state_->next; ++i) {
    nonce[nonce.size() - 1 - i] ^= static_cast<std::uint8_t>(state_->next >> (8 * i));
  }
  return nonce;
}

Result<Bytes> AeadSequence::seal(ByteView aad, ByteView plaintext) {
  TRY_ASSIGN(const AeadNonce nonce, next_nonce());
  ++state_->next;
  return seal_with(*state_->context, nonce, aad, plaintext);
}

Result<Bytes> AeadSequence::open(ByteView aad, ByteView sealed) {
  TRY(check_length(sealed));
  TRY_ASSIGN(const AeadNonce nonce, next_nonce());
  TRY_ASSIGN(Bytes plaintext, open_with(*state_->context, nonce, aad, sealed));
  ++state_->next;
  return plaintext;
}

SecretBytes hkdf_sha256(ByteView salt, const SecretBytes& ikm, std::string_view info,
                        std::size_t length) {
  return hkdf_sha256_expand(hkdf_sha256_extract(salt, ikm), info, length);
}

SecretBytes hkdf_sha256_extract(ByteView salt, const SecretBytes& ikm) {
  SecretBytes out(32);
  std::size_t size = 0;
  must(HKDF_extract(out.reveal().data(), &size, EVP_sha256(), ikm.reveal().data(), ikm.size(),
                    salt.data(), salt.size()) == 1 &&
       size == out.size());
  return out;
}

SecretBytes hkdf_sha256_expand(const SecretBytes& prk, std::string_view info, std::size_t length) {
  SecretBytes out(length);
  const ByteView context = as_bytes(info);
  must(HKDF_expand(out.reveal().data(), length, EVP_sha256(), prk.reveal().data(), prk.size(),
                   context.data(), context.size()) == 1);
  return out;
}

}  // namespace confide::crypto
