// What this build says of itself; cmake/version.cmake fills it in.
#pragma once

#include <string_view>

namespace confide::ops {

std::string_view version() noexcept;
// Of the source tree when it was configured; "unknown" outside a checkout.
std::string_view commit() noexcept;
// Where the source is published; empty if the builder named no place.
std::string_view repository() noexcept;

}  // namespace confide::ops
