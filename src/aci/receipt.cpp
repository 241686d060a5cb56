#include "aci/receipt.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/bytes.h"

namespace confide::aci {
namespace {

constexpr std::string_view kReceived = "request.received";
constexpr std::string_view kForwarded = "request.forwarded";
constexpr std::string_view kUpstream = "upstream.verified";
constexpr std::string_view kReturned = "response.returned";
constexpr std::string_view kSealed = "confide.sealed";
constexpr std::string_view kExecution = "confide.execution";
// Events that may stand once, and of which only the response may come last.
constexpr std::array kKnownEvents = {kReceived, kSealed,   kForwarded,
                                     kUpstream, kReturned, kExecution};

// Receipts are a few kilobytes; an aggregator's extension events may add some.
constexpr json::Limits kReceiptLimits{
    .max_bytes = std::size_t{1} << 20U, .max_depth = 16, .max_nodes = std::size_t{1} << 14U};

Json optional_text(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json hash_event(std::string_view type, const std::string& hash) {
  return {{"type", type}, {"body_hash", hash}};
}

Json execution_event(const Execution& ran) {
  return {{"type", kExecution},
          {"model_digest", ran.model_digest},
          {"engine", ran.engine},
          {"temperature", ran.temperature},
          {"top_p", ran.top_p},
          {"max_tokens", ran.max_tokens},
          {"seed", ran.seed},
          {"prompt_tokens", ran.prompt_tokens},
          {"completion_tokens", ran.completion_tokens},
          {"finish_reason", ran.finish_reason}};
}

Result<std::int64_t> get_count(const Json& object, std::string_view name, std::int64_t max) {
  TRY_ASSIGN(const std::int64_t n, json::get_int(object, name));
  if (n < 0 || n > max) {
    return fail(Errc::malformed, fmt::format("receipt (A9): {} is out of range", name));
  }
  return n;
}

// Rule A9.
Result<Execution> parse_execution(const Json& event) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  Execution ran;
  TRY_ASSIGN(ran.model_digest, json::get_string(event, "model_digest"));
  if (!is_digest(ran.model_digest)) {
    return fail(Errc::malformed, "receipt (A9): model_digest is no digest");
  }
  TRY_ASSIGN(ran.engine, json::get_string(event, "engine"));
  TRY_ASSIGN(ran.temperature, json::get_string(event, "temperature"));
  TRY_ASSIGN(ran.top_p, json::get_string(event, "top_p"));
  TRY_ASSIGN(ran.max_tokens, get_count(event, "max_tokens", kMax));
  TRY_ASSIGN(const std::int64_t seed,
             get_count(event, "seed", std::numeric_limits<std::uint32_t>::max()));
  ran.seed = static_cast<std::uint32_t>(seed);
  TRY_ASSIGN(ran.prompt_tokens, get_count(event, "prompt_tokens", kMax));
  TRY_ASSIGN(ran.completion_tokens, get_count(event, "completion_tokens", kMax));
  TRY_ASSIGN(ran.finish_reason, json::get_string(event, "finish_reason"));
  return ran;
}

Result<std::string> get_hash(const Json& event) {
  TRY_ASSIGN(std::string hash, json::get_string(event, "body_hash"));
  if (!is_digest(hash)) return fail(Errc::malformed, "receipt (A8): body_hash is no digest");
  return hash;
}

// Rule A14.
Result<std::string> get_client_nonce(const Json& event) {
  TRY_ASSIGN(std::string nonce, json::get_string(event, "client_nonce"));
  if (!is_nonce(nonce)) return fail(Errc::malformed, "receipt (A14): client_nonce is no nonce");
  return nonce;
}

struct Events {
  std::string request_hash;
  std::string response_hash;
  std::optional<std::string> client_nonce;
  std::optional<Execution> execution;
  bool names_upstream = false;
};

Status take_event(Events& out, std::string_view type, const Json& event) {
  if (type == kExecution) {
    TRY_ASSIGN(out.execution, parse_execution(event));
  } else if (type == kSealed) {
    TRY_ASSIGN(out.client_nonce, get_client_nonce(event));
  } else if (type == kUpstream) {
    out.names_upstream = true;
  } else {
    TRY_ASSIGN(std::string hash, get_hash(event));
    if (type == kReceived) out.request_hash = std::move(hash);
    if (type == kReturned) out.response_hash = std::move(hash);
  }
  return {};
}

// Rule A8: order and uniqueness, which the signature alone does not give.
Result<Events> parse_events(const Json& receipt) {
  TRY_ASSIGN(const Json* log, json::get_array(receipt, "event_log"));
  Events out;
  std::vector<std::string> seen;
  for (const Json& event : *log) {
    TRY_ASSIGN(std::string type, json::get_string(event, "type"));
    if (&event == &log->front() && type != kReceived) {
      return fail(Errc::malformed, "receipt (A8): the first event is not request.received");
    }
    if (std::ranges::find(kKnownEvents, type) == kKnownEvents.end()) continue;
    if (std::ranges::find(seen, type) != seen.end()) {
      return fail(Errc::malformed, fmt::format("receipt (A8): {} stands twice", type));
    }
    if (std::ranges::find(seen, kReturned) != seen.end()) {
      return fail(Errc::malformed, fmt::format("receipt (A8): {} after the response", type));
    }
    TRY(take_event(out, type, event));
    seen.push_back(std::move(type));
  }
  if (out.response_hash.empty()) {
    return fail(Errc::malformed, "receipt (A8): no response.returned");
  }
  return out;
}

Status check_text_or_null(const Json& receipt, std::string_view name) {
  const Json* member = json::find(receipt, name);
  if (member == nullptr || !(member->is_string() || member->is_null())) {
    return fail(Errc::malformed,
                fmt::format("receipt (A6): {} is neither a string nor null", name));
  }
  return {};
}

// Rule A6: version and shape.
Status check_shape(const Json& receipt) {
  const Json* signature = json::find(receipt, "signature");
  if (json::find(receipt, "workload_id") != nullptr ||
      (signature != nullptr && signature->is_object())) {
    return fail(Errc::unsupported, "receipt (A6): written by generation 1 of ACI");
  }
  TRY_ASSIGN(const std::string version, json::get_string(receipt, "api_version"));
  if (version != kApiVersion) return fail(Errc::unsupported, "receipt (A6): foreign api_version");
  TRY(json::get_string(receipt, "receipt_id"));
  TRY(json::get_string(receipt, "endpoint"));
  TRY(check_text_or_null(receipt, "chat_id"));
  TRY(check_text_or_null(receipt, "model"));
  TRY_ASSIGN(const std::string method, json::get_string(receipt, "method"));
  if (method != "POST") return fail(Errc::malformed, "receipt (A6): method is not POST");
  TRY_ASSIGN(const std::int64_t served_at, json::get_int(receipt, "served_at"));
  if (served_at < 0) return fail(Errc::malformed, "receipt (A6): served_at is negative");
  return {};
}

// Rule A7. The attested key entry decides the algorithm, never the receipt.
Status check_signature(Json receipt, const Keyset& keyset) {
  TRY_ASSIGN(const std::string key_id, json::get_string(receipt, "key_id"));
  const KeyEntry* entry = keyset.receipt_key(key_id);
  if (entry == nullptr) {
    return fail(Errc::mismatch, "receipt (A7): the keyset has no receipt key of this id");
  }
  TRY_ASSIGN(const auto key, from_hex_array<32>(entry->public_key));
  TRY_ASSIGN(const std::string hex, json::get_string(receipt, "signature"));
  TRY_ASSIGN(const auto signature, from_hex_array<64>(hex));
  receipt.erase("signature");
  TRY_ASSIGN(const std::string input, json::canonical(receipt));
  return crypto::ed25519_verify(key, as_bytes(input), signature);
}

}  // namespace

Result<std::string> sign_receipt(const ReceiptFields& fields, std::string_view key_id,
                                 const crypto::Ed25519Key& key) {
  Json events = Json::array();
  events.push_back(hash_event(kReceived, fields.request_hash));
  if (fields.client_nonce) {
    events.push_back({{"type", kSealed}, {"client_nonce", *fields.client_nonce}});
  }
  if (fields.forwarded_hash) events.push_back(hash_event(kForwarded, *fields.forwarded_hash));
  if (fields.execution) events.push_back(execution_event(*fields.execution));
  events.push_back(hash_event(kReturned, fields.response_hash));

  Json receipt = Json::object();
  receipt["api_version"] = kApiVersion;
  receipt["receipt_id"] = fields.receipt_id;
  receipt["chat_id"] = optional_text(fields.chat_id);
  receipt["model"] = optional_text(fields.model);
  receipt["workload_keyset_digest"] = fields.workload_keyset_digest;
  receipt["endpoint"] = fields.endpoint;
  receipt["method"] = "POST";
  receipt["served_at"] = to_unix(fields.served_at);
  receipt["event_log"] = std::move(events);
  receipt["key_id"] = key_id;
  // What we sign we would also accept.
  TRY(check_shape(receipt));
  TRY(parse_events(receipt));
  if (!is_digest(fields.workload_keyset_digest)) {
    return fail(Errc::malformed, "receipt (A6): workload_keyset_digest is no digest");
  }

  TRY_ASSIGN(const std::string input, json::canonical(receipt));
  receipt["signature"] = to_hex(key.sign(as_bytes(input)));
  return json::canonical(receipt);
}

Result<VerifiedReceipt> verify_receipt(std::string_view document, const ParsedKeyset& keyset) {
  TRY_ASSIGN(Json receipt, json::parse(document, kReceiptLimits));
  TRY(check_shape(receipt));
  TRY(check_signature(receipt, keyset.keyset));
  TRY_ASSIGN(const std::string digest, json::get_string(receipt, "workload_keyset_digest"));
  if (digest != keyset.digest) {
    return fail(Errc::mismatch, "receipt (A7): issued under another keyset");
  }
  TRY_ASSIGN(auto events, parse_events(receipt));

  VerifiedReceipt out;
  out.document_ = std::move(receipt);
  out.request_hash_ = std::move(events.request_hash);
  out.response_hash_ = std::move(events.response_hash);
  out.client_nonce_ = std::move(events.client_nonce);
  out.execution_ = std::move(events.execution);
  out.names_upstream_ = events.names_upstream;
  return out;
}

}  // namespace confide::aci
