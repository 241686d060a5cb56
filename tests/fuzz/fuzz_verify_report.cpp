// Any text as an attestation report, appraised whole: no input is a report for a nonce nobody sent.
#include <cstdlib>

#include "client/appraisal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto policy = confide::verify::Policy::strict();
  confide::verify::Verdict verdict;
  const auto service =
      confide::client::appraise({.report = std::string(confide::as_text({data, size})),
                                 .nonce = std::string(64, '0'),
                                 .observed_spki = std::string(64, '1'),
                                 .host = "localhost"},
                                policy, confide::from_unix(1'790'000'000), verdict);
  if (service || verdict.passed()) std::abort();
  return 0;
}
