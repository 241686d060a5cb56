#include "base/secret.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/locked_memory.h"

namespace confide {

void wipe(std::span<std::uint8_t> bytes) noexcept {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

void wipe(std::string& text) noexcept {
  if (!text.empty()) explicit_bzero(text.data(), text.size());
  text.clear();
}

bool constant_time_equal(ByteView a, ByteView b) noexcept {
  if (a.size() != b.size()) return false;
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

SecretBytes::SecretBytes(std::size_t size)
    : data_(size == 0 ? nullptr : allocate_locked(size)), size_(size) {}

SecretBytes SecretBytes::copy_of(ByteView bytes) {
  SecretBytes out(bytes.size());
  std::ranges::copy(bytes, out.data_);
  return out;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes::~SecretBytes() { release(); }

void SecretBytes::release() noexcept {
  if (size_ == 0) return;
  wipe(reveal());
  free_locked(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace confide
