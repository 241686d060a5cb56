// SEV-SNP certificates with one thing wrong, and the check that must catch it.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "verify/testing/snp_hostile.h"

namespace confide::verify {
namespace {

using evidence::SnpCertificates;
using evidence::SnpProduct;
using evidence::SnpSigningKey;
using std::chrono::days;
using std::chrono::seconds;
using testing::lab_rsa_key;
using testing::run;
using testing::SnpLab;
using testing::SnpOutcome;
using testing::SnpSpoiling;
using testing::SnpTable;
using testing::spoil_certificates;
using testing::spoil_lab;
using testing::why;

void add_extensions(SnpTable& to) {
  const std::string base = "1.3.6.1.4.1.3704.1.";
  const auto edit = [&to, base](const char* below, const char* what, std::optional<Bytes> value) {
    spoil_lab(to, fmt::format("extension {} {}", below, what), "snp.leaf.extensions",
              [=](SnpLab& l) {
                l.edit_extensions = [=](SnpLab::Extensions& extensions) {
                  std::erase_if(extensions, [&](const auto& e) { return e.first == base + below; });
                  if (value) extensions.emplace_back(base + below, *value);
                };
              });
  };
  for (const char* below : {"1", "2", "3.1", "3.2", "3.3", "3.8"}) edit(below, "missing", {});
  for (const char* below : {"1", "3.1", "3.2", "3.3", "3.8"}) {
    edit(below, "negative", Bytes{0x02, 0x01, 0x84});
    edit(below, "text", Bytes{0x16, 0x01, 0x04});
    edit(below, "too large", Bytes{0x02, 0x02, 0x01, 0x04});
    edit(below, "with a tail", Bytes{0x02, 0x01, 0x04, 0x00});
    edit(below, "empty", Bytes{});
  }
  edit("2", "UTF-8", Bytes{0x0C, 0x05, 'M', 'i', 'l', 'a', 'n'});
  edit("2", "cut", Bytes{0x16, 0x06, 'M', 'i', 'l', 'a', 'n'});
  edit("2", "with NUL", Bytes{0x16, 0x06, 'M', 'i', 'l', 'a', 'n', 0});
  edit("4", "of 63 bytes", Bytes(63, 0xc1));
  edit("4", "of 65 bytes", Bytes(65, 0xc1));
  edit("3.9", "on Milan", Bytes{0x02, 0x01, 0x00});
  edit("5", "on a VCEK", Bytes{0x16, 0x01, 'C'});
  spoil_lab(to, "Turin without fmc", "snp.leaf.extensions",
            [](SnpLab& l) { l.extension.fmc.reset(); });
  to.back().product = SnpProduct::turin;
  spoil_lab(to, "VLEK without provider", "snp.leaf.extensions",
            [](SnpLab& l) { l.extension.csp_id.reset(); });
  to.back().key = SnpSigningKey::vlek;
  spoil_lab(to, "VLEK with a chip", "snp.leaf.extensions",
            [](SnpLab& l) { l.extension.hw_id = Bytes(64, 0xc1); });
  to.back().key = SnpSigningKey::vlek;
}

void add_names(SnpTable& to) {
  for (const char* name :
       {"SEV-VCE", "SEV-VCEK2", "sev-vcek", "SEV-Milan", "ARK-Milan", "SEV-PEK"}) {
    spoil_lab(to, fmt::format("leaf named {}", name), "snp.chain.names",
              [=](SnpLab& l) { l.leaf.request.common_name = name; });
  }
  for (const char* name : {"SEV-", "SEV-Mila", "SEV-MilanX", "SEV-VLEK-Milan", "ARK-Milan",
                           "SEV-Naples", "SEV-Rome", "SEV-VCEK"}) {
    spoil_lab(to, fmt::format("issuer named {}", name), "snp.chain.names",
              [=](SnpLab& l) { l.ica.request.common_name = name; });
  }
  for (const char* name : {"SEV-Milan", "SEV-VLEK-", "SEV-VLEK-Rome"}) {
    spoil_lab(to, fmt::format("issuer of a VLEK named {}", name), "snp.chain.names",
              [=](SnpLab& l) { l.ica.request.common_name = name; });
    to.back().key = SnpSigningKey::vlek;
  }
  spoil_lab(to, "a VLEK's report with a VCEK", "snp.signing_key",
            [](SnpLab& l) { l.report.key_info.raw = 4; });
  spoil_lab(to, "a VCEK's report with a VLEK", "snp.signing_key",
            [](SnpLab& l) { l.report.key_info.raw = 0; });
  to.back().key = SnpSigningKey::vlek;
  for (const char* name : {"ARK-Genoa", "ARK-Turin", "ARK-", "SEV-Milan", "Lab Root"}) {
    spoil_lab(to, fmt::format("root named {}", name), "snp.chain",
              [=](SnpLab& l) { l.ark.request.common_name = name; });
  }
}

void add_dates(SnpTable& to) {
  using Member = testing::SnpLabCertificate SnpLab::*;
  const std::pair<const char*, Member> certificates[] = {
      {"ark", &SnpLab::ark}, {"ica", &SnpLab::ica}, {"leaf", &SnpLab::leaf}};
  for (const auto& [name, member] : certificates) {
    for (const auto off : {seconds{1}, seconds{days{1}}, seconds{days{300}}}) {
      spoil_lab(to, fmt::format("{} expired {} s ago", name, off.count()), "snp.chain",
                [=](SnpLab& l) { (l.*member).request.not_after = l.at - off; });
      spoil_lab(to, fmt::format("{} not valid for {} s", name, off.count()), "snp.chain",
                [=](SnpLab& l) { (l.*member).request.not_before = l.at + off; });
    }
  }
  for (const auto off : {seconds{1}, seconds{days{1}}}) {
    spoil_lab(to, fmt::format("crl expired {} s ago", off.count()), "snp.crl", [=](SnpLab& l) {
      l.crl_from = l.at - days{30};
      l.crl_until = l.at - off;
    });
    spoil_lab(to, fmt::format("crl not valid for {} s", off.count()), "snp.crl",
              [=](SnpLab& l) { l.crl_from = l.at + off; });
  }
}

void add_authorities(SnpTable& to) {
  spoil_lab(to, "ica is no CA", "snp.chain", [](SnpLab& l) { l.ica.request.is_ca = false; });
  spoil_lab(to, "ica may not sign", "snp.chain", [](SnpLab& l) {
    l.ica.request.key_usage = false;
    l.ica.request.extensions.emplace_back("2.5.29.15", Bytes{0x03, 0x02, 0x07, 0x80});
  });
  spoil_lab(to, "ark may not sign", "snp.chain", [](SnpLab& l) {
    l.ark.request.key_usage = false;
    l.ark.request.extensions.emplace_back("2.5.29.15", Bytes{0x03, 0x02, 0x07, 0x80});
  });
  spoil_lab(to, "ark allows no intermediate", "snp.chain",
            [](SnpLab& l) { l.ark.request.path_length = 0; });
  spoil_lab(to, "ark is no CA", "snp.chain", [](SnpLab& l) { l.ark.request.is_ca = false; });
  spoil_lab(to, "ica revoked", "snp.crl", [](SnpLab& l) { l.ica.revoked = true; });
  spoil_lab(to, "ica of a VLEK revoked", "snp.crl", [](SnpLab& l) { l.ica.revoked = true; });
  to.back().key = SnpSigningKey::vlek;
  spoil_lab(to, "ark revoked", "snp.crl", [](SnpLab& l) { l.ark.revoked = true; });
  spoil_lab(to, "crl by a stranger of the ark's name", "snp.crl", [](SnpLab& l) {
    l.crl_signer = l.ark;
    l.crl_signer->key = lab_rsa_key(2);
    l.crl_signer->request.subject_key = lab_rsa_key(2).public_key();
  });
  spoil_lab(to, "crl by the ica", "snp.crl", [](SnpLab& l) { l.crl_signer = l.ica; });
  spoil_lab(to, "crl of another product", "snp.crl", [](SnpLab& l) {
    l.crl_signer = l.ark;
    l.crl_signer->request.common_name = "ARK-Genoa";
  });
  for (const auto kind : {crypto::KeyKind::p256, crypto::KeyKind::rsa}) {
    spoil_lab(to, "leaf with another kind of key", "snp.report.signature", [=](SnpLab& l) {
      l.leaf.key =
          kind == crypto::KeyKind::rsa ? lab_rsa_key(2) : crypto::SigningKey::generate(kind);
      l.leaf.request.subject_key = l.leaf.key.public_key();
    });
  }
  spoil_lab(to, "leaf with a stranger's key", "snp.report.signature", [](SnpLab& l) {
    l.leaf.request.subject_key = crypto::SigningKey::generate(crypto::KeyKind::p384).public_key();
  });
}

using Slot = std::optional<Bytes> SnpCertificates::*;
const std::pair<const char*, Slot> kSlots[] = {{"leaf", &SnpCertificates::leaf},
                                               {"ica", &SnpCertificates::ica},
                                               {"ark", &SnpCertificates::ark},
                                               {"crl", &SnpCertificates::crl}};

void add_encodings(SnpTable& to) {
  for (const auto& [name, slot] : kSlots) {
    for (const std::size_t size : {0U, 1U, 4U, 300U}) {
      spoil_certificates(to, fmt::format("{} cut to {}", name, size), "snp.certificates",
                         [=](SnpCertificates& c) { (c.*slot)->resize(size); });
    }
    spoil_certificates(to, fmt::format("{} with a tail", name), "snp.certificates",
                       [=](SnpCertificates& c) { (c.*slot)->push_back(0); });
    spoil_certificates(to, fmt::format("{} twice", name), "snp.certificates",
                       [=](SnpCertificates& c) { append(*(c.*slot), Bytes(*(c.*slot))); });
    spoil_certificates(to, fmt::format("{} of a megabyte", name), "snp.certificates",
                       [=](SnpCertificates& c) { c.*slot = Bytes(1U << 20U, 0x30); });
    spoil_certificates(to, fmt::format("{} claims four gigabytes", name), "snp.certificates",
                       [=](SnpCertificates& c) {
                         (c.*slot)->at(1) = 0x84;
                         std::fill_n((c.*slot)->begin() + 2, 4, std::uint8_t{0xFF});
                       });
    spoil_certificates(to, fmt::format("{} as text", name), "snp.certificates",
                       [=](SnpCertificates& c) {
                         c.*slot = to_bytes(as_bytes("-----BEGIN CERTIFICATE-----\nMIIB\n"));
                       });
  }
  for (const auto& [name, slot] : {kSlots[0], kSlots[1]}) {
    spoil_certificates(to, fmt::format("without {}", name), "snp.certificates",
                       [=](SnpCertificates& c) { (c.*slot).reset(); });
  }
}

void add_swaps(SnpTable& to) {
  for (const auto& [name, slot] : kSlots) {
    for (const auto& [other_name, other] : kSlots) {
      if (slot == other) continue;
      const bool crl = slot == &SnpCertificates::crl || other == &SnpCertificates::crl;
      const bool names = slot != &SnpCertificates::ark;
      spoil_certificates(to, fmt::format("{} in the place of {}", other_name, name),
                         crl     ? "snp.certificates"
                         : names ? "snp.chain.names"
                                 : "snp.chain",
                         [=](SnpCertificates& c) { c.*slot = c.*other; });
    }
  }
  for (const SnpProduct product : {SnpProduct::genoa, SnpProduct::turin}) {
    for (const auto& [name, slot] : kSlots) {
      if (slot == &SnpCertificates::leaf) continue;
      spoil_certificates(
          to, fmt::format("{} of {}", name, to_string(product)),
          slot == &SnpCertificates::crl ? "snp.crl" : "snp.chain",
          [=](SnpCertificates& c) { c.*slot = SnpLab(product).certificates().*slot; });
    }
  }
  spoil_certificates(to, "leaf of another machine", "snp.report.signature",
                     [](SnpCertificates&) {});
  to.back().after = [](Bytes& report, SnpCertificates&) {
    SnpLab other;
    other.leaf.key = crypto::SigningKey::generate(crypto::KeyKind::p384);
    report = other.report_bytes();
  };
  spoil_certificates(to, "chain of a stranger with the same names", "snp.chain",
                     [](SnpCertificates& c) {
                       SnpLab other;
                       other.ark.key = lab_rsa_key(2);
                       other.ark.request.subject_key = lab_rsa_key(2).public_key();
                       c = other.certificates();
                       c.ark.reset();
                       c.crl.reset();
                     });
}

// Bits of certificates: whatever they break, the chain does not stand.
void add_certificate_flips(SnpTable& to) {
  for (const auto& [name, slot] : kSlots) {
    const std::string check = slot == &SnpCertificates::crl ? "snp.crl" : "snp.chain";
    for (std::size_t step = 0; step < 24; ++step) {
      spoil_certificates(to, fmt::format("{} bit at {}/24", name, step), check,
                         [=](SnpCertificates& c) {
                           Bytes& der = *(c.*slot);
                           der[der.size() * step / 24] ^= 0x04;
                         });
    }
  }
}

TEST(SnpHostile, EveryCertificateIsCaughtByItsCheck) {
  SnpTable table;
  add_extensions(table);
  add_names(table);
  add_dates(table);
  add_authorities(table);
  add_encodings(table);
  add_swaps(table);
  testing::expect_each_is_caught(table);
  EXPECT_EQ(table.size(), 159U);
}

TEST(SnpHostile, NoBitOfACertificateMayChange) {
  SnpTable table;
  add_certificate_flips(table);
  for (const SnpSpoiling& spoiling : table) {
    SCOPED_TRACE(spoiling.name);
    const SnpOutcome outcome = run(spoiling);
    EXPECT_FALSE(outcome.proof);
    EXPECT_TRUE(outcome.failed(spoiling.check)) << why(outcome);
  }
  EXPECT_EQ(table.size(), 96U);
}

}  // namespace
}  // namespace confide::verify
