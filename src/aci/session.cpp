#include "aci/session.h"

#include <fmt/format.h>

#include "aci/keyset.h"
#include "base/base64.h"

namespace confide::aci {
namespace {

Status check_evidence(const Json& document) {
  TRY_ASSIGN(const Json* evidence, json::get_object(document, "evidence"));
  TRY_ASSIGN(const std::string digest, json::get_string(*evidence, "digest"));
  TRY_ASSIGN(const std::string data, json::get_string(*evidence, "data"));
  constexpr std::string_view kMark = ";base64,";
  const std::size_t mark = data.find(kMark);
  if (!data.starts_with("data:") || mark == std::string::npos) {
    return fail(Errc::malformed, "session (A12): evidence is no base64 data URL");
  }
  TRY_ASSIGN(const Bytes bytes, from_base64(std::string_view(data).substr(mark + kMark.size())));
  if (crypto::sha256_tag(bytes) != digest) {
    return fail(Errc::mismatch, "session (A12): the evidence does not hash to its digest");
  }
  return {};
}

}  // namespace

Result<std::string> session_id(const Json& document) {
  TRY_ASSIGN(const std::string canonical, json::canonical(document));
  return to_hex(crypto::sha256(as_bytes(canonical)));
}

Json session_evidence(std::string_view content_type, ByteView bytes) {
  return {{"digest", crypto::sha256_tag(bytes)},
          {"data", fmt::format("data:{};base64,{}", content_type, to_base64(bytes))}};
}

Status check_session(const Json& document, std::string_view id, Time at) {
  TRY_ASSIGN(const std::string version, json::get_string(document, "api_version"));
  if (version != kApiVersion) return fail(Errc::unsupported, "session (A12): foreign api_version");
  TRY_ASSIGN(const std::string actual, session_id(document));
  if (actual != id) return fail(Errc::mismatch, "session (A12): the document has another id");
  TRY(check_evidence(document));
  TRY_ASSIGN(const std::int64_t from, json::get_int(document, "established_at"));
  TRY_ASSIGN(const std::int64_t until, json::get_int(document, "expires_at"));
  if (to_unix(at) < from || to_unix(at) > until) {
    return fail(Errc::expired, "session (A12): the time is outside the session's window");
  }
  return {};
}

}  // namespace confide::aci
