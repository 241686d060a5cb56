// ACI E2EE version 2: single JSON fields sealed to an attested key, and back. Contract 2.7.
// Pure state machines from bytes to bytes; time comes in, nothing goes out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "seal/box.h"
#include "seal/fields.h"
#include "seal/replay.h"

namespace confide::seal {

// One of the error types of contract 2.7, each answered with status 400.
struct E2eeError {
  std::string type;     // e2ee_header_missing, ...
  std::string message;  // no byte of the request
};
template <class T>
using E2eeResult = tl::expected<T, E2eeError>;

// The six header values, absent ones empty optionals.
struct E2eeHeaders {
  std::optional<std::string> version, client_public_key, model_public_key, nonce, timestamp,
      signing_algo;
  // Any one of the six puts a request on the E2EE path.
  bool any() const noexcept;
};

// Seals one field to a public key of the suite: hex(ephemeral || nonce || ciphertext || tag).
// `recipient` is 32 bytes (x25519) or 65 (secp256k1). Fails with `malformed` if it is no such key.
Result<std::string> seal_field(Suite suite, ByteView recipient, std::string_view aad,
                               std::string_view plaintext);

// A secret key of either suite that opens fields.
class OpeningKey {
 public:
  explicit OpeningKey(crypto::X25519Key key) : key_(std::move(key)) {}
  explicit OpeningKey(crypto::Secp256k1Key key) : key_(std::move(key)) {}
  static OpeningKey generate(Suite suite);

  Suite suite() const noexcept { return suite_of(key_); }
  ByteView public_key() const noexcept { return public_bytes(key_); }
  std::string public_hex() const { return to_hex(public_key()); }
  // Fails with `malformed` if `field_hex` cannot be a sealed field, `bad_signature` if it does not
  // open under this key and `aad`.
  Result<std::string> open_field(std::string_view field_hex, std::string_view aad) const;

 private:
  explicit OpeningKey(BoxKey key) : key_(std::move(key)) {}
  BoxKey key_;
};

// Seals what goes back to the client. Not thread-safe.
class ResponseSealer {
 public:
  // Replaces the fields of a buffered response body in place. Fails with `internal`; the body is
  // then part clear and must not be sent.
  Status seal_body(Json& body) const;
  // The same for one streamed chunk. An empty delta content is left out.
  Status seal_chunk(Json& chunk) const;
  // The algo for X-E2EE-Algo.
  Suite suite() const noexcept { return binding_.suite; }

 private:
  friend class ServerChannel;
  ResponseSealer(Binding binding, Bytes client_key)
      : binding_(std::move(binding)), client_key_(std::move(client_key)) {}
  Status seal(Json& body, std::string_view member) const;
  Binding binding_;
  Bytes client_key_;
};

struct OpenedRequest {
  Json body;            // restored, cleartext
  std::string compact;  // json::compact(body): what request.received hashes
  ResponseSealer sealer;
};

// The server's end. Thread-safe.
class ServerChannel {
 public:
  explicit ServerChannel(std::vector<OpeningKey> keys, std::size_t replay_capacity = 1'000'000);

  // Checks in the contract's order: version, missing header, nonce, timestamp, model key, client
  // key, body, model, replay, decryption of every listed field. The replay slot is taken last, by
  // requests that opened, so that garbage fills nothing (rule E10). Costs about 0.1 ms a field.
  E2eeResult<OpenedRequest> open(const E2eeHeaders& headers, Endpoint endpoint,
                                 std::string_view body, Time now);
  const std::vector<OpeningKey>& keys() const noexcept { return keys_; }

 private:
  std::vector<OpeningKey> keys_;
  ReplayCache replay_;
};

// The client's end of one exchange: seals the request's fields, opens the answer's.
class ClientExchange {
 public:
  // `service_key_hex` is the chosen keyset entry's key; the client key pair is made here, fresh.
  static Result<ClientExchange> start(Suite suite, std::string_view service_key_hex, Time now);

  // The five headers to send, by name.
  std::vector<std::pair<std::string, std::string>> headers() const;
  // Replaces the fields of `body` by ciphertext; structured content is sealed whole. A text content
  // that would read as structured content goes as a text part instead (rule E7). Returns the
  // compact clear body, which the receipt's request.received hashes. Fails with `malformed` if
  // `body` has no string member `model` or nothing to seal; part of `body` may then be sealed.
  Result<std::string> seal_request(Json& body, Endpoint endpoint);
  // Opens the sealed fields of a buffered response or a streamed chunk in place.
  // Fails with `bad_signature` if one does not open, `malformed` if one that must be sealed is
  // clear; an empty string is neither.
  Status open_body(Json& body) const;
  Status open_chunk(Json& chunk) const;

 private:
  ClientExchange(OpeningKey own, Bytes service_key, Binding binding)
      : own_(std::move(own)), service_key_(std::move(service_key)), binding_(std::move(binding)) {}
  Status open(Json& body, std::string_view member) const;
  OpeningKey own_;
  Bytes service_key_;
  Binding binding_;  // the model is empty until seal_request()
};

}  // namespace confide::seal
