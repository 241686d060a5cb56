#include "evidence/event_log.h"

#include <utility>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::size_t kMaxEvents = 8192;

// A platform may leave out what the verifier computes anyhow: then the digest stays zero (E2).
Result<Measurement> parse_digest(const std::string& hex, std::uint32_t type) {
  if (hex.empty() && type == kRuntimeEvent) return Measurement{};
  return from_hex_array<48>(hex, HexCase::any);
}

Result<DigestVersion> parse_version(const Json& entry) {
  if (json::find(entry, "version") == nullptr) return DigestVersion::v1;
  TRY_ASSIGN(const std::int64_t version, json::get_int(entry, "version"));
  if (version == 1) return DigestVersion::v1;
  if (version == 2) return DigestVersion::v2;
  return fail(Errc::unsupported, fmt::format("digest version {}", version));
}

Result<std::optional<Bytes>> parse_preimage(const Json& entry) {
  if (json::find(entry, "preimage") == nullptr) return std::nullopt;
  TRY_ASSIGN(const std::string hex, json::get_string(entry, "preimage"));
  TRY_ASSIGN(Bytes bytes, from_hex(hex, HexCase::any));
  return bytes;
}

Result<Event> parse_event(const Json& entry) {
  Event out;
  TRY_ASSIGN(const std::int64_t imr, json::get_int(entry, "imr"));
  if (imr < 0 || imr > 3) return fail(Errc::malformed, "member 'imr' is not 0..3");
  out.imr = static_cast<unsigned>(imr);
  TRY_ASSIGN(const std::int64_t type, json::get_int(entry, "event_type"));
  if (type < 0 || type > std::int64_t{UINT32_MAX}) {
    return fail(Errc::malformed, "member 'event_type' does not fit 32 bits");
  }
  out.type = static_cast<std::uint32_t>(type);
  TRY_ASSIGN(const std::string digest, json::get_string(entry, "digest"));
  TRY_ASSIGN(out.digest, parse_digest(digest, out.type));
  TRY_ASSIGN(out.name, json::get_string(entry, "event"));
  TRY_ASSIGN(const std::string payload, json::get_string(entry, "event_payload"));
  TRY_ASSIGN(out.payload, from_hex(payload, HexCase::any));
  if (out.type != kRuntimeEvent) return out;
  TRY_ASSIGN(out.version, parse_version(entry));
  TRY_ASSIGN(out.preimage, parse_preimage(entry));
  return out;
}

Result<std::vector<Event>> parse_array(const Json& log) {
  if (!log.is_array()) return fail(Errc::malformed, "event log: not an array");
  if (log.size() > kMaxEvents) return fail(Errc::limit, "event log: too many events");
  std::vector<Event> out;
  out.reserve(log.size());
  for (const Json& entry : log) {
    auto event = parse_event(entry);
    if (!event) {
      return fail(event.error().code,
                  fmt::format("event log: entry {}: {}", out.size(), event.error().message));
    }
    out.push_back(*std::move(event));
  }
  return out;
}

}  // namespace

Result<std::vector<Event>> parse_event_log(const Json& log) {
  if (!log.is_string()) return parse_array(log);
  TRY_ASSIGN(const Json inner, json::parse(log.get_ref<const std::string&>()));
  return parse_array(inner);
}

Json event_log_to_json(const std::vector<Event>& log) {
  Json out = Json::array();
  for (const Event& event : log) {
    Json entry{{"imr", event.imr},
               {"event_type", event.type},
               {"digest", to_hex(event.digest)},
               {"event", event.name},
               {"event_payload", to_hex(event.payload)}};
    if (event.version != DigestVersion::v1) entry["version"] = static_cast<int>(event.version);
    if (event.preimage) entry["preimage"] = to_hex(*event.preimage);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace confide::evidence
