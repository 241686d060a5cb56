// Each mutation in a case's negatives.json, put through the library as the case itself is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "answer.h"
#include "case.h"

namespace confide::conformance {

// How one case or one mutation of it went.
struct Outcome {
  std::string id;
  std::vector<Difference> differences;
  Json answer;  // what stands to be compared with `expected`
  std::string note;
  std::string skipped;  // why it could not be run, if so
};

// A case that cannot be run differs: it is never passed over.
Outcome unusable(std::string id, std::string member, const Error& error);

// Does nothing for a case without a negatives.json. A mutation is skipped only if it takes a file
// of a case that is not there.
void for_each_negative(const fs::path& folder, const std::function<void(const Outcome&)>& done);

}  // namespace confide::conformance
