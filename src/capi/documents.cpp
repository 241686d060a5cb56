#include "capi/documents.h"

#include <utility>

#include "base/ascii.h"
#include "base/json.h"
#include "capi/boundary.h"
#include "client/proven_exchange.h"
#include "client/terminal.h"

namespace confide::capi {
namespace {

// For programs: the enumerators' own names.
std::string_view code_of(Errc code) noexcept {
  switch (code) {
    case Errc::malformed:
      return "malformed";
    case Errc::unsupported:
      return "unsupported";
    case Errc::bad_signature:
      return "bad_signature";
    case Errc::expired:
      return "expired";
    case Errc::untrusted:
      return "untrusted";
    case Errc::mismatch:
      return "mismatch";
    case Errc::policy:
      return "policy";
    case Errc::limit:
      return "limit";
    case Errc::not_found:
      return "not_found";
    case Errc::unavailable:
      return "unavailable";
    case Errc::internal:
      break;
  }
  return "internal";
}

// HTTP's bytes and a string's characters, one for one.
std::string characters_of(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0U | (byte >> 6U));
      out += static_cast<char>(0x80U | (byte & 0x3fU));
    }
  }
  return out;
}

// `text` is UTF-8, which the parser of the document has seen to.
Result<std::string> bytes_of(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      out += text[i];
      continue;
    }
    if (lead > 0xc3 || i + 1 == text.size()) {
      return fail(Errc::malformed, "a character of the request stands for no byte");
    }
    const auto next = static_cast<unsigned char>(text[++i]);
    out += static_cast<char>(((lead & 0x03U) << 6U) | (next & 0x3fU));
  }
  return out;
}

Result<std::string> bytes_member(const Json& object, std::string_view name) {
  TRY_ASSIGN(const std::string text, json::get_string(object, name));
  return bytes_of(text);
}

Result<seal::HttpField> read_field(const Json& pair) {
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
    return fail(Errc::malformed, "a field of the request is no pair of strings");
  }
  seal::HttpField field;
  TRY_ASSIGN(const std::string name, bytes_of(pair[0].get_ref<const std::string&>()));
  field.name = to_lower(name);
  TRY_ASSIGN(field.value, bytes_of(pair[1].get_ref<const std::string&>()));
  return field;
}

}  // namespace

std::string failure_document(const Error& error, const verify::Verdict& verdict) {
  const verify::Check* failed = verdict.first_failure();
  Json document = {{"code", code_of(error.code)},
                   {"message", client::printable(error.message)},
                   {"check", nullptr},
                   {"verdict", verdict.to_json()}};
  if (failed != nullptr) document["check"] = failed->id;
  return dump(document);
}

std::string service_document(const ServiceFacts& facts) {
  const client::AttestedService& service = facts.service;
  return dump({{"url", facts.url},
               {"verified_at", to_rfc3339(facts.verified_at)},
               {"simulated", service.simulated()},
               {"models", service.model_digests()},
               {"manifest", service.compose_digest()},
               {"keyset", service.keyset().digest},
               {"keyset_expires", to_rfc3339(service.keyset().keyset.not_after)},
               {"nonce", facts.nonce},
               {"report", facts.report},
               {"verdict", facts.verdict.to_json()}});
}

std::string head_document(const seal::InnerResponse& head) {
  Json fields = Json::array();
  for (const seal::HttpField& field : head.fields) {
    if (!client::is_handed_on(field.name)) continue;
    fields.push_back(Json::array({characters_of(field.name), characters_of(field.value)}));
  }
  return dump({{"status", head.status}, {"fields", std::move(fields)}});
}

std::string proof_document(const client::SealedAnswer& answer, const std::string& receipt,
                           const verify::Verdict& verdict) {
  return dump({{"receipt", receipt},
               {"request_hash", answer.facts.request_hash.value_or("")},
               {"response_hash", answer.facts.response_hash.value_or("")},
               {"client_nonce", answer.facts.client_nonce.value_or("")},
               {"keyset", answer.attestation->service.keyset().digest},
               {"verdict", verdict.to_json()}});
}

Result<seal::InnerRequest> read_request(std::string_view head) {
  TRY_ASSIGN(const Json document, json::parse(head));
  seal::InnerRequest request;
  TRY_ASSIGN(request.method, bytes_member(document, "method"));
  TRY_ASSIGN(request.path, bytes_member(document, "path"));
  TRY_ASSIGN(const Json* fields, json::get_array(document, "fields"));
  for (const Json& pair : *fields) {
    TRY_ASSIGN(seal::HttpField field, read_field(pair));
    if (client::is_sent(field.name)) request.fields.push_back(std::move(field));
  }
  return request;
}

}  // namespace confide::capi
