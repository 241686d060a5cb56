// Genuine GPU evidence of our own making, spoiled in one thing at a time: each case names the check
// that must catch it.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "verify/testing/gpu_lab.h"

namespace confide::verify {
namespace {

using evidence::GpuEvidence;
using evidence::GpuReferences;
using testing::find_field;
using testing::GpuLab;
using testing::LabChain;

// All that a verification takes.
struct Setting {
  std::vector<GpuEvidence> devices;
  GpuReferences references;
  Bytes nonce;
  Policy policy;
  Time at;
};

Setting setting_of(const GpuLab& lab) {
  return {.devices = {lab.evidence()},
          .references = lab.references(),
          .nonce = lab.nonce,
          .policy = lab.policy(),
          .at = lab.at};
}

const GpuLab& base_lab() {
  static const GpuLab kLab;
  return kLab;
}
const Setting& base() {
  static const Setting kSetting = setting_of(base_lab());
  return kSetting;
}

class GpuHostile : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(run(base()).passed()); }

  static Verdict run(const Setting& setting) {
    Verdict verdict;
    const auto proof = verify_gpus(setting.devices, &setting.references, setting.nonce,
                                   setting.policy, setting.at, verdict);
    EXPECT_EQ(proof.has_value(), verdict.passed());
    return verdict;
  }

  // One case: `id` is among the checks that fail.
  void expect(const std::string& name, const Setting& setting, const std::string& id) {
    ++cases_;
    const Verdict verdict = run(setting);
    bool is_caught = false;
    std::string failed;
    for (const Check& check : verdict.checks()) {
      if (check.status != CheckStatus::fail) continue;
      is_caught = is_caught || check.id == id;
      failed += "\n  " + check.id + ": " + check.detail;
    }
    EXPECT_TRUE(is_caught) << name << ": not caught by " << id << failed;
  }

  // Bytes of the report after it was signed.
  void expect_report(const std::string& name, const std::function<void(Bytes&)>& spoil,
                     const std::string& id) {
    Setting setting = base();
    spoil(setting.devices[0].report);
    expect(name, setting, id);
  }

  // The device before it signs.
  void expect_lab(const std::string& name, const std::function<void(GpuLab&)>& spoil,
                  const std::string& id) {
    GpuLab lab = base_lab();
    spoil(lab);
    Setting setting = base();
    setting.devices = {lab.evidence()};
    expect(name, setting, id);
  }

  // The manifests before they are signed, and who signs them.
  void expect_rims(const std::string& name, const std::function<void(GpuLab&)>& spoil,
                   const std::string& id) {
    GpuLab lab = base_lab();
    spoil(lab);
    Setting setting = base();
    setting.references = lab.references();
    expect(name, setting, id);
  }

  void expect_setting(const std::string& name, const std::function<void(Setting&)>& spoil,
                      const std::string& id) {
    Setting setting = base();
    spoil(setting);
    expect(name, setting, id);
  }

  std::size_t cases_ = 0;
};

constexpr std::size_t kResponse = 37;
constexpr std::size_t kRecord = kResponse + 8;
constexpr std::size_t kBlock = 55;
constexpr std::size_t kOpaque = kRecord + 64 * kBlock + 34;

// --- The report, one bit at a time ---

