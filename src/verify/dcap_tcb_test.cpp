#include "verify/dcap_tcb.h"

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

TEST(Relaunch, IsAdvisedIfOnlyTheLaunchIsOld) {
  const auto advised = TcbStatus::td_relaunch_advised;
  const auto with_configuration = TcbStatus::td_relaunch_advised_configuration_needed;
  struct Case {
    TcbStatus launch, current, expected;
  };
  using enum TcbStatus;
  for (const Case& c :
       {Case{out_of_date, up_to_date, advised}, Case{out_of_date, sw_hardening_needed, advised},
        Case{out_of_date, configuration_needed, with_configuration},
        Case{out_of_date, configuration_and_sw_hardening_needed, with_configuration},
        Case{out_of_date_configuration_needed, up_to_date, with_configuration},
        Case{out_of_date_configuration_needed, sw_hardening_needed, with_configuration}}) {
    EXPECT_EQ(advise_relaunch(c.launch, c.current), c.expected)
        << to_string(c.launch) << " " << to_string(c.current);
  }
}

TEST(Relaunch, ElseTheStatusAtLaunchStands) {
  for (const TcbStatus launch : kAll) {
    for (const TcbStatus current : {TcbStatus::out_of_date, TcbStatus::revoked,
                                    TcbStatus::out_of_date_configuration_needed}) {
      EXPECT_EQ(advise_relaunch(launch, current), launch);
    }
    if (launch == TcbStatus::out_of_date || launch == TcbStatus::out_of_date_configuration_needed) {
      continue;
    }
    EXPECT_EQ(advise_relaunch(launch, TcbStatus::up_to_date), launch);
  }
}

}  // namespace
}  // namespace confide::verify
