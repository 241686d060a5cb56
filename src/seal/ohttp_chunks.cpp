#include "seal/ohttp_chunks.h"

#include "crypto/aead.h"
#include "seal/bhttp.h"
#include "seal/ohttp.h"

namespace confide::seal {
namespace {

constexpr std::size_t kMaxSealed = kMaxChunk + crypto::kAeadTagSize;

tl::unexpected<Error> too_long() { return fail(Errc::limit, "OHTTP (O5): chunk too long"); }

}  // namespace

Result<std::optional<ByteView>> ChunkReader::next() {
  const ByteView unread = ByteView(buffer_).subspan(at_);
  if (!final_) {
    const Varint length = peek_varint(unread);
    if (length.size == 0) return std::nullopt;
    if (length.value > kMaxSealed) return too_long();
    if (length.value != 0) {
      const auto size = static_cast<std::size_t>(length.value);
      if (unread.size() - length.size < size) return std::nullopt;
      at_ += length.size + size;
      return unread.subspan(length.size, size);
    }
    final_ = true;
    at_ += length.size;
  }
  // It reaches to the end of the stream, so more than one chunk's worth will not become one.
  if (buffer_.size() - at_ > kMaxSealed) return too_long();
  return std::nullopt;
}

Result<ByteView> ChunkReader::final_chunk() {
  if (!final_) return fail(Errc::malformed, "OHTTP (O6): ended before its final chunk");
  return ByteView(buffer_).subspan(at_);
}

void ChunkReader::compact() {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
  at_ = 0;
}

void append_chunk(Bytes& to, ByteView sealed, bool final) {
  append_varint(to, final ? 0 : sealed.size());
  append(to, sealed);
}

}  // namespace confide::seal
