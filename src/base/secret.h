// SecretBytes: key material. Locked in memory, wiped on release, never copied or printed by
// accident.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"

namespace confide {

// Overwrites memory in a way the compiler may not remove.
void wipe(std::span<std::uint8_t> bytes) noexcept;
void wipe(std::string& text) noexcept;

// True if equal; the time taken depends on the lengths alone.
bool constant_time_equal(ByteView a, ByteView b) noexcept;

class SecretBytes {
 public:
  SecretBytes() = default;
  // Zero-filled. mlock(2) is best effort: without the privilege the bytes may be swapped, so the
  // programs check the limit at start (ops/hardening.h).
  explicit SecretBytes(std::size_t size);
  // Copies `bytes`; the caller wipes its own copy.
  static SecretBytes copy_of(ByteView bytes);

  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  std::size_t size() const noexcept { return size_; }
  // The one way in: grep for `reveal` to see who reads secrets.
  ByteView reveal() const noexcept { return {data_, size_}; }
  std::span<std::uint8_t> reveal() noexcept { return {data_, size_}; }
  SecretBytes clone() const { return copy_of(reveal()); }

 private:
  void release() noexcept;

  std::uint8_t* data_ = nullptr;  // of allocate_locked()
  std::size_t size_ = 0;
};

}  // namespace confide
