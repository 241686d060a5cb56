// The C face of client/: handles, documents, no exceptions. include/confide/client.h is its
// documentation.
#include <confide/client.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "capi/boundary.h"
#include "capi/client_options.h"
#include "capi/documents.h"
#include "capi/exchange.h"
#include "net/http.h"

struct confide_channel {
  std::string url;
  std::string authority;
  std::shared_ptr<confide::client::SealedChannel> sealed;
  std::mutex mutex;
  std::vector<std::shared_ptr<confide::capi::Exchange>> exchanges;  // some have finished
};

// Its thread is the channel's to wait for.
struct confide_exchange {
  std::shared_ptr<confide::capi::Exchange> value;
};

namespace confide::capi {
namespace {

std::string_view text(confide_bytes bytes) noexcept {
  return bytes.data == nullptr ? std::string_view() : as_text(ByteView(bytes.data, bytes.size));
}

char* hand_out(std::string_view document) {
  auto out = std::make_unique<char[]>(document.size() + 1);
  std::memcpy(out.get(), document.data(), document.size());
  return out.release();
}

// Leaves the document where the caller wants it.
void leave(std::string_view document, char** at) {
  if (at != nullptr) *at = hand_out(document);
}

std::string attested_document(const std::string& url, const client::Attestation& attestation) {
  return service_document({.url = url,
                           .service = attestation.service,
                           .nonce = attestation.nonce,
                           .report = attestation.report,
                           .verdict = attestation.verdict,
                           .verified_at = attestation.verified_at});
}

Result<std::string> verify_for_channel(client::SealedOptions options, verify::Verdict& verdict) {
  const std::string url = options.target.url;
  TRY_ASSIGN(const auto channel, client::SealedChannel::open(std::move(options), verdict));
  return attested_document(url, *channel->attestation());
}

Result<std::string> verify_service(std::string_view document, verify::Verdict& verdict) {
  TRY_ASSIGN(ClientOptions options, read_options(document));
  if (options.for_channel) return verify_for_channel(std::move(options.sealed), verdict);
  const client::Target& target = options.sealed.target;
  TRY_ASSIGN(const net::Url url, net::parse_url(target.url));
  TRY_ASSIGN(auto connection, net::Connection::open(url, std::nullopt));
  client::Cancellation never;
  TRY_ASSIGN(const client::Attested passed, client::attest(target, url, client::TlsKey::required,
                                                           std::move(connection), never, verdict));
  return service_document({.url = target.url,
                           .service = passed.service,
                           .nonce = passed.nonce,
                           .report = passed.report,
                           .verdict = verdict,
                           .verified_at = target.now()});
}

Result<std::unique_ptr<confide_channel>> open_channel(std::string_view document,
                                                      verify::Verdict& verdict) {
  TRY_ASSIGN(ClientOptions options, read_options(document));
  auto channel = std::make_unique<confide_channel>();
  channel->url = options.sealed.target.url;
  TRY_ASSIGN(const net::Url url, net::parse_url(channel->url));
  channel->authority = fmt::format("{}:{}", net::url_host(url.host), url.port);
  TRY_ASSIGN(channel->sealed, client::SealedChannel::open(std::move(options.sealed), verdict));
  return channel;
}

}  // namespace
}  // namespace confide::capi

using namespace confide;  // the functions below are C's, and stand outside every namespace
using namespace confide::capi;

const char* confide_client_version(void) { return CONFIDE_VERSION; }
void confide_document_free(char* document) { delete[] document; }

bool confide_service_verify(confide_bytes options, char** document) {
  if (document != nullptr) *document = nullptr;
  return or_null([&] {
    verify::Verdict verdict;
    const auto verified = verify_service(text(options), verdict);
    leave(verified ? *verified : failure_document(verified.error(), verdict), document);
    return verified.has_value();
  });
}

confide_channel* confide_channel_open(confide_bytes options, char** error) {
  if (error != nullptr) *error = nullptr;
  return or_null([&]() -> confide_channel* {
    verify::Verdict verdict;
    auto channel = open_channel(text(options), verdict);
    if (channel) return channel->release();
    leave(failure_document(channel.error(), verdict), error);
    return nullptr;
  });
}

char* confide_channel_service(const confide_channel* channel) {
  if (channel == nullptr) return nullptr;
  return or_null(
      [&] { return hand_out(attested_document(channel->url, *channel->sealed->attestation())); });
}

void confide_channel_free(confide_channel* channel) {
  if (channel == nullptr) return;
  for (const auto& exchange : channel->exchanges) exchange->cancel();
  for (const auto& exchange : channel->exchanges) exchange->join();
  delete channel;
}

confide_exchange* confide_exchange_start(confide_channel* channel, confide_bytes head,
                                         confide_bytes content) {
  if (channel == nullptr) return nullptr;
  return or_null([&] {
    auto handle = std::make_unique<confide_exchange>();
    const std::lock_guard lock(channel->mutex);
    std::erase_if(channel->exchanges, [](const auto& one) { return one->finished(); });
    channel->exchanges.reserve(channel->exchanges.size() + 1);
    handle->value = std::make_shared<Exchange>(channel->sealed, channel->authority,
                                               std::string(text(head)), std::string(text(content)));
    channel->exchanges.push_back(handle->value);
    return handle.release();
  });
}

confide_event confide_exchange_next(confide_exchange* exchange, confide_bytes* bytes) {
  if (bytes != nullptr) *bytes = {};
  if (exchange == nullptr) return CONFIDE_EVENT_FAILED;
  ByteView view;
  const confide_event event = exchange->value->next(view);
  if (bytes != nullptr) *bytes = {view.data(), view.size()};
  return event;
}

int confide_exchange_descriptor(const confide_exchange* exchange) {
  return exchange == nullptr ? -1 : exchange->value->descriptor();
}

void confide_exchange_cancel(confide_exchange* exchange) {
  if (exchange != nullptr) exchange->value->cancel();
}

void confide_exchange_free(confide_exchange* exchange) {
  if (exchange != nullptr) exchange->value->release();
  delete exchange;
}
