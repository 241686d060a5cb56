#include "attest/tee.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"

namespace confide::attest {
namespace {

using ::testing::HasSubstr;

struct TeeTest : ::testing::Test {
  TeeTest() {
    settings.state_dir = folder.path();
    settings.configfs_root = folder.file("tsm");
    settings.rtmr3_path = folder.file("rtmr3");
    settings.ccel_path = folder.file("CCEL");
  }

  Error refused(Kind kind) {
    settings.kind = kind;
    const auto tee = open_tee(settings);
    return tee ? Error{Errc::internal, "opened"} : tee.error();
  }

  TempFolder folder;
  Settings settings;
};

TEST_F(TeeTest, ReadsTheKindsByName) {
  EXPECT_EQ(parse_kind("auto").value(), Kind::automatic);
  EXPECT_EQ(parse_kind("tdx").value(), Kind::tdx);
  EXPECT_EQ(parse_kind("snp").value(), Kind::snp);
  EXPECT_EQ(parse_kind("sim").value(), Kind::sim);
  EXPECT_EQ(parse_kind("").error().code, Errc::malformed);
  EXPECT_EQ(parse_kind("SIM").error().code, Errc::malformed);
}

TEST_F(TeeTest, OpensTheSimulatorWhenNamed) {
  settings.kind = Kind::sim;
  const auto tee = open_tee(settings).value();
  EXPECT_EQ(tee->tee_type(), "tdx");
  EXPECT_TRUE(tee->simulated());
}

TEST_F(TeeTest, NeverTakesTheSimulatorByItself) {
  const Error error = refused(Kind::automatic);
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_THAT(error.message, HasSubstr(settings.configfs_root));
  EXPECT_THAT(error.message, HasSubstr("--tee sim"));
  EXPECT_FALSE(folder.has("sim-root.pem"));
}

TEST_F(TeeTest, SaysWhatATdxGuestLacks) {
  const Error error = refused(Kind::tdx);
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_THAT(error.message, HasSubstr("--tee sim"));
}

TEST_F(TeeTest, AFolderWithoutAttributesIsNoKernel) {
  std::filesystem::create_directory(settings.configfs_root);
  EXPECT_EQ(refused(Kind::automatic).code, Errc::unavailable);
  EXPECT_TRUE(std::filesystem::is_empty(settings.configfs_root));
}

TEST_F(TeeTest, DoesNotSpeakSnpYet) {
  const Error error = refused(Kind::snp);
  EXPECT_EQ(error.code, Errc::unsupported);
  EXPECT_THAT(error.message, HasSubstr("SEV-SNP"));
}

}  // namespace
}  // namespace confide::attest
