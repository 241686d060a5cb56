// What the user's policy asks of a genuine device. Private to verify/; rules G30 to G33 of
// docs/protocols/gpu.md.
#pragma once

#include <string>
#include <string_view>

#include "evidence/gpu_opaque.h"
#include "verify/gpu_policy.h"

namespace confide::verify {

// G30. Call it only if the report states a mode or the policy demands one.
Status accept_mode(const evidence::GpuOpaque& opaque, const GpuPolicy& policy);

// G31 to G33.
Status accept_device(const std::string& architecture, const evidence::GpuOpaque& opaque,
                     const GpuPolicy& policy);

// Whether `version` is `least` or later, part by part; parts are numbers of `base`, and a missing
// one counts as zero. False if either cannot be read.
bool is_at_least(std::string_view version, std::string_view least, int base);

}  // namespace confide::verify
