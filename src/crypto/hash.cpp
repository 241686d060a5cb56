#include "crypto/hash.h"

#include "crypto/aws_lc.h"
#include "crypto/keccak.h"

namespace confide::crypto {
namespace {

template <std::size_t N>
ByteArray<N> digest(ByteView bytes, const EVP_MD* type) {
  ByteArray<N> out{};
  unsigned size = 0;
  must(EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, type, nullptr) == 1 && size == N);
  return out;
}

}  // namespace

Sha256 sha256(ByteView bytes) { return digest<32>(bytes, EVP_sha256()); }
Sha384 sha384(ByteView bytes) { return digest<48>(bytes, EVP_sha384()); }
ByteArray<64> sha512(ByteView bytes) { return digest<64>(bytes, EVP_sha512()); }
ByteArray<48> sha3_384(ByteView bytes) { return digest<48>(bytes, EVP_sha3_384()); }

ByteArray<32> keccak256(ByteView bytes) { return keccak_sponge_256(bytes, 0x01); }

std::string sha256_tag(ByteView bytes) { return sha256_tag(sha256(bytes)); }
std::string sha256_tag(const Sha256& digest) { return "sha256:" + to_hex(digest); }

struct Sha256Stream::State {
  Handle<EVP_MD_CTX> context = own(EVP_MD_CTX_new());
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  must(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::update(ByteView bytes) {
  must(state_ != nullptr);
  must(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Stream::finish() {
  must(state_ != nullptr);
  Sha256 out{};
  unsigned size = 0;
  must(EVP_DigestFinal_ex(state_->context.get(), out.data(), &size) == 1 && size == out.size());
  state_.reset();
  return out;
}

}  // namespace confide::crypto
