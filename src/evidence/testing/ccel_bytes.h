// Writes CCEL areas byte for byte, so that tests can spoil one field at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "evidence/ccel.h"
#include "evidence/testing/quote_bytes.h"

namespace confide::evidence::testing {

// Offsets of the header's fields; the first event stands behind it.
inline constexpr std::size_t kCcelTypeAt = 4;
inline constexpr std::size_t kCcelDigestAt = 8;
inline constexpr std::size_t kCcelSizeAt = 28;
inline constexpr std::size_t kCcelSignatureAt = 32;
inline constexpr std::size_t kCcelMinorAt = 52;
inline constexpr std::size_t kCcelMajorAt = 53;
inline constexpr std::size_t kCcelCountAt = 56;
inline constexpr std::size_t kCcelAlgorithmsAt = 60;

class CcelBytes {
 public:
  explicit CcelBytes(std::vector<CcelAlgorithm> algorithms = {{kAlgorithmSha384, 48}},
                     std::string_view vendor_info = "")
      : algorithms_(std::move(algorithms)) {
    put_u32le(bytes_, 1);
    put_u32le(bytes_, kNoActionEvent);
    put_zeros(bytes_, 20);
    put_u32le(bytes_, static_cast<std::uint32_t>(29 + 4 * algorithms_.size() + vendor_info.size()));
    append(bytes_, as_bytes(std::string_view("Spec ID Event03\0", 16)));
    append(bytes_, Bytes{0, 0, 0, 0, 0, 2, 0, 2});
    put_u32le(bytes_, static_cast<std::uint32_t>(algorithms_.size()));
    for (const CcelAlgorithm& algorithm : algorithms_) {
      put_u16le(bytes_, algorithm.id);
      put_u16le(bytes_, algorithm.digest_size);
    }
    bytes_.push_back(static_cast<std::uint8_t>(vendor_info.size()));
    append(bytes_, as_bytes(vendor_info));
  }

  // An event whose SHA-384 digest is `digest`; those of other algorithms are all 0xee.
  CcelBytes& event(std::uint32_t index, std::uint32_t type, const Measurement& digest,
                   std::string_view data) {
    put_u32le(bytes_, index);
    put_u32le(bytes_, type);
    put_u32le(bytes_, static_cast<std::uint32_t>(algorithms_.size()));
    for (const CcelAlgorithm& algorithm : algorithms_) {
      put_u16le(bytes_, algorithm.id);
      append(bytes_, algorithm.id == kAlgorithmSha384 ? to_bytes(digest)
                                                      : Bytes(algorithm.digest_size, 0xee));
    }
    put_u32le(bytes_, static_cast<std::uint32_t>(data.size()));
    append(bytes_, as_bytes(data));
    return *this;
  }

  const Bytes& bytes() const { return bytes_; }
  Bytes padded(std::uint8_t with) const {
    Bytes out = bytes_;
    out.insert(out.end(), 100, with);
    return out;
  }

 private:
  std::vector<CcelAlgorithm> algorithms_;
  Bytes bytes_;
};

inline Measurement measurement_of(std::uint8_t byte) {
  Measurement out{};
  out.fill(byte);
  return out;
}

}  // namespace confide::evidence::testing
