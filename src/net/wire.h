// HTTP/1.1 messages going out, as bytes. RFC 9110 and 9112. Reading them is message_parser.h's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/http.h"

namespace confide::net {

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// How a response says where its body ends.
enum class BodyFraming { none, sized, chunked, until_close };

struct ResponseFraming {
  BodyFraming body = BodyFraming::sized;
  std::size_t length = 0;  // with `sized`
  bool keep_alive = true;
  bool http10 = false;  // the client's version
};

// True for statuses that never carry a body: 1xx, 204, 304.
bool is_bodyless(int status) noexcept;

// Status line, headers, empty line. Framing headers in `head` are left out in favour of `framing`.
// Fails with `malformed` if the status is not 200 to 599 or a header would break the framing.
Result<std::string> encode_head(const HttpResponse& head, const ResponseFraming& framing, Time now);

// Appends one chunk; nothing if `bytes` is empty, since an empty chunk would end the body.
void append_chunk(std::string& to, std::string_view bytes);

// The whole request; `host` stands in the Host header unless the request has its own.
// Fails with `malformed` if method, target or a header would break the framing.
Result<std::string> encode_request(const HttpRequest& request, std::string_view base_path,
                                   std::string_view host);

}  // namespace confide::net