TEST_F(GpuHostile, BitsOfEveryField) {
  const std::size_t size = base().devices[0].report.size();
  const std::map<std::string, std::pair<std::size_t, std::string>> fields{
      {"request version", {0, "gpu.report.parse"}},
      {"request code", {1, "gpu.report.parse"}},
      {"request param1", {2, "gpu.report.signature"}},
      {"request param2", {3, "gpu.report.signature"}},
      {"nonce", {4, "gpu.report.nonce"}},
      {"nonce's end", {35, "gpu.report.nonce"}},
      {"slot", {36, "gpu.report.signature"}},
      {"response version", {kResponse, "gpu.report.parse"}},
      {"response code", {kResponse + 1, "gpu.report.parse"}},
      {"response param1", {kResponse + 2, "gpu.report.signature"}},
      {"response param2", {kResponse + 3, "gpu.report.signature"}},
      {"number of blocks", {kResponse + 4, "gpu.report.parse"}},
      {"record size", {kResponse + 5, "gpu.report.parse"}},
      {"record size, middle", {kResponse + 6, "gpu.report.parse"}},
      {"record size, high", {kResponse + 7, "gpu.report.parse"}},
      {"responder nonce", {kOpaque - 34, "gpu.report.signature"}},
      {"responder nonce's end", {kOpaque - 3, "gpu.report.signature"}},
      {"opaque size", {kOpaque - 2, "gpu.report.parse"}},
      {"opaque size, high", {kOpaque - 1, "gpu.report.parse"}},
      {"r", {size - 96, "gpu.report.signature"}},
      {"r's end", {size - 49, "gpu.report.signature"}},
      {"s", {size - 48, "gpu.report.signature"}},
      {"s's end", {size - 1, "gpu.report.signature"}},
  };
  for (const auto& [name, where] : fields) {
    for (const unsigned bit : {0U, 7U}) {
      expect_report(
          fmt::format("{} bit {}", name, bit),
          [&](Bytes& b) { b[where.first] ^= static_cast<std::uint8_t>(1U << bit); }, where.second);
    }
  }
  EXPECT_EQ(cases_, 46U);
}

TEST_F(GpuHostile, BitsOfEveryBlock) {
  for (std::size_t i = 0; i < 64; ++i) {
    const std::size_t at = kRecord + i * kBlock;
    expect_report(
        fmt::format("value {}", i), [&](Bytes& b) { b[at + 7 + i % 48] ^= 0x10U; },
        "gpu.report.signature");
    // Every other index is taken, so that a changed one stands twice or is not a block's.
    const auto other = static_cast<std::uint8_t>(i == 0 ? 0xFF : i);
    expect_report(fmt::format("index {}", i), [&](Bytes& b) { b[at] = other; }, "gpu.report.parse");
  }
  for (const std::size_t i : {0U, 31U, 63U}) {
    const std::size_t at = kRecord + i * kBlock;
    for (const std::size_t field : {1U, 2U, 3U, 5U, 6U}) {
      expect_report(
          fmt::format("block {} byte {}", i, field), [&](Bytes& b) { b[at + field] ^= 0x40U; },
          "gpu.report.parse");
    }
    expect_report(
        fmt::format("block {} type", i), [&](Bytes& b) { b[at + 4] ^= 0x80U; },
        "gpu.report.signature");
  }
  EXPECT_EQ(cases_, 146U);
}

TEST_F(GpuHostile, BitsOfEveryOpaqueField) {
  std::size_t at = kOpaque;
  for (const auto& field : base_lab().gpu.report.opaque) {
    expect_report(
        fmt::format("field {} type", field.type), [&](Bytes& b) { b[at + 1] ^= 0x80U; },
        field.type == 3 || field.type == 6 ? "gpu.report.parse" : "gpu.report.signature");
    expect_report(
        fmt::format("field {} size", field.type), [&](Bytes& b) { b[at + 3] ^= 0x80U; },
        "gpu.report.parse");
    expect_report(
        fmt::format("field {} value", field.type), [&](Bytes& b) { b[at + 4] ^= 0x01U; },
        "gpu.report.signature");
    at += 4 + field.value.size();
  }
  EXPECT_EQ(cases_, 36U);
}

TEST_F(GpuHostile, LengthsAndEnds) {
  const std::size_t size = base().devices[0].report.size();
  for (std::size_t cut = 0; cut < size; cut += 97) {
    expect_report(
        fmt::format("cut to {}", cut), [cut](Bytes& b) { b.resize(cut); }, "gpu.report.parse");
  }
  expect_report("last byte cut", [](Bytes& b) { b.pop_back(); }, "gpu.report.parse");
  expect_report("a byte behind", [](Bytes& b) { b.push_back(0); }, "gpu.report.signature");
  expect_report(
      "a signature behind", [](Bytes& b) { b.resize(b.size() + 96); }, "gpu.report.signature");
  expect_report(
      "a byte before the signature", [](Bytes& b) { b.insert(b.end() - 96, std::uint8_t{0}); },
      "gpu.report.signature");
  expect_report("twice", [](Bytes& b) { append(b, Bytes(b)); }, "gpu.report.signature");
  expect_report("huge", [](Bytes& b) { b.resize(1U << 20U); }, "gpu.report.parse");
  EXPECT_GE(cases_, 45U);
}

