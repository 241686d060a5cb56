// Every version 4 TDX case of the attestation test vectors.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "verify/event_log.h"
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

// Checks that judge whether a genuine quote is acceptable, not whether it is genuine.
bool is_appraisal(const Check& check) {
  static const std::set<std::string> kIds{"tdx.tcb.status", "tdx.tcb.advisories",
                                          "tdx.td.attributes", "policy.measurements"};
  return kIds.contains(check.id);
}

bool crypto_ok(const Verdict& verdict) {
  return std::ranges::none_of(verdict.checks(), [](const Check& check) {
    return check.status == CheckStatus::fail && !is_appraisal(check);
  });
}

std::set<std::string> findings_of(const Verdict& verdict) {
  std::set<std::string> out;
  for (const Check& check : verdict.checks()) {
    if (check.id != "tdx.td.attributes" || check.status != CheckStatus::fail) continue;
    std::string detail = check.detail.substr(std::string("T27:").size());
    for (std::size_t at = 0; (at = detail.find(' ')) != std::string::npos;) {
      detail.erase(0, at + 1);
      out.insert(detail.substr(0, detail.find(' ')));
    }
  }
  return out;
}

void expect_parsed(const Json& parsed, const Json& claims) {
  for (const char* name : {"version", "att_key_type", "tee_type"}) {
    EXPECT_EQ(claims.at(name), parsed.at(name)) << name;
  }
  for (const char* name : {"qe_vendor_id", "user_data"}) {
    EXPECT_EQ(claims.at(name), parsed.at("header").at(name)) << name;
  }
  for (const auto& [name, value] : parsed.at("body").items()) {
    EXPECT_EQ(claims.at(name), value) << name;
  }
  for (const char* name : {"fmspc", "pce_id", "pce_svn", "cpu_svn", "ppid"}) {
    EXPECT_EQ(claims.at(name), parsed.at("pck").at(name)) << name;
  }
}

void expect_components(const Json& expected, const Json& claims) {
  for (const auto& [name, value] : expected.items()) {
    if (name == "sgx_level_status") continue;  // a partial result that no rule uses
    EXPECT_EQ(claims.at("tcb_components").at(name), value) << name;
  }
}

std::string first_failure(const Verdict& verdict) {
  const Check* check = verdict.first_failure();
  return check == nullptr ? "" : check->id + ": " + check->detail;
}

Verdict verify_case(const fs::path& folder, const Json& description, Policy policy) {
  const Bytes quote = read_file(folder / "quote.bin");
  const auto collateral = evidence::parse_tdx_collateral(read_json(folder / "collateral.json"));
  EXPECT_TRUE(collateral) << collateral.error().message;
  const Time at =
      parse_rfc3339(description.at("evaluation_time").get_ref<const std::string&>()).value();
  Verdict verdict;
  const auto proof = verify_tdx(quote, collateral ? &*collateral : nullptr, policy, at, verdict);
  EXPECT_EQ(proof.has_value(), verdict.passed());
  return verdict;
}

Policy policy_for(const fs::path& folder) {
  Policy policy = Policy::strict();
  policy.trust(crypto::Certificate::from_der(read_file(folder / "root_ca.der")).value());
  return policy;
}

void run_case(const fs::path& folder, const Json& description) {
  const Json& expected = description.at("expected");
  const Verdict verdict = verify_case(folder, description, policy_for(folder));
  EXPECT_EQ(crypto_ok(verdict), expected.at("crypto_ok").get<bool>()) << first_failure(verdict);
  EXPECT_EQ(verdict.passed(), expected.at("verdict_strict") == "accept") << first_failure(verdict);
  EXPECT_EQ(verdict.claims.value("tcb_status", Json()), expected.at("tcb_status"));
  EXPECT_EQ(verdict.claims.value("advisory_ids", Json()), expected.at("advisory_ids"));
  EXPECT_EQ(findings_of(verdict), expected.at("policy_findings").get<std::set<std::string>>());
  if (description.contains("parsed")) expect_parsed(description.at("parsed"), verdict.claims);
  if (expected.contains("tcb_components")) {
    expect_components(expected.at("tcb_components"), verdict.claims);
  }
}

bool is_version_4(const fs::path& folder) {
  const Bytes quote = read_file(folder / "quote.bin");
  return ByteReader(quote).u16le("version").value() == 4;
}

