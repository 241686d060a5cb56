// The reference manifests that were given, and which of them a device is compared with. Private to
// verify/; rules G11 to G15 of docs/protocols/gpu.md.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evidence/rim.h"
#include "verify/rim_signers.h"

namespace confide::verify {

// One manifest; its signature is judged when a device first needs it, and once.
class ShelvedRim {
 public:
  explicit ShelvedRim(std::string_view xml) : xml_(xml), rim_(evidence::parse_rim(xml)) {}

  const Result<evidence::Rim>& rim() const noexcept { return rim_; }
  const RimSigners& signers(const Policy& policy, Time at);

 private:
  std::string_view xml_;
  Result<evidence::Rim> rim_;
  std::optional<RimSigners> signers_;
};

// The manifests of one role. What they were read from must outlive the shelf.
class RimShelf {
 public:
  explicit RimShelf(std::span<const std::string> documents);

  // The one for `version`; if there is none, the first, which then does not fit; null if empty.
  ShelvedRim* find(std::string_view version);

 private:
  std::vector<ShelvedRim> rims_;
};

// G15: letters count alike, as VBIOS versions are hexadecimal.
bool is_version(const evidence::Rim& rim, std::string_view version);

}  // namespace confide::verify
