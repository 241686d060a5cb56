#include "crypto/aws_lc.h"

namespace confide::crypto {

Handle<EVP_PKEY> pkey_of(Handle<EC_KEY> key) {
  auto out = own(EVP_PKEY_new());
  must(EVP_PKEY_assign_EC_KEY(out.get(), key.release()) == 1);
  return out;
}

Handle<EVP_PKEY> pkey_of(Handle<RSA> key) {
  auto out = own(EVP_PKEY_new());
  must(EVP_PKEY_assign_RSA(out.get(), key.release()) == 1);
  return out;
}

SecretBytes pkcs8_of(const EVP_PKEY& key) {
  const auto info = own(EVP_PKEY2PKCS8(&key));
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  must(size > 0);
  SecretBytes out(static_cast<std::size_t>(size));
  unsigned char* at = out.reveal().data();
  must(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at) == size);
  return out;
}

}  // namespace confide::crypto
