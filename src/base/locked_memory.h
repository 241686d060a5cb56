// Memory for secrets: locked by mlock(2), which is best effort.
#pragma once

#include <cstddef>
#include <cstdint>

namespace confide {

// `size` zero bytes, 0 excepted. Small ones share pages with other secrets only, so that locking
// costs no system call each, and those pages are left out of core dumps. Throws std::bad_alloc.
std::uint8_t* allocate_locked(std::size_t size);
// Takes what allocate_locked(size) gave. The caller has wiped it.
void free_locked(std::uint8_t* memory, std::size_t size) noexcept;

}  // namespace confide
