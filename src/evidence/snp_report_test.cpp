#include "evidence/snp_report.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "evidence/testing/snp_bytes.h"

namespace confide::evidence {
namespace {

template <std::size_t N>
ByteArray<N> filled(std::uint8_t value) {
  ByteArray<N> out{};
  out.fill(value);
  return out;
}

// Every field has a value of its own, so that a swapped pair shows.
SnpReport sample(std::uint32_t version) {
  SnpReport out;
  out.version = version;
  out.guest_svn = 0x01020304;
  out.policy.raw = 0x1112131415161718;
  out.family_id = filled<16>(1);
  out.image_id = filled<16>(2);
  out.vmpl = 0x21222324;
  out.signature_algo = 0x31323334;
  out.current_tcb = filled<8>(3);
  out.platform_info.raw = 0x4142434445464748;
  out.key_info.raw = 0x51525354;
  out.report_data = filled<64>(4);
  out.measurement = filled<48>(5);
  out.host_data = filled<32>(6);
  out.id_key_digest = filled<48>(7);
  out.author_key_digest = filled<48>(8);
  out.report_id = filled<32>(9);
  out.report_id_ma = filled<32>(10);
  out.reported_tcb = filled<8>(11);
  out.cpuid = {.family = 12, .model = 13, .stepping = 14};
  out.chip_id = filled<64>(15);
  out.committed_tcb = filled<8>(16);
  out.current = {.build = 17, .minor = 18, .major = 19};
  out.committed = {.build = 20, .minor = 21, .major = 22};
  out.launch_tcb = filled<8>(23);
  out.launch_mit_vector = filled<8>(24);
  out.current_mit_vector = filled<8>(25);
  return out;
}

Bytes signature() {
  Bytes out;
  for (std::size_t i = 0; i < 96; ++i) out.push_back(static_cast<std::uint8_t>(100 + i));
  return out;
}

Bytes bytes_of(const SnpReport& report) {
  return testing::write_snp_report(testing::write_snp_signed_bytes(report), signature());
}

TEST(SnpReport, ReadsEveryFieldOfVersion5) {
  const SnpReport wanted = sample(5);
  const auto report = parse_snp_report(bytes_of(wanted));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->version, 5U);
  EXPECT_EQ(report->guest_svn, wanted.guest_svn);
  EXPECT_EQ(report->policy.raw, wanted.policy.raw);
  EXPECT_EQ(report->family_id, wanted.family_id);
  EXPECT_EQ(report->image_id, wanted.image_id);
  EXPECT_EQ(report->vmpl, wanted.vmpl);
  EXPECT_EQ(report->signature_algo, wanted.signature_algo);
  EXPECT_EQ(report->current_tcb, wanted.current_tcb);
  EXPECT_EQ(report->platform_info.raw, wanted.platform_info.raw);
  EXPECT_EQ(report->key_info.raw, wanted.key_info.raw);
  EXPECT_EQ(report->report_data, wanted.report_data);
  EXPECT_EQ(report->measurement, wanted.measurement);
  EXPECT_EQ(report->host_data, wanted.host_data);
  EXPECT_EQ(report->id_key_digest, wanted.id_key_digest);
  EXPECT_EQ(report->author_key_digest, wanted.author_key_digest);
  EXPECT_EQ(report->report_id, wanted.report_id);
  EXPECT_EQ(report->report_id_ma, wanted.report_id_ma);
  EXPECT_EQ(report->reported_tcb, wanted.reported_tcb);
  EXPECT_EQ(report->cpuid.family, 12);
  EXPECT_EQ(report->cpuid.model, 13);
  EXPECT_EQ(report->cpuid.stepping, 14);
  EXPECT_EQ(report->chip_id, wanted.chip_id);
  EXPECT_EQ(report->committed_tcb, wanted.committed_tcb);
  EXPECT_EQ(report->current, wanted.current);
  EXPECT_EQ(report->committed, wanted.committed);
  EXPECT_EQ(report->launch_tcb, wanted.launch_tcb);
  EXPECT_EQ(report->launch_mit_vector, wanted.launch_mit_vector);
  EXPECT_EQ(report->current_mit_vector, wanted.current_mit_vector);
}

TEST(SnpReport, KeepsWhatIsSignedAndTheSignature) {
  const Bytes bytes = bytes_of(sample(3));
  const auto report = parse_snp_report(bytes);
  ASSERT_TRUE(report);
  EXPECT_TRUE(std::ranges::equal(report->signed_bytes, ByteView(bytes).first(672)));
  EXPECT_TRUE(std::ranges::equal(report->signature_r, ByteView(bytes).subspan(672, 72)));
  EXPECT_TRUE(std::ranges::equal(report->signature_s, ByteView(bytes).subspan(744, 72)));
  EXPECT_EQ(report->signature_r[0], 147);  // the last of r, which is written backwards
}

TEST(SnpReport, LeavesOutWhatOlderVersionsDoNotHave) {
  const auto v2 = parse_snp_report(bytes_of(sample(2)));
  ASSERT_TRUE(v2) << v2.error().message;
  EXPECT_EQ(v2->cpuid.family, 0);
  EXPECT_EQ(v2->launch_mit_vector, ByteArray<8>{});
  for (const std::uint32_t version : {3U, 4U}) {
    const auto report = parse_snp_report(bytes_of(sample(version)));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->cpuid.family, 12);
    EXPECT_EQ(report->current_mit_vector, ByteArray<8>{});
  }
}

