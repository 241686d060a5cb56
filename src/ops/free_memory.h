// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <string>

namespace confide::ops {

// Bytes: what the kernel says is available, or what the control group (version 2) and those above
// it leave, whichever is least. What cannot be read does not count as a limit. `root` is where
// /proc and /sys are.
std::uint64_t free_memory(const std::string& root = "");

}  // namespace confide::ops
