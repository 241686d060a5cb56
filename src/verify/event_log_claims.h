// The claims that an event log makes, as they stand in a verdict. Private to verify/. Byte strings
// are lower-case hex.
#pragma once

#include <vector>

#include "base/json.h"
#include "evidence/ccel.h"
#include "evidence/event_log.h"
#include "verify/event_log.h"

namespace confide::verify {

void add_claims(Json& claims, const std::vector<evidence::Event>& log,
                const EventLogReferences& references);
void add_claims(Json& claims, const evidence::Ccel& log, const EventLogReferences& references);

}  // namespace confide::verify
