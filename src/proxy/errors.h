// The proxy's own errors in the shape that the client's library expects.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"
#include "verify/verdict.h"

namespace confide::proxy {

enum class Dialect { openai, anthropic };
// By the path asked for: /v1/messages and what is under it is Anthropic's.
Dialect dialect_of(std::string_view path) noexcept;

// Header that names the check that failed.
inline constexpr std::string_view kCheckHeader = "X-Confide-Check";

struct ProxyError {
  int status = 502;
  std::string message;
  std::string code;  // the id of the failed check, or one word
};

// 503 for what may pass by itself, 400 for a request that cannot be sealed, 502 for what did not
// verify; the code is the first failed check.
ProxyError to_proxy_error(const Error& error, const verify::Verdict& verdict);
// With 502 the header x-should-retry says no: clients' libraries would otherwise ask, and be
// served, again.
net::HttpResponse error_response(const ProxyError& error, Dialect dialect);

}  // namespace confide::proxy
