#include "verify/policy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/x509_issue.h"

namespace confide::verify {
namespace {

using ::testing::HasSubstr;

crypto::Certificate test_root() {
  const auto key = crypto::P256Key::generate();
  crypto::CertificateRequest request;
  request.common_name = "Test Root";
  request.subject_key = key.public_key();
  request.not_before = from_unix(1'700'000'000);
  request.not_after = from_unix(1'900'000'000);
  request.is_ca = true;
  return crypto::issue_certificate(request, key, nullptr).value();
}

std::string message_of(const std::string& text) {
  const auto policy = Policy::from_toml(text);
  EXPECT_FALSE(policy) << text;
  if (policy) return "";
  EXPECT_EQ(policy.error().code, Errc::malformed) << text;
  return policy.error().message;
}

const std::string kRegister(96, 'a');
const std::string kDigest(64, 'b');

TEST(Policy, IntelsRootIsTheOneThatIntelPublishes) {
  EXPECT_EQ(intel_sgx_root().common_name(), "Intel SGX Root CA");
  EXPECT_EQ(to_hex(crypto::sha256(intel_sgx_root().der())),
            "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3");
}

TEST(Policy, StrictTrustsTheVendorsAloneEachForItsOwn) {
  const Policy policy = Policy::strict();
  ASSERT_EQ(policy.roots.size(), built_in_roots().size());
  EXPECT_EQ(policy.roots[0].certificate, intel_sgx_root());
  std::set<Anchor> anchors;
  for (const TrustRoot& root : policy.roots) {
    EXPECT_FALSE(root.simulated);
    ASSERT_TRUE(root.anchors);
    anchors.insert(*root.anchors);
    EXPECT_EQ(root.may_anchor(Anchor::intel_sgx), root.certificate == intel_sgx_root());
  }
  EXPECT_EQ(anchors.size(), policy.roots.size());
  EXPECT_TRUE(policy.tolerated_tcb.empty());
}

TEST(Policy, ABuiltInRootIsCalledByItsOwnName) {
  const std::vector<std::pair<std::string_view, std::string>> names{
      {"intel-sgx", "Intel SGX Root CA"},
      {"amd-milan", "ARK-Milan"},
      {"amd-genoa", "ARK-Genoa"},
      {"amd-turin", "ARK-Turin"},
      {"nvidia-device", "NVIDIA Device Identity CA"},
      {"nvidia-rim", "NVIDIA CoRIM signing Root CA"}};
  for (const auto& [name, common_name] : names) {
    const auto root = std::ranges::find(built_in_roots(), name, &BuiltInRoot::name);
    ASSERT_NE(root, built_in_roots().end()) << name;
    EXPECT_EQ(root->certificate.common_name(), common_name);
  }
}

TEST(Policy, AnAddedRootIsSimulatedUnlessItIsAVendors) {
  Policy policy = Policy::strict();
  const std::size_t vendors = policy.roots.size();
  policy.trust(intel_sgx_root());
  EXPECT_EQ(policy.roots.size(), vendors);
  const auto root = test_root();
  policy.trust(root);
  policy.trust(root);
  ASSERT_EQ(policy.roots.size(), vendors + 1);
  EXPECT_TRUE(policy.roots.back().simulated);
  EXPECT_TRUE(policy.roots.back().may_anchor(Anchor::intel_sgx));
  EXPECT_TRUE(policy.roots.back().may_anchor(Anchor::nvidia_rim));
}

TEST(PolicyFile, TheLeastIsStrict) {
  const auto policy = Policy::from_toml("version = 1\n");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->to_toml(), Policy::strict().to_toml());
}

TEST(PolicyFile, ReadsEveryMember) {
  const std::string text = "version = 1\ntrust_roots = ['''" + test_root().to_pem() +
                           "''']\n"
                           "[tdx]\n"
                           "tolerated = [{ name = \"OutOfDate\", until = 2027-01-02 }]\n"
                           "tolerated_advisories = [{ name = \"INTEL-SA-00837\", until = "
                           "2027-01-02T03:04:05+01:00 }]\n"
                           "[measurements]\nmr_td = [\"" +
                           kRegister + "\"]\n[application]\ncompose_hash = [\"" + kDigest +
                           "\"]\n[models]\nsha256 = [\"" + kDigest +
                           "\"]\n[keyset]\nmax_lifetime_days = 30\n";
  const auto policy = Policy::from_toml(text);
  ASSERT_TRUE(policy) << policy.error().message;
  ASSERT_EQ(policy->roots.size(), 1U);
  EXPECT_TRUE(policy->roots[0].simulated);
  ASSERT_EQ(policy->tolerated_tcb.size(), 1U);
  EXPECT_EQ(policy->tolerated_tcb[0].name, "OutOfDate");
  EXPECT_EQ(to_rfc3339(policy->tolerated_tcb[0].until), "2027-01-02T00:00:00Z");
  ASSERT_EQ(policy->tolerated_advisories.size(), 1U);
  EXPECT_EQ(policy->tolerated_advisories[0].name, "INTEL-SA-00837");
  EXPECT_EQ(to_rfc3339(policy->tolerated_advisories[0].until), "2027-01-02T02:04:05Z");
  ASSERT_EQ(policy->measurements.size(), 1U);
  EXPECT_EQ(policy->measurements[0].first, "mr_td");
  EXPECT_EQ(policy->measurements[0].second, (std::set<std::string>{kRegister}));
  EXPECT_EQ(policy->compose_hashes, (std::set<std::string>{kDigest}));
  EXPECT_EQ(policy->model_digests, (std::set<std::string>{kDigest}));
  EXPECT_EQ(policy->max_keyset_lifetime, std::chrono::days{30});
}

TEST(PolicyFile, ReadsWhatItWrote) {
  Policy policy = Policy::strict();
  policy.trust(test_root());
  policy.tolerated_tcb = {{.name = "SWHardeningNeeded", .until = from_unix(1'900'000'001)}};
  policy.tolerated_advisories = {{.name = "INTEL-SA-00001", .until = from_unix(86'400 * 20'000)},
                                 {.name = "odd \" name\n", .until = from_unix(86'400)}};
  policy.measurements = {{"rtmr3", {kRegister, std::string(96, '0')}},
                         {"mr_td", {kRegister}},
                         {"mr_signer", {std::string(64, 'a')}}};
  policy.compose_hashes = {kDigest};
  policy.model_digests = {kDigest, std::string(64, '1')};
  policy.max_keyset_lifetime = std::chrono::days{7};
  const auto read = Policy::from_toml(policy.to_toml());
  ASSERT_TRUE(read) << read.error().message << '\n' << policy.to_toml();
  EXPECT_EQ(read->to_toml(), policy.to_toml());
  // Midnight is written as a date, and only midnight.
  EXPECT_THAT(policy.to_toml(), HasSubstr("until = 2024-10-04 }"));
  EXPECT_THAT(policy.to_toml(), HasSubstr("until = 2030-03-17T17:46:41Z }"));
  ASSERT_EQ(read->roots.size(), policy.roots.size());
  EXPECT_FALSE(read->roots.front().simulated);
  EXPECT_TRUE(read->roots.back().simulated);
  EXPECT_EQ(read->tolerated_tcb[0].until, policy.tolerated_tcb[0].until);
  EXPECT_EQ(read->tolerated_advisories[1].name, "odd \" name\n");
  EXPECT_EQ(read->measurements.size(), 3U);
  EXPECT_EQ(read->model_digests, policy.model_digests);
  EXPECT_EQ(read->max_keyset_lifetime, policy.max_keyset_lifetime);
}

TEST(PolicyFile, TrustingNobodyDoesNotBecomeTrustingIntel) {
  EXPECT_THAT(message_of(Policy{}.to_toml()), HasSubstr("trust_roots"));
}

TEST(PolicyFile, NamesTheLine) {
  EXPECT_THAT(message_of("version = 1\n\n[tdx]\ncolour = 1\n"), HasSubstr("line 4"));
  EXPECT_THAT(message_of("version = 1\n\n= 2\n"), HasSubstr("line 3"));
}

TEST(PolicyFile, SaysWhatIsWrongWithAToleration) {
  const auto reason = [](const std::string& entry) {
    return message_of("version = 1\n[tdx]\ntolerated_advisories = [{ " + entry + " }]\n");
  };
  EXPECT_THAT(reason("until = 2027-01-01"), HasSubstr("line 3: 'name' is missing"));
  EXPECT_THAT(reason("name = \"\", until = 2027-01-01"), HasSubstr("line 3: 'name' is not a name"));
  EXPECT_THAT(reason("name = 1, until = 2027-01-01"), HasSubstr("line 3: 'name' is not a name"));
  EXPECT_THAT(reason("name = \"INTEL-SA-00837\""), HasSubstr("line 3: 'until' is missing"));
  EXPECT_THAT(reason("name = \"INTEL-SA-00837\", until = 1"),
              HasSubstr("line 3: 'until' is not a date"));
}

TEST(PolicyFile, RefusesOtherVersions) {
  EXPECT_THAT(message_of("\n\nversion = 2"), HasSubstr("line 3: 'version' is not 1"));
  EXPECT_THAT(message_of(""), HasSubstr("version"));
  EXPECT_THAT(message_of("version = 2"), HasSubstr("version"));
  EXPECT_THAT(message_of("version = \"1\""), HasSubstr("version"));
  EXPECT_THAT(message_of("version = 1.0"), HasSubstr("version"));
}

TEST(PolicyFile, RefusesUnknownMembersEverywhere) {
  for (const char* section : {"tdx", "measurements", "application", "models", "keyset"}) {
    EXPECT_THAT(message_of(std::string("version = 1\n[") + section + "]\ncolour = [\"red\"]\n"),
                HasSubstr("colour"));
  }
  EXPECT_THAT(message_of("version = 1\ncolour = 1"), HasSubstr("colour"));
  EXPECT_THAT(message_of("version = 1\n[tdx]\ntolerated = [{ name = \"OutOfDate\", until = "
                         "2027-01-01, why = 1 }]"),
              HasSubstr("why"));
}

TEST(PolicyFile, RefusesEmptyLists) {
  for (const char* text : {"trust_roots = []", "[tdx]\ntolerated = []",
                           "[tdx]\ntolerated_advisories = []", "[measurements]\nmr_td = []",
                           "[application]\ncompose_hash = []", "[models]\nsha256 = []"}) {
    EXPECT_THAT(message_of(std::string("version = 1\n") + text), HasSubstr("empty")) << text;
  }
}

TEST(PolicyFile, RefusesWrongTypesAndValues) {
  for (const std::string& text :
       {std::string("trust_roots = \"x\""),
        std::string("trust_roots = [1]"),
        std::string("trust_roots = [\"no certificate\"]"),
        std::string("tdx = 1"),
        std::string("[tdx]\ntolerated = [\"OutOfDate\"]"),
        std::string("[tdx]\ntolerated = [{ name = \"OutOfDate\" }]"),
        std::string("[tdx]\ntolerated = [{ until = 2027-01-01 }]"),
        std::string("[tdx]\ntolerated = [{ name = \"OutOfDate\", until = \"2027-01-01\" }]"),
        std::string("[tdx]\ntolerated = [{ name = \"OutOfDate\", until = 2027-01-01T00:00:00 }]"),
        std::string("[tdx]\ntolerated = [{ name = \"Revoked\", until = 2027-01-01 }]"),
        std::string("[tdx]\ntolerated = [{ name = \"Fine\", until = 2027-01-01 }]"),
        std::string("measurements = []"),
        "[measurements]\nmr_td = \"" + kRegister + "\"",
        "[measurements]\nmr_signer = [\"" + kRegister + "\"]",
        "[measurements]\nmr_td = [\"" + kDigest + "\"]",
        "[measurements]\nmr_td = [\"" + std::string(96, 'A') + "\"]",
        "[measurements]\nreport_data = [\"" + kRegister + "\"]",
        "[models]\nsha256 = [\"sha256:" + kDigest + "\"]",
        std::string("[models]\nsha256 = [1]"),
        std::string("[keyset]\nmax_lifetime_days = -1"),
        std::string("[keyset]\nmax_lifetime_days = 40000"),
        std::string("[keyset]\nmax_lifetime_days = 1.5")}) {
    EXPECT_THAT(message_of("version = 1\n" + text), HasSubstr("line")) << text;
  }
}

TEST(PolicyFile, TakesTheShortestAndLongestLifetime) {
  for (const int days : {0, 36500}) {
    const auto policy =
        Policy::from_toml("version = 1\n[keyset]\nmax_lifetime_days = " + std::to_string(days));
    ASSERT_TRUE(policy) << policy.error().message;
    EXPECT_EQ(policy->max_keyset_lifetime, std::chrono::days{days});
  }
  EXPECT_THAT(message_of("version = 1\n[keyset]\nmax_lifetime_days = 36501"),
              HasSubstr("from 0 to 36500"));
}

TEST(PolicyFile, RefusesAFlood) {
  std::string longest = "version = 1\n";
  longest.resize(std::size_t{1} << 20U, '#');
  EXPECT_TRUE(Policy::from_toml(longest));
  EXPECT_THAT(message_of(longest + "#"), HasSubstr("too long"));
}

}  // namespace
}  // namespace confide::verify
