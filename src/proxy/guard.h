// Who may use the local endpoint: programs, and no web page. docs/proxy.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace confide::proxy {

class Guard {
 public:
  // `hosts`: names and addresses by which clients reach us besides localhost, 127.0.0.1 and ::1;
  // without ports, IPv6 without brackets.
  explicit Guard(std::vector<std::string> hosts);

  // Why the request is not served; nothing if it is. A page whose name was made to point at us
  // shows in the Host header, one that posts to us from elsewhere in Origin or Sec-Fetch-Site.
  std::optional<std::string_view> refusal(const net::HttpRequest& request) const;

 private:
  std::vector<std::string> hosts_;
};

// Whether the address is one that only this machine can reach.
bool is_loopback(std::string_view address) noexcept;

}  // namespace confide::proxy
