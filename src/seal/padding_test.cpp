#include "seal/padding.h"

#include <gtest/gtest.h>

#include <set>

#include "base/testing.h"

namespace confide::seal {
namespace {

TEST(Padding, ProfilesByName) {
  for (const Padding padding : {Padding::none, Padding::bucketed, Padding::constant}) {
    EXPECT_EQ(parse_padding(to_string(padding)).value(), padding);
  }
  EXPECT_EQ(refusal(parse_padding("Bucketed")), Errc::unsupported);
  EXPECT_EQ(refusal(parse_padding("")), Errc::unsupported);
}

TEST(Padding, Buckets) {
  const auto bucket = [](std::size_t n) { return padded_size(Padding::bucketed, n); };
  EXPECT_EQ(bucket(0), 512U);
  EXPECT_EQ(bucket(512), 512U);
  EXPECT_EQ(bucket(513), 1024U);
  EXPECT_EQ(bucket(16'384), 16'384U);
  EXPECT_EQ(bucket(16'385), 18'432U);
  EXPECT_EQ(bucket(32'768), 32'768U);
  EXPECT_EQ(bucket(32'769), 36'864U);
  EXPECT_EQ(padded_size(Padding::none, 77), 77U);
  EXPECT_EQ(padded_size(Padding::constant, 0), 1024U);
  EXPECT_EQ(padded_size(Padding::constant, 1025), 2048U);
}

// What the documents say of the cost: a factor below two, an eighth above 16 KiB, few sizes.
TEST(Padding, BucketsCostWhatTheyAreSaidTo) {
  std::set<std::size_t> sizes;
  for (std::size_t n = 1; n <= std::size_t{1} << 20U; n += 13) {
    const std::size_t size = padded_size(Padding::bucketed, n);
    ASSERT_GE(size, n);
    if (n > 16'384) {
      ASSERT_LE((size - n) * 8, n) << n;
    } else if (n >= 512) {
      ASSERT_LT(size, 2 * n) << n;
    }
    ASSERT_EQ(padded_size(Padding::bucketed, size), size);
    sizes.insert(size);
  }
  EXPECT_EQ(sizes.size(), 6U + 6 * 8);
}

TEST(Padding, MessagesGetZeroBytes) {
  Bytes message = to_bytes(as_bytes("abc"));
  pad_message(Padding::bucketed, message);
  EXPECT_EQ(message.size(), 512U);
  EXPECT_EQ(message[2], 'c');
  EXPECT_EQ(message[3], 0);
}

TEST(Records, ComeApartWhereverTheyAreCut) {
  Bytes records;
  append_record(records, as_bytes("one"), 5);
  append_record(records, {}, 300);
  append_record(records, as_bytes("two"), 0);
  for (const std::size_t piece : {1U, 2U, 3U, 100U, 1000U}) {
    RecordReader reader;
    std::string data;
    for (std::size_t at = 0; at < records.size(); at += piece) {
      data += reader.feed(as_text(records).substr(at, piece)).value();
    }
    EXPECT_EQ(data, "onetwo");
    EXPECT_TRUE(reader.finish());
  }
}

TEST(Records, MayNotEndWithinOneOrHideAnything) {
  Bytes record;
  append_record(record, as_bytes("abc"), 4);
  for (std::size_t n = 1; n < record.size(); ++n) {
    RecordReader reader;
    ASSERT_TRUE(reader.feed(as_text(record).substr(0, n)));
    EXPECT_EQ(refusal(reader.finish()), Errc::malformed) << n;
  }
  record.back() = 1;
  RecordReader reader;
  EXPECT_EQ(refusal(reader.feed(as_text(record))), Errc::malformed);
}

}  // namespace
}  // namespace confide::seal
