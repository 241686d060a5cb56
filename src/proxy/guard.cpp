#include "proxy/guard.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace confide::proxy {
namespace {

// Without port and brackets; empty if it is no such thing.
std::string host_of(std::string_view authority) {
  if (!authority.starts_with('[')) return to_lower(authority.substr(0, authority.find(':')));
  const std::size_t end = authority.find(']');
  return end == std::string_view::npos ? "" : to_lower(authority.substr(1, end - 1));
}

std::vector<std::string> all(const net::Headers& headers, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : headers.all()) {
    if (to_lower(field) == name) values.push_back(value);
  }
  return values;
}

}  // namespace

Guard::Guard(std::vector<std::string> hosts) : hosts_{"localhost", "127.0.0.1", "::1"} {
  for (const std::string& host : hosts) hosts_.push_back(to_lower(host));
}

std::optional<std::string_view> Guard::refusal(const net::HttpRequest& request) const {
  const auto host = all(request.headers, "host");
  if (host.size() != 1 || std::ranges::find(hosts_, host_of(host[0])) == hosts_.end()) {
    return "This endpoint is not known by that host name.";
  }
  for (const std::string& origin : all(request.headers, "origin")) {
    if (origin != "http://" + host[0]) return "Web pages may not use this endpoint.";
  }
  for (const std::string& site : all(request.headers, "sec-fetch-site")) {
    if (site != "same-origin" && site != "none") return "Web pages may not use this endpoint.";
  }
  return std::nullopt;
}

bool is_loopback(std::string_view address) noexcept {
  return address == "::1" || (address.starts_with("127.") &&
                              address.find_first_not_of("0123456789.") == std::string_view::npos);
}

}  // namespace confide::proxy
