// ACI E2EE version 2: single JSON fields sealed to an attested key, and back. Contract 2.7.
// Pure state machines from bytes to bytes; time comes in, nothing goes out.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "crypto/secp256k1.h"
#include "crypto/x25519.h"

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

enum class Suite { x25519, secp256k1 };
std::string_view to_string(Suite suite) noexcept;  // the `algo` of keyset entries

// Which JSON shape a request has; decides the field paths.
enum class Endpoint { chat_completions, completions };

// Seals one field to a public key of the suite: hex(ephemeral || nonce || ciphertext || tag).
// `recipient` is 32 bytes (x25519) or 65 (secp256k1).
Result<std::string> seal_field(Suite suite, ByteView recipient, std::string_view aad,
                               std::string_view plaintext);

// A secret key of either suite that opens fields.
class OpeningKey {
 public:
  explicit OpeningKey(crypto::X25519Key key);
  explicit OpeningKey(crypto::Secp256k1Key key);
  OpeningKey(OpeningKey&&) noexcept;
  OpeningKey& operator=(OpeningKey&&) noexcept;
  ~OpeningKey();
  static OpeningKey generate(Suite suite);

  Suite suite() const noexcept;
  std::string public_hex() const;
  Result<std::string> open_field(std::string_view field_hex, std::string_view aad) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Remembers (client key, service key, nonce) until its timestamp can no longer be accepted:
// max(ts, now) + 301 s. Bounded: when full of live entries, claims are refused, not forgotten.
class ReplayCache {
 public:
  explicit ReplayCache(std::size_t capacity = 100'000);
  enum class Claim { fresh, replayed, full };
  Claim claim(std::string_view client_key, std::string_view service_key, std::string_view nonce,
              Time timestamp, Time now);

 private:
  std::mutex mutex_;
  std::size_t capacity_;
  std::unordered_map<std::string, Time> live_;
  std::vector<std::pair<Time, std::string>> expiry_;  // min-heap by time
};

// Seals what goes back to the client. Not thread-safe.
class ResponseSealer {
 public:
  // Replaces the fields of a buffered response body in place. Fails with `internal`.
  Status seal_body(Json& body) const;
  // The same for one streamed chunk. An empty delta content is left out.
  Status seal_chunk(Json& chunk) const;
  Suite suite() const noexcept { return suite_; }

 private:
  friend class ServerChannel;
  Status seal(Json& body, std::string_view member) const;
  Suite suite_ = Suite::x25519;       // of the service key: the `algo` of the AAD
  Suite client_suite_ = Suite::x25519;
  Bytes client_key_;
  std::string model_, nonce_;
  std::int64_t timestamp_ = 0;
};

struct OpenedRequest {
  Json body;             // restored, cleartext
  std::string compact;   // json::compact(body): what request.received hashes
  ResponseSealer sealer;
};

// The server's end. Thread-safe.
class ServerChannel {
 public:
  ServerChannel(std::vector<OpeningKey> keys, std::size_t replay_capacity = 100'000);

  // Checks in the contract's order: version, missing header, nonce, timestamp, model key, client
  // key, body, model, decryption of every listed field, and replay claim before decryption.
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
  // Replaces the fields of `body` by ciphertext. `body` needs a string member `model`.
  // Returns the compact clear body, which the receipt's request.received hashes.
  Result<std::string> seal_request(Json& body, Endpoint endpoint);
  // Opens the sealed fields of a buffered response or a streamed chunk in place.
  // Fails with `bad_signature` if one does not open, `malformed` if one that must be sealed is clear.
  Status open_body(Json& body) const;
  Status open_chunk(Json& chunk) const;

 private:
  ClientExchange(Suite suite, Bytes service_key, OpeningKey own, std::string nonce, Time ts);
  Status open(Json& body, std::string_view member) const;
  Suite suite_;
  Bytes service_key_;
  OpeningKey own_;
  std::string nonce_;
  Time timestamp_;
  std::string model_;
};

}  // namespace confide::seal
