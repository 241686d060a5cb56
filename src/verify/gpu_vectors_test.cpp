// Every NVIDIA case of the attestation test vectors, and every mutation of them.
#include <string>

#include <gtest/gtest.h>

#include "verify/rim.h"
#include "verify/testing/gpu_case.h"

namespace confide::verify {
namespace {

using testing::cases_below;
using testing::GpuCase;

std::string first_failure(const Verdict& verdict) {
  const Check* check = verdict.first_failure();
  return check == nullptr ? "" : check->id + ": " + check->detail;
}

Verdict verify(GpuCase& from, bool with_ocsp = true) {
  const auto evidence = from.evidence();
  const evidence::GpuReferences references = from.references(with_ocsp);
  Verdict verdict;
  const auto proof =
      verify_gpus(evidence, &references, from.nonce(), from.policy(), from.at(), verdict);
  EXPECT_EQ(proof.has_value(), verdict.passed());
  return verdict;
}

void expect_parsed(const Json& parsed, const Json& claims) {
  for (const auto& [name, value] : parsed.items())
    EXPECT_EQ(claims.value(name, Json()), value) << name;
}

// The members that a case expects of its manifests; where they came from is no claim.
void expect_rims(const Json& expected, const Json& claims) {
  EXPECT_EQ(claims.size(), expected.size());
  for (const auto& [role, rim] : expected.items()) {
    EXPECT_EQ(claims.at(role).at("findings"), rim.at("findings")) << role;
    EXPECT_EQ(claims.at(role).at("version"), rim.at("version")) << role;
  }
}

void expect_details(const Json& description, const Json& claims) {
  const Json& expected = description.at("expected");
  for (const char* name :
       {"evidence_ok", "evidence_findings", "measurements", "rim_ids", "ocsp_findings"}) {
    if (expected.contains(name)) EXPECT_EQ(claims.value(name, Json()), expected.at(name)) << name;
  }
  if (expected.contains("rims")) expect_rims(expected.at("rims"), claims.at("rims"));
  if (!description.contains("parsed")) return;
  const Json& parsed = description.at("parsed");
  if (parsed.is_object()) return expect_parsed(parsed, claims);
  ASSERT_EQ(claims.at("devices").size(), parsed.size());
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    expect_parsed(parsed.at(i), claims.at("devices").at(i));
  }
}

TEST(GpuVectors, EvidenceIsJudgedAsTheReferencesJudgeIt) {
  const auto cases = cases_below({"nvidia", "nvidia-synthetic"});
  if (cases.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in this checkout";
  for (const auto& folder : cases) {
    SCOPED_TRACE(folder.string());
    GpuCase from(folder);
    const Verdict verdict = verify(from);
    const std::string expected = from.json().at("expected").at("verdict_strict");
    if (expected != "either") {
      EXPECT_EQ(verdict.passed(), expected == "accept") << first_failure(verdict);
    }
    expect_details(from.json(), verdict.claims);
  }
}

TEST(GpuVectors, ManifestsAreJudgedAsTheReferencesJudgeThem) {
  const auto cases = cases_below({"nvidia-rim"});
  if (cases.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in this checkout";
  for (const auto& folder : cases) {
    SCOPED_TRACE(folder.string());
    GpuCase from(folder);
    Verdict verdict;
    const auto rim = verify_rim(from.file(from.files().at("rim").get<std::string>()), {},
                                from.policy(), from.at(), verdict);
    const Json& expected = from.json().at("expected");
    EXPECT_EQ(rim.has_value(), verdict.passed());
    EXPECT_EQ(verdict.passed(), expected.at("verdict_strict") == "accept")
        << first_failure(verdict);
    for (const char* name : {"xmldsig_ok", "chain_ok", "findings"}) {
      EXPECT_EQ(verdict.claims.at(name), expected.at(name)) << name;
    }
    expect_parsed(from.json().at("parsed"), verdict.claims);
  }
}

TEST(GpuVectors, EveryMutationIsJudgedAsItMust) {
  std::size_t judged = 0;
  for (const auto& folder : cases_below({"nvidia", "nvidia-synthetic"})) {
    const std::string text = testing::read_text(folder / "negatives.json");
    if (text.empty()) continue;
    const Json negatives = json::parse(text).value();
    for (const Json& mutation : negatives.at("mutations")) {
      SCOPED_TRACE(folder.string() + " " + mutation.at("id").get<std::string>());
      GpuCase from(folder);
      bool is_applied = true;
      for (const Json& op : mutation.at("ops")) is_applied = is_applied && from.apply(op);
      if (!is_applied) continue;  // it takes a file of a case that this checkout lacks
      ++judged;
      const Verdict verdict = verify(from, /*with_ocsp=*/false);
      const std::string expected = mutation.at("expected");
      if (expected == "reject") EXPECT_FALSE(verdict.passed());
      if (expected == "same-as-base") EXPECT_TRUE(verdict.passed()) << first_failure(verdict);
    }
  }
  if (judged == 0) GTEST_SKIP() << "SKIPPED: no test vectors in this checkout";
  EXPECT_GE(judged, 218U);
}

}  // namespace
}  // namespace confide::verify
