#include "attest/sim_tee.h"

#include <algorithm>
#include <array>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attest/measured_log.h"
#include "attest/sim_platform.h"
#include "base/json.h"
#include "base/testing/temp_folder.h"
#include "crypto/hash.h"
#include "crypto/sgx_extension.h"
#include "crypto/x509.h"
#include "evidence/dcap_quote.h"
#include "evidence/tdx_collateral.h"

namespace confide::attest {
namespace {

using evidence::ReportData;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Time kNow = from_unix(1'800'000'000);

struct SimTeeTest : ::testing::Test {
  SimTeeTest() {
    settings.kind = Kind::sim;
    settings.state_dir = folder.path();
    settings.app_compose = R"({"manifest_version":2,"name":"sim"})";
    settings.clock = &clock;
    report_data.fill(0x77);
  }

  std::unique_ptr<Tee> open() const { return open_tee(settings).value(); }
  Evidence evidence() const { return open()->quote(report_data).value(); }
  crypto::Certificate root() const {
    return crypto::Certificate::from_pem(folder.read("sim-root.pem")).value();
  }

  TempFolder folder;
  FixedClock clock{kNow};
  Settings settings;
  ReportData report_data{};
};

evidence::DcapQuote parsed(const Evidence& evidence) {
  return evidence::parse_dcap_quote(evidence.quote).value();
}

std::array<evidence::Measurement, 4> replay(const Evidence& evidence) {
  MeasuredLog log;
  for (const evidence::Event& event : evidence.event_log) log.append(event);
  return log.rtmrs();
}

std::vector<crypto::Certificate> chain(const std::string& pem) {
  return crypto::parse_pem_chain(pem).value();
}

TEST_F(SimTeeTest, QuotesAreOfTheGenuineForm) {
  const Evidence made = evidence();
  const evidence::DcapQuote quote = parsed(made);
  EXPECT_EQ(quote.header.version, 4);
  EXPECT_EQ(quote.header.att_key_type, 2);
  EXPECT_EQ(quote.header.tee_type, 0x81U);
  EXPECT_EQ(to_hex(quote.header.qe_vendor_id), "939a7233f79c4ca9940a0db3957f0607");
  EXPECT_EQ(quote.td()->report_data, report_data);
  // SEPT_VE_DISABLE on, DEBUG and all else off.
  EXPECT_EQ(to_hex(quote.td()->td_attributes), "0000001000000000");
  EXPECT_EQ(to_hex(quote.td()->tee_tcb_svn), "06010400000000000000000000000000");
  EXPECT_EQ(quote.td()->mr_signer_seam, evidence::Measurement{});
  EXPECT_EQ(to_hex(quote.td()->mr_config_id).substr(0, 66),
            "01" + to_hex(crypto::sha256(as_bytes(settings.app_compose))));
}

// Absolute offsets of contract 2.6, independent of the parser.
TEST_F(SimTeeTest, FieldsStandWhereOthersLookForThem) {
  const Evidence made = evidence();
  const ByteView quote = made.quote;
  const auto at = [&](std::size_t offset, std::size_t size) {
    return to_hex(quote.subspan(offset, size));
  };
  EXPECT_EQ(at(0, 12), "040002008100000000000000");
  EXPECT_EQ(at(168, 8), "0000001000000000");
  EXPECT_EQ(at(184, 48), to_hex(sim_td_report().mr_td));
  EXPECT_EQ(at(376, 48), to_hex(replay(made)[0]));
  EXPECT_EQ(at(520, 48), to_hex(replay(made)[3]));
  EXPECT_EQ(at(568, 64), to_hex(report_data));
  ByteReader in(quote.subspan(632));
  EXPECT_EQ(in.u32le("size").value(), quote.size() - 636);
  EXPECT_EQ(at(764, 2), "0600");
}

TEST_F(SimTeeTest, EverySignatureVerifies) {
  const evidence::DcapQuote quote = parsed(evidence());
  EXPECT_TRUE(crypto::p256_verify(quote.attestation_key, quote.signed_bytes, quote.signature));
  const auto pck = chain(quote.pck_chain_pem).front();
  EXPECT_TRUE(crypto::verify_p256(pck, quote.qe_report_bytes, quote.qe_report_signature));
  Bytes bound = to_bytes(quote.attestation_key);
  append(bound, quote.qe_auth_data);
  EXPECT_EQ(to_hex(ByteView(quote.qe_report.report_data).first(32)), to_hex(crypto::sha256(bound)));
}

TEST_F(SimTeeTest, TheChainLeadsToTheRootOfTheStateFolder) {
  const Evidence made = evidence();
  const auto certificates = chain(parsed(made).pck_chain_pem);
  ASSERT_EQ(certificates.size(), 3U);
  EXPECT_EQ(certificates[0].common_name(), "Intel SGX PCK Certificate");
  EXPECT_EQ(certificates[1].common_name(), "Intel SGX PCK Platform CA");
  EXPECT_EQ(certificates[2], root());
  for (const auto& certificate : certificates) {
    EXPECT_THAT(certificate.subject(), HasSubstr("O=Confide SIMULATED"));
  }
  const std::array crls{crypto::Crl::from_any(made.collateral->pck_crl).value(),
                        crypto::Crl::from_any(made.collateral->root_ca_crl).value()};
  EXPECT_TRUE(crypto::verify_chain(certificates, root(), kNow, crls));
  for (const std::string& pem :
       {made.collateral->tcb_info_issuer_chain, made.collateral->qe_identity_issuer_chain}) {
    EXPECT_EQ(chain(pem).front().common_name(), "Intel SGX TCB Signing");
    EXPECT_TRUE(crypto::verify_chain(chain(pem), root(), kNow, crls));
  }
  EXPECT_TRUE(
      crypto::verify_chain(chain(made.collateral->pck_crl_issuer_chain), root(), kNow, crls));
}

TEST_F(SimTeeTest, AnotherStateFolderIsAnotherRoot) {
  const TempFolder other;
  const auto certificates = chain(parsed(evidence()).pck_chain_pem);
  settings.state_dir = other.path();
  open();
  const auto stranger = crypto::Certificate::from_pem(other.read("sim-root.pem")).value();
  const Status refused = crypto::verify_chain(certificates, stranger, kNow);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().code, ::testing::AnyOf(Errc::untrusted, Errc::bad_signature));
}

TEST_F(SimTeeTest, ThePlatformIsUpToDateByItsOwnTcbInfo) {
  const Evidence made = evidence();
  const evidence::DcapQuote quote = parsed(made);
  const auto pck = chain(quote.pck_chain_pem).front();
  const auto sgx =
      crypto::parse_sgx_extension(pck.extension(crypto::kSgxExtensionOid).value()).value();
  const auto info = evidence::parse_tcb_info(made.collateral->tcb_info).value();
  EXPECT_EQ(info.id, "TDX");
  EXPECT_EQ(info.fmspc, sgx.fmspc);
  EXPECT_EQ(info.pce_id, sgx.pce_id);
  const evidence::TcbLevel& level = info.levels.front();
  EXPECT_EQ(level.status, evidence::TcbStatus::up_to_date);
  EXPECT_EQ(level.sgx_svn, sgx.tcb_components);
  EXPECT_LE(level.pce_svn, sgx.pce_svn);
  for (std::size_t i = 0; i < 16; ++i) {
    if (i != 1) EXPECT_LE(level.tdx_svn[i], quote.td()->tee_tcb_svn[i]) << i;
  }
  const evidence::TdxModuleIdentity& module = info.module_identities.front();
  EXPECT_EQ(module.id, "TDX_01");
  EXPECT_EQ(module.levels.front().isv_svn, quote.td()->tee_tcb_svn[0]);
  EXPECT_EQ(module.levels.front().status, evidence::TcbStatus::up_to_date);

  const auto identity = evidence::parse_qe_identity(made.collateral->qe_identity).value();
  EXPECT_EQ(identity.id, "TD_QE");
  EXPECT_EQ(identity.mr_signer, quote.qe_report.mr_signer);
  EXPECT_EQ(identity.isv_prod_id, quote.qe_report.isv_prod_id);
  EXPECT_EQ(identity.levels.front().isv_svn, quote.qe_report.isv_svn);
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(quote.qe_report.attributes[i] & identity.attributes_mask[i], identity.attributes[i]);
  }
}

TEST_F(SimTeeTest, ThePckCertificateHasWhatAPlatformCaWrites) {
  const auto pck = chain(parsed(evidence()).pck_chain_pem).front();
  const std::string extension = to_hex(pck.extension(crypto::kSgxExtensionOid).value());
  EXPECT_THAT(extension, HasSubstr("060a2a864886f84d010d01050a0101"));    // SGX type
  EXPECT_THAT(extension, HasSubstr("060a2a864886f84d010d01060410"));      // platform instance
  EXPECT_THAT(extension, HasSubstr("060b2a864886f84d010d0107010101ff"));  // dynamic platform
}

TEST_F(SimTeeTest, CollateralIsSignedAndSurvivesItsJson) {
  const Evidence made = evidence();
  const auto travelled =
      evidence::parse_tdx_collateral(evidence::tdx_collateral_to_json(*made.collateral)).value();
  const auto signer = chain(travelled.tcb_info_issuer_chain).front();
  EXPECT_TRUE(
      crypto::verify_p256(signer, as_bytes(travelled.tcb_info), travelled.tcb_info_signature));
  EXPECT_TRUE(crypto::verify_p256(signer, as_bytes(travelled.qe_identity),
                                  travelled.qe_identity_signature));
}

TEST_F(SimTeeTest, CollateralIsMadeAgainAtHalfItsLife) {
  const auto tee = open();
  const auto issued = [&] {
    const Evidence made = tee->quote(report_data).value();
    return evidence::parse_tcb_info(made.collateral->tcb_info).value().issue_date;
  };
  const Time first = issued();
  EXPECT_EQ(first, kNow - hours{1});
  clock.set(kNow + days{15});
  EXPECT_EQ(issued(), first);
  clock.set(kNow + days{15} + seconds{1});
  EXPECT_EQ(issued(), kNow + days{15} + seconds{1} - hours{1});
  clock.set(kNow);  // the clock went back
  EXPECT_EQ(issued(), first);
}

TEST_F(SimTeeTest, CollateralHasItsFullValidity) {
  const Evidence made = evidence();
  const auto info = evidence::parse_tcb_info(made.collateral->tcb_info).value();
  const auto identity = evidence::parse_qe_identity(made.collateral->qe_identity).value();
  EXPECT_EQ(info.next_update - info.issue_date, days{30});
  EXPECT_EQ(identity.next_update - identity.issue_date, days{30});
  for (const Bytes& der : {made.collateral->pck_crl, made.collateral->root_ca_crl}) {
    const auto crl = crypto::Crl::from_any(der).value();
    EXPECT_EQ(crl.next_update() - crl.this_update(), days{30});
    EXPECT_LE(crl.this_update(), kNow);
  }
}

TEST_F(SimTeeTest, TheLogExplainsTheRegisters) {
  const auto tee = open();
  ASSERT_TRUE(tee->measure("model", as_bytes("digest")));
  const Evidence made = tee->quote(report_data).value();
  EXPECT_EQ(replay(made), parsed(made).td()->rtmr);
  for (const evidence::Measurement& rtmr : replay(made)) {
    EXPECT_NE(rtmr, evidence::Measurement{});
  }
}

TEST_F(SimTeeTest, MeasuresTheSystemInDstacksOrderThenTheApplication) {
  const auto tee = open();
  ASSERT_TRUE(tee->measure("model", as_bytes("digest")));
  const Evidence made = tee->quote(report_data).value();
  std::vector<std::string> names;
  for (const evidence::Event& event : made.event_log) {
    if (event.imr == 3) names.push_back(event.name);
  }
  EXPECT_THAT(
      names, ElementsAre("system-preparing", "app-id", "compose-hash", "instance-id",
                         "boot-mr-done", "os-image-hash", "key-provider", "system-ready", "model"));
  const auto payload = [&](std::string_view name) {
    return std::ranges::find(made.event_log, name, &evidence::Event::name)->payload;
  };
  const crypto::Sha256 compose_hash = crypto::sha256(as_bytes(made.app_compose));
  EXPECT_EQ(made.app_compose, settings.app_compose);
  EXPECT_EQ(payload("compose-hash"), to_bytes(compose_hash));
  EXPECT_EQ(payload("app-id"), to_bytes(ByteView(compose_hash).first(20)));
  const Json vm_config = json::parse(made.vm_config).value();
  EXPECT_EQ(json::get_string(vm_config, "os_image_hash").value(), to_hex(payload("os-image-hash")));
}

TEST_F(SimTeeTest, BootEventsSayThatThereWasNoBoot) {
  int boot_events = 0;
  for (const evidence::Event& event : evidence().event_log) {
    if (event.imr == 3) continue;
    ++boot_events;
    EXPECT_THAT(std::string(as_text(event.payload)), HasSubstr("simulator"));
    EXPECT_EQ(event.digest, crypto::sha384(event.payload));
  }
  EXPECT_GT(boot_events, 5);
}

TEST_F(SimTeeTest, EveryQuoteComesWithTheLogOfItsMoment) {
  const auto tee = open();
  const auto measure = [&](const std::string& name) {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(tee->measure(name, as_bytes(std::to_string(i))));
  };
  std::thread first(measure, "a");
  std::thread second(measure, "b");
  for (int i = 0; i < 20; ++i) {
    const Evidence made = tee->quote(report_data).value();
    EXPECT_EQ(replay(made), parsed(made).td()->rtmr);
  }
  first.join();
  second.join();
  const Evidence made = tee->quote(report_data).value();
  EXPECT_EQ(replay(made), parsed(made).td()->rtmr);
  EXPECT_EQ(std::ranges::count(made.event_log, "a", &evidence::Event::name), 100);
}

TEST_F(SimTeeTest, RefusesAnEventWithoutAName) {
  const auto tee = open();
  EXPECT_EQ(tee->measure("", {}).error().code, Errc::malformed);
  const Evidence made = tee->quote(report_data).value();
  EXPECT_EQ(made.event_log.back().name, "system-ready");
}

}  // namespace
}  // namespace confide::attest
