#include "manifest.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include <fmt/format.h>

#include "base/json.h"
#include "crypto/hash.h"

namespace confide::server {
namespace {

Result<crypto::Sha256> own_digest() {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  crypto::Sha256Stream hash;
  std::array<char, 1 << 16> buffer{};
  while (self) {
    self.read(buffer.data(), buffer.size());
    const auto count = static_cast<std::size_t>(self.gcount());
    hash.update(as_bytes(std::string_view(buffer.data(), count)));
  }
  if (!self.eof()) return fail(Errc::unavailable, "cannot read /proc/self/exe to measure it");
  return hash.finish();
}

}  // namespace

Status close_environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("LD_")) {
      return fail(Errc::policy,
                  fmt::format("{} is set: it brings unmeasured code into this process; unset it",
                              text.substr(0, text.find('='))));
    }
  }
  if (clearenv() != 0) return fail(Errc::internal, "cannot empty the environment");
  return {};
}

Result<std::string> application_manifest(const std::vector<std::string>& arguments) {
  TRY_ASSIGN(const crypto::Sha256 digest, own_digest());
  return json::canonical({{"manifest_version", 2},
                          {"name", "confide-server"},
                          {"runner", "native"},
                          {"program_sha256", to_hex(digest)},
                          {"arguments", arguments},
                          {"environment", Json::array()}});
}

}  // namespace confide::server