// --- What a genuine device might sign ---

TEST_F(GpuHostile, MeasurementsThatAreNotTheReferences) {
  const GpuLab& lab = base_lab();
  for (const evidence::Rim* rim : {&lab.driver_rim, &lab.vbios_rim}) {
    for (const auto& reference : rim->measurements) {
      const unsigned i = reference.index;
      expect_lab(
          fmt::format("other value {}", i),
          [i](GpuLab& l) { l.gpu.report.measurements[i].value[47] ^= 1U; }, "gpu.measurements");
      expect_lab(
          fmt::format("no block {}", i),
          [i](GpuLab& l) {
            auto& list = l.gpu.report.measurements;
            list.erase(list.begin() + i);
          },
          "gpu.measurements");
      expect_lab(
          fmt::format("raw {}", i), [i](GpuLab& l) { l.gpu.report.measurements[i].raw = true; },
          "gpu.measurements");
      expect_lab(
          fmt::format("shorter value {}", i),
          [i](GpuLab& l) { l.gpu.report.measurements[i].value.pop_back(); }, "gpu.measurements");
    }
  }
  EXPECT_EQ(cases_, 88U);
}

TEST_F(GpuHostile, ReportsThatNoDeviceOfOursWrites) {
  const auto set = [](std::uint16_t type, Bytes value) {
    return [type, value](GpuLab& lab) { *find_field(lab.gpu.report, type) = value; };
  };
  const auto drop = [](std::uint16_t type) {
    return [type](GpuLab& lab) { evidence::testing::drop_field(lab.gpu.report, type); };
  };
  expect_lab(
      "SPDM 1.2", [](GpuLab& l) { l.gpu.report.request.version = 0x12; }, "gpu.report.parse");
  expect_lab(
      "other nonce", [](GpuLab& l) { l.gpu.report.request.nonce[0] ^= 1U; }, "gpu.report.nonce");
  expect_lab(
      "field twice", [](GpuLab& l) { l.gpu.report.opaque.push_back({3, {0}}); },
      "gpu.report.parse");
  expect_lab("driver of another version", set(3, evidence::testing::text_field("599.02")),
             "rim.driver.version");
  expect_lab("VBIOS of another version", set(6, {0, 0xAC, 0, 0x96, 1, 0, 0, 0}),
             "rim.vbios.version");
  expect_lab("no driver", drop(3), "gpu.report.parse");
  expect_lab("no VBIOS", drop(6), "gpu.report.parse");
  expect_lab("unknown mode", set(36, {9, 0}), "gpu.mode");
  expect_lab("newer opaque data", set(34, {2, 0}), "gpu.report.parse");
  expect_lab("other firmware", set(20, Bytes(48, 0xF2)), "gpu.device.fwid");
  expect_lab("firmware of wrong size", set(20, Bytes(47, 0xF1)), "gpu.report.parse");
  expect_lab(
      "decoder on, its firmware another",
      [](GpuLab& l) { l.gpu.report.measurements[35].value[0] ^= 1U; }, "gpu.measurements");
  expect_lab(
      "no measurements", [](GpuLab& l) { l.gpu.report.measurements.clear(); }, "gpu.measurements");
  expect_lab(
      "a switch's fields", [](GpuLab& l) { l.gpu.report = evidence::testing::switch_report(); },
      "gpu.device.architecture");
  EXPECT_EQ(cases_, 14U);
}

