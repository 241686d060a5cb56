// HTTP messages as the rest of the program sees them; sockets stay in net/.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace confide::net {

// As a URL has it: an IPv6 address in brackets, everything else as it is.
std::string url_host(std::string_view host);

// ADDRESS:PORT, an IPv6 address in brackets; `address` has none. Fails with `malformed`.
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
};
Result<Endpoint> parse_endpoint(std::string_view text);

// Names compare case-insensitively; order and duplicates are kept.
class Headers {
 public:
  void add(std::string name, std::string value);
  // Leaves one field of that name, where the first one stood.
  void set(std::string_view name, std::string value);
  std::optional<std::string> get(std::string_view name) const;  // the first one
  bool has(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
  std::string method;
  std::string path;   // percent-decoding is not applied; no query
  std::string query;  // without '?'
  Headers headers;
  std::string body;       // exact bytes after de-chunking
  std::string peer = {};  // the client's IP address, or its proxy's; empty if unknown
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
};

// A '%' without two hex digits after it stands for itself, and so does '+'.
std::string percent_decode(std::string_view text);

// The first value of `name` in a query string, percent-decoded; nothing if absent.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

// One request being answered. Thread-safe; every call after the end, or after the client went away,
// does nothing, and so does a call out of order. Answer with respond() alone, or with start(),
// write()..., finish(). An exchange dropped without an answer is answered 500; one dropped while
// streaming is aborted. Framing (Content-Length, Transfer-Encoding, Connection) is the server's:
// such headers are left out. A header with a line break in it makes the answer a 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void respond(HttpResponse response) = 0;
  virtual void start(HttpResponse head) = 0;  // `head.body` is ignored; chunked transfer
  virtual void write(std::string bytes) = 0;  // queued; never blocks
  // How many of the bytes written the network has not taken yet, roughly: whoever makes bytes
  // without end looks here first. 0 once the client is gone.
  virtual std::size_t unsent() const = 0;
  virtual void finish() = 0;
  // Breaks the connection, after what was written before, so that the client sees the stream was
  // cut.
  virtual void abort() = 0;
  // Runs once, on any thread, if the client goes away (or stalls past the write deadline) before
  // the end; at once if it already has. It must be quick, for it may run on the I/O thread.
  virtual void on_gone(std::function<void()> callback) = 0;
};

using Handler = std::function<void(HttpRequest, std::shared_ptr<Exchange>)>;

}  // namespace confide::net
