// The sections of a policy file that have structs of their own: each member read, written, refused.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/policy.h"

namespace confide::verify {
namespace {

using ::testing::HasSubstr;

std::string hex(std::size_t digits) { return std::string(digits, 'a'); }
std::string quoted(const std::string& text) { return '"' + text + '"'; }
std::string list_of(const std::string& text) { return "[\"" + text + "\"]"; }

std::string file_with(const std::string& section, const std::string& line) {
  return "version = 1\n[" + section + "]\n" + line + "\n";
}

std::string message_of(const std::string& text) {
  const auto policy = Policy::from_toml(text);
  EXPECT_FALSE(policy) << text;
  if (policy) return "";
  EXPECT_EQ(policy.error().code, Errc::malformed) << text;
  return policy.error().message;
}

// A member with a value that a strict policy does not have, where it must arrive, and values that
// it cannot have.
struct Knob {
  std::string section;
  std::string name;
  std::string value;
  std::function<bool(const Policy&)> arrived;
  std::vector<std::string> wrong;
};

Knob flag(std::string section, std::string name, bool value,
          std::function<bool(const Policy&)> get) {
  return {std::move(section),
          std::move(name),
          value ? "true" : "false",
          [get, value](const Policy& policy) { return get(policy) == value; },
          {"1", "\"true\"", "[]"}};
}

Knob hex_set(std::string section, std::string name, std::size_t digits,
             std::function<std::set<std::string>(const Policy&)> get) {
  return {std::move(section),
          std::move(name),
          list_of(hex(digits)),
          [get, digits](const Policy& policy) {
            return get(policy) == std::set<std::string>{hex(digits)};
          },
          {"[]", quoted(hex(digits)), "[1]", list_of(hex(digits - 1)), list_of(hex(digits - 2)),
           list_of(hex(digits + 2)), list_of(std::string(digits, 'A')),
           list_of(std::string(digits, 'z'))}};
}

Knob time(std::string section, std::string name,
          std::function<std::optional<Time>(const Policy&)> get) {
  return {std::move(section),
          std::move(name),
          "2026-02-03T04:05:06Z",
          [get](const Policy& policy) { return get(policy) == from_unix(1'770'091'506); },
          {"\"2026-02-03\"", "2026-02-03T04:05:06", "1", "04:05:06"}};
}

std::vector<Knob> tdx_knobs() {
  return {
      time("tdx", "min_tcb_date", [](const Policy& p) { return p.platform.min_tcb_date; }),
      time("tdx", "min_collateral_issue_date",
           [](const Policy& p) { return p.platform.min_issue_date; }),
      {"tdx",
       "min_tcb_evaluation_data_number",
       "18",
       [](const Policy& p) { return p.platform.min_evaluation_data_number == 18; },
       {"-1", "\"18\"", "18.0", "true"}},
      hex_set("tdx", "fmspc", 12, [](const Policy& p) { return p.platform.fmspcs; }),
      hex_set("tdx", "ppid", 32, [](const Policy& p) { return p.platform.ppids; }),
  };
}

std::vector<Knob> snp_flags() {
  const std::vector<std::pair<std::string, bool SnpPolicy::*>> flags{
      {"allow_provisional_firmware", &SnpPolicy::allow_provisional_firmware},
      {"allow_reported_below_current", &SnpPolicy::allow_reported_below_current},
      {"allow_debug", &SnpPolicy::allow_debug},
      {"allow_migration_agent", &SnpPolicy::allow_migration_agent},
      {"require_smt_disabled", &SnpPolicy::require_smt_disabled},
      {"require_single_socket", &SnpPolicy::require_single_socket},
      {"require_cxl_disabled", &SnpPolicy::require_cxl_disabled},
      {"require_aes_256_xts", &SnpPolicy::require_aes_256_xts},
      {"require_rapl_disabled", &SnpPolicy::require_rapl_disabled},
      {"require_ciphertext_hiding", &SnpPolicy::require_ciphertext_hiding},
      {"require_page_swap_disabled", &SnpPolicy::require_page_swap_disabled},
      {"require_tsme", &SnpPolicy::require_tsme},
      {"require_ecc", &SnpPolicy::require_ecc},
      {"require_alias_check", &SnpPolicy::require_alias_check},
      {"allow_vlek", &SnpPolicy::allow_vlek},
      {"allow_masked_chip_id", &SnpPolicy::allow_masked_chip_id},
      {"require_crl", &SnpPolicy::require_crl}};
  std::vector<Knob> out;
  for (const auto& [name, member] : flags) {
    out.push_back(flag("snp", name, !(SnpPolicy{}.*member),
                       [member](const Policy& policy) { return policy.snp.*member; }));
  }
  return out;
}

std::vector<Knob> snp_knobs() {
  std::vector<Knob> out = snp_flags();
  const std::vector<std::tuple<std::string, std::size_t, std::set<std::string> SnpPolicy::*>> sets{
      {"measurement", 96, &SnpPolicy::measurements},
      {"host_data", 64, &SnpPolicy::host_data},
      {"id_key_digest", 96, &SnpPolicy::id_key_digests},
      {"author_key_digest", 96, &SnpPolicy::author_key_digests},
      {"family_id", 32, &SnpPolicy::family_ids},
      {"image_id", 32, &SnpPolicy::image_ids},
      {"chip_id", 128, &SnpPolicy::chip_ids}};
  for (const auto& [name, digits, member] : sets) {
    out.push_back(hex_set("snp", name, digits,
                          [member](const Policy& policy) { return policy.snp.*member; }));
  }
  const auto floor = [](const SnpTcbFloors& floors) {
    const auto found = floors.find("Turin");
    return floors.size() == 1 && found != floors.end() && found->second.fmc == 1 &&
           found->second.bl == 2 && found->second.tee == 3 && found->second.snp == 4 &&
           found->second.ucode == 255;
  };
  const std::string floors = "{ Turin = { fmc = 1, bl = 2, tee = 3, snp = 4, ucode = 255 } }";
  const std::vector<std::string> no_floors{"{}",
                                           "1",
                                           "{ Turin = 1 }",
                                           "{ Rome = { bl = 1 } }",
                                           "{ Turin = { bl = 1 }, Rome = { bl = 1 } }",
                                           "{ Turin = { boot = 1 } }",
                                           "{ Turin = { bl = 256 } }",
                                           "{ Turin = { ucode = -1 } }"};
  out.insert(
      out.end(),
      {{"snp", "min_tcb", floors, [floor](const Policy& p) { return floor(p.snp.min_tcb); },
        no_floors},
       {"snp", "min_launch_tcb", floors,
        [floor](const Policy& p) { return floor(p.snp.min_launch_tcb); }, no_floors},
       {"snp",
        "min_firmware",
        "\"1.55.29\"",
        [](const Policy& p) {
          return p.snp.min_firmware.major == 1 && p.snp.min_firmware.minor == 55 &&
                 p.snp.min_firmware.build == 29;
        },
        {"1.55", "\"1.55\"", "\"1.55.29.1\"", "\"1.55.256\"", "\"1..29\"", "\"1.55.29 \"", "\"\""}},
       {"snp",
        "min_abi",
        "\"1.51\"",
        [](const Policy& p) { return p.snp.min_abi.major == 1 && p.snp.min_abi.minor == 51; },
        {"\"1\"", "\"1.51.0\"", "\"a.b\"", "1.51", "\"1:51\""}},
       {"snp",
        "required_mitigations",
        "5",
        [](const Policy& p) { return p.snp.required_mitigations == 5; },
        {"-1", "\"5\""}},
       {"snp",
        "min_guest_svn",
        "4294967295",
        [](const Policy& p) { return p.snp.min_guest_svn == 4294967295U; },
        {"4294967296", "-1"}},
       {"snp", "max_vmpl", "0", [](const Policy& p) { return p.snp.max_vmpl == 0; }, {"4", "-1"}},
       {"snp",
        "csp_id",
        "[\"Example Cloud\"]",
        [](const Policy& p) { return p.snp.csp_ids == std::set<std::string>{"Example Cloud"}; },
        {"[]", "[\"\"]", "[1]", list_of(std::string(65, 'x'))}},
       time("snp", "min_crl_this_update",
            [](const Policy& p) { return p.snp.min_crl_this_update; })});
  return out;
}

std::vector<Knob> gpu_knobs() {
  std::vector<Knob> out{
      flag("gpu", "require_ocsp", true, [](const Policy& p) { return p.gpu.require_ocsp; }),
      flag("gpu", "require_switches", true, [](const Policy& p) { return p.gpu.require_switches; }),
      flag("gpu", "require_reference_values", false,
           [](const Policy& p) { return p.gpu.require_reference_values; }),
      {"gpu",
       "required",
       "\"any\"",
       [](const Policy& p) { return p.gpu.required == GpuDemand::any; },
       {"\"some\"", "1", "true"}},
      {"gpu",
       "required",
       "\"none\"",
       [](const Policy& p) { return p.gpu.required == GpuDemand::none; },
       {"\"\""}},
      {"gpu",
       "min_count",
       "64",
       [](const Policy& p) { return p.gpu.min_count == 64; },
       {"65", "-1", "\"8\""}},
      {"gpu",
       "architecture",
       "[\"HOPPER\"]",
       [](const Policy& p) { return p.gpu.architectures == std::set<std::string>{"HOPPER"}; },
       {"[]", "\"HOPPER\"", "[\"AMPERE\"]", "[\"hopper\"]"}},
      {"gpu",
       "mode",
       "[\"SPT\", \"PPCIE\"]",
       [](const Policy& p) { return p.gpu.modes == std::set<std::string>{"PPCIE", "SPT"}; },
       {"[]", "[\"off\"]"}},
      {"gpu",
       "ocsp_grace_seconds",
       "3600",
       [](const Policy& p) { return p.gpu.ocsp_grace == std::chrono::hours{1}; },
       {"-1", "31622401", "\"1 h\""}}};
  const std::vector<std::string> no_version{
      "1", "\"\"", "\"r550\"", "\".5\"", "\"5.\"", "\"5..0\"", quoted(std::string(65, '1'))};
  const std::vector<std::pair<std::string, std::string GpuPolicy::*>> floors{
      {"min_driver_version", &GpuPolicy::min_driver_version},
      {"min_vbios_version", &GpuPolicy::min_vbios_version}};
  for (const auto& [name, member] : floors) {
    out.push_back({"gpu", name, "\"96.00.9F.00.01\"",
                   [member](const Policy& p) { return p.gpu.*member == "96.00.9F.00.01"; },
                   no_version});
  }
  const std::vector<std::pair<std::string, std::set<std::string> GpuPolicy::*>> sets{
      {"driver_version", &GpuPolicy::driver_versions},
      {"vbios_version", &GpuPolicy::vbios_versions},
      {"switch_bios_version", &GpuPolicy::switch_bios_versions}};
  for (const auto& [name, member] : sets) {
    out.push_back(
        {"gpu",
         name,
         "[\"550.90.07\"]",
         [member](const Policy& p) { return p.gpu.*member == std::set<std::string>{"550.90.07"}; },
         {"[]", "\"550.90.07\"", "[\"latest\"]", "[1]"}});
  }
  return out;
}

std::vector<Knob> all_knobs() {
  std::vector<Knob> out = tdx_knobs();
  for (const auto& more : {snp_knobs(), gpu_knobs()}) {
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

TEST(PolicyKnobs, EachIsReadAndWritten) {
  for (const Knob& knob : all_knobs()) {
    SCOPED_TRACE(knob.section + "." + knob.name);
    EXPECT_FALSE(knob.arrived(Policy::strict()));
    const auto policy = Policy::from_toml(file_with(knob.section, knob.name + " = " + knob.value));
    ASSERT_TRUE(policy) << policy.error().message;
    EXPECT_TRUE(knob.arrived(*policy));
    const auto again = Policy::from_toml(policy->to_toml());
    ASSERT_TRUE(again) << again.error().message << policy->to_toml();
    EXPECT_TRUE(knob.arrived(*again)) << policy->to_toml();
  }
}

// What has several parts is written if one of them is set.
TEST(PolicyKnobs, EachPartOfAVersionCounts) {
  for (const char* text : {"min_firmware = \"1.0.0\"", "min_firmware = \"0.1.0\"",
                           "min_firmware = \"0.0.1\"", "min_abi = \"1.0\"", "min_abi = \"0.1\""}) {
    const auto policy = Policy::from_toml(file_with("snp", text));
    ASSERT_TRUE(policy) << policy.error().message;
    std::string single = text;
    std::ranges::replace(single, '"', '\'');
    EXPECT_THAT(policy->to_toml(), HasSubstr(single));
  }
}

TEST(PolicyKnobs, TakeTheLongestNamesAndVersions) {
  EXPECT_TRUE(Policy::from_toml(file_with("snp", "csp_id = " + list_of(std::string(64, 'x')))));
  EXPECT_TRUE(
      Policy::from_toml(file_with("gpu", "min_driver_version = " + quoted(std::string(64, '1')))));
  EXPECT_TRUE(Policy::from_toml(file_with("gpu", "ocsp_grace_seconds = 31622400")));
}

TEST(PolicyKnobs, EachRefusesWhatItCannotBeNamingTheLine) {
  for (const Knob& knob : all_knobs()) {
    for (const std::string& wrong : knob.wrong) {
      const std::string text = file_with(knob.section, knob.name + " = " + wrong);
      EXPECT_THAT(message_of(text), HasSubstr("policy line 3: ")) << text;
    }
  }
}

TEST(PolicyKnobs, UnknownOnesAreErrors) {
  for (const char* section :
       {"tdx", "snp", "gpu", "measurements", "application", "models", "keyset"}) {
    EXPECT_EQ(message_of(file_with(section, "colour = true")),
              "policy line 3: unknown member 'colour'");
  }
  EXPECT_EQ(message_of("version = 1\n[sgx]\n"), "policy line 2: unknown member 'sgx'");
}

TEST(PolicyKnobs, KeysAreNotNestedWithoutLimit) {
  const auto dotted = [](int dots) {
    std::string out = "a";
    for (int i = 0; i < dots; ++i) out += ".a";
    return out;
  };
  EXPECT_THAT(message_of("version = 1\n" + dotted(4096) + " = 1\n"),
              HasSubstr("unknown member 'a'"));
  for (const int dots : {4097, 400'000}) {
    EXPECT_EQ(message_of("version = 1\n[" + dotted(dots) + "]\n"), "policy: more than 4096 dots");
  }
}

TEST(PolicyKnobs, ASectionIsATable) {
  for (const char* section : {"tdx", "snp", "gpu", "measurements", "models"}) {
    EXPECT_EQ(message_of(fmt::format("version = 1\n{} = 1\n", section)),
              fmt::format("policy line 2: '{}' is not a table", section));
  }
}

TEST(PolicyKnobs, AllOfThemTogetherSurviveAFile) {
  std::string text = "version = 1\n";
  for (const auto& [section, knobs] :
       {std::pair{"tdx", tdx_knobs()}, {"snp", snp_knobs()}, {"gpu", gpu_knobs()}}) {
    text += fmt::format("[{}]\n", section);
    std::set<std::string> named;
    for (const Knob& knob : knobs) {
      if (named.insert(knob.name).second) text += knob.name + " = " + knob.value + "\n";
    }
  }
  const auto policy = Policy::from_toml(text);
  ASSERT_TRUE(policy) << policy.error().message;
  const auto again = Policy::from_toml(policy->to_toml());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->to_toml(), policy->to_toml());
}

TEST(PolicyRoots, VendorsAreNamedAndOthersGivenWhole) {
  const auto policy =
      Policy::from_toml("version = 1\ntrust_roots = [\"amd-genoa\", \"nvidia-rim\"]\n");
  ASSERT_TRUE(policy) << policy.error().message;
  ASSERT_EQ(policy->roots.size(), 2U);
  EXPECT_TRUE(policy->roots[0].may_anchor(Anchor::amd_genoa));
  EXPECT_FALSE(policy->roots[0].may_anchor(Anchor::intel_sgx));
  EXPECT_FALSE(policy->roots[1].simulated);
  EXPECT_THAT(policy->to_toml(), HasSubstr("'amd-genoa', 'nvidia-rim'"));

  const auto whole =
      Policy::from_toml("version = 1\ntrust_roots = ['''" + intel_sgx_root().to_pem() + "''']\n");
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->roots[0].anchors, Anchor::intel_sgx);
  EXPECT_THAT(whole->to_toml(), HasSubstr("'intel-sgx'"));
}

}  // namespace
}  // namespace confide::verify
