// Cuts a stream of length-prefixed chunks, as chunked OHTTP frames them in both directions.
#pragma once

#include <optional>

#include "base/bytes.h"

namespace confide::seal {

class ChunkReader {
 public:
  // Takes a piece cut anywhere.
  void feed(ByteView piece) { append(buffer_, piece); }
  // The next non-final chunk that is complete, still sealed; valid until the next feed(). Fails
  // with `limit` on a chunk longer than a sealed kMaxChunk, the final one included.
  Result<std::optional<ByteView>> next();
  // The stream ended: the final chunk. Fails with `malformed` if there was none.
  Result<ByteView> final_chunk();
  // Forgets what next() has given.
  void compact();

 private:
  Bytes buffer_;
  std::size_t at_ = 0;
  bool final_ = false;
};

// The framing of a sealed chunk: its length, or 0 before the final one.
void append_chunk(Bytes& to, ByteView sealed, bool final);

}  // namespace confide::seal
