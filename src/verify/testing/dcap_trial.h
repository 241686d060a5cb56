// Runs the appraisal on evidence with one thing wrong, and counts.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include "verify/testing/tdx_outcome.h"

namespace confide::verify::testing {

// Counts what it runs.
template <class Lab>
class Trial {
 public:
  using Spoil = std::function<void(Lab&)>;
  using Forge = std::function<void(evidence::DcapQuote&, evidence::TdxCollateral&, const Lab&)>;

  // `spoil` changes what will be signed.
  void made(const std::string& what, const std::string& check, const Spoil& spoil) {
    Lab lab;
    spoil(lab);
    expect(what, check, appraise(lab, lab.policy()).verdict);
  }

  // `spoil` changes one of the documents, which the genuine signer then signs.
  void documented(const std::string& what, const std::string& check, Json DcapLab::* document,
                  const std::function<void(Json&)>& spoil) {
    Json changed = lab_.*document;
    spoil(changed);
    signed_text(what, check, document == &DcapLab::tcb_info, json::compact(changed));
  }

  // The TCB info or QE identity reads `text`, and the genuine signer signed that.
  void signed_text(const std::string& what, const std::string& check, bool tcb, std::string text) {
    forged(what, check, [&](auto&, auto& collateral, auto&) {
      auto& signature = tcb ? collateral.tcb_info_signature : collateral.qe_identity_signature;
      signature = lab_.tcb_signer.key.sign(as_bytes(text));
      (tcb ? collateral.tcb_info : collateral.qe_identity) = text;
    });
  }

  // `forge` changes what has been signed; it may take parts of another lab.
  void forged(const std::string& what, const std::string& check, const Forge& forge) {
    evidence::DcapQuote quote = lab_.parts();
    evidence::TdxCollateral collateral = lab_.collateral();
    forge(quote, collateral, other_);
    Verdict verdict;
    if constexpr (std::is_same_v<Lab, TdxLab>) {
      EXPECT_FALSE(verify_tdx(evidence::testing::write_quote(quote), &collateral, lab_.policy(),
                              lab_.at, verdict));
    } else {
      EXPECT_FALSE(verify_sgx(evidence::testing::write_quote(quote), &collateral, lab_.policy(),
                              lab_.at, verdict));
    }
    expect(what, check, verdict);
  }

  const Lab& lab() const { return lab_; }
  int count() const { return count_; }

 private:
  void expect(const std::string& what, const std::string& check, const Verdict& verdict) {
    ++count_;
    const Check* const first = verdict.first_failure();
    ASSERT_NE(first, nullptr) << what << ": accepted";
    EXPECT_EQ(first->id.substr(4), check) << what << ": " << first->detail;
  }

  Lab lab_;
  Lab other_;
  int count_ = 0;
};

}  // namespace confide::verify::testing