TEST(SnpReport, RefusesOtherVersions) {
  for (const std::uint32_t version : {0U, 1U, 6U, 0x0200U, 0xFFFFFFFFU}) {
    const auto report = parse_snp_report(bytes_of(sample(version)));
    EXPECT_EQ(refusal(report), Errc::unsupported) << version;
  }
}

TEST(SnpReport, RefusesAnotherSize) {
  const Bytes good = bytes_of(sample(5));
  for (const std::size_t size : {0U, 1U, 671U, 672U, 816U, 1183U, 1185U, 1200U}) {
    Bytes bytes = good;
    bytes.resize(size);
    const auto report = parse_snp_report(bytes);
    EXPECT_EQ(refusal(report), Errc::malformed) << size;
    EXPECT_THAT(report.error().message, ::testing::HasSubstr("S1")) << size;
  }
}

// First and one behind the last byte of each reserved area, by version.
std::vector<std::pair<std::size_t, std::size_t>> reserved_areas(std::uint32_t version) {
  return {{0x4C, 0x50},   {version < 3 ? 0x188 : 0x18B, 0x1A0}, {0x1EB, 0x1EC}, {0x1EF, 0x1F0},
          {0x330, 0x4A0}, {version < 5 ? 0x1F8 : 0x208, 0x2A0}};
}

TEST(SnpReport, RefusesEveryReservedByteThatIsNotZero) {
  for (std::uint32_t version = 2; version <= 5; ++version) {
    const Bytes good = bytes_of(sample(version));
    for (const auto& [begin, end] : reserved_areas(version)) {
      for (std::size_t at = begin; at < end; ++at) {
        Bytes bytes = good;
        bytes[at] = 0x80;
        const auto report = parse_snp_report(bytes);
        EXPECT_EQ(refusal(report), Errc::malformed) << version << " " << at;
        EXPECT_THAT(report.error().message, ::testing::HasSubstr("S3"));
      }
    }
  }
}

TEST(SnpReport, NamesTheProductOfAProcessor) {
  struct Known {
    SnpCpuid cpuid;
    std::optional<SnpProduct> product;
  };
  const Known known[] = {{{0x19, 0x00, 0}, SnpProduct::milan}, {{0x19, 0x01, 1}, SnpProduct::milan},
                         {{0x19, 0x0F, 1}, SnpProduct::milan}, {{0x19, 0x10, 0}, SnpProduct::genoa},
                         {{0x19, 0x11, 1}, SnpProduct::genoa}, {{0x19, 0x1F, 1}, SnpProduct::genoa},
                         {{0x19, 0x20, 0}, std::nullopt},      {{0x19, 0x9F, 0}, std::nullopt},
                         {{0x19, 0xA0, 2}, SnpProduct::genoa}, {{0x19, 0xAF, 2}, SnpProduct::genoa},
                         {{0x19, 0xB0, 2}, std::nullopt},      {{0x1A, 0x00, 0}, SnpProduct::turin},
                         {{0x1A, 0x02, 1}, SnpProduct::turin}, {{0x1A, 0x11, 0}, SnpProduct::turin},
                         {{0x1A, 0x1F, 0}, SnpProduct::turin}, {{0x1A, 0x20, 0}, std::nullopt},
                         {{0x1A, 0xA0, 0}, std::nullopt},      {{0x17, 0x01, 0}, std::nullopt},
                         {{0x00, 0x00, 0}, std::nullopt},      {{0x1B, 0x01, 0}, std::nullopt}};
  for (const Known& k : known) {
    EXPECT_EQ(product_of(k.cpuid), k.product) << +k.cpuid.family << " " << +k.cpuid.model;
  }
  EXPECT_EQ(to_string(SnpProduct::milan), "Milan");
  EXPECT_EQ(to_string(SnpProduct::genoa), "Genoa");
  EXPECT_EQ(to_string(SnpProduct::turin), "Turin");
}

