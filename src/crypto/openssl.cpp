#include "crypto/openssl.h"

namespace confide::crypto {

Handle<EVP_PKEY> raw_private_key(int type, const SecretBytes& secret) {
  const ByteView bytes = secret.reveal();
  return own(EVP_PKEY_new_raw_private_key(type, nullptr, bytes.data(), bytes.size()));
}

ByteArray<32> raw_public_key(const EVP_PKEY& key) {
  ByteArray<32> out{};
  std::size_t size = out.size();
  must(EVP_PKEY_get_raw_public_key(&key, out.data(), &size) == 1 && size == out.size());
  return out;
}

}  // namespace confide::crypto