TEST_F(GpuHostile, KeysThatAreNotTheDevices) {
  expect_lab(
      "signed by the boot ROM", [](GpuLab& l) { l.gpu.signer = l.gpu.chain[1].key; },
      "gpu.report.signature");
  expect_lab(
      "signed by the factory", [](GpuLab& l) { l.gpu.signer = l.gpu.chain[2].key; },
      "gpu.report.signature");
  expect_lab(
      "signed by the root", [](GpuLab& l) { l.gpu.signer = l.gpu.chain[4].key; },
      "gpu.report.signature");
  expect_lab(
      "signed by a stranger",
      [](GpuLab& l) { l.gpu.signer = crypto::SigningKey::generate(crypto::KeyKind::p384); },
      "gpu.report.signature");
  expect_lab(
      "a P-256 key is certified",
      [](GpuLab& l) {
        const auto key = crypto::SigningKey::generate(crypto::KeyKind::p256);
        l.gpu.leaf().request.subject_key = key.public_key();
        l.gpu.signer = l.gpu.chain[0].key;
      },
      "gpu.report.signature");
  expect_setting(
      "chain of another device",
      [](Setting& s) {
        const GpuLab& lab = base_lab();
        s.devices[0].chain_pem = lab.evidence(lab.make_gpu()).chain_pem;
      },
      "gpu.report.signature");
  expect_setting(
      "chain of a switch",
      [](Setting& s) {
        const GpuLab& lab = base_lab();
        s.devices[0].chain_pem = lab.evidence(lab.nvswitch).chain_pem;
      },
      "gpu.device.architecture");
  EXPECT_EQ(cases_, 7U);
}

// --- The device's chain ---

// What certificate `i` issued stays as it was.
void give_another_key(LabChain& chain, std::size_t i) {
  const auto certificates = testing::issue_chain(chain);
  for (std::size_t below = 0; below < i; ++below) chain[below].issued = certificates[below];
  chain[i].request.subject_key = crypto::SigningKey::generate(crypto::KeyKind::p384).public_key();
}

TEST_F(GpuHostile, CertificatesOfTheDevice) {
  for (std::size_t i = 0; i < 4; ++i) {
    const auto at = [i](GpuLab& l) -> testing::LabIssued& { return l.gpu.chain[i]; };
    expect_lab(
        fmt::format("expired {}", i),
        [&](GpuLab& l) { at(l).request.not_after = l.at - std::chrono::seconds{1}; },
        "gpu.device.chain");
    expect_lab(
        fmt::format("not yet valid {}", i),
        [&](GpuLab& l) { at(l).request.not_before = l.at + std::chrono::seconds{1}; },
        "gpu.device.chain");
    expect_lab(
        fmt::format("other key {}", i), [&](GpuLab& l) { give_another_key(l.gpu.chain, i); },
        i == 0 ? "gpu.report.signature" : "gpu.device.chain");
    if (i == 0) continue;
    expect_lab(
        fmt::format("no CA {}", i), [&](GpuLab& l) { at(l).request.is_ca = false; },
        "gpu.device.chain");
    if (i == 1) continue;
    expect_lab(
        fmt::format("path too long {}", i), [&](GpuLab& l) { at(l).request.path_length = 0; },
        "gpu.device.chain");
  }
  const auto use_leaf = [](const std::string& name, std::vector<std::pair<std::string, Bytes>> e) {
    return [name, e](GpuLab& l) {
      l.gpu.leaf().request.common_name = name;
      l.gpu.leaf().request.extensions = e;
    };
  };
  const std::pair<std::string, Bytes> fwid{crypto::kDiceIdOid, testing::dice_id(Bytes(48, 0xF1))};
  expect_lab("no firmware named", use_leaf("GH100 A01 GSP FMC LF", {}), "gpu.device.fwid");
  expect_lab("other firmware named",
             use_leaf("GH100", {{crypto::kDiceIdOid, testing::dice_id(Bytes(48, 0xF2))}}),
             "gpu.device.fwid");
  expect_lab("unreadable firmware", use_leaf("GH100", {{crypto::kDiceIdOid, Bytes{0x30, 0}}}),
             "gpu.device.fwid");
  expect_lab("second firmware of a list",
             use_leaf("GB100", {{crypto::kDiceTcbInfoOid, testing::dice_tcb_info(Bytes(48))}}),
             "gpu.device.fwid");
  expect_lab("unknown chip", use_leaf("XX100 A01", {fwid}), "gpu.device.architecture");
  expect_lab("a switch's certificate", use_leaf("LS_10 A01", {fwid}), "gpu.device.architecture");
  EXPECT_EQ(cases_, 23U);
}

std::vector<std::string> pem_blocks(const std::string& pem) {
  std::vector<std::string> out;
  const auto chain = crypto::parse_pem_chain(pem).value();
  for (const auto& certificate : chain) {
    out.push_back(certificate.to_pem());
  }
  return out;
}

