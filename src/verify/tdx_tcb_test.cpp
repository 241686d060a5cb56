#include "verify/tdx_tcb.h"

#include <array>

#include <gtest/gtest.h>

namespace confide::verify {
namespace {

using evidence::TcbStatus;

constexpr std::array kAll{TcbStatus::up_to_date,
                          TcbStatus::sw_hardening_needed,
                          TcbStatus::configuration_needed,
                          TcbStatus::configuration_and_sw_hardening_needed,
                          TcbStatus::out_of_date,
                          TcbStatus::out_of_date_configuration_needed,
                          TcbStatus::revoked};

TEST(Converge, AnUpToDatePartChangesNothing) {
  for (const TcbStatus platform : kAll) {
    EXPECT_EQ(converge(platform, TcbStatus::up_to_date), platform);
  }
}

TEST(Converge, ARevokedPartRevokesAll) {
  for (const TcbStatus platform : kAll) {
    EXPECT_EQ(converge(platform, TcbStatus::revoked), TcbStatus::revoked);
  }
}

TEST(Converge, AnOldPartMakesThePlatformOldAndKeepsWhatItsConfigurationNeeds) {
  const std::array<TcbStatus, kAll.size()> expected{TcbStatus::out_of_date,
                                                    TcbStatus::out_of_date,
                                                    TcbStatus::out_of_date_configuration_needed,
                                                    TcbStatus::out_of_date_configuration_needed,
                                                    TcbStatus::out_of_date,
                                                    TcbStatus::out_of_date_configuration_needed,
                                                    TcbStatus::revoked};
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    EXPECT_EQ(converge(kAll.at(i), TcbStatus::out_of_date), expected.at(i))
        << to_string(kAll.at(i));
  }
}

}  // namespace
}  // namespace confide::verify
