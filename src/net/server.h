// The listener: TLS 1.3 (or none, on a loopback address), HTTP/1.1 with keep-alive, limits and
// deadlines on everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/http.h"
#include "net/tls.h"

namespace confide::net {

struct ServerLimits {
  std::size_t max_connections = 1024;
  std::size_t max_header_bytes = 32 * 1024;
  std::size_t max_body_bytes = std::size_t{32} << 20U;
  std::chrono::seconds handshake_timeout{10};
  std::chrono::seconds request_timeout{30};  // from first byte to last
  std::chrono::seconds idle_timeout{60};     // between requests
  std::chrono::seconds write_timeout{30};    // a client that takes nothing for so long is gone
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  // Without TLS the connection protects nothing: for clients on this machine alone.
  bool plain = false;
  std::optional<TlsContext> tls;  // unless `plain`
  ServerLimits limits;
  // Body of the errors net/ itself answers (413, 431, 400, 408): given status, message and, as far
  // as it is known, the request's path, without which it is empty. Must also give the headers that
  // every response carries.
  std::function<HttpResponse(int status, std::string_view message, std::string_view path)>
      make_error;
};

class Server {
 public:
  // Binds and listens; fails with `unavailable` (address in use, ...). Requests go to `handler`,
  // called on the I/O thread: it must hand long work to others.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  virtual ~Server() = default;  // stops at once
  virtual std::uint16_t port() const noexcept = 0;
  // Stops accepting, lets running exchanges end for at most `grace`, then closes. Blocks.
  virtual void drain(std::chrono::seconds grace) = 0;
  virtual std::size_t open_connections() const noexcept = 0;
  // For the handshakes that begin from now on; connections that are open stay as they are. Not on a
  // plain server.
  virtual void set_tls(TlsContext tls) = 0;
};

}  // namespace confide::net