TEST_F(GpuHostile, OrdersOfTheChain) {
  const auto blocks = pem_blocks(base().devices[0].chain_pem);
  const auto expect_order = [&](const std::string& name, const std::vector<std::size_t>& order) {
    expect_setting(
        name,
        [&](Setting& s) {
          s.devices[0].chain_pem.clear();
          for (const std::size_t i : order) s.devices[0].chain_pem += blocks[i];
        },
        "gpu.device.chain");
  };
  expect_order("empty", {});
  for (std::size_t missing = 0; missing < 5; ++missing) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < 5; ++i) {
      if (i != missing) order.push_back(i);
    }
    expect_order(fmt::format("without {}", missing), order);
  }
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = a + 1; b < 5; ++b) {
      std::vector<std::size_t> order{0, 1, 2, 3, 4};
      std::swap(order[a], order[b]);
      expect_order(fmt::format("{} and {} swapped", a, b), order);
    }
    std::vector<std::size_t> order{0, 1, 2, 3, 4};
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(a), a);
    expect_order(fmt::format("{} twice", a), order);
  }
  expect_order("the leaf in place of the boot ROM", {0, 0, 2, 3, 4});
  expect_order("only the leaf", {0});
  expect_order("only the root", {4});
  expect_order("five times the root", {4, 4, 4, 4, 4});
  EXPECT_EQ(cases_, 25U);
}

TEST_F(GpuHostile, TextOfTheChain) {
  const auto expect_text = [&](const std::string& name, const std::string& text) {
    expect_setting(name, [&](Setting& s) { s.devices[0].chain_pem = text; }, "gpu.device.chain");
  };
  const std::string pem = base().devices[0].chain_pem;
  expect_text("rubbish", "rubbish");
  expect_text("rubbish before", "x" + pem);
  expect_text("rubbish behind", pem + "x");
  expect_text("cut", pem.substr(0, 700));
  expect_text("one character", std::string(pem).replace(300, 1, "*"));
  expect_text("nine certificates", pem + pem);
  std::string flipped = pem;
  const std::size_t end = flipped.find("-----END") - 12;
  flipped[end] = flipped[end] == 'A' ? 'B' : 'A';
  expect_text("a bit of the leaf's signature", flipped);
  EXPECT_EQ(cases_, 7U);
}

TEST_F(GpuHostile, RootsThatAreNotTrusted) {
  const auto stranger = [] {
    GpuLab lab;  // the same names, other keys
    return setting_of(lab);
  }();
  expect_setting(
      "another root of the same name", [&](Setting& s) { s.devices = stranger.devices; },
      "gpu.device.chain");
  expect_setting(
      "manifests under another root of the same name",
      [&](Setting& s) { s.references = stranger.references; }, "rim.driver.chain");
  expect_setting(
      "only NVIDIA's roots", [](Setting& s) { s.policy = Policy::strict(); }, "gpu.device.chain");
  expect_setting("no root", [](Setting& s) { s.policy.roots.clear(); }, "gpu.device.chain");
  for (const Anchor purpose : {Anchor::intel_sgx, Anchor::amd_milan, Anchor::nvidia_rim}) {
    expect_setting(
        "device root for another purpose",
        [purpose](Setting& s) {
          for (TrustRoot& root : s.policy.roots) {
            if (root.simulated) root.anchors = purpose;
          }
        },
        "gpu.device.chain");
  }
  expect_setting(
      "RIM root for devices only",
      [](Setting& s) {
        for (TrustRoot& root : s.policy.roots) {
          if (root.simulated) root.anchors = Anchor::nvidia_device;
        }
      },
      "rim.driver.chain");
  EXPECT_EQ(cases_, 8U);
}

// --- The manifests ---

std::string role_of(bool is_driver) { return is_driver ? "rim.driver" : "rim.vbios"; }

