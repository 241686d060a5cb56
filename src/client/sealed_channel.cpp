#include "client/sealed_channel.h"

#include <fmt/format.h>

#include <utility>

#include "client/sealed_attempt.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxReceipt = std::size_t{1} << 20U;

// A model may think for minutes before the first byte, and a stream may be long.
constexpr net::ClientLimits kExchangeLimits{.idle_timeout = std::chrono::seconds{600},
                                            .max_body_bytes = std::size_t{4} << 30U};

// The first configuration that the keyset lists and we speak. Rules A3 and A13, O2.
Result<seal::KeyConfig> choose_key(const aci::Keyset& keyset, std::string_view served) {
  TRY_ASSIGN(const auto configurations, seal::split_key_configs(as_bytes(served)));
  Error why{Errc::mismatch, "the service publishes no key configuration that its keyset lists"};
  for (const Bytes& bytes : configurations) {
    const std::string digest = seal::key_config_digest(bytes);
    const auto key = seal::parse_key_config(bytes);
    if (!key) {
      if (key.error().code == Errc::unsupported) why = key.error();
      continue;
    }
    const Status listed = keyset.check_ohttp_key(digest, to_hex(key->public_key));
    if (listed) return key;
    // Not listed: somebody else's. Listed, but in two roles: that is worth saying.
    if (listed.error().code != Errc::mismatch) why = listed.error();
  }
  return tl::unexpected<Error>(std::move(why));
}

Result<seal::KeyConfig> fetch_key(const aci::Keyset& keyset, net::Connection& connection,
                                  Cancellation& cancellation) {
  const Watch watch(cancellation, connection);
  TRY_ASSIGN(const auto response, connection.send(get_request(std::string(seal::kOhttpPath))));
  if (response.status != 200) {
    return fail(Errc::unavailable,
                fmt::format("no key configuration: the service answered {}", response.status));
  }
  return choose_key(keyset, response.body);
}

Status check_offered(const aci::Keyset& keyset) {
  if (!keyset.ohttp_key_configurations.empty()) return {};
  return fail(Errc::unsupported, "the service attests no key for the sealed channel (OHTTP)");
}

tl::unexpected<Error> nobody_waits() {
  return fail(Errc::unavailable, "nobody waits for the answer any more");
}

}  // namespace

AnswerSink gather(std::string& body, std::size_t max, std::string_view what) {
  return {.on_head = [](const seal::InnerResponse&) { return Status(); },
          .on_content = [&body, max, what](std::string_view content) -> Status {
            body += content;
            if (body.size() <= max) return {};
            return fail(Errc::limit, fmt::format("{} is too long", what));
          }};
}

std::string SealedAnswer::receipt_id() const {
  const std::string* id = seal::find_field(head.fields, "x-receipt-id");
  return id != nullptr ? *id : "";
}

SealedChannel::SealedChannel(SealedOptions options, net::Url url)
    : options_(std::move(options)), connections_(std::move(url), kExchangeLimits) {}

Result<std::unique_ptr<SealedChannel>> SealedChannel::open(SealedOptions options,
                                                           verify::Verdict& verdict) {
  TRY_ASSIGN(net::Url url, net::parse_url(options.target.url));
  std::unique_ptr<SealedChannel> channel(new SealedChannel(std::move(options), std::move(url)));
  TRY_ASSIGN(auto connection, channel->connections_.open_new());
  Cancellation never;
  TRY_ASSIGN(Peer peer, channel->attest_at(std::move(connection), never, verdict));
  channel->connections_.give_back(std::move(peer));
  return channel;
}

Result<std::unique_ptr<SealedChannel>> SealedChannel::open(SealedOptions options, Attested attested,
                                                           verify::Verdict& verdict) {
  TRY_ASSIGN(net::Url url, net::parse_url(options.target.url));
  std::unique_ptr<SealedChannel> channel(new SealedChannel(std::move(options), std::move(url)));
  Cancellation never;
  TRY_ASSIGN(Peer peer, channel->adopt(std::move(attested), never, verdict));
  channel->connections_.give_back(std::move(peer));
  return channel;
}

std::shared_ptr<const Attestation> SealedChannel::attestation() const {
  const std::lock_guard lock(mutex_);
  return attestation_;
}

