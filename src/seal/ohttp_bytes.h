// Numbers as OHTTP's headers and key configurations write them.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "crypto/aead.h"

namespace confide::seal {

void append_u16(Bytes& to, std::size_t value);
Result<std::uint16_t> take_u16(ByteReader& reader, std::string_view what);
std::optional<crypto::Aead> aead_of(std::uint16_t id) noexcept;

}  // namespace confide::seal
