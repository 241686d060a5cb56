#include "seal/padding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "seal/ohttp.h"

namespace confide::seal {
namespace {

constexpr std::size_t kBucketsPerDoubling = 8;

std::size_t round_up(std::size_t n, std::size_t step) { return (n + step - 1) / step * step; }

// Each byte equals the one before it, and the first is zero: many at a time, unlike a search.
bool all_zero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

std::string_view to_string(Padding padding) noexcept {
  switch (padding) {
    case Padding::none:
      return "none";
    case Padding::bucketed:
      return "bucketed";
    case Padding::constant:
      return "constant";
  }
  return "";
}

Result<Padding> parse_padding(std::string_view text) {
  for (const Padding padding : {Padding::none, Padding::bucketed, Padding::constant}) {
    if (text == to_string(padding)) return padding;
  }
  return fail(Errc::unsupported, "padding (O16): no such profile");
}

std::size_t padded_size(Padding padding, std::size_t n) noexcept {
  if (padding == Padding::none) return n;
  if (padding == Padding::constant) return round_up(std::max<std::size_t>(n, 1), kConstantChunk);
  if (n <= kMaxChunk) return std::max(kSmallestBucket, std::bit_ceil(n));
  return round_up(n, std::bit_floor(n - 1) / kBucketsPerDoubling);
}

void pad_message(Padding padding, Bytes& message) {
  message.resize(padded_size(padding, message.size()));
}

void append_record(Bytes& to, ByteView data, std::size_t padding) {
  append_u16be(to, data.size());
  append_u16be(to, padding);
  append(to, data);
  to.resize(to.size() + padding);
}

Result<std::string> RecordReader::feed(std::string_view piece) {
  std::string out;
  while (!piece.empty()) {
    if (data_left_ != 0) {
      const std::size_t n = std::min(data_left_, piece.size());
      out += piece.substr(0, n);
      data_left_ -= n;
      piece.remove_prefix(n);
    } else if (padding_left_ != 0) {
      const std::size_t n = std::min(padding_left_, piece.size());
      if (!all_zero(piece.substr(0, n))) {
        return fail(Errc::malformed, "padded content (O18): padding is zero bytes");
      }
      padding_left_ -= n;
      piece.remove_prefix(n);
    } else {
      header_.push_back(static_cast<std::uint8_t>(piece.front()));
      piece.remove_prefix(1);
      if (header_.size() < kRecordHeader) continue;
      ByteReader reader(header_);
      TRY_ASSIGN(data_left_, reader.u16be("padded content (O18)"));
      TRY_ASSIGN(padding_left_, reader.u16be("padded content (O18)"));
      header_.clear();
    }
  }
  return out;
}

Status RecordReader::finish() const {
  if (!header_.empty() || data_left_ != 0 || padding_left_ != 0) {
    return fail(Errc::malformed, "padded content (O18): ended within a record");
  }
  return {};
}

}  // namespace confide::seal
