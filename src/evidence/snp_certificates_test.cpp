#include "evidence/snp_certificates.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "evidence/testing/snp_bytes.h"

namespace confide::evidence {
namespace {

using ::testing::HasSubstr;
using testing::kTableEntryBytes;
using testing::put_table_entry;
using testing::put_zeros;
using testing::write_snp_certificate_table;

const Bytes kVcekData(40, 1);
const Bytes kVlekData(41, 2);
const Bytes kAskData(42, 3);
const Bytes kArkData(43, 4);
const Bytes kCrlData(44, 5);

TEST(SnpCertificateTable, FindsEveryKind) {
  const auto got =
      parse_snp_certificate_table(write_snp_certificate_table({{testing::kCrlGuid, kCrlData},
                                                               {testing::kArkGuid, kArkData},
                                                               {testing::kVcekGuid, kVcekData},
                                                               {testing::kAskGuid, kAskData}}));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->leaf, kVcekData);
  EXPECT_EQ(got->ica, kAskData);
  EXPECT_EQ(got->ark, kArkData);
  EXPECT_EQ(got->crl, kCrlData);
}

TEST(SnpCertificateTable, TakesAVlekAsTheLeaf) {
  const Bytes table = write_snp_certificate_table({{testing::kVlekGuid, kVlekData}});
  for (const auto key : {std::optional<SnpSigningKey>(), std::optional(SnpSigningKey::vcek),
                         std::optional(SnpSigningKey::vlek)}) {
    const auto got = parse_snp_certificate_table(table, key);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->leaf, kVlekData);
  }
}

TEST(SnpCertificateTable, TakesTheOnlyLeafWhateverTheReportSays) {
  const Bytes table = write_snp_certificate_table({{testing::kVcekGuid, kVcekData}});
  EXPECT_EQ(parse_snp_certificate_table(table, SnpSigningKey::vlek).value().leaf, kVcekData);
}

TEST(SnpCertificateTable, LeavesOutWhatIsNotThere) {
  Bytes table(kTableEntryBytes, 0);
  const auto got = parse_snp_certificate_table(table);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_FALSE(got->leaf || got->ica || got->ark || got->crl);
}

TEST(SnpCertificateTable, ChoosesBetweenTwoLeavesByTheReport) {
  const Bytes table = write_snp_certificate_table(
      {{testing::kVcekGuid, kVcekData}, {testing::kVlekGuid, kVlekData}});
  EXPECT_EQ(parse_snp_certificate_table(table, SnpSigningKey::vcek).value().leaf, kVcekData);
  EXPECT_EQ(parse_snp_certificate_table(table, SnpSigningKey::vlek).value().leaf, kVlekData);
  EXPECT_EQ(refusal(parse_snp_certificate_table(table)), Errc::malformed);
}

TEST(SnpCertificateTable, PassesOverUnknownKindsAndPadding) {
  Bytes table = write_snp_certificate_table({{"00112233445566778899aabbccddeeff", Bytes(9, 9)},
                                             {testing::kVcekGuid, kVcekData},
                                             {"00112233445566778899aabbccddeeff", Bytes(9, 9)}});
  put_zeros(table, 4096 - table.size());
  const auto got = parse_snp_certificate_table(table);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->leaf, kVcekData);
}

TEST(SnpCertificateTable, RefusesDoubledKinds) {
  for (const auto guid : {testing::kVcekGuid, testing::kVlekGuid, testing::kAskGuid,
                          testing::kArkGuid, testing::kCrlGuid}) {
    const auto got = parse_snp_certificate_table(
        write_snp_certificate_table({{guid, kVcekData}, {guid, kVcekData}}));
    EXPECT_EQ(refusal(got), Errc::malformed) << guid;
    EXPECT_THAT(got.error().message, HasSubstr("doubled"));
  }
}

TEST(SnpCertificateTable, RefusesATableThatIsCut) {
  const Bytes table = write_snp_certificate_table({{testing::kVcekGuid, kVcekData}});
  for (std::size_t size = 0; size < table.size(); ++size) {
    EXPECT_EQ(refusal(parse_snp_certificate_table(ByteView(table).first(size))), Errc::malformed)
        << size;
  }
}

// A table of one VCEK entry that claims this place, in 200 bytes altogether.
Result<SnpCertificates> with_entry_at(std::uint32_t offset, std::uint32_t length) {
  Bytes table;
  put_table_entry(table, testing::kVcekGuid, offset, length);
  put_zeros(table, 200 - table.size());
  return parse_snp_certificate_table(table);
}

TEST(SnpCertificateTable, HoldsEntriesInsideTheTable) {
  EXPECT_TRUE(with_entry_at(48, 152));
  EXPECT_TRUE(with_entry_at(199, 1));
  struct Lie {
    std::uint32_t offset;
    std::uint32_t length;
    const char* why;
  };
  const Lie lies[] = {{48, 153, "out of range"},
                      {199, 2, "out of range"},
                      {200, 1, "out of range"},
                      {48, 0xFFFFFFFF, "out of range"},
                      {0xFFFFFFFF, 1, "out of range"},
                      {0xFFFFFFFF, 0xFFFFFFFF, "out of range"},
                      {47, 10, "on what is before it"},
                      {0, 200, "on what is before it"},
                      {100, 0, "empty"}};
  for (const Lie& lie : lies) {
    const auto got = with_entry_at(lie.offset, lie.length);
    EXPECT_EQ(refusal(got), Errc::malformed) << lie.offset << " " << lie.length;
    EXPECT_THAT(got.error().message, HasSubstr(lie.why)) << lie.offset << " " << lie.length;
  }
}

TEST(SnpCertificateTable, RefusesEntriesThatOverlap) {
  const auto with_ask_at = [](std::uint32_t offset) {
    Bytes table;
    put_table_entry(table, testing::kVcekGuid, 100, 20);
    put_table_entry(table, testing::kAskGuid, offset, 10);
    put_zeros(table, 200 - table.size());
    return parse_snp_certificate_table(table);
  };
  EXPECT_TRUE(with_ask_at(90));
  EXPECT_TRUE(with_ask_at(120));
  for (const std::uint32_t offset : {91U, 100U, 110U, 119U}) {
    EXPECT_EQ(refusal(with_ask_at(offset)), Errc::malformed) << offset;
  }
}

TEST(SnpCertificateTable, RefusesAnEndMarkWithASize) {
  Bytes table(200, 0);
  table[16] = 1;
  EXPECT_EQ(refusal(parse_snp_certificate_table(table)), Errc::malformed);
  table[16] = 0;
  table[20] = 1;
  EXPECT_EQ(refusal(parse_snp_certificate_table(table)), Errc::malformed);
}

TEST(SnpCertificateTable, BoundsItsSizeAndItsEntries) {
  std::vector<testing::SnpTableEntry> entries(kMaxSnpCertificateTableEntries,
                                              {"00112233445566778899aabbccddeeff", Bytes(1, 9)});
  EXPECT_TRUE(parse_snp_certificate_table(write_snp_certificate_table(entries)));
  entries.push_back(entries.front());
  EXPECT_EQ(refusal(parse_snp_certificate_table(write_snp_certificate_table(entries))),
            Errc::limit);
  Bytes table(kMaxSnpCertificateTableBytes, 0);
  EXPECT_TRUE(parse_snp_certificate_table(table));
  table.push_back(0);
  EXPECT_EQ(refusal(parse_snp_certificate_table(table)), Errc::limit);
}

}  // namespace
}  // namespace confide::evidence
