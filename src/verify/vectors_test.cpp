// Every DCAP case of the attestation test vectors: TDX and SGX, genuine and made.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "verify/sgx.h"
#include "verify/tdx.h"

namespace confide::verify {
namespace {

namespace fs = std::filesystem;

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

Json read_json(const fs::path& path) { return json::parse(as_text(read_file(path))).value(); }

std::vector<fs::path> cases_of(std::initializer_list<const char*> kinds) {
  std::vector<fs::path> out;
  for (const char* kind : kinds) {
    const fs::path folder = fs::path(CONFIDE_VECTORS) / kind;
    if (!fs::exists(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (fs::exists(entry.path() / "case.json")) out.push_back(entry.path());
    }
  }
  std::ranges::sort(out);
  return out;
}

// All that a case knows of the values must stand in the claims, under the same names.
void expect_claimed(const Json& known, const Json& claims, const std::string& where) {
  for (const auto& [name, value] : known.items()) {
    const Json* const claimed = json::find(claims, name);
    ASSERT_NE(claimed, nullptr) << where << name;
    if (value.is_object()) {
      expect_claimed(value, *claimed, where + name + ".");
    } else {
      EXPECT_EQ(*claimed, value) << where << name;
    }
  }
}

std::string first_failure(const Verdict& verdict) {
  const Check* check = verdict.first_failure();
  return check == nullptr ? "" : check->id + ": " + check->detail;
}

Verdict verify_case(const fs::path& folder, const Json& description, const Policy& policy) {
  const Bytes quote = read_file(folder / "quote.bin");
  const auto collateral = evidence::parse_tdx_collateral(read_json(folder / "collateral.json"));
  EXPECT_TRUE(collateral) << collateral.error().message;
  const Endorsements endorsements(collateral ? &*collateral : nullptr);
  const Time at =
      parse_rfc3339(description.at("evaluation_time").get_ref<const std::string&>()).value();
  Verdict verdict;
  bool proven = false;
  if (description.at("kind") == "sgx-quote") {
    proven = verify_sgx(quote, endorsements, policy, at, verdict).has_value();
  } else {
    proven = verify_tdx(quote, endorsements, policy, at, verdict).has_value();
  }
  EXPECT_EQ(proven, verdict.passed());
  return verdict;
}

bool is_real(const Json& description) { return description.at("kind") != "tdx-quote-synthetic"; }

// Only evidence made for tests brings a root of its own.
Policy policy_for(const fs::path& folder, const Json& description) {
  Policy policy = Policy::strict();
  if (is_real(description)) return policy;
  policy.trust(crypto::Certificate::from_der(read_file(folder / "root_ca.der")).value());
  return policy;
}

void run_case(const fs::path& folder, const Json& description) {
  const Json& expected = description.at("expected");
  const Verdict verdict = verify_case(folder, description, policy_for(folder, description));
  const Json& claims = verdict.claims;
  EXPECT_EQ(claims.at("crypto_ok"), expected.at("crypto_ok")) << first_failure(verdict);
  EXPECT_EQ(verdict.passed(), expected.at("verdict_strict") == "accept") << first_failure(verdict);
  if (is_real(description)) EXPECT_FALSE(verdict.simulated);
  if (!is_real(description) && verdict.passed()) EXPECT_TRUE(verdict.simulated);
  EXPECT_EQ(claims.value("tcb_status", Json()), expected.at("tcb_status"));
  EXPECT_EQ(claims.value("advisory_ids", Json()), expected.at("advisory_ids"));
  EXPECT_EQ(claims.at("policy_findings"), expected.at("policy_findings"));
  if (description.contains("parsed")) expect_claimed(description.at("parsed"), claims, "");
  if (expected.contains("tcb_components")) {
    expect_claimed(expected.at("tcb_components"), claims.at("tcb_components"), "tcb_components.");
  }
}

const std::initializer_list<const char*> kDcapKinds{"tdx", "tdx-synthetic", "sgx"};

TEST(Vectors, DcapQuotes) {
  const auto folders = cases_of(kDcapKinds);
  if (folders.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  for (const fs::path& folder : folders) {
    SCOPED_TRACE(folder.filename());
    run_case(folder, read_json(folder / "case.json"));
  }
  EXPECT_GE(folders.size(), 85U);
}

// Genuine quotes chain to the built-in root; nothing else does.
TEST(Vectors, NoMadeQuotePassesWithoutItsRoot) {
  const auto folders = cases_of({"tdx-synthetic"});
  if (folders.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  for (const fs::path& folder : folders) {
    const Verdict verdict = verify_case(folder, read_json(folder / "case.json"), Policy::strict());
    EXPECT_EQ(verdict.claims.at("crypto_ok"), false) << folder;
    EXPECT_FALSE(verdict.passed()) << folder;
  }
}

// Intel's root for platforms that are not for sale yet counts if somebody names it, as a
// simulator's does.
TEST(Vectors, PreProductionNeedsItsRootNamed) {
  int count = 0;
  for (const fs::path& folder : cases_of(kDcapKinds)) {
    const Json description = read_json(folder / "case.json");
    const Json* const expected =
        json::find(description.at("expected"), "with_preproduction_root_trusted");
    if (expected == nullptr) continue;
    EXPECT_FALSE(verify_case(folder, description, Policy::strict()).passed()) << folder;
    Policy policy = Policy::strict();
    policy.trust(crypto::Certificate::from_der(read_file(folder / "root_ca.der")).value());
    const Verdict verdict = verify_case(folder, description, policy);
    EXPECT_TRUE(verdict.simulated);
    expect_claimed(*expected, verdict.claims, "");
    ++count;
  }
  if (count == 0) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
}

}  // namespace
}  // namespace confide::verify
