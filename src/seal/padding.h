// How much the length of what is sealed says: padding profiles, chosen by the client. Rules
// O16-O19.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace confide::seal {

enum class Padding {
  none,
  bucketed,  // every plaintext has one of few sizes
  constant,  // a streamed answer is chunks of one size, which the sender paces
};
inline constexpr Padding kDefaultPadding = Padding::bucketed;
inline constexpr std::string_view kPaddingField = "confide-padding";
std::string_view to_string(Padding padding) noexcept;
// Fails with `unsupported` on another profile.
Result<Padding> parse_padding(std::string_view text);

inline constexpr std::size_t kSmallestBucket = 512;
inline constexpr std::size_t kConstantChunk = 1024;

// The size to which `n` bytes are padded: of a whole message, or of a chunk's plaintext. Buckets
// are powers of two from 512 to 16384, then eight to each doubling: at most 12.5 % are added there.
std::size_t padded_size(Padding padding, std::size_t n) noexcept;
// Appends zero bytes up to that size, as binary HTTP lets a message be padded.
void pad_message(Padding padding, Bytes& message);

// The content coding of a padded stream (rule O18): records of
//   data length (16 bits) || padding length (16 bits) || data || zero bytes.
inline constexpr std::string_view kPaddedCoding = "confide-padded";
inline constexpr std::size_t kRecordHeader = 4;
void append_record(Bytes& to, ByteView data, std::size_t padding);  // each below 2^16

// Takes the coding off content in pieces cut anywhere. Not thread-safe.
class RecordReader {
 public:
  // The data that this piece brought. Fails with `malformed` on padding that is not zero.
  Result<std::string> feed(std::string_view piece);
  // Fails with `malformed` within a record.
  Status finish() const;

 private:
  Bytes header_;  // what is read of it
  std::size_t data_left_ = 0;
  std::size_t padding_left_ = 0;
};

}  // namespace confide::seal
