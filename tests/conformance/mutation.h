// The operations of a negatives.json: how evidence is spoiled, one thing at a time.
#pragma once

#include "case.h"

namespace confide::conformance {

// Applies `operations` (a JSON array; the vectors' README says what each does) to the files in
// `folder`, among them its case.json for `time` and `nonce`. `origin` is the folder they were
// copied from: what `copy` names is relative to it. Fails with `not_found` if a file is not there,
// and with `unsupported` on an operation that is unknown or finds nothing to change.
Status mutate(const fs::path& folder, const fs::path& origin, const Json& operations);

}  // namespace confide::conformance
