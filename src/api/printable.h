// Bytes of a model's tokens as text for JSON.
#pragma once

#include <string>
#include <string_view>

namespace confide::api {

// Characters as they are; bytes that are no characters of UTF-8 as \xNN.
std::string printable(std::string_view bytes);

}  // namespace confide::api