Result<Peer> SealedChannel::attest_at(std::unique_ptr<net::Connection> connection,
                                      Cancellation& cancellation, verify::Verdict& verdict) {
  verify::Verdict mine;
  auto peer = [&]() -> Result<Peer> {
    TRY_ASSIGN(Attested passed, attest(options_.target, connections_.url(), TlsKey::unless_sealed,
                                       std::move(connection), cancellation, mine));
    return adopt(std::move(passed), cancellation, mine);
  }();
  verdict.merge(std::move(mine));
  return peer;
}

Result<Peer> SealedChannel::adopt(Attested attested, Cancellation& cancellation,
                                  verify::Verdict& verdict) {
  const aci::Keyset& keyset = attested.service.keyset().keyset;
  const Status offered = check_offered(keyset);
  if (!verdict.check("channel.offered", offered, "requests can be sealed whole")) {
    return tl::unexpected<Error>(offered.error());
  }
  auto key = fetch_key(keyset, *attested.connection, cancellation);
  if (!key) {
    verdict.fail("channel.key", key.error().message);
    return tl::unexpected<Error>(key.error());
  }
  verdict.pass("channel.key", "the key to seal to is the keyset's");
  attested.connection->set_limits(kExchangeLimits);

  Attestation passed{.service = std::move(attested.service),
                     .nonce = std::move(attested.nonce),
                     .report = std::move(attested.report),
                     .verdict = verdict,
                     .verified_at = options_.target.now(),
                     .key = *std::move(key)};
  const std::lock_guard lock(mutex_);
  passed.number = attestation_ ? attestation_->number + 1 : 1;
  attestation_ = std::make_shared<const Attestation>(std::move(passed));
  return Peer{.connection = std::move(attested.connection),
              .attestation = attestation_,
              .used_before = true};
}

// With renewing_ held.
Result<Peer> SealedChannel::attest_again(std::unique_ptr<net::Connection> connection,
                                         const Call& call) {
  verify::Verdict mine;
  auto peer = [&]() -> Result<Peer> {
    if (!connection->is_open()) {
      TRY_ASSIGN(connection, connections_.open_new());
    }
    return attest_at(std::move(connection), call.cancellation, mine);
  }();
  // That a client left says nothing of the service.
  if (!peer && !call.cancellation.cancelled()) {
    last_failure_ = Failure{.error = peer.error(), .verdict = mine};
    ++failures_;
  }
  call.verdict.merge(std::move(mine));
  return peer;
}

// By what somebody else has found out meanwhile, or else by an appraisal on this very connection;
// `here` asks for that. True if it was ours.
Result<bool> SealedChannel::renew(Peer& peer, bool here, const Call& call) {
  const std::lock_guard lock(renewing_);
  if (call.cancellation.cancelled()) return nobody_waits();
  const auto latest = attestation();
  if (!here && latest->number > peer.attestation->number && is_good(*latest)) {
    peer.attestation = latest;
    return false;
  }
  // Each of many requests would otherwise wait for its own failure after all the others'.
  if (failures_ != call.failures_before) {
    call.verdict.merge(last_failure_->verdict);
    return tl::unexpected<Error>(last_failure_->error);
  }
  TRY_ASSIGN(peer, attest_again(std::move(peer.connection), call));
  return true;
}

bool SealedChannel::is_good(const Attestation& attestation) const {
  const bool expired = options_.target.now() >= attestation.service.keyset().keyset.not_after;
  return !expired && !*attestation.refuted;
}

Result<Peer> SealedChannel::ready(Peer peer, const Call& call) {
  if (peer.connection == nullptr) {
    auto taken = connections_.take();
    if (!taken) {
      call.verdict.fail("channel.sent", taken.error().message);
      return taken;
    }
    peer = *std::move(taken);
  }
  if (peer.attestation == nullptr) peer.attestation = attestation();
  if (!is_good(*peer.attestation)) TRY(renew(peer, /*here=*/false, call));
  return peer;
}

// A service may close an idle connection just as we use it. The same capsule then goes out again:
// had the first one arrived after all, the second would be refused as a replay. True if it did.
Result<bool> SealedChannel::send(SealedAttempt& attempt, Peer& peer, const AnswerSink& sink,
                                 Cancellation& cancellation) {
  const auto run = [&] {
    const Watch watch(cancellation, *peer.connection);
    return attempt.run(*peer.connection, sink);
  };
  const Status sent = run();
  if (sent) return false;
  const bool idle_close = peer.used_before && peer.connection->closed_by_peer();
  if (attempt.heard() || !idle_close || cancellation.cancelled()) {
    return tl::unexpected<Error>(sent.error());
  }
  TRY_ASSIGN(peer.connection, connections_.open_new());
  peer.used_before = false;
  TRY(run());
  return true;
}

