#include "kinds.h"

#include <array>
#include <utility>

namespace confide::conformance {
namespace {

using Entry = std::pair<std::string_view, Result<Answer> (*)(const Case&)>;

constexpr std::array kKinds{
    Entry{"snp-report", run_snp},
    Entry{"wycheproof", run_wycheproof},
};

}  // namespace

Run find_run(std::string_view kind) {
  for (const auto& [name, run] : kKinds) {
    if (name == kind) return run;
  }
  return nullptr;
}

}  // namespace confide::conformance
