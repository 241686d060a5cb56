// The client's side of TLS and HTTP: it shows the certificate it saw, and refuses to send on a
// connection whose key is not the pinned one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/x509.h"
#include "net/http.h"

namespace confide::net {

struct Url {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string base_path;  // "" or "/prefix", no trailing slash
  bool plain = false;     // no TLS
};
// https:// only. Fails with `malformed`.
Result<Url> parse_url(std::string_view text);
// The same, or http:// to a loopback address, for what never leaves this machine.
Result<Url> parse_url_or_loopback(std::string_view text);

struct ClientLimits {
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds idle_timeout{120};  // without a byte from the server
  // For the whole answer of send(), and for the head of send_streaming(), however they trickle in.
  std::chrono::seconds answer_timeout{600};
  std::size_t max_body_bytes = std::size_t{64} << 20U;
};

// One TLS 1.3 connection, or a plain one if the URL says so. Not thread-safe but for abort().
// WebPKI is not consulted: trust comes from the pin, and the pin from an attested keyset.
class Connection {
 public:
  // With `pinned_spki` (hex SHA-256), fails with `untrusted` during connect, before any byte of
  // HTTP, if the server's key is another. Fails with `unavailable` if it cannot be reached,
  // `malformed` on a pin for a plain one.
  static Result<std::unique_ptr<Connection>> open(const Url& url,
                                                  const std::optional<std::string>& pinned_spki,
                                                  const ClientLimits& limits = {});
  virtual ~Connection() = default;

  // Not on a plain connection.
  virtual const crypto::Certificate& peer_certificate() const noexcept = 0;
  // From any thread: ends what is under way with `unavailable`, and the connection with it.
  virtual void abort() = 0;
  // False once it is known that nothing can be sent on it any more.
  virtual bool is_open() = 0;
  // Whether the server has ended it, rather than we: by a deadline, abort(), or for what it sent.
  virtual bool closed_by_peer() const noexcept = 0;
  // From the next request on.
  virtual void set_limits(const ClientLimits& limits) = 0;
  // Sends and reads the whole answer. `request.path` is appended to the base path.
  // Fails with `unavailable`, `malformed`, or `limit`.
  virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
  // The same; body bytes go to `on_body` as they arrive (de-chunked) and not into the response.
  // `on_head` sees status and headers first. Fails with `unavailable` if the body was cut short.
  virtual Result<HttpResponse> send_streaming(
      const HttpRequest& request, const std::function<void(const HttpResponse&)>& on_head,
      const std::function<void(std::string_view)>& on_body) = 0;
};

}  // namespace confide::net
