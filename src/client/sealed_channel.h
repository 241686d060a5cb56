// Whole requests sealed to an attested service: method, path, headers, body, answer and errors
// travel inside OHTTP, whoever ends TLS on the way. docs/proxy.md and docs/protocols/ohttp.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "client/attest.h"
#include "client/connections.h"
#include "seal/ohttp_exchange.h"

namespace confide::client {

struct SealedOptions {
  Target target;
  seal::Padding padding = seal::kDefaultPadding;
};

// One appraisal, and the key configuration that it vouches for.
struct Attestation {
  AttestedService service;
  std::string nonce;   // ours
  std::string report;  // as served
  verify::Verdict verdict;
  Time verified_at{};
  std::uint64_t number = 0;  // counts the channel's appraisals from 1
  seal::KeyConfig key;
  // Set once an answer has contradicted it.
  std::shared_ptr<std::atomic<bool>> refuted = std::make_shared<std::atomic<bool>>(false);
};

// Where an answer goes, on the thread of exchange(), as it arrives. A failure ends the exchange.
struct AnswerSink {
  std::function<Status(const seal::InnerResponse& head)> on_head;  // once, before any content
  std::function<Status(std::string_view content)> on_content;
};
// Appends the content to `body`, which outlives it. Fails with `limit`, naming `what`, beyond
// `max`.
AnswerSink gather(std::string& body, std::size_t max, std::string_view what);

// An answer that arrived whole: every byte authentic, in its place, and none missing.
struct SealedAnswer {
  seal::InnerResponse head;                        // without content
  std::shared_ptr<const Attestation> attestation;  // what the request was sealed to
  ExchangeFacts facts;                             // of this very exchange, for its receipt
  // A receipt may be known to one replica alone, so it is asked for where the answer came from.
  Peer peer;

  std::string receipt_id() const;  // empty if it names none
};

class SealedAttempt;

// Thread-safe: any number of exchanges at once.
class SealedChannel {
 public:
  // Attests. On failure `verdict` says why. Check ids: those of appraise(), channel.offered and
  // channel.key. Fails with `unsupported` if the service offers no sealed channel; there is no
  // falling back to another one.
  static Result<std::unique_ptr<SealedChannel>> open(SealedOptions options,
                                                     verify::Verdict& verdict);
  // The same with a service that has been appraised, as `verdict` says.
  static Result<std::unique_ptr<SealedChannel>> open(SealedOptions options, Attested attested,
                                                     verify::Verdict& verdict);

  // The latest one. Never null.
  std::shared_ptr<const Attestation> attestation() const;

  // Sends `request` sealed and opens the answer. If the keyset has expired, or the service no
  // longer has the key, attests anew and tries once more; if only our clock is wrong, tries once
  // more with the service's (O22). If an appraisal fails, so do all exchanges that were under way
  // then and need one. What went to the sink before a failure is authentic, but not all. Adds to
  // `verdict` what failed: channel.request, channel.sent, channel.key, channel.clock,
  // channel.answer, channel.keyset, and those of appraise(). Fails with `unavailable` if nothing
  // came, what came was cut off, or it is not known whether the service took the request;
  // `bad_signature` or `malformed` if it was not what the service sealed, `untrusted` if somebody
  // answered in clear, `expired` if the clocks disagree, `mismatch` for a key or keyset that is not
  // attested.
  Result<SealedAnswer> exchange(const seal::InnerRequest& request, const AnswerSink& sink,
                                Cancellation& cancellation, verify::Verdict& verdict);

  // Fetches the receipt of `answer`, sealed and with `credentials`, into `document`, where it stays
  // if it fails, and verifies it against the exchange. Check ids: receipt.fetch and those of
  // appraise_receipt().
  Status check_receipt(SealedAnswer& answer, const seal::HttpFields& credentials,
                       Cancellation& cancellation, std::string& document, verify::Verdict& verdict);
  // Keeps the connection for another exchange; not needed after check_receipt().
  void done_with(SealedAnswer& answer) { connections_.give_back(std::move(answer.peer)); }

 private:
  SealedChannel(SealedOptions options, net::Url url);

  // One exchange, as seen by all that it is made of.
  struct Call {
    Cancellation& cancellation;
    verify::Verdict& verdict;
    std::uint64_t failures_before = 0;
  };
  struct Failure {
    Error error;
    verify::Verdict verdict;
  };

  Result<Peer> adopt(Attested attested, Cancellation& cancellation, verify::Verdict& verdict);
  Result<Peer> attest_at(std::unique_ptr<net::Connection> connection, Cancellation& cancellation,
                         verify::Verdict& verdict);
  Result<Peer> attest_again(std::unique_ptr<net::Connection> connection, const Call& call);
  Result<bool> renew(Peer& peer, bool here, const Call& call);
  Result<Peer> ready(Peer peer, const Call& call);
  bool is_good(const Attestation& attestation) const;
  Result<bool> send(SealedAttempt& attempt, Peer& peer, const AnswerSink& sink,
                    Cancellation& cancellation);
  Result<SealedAnswer> exchange_with(Peer peer, const seal::InnerRequest& request,
                                     const AnswerSink& sink, Cancellation& cancellation,
                                     verify::Verdict& verdict);

  SealedOptions options_;
  Connections connections_;
  std::mutex renewing_;                     // held by whoever attests
  std::optional<Failure> last_failure_;     // with renewing_
  std::atomic<std::uint64_t> failures_{0};  // appraisals that failed, but for cancelled ones
  mutable std::mutex mutex_;
  std::shared_ptr<const Attestation> attestation_;
};

}  // namespace confide::client
