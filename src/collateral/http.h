// Asking collateral services over HTTP: the one place that meets a network, behind an interface.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace confide::collateral {

struct HttpRequest {
  std::string url;
  std::string accept = "*/*";
  std::string content_type;  // of the body; empty: GET
  Bytes body;
  std::size_t max_bytes = std::size_t{4} << 20U;  // of the answer
};

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  Bytes body;
  // The first such header's value, or "". `name` in lower case.
  std::string_view header(std::string_view name) const noexcept;
};

class Http {
 public:
  virtual ~Http() = default;
  // Any status is an answer. Fails with `unavailable` if there is none in time, `limit` if it is
  // larger than asked for, `policy` on a URL that must not be asked.
  virtual Result<HttpAnswer> send(const HttpRequest& request) = 0;
};

struct HttpOptions {
  std::chrono::milliseconds timeout{20'000};  // of one attempt
  std::chrono::milliseconds pause{500};       // before the second attempt; doubled before the third
  int attempts = 3;                           // on 429, 5xx and a connection that fails
};

// Over libcurl: https, or http to a loopback host alone; no redirects, no cookies, no compression,
// no credentials in URLs; the system's certificate authorities. Proxies as the environment names.
std::unique_ptr<Http> make_http(const HttpOptions& options = {});

// Fails with `policy` on what make_http() does not ask.
Status check_url(const std::string& url);

}  // namespace confide::collateral
