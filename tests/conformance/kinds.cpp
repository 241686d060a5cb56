#include "kinds.h"

#include <array>
#include <utility>

namespace confide::conformance {
namespace {

using Entry = std::pair<std::string_view, Result<Answer> (*)(const Case&)>;

constexpr std::array kKinds{
    Entry{"tdx-quote", run_dcap},      Entry{"tdx-quote-synthetic", run_dcap},
    Entry{"sgx-quote", run_dcap},      Entry{"snp-report", run_snp},
    Entry{"nvidia-evidence", run_gpu}, Entry{"nvidia-rim", run_rim},
    Entry{"ccel", run_event_log},      Entry{"dstack-eventlog", run_event_log},
    Entry{"binding", run_binding},     Entry{"wycheproof", run_wycheproof},
};

}  // namespace

Run find_run(std::string_view kind) {
  for (const auto& [name, run] : kKinds) {
    if (name == kind) return run;
  }
  return nullptr;
}

}  // namespace confide::conformance
