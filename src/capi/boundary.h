// What both C faces do where C++ ends.
#pragma once

#include <new>
#include <string>

#include "base/json.h"

namespace confide::capi {

// Nothing thrown may cross into C. What our code throws is memory running out and nothing else.
template <class Make>
auto or_null(Make make) noexcept -> decltype(make()) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

// What a service or evidence said may not be UTF-8.
inline std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace confide::capi
