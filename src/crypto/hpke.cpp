#include "crypto/hpke.h"

#include <algorithm>
#include <string>
#include <utility>

namespace confide::crypto {
namespace {

constexpr std::size_t kHashSize = 32;
constexpr std::string_view kVersion = "HPKE-v1";
constexpr std::uint8_t kModeBase = 0;

Bytes kem_suite() {
  Bytes out = to_bytes(as_bytes("KEM"));
  append_u16be(out, kHpkeKemX25519);
  return out;
}

Bytes hpke_suite(Aead aead) {
  Bytes out = to_bytes(as_bytes("HPKE"));
  append_u16be(out, kHpkeKemX25519);
  append_u16be(out, kHpkeKdfSha256);
  append_u16be(out, static_cast<std::uint16_t>(aead));
  return out;
}

// LabeledExtract and LabeledExpand of section 4.
SecretBytes labeled_extract(ByteView suite, ByteView salt, std::string_view label, ByteView ikm) {
  SecretBytes labeled(kVersion.size() + suite.size() + label.size() + ikm.size());
  auto at = labeled.reveal().begin();
  for (const ByteView part : {as_bytes(kVersion), suite, as_bytes(label), ikm}) {
    at = std::ranges::copy(part, at).out;
  }
  return hkdf_sha256_extract(salt, labeled);
}

SecretBytes labeled_expand(ByteView suite, const SecretBytes& prk, std::string_view label,
                           ByteView info, std::size_t length) {
  Bytes labeled;
  append_u16be(labeled, length);
  for (const ByteView part : {as_bytes(kVersion), suite, as_bytes(label), info}) {
    append(labeled, part);
  }
  return hkdf_sha256_expand(prk, as_text(labeled), length);
}

// ExtractAndExpand of DHKEM, section 4.1. X25519Key::agree() has refused the all-zero secret.
Result<SecretBytes> shared_secret(const X25519Key& own, const X25519Public& peer,
                                  const X25519Public& enc, const X25519Public& recipient) {
  TRY_ASSIGN(const SecretBytes dh, own.agree(peer));
  Bytes kem_context = to_bytes(enc);
  append(kem_context, recipient);
  const Bytes suite = kem_suite();
  const SecretBytes prk = labeled_extract(suite, {}, "eae_prk", dh.reveal());
  return labeled_expand(suite, prk, "shared_secret", kem_context, kHashSize);
}

AeadNonce nonce_of(const SecretBytes& bytes) {
  AeadNonce out{};
  std::ranges::copy(bytes.reveal(), out.begin());
  return out;
}

}  // namespace

struct HpkeContext::Schedule {
  Aead aead;
  Bytes suite;
  Bytes context;
  SecretBytes secret;

  Schedule(Aead id, const SecretBytes& shared, ByteView info)
      : aead(id),
        suite(hpke_suite(id)),
        context{kModeBase},
        secret(labeled_extract(suite, shared.reveal(), "secret", {})) {
    append(context, labeled_extract(suite, {}, "psk_id_hash", {}).reveal());
    append(context, labeled_extract(suite, {}, "info_hash", info).reveal());
  }
  SecretBytes expand(std::string_view label, std::size_t length) const {
    return labeled_expand(suite, secret, label, context, length);
  }
};

HpkeContext::HpkeContext(Aead aead, const SecretBytes& shared_secret, ByteView info)
    : HpkeContext(Schedule(aead, shared_secret, info)) {}

HpkeContext::HpkeContext(Schedule schedule)
    : messages_(schedule.aead, schedule.expand("key", key_size(schedule.aead)),
                nonce_of(schedule.expand("base_nonce", kAeadNonceSize))),
      aead_(schedule.aead),
      exporter_secret_(schedule.expand("exp", kHashSize)) {}

SecretBytes HpkeContext::export_secret(std::string_view context, std::size_t length) const {
  return labeled_expand(hpke_suite(aead_), exporter_secret_, "sec", as_bytes(context), length);
}

Result<HpkeSender> HpkeSender::start(const X25519Public& recipient, Aead aead, ByteView info,
                                     const X25519Key& ephemeral) {
  const X25519Public& enc = ephemeral.public_key();
  TRY_ASSIGN(const SecretBytes shared, shared_secret(ephemeral, recipient, enc, recipient));
  return HpkeSender(enc, aead, shared, info);
}

Result<HpkeReceiver> HpkeReceiver::start(const X25519Key& own, const X25519Public& enc, Aead aead,
                                         ByteView info) {
  TRY_ASSIGN(const SecretBytes shared, shared_secret(own, enc, enc, own.public_key()));
  return HpkeReceiver(aead, shared, info);
}

}  // namespace confide::crypto
