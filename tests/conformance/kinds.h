// How each kind of case is put through the library. None of these reads `expected`, `parsed` or
// `reference` to decide anything; they fail only if the case itself cannot be used, never because
// evidence is bad.
#pragma once

#include <functional>
#include <string_view>

#include "answer.h"
#include "case.h"

namespace confide::conformance {

using Run = std::function<Result<Answer>(const Case&)>;

Result<Answer> run_binding(const Case& from);
Result<Answer> run_dcap(const Case& from);       // TDX and SGX quotes
Result<Answer> run_event_log(const Case& from);  // CCEL and dstack
Result<Answer> run_gpu(const Case& from);
Result<Answer> run_rim(const Case& from);
Result<Answer> run_snp(const Case& from);
Result<Answer> run_wycheproof(const Case& from);

// Null for a kind that nobody here knows.
Run find_run(std::string_view kind);

}  // namespace confide::conformance
