// Bytes as a model file: refused before anything maps it, or every tensor lies within.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "engine/gguf_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int fd = memfd_create("model", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const bool good = confide::engine::check_gguf(path, size).has_value();
  // What is whole is not whole without its last tensor.
  if (good && confide::engine::check_gguf(path, 0)) std::abort();
  close(fd);
  return 0;
}
