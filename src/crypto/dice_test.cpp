#include "crypto/dice.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide::crypto {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

// OID 1.2 with digests of two bytes keeps the lengths readable.
const std::string kFwid = "300706012a0402a1a2";
const std::string kOtherFwid = "300706012a0402b1b2";

TEST(Dice, ReadsACompositeDeviceIdentifier) {
  EXPECT_EQ(parse_dice_fwid(kDiceIdOid, hex("300e"
                                            "020101"
                                            "3000" +
                                            kFwid))
                .value(),
            hex("a1a2"));
}

TEST(Dice, TheDevicesKeyMayBeLeftOut) {
  EXPECT_EQ(parse_dice_fwid(kDiceIdOid, hex("300c"
                                            "020101" +
                                            kFwid))
                .value(),
            hex("a1a2"));
}

TEST(Dice, ReadsTheFirstOfATcbInfo) {
  const Bytes der =
      hex("3017"
          "800141"
          "a612" +
          kFwid + kOtherFwid);
  EXPECT_EQ(parse_dice_fwid(kDiceTcbInfoOid, der).value(), hex("a1a2"));
}

TEST(Dice, RefusesWhatItIsNot) {
  const std::vector<std::pair<const char*, std::string>> cases{
      {kDiceIdOid, ""},
      {kDiceIdOid,
       "300a"
       "020101"
       "3005"
       "06012a"
       "0400"},  // a digest of no bytes
      {kDiceIdOid,
       "300e"
       "020101"
       "3000" +
           kFwid + "00"},  // bytes behind
      {kDiceIdOid,
       "3010"
       "020101"
       "3000" +
           kFwid + "0500"},          // an element behind
      {kDiceIdOid, "3009" + kFwid},  // no version
      {kDiceIdOid,
       "3003"
       "020101"},  // nothing else
      {kDiceIdOid,
       "300a"
       "020101"
       "300506012a0500"},  // no digest
      {kDiceIdOid,
       "300a"
       "020101"
       "30050402a1a2"},  // no algorithm, and too short
      {kDiceIdOid,
       "300e"
       "020101"
       "300906012a0402a1a20500"},  // more than a digest
      {kDiceTcbInfoOid,
       "3003"
       "800141"},  // no FWIDs
      {kDiceTcbInfoOid,
       "3002"
       "a600"},  // an empty list
      {kDiceTcbInfoOid,
       "3004"
       "a6020500"},  // no FWID in it
  };
  for (const auto& [oid, der] : cases) {
    EXPECT_EQ(refusal(parse_dice_fwid(oid, hex(der))), Errc::malformed) << der;
  }
}

TEST(Dice, RefusesOtherExtensions) {
  EXPECT_EQ(refusal(parse_dice_fwid("2.5.29.15", hex("3000"))), Errc::unsupported);
}

}  // namespace
}  // namespace confide::crypto
