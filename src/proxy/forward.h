// One request of a local client on its way to the attested service and back.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"
#include "proxy/history.h"
#include "proxy/routes.h"
#include "proxy/tally.h"

namespace confide::proxy {

// What forwarding works with; it outlives the request.
struct ForwardParts {
  History& history;
  Tally& tally;
  const Clock& clock;
};

// Whether the outcome of a receipt's check belongs in the history: not where it could not be
// fetched because the client had left.
bool is_worth_keeping(const verify::Verdict& verdict, bool client_left) noexcept;

// Answers `exchange`, on the caller's thread, which is held until the end. Whatever is not proven
// is not delivered: an answer that is not streamed is withheld until its receipt has verified, and
// a stream ends before its terminator, and without its last chunk, if it does not.
void forward(const ForwardParts& parts, const Service& service, net::HttpRequest request,
             const std::shared_ptr<net::Exchange>& exchange);

}  // namespace confide::proxy
