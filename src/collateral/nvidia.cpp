#include "collateral/nvidia.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/ocsp.h"
#include "crypto/ocsp_request.h"

namespace confide::collateral {
namespace {

constexpr std::size_t kMaxId = 128;

bool is_rim_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxId && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '.' || c == '-';
  });
}

Result<Entry> read_rim(const HttpAnswer& answer, const std::string& id, Time at) {
  TRY_ASSIGN(const Json object, json::parse(as_text(answer.body)));
  TRY_ASSIGN(const std::string named, json::get_string(object, "id"));
  if (named != id) return fail(Errc::malformed, "it is another manifest");
  TRY_ASSIGN(const std::string encoded, json::get_string(object, "rim"));
  TRY_ASSIGN(Bytes xml, from_base64(encoded));
  TRY_ASSIGN(const std::string digest, json::get_string(object, "sha256"));
  TRY_ASSIGN(const auto expected, from_hex_array<32>(digest, HexCase::any));
  if (crypto::sha256(xml) != expected) return fail(Errc::malformed, "its digest does not match");
  return Entry{std::move(xml), "", at, at + kRimLifetime};
}

}  // namespace

Result<Query> query_rim(std::string_view base, const std::string& id, Time at) {
  if (!is_rim_id(id)) return fail(Errc::malformed, "the evidence names no manifest");
  Query query;
  query.kind = "rim";
  query.what = "the reference manifest " + id;
  query.key = id;
  query.request.url = join_url(base, "/v1/rim/" + id);
  query.request.accept = "application/json";
  query.read = [id, at](const HttpAnswer& answer) { return read_rim(answer, id, at); };
  return query;
}

Result<Query> query_ocsp(std::string_view base, const crypto::Certificate& subject,
                         const crypto::Certificate& issuer, Time at) {
  Query query;
  query.kind = "ocsp";
  query.what = fmt::format("the OCSP answer about {}", subject.common_name());
  query.request.url = join_url(base, "");
  query.request.accept = "application/ocsp-response";
  query.request.content_type = "application/ocsp-request";
  TRY_ASSIGN(query.request.body, crypto::make_ocsp_request(subject, issuer));
  query.key = to_hex(query.request.body);
  query.read = [subject, issuer, at](const HttpAnswer& answer) -> Result<Entry> {
    Entry entry{answer.body, "", at, at};
    const auto word = crypto::verify_ocsp(answer.body, subject, issuer, at);
    if (word && word->next_update) {
      entry.valid_from = word->this_update;
      entry.valid_until = *word->next_update;
    }
    return entry;
  };
  return query;
}

}  // namespace confide::collateral
