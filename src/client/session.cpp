#include "client/session.h"

#include <utility>

#include "client/session_kinds.h"

namespace confide::client {

void Exchange::take(Answer streamed) {
  response_body = std::move(streamed.raw);
  answer = std::move(streamed.text);
  finish_reason = std::move(streamed.finish_reason);
  usage = std::move(streamed.usage);
}

// What the keyset lists is attested, so nobody on the way can take the sealed channel off it: where
// it is listed there is no other, and where it is not the TLS key had to be an attested one.
Result<std::unique_ptr<Session>> Session::open(const SessionOptions& options,
                                               verify::Verdict& verdict) {
  TRY_ASSIGN(net::Url url, net::parse_url(options.url));
  TRY_ASSIGN(auto connection, net::Connection::open(url, std::nullopt));
  const TlsKey tls_key =
      options.channel == Channel::e2ee ? TlsKey::required : TlsKey::unless_sealed;
  Cancellation never;
  TRY_ASSIGN(Attested attested,
             attest(options, url, tls_key, std::move(connection), never, verdict));
  const bool listed = !attested.service.keyset().keyset.ohttp_key_configurations.empty();
  if (options.channel == Channel::sealed || (options.channel == Channel::automatic && listed)) {
    return make_sealed_session(options, std::move(url), std::move(attested), verdict);
  }
  return make_e2ee_session(options, std::move(url), std::move(attested));
}

}  // namespace confide::client
