// Whom a case is judged by.
#pragma once

#include <initializer_list>
#include <string_view>

#include "case.h"
#include "verify/policy.h"

namespace confide::conformance {

// The strict policy. A real case is held against the vendors' roots alone, and among them against
// those in the case's own files of these roles, where it has any. A synthetic case has roots of its
// own, and those are all there are, as if a policy file named them. A root that cannot be read
// vouches for nothing.
verify::Policy policy_for(const Case& from, std::initializer_list<std::string_view> roles);

}  // namespace confide::conformance
