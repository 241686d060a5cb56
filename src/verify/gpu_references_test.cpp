#include "verify/gpu_references.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "evidence/testing/rim_xml.h"

namespace confide::verify {
namespace {

evidence::Rim rim_of(std::string version) {
  evidence::Rim out;
  out.version = std::move(version);
  return out;
}

TEST(GpuReferences, LettersOfVersionsCountAlikeAndNothingElseDoes) {
  EXPECT_TRUE(is_version(rim_of("96.00.AZ.00.01"), "96.00.az.00.01"));
  EXPECT_TRUE(is_version(rim_of("96.00.az.00.01"), "96.00.AZ.00.01"));
  EXPECT_FALSE(is_version(rim_of("96.00.AZ.00.01"), "96.00.AY.00.01"));
  EXPECT_FALSE(is_version(rim_of("96.00.AZ.00.01"), "96.00.AZ.00.1"));
  EXPECT_FALSE(is_version(rim_of("@"), "`"));
  EXPECT_FALSE(is_version(rim_of("["), "{"));
}

TEST(GpuReferences, AShelfGivesTheManifestOfTheVersionElseItsFirst) {
  const auto document = [](const char* version) {
    return evidence::testing::write_rim(evidence::testing::rim_for(version, "GPU", {1}));
  };
  const std::vector<std::string> documents{"no manifest", document("1.0"), document("2.0")};
  RimShelf shelf(documents);
  EXPECT_EQ(shelf.find("2.0")->rim().value().version, "2.0");
  EXPECT_FALSE(shelf.find("3.0")->rim());
  EXPECT_EQ(RimShelf({}).find("1.0"), nullptr);
}

}  // namespace
}  // namespace confide::verify