// Rule O22: on a key that is not known another appraisal, by us or by whoever was quicker, and once
// more; on a wrong clock once more. Nothing else is repeated, for it may have been served, perhaps
// by another replica than the one that refuses it now.
Result<SealedAnswer> SealedChannel::exchange_with(Peer peer, const seal::InnerRequest& request,
                                                  const AnswerSink& sink,
                                                  Cancellation& cancellation,
                                                  verify::Verdict& verdict) {
  const auto refuse = [&](std::string_view check, Error error) {
    verdict.fail(std::string(check), error.message);
    return tl::unexpected<Error>(std::move(error));
  };
  const Call call{.cancellation = cancellation, .verdict = verdict, .failures_before = failures_};
  if (cancellation.cancelled()) return nobody_waits();
  TRY_ASSIGN(peer, ready(std::move(peer), call));
  Time date = options_.target.now();
  bool corrected = false;  // our date
  bool renewed = false;    // what we know of the service,
  bool appraised = false;  // by an appraisal of our own
  while (true) {
    auto made = SealedAttempt::make(*peer.attestation, request, options_.padding, date);
    if (!made) return refuse("channel.request", made.error());
    const auto sent_twice = send(*made, peer, sink, cancellation);
    if (!sent_twice) {
      if (made->failed_check() == "channel.keyset") *peer.attestation->refuted = true;
      return refuse(made->failed_check(), sent_twice.error());
    }
    if (*sent_twice && made->problem() != ChannelProblem::none) {
      return refuse("channel.sent", {Errc::unavailable,
                                     "the connection was closed, and it is not known whether the "
                                     "service took the request"});
    }
    switch (made->problem()) {
      case ChannelProblem::none:
        return SealedAnswer{.head = made->head(),
                            .attestation = peer.attestation,
                            .facts = made->facts(),
                            .peer = std::move(peer)};
      case ChannelProblem::refused:
        return refuse("channel.answer", {Errc::malformed, made->problem_text()});
      case ChannelProblem::clock:
        if (corrected || !made->service_time()) {
          return refuse("channel.clock", {Errc::expired, made->problem_text()});
        }
        corrected = true;
        date = *made->service_time();
        break;
      case ChannelProblem::key:
        if (appraised) return refuse("channel.key", {Errc::mismatch, made->problem_text()});
        TRY_ASSIGN(appraised, renew(peer, /*here=*/renewed, call));
        renewed = true;
        break;
    }
  }
}

Result<SealedAnswer> SealedChannel::exchange(const seal::InnerRequest& request,
                                             const AnswerSink& sink, Cancellation& cancellation,
                                             verify::Verdict& verdict) {
  return exchange_with({}, request, sink, cancellation, verdict);
}

Status SealedChannel::check_receipt(SealedAnswer& answer, const seal::HttpFields& credentials,
                                    Cancellation& cancellation, std::string& document,
                                    verify::Verdict& verdict) {
  document.clear();
  const auto missing = [&](Error error) {
    verdict.fail("receipt.fetch", error.message);
    document.clear();
    return tl::unexpected<Error>(std::move(error));
  };
  const std::string id = answer.receipt_id();
  if (!is_receipt_id(id)) {
    return missing({Errc::not_found, "the service gave no receipt for its answer"});
  }
  seal::InnerRequest request{.method = "GET", .path = "/v1/aci/receipts/" + id};
  request.fields = credentials;
  const AnswerSink sink = gather(document, kMaxReceipt, "the receipt");
  Peer peer = std::move(answer.peer);
  peer.used_before = true;
  if (peer.connection != nullptr && !peer.connection->is_open()) peer = {};
  verify::Verdict fetching;
  auto fetched = exchange_with(std::move(peer), request, sink, cancellation, fetching);
  if (!fetched) return missing(fetched.error());
  connections_.give_back(std::move(fetched->peer));
  if (fetched->head.status != 200) return missing(service_error(fetched->head.status, document));
  TRY(appraise_receipt(document, answer.attestation->service, answer.facts, verdict));
  return {};
}

}  // namespace confide::client
