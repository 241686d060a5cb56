// HTTP/1.1 messages coming in, from bytes in pieces of any size. No sockets: Beast does the grammar
// (RFC 9112), and what it lets pass but could be read in two ways is refused here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace confide::net {

// Why a request gets no further, as the client is told.
struct Refusal {
  int status = 400;
  std::string_view message;  // a literal
};

// One request.
class RequestParser {
 public:
  RequestParser(std::size_t max_header_bytes, std::size_t max_body_bytes);
  ~RequestParser();

  // Takes bytes off the front of `bytes` and leaves those of the next request. After a refusal
  // (400, 413, 417, 431) it must not be called again.
  std::optional<Refusal> feed(std::string& bytes);
  bool done() const;
  // True once: the header is complete, the body is not, and the client waits for 100 Continue.
  bool take_continue();
  // As HttpRequest has it; empty until it is known, and once the request is taken.
  std::string_view path() const;

  // These once done().
  bool http10() const;
  bool keep_alive() const;
  HttpRequest take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One response; interim ones (1xx) before it are passed over.
class ResponseParser {
 public:
  struct Options {
    bool to_head = false;  // the request was HEAD: no body follows
    std::size_t max_body_bytes = 0;
    // Without it the body goes into the response.
    std::function<void(std::string_view)> on_body;
    std::function<void(const HttpResponse&)> on_head;
  };
  explicit ResponseParser(Options options);
  ~ResponseParser();

  // Takes bytes off the front of `bytes`. Fails with `malformed` or `limit`.
  Status feed(std::string& bytes);
  // The stream ended; `clean` if by TLS's close_notify, so that nothing can have been cut off.
  // Fails with `unavailable` unless the body was one that ends so.
  Status end_of_stream(bool clean);
  bool done() const;

  // These once done().
  bool keep_alive() const;
  HttpResponse take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace confide::net
