#include "seal/e2ee.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "crypto/random.h"

namespace confide::seal {
namespace {

constexpr std::string_view kVersion = "2";
constexpr std::size_t kNonceDigits = 64;

std::string_view info_of(Suite suite) {
  return suite == Suite::x25519 ? "aci.e2ee.v2.x25519" : "aci.e2ee.v2.secp256k1";
}

tl::unexpected<E2eeError> refuse(std::string type, std::string message) {
  return tl::unexpected<E2eeError>(E2eeError{std::move(type), std::move(message)});
}

bool is_hex_nonce(std::string_view text) {
  return text.size() == kNonceDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// Decimal digits only: from_chars() alone would take a sign.
std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  const bool digits =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  std::int64_t value = 0;
  if (!digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// One of ours, in any spelling the contract allows.
const OpeningKey* find_key(const std::vector<OpeningKey>& keys, std::string_view hex) {
  for (const OpeningKey& key : keys) {
    const auto named = parse_public(key.suite(), hex);
    if (named && std::ranges::equal(*named, key.public_key())) return &key;
  }
  return nullptr;
}

// Whether we could answer to this key, which is in normal form: one of low order must be refused
// before inference, not when the answer stands ready. Of secp256k1 there are none.
bool can_seal_to(Suite suite, ByteView client_key) {
  if (suite != Suite::x25519) return true;
  crypto::X25519Public point{};
  std::ranges::copy(client_key, point.begin());
  return !crypto::has_low_order(point);
}

// What the headers say, once all of it holds.
struct Envelope {
  const OpeningKey* key = nullptr;
  Bytes client_key;
  std::string nonce;
  std::int64_t timestamp = 0;
};

// Rules E1-E4, in the order of contract 2.7.
E2eeResult<Envelope> read_headers(const E2eeHeaders& headers, const std::vector<OpeningKey>& keys,
                                  Time now) {
  if (headers.signing_algo) {
    return refuse("e2ee_invalid_version", "X-Signing-Algo selects legacy mode, not served here");
  }
  if (headers.version && *headers.version != kVersion) {
    return refuse("e2ee_invalid_version", "X-E2EE-Version is not 2");
  }
  if (!headers.version || !headers.client_public_key || !headers.model_public_key ||
      !headers.nonce || !headers.timestamp) {
    return refuse("e2ee_header_missing", "E2EE needs all of its five headers");
  }
  Envelope out;
  if (!is_hex_nonce(*headers.nonce)) {
    return refuse("e2ee_invalid_nonce", "X-E2EE-Nonce is not 64 hex digits");
  }
  out.nonce = *headers.nonce;

  const auto timestamp = parse_timestamp(*headers.timestamp);
  if (!timestamp) {
    return refuse("e2ee_invalid_timestamp", "X-E2EE-Timestamp is not a decimal number of seconds");
  }
  if (*timestamp < to_unix(now - kMaxSkew) || *timestamp > to_unix(now + kMaxSkew)) {
    return refuse("e2ee_invalid_timestamp", "X-E2EE-Timestamp is more than 300 s from our clock");
  }
  out.timestamp = *timestamp;

  out.key = find_key(keys, *headers.model_public_key);
  if (out.key == nullptr) {
    return refuse("e2ee_model_key_mismatch", "X-Model-Pub-Key is no key of this service");
  }
  auto client_key = parse_public(out.key->suite(), *headers.client_public_key);
  if (!client_key || !can_seal_to(out.key->suite(), *client_key)) {
    return refuse("e2ee_invalid_public_key",
                  "X-Client-Pub-Key is no usable key of the selected suite");
  }
  out.client_key = *std::move(client_key);
  return out;
}

E2eeResult<void> check_claim(ReplayCache::Claim claim) {
  if (claim == ReplayCache::Claim::fresh) return {};
  if (claim == ReplayCache::Claim::replayed) {
    return refuse("e2ee_replay_detected", "this nonce was used before");
  }
  return refuse("e2ee_replay_detected",
                "cannot be told from a replay: send it again with a new nonce and timestamp");
}

// Puts a field's plaintext where its ciphertext stood.
void restore(const Location& at, Json& value, std::string plaintext) {
  if (at.whole_content) {
    if (auto structured = as_structured(plaintext)) {
      value = *std::move(structured);
      wipe(plaintext);
      return;
    }
  }
  value = std::move(plaintext);
}

// Rules E5-E7. Returns how many fields there were.
Result<std::size_t> open_fields(Json& body, Endpoint endpoint, const OpeningKey& key,
                                const Binding& binding) {
  std::size_t count = 0;
  TRY(visit_request(body, endpoint, [&](const Location& at, Json& value) -> Status {
    TRY_ASSIGN(std::string plaintext,
               key.open_field(value.get_ref<const std::string&>(), request_aad(binding, at.path)));
    restore(at, value, std::move(plaintext));
    ++count;
    return {};
  }));
  return count;
}

}  // namespace

bool E2eeHeaders::any() const noexcept {
  return version || client_public_key || model_public_key || nonce || timestamp || signing_algo;
}

Result<std::string> seal_field(Suite suite, ByteView recipient, std::string_view aad,
                               std::string_view plaintext) {
  TRY_ASSIGN(const Bytes peer, normal_public(suite, recipient));
  GcmNonce nonce{};
  crypto::random_fill(nonce);
  return seal_box(generate_box_key(suite), nonce, peer, {.info = info_of(suite), .aad = aad},
                  plaintext);
}

OpeningKey OpeningKey::generate(Suite suite) { return OpeningKey(generate_box_key(suite)); }

Result<std::string> OpeningKey::open_field(std::string_view field_hex, std::string_view aad) const {
  return open_box(key_, {.info = info_of(suite()), .aad = aad}, field_hex);
}

Status ResponseSealer::seal(Json& body, std::string_view member) const {
  if (const Status covered = check_covered(body, member); !covered) {
    return fail(Errc::internal, covered.error().message);
  }
  const std::string id = response_id(body);
  const Status sealed =
      visit_response(body, member, [&](const Location& at, Json& value) -> Status {
        if (!value.is_string() && !at.any_value) {
          return fail(Errc::internal, "answer (E8): a field is no string");
        }
        std::string text = at.any_value ? json::compact(value) : value.get<std::string>();
        TRY_ASSIGN(std::string field, seal_field(binding_.suite, client_key_,
                                                 response_aad(binding_, at.path, id), text));
        wipe(text);
        value = std::move(field);
        return {};
      });
  if (!sealed) return fail(Errc::internal, sealed.error().message);
  return {};
}

Status ResponseSealer::seal_body(Json& body) const { return seal(body, "message"); }

Status ResponseSealer::seal_chunk(Json& chunk) const {
  drop_empty_deltas(chunk);
  return seal(chunk, "delta");
}

ServerChannel::ServerChannel(std::vector<OpeningKey> keys, std::size_t replay_capacity)
    : keys_(std::move(keys)), replay_(replay_capacity) {}

E2eeResult<OpenedRequest> ServerChannel::open(const E2eeHeaders& headers, Endpoint endpoint,
                                              std::string_view text, Time now) {
  auto envelope = read_headers(headers, keys_, now);
  if (!envelope) return tl::unexpected<E2eeError>(std::move(envelope).error());

  auto body = json::parse(text, kBodyLimits);
  if (!body || !body->is_object()) {
    return refuse("e2ee_decryption_failed", "the body is not a JSON object");
  }
  auto model = json::get_string(*body, "model");
  if (!model) return refuse("e2ee_invalid_payload_model", "model is not a string");

  const Binding binding{.suite = envelope->key->suite(),
                        .model = *std::move(model),
                        .nonce = envelope->nonce,
                        .timestamp = envelope->timestamp};
  const std::string_view client = as_text(envelope->client_key);
  const std::string_view service = as_text(envelope->key->public_key());
  const Time timestamp = from_unix(envelope->timestamp);
  if (auto look = check_claim(replay_.look(client, service, envelope->nonce, timestamp, now));
      !look) {
    return tl::unexpected<E2eeError>(std::move(look).error());
  }
  const auto count = open_fields(*body, endpoint, *envelope->key, binding);
  if (!count) return refuse("e2ee_decryption_failed", "a field is not sealed to this request");
  if (*count == 0) return refuse("e2ee_decryption_failed", "no field is sealed");
  // Of two copies that got here side by side one wins.
  if (auto claim = check_claim(replay_.claim(client, service, envelope->nonce, timestamp, now));
      !claim) {
    return tl::unexpected<E2eeError>(std::move(claim).error());
  }
  std::string compact = json::compact(*body);
  return OpenedRequest{.body = *std::move(body),
                       .compact = std::move(compact),
                       .sealer = ResponseSealer(binding, std::move(envelope->client_key))};
}

}  // namespace confide::seal
