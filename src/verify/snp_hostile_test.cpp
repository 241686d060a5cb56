// SEV-SNP reports with one thing wrong, and the check that must catch it.
#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "verify/testing/snp_hostile.h"

namespace confide::verify {
namespace {

using evidence::SnpProduct;
using testing::SnpLab;
using testing::SnpTable;
using testing::spoil_lab;
using testing::spoil_report;

constexpr std::size_t kSigned = 0x2A0;

// Offset and size of every field behind the version.
struct Field {
  const char* name;
  std::size_t offset;
  std::size_t size;
};
const Field kFields[] = {{"guest_svn", 0x04, 4},
                         {"policy", 0x08, 8},
                         {"family_id", 0x10, 16},
                         {"image_id", 0x20, 16},
                         {"vmpl", 0x30, 4},
                         {"current_tcb", 0x38, 8},
                         {"platform_info", 0x40, 8},
                         {"report_data", 0x50, 64},
                         {"measurement", 0x90, 48},
                         {"host_data", 0xC0, 32},
                         {"id_key_digest", 0xE0, 48},
                         {"author_key_digest", 0x110, 48},
                         {"report_id", 0x140, 32},
                         {"report_id_ma", 0x160, 32},
                         {"reported_tcb", 0x180, 8},
                         {"cpuid", 0x188, 3},
                         {"chip_id", 0x1A0, 64},
                         {"committed_tcb", 0x1E0, 8},
                         {"current", 0x1E8, 3},
                         {"committed", 0x1EC, 3},
                         {"launch_tcb", 0x1F0, 8},
                         {"launch_mit_vector", 0x1F8, 8},
                         {"current_mit_vector", 0x200, 8}};

// Not signed again: the first and the last byte of each field, two bits of each.
void add_bit_flips(SnpTable& to) {
  for (const Field& field : kFields) {
    for (const std::size_t at : {field.offset, field.offset + field.size - 1}) {
      for (const std::uint8_t mask : Bytes{0x01, 0x80}) {
        spoil_report(to, fmt::format("{} byte {} ^ {:#x}", field.name, at, mask),
                     "snp.report.signature", [at, mask](Bytes& r) { r[at] ^= mask; });
      }
    }
  }
  for (std::size_t at = kSigned; at < kSigned + 144; at += 3) {
    spoil_report(to, fmt::format("signature byte {}", at), "snp.report.signature",
                 [at](Bytes& r) { r[at] ^= 0x10; });
  }
  for (const std::size_t at :
       {0x4CU, 0x4FU, 0x18BU, 0x19FU, 0x1EBU, 0x1EFU, 0x208U, 0x29FU, 0x330U, 0x3FFU, 0x49FU}) {
    spoil_report(to, fmt::format("reserved byte {}", at), "snp.report.parse",
                 [at](Bytes& r) { r[at] = 1; });
  }
}

void add_lengths(SnpTable& to) {
  for (const std::size_t size : {0U, 1U, 4U, 80U, 671U, 672U, 673U, 744U, 816U, 1183U, 1185U, 1200U,
                                 2368U, 65536U, 1048576U}) {
    spoil_report(to, fmt::format("of {} bytes", size), "snp.report.parse",
                 [size](Bytes& r) { r.resize(size); });
  }
  spoil_report(to, "twice", "snp.report.parse", [](Bytes& r) { append(r, Bytes(r)); });
  spoil_report(to, "behind a byte", "snp.report.parse", [](Bytes& r) { r.insert(r.begin(), 5); });
  spoil_report(to, "without its first byte", "snp.report.parse",
               [](Bytes& r) { r.erase(r.begin()); });
}

void add_signatures(SnpTable& to) {
  const auto number = [](std::size_t which) { return kSigned + 72 * which; };
  for (const std::size_t which : {0U, 1U}) {
    const char* name = which == 0 ? "r" : "s";
    spoil_report(to, fmt::format("{} zero", name), "snp.report.signature", [=](Bytes& r) {
      std::fill_n(r.begin() + static_cast<long>(number(which)), 48, std::uint8_t{0});
    });
    spoil_report(to, fmt::format("{} all ones", name), "snp.report.signature", [=](Bytes& r) {
      std::fill_n(r.begin() + static_cast<long>(number(which)), 48, std::uint8_t{0xFF});
    });
    spoil_report(to, fmt::format("{} big-endian", name), "snp.report.signature", [=](Bytes& r) {
      const auto from = r.begin() + static_cast<long>(number(which));
      std::reverse(from, from + 48);
    });
    spoil_report(to, fmt::format("{} one byte up", name), "snp.report.signature", [=](Bytes& r) {
      const auto from = r.begin() + static_cast<long>(number(which));
      std::rotate(from, from + 48, from + 49);
    });
    for (std::size_t at = 48; at < 72; at += 5) {
      spoil_report(to, fmt::format("{} wider, byte {}", name, at), "snp.report.signature",
                   [=](Bytes& r) { r[number(which) + at] = 1; });
    }
  }
  spoil_report(to, "r and s swapped", "snp.report.signature", [](Bytes& r) {
    std::swap_ranges(r.begin() + kSigned, r.begin() + kSigned + 72, r.begin() + kSigned + 72);
  });
  spoil_report(to, "without a signature", "snp.report.signature",
               [](Bytes& r) { std::fill(r.begin() + kSigned, r.end(), std::uint8_t{0}); });
  spoil_lab(to, "signature of another report", "snp.report.signature", [](SnpLab& lab) {
    lab.edit_report = [](Bytes& report) {
      SnpLab other;
      other.report.guest_svn = 8;
      const Bytes foreign = other.report_bytes();
      std::copy(foreign.begin() + kSigned, foreign.end(), report.begin() + kSigned);
    };
  });
}

// Signed again, so that the meaning alone is wrong.
void add_meanings(SnpTable& to) {
  for (const std::uint32_t version : {0U, 1U, 6U, 7U, 0x100U, 0x02000000U, 0xFFFFFFFFU}) {
    spoil_lab(to, fmt::format("version {}", version), "snp.report.parse",
              [=](SnpLab& l) { l.report.version = version; });
  }
  for (const std::uint32_t algo : {0U, 2U, 3U, 0x101U, 0x01000000U, 0xFFFFFFFFU}) {
    spoil_lab(to, fmt::format("signature_algo {}", algo), "snp.report.signature",
              [=](SnpLab& l) { l.report.signature_algo = algo; });
  }
  for (const std::uint32_t info :
       {0x04U, 0x08U, 0x0CU, 0x10U, 0x14U, 0x18U, 0x1CU, 0x02U, 0x03U, 0x20U, 0x80000000U}) {
    spoil_lab(to, fmt::format("key_info {:#x}", info), "snp.signing_key",
              [=](SnpLab& l) { l.report.key_info.raw = info; });
  }
  for (unsigned bit = 26; bit < 64; ++bit) {
    spoil_lab(to, fmt::format("policy bit {}", bit), "snp.guest_policy",
              [=](SnpLab& l) { l.report.policy.raw |= std::uint64_t{1} << bit; });
  }
  spoil_lab(to, "policy bit 17 clear", "snp.guest_policy",
            [](SnpLab& l) { l.report.policy.raw = 0x10000; });
  spoil_lab(to, "debug", "snp.guest_policy", [](SnpLab& l) { l.report.policy.raw |= 0x80000; });
  spoil_lab(to, "migration agent", "snp.guest_policy",
            [](SnpLab& l) { l.report.policy.raw |= 0x40000; });
  for (const std::uint32_t vmpl : {4U, 0x100U, 0xFFFFFFFFU}) {
    spoil_lab(to, fmt::format("vmpl {}", vmpl), "snp.guest",
              [=](SnpLab& l) { l.report.vmpl = vmpl; });
  }
}

void add_products(SnpTable& to) {
  const std::pair<std::uint8_t, std::uint8_t> cpuids[] = {{0x19, 0x11}, {0x19, 0xA0}, {0x1A, 0x02},
                                                          {0x1A, 0x11}, {0x19, 0x20}, {0x17, 0x31},
                                                          {0x00, 0x00}, {0x1A, 0x50}, {0xFF, 0xFF}};
  for (const std::uint32_t version : {3U, 4U, 5U}) {
    for (const auto& [family, model] : cpuids) {
      spoil_lab(to, fmt::format("version {} cpuid {:x} {:x}", version, family, model),
                "snp.product", [=](SnpLab& l) {
                  l.report.version = version;
                  l.report.cpuid = {.family = family, .model = model, .stepping = 1};
                });
    }
  }
  for (const char* name : {"Genoa", "Genoa-B1", "Turin", "Mila", "MilanX", "Milan_B0", "milan",
                           " Milan", "SEV-Milan"}) {
    spoil_lab(to, fmt::format("product name {}", name), "snp.product",
              [=](SnpLab& l) { l.extension.product_name = name; });
  }
}

void add_tcbs(SnpTable& to) {
  const auto level = [&to](const char* name, std::uint8_t crypto::AmdExtension::* member) {
    for (const int step : {-1, 1}) {
      spoil_lab(to, fmt::format("certified {} {:+}", name, step), "snp.tcb", [=](SnpLab& l) {
        l.extension.*member = static_cast<std::uint8_t>(l.extension.*member + step);
      });
    }
  };
  level("bl", &crypto::AmdExtension::bl);
  level("tee", &crypto::AmdExtension::tee);
  level("snp", &crypto::AmdExtension::snp);
  level("ucode", &crypto::AmdExtension::ucode);
  for (const auto member : {&crypto::AmdExtension::spl4, &crypto::AmdExtension::spl5,
                            &crypto::AmdExtension::spl6, &crypto::AmdExtension::spl7}) {
    spoil_lab(to, "certified reserved level", "snp.tcb",
              [=](SnpLab& l) { l.extension.*member = 1; });
  }
  for (const std::size_t at : {0U, 1U, 6U, 7U}) {
    spoil_lab(to, fmt::format("reported tcb byte {}", at), "snp.tcb",
              [=](SnpLab& l) { ++l.report.reported_tcb[at]; });
  }
  using Member = evidence::SnpTcbVersion evidence::SnpReport::*;
  for (const Member member :
       {&evidence::SnpReport::current_tcb, &evidence::SnpReport::reported_tcb,
        &evidence::SnpReport::committed_tcb, &evidence::SnpReport::launch_tcb}) {
    for (const std::size_t at : {2U, 3U, 4U, 5U}) {
      spoil_lab(to, fmt::format("reserved tcb byte {}", at), "snp.tcb",
                [=](SnpLab& l) { (l.report.*member)[at] = 1; });
    }
    for (const std::size_t at : {4U, 5U, 6U}) {
      spoil_lab(to, fmt::format("reserved Turin tcb byte {}", at), "snp.tcb",
                [=](SnpLab& l) { (l.report.*member)[at] = 1; });
      to.back().product = SnpProduct::turin;
    }
  }
  for (const int step : {-1, 1}) {
    spoil_lab(to, fmt::format("certified fmc {:+}", step), "snp.tcb",
              [=](SnpLab& l) { l.extension.fmc = static_cast<std::uint8_t>(1 + step); });
    to.back().product = SnpProduct::turin;
  }
}

void add_chips(SnpTable& to) {
  for (const std::size_t at : {0U, 7U, 8U, 63U}) {
    spoil_lab(to, fmt::format("chip id byte {}", at), "snp.chip_id",
              [=](SnpLab& l) { l.report.chip_id[at] ^= 1U; });
    spoil_lab(to, fmt::format("Turin chip id byte {}", at), "snp.chip_id",
              [=](SnpLab& l) { l.report.chip_id[at] ^= 1U; });
    to.back().product = SnpProduct::turin;
  }
  spoil_lab(to, "chip id masked", "snp.chip_id", [](SnpLab& l) { l.report.chip_id.fill(0); });
  spoil_lab(to, "chip id and hardware id zero", "snp.chip_id", [](SnpLab& l) {
    l.report.chip_id.fill(0);
    l.extension.hw_id = Bytes(64, 0);
  });
  spoil_lab(to, "no hardware id", "snp.chip_id", [](SnpLab& l) { l.extension.hw_id.reset(); });
  spoil_lab(to, "hardware id of Turin", "snp.chip_id",
            [](SnpLab& l) { l.extension.hw_id = Bytes(8, 0xc1); });
}

TEST(SnpHostile, EveryReportIsCaughtByItsCheck) {
  SnpTable table;
  add_bit_flips(table);
  add_lengths(table);
  add_signatures(table);
  add_meanings(table);
  add_products(table);
  add_tcbs(table);
  add_chips(table);
  testing::expect_each_is_caught(table);
  EXPECT_EQ(table.size(), 352U);
}

}  // namespace
}  // namespace confide::verify
