// The two kinds of sessions, made from a service that has passed.
#pragma once

#include <memory>

#include "client/session.h"

namespace confide::client {

// `attested` was appraised with TlsKey::required, or lists no key for the sealed channel.
std::unique_ptr<Session> make_e2ee_session(SessionOptions options, net::Url url, Attested attested);
// Fails as SealedChannel::open() does.
Result<std::unique_ptr<Session>> make_sealed_session(SessionOptions options, net::Url url,
                                                     Attested attested, verify::Verdict& verdict);

}  // namespace confide::client
