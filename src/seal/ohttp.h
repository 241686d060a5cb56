// Oblivious HTTP, RFC 9458, and its chunked form, draft-ietf-ohai-chunked-ohttp-08: encapsulated
// requests and answers as state machines from bytes to bytes. Rules O1-O7.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/hpke.h"

namespace confide::seal {

inline constexpr std::string_view kOhttpPath = "/.well-known/ohttp-gateway";
inline constexpr std::string_view kOhttpKeysType = "application/ohttp-keys";

// One sealed message, or a sequence of sealed chunks.
enum class OhttpForm { whole, chunked };
std::string_view request_type(OhttpForm form) noexcept;   // message/ohttp-req, ...-chunked-req
std::string_view response_type(OhttpForm form) noexcept;  // message/ohttp-res, ...-chunked-res
// Of a Content-Type; nothing if it is another.
std::optional<OhttpForm> form_of_request_type(std::string_view type) noexcept;

// The plaintext of a chunk: the largest that every implementation takes (rule O5).
inline constexpr std::size_t kMaxChunk = 16'384;

// One key configuration (RFC 9458, section 3.1) with DHKEM(X25519, HKDF-SHA256).
struct KeyConfig {
  std::uint8_t key_id = 0;
  crypto::X25519Public public_key{};
  std::vector<crypto::Aead> aeads;  // each with HKDF-SHA256; the first is preferred
};
Bytes encode_key_config(const KeyConfig& config);
// `bytes` is all of one configuration, without a length before it. Symmetric algorithms we do not
// speak are left out. Fails with `malformed`, with `unsupported` on another KEM or if none is left.
Result<KeyConfig> parse_key_config(ByteView bytes);
// "sha256:..." over the exact bytes of one configuration: what a keyset lists (rule O2).
std::string key_config_digest(ByteView config);

// application/ohttp-keys: configurations, each after its 16-bit length.
Bytes join_key_configs(const std::vector<Bytes>& configs);
// Fails with `malformed`, with `limit` beyond 16 configurations.
Result<std::vector<Bytes>> split_key_configs(ByteView bytes);

// What both ends keep of a request in order to seal or open its answer.
struct AnswerSecret {
  OhttpForm form = OhttpForm::whole;
  crypto::Aead aead = crypto::Aead::aes_128_gcm;
  crypto::X25519Public enc{};
  SecretBytes secret;
};

// The client's end of one request: seals it, once, in one piece or several. Not thread-safe.
class RequestSealer {
 public:
  // `ephemeral` must never be used again. Fails with `malformed` on a key of low order.
  static Result<RequestSealer> start(
      const KeyConfig& config, crypto::Aead aead, OhttpForm form,
      const crypto::X25519Key& ephemeral = crypto::X25519Key::generate());

  // The bytes to send for one more chunk, of at most kMaxChunk bytes; there will be others. Fails
  // with `limit` on a larger one, with `internal` in the whole form.
  Result<Bytes> seal(ByteView plaintext);
  // The bytes to send for the rest, in as many chunks as it takes. Once, and last.
  Result<Bytes> finish(ByteView plaintext);
  AnswerSecret answer_secret() const;
  const crypto::X25519Public& enc() const noexcept { return context_.enc(); }

 private:
  RequestSealer(OhttpForm form, crypto::Aead aead, Bytes header, crypto::HpkeSender context);
  OhttpForm form_;
  crypto::Aead aead_;
  Bytes unsent_;  // the header, until the first chunk
  crypto::HpkeSender context_;
};

// The server's key pair behind one configuration.
class GatewayKey {
 public:
  GatewayKey(std::uint8_t key_id, crypto::X25519Key key);
  static GatewayKey generate(std::uint8_t key_id);

  const KeyConfig& config() const noexcept { return config_; }
  const Bytes& encoded() const noexcept { return encoded_; }  // the configuration's exact bytes
  const crypto::X25519Key& key() const noexcept { return key_; }

 private:
  KeyConfig config_;
  Bytes encoded_;
  crypto::X25519Key key_;
};

struct OpenedCapsule {
  Bytes message;  // binary HTTP, with its padding
  AnswerSecret answer;
};

// The key identifier an encapsulated request names. Fails with `malformed`.
Result<std::uint8_t> key_id_of(ByteView capsule);
// Opens a complete encapsulated request. Fails with `malformed` if it is no such thing or cut
// short, `unsupported` on algorithms that are not in the configuration, `mismatch` if it names
// another key, `limit` on chunks too long or too many, `bad_signature` if it does not open.
Result<OpenedCapsule> open_request(const GatewayKey& key, OhttpForm form, ByteView capsule);

// The server's end of the answer. Not thread-safe.
class AnswerSealer {
 public:
  explicit AnswerSealer(const AnswerSecret& secret);
  // With a nonce of the caller's, answer_nonce_size() bytes, never used before with this secret.
  AnswerSealer(const AnswerSecret& secret, Bytes nonce);

  OhttpForm form() const noexcept { return form_; }
  // As of RequestSealer.
  Result<Bytes> seal(ByteView plaintext);
  Result<Bytes> finish(ByteView plaintext);

 private:
  OhttpForm form_;
  Bytes unsent_;  // the nonce, until the first chunk
  crypto::AeadSequence messages_;
};
std::size_t answer_nonce_size(crypto::Aead aead) noexcept;

// The client's end of the answer: takes it in pieces cut anywhere. Not thread-safe.
class AnswerOpener {
 public:
  // `max_whole` bounds an answer in the whole form, and nothing else.
  explicit AnswerOpener(AnswerSecret secret, std::size_t max_whole = std::size_t{64} << 20U);
  AnswerOpener(AnswerOpener&&) noexcept;
  AnswerOpener& operator=(AnswerOpener&&) noexcept;
  ~AnswerOpener();

  // The plaintext of the chunks that this piece completed. Fails, for good, with `bad_signature` if
  // one is not the next one, `malformed` if it is none, `limit` if it is announced too long.
  Result<Bytes> feed(ByteView piece);
  // The answer ended here: gives the plaintext of the final chunk. Fails as feed() does, and with
  // `malformed` if no final chunk came (rule O6).
  Result<Bytes> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace confide::seal
