// Every SEV-SNP case of the attestation test vectors, and every way its folder knows to spoil it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "verify/snp.h"

namespace confide::verify {
namespace {

namespace fs = std::filesystem;

std::optional<Bytes> read_if_there(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return Bytes{std::istreambuf_iterator<char>(in), {}};
}

Bytes read_file(const fs::path& path) {
  auto out = read_if_there(path);
  EXPECT_TRUE(out) << path;
  return out.value_or(Bytes());
}

Json read_json(const fs::path& path) { return json::parse(as_text(read_file(path))).value(); }

std::vector<fs::path> cases_of(const char* kind) {
  std::vector<fs::path> out;
  const fs::path folder = fs::path(CONFIDE_VECTORS) / kind;
  if (!fs::exists(folder)) return out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (fs::exists(entry.path() / "case.json")) out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

struct Case {
  fs::path folder;
  Json description;
  std::map<std::string, Bytes> files;  // by name in the folder
  Time at{};
};

Case load(const fs::path& folder) {
  Case out{.folder = folder, .description = read_json(folder / "case.json"), .files = {}, .at = {}};
  for (const auto& [role, name] : out.description.at("files").items()) {
    out.files[name.get<std::string>()] = read_file(folder / name.get<std::string>());
  }
  out.at = parse_rfc3339(out.description.value("evaluation_time", "2026-01-01T00:00:00Z")).value();
  return out;
}

std::optional<Bytes> file_of(const Case& c, const char* role) {
  const Json& names = c.description.at("files");
  if (!names.contains(role)) return std::nullopt;
  return c.files.at(names.at(role).get<std::string>());
}

Verdict verify_case(const Case& c, const Policy& policy) {
  evidence::SnpCertificates certificates{.leaf = file_of(c, "leaf"),
                                         .ica = file_of(c, "ica"),
                                         .ark = file_of(c, "ark"),
                                         .crl = file_of(c, "crl")};
  Verdict verdict;
  const auto proof = verify_snp(file_of(c, "report").value(),
                                certificates.leaf ? &certificates : nullptr, policy, c.at, verdict);
  EXPECT_EQ(proof.has_value(), verdict.passed());
  return verdict;
}

std::string first_failure(const Verdict& verdict) {
  const Check* check = verdict.first_failure();
  return check == nullptr ? "" : check->id + ": " + check->detail;
}

// Some mutations take a file of a case that is not among the vectors; another case of the same
// product has one like it.
std::optional<Bytes> read_from(const fs::path& folder, std::string from) {
  if (auto out = read_if_there(folder / from)) return out;
  const std::size_t end = from.find('/', 3);
  for (const char* other : {"../genoa-v5-siena", "../genoa-v5-oak"}) {
    if (auto out = read_if_there(folder / (other + from.substr(end)))) return out;
  }
  return std::nullopt;
}

// The operations that SNP cases use; see the vectors' README.
void mutate(Case& c, const Json& operations) {
  for (const Json& step : operations) {
    const std::string op = step.at("op");
    if (op == "time") {
      c.at = parse_rfc3339(step.at("value").get_ref<const std::string&>()).value();
      continue;
    }
    Bytes& file = c.files.at(step.at("file").get<std::string>());
    if (op == "xor") {
      const int offset = step.at("offset");
      const std::size_t at = static_cast<std::size_t>(offset) + (offset < 0 ? file.size() : 0);
      file.at(at) ^= from_hex(step.at("mask").get_ref<const std::string&>()).value().at(0);
    } else if (op == "set") {
      const Bytes with = from_hex(step.at("hex").get_ref<const std::string&>()).value();
      std::ranges::copy(with, file.begin() + step.at("offset").get<long>());
    } else if (op == "truncate") {
      file.resize(step.at("length").get<std::size_t>());
    } else if (op == "append") {
      append(file, from_hex(step.at("hex").get_ref<const std::string&>()).value());
    } else if (op == "copy") {
      const std::string from = step.at("from");
      const auto own = c.files.find(from);
      const auto with = own == c.files.end() ? read_from(c.folder, from) : own->second;
      ASSERT_TRUE(with) << from;
      file = *with;
    } else {
      ADD_FAILURE() << "unknown operation " << op;
    }
  }
}

void expect_parsed(const Json& parsed, const Json& claims) {
  for (const auto& [name, value] : parsed.items()) {
    EXPECT_EQ(claims.value(name, Json("absent")), value) << name;
  }
}

void expect_certificate(const Json& certificate, const Json& claims) {
  for (const auto& [name, value] : certificate.items()) {
    if (name.starts_with("spl") || name == "subject" || name == "serial") continue;
    EXPECT_EQ(claims.at("certificate").value(name, Json("absent")), value) << name;
  }
}

SnpTcbFloor floor_of(const Json& tcb) {
  const auto level = [&tcb](const char* name) { return tcb.value(name, std::uint8_t{0}); };
  return {.fmc = level("fmc"),
          .bl = level("bl"),
          .tee = level("tee"),
          .snp = level("snp"),
          .ucode = level("ucode")};
}

// The floor alone decides: all else was judged before.
void expect_floors(const Case& c, const Json& example) {
  for (const char* verdict : {"accept", "reject"}) {
    Policy policy = Policy::strict();
    policy.snp.allow_debug = true;
    const std::string product = c.description.at("parsed").at("product");
    policy.snp.min_tcb[product] = floor_of(example.at(verdict));
    const Verdict with_floor = verify_case(c, policy);
    const bool below = std::ranges::any_of(with_floor.checks(), [](const Check& check) {
      return check.id == "snp.tcb.floor" && check.status == CheckStatus::fail;
    });
    EXPECT_EQ(below, std::string("reject") == verdict) << first_failure(with_floor);
  }
}

void run_negatives(const Case& base, bool base_accepts, const Policy& policy, int& run) {
  const Json negatives = read_json(base.folder / "negatives.json");
  for (const Json& mutation : negatives.at("mutations")) {
    SCOPED_TRACE(mutation.at("id").get<std::string>());
    Case spoiled = base;
    mutate(spoiled, mutation.at("ops"));
    const Verdict verdict = verify_case(spoiled, policy);
    ++run;
    if (mutation.at("expected") == "reject") EXPECT_FALSE(verdict.passed());
    if (mutation.at("expected") == "same-as-base") EXPECT_EQ(verdict.passed(), base_accepts);
  }
}

TEST(SnpVectors, RealReports) {
  const auto folders = cases_of("snp");
  if (folders.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  int mutations = 0;
  for (const fs::path& folder : folders) {
    SCOPED_TRACE(folder.filename());
    const Case c = load(folder);
    const Json& expected = c.description.at("expected");
    const Verdict verdict = verify_case(c, Policy::strict());
    const bool accept = expected.at("verdict_strict") == "accept";
    EXPECT_EQ(verdict.passed(), accept) << first_failure(verdict);
    EXPECT_FALSE(verdict.simulated);
    for (const char* name : {"crypto_ok", "policy_findings", "informational"}) {
      EXPECT_EQ(verdict.claims.at(name), expected.at(name)) << name;
    }
    expect_parsed(c.description.at("parsed"), verdict.claims);
    if (c.description.contains("certificate")) {
      expect_certificate(c.description.at("certificate"), verdict.claims);
    }
    if (expected.at("crypto_ok") == true) expect_floors(c, expected.at("min_tcb_example"));
    if (fs::exists(folder / "negatives.json")) {
      run_negatives(c, accept, Policy::strict(), mutations);
    }
  }
  EXPECT_GE(folders.size(), 17U);
  EXPECT_GE(mutations, 198);
}

// The root that a synthetic case is to be judged under: the base case of that product has it.
std::optional<crypto::Certificate> anchor_of(const Case& c) {
  const std::string anchor = c.description.at("trust_anchor");
  if (anchor == "AMD") return std::nullopt;
  std::string base = "base-" + c.description.at("product").get<std::string>();
  std::ranges::transform(base, base.begin(), [](unsigned char ch) { return std::tolower(ch); });
  const Case named = load(c.folder.parent_path() / base);
  return crypto::Certificate::from_der(file_of(named, "ark").value()).value();
}

TEST(SnpVectors, SyntheticReports) {
  const auto folders = cases_of("snp-synthetic");
  if (folders.empty()) GTEST_SKIP() << "SKIPPED: no test vectors in " << CONFIDE_VECTORS;
  for (const fs::path& folder : folders) {
    SCOPED_TRACE(folder.filename());
    const Case c = load(folder);
    Policy policy = Policy::strict();
    if (const auto anchor = anchor_of(c)) policy.trust(*anchor);
    const Json& expected = c.description.at("expected");
    const Verdict verdict = verify_case(c, policy);
    if (expected.at("verdict_strict") == "either") continue;
    EXPECT_EQ(verdict.passed(), expected.at("verdict_strict") == "accept")
        << first_failure(verdict);
    if (expected.at("stage") != "version") {  // a report of unknown version has no claims
      EXPECT_EQ(verdict.claims.at("policy_findings"), expected.at("policy_findings"));
    }
  }
  EXPECT_GE(folders.size(), 38U);
}

}  // namespace
}  // namespace confide::verify