TEST(SnpReport, ReadsTcbVersionsByProduct) {
  const SnpTcb old{.fmc = 0, .bl = 1, .tee = 2, .snp = 3, .ucode = 4};
  EXPECT_EQ(parse_snp_tcb({1, 2, 0, 0, 0, 0, 3, 4}, SnpProduct::milan).value(), old);
  EXPECT_EQ(parse_snp_tcb({1, 2, 0, 0, 0, 0, 3, 4}, SnpProduct::genoa).value(), old);
  const SnpTcb turin{.fmc = 9, .bl = 1, .tee = 2, .snp = 3, .ucode = 4};
  EXPECT_EQ(parse_snp_tcb({9, 1, 2, 3, 0, 0, 0, 4}, SnpProduct::turin).value(), turin);
}

TEST(SnpReport, RefusesReservedBytesOfTcbVersions) {
  for (std::size_t at = 0; at < 8; ++at) {
    SnpTcbVersion version{};
    version[at] = 1;
    const bool old_reserved = at >= 2 && at <= 5;
    const bool turin_reserved = at >= 4 && at <= 6;
    EXPECT_EQ(parse_snp_tcb(version, SnpProduct::milan).has_value(), !old_reserved) << at;
    EXPECT_EQ(parse_snp_tcb(version, SnpProduct::genoa).has_value(), !old_reserved) << at;
    EXPECT_EQ(parse_snp_tcb(version, SnpProduct::turin).has_value(), !turin_reserved) << at;
  }
  EXPECT_EQ(refusal(parse_snp_tcb({0, 0, 1, 0, 0, 0, 0, 0}, SnpProduct::milan)), Errc::malformed);
}

// Which of the questions say yes when bit `n` alone is set.
std::string guest_policy_with(unsigned n) {
  const SnpGuestPolicy p{std::uint64_t{1} << n};
  std::string out;
  if (p.abi_minor() != 0) out += "abi_minor";
  if (p.abi_major() != 0) out += "abi_major";
  if (p.smt()) out += "smt";
  if (p.reserved_one()) out += "one";
  if (p.migrate_ma()) out += "migrate_ma";
  if (p.debug()) out += "debug";
  if (p.single_socket()) out += "single_socket";
  if (p.cxl_allow()) out += "cxl";
  if (p.mem_aes_256_xts()) out += "aes";
  if (p.rapl_dis()) out += "rapl";
  if (p.ciphertext_hiding()) out += "hiding";
  if (p.page_swap_disable()) out += "swap";
  if (p.reserved() != 0) out += "reserved";
  return out;
}

TEST(SnpReport, KnowsTheBitsOfTheGuestPolicy) {
  const std::vector<std::string> names{"smt", "one", "migrate_ma", "debug",  "single_socket",
                                       "cxl", "aes", "rapl",       "hiding", "swap"};
  for (unsigned n = 0; n < 64; ++n) {
    std::string wanted = "reserved";
    if (n < 8) wanted = "abi_minor";
    if (n >= 8 && n < 16) wanted = "abi_major";
    if (n >= 16 && n < 26) wanted = names[n - 16];
    EXPECT_EQ(guest_policy_with(n), wanted) << n;
  }
}

TEST(SnpReport, KnowsTheBitsOfPlatformInfo) {
  for (unsigned n = 0; n < 64; ++n) {
    const SnpPlatformInfo info{std::uint64_t{1} << n};
    EXPECT_EQ(info.smt(), n == 0);
    EXPECT_EQ(info.tsme(), n == 1);
    EXPECT_EQ(info.ecc(), n == 2);
    EXPECT_EQ(info.rapl_dis(), n == 3);
    EXPECT_EQ(info.ciphertext_hiding(), n == 4);
    EXPECT_EQ(info.alias_check_complete(), n == 5);
    EXPECT_EQ(info.iommu_write_safe(), n == 6);
    EXPECT_EQ(info.tio(), n == 7);
  }
}

TEST(SnpReport, KnowsTheBitsOfKeyInfo) {
  EXPECT_TRUE(SnpKeyInfo{1}.author_key_en());
  EXPECT_FALSE(SnpKeyInfo{~1U}.author_key_en());
  EXPECT_TRUE(SnpKeyInfo{2}.mask_chip_key());
  EXPECT_FALSE(SnpKeyInfo{~2U}.mask_chip_key());
  EXPECT_EQ(SnpKeyInfo{0x03}.signing_key(), SnpSigningKey::vcek);
  EXPECT_EQ(SnpKeyInfo{0x04}.signing_key(), SnpSigningKey::vlek);
  EXPECT_EQ(SnpKeyInfo{0x1C}.signing_key(), SnpSigningKey::none);
  EXPECT_EQ(SnpKeyInfo{0x1F}.reserved(), 0U);
  EXPECT_EQ(SnpKeyInfo{0x20}.reserved(), 1U);
}

}  // namespace
}  // namespace confide::evidence
