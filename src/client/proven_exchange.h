// One request of a program's own, and its answer, of which nothing is delivered that is not proven:
// what the local endpoint and the C interface do alike. docs/proxy.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "client/sealed_channel.h"

namespace confide::client {

// Whether a field of a program's request goes into the sealed one, and one of the answer to the
// program. Not those of a single hop (RFC 9110, section 7.6.1), of framing, of the channel itself,
// and what would change the bytes that receipts are about. `name` is lower case.
bool is_sent(std::string_view name) noexcept;
bool is_handed_on(std::string_view name) noexcept;
// Whether the content is handed on as it comes.
bool is_stream(const seal::InnerResponse& head);

// Where the answer goes, on the thread of exchange_proven(). A failure ends the exchange.
struct ProvenSink {
  // If the answer needs a receipt: what it showed, before the end is delivered or the exchange
  // fails. The document is empty if there is none.
  std::function<void(const SealedAnswer& answer, std::string document,
                     const verify::Verdict& verdict)>
      on_receipt;
  std::function<Status(const seal::InnerResponse& head)> on_head;  // once, before any content
  std::function<Status(std::string content)> on_content;
};

// Sends `request` sealed. An answer that is not streamed is withheld until its receipt has
// verified, and so is the end of a stream: after a failure the sink has at most a stream without
// its end. A POST that was answered 2xx needs a receipt, other answers none. Adds to `verdict`, and
// fails, as SealedChannel::exchange() and check_receipt() do, and with `limit` if an answer is too
// long to be withheld.
Status exchange_proven(SealedChannel& channel, const seal::InnerRequest& request,
                       const ProvenSink& sink, Cancellation& cancellation,
                       verify::Verdict& verdict);

}  // namespace confide::client
