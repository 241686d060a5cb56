#include "verify/gpu_references.h"

#include <algorithm>

#include "base/ascii.h"

namespace confide::verify {
const RimSigners& ShelvedRim::signers(const Policy& policy, Time at) {
  if (!signers_) signers_ = judge_rim_signers(xml_, policy, at);
  return *signers_;
}

RimShelf::RimShelf(std::span<const std::string> documents) {
  for (const std::string& xml : documents) rims_.emplace_back(xml);
}

ShelvedRim* RimShelf::find(std::string_view version) {
  const auto fits = [version](const ShelvedRim& shelved) {
    return shelved.rim() && is_version(*shelved.rim(), version);
  };
  const auto at = std::ranges::find_if(rims_, fits);
  if (at != rims_.end()) return &*at;
  return rims_.empty() ? nullptr : &rims_.front();
}

bool is_version(const evidence::Rim& rim, std::string_view version) {
  return equal_ignoring_case(rim.version, version);
}

}  // namespace confide::verify
