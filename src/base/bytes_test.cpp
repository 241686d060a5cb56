#include "base/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Hex, WritesLowerCaseAndReadsItBack) {
  const Bytes bytes = {0x00, 0x0f, 0xa0, 0xff};
  EXPECT_EQ(to_hex(bytes), "000fa0ff");
  EXPECT_EQ(*from_hex("000fa0ff"), bytes);
  EXPECT_EQ(to_hex({}), "");
  EXPECT_EQ(*from_hex(""), Bytes{});
}

TEST(Hex, TakesUpperCaseOnlyWhenAsked) {
  EXPECT_EQ(refusal(from_hex("AB")), Errc::malformed);
  EXPECT_THAT(*from_hex("aB", HexCase::any), ElementsAre(0xab));
}

TEST(Hex, RefusesEverythingElse) {
  for (const char* text : {"a", "abc", "0x00", "0g", " 00", "00 ", "0:", "0/", "0@", "0`", "-1"}) {
    EXPECT_EQ(refusal(from_hex(text)), Errc::malformed) << text;
    EXPECT_EQ(refusal(from_hex(text, HexCase::any)), Errc::malformed) << text;
  }
}

TEST(Hex, ArrayDemandsItsLength) {
  EXPECT_THAT(*from_hex_array<2>("01ff"), ElementsAre(0x01, 0xff));
  EXPECT_EQ(refusal(from_hex_array<2>("01")), Errc::malformed);
  EXPECT_EQ(refusal(from_hex_array<2>("01ff00")), Errc::malformed);
}

TEST(Bytes, TextAndBytesAreTheSameMemory) {
  const std::string text = "h\xC3\xA9";
  EXPECT_THAT(as_bytes(text), ElementsAre('h', 0xC3, 0xA9));
  EXPECT_EQ(as_text(as_bytes(text)), text);
  Bytes out = {1};
  append(out, as_bytes("A"));
  EXPECT_THAT(out, ElementsAre(1, 'A'));
}

TEST(ByteReader, ReadsLittleEndianFieldsInOrder) {
  const Bytes bytes = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xff, 0x10, 0x11, 0x12};
  ByteReader reader(bytes);
  EXPECT_EQ(*reader.u8("a"), 0x01);
  EXPECT_EQ(*reader.u16le("b"), 0x0302);
  EXPECT_EQ(*reader.u32le("c"), 0xff060504U);
  EXPECT_THAT(*reader.array<2>("d"), ElementsAre(0x10, 0x11));
  EXPECT_EQ(reader.left(), 1U);
  EXPECT_THAT(reader.rest(), ElementsAre(0x12));
  EXPECT_THAT(*reader.take(1, "e"), ElementsAre(0x12));
  EXPECT_TRUE(reader.expect_end("end"));
}

TEST(ByteReader, RefusesToReadPastTheEndAndStaysWhereItIs) {
  const Bytes bytes = {1, 2, 3};
  ByteReader reader(bytes);
  const auto read = reader.u32le("length field");
  ASSERT_EQ(refusal(read), Errc::malformed);
  EXPECT_THAT(read.error().message, HasSubstr("length field"));
  EXPECT_EQ(refusal(reader.take(SIZE_MAX, "huge")), Errc::malformed);
  EXPECT_EQ(refusal(reader.array<4>("array")), Errc::malformed);
  EXPECT_EQ(reader.left(), 3U);
  EXPECT_EQ(*reader.u16le("b"), 0x0201);
  EXPECT_EQ(refusal(reader.u16le("b")), Errc::malformed);
  EXPECT_EQ(*reader.u8("a"), 3);
  EXPECT_EQ(refusal(reader.u8("a")), Errc::malformed);
}

TEST(ByteReader, NamesTrailingBytes) {
  const Bytes bytes = {1};
  const Status end = ByteReader(bytes).expect_end("quote");
  ASSERT_EQ(refusal(end), Errc::malformed);
  EXPECT_THAT(end.error().message, HasSubstr("quote"));
}

}  // namespace
}  // namespace confide