TEST_F(GpuHostile, SignersOfManifests) {
  for (std::size_t i = 0; i < 3; ++i) {
    const auto at = [i](GpuLab& l) -> testing::LabIssued& { return l.signers[i]; };
    for (const bool is_driver : {true, false}) {
      const std::string id = role_of(is_driver) + ".chain";
      expect_rims(
          fmt::format("expired signer {}", i),
          [&](GpuLab& l) { at(l).request.not_after = l.at - std::chrono::seconds{1}; }, id);
      expect_rims(
          fmt::format("signer {} not yet valid", i),
          [&](GpuLab& l) { at(l).request.not_before = l.at + std::chrono::seconds{1}; }, id);
      if (i > 0) {
        expect_rims(
            fmt::format("signer {} no CA", i), [&](GpuLab& l) { at(l).request.is_ca = false; }, id);
      }
    }
    expect_rims(
        fmt::format("other key of signer {}", i),
        [&](GpuLab& l) { give_another_key(l.signers, i); },
        i == 0 ? "rim.driver.signature" : "rim.driver.chain");
  }
  const auto sign_with = [](GpuLab& l, const LabChain& chain) { l.signers = chain; };
  expect_rims(
      "signed by the device", [&](GpuLab& l) { sign_with(l, l.gpu.chain); }, "rim.driver.chain");
  expect_rims(
      "signed by the boot ROM",
      [&](GpuLab& l) { sign_with(l, {l.gpu.chain.begin() + 1, l.gpu.chain.end()}); },
      "rim.driver.chain");
  expect_rims(
      "signer's issuer missing",
      [&](GpuLab& l) {
        // Issued by L3, which is then left out of the list.
        auto chain = testing::issue_chain(l.signers);
        l.signers[0].issued = chain[0];
        l.signers.erase(l.signers.begin() + 1);
      },
      "rim.driver.chain");
  expect_rims("self-signed", [&](GpuLab& l) { sign_with(l, {l.signers[0]}); }, "rim.driver.chain");
  EXPECT_EQ(cases_, 23U);
}

TEST_F(GpuHostile, TextsOfManifests) {
  const std::map<std::string, std::pair<std::string, std::string>> edits{
      {"value", {"ns2:Hash0=\"", "ns2:Hash0=\"ff"}},
      {"active", {"active=\"True\"", "active=\"False\""}},
      {"version", {"colloquialVersion=\"", "colloquialVersion=\"1"}},
      {"product", {"product=\"GH100\"", "product=\"GB100\""}},
      {"space in the text", {"</ns0:Payload>", " </ns0:Payload>"}},
      {"digest", {"DigestValue>", "DigestValue>AAAA"}},
      {"URI", {"URI=\"\"", "URI=\"#x\""}},
      {"SHA-1", {"xmldsig-more#sha384", "xmldsig#sha1"}},
      {"HMAC", {"#ecdsa-sha384", "#hmac-sha384"}},
      {"document type", {"<SoftwareIdentity", "<!DOCTYPE x><SoftwareIdentity"}},
      {"certificate", {"X509Certificate>MII", "X509Certificate>MIJ"}},
  };
  for (const bool is_driver : {true, false}) {
    for (const auto& [name, edit] : edits) {
      expect_setting(
          name,
          [&](Setting& s) {
            auto& list = is_driver ? s.references.driver_rims : s.references.vbios_rims;
            const std::size_t at = list[0].find(edit.first);
            ASSERT_NE(at, std::string::npos) << edit.first;
            list[0].replace(at, edit.first.size(), edit.second);
          },
          role_of(is_driver) + ".signature");
    }
    const auto expect_text = [&](const std::string& name, const std::string& text,
                                 const std::string& step) {
      expect_setting(
          name,
          [&](Setting& s) {
            (is_driver ? s.references.driver_rims : s.references.vbios_rims) = {text};
          },
          role_of(is_driver) + step);
    };
    const GpuLab& lab = base_lab();
    const auto& rim = is_driver ? lab.driver_rim : lab.vbios_rim;
    const std::string text = lab.rim(rim);
    expect_text("unsigned", evidence::testing::write_rim(rim), ".signature");
    expect_text("empty", "", ".parse");
    expect_text("cut", text.substr(0, text.size() / 2), ".parse");
    expect_text("no XML", "rubbish", ".parse");
    expect_text("huge", text + std::string(evidence::kMaxRimBytes, ' '), ".parse");
    expect_text("wrapped", "<SoftwareIdentity>" + text + "</SoftwareIdentity>", ".parse");
  }
  EXPECT_EQ(cases_, 34U);
}

