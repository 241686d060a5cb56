// TDs and enclaves that are genuine and not to be trusted, bit by bit, and TDX modules that Intel
// does not vouch for.
#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "verify/testing/tdx_outcome.h"

namespace confide::verify {
namespace {

using testing::appraise;
using testing::SgxLab;
using testing::TdxLab;

// Nothing, or the id of the first check that failed.
template <class Lab, class Spoil>
std::string first_failure(Spoil spoil) {
  Lab lab;
  spoil(lab);
  const Verdict verdict = appraise(lab, lab.policy()).verdict;
  return verdict.first_failure() == nullptr ? "" : verdict.first_failure()->id;
}

template <std::size_t N>
void flip(ByteArray<N>& bytes, unsigned bit) {
  bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
}

TEST(HostileTd, AttributesBitByBit) {
  const std::set<unsigned> free{30, 31};  // protection keys, key locker
  for (unsigned bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(first_failure<TdxLab>([bit](TdxLab& l) { flip(l.td().td_attributes, bit); }),
              free.contains(bit) ? "" : "tdx.td.attributes")
        << bit;
  }
}

TEST(HostileTd, XfamBitByBit) {
  const std::set<unsigned> free{2, 5, 6, 7, 8, 9, 11, 12, 14, 15, 17, 18, 19};
  for (unsigned bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(first_failure<TdxLab>([bit](TdxLab& l) { flip(l.td().xfam, bit); }),
              free.contains(bit) ? "" : "tdx.td.xfam")
        << bit;
  }
}

TEST(HostileTd, ModulesOfOtherMake) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    EXPECT_EQ(first_failure<TdxLab>([bit](TdxLab& l) { flip(l.td().seam_attributes, bit); }),
              "tdx.module")
        << bit;
  }
  for (unsigned bit = 0; bit < 384; bit += 13) {
    EXPECT_EQ(first_failure<TdxLab>([bit](TdxLab& l) { flip(l.td().mr_signer_seam, bit); }),
              "tdx.module")
        << bit;
  }
  for (const int major : {2, 3, 16, 17, 255}) {
    EXPECT_EQ(first_failure<TdxLab>(
                  [major](TdxLab& l) { l.td().tee_tcb_svn[1] = static_cast<std::uint8_t>(major); }),
              "tdx.module")
        << major;
  }
  for (const char* id : {"", "TDX_1", "TDX_001", "TDX_02", "TDX_01 ", "TDX-01", "QE"}) {
    EXPECT_EQ(
        first_failure<TdxLab>([id](TdxLab& l) { l.tcb_info["tdxModuleIdentities"][0]["id"] = id; }),
        "tdx.module")
        << id;
  }
}

TEST(HostileTd, ServiceTdsBitByBit) {
  for (unsigned bit = 0; bit < 384; bit += 7) {
    EXPECT_EQ(first_failure<TdxLab>([bit](TdxLab& l) {
                l.use_td15();
                flip(l.td().td15->mr_service_td, bit);
              }),
              "tdx.td.service")
        << bit;
  }
}

// Components from the third on are the platform's whatever the module's version; the first two only
// where no module identity judges them.
TEST(HostileTd, TdxComponentsOneByOne) {
  for (std::size_t i = 0; i < 16; ++i) {
    for (const bool first_module : {true, false}) {
      const std::string found = first_failure<TdxLab>([&](TdxLab& l) {
        if (first_module) l.td().tee_tcb_svn[1] = 0;
        for (Json& level : l.tcb_info["tcbLevels"]) {
          level["tcb"]["tdxtcbcomponents"][i]["svn"] = 9;
        }
      });
      EXPECT_EQ(found, i >= 2 || first_module ? "tdx.tcb.status" : "") << i << first_module;
    }
  }
}

TEST(HostileTd, ModuleNumbersBelowTheLevels) {
  for (const int svn : {0, 1, 2, 3, 4}) {
    const auto with = [svn](TdxLab& l) { l.td().tee_tcb_svn[0] = static_cast<std::uint8_t>(svn); };
    EXPECT_EQ(first_failure<TdxLab>(with), "tdx.tcb.status") << svn;
  }
  for (const int svn : {0, 1, 2}) {
    const auto now = [svn](TdxLab& l) {
      l.use_td15();
      l.td().td15->tee_tcb_svn2[0] = static_cast<std::uint8_t>(svn);
    };
    EXPECT_EQ(first_failure<TdxLab>(now), "tdx.tcb.status") << svn;
  }
  for (const char* status : {"OutOfDate", "Revoked"}) {
    const auto with = [status](TdxLab& l) {
      l.tcb_info["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = status;
    };
    EXPECT_EQ(first_failure<TdxLab>(with), "tdx.tcb.status") << status;
  }
}

TEST(HostileTd, RegistersThatThePolicyPins) {
  for (const std::string_view name : kMeasurementNames) {
    const TdxLab lab;
    Policy policy = lab.policy();
    policy.measurements = {{std::string(name), {std::string(96, 'f')}}};
    const Verdict verdict = appraise(lab, policy).verdict;
    ASSERT_NE(verdict.first_failure(), nullptr) << name;
    EXPECT_EQ(verdict.first_failure()->id, "policy.measurements") << name;
    EXPECT_THAT(verdict.first_failure()->detail, ::testing::HasSubstr(name)) << name;
  }
}

TEST(HostileEnclave, AttributesBitByBit) {
  for (unsigned bit = 0; bit < 128; bit += bit < 8 ? 1 : 9) {
    EXPECT_EQ(first_failure<SgxLab>([bit](SgxLab& l) { flip(l.enclave().attributes, bit); }),
              bit == 1 ? "sgx.enclave.attributes" : "")
        << bit;
  }
}

}  // namespace
}  // namespace confide::verify
