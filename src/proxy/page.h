// The local page that shows what the proxy does: one document, nothing from elsewhere.
#pragma once

#include "net/http.h"

namespace confide::proxy {

inline constexpr std::string_view kStatusPath = "/confide/status.json";

// With a policy that lets it run its own script and fetch kStatusPath, and nothing else.
net::HttpResponse status_page();

}  // namespace confide::proxy