TEST_F(GpuHostile, ContentsOfSignedManifests) {
  const auto edit = [](bool is_driver, std::function<void(evidence::Rim&)> change) {
    return [is_driver, change](GpuLab& l) { change(is_driver ? l.driver_rim : l.vbios_rim); };
  };
  for (const bool is_driver : {true, false}) {
    const std::string role = role_of(is_driver);
    expect_rims("other version", edit(is_driver, [](auto& r) { r.version = "1.2.3"; }),
                role + ".version");
    expect_rims("longer version", edit(is_driver, [](auto& r) { r.version += "0"; }),
                role + ".version");
    expect_rims("nothing active",
                edit(is_driver,
                     [](auto& r) {
                       for (auto& m : r.measurements) m.active = false;
                     }),
                "gpu.measurements");
    expect_rims("no measurements", edit(is_driver, [](auto& r) { r.measurements.clear(); }),
                "gpu.measurements");
    expect_rims("index twice",
                edit(is_driver, [](auto& r) { r.measurements.push_back(r.measurements[0]); }),
                role + ".parse");
    expect_rims("index beyond all blocks",
                edit(is_driver, [](auto& r) { r.measurements[0].index = 64; }), "gpu.measurements");
    expect_rims("index one too high",
                edit(is_driver, [](auto& r) { r.measurements[0].index = 50; }), "gpu.measurements");
    expect_rims("no value", edit(is_driver, [](auto& r) { r.measurements[0].values.clear(); }),
                "gpu.measurements");
    expect_rims("value of 32 bytes",
                edit(is_driver,
                     [](auto& r) {
                       r.measurements[0].size = 32;
                       r.measurements[0].values = {Bytes(32, 8)};
                     }),
                "gpu.measurements");
    expect_rims("other values",
                edit(is_driver,
                     [](auto& r) {
                       for (auto& m : r.measurements) m.values = {Bytes(48, 0xEE)};
                     }),
                "gpu.measurements");
  }
  expect_rims(
      "both claim one index",
      [](GpuLab& l) { l.vbios_rim.measurements.push_back(l.driver_rim.measurements[0]); },
      "gpu.measurements");
  expect_setting(
      "swapped", [](Setting& s) { std::swap(s.references.driver_rims, s.references.vbios_rims); },
      "rim.driver.version");
  expect_setting(
      "the driver's twice", [](Setting& s) { s.references.vbios_rims = s.references.driver_rims; },
      "rim.vbios.version");
  expect_setting(
      "no driver manifest", [](Setting& s) { s.references.driver_rims.clear(); },
      "rim.driver.parse");
  expect_setting(
      "no VBIOS manifest", [](Setting& s) { s.references.vbios_rims.clear(); }, "rim.vbios.parse");
  EXPECT_EQ(cases_, 25U);
}

TEST_F(GpuHostile, TwoPayloadsUnderOneSignature) {
  const GpuLab& lab = base_lab();
  std::string document = evidence::testing::write_rim(lab.driver_rim);
  document.insert(document.find("</SoftwareIdentity>"), "<ns0:Payload></ns0:Payload>");
  Setting setting = base();
  setting.references.driver_rims = {lab.sign_rim(document)};
  expect("two payloads", setting, "rim.driver.parse");
}

// --- Revocation ---