TEST(Vectors, TdxQuotesOfVersion4) {
  const auto folders = cases_of({"tdx", "tdx-synthetic"});
  if (folders.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  int count = 0;
  for (const fs::path& folder : folders) {
    SCOPED_TRACE(folder.filename());
    if (!is_version_4(folder)) continue;
    run_case(folder, read_json(folder / "case.json"));
    ++count;
  }
  EXPECT_GT(count, 70);
}

TEST(Vectors, OtherVersionsAreNamedAsUnsupported) {
  const auto folders = cases_of({"tdx", "tdx-synthetic"});
  if (folders.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  int count = 0;
  for (const fs::path& folder : folders) {
    if (is_version_4(folder)) continue;
    const auto quote = evidence::parse_tdx_quote(read_file(folder / "quote.bin"));
    ASSERT_FALSE(quote) << folder;
    EXPECT_EQ(quote.error().code, Errc::unsupported) << folder;
    ++count;
  }
  EXPECT_GT(count, 0);
}

// Genuine quotes chain to the built-in root; nothing else does.
TEST(Vectors, OnlyIntelsOwnQuotesPassWithoutANamedRoot) {
  const auto real = cases_of({"tdx"});
  const auto synthetic = cases_of({"tdx-synthetic"});
  if (real.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  for (const fs::path& folder : real) {
    if (!is_version_4(folder)) continue;
    const Json description = read_json(folder / "case.json");
    const Verdict verdict = verify_case(folder, description, Policy::strict());
    EXPECT_EQ(crypto_ok(verdict), description.at("expected").at("crypto_ok").get<bool>())
        << folder << first_failure(verdict);
    EXPECT_FALSE(verdict.simulated) << folder;
  }
  for (const fs::path& folder : synthetic) {
    if (!is_version_4(folder)) continue;
    const Verdict verdict = verify_case(folder, read_json(folder / "case.json"), Policy::strict());
    EXPECT_FALSE(crypto_ok(verdict)) << folder;
    EXPECT_FALSE(verdict.passed()) << folder;
  }
}

struct LogCase {
  Json log;
  evidence::TdReport td;
};

void expect_log(const LogCase& from, bool accept, const std::string& what) {
  Verdict verdict;
  auto log = evidence::parse_event_log(from.log);
  const bool accepted =
      log.has_value() && verify_event_log(*std::move(log), from.td, verdict).has_value();
  EXPECT_EQ(accepted, accept) << what << ": " << first_failure(verdict);
}

// The operations of negatives.json that event logs use; see the vectors' README.
Json mutate(Json log, const Json& operations) {
  for (const Json& step : operations) {
    const std::string op = step.at("op");
    const auto index = step.value("index", std::size_t{0});
    if (op == "json_set") log[index][step.at("key").get<std::string>()] = step.at("value");
    if (op == "json_unset") log[index].erase(step.at("key").get<std::string>());
    if (op == "json_del") log.erase(index);
    if (op == "json_dup") log.insert(log.begin() + static_cast<long>(index), Json(log[index]));
    if (op == "json_swap") {
      std::swap(log[step.at("a").get<std::size_t>()], log[step.at("b").get<std::size_t>()]);
    }
    if (op == "text") log = json::parse(step.at("text").get<std::string>()).value();
    if (op == "truncate") log = Json();
  }
  return log;
}

TEST(Vectors, DstackEventLogs) {
  const auto folders = cases_of({"eventlog"});
  if (folders.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  int count = 0;
  for (const fs::path& folder : folders) {
    const Json description = read_json(folder / "case.json");
    if (description.at("kind") != "dstack-eventlog" || !fs::exists(folder / "quote.bin")) continue;
    SCOPED_TRACE(folder.filename());
    const auto quote = evidence::parse_tdx_quote(read_file(folder / "quote.bin")).value();
    const LogCase base{.log = read_json(folder / "eventlog.json"), .td = quote.td};
    expect_log(base, description.at("expected").at("verdict") == "accept", "base");
    ++count;
    if (!fs::exists(folder / "negatives.json")) continue;
    const Json negatives = read_json(folder / "negatives.json");
    for (const Json& mutation : negatives.at("mutations")) {
      if (mutation.at("expected") == "either") continue;
      const LogCase spoiled{.log = mutate(base.log, mutation.at("ops")), .td = quote.td};
      expect_log(spoiled, mutation.at("expected") == "same-as-base", mutation.at("id"));
      ++count;
    }
  }
  EXPECT_GT(count, 20);
}

}  // namespace
}  // namespace confide::verify
