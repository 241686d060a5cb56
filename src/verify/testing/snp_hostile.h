// Tables of spoiled SEV-SNP evidence: one thing wrong in each entry, and the check that must catch
// it.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "verify/testing/snp_lab.h"

namespace confide::verify::testing {

// One thing wrong with the evidence of a lab that was otherwise left alone.
struct SnpSpoiling {
  std::string name;
  std::string check;                                                // the first that fails
  std::function<void(SnpLab&)> before{};                            // what it signs
  std::function<void(Bytes&, evidence::SnpCertificates&)> after{};  // what it handed out
  evidence::SnpProduct product = evidence::SnpProduct::milan;
  evidence::SnpSigningKey key = evidence::SnpSigningKey::vcek;
};

using SnpTable = std::vector<SnpSpoiling>;

inline void spoil_report(SnpTable& to, std::string name, std::string check,
                         std::function<void(Bytes&)> change) {
  SnpSpoiling out{.name = "report " + std::move(name), .check = std::move(check)};
  out.after = [change = std::move(change)](Bytes& report, evidence::SnpCertificates&) {
    change(report);
  };
  to.push_back(std::move(out));
}

inline void spoil_lab(SnpTable& to, std::string name, std::string check,
                      std::function<void(SnpLab&)> change) {
  SnpSpoiling out{.name = std::move(name), .check = std::move(check)};
  out.before = std::move(change);
  to.push_back(std::move(out));
}

inline void spoil_certificates(SnpTable& to, std::string name, std::string check,
                               std::function<void(evidence::SnpCertificates&)> change) {
  SnpSpoiling out{.name = "certificates " + std::move(name), .check = std::move(check)};
  out.after = [change = std::move(change)](Bytes&, evidence::SnpCertificates& certificates) {
    change(certificates);
  };
  to.push_back(std::move(out));
}

inline SnpOutcome run(const SnpSpoiling& spoiling) {
  // A lab that nobody touches is the same for all.
  static const SnpLab kUntouched;
  SnpLab lab(spoiling.product, spoiling.key);
  if (spoiling.before) spoiling.before(lab);
  const SnpLab& from = spoiling.before ? lab : kUntouched;
  Bytes report = from.report_bytes();
  evidence::SnpCertificates certificates = from.certificates();
  if (spoiling.after) spoiling.after(report, certificates);
  return appraise(report, &certificates, from.policy(), from.at);
}

inline void expect_each_is_caught(const SnpTable& table) {
  for (const SnpSpoiling& spoiling : table) {
    SCOPED_TRACE(spoiling.name);
    const SnpOutcome outcome = run(spoiling);
    EXPECT_FALSE(outcome.proof);
    ASSERT_NE(outcome.verdict.first_failure(), nullptr) << "accepted";
    EXPECT_EQ(outcome.verdict.first_failure()->id, spoiling.check) << why(outcome);
  }
}

}  // namespace confide::verify::testing
