#include "base/base64.h"

#include <utility>

#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide {
namespace {

TEST(Base64, Rfc4648Vectors) {
  constexpr std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                              {"f", "Zg=="},
                                                              {"fo", "Zm8="},
                                                              {"foo", "Zm9v"},
                                                              {"foob", "Zm9vYg=="},
                                                              {"fooba", "Zm9vYmE="},
                                                              {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : kVectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), encoded);
    EXPECT_EQ(as_text(*from_base64(encoded)), plain);
    std::string unpadded = encoded;
    while (unpadded.ends_with('=')) unpadded.pop_back();
    EXPECT_EQ(to_base64url(as_bytes(plain)), unpadded);
    EXPECT_EQ(as_text(*from_base64url(unpadded)), plain);
  }
}

TEST(Base64, AlphabetsDifferInTwoCharacters) {
  const Bytes bytes = {0xfb, 0xff, 0xfe};
  EXPECT_EQ(to_base64(bytes), "+//+");
  EXPECT_EQ(to_base64url(bytes), "-__-");
  EXPECT_EQ(refusal(from_base64("-__-")), Errc::malformed);
  EXPECT_EQ(refusal(from_base64url("+//+")), Errc::malformed);
}

TEST(Base64, EveryLengthSurvivesTheRoundTrip) {
  Bytes bytes;
  for (int i = 0; i < 260; ++i) {
    EXPECT_EQ(*from_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(*from_base64url(to_base64url(bytes)), bytes);
    bytes.push_back(static_cast<std::uint8_t>(i * 37));
  }
}

TEST(Base64, OneEncodingForEachValue) {
  // Whitespace, missing or surplus padding, padding inside, stray bits, foreign characters.
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Zg= =", "Z===", "====", "=", "Zm9v\n", " Zm9v", "Zm 9v",
        "Zg==Zg==", "Zh==", "Zm9=", "Zm9v====", "Zm9!", "Zm9\xC3\xA9"}) {
    EXPECT_EQ(refusal(from_base64(text)), Errc::malformed) << text;
  }
  for (const char* text : {"Z", "Zg==", "Zh", "Zm9", "Zm9vY", "Zm9v\n", "Zm+v"}) {
    EXPECT_EQ(refusal(from_base64url(text)), Errc::malformed) << text;
  }
  EXPECT_EQ(refusal(from_base64(std::string_view("Zm9\0", 4))), Errc::malformed);
}

}  // namespace
}  // namespace confide