TEST_F(GpuHostile, AnswersOfResponders) {
  const auto hours = [](int n) { return std::chrono::hours{n}; };
  const std::map<std::string, std::function<void(testing::LabAnswer&, Time)>> faults{
      {"missing", [](auto& a, Time) { a.given = false; }},
      {"revoked", [](auto& a, Time at) { a.status = crypto::ocsp_revoked(at); }},
      {"revoked, key compromised",
       [](auto& a, Time at) { a.status = crypto::ocsp_revoked(at, 1); }},
      {"on hold", [](auto& a, Time at) { a.status = crypto::ocsp_revoked(at, 6); }},
      {"unknown", [](auto& a, Time) { a.status = {0x82, 0x00}; }},
      {"too old", [&](auto& a, Time at) { a.from = at - hours(48), a.until = at - hours(24); }},
      {"a second too old", [](auto& a, Time at) { a.until = at - std::chrono::seconds{1}; }},
      {"from the future",
       [&](auto& a, Time at) { a.from = at + hours(1), a.until = at + hours(24); }},
      {"without an end", [](auto& a, Time) { a.until.reset(); }},
      {"responder without the right", [](auto& a, Time) { a.with_eku = false; }},
      {"spoiled signature", [](auto& a, Time) { a.spoiled = true; }},
  };
  for (std::size_t i = 0; i < 6; ++i) {
    for (const auto& [name, spoil] : faults) {
      GpuLab lab = base_lab();
      spoil(lab.answers.at(i), lab.at);
      Setting setting = base();
      setting.policy.gpu.require_ocsp = true;
      for (const std::string& rim :
           {setting.references.driver_rims[0], setting.references.vbios_rims[0]}) {
        const auto more = lab.ocsp(setting.devices[0], rim);
        setting.references.ocsp.insert(setting.references.ocsp.end(), more.begin(), more.end());
      }
      expect(fmt::format("{} {}", name, i), setting, i < 3 ? "gpu.device.ocsp" : "rim.driver.ocsp");
    }
  }
  expect_setting(
      "rubbish", [](Setting& s) { s.references.ocsp = {Bytes{1, 2, 3}}; }, "gpu.device.ocsp");
  expect_setting(
      "demanded, none given", [](Setting& s) { s.policy.gpu.require_ocsp = true; },
      "rim.vbios.ocsp");
  EXPECT_EQ(cases_, 68U);
}

// --- What was asked ---

TEST_F(GpuHostile, NoncesTimesAndPolicies) {
  for (std::size_t i = 0; i < 32; i += 5) {
    expect_setting(
        fmt::format("nonce byte {}", i), [i](Setting& s) { s.nonce[i] ^= 0x20U; },
        "gpu.report.nonce");
  }
  expect_setting("short nonce", [](Setting& s) { s.nonce.pop_back(); }, "gpu.count");
  expect_setting("long nonce", [](Setting& s) { s.nonce.push_back(0x4e); }, "gpu.count");
  expect_setting(
      "the responder's nonce", [](Setting& s) { s.nonce.assign(32, 0x52); }, "gpu.report.nonce");
  for (const int days : {-400, 400}) {
    expect_setting(
        "another time", [days](Setting& s) { s.at += std::chrono::days{days}; },
        "gpu.device.chain");
  }
  using PolicyChange = std::function<void(GpuPolicy&)>;
  const std::map<std::string, std::pair<PolicyChange, std::string>> demands{
      {"architecture", {[](auto& p) { p.architectures = {"BLACKWELL"}; }, "gpu.policy"}},
      {"mode", {[](auto& p) { p.modes = {"SPT"}; }, "gpu.mode"}},
      {"driver", {[](auto& p) { p.driver_versions = {"600.00"}; }, "gpu.policy"}},
      {"later driver", {[](auto& p) { p.min_driver_version = "599.02"; }, "gpu.policy"}},
      {"VBIOS", {[](auto& p) { p.vbios_versions = {"1"}; }, "gpu.policy"}},
      {"later VBIOS", {[](auto& p) { p.min_vbios_version = "97"; }, "gpu.policy"}},
      {"two GPUs", {[](auto& p) { p.min_count = 2; }, "gpu.count"}},
      {"switches", {[](auto& p) { p.require_switches = true; }, "gpu.topology"}}};
  for (const auto& [name, demand] : demands) {
    expect_setting(name, [&](Setting& s) { demand.first(s.policy.gpu); }, demand.second);
  }
  const auto give = [](auto member, auto value) {
    return [member, value](Setting& s) { s.devices[0].*member = value; };
  };
  expect_setting("given as a switch", give(&GpuEvidence::kind, evidence::GpuDeviceKind::nvswitch),
                 "gpu.device.architecture");
  expect_setting("given as a Blackwell", give(&GpuEvidence::architecture, std::string("BLACKWELL")),
                 "gpu.device.architecture");
  expect_setting("no device", [](Setting& s) { s.devices.clear(); }, "gpu.count");
  expect_setting(
      "one device twice", [](Setting& s) { s.devices.push_back(s.devices[0]); }, "gpu.distinct");
  expect_setting("65 devices", [](Setting& s) { s.devices.resize(65); }, "gpu.count");
  EXPECT_EQ(cases_, 25U);
}

}  // namespace
}  // namespace confide::verify
