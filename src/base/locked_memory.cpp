#include "base/locked_memory.h"

#include <sys/mman.h>

#include <cstring>
#include <mutex>
#include <new>
#include <span>

namespace confide {
namespace {

constexpr std::size_t kCell = 64;  // bytes: keys, seeds and shared secrets
constexpr std::size_t kBlock = 64 * 1024;

void lock(void* memory, std::size_t size) noexcept { mlock(memory, size); }

// Cells of one size. The free ones are a list through their own first bytes.
class Cells {
 public:
  std::uint8_t* take() {
    const std::lock_guard guard(mutex_);
    if (free_ == nullptr) grow();
    std::uint8_t* const cell = free_;
    std::memcpy(&free_, cell, sizeof(free_));
    std::memset(cell, 0, sizeof(free_));
    return cell;
  }
  void give_back(std::uint8_t* cell) noexcept {
    const std::lock_guard guard(mutex_);
    push(cell);
  }

 private:
  void push(std::uint8_t* cell) noexcept {
    std::memcpy(cell, &free_, sizeof(free_));
    free_ = cell;
  }
  // A block is never returned: as many secrets will live at once again.
  void grow() {
    void* const block =
        mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) throw std::bad_alloc();
    lock(block, kBlock);
    madvise(block, kBlock, MADV_DONTDUMP);
    const std::span bytes(static_cast<std::uint8_t*>(block), kBlock);
    for (std::size_t at = 0; at < kBlock; at += kCell) push(&bytes[at]);
  }

  std::mutex mutex_;
  std::uint8_t* free_ = nullptr;
};

// Secrets in static storage may outlive any order of destruction, so this is never destroyed.
Cells& cells() {
  static Cells* const all = new Cells;
  return *all;
}

}  // namespace

std::uint8_t* allocate_locked(std::size_t size) {
  if (size <= kCell) return cells().take();
  auto* const memory = new std::uint8_t[size]();
  lock(memory, size);
  return memory;
}

// The pages of a large one stay locked: another secret may live on them, and munlock(2) does not
// count.
void free_locked(std::uint8_t* memory, std::size_t size) noexcept {
  if (size <= kCell) {
    cells().give_back(memory);
  } else {
    delete[] memory;
  }
}

}  // namespace confide
