#include "collateral/query.h"

#include <set>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "collateral/amd_kds.h"
#include "collateral/intel_pcs.h"
#include "collateral/nvidia.h"
#include "crypto/hash.h"
#include "crypto/x509_testing.h"

namespace confide::collateral {
namespace {

using evidence::SnpProduct;
using evidence::SnpSigningKey;
using ::testing::HasSubstr;

HttpAnswer answer(std::string_view body,
                  std::vector<std::pair<std::string, std::string>> headers = {}) {
  return {.status = 200, .headers = std::move(headers), .body = to_bytes(as_bytes(body))};
}

Errc refusal(const Query& query, const HttpAnswer& answer) {
  const auto entry = query.read(answer);
  return entry ? Errc::internal : entry.error().code;
}

TEST(PercentDecodeTest, IsStrict) {
  EXPECT_EQ(percent_decode("a%20b%0A+%2B").value(), "a b\n++");
  for (const char* bad : {"%", "%1", "%zz", "a%2"}) {
    EXPECT_EQ(percent_decode(bad).error().code, Errc::malformed) << bad;
  }
}

TEST(CheckUrlTest, HttpsOrLoopback) {
  for (const char* good : {"https://api.example.com/x?y=z", "http://127.0.0.1:8081/x",
                           "http://localhost/x", "http://[::1]:80/"}) {
    EXPECT_TRUE(check_url(good)) << good;
  }
  for (const char* bad :
       {"http://api.example.com/", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/",
        "file:///etc/passwd", "https://user:secret@example.com/", "https://", "", "no url",
        "http://127.0.0.2/", "http://0/"}) {
    const Status status = check_url(bad);
    ASSERT_FALSE(status) << bad;
    EXPECT_EQ(status.error().code, Errc::policy) << bad;
  }
  EXPECT_FALSE(check_url("https://example.com/" + std::string(3000, 'a')));
}

struct IntelTest : ::testing::Test {
  PckIdentity pck{true, {0x00, 0x80, 0x6f, 0x05, 0x00, 0x00}, PckCa::platform};
  std::string good = fmt::format(
      R"({{"tcbInfo":{{"issueDate":"2026-01-01T00:00:00Z","nextUpdate":"2026-01-31T00:00:00Z"}},)"
      R"("signature":"{}"}})",
      std::string(128, '0'));
};

TEST_F(IntelTest, UrlsAreThoseOfVersion4) {
  const std::string pcs = "https://api.trustedservices.intel.com";
  EXPECT_EQ(query_tcb_info(kIntelPcs, pck).request.url,
            pcs + "/tdx/certification/v4/tcb?fmspc=00806f050000");
  EXPECT_EQ(query_qe_identity(kIntelPcs, pck).request.url,
            pcs + "/tdx/certification/v4/qe/identity");
  EXPECT_EQ(query_pck_crl(kIntelPcs, pck).request.url,
            pcs + "/sgx/certification/v4/pckcrl?ca=platform&encoding=der");
  EXPECT_EQ(query_root_ca_crl(kIntelPcs).request.url,
            "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der");
  pck.tdx = false;
  pck.ca = PckCa::processor;
  EXPECT_EQ(query_tcb_info(kIntelPcs, pck).request.url,
            pcs + "/sgx/certification/v4/tcb?fmspc=00806f050000");
  EXPECT_EQ(query_qe_identity(kIntelPcs, pck).request.url,
            pcs + "/sgx/certification/v4/qe/identity");
  EXPECT_THAT(query_pck_crl(kIntelPcs, pck).request.url, HasSubstr("ca=processor"));
}

TEST_F(IntelTest, EachPlatformHasItsOwnEntriesWhereverTheyComeFrom) {
  const auto key = [](const Query& query) { return query.kind + " " + query.key; };
  PckIdentity other = pck;
  other.fmspc[0] = 1;
  PckIdentity sgx = pck;
  sgx.tdx = false;
  PckIdentity processor = pck;
  processor.ca = PckCa::processor;
  const std::set<std::string> keys{
      key(query_tcb_info(kIntelPcs, pck)),      key(query_tcb_info(kIntelPcs, other)),
      key(query_tcb_info(kIntelPcs, sgx)),      key(query_qe_identity(kIntelPcs, pck)),
      key(query_qe_identity(kIntelPcs, sgx)),   key(query_pck_crl(kIntelPcs, pck)),
      key(query_pck_crl(kIntelPcs, processor)), key(query_root_ca_crl(kIntelPcs))};
  EXPECT_EQ(keys.size(), 8U);
  EXPECT_EQ(key(query_tcb_info("https://pccs", pck)), key(query_tcb_info(kIntelPcs, pck)));
  EXPECT_EQ(key(query_root_ca_crl("https://pccs")), key(query_root_ca_crl(kIntelPcs)));
}

TEST_F(IntelTest, APccsMayBeNamedWithItsPath) {
  for (const char* base : {"https://pccs", "https://pccs/", "https://pccs/sgx/certification/v4",
                           "https://pccs/sgx/certification/v4/"}) {
    EXPECT_EQ(query_tcb_info(base, pck).request.url,
              "https://pccs/tdx/certification/v4/tcb?fmspc=00806f050000");
    EXPECT_EQ(query_root_ca_crl(base).request.url, "https://pccs/sgx/certification/v4/rootcacrl");
  }
}

TEST_F(IntelTest, TheChainComesInAHeader) {
  for (const char* name : {"tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"}) {
    const auto entry = query_tcb_info("https://pccs", pck).read(answer(good, {{name, "a%0Ab"}}));
    ASSERT_TRUE(entry) << entry.error().message;
    EXPECT_EQ(entry->issuer_chain, "a\nb");
    EXPECT_EQ(entry->valid_from, parse_rfc3339("2026-01-01T00:00:00Z").value());
    EXPECT_EQ(entry->valid_until, parse_rfc3339("2026-01-31T00:00:00Z").value());
    EXPECT_EQ(as_text(entry->body), good);
  }
}

TEST_F(IntelTest, AnswersThatAreNoneAreRefused) {
  const Query query = query_tcb_info("https://pccs", pck);
  const std::pair<std::string, std::string> chain{"tcb-info-issuer-chain", "a"};
  EXPECT_EQ(refusal(query, answer(good)), Errc::malformed) << "no chain";
  EXPECT_EQ(refusal(query, answer(good, {{chain.first, "%x"}})), Errc::malformed);
  EXPECT_EQ(refusal(query, answer("<html>", {chain})), Errc::malformed);
  EXPECT_EQ(refusal(query, answer(good.substr(0, 60), {chain})), Errc::malformed);
  EXPECT_EQ(refusal(query_qe_identity("https://pccs", pck), answer(good, {chain})), Errc::malformed)
      << "another document";
  std::string undated = good;
  undated.replace(undated.find("nextUpdate"), 10, "nextupdate");
  EXPECT_EQ(refusal(query, answer(undated, {chain})), Errc::malformed);
}

TEST_F(IntelTest, CrlsInEveryFormAServiceWrites) {
  const auto crl = crypto::TestPki().root_crl();
  const Query query = query_pck_crl("https://pccs", pck);
  const std::pair<std::string, std::string> chain{"sgx-pck-crl-issuer-chain", "a"};
  for (const std::string& form : {std::string(as_text(crl.der())), to_hex(crl.der())}) {
    const auto entry = query.read(answer(form, {chain}));
    ASSERT_TRUE(entry) << entry.error().message;
    EXPECT_EQ(entry->body, to_bytes(crl.der()));
    EXPECT_EQ(entry->valid_from, crl.this_update());
    EXPECT_EQ(entry->valid_until, crl.next_update());
    EXPECT_EQ(entry->issuer_chain, "a");
  }
  EXPECT_EQ(refusal(query, answer(as_text(crl.der()))), Errc::malformed) << "no chain";
  EXPECT_EQ(refusal(query, answer("x", {chain})), Errc::malformed);
  EXPECT_TRUE(query_root_ca_crl("https://pccs").read(answer(as_text(crl.der()))));
}

struct AmdTest : ::testing::Test {
  evidence::SnpReport report;
  AmdTest() {
    report.version = 3;
    report.chip_id.fill(0xab);
    report.reported_tcb = {3, 1, 0, 0, 0, 0, 24, 217};
  }
};

TEST_F(AmdTest, TheVcekIsFoundByChipAndTcb) {
  EXPECT_EQ(query_vcek(kAmdKds, report, SnpProduct::milan)->request.url,
            "https://kdsintf.amd.com/vcek/v1/Milan/" + to_hex(report.chip_id) +
                "?blSPL=03&teeSPL=01&snpSPL=24&ucodeSPL=217");
  report.reported_tcb = {1, 2, 3, 4, 0, 0, 0, 72};
  EXPECT_EQ(query_vcek(kAmdKds, report, SnpProduct::turin)->request.url,
            "https://kdsintf.amd.com/vcek/v1/Turin/abababababababab"
            "?fmcSPL=01&blSPL=02&teeSPL=03&snpSPL=04&ucodeSPL=72");
}

TEST_F(AmdTest, EachChipTcbAndKindHasItsOwnEntries) {
  const auto key = [](const Query& query) { return query.kind + " " + query.key; };
  std::set<std::string> keys{key(*query_vcek(kAmdKds, report, SnpProduct::milan)),
                             key(*query_vcek(kAmdKds, report, SnpProduct::genoa))};
  report.reported_tcb[0] = 4;
  keys.insert(key(*query_vcek(kAmdKds, report, SnpProduct::milan)));
  report.chip_id[0] = 1;
  keys.insert(key(*query_vcek(kAmdKds, report, SnpProduct::milan)));
  for (const auto kind : {SnpSigningKey::vcek, SnpSigningKey::vlek}) {
    keys.insert(key(query_cert_chain(kAmdKds, kind, SnpProduct::milan)));
    keys.insert(key(query_cert_chain(kAmdKds, kind, SnpProduct::turin)));
    keys.insert(key(query_snp_crl(kAmdKds, kind, SnpProduct::milan)));
  }
  EXPECT_EQ(keys.size(), 10U);
}

TEST_F(AmdTest, WhatAmdDoesNotGiveOutIsUnsupported) {
  report.key_info.raw = 1U << 2U;  // a VLEK
  EXPECT_EQ(query_vcek(kAmdKds, report, SnpProduct::milan).error().code, Errc::unsupported);
  report.key_info.raw = 0;
  report.chip_id.fill(0);
  EXPECT_EQ(query_vcek(kAmdKds, report, SnpProduct::milan).error().code, Errc::unsupported);
}

TEST_F(AmdTest, ChainsAndCrlsByKindAndProduct) {
  EXPECT_EQ(query_cert_chain(kAmdKds, SnpSigningKey::vcek, SnpProduct::genoa).request.url,
            "https://kdsintf.amd.com/vcek/v1/Genoa/cert_chain");
  EXPECT_EQ(query_cert_chain(kAmdKds, SnpSigningKey::vlek, SnpProduct::milan).request.url,
            "https://kdsintf.amd.com/vlek/v1/Milan/cert_chain");
  EXPECT_EQ(query_snp_crl(kAmdKds, SnpSigningKey::vcek, SnpProduct::turin).request.url,
            "https://kdsintf.amd.com/vcek/v1/Turin/crl");
}

TEST_F(AmdTest, AnswersHoldAsLongAsTheirCertificates) {
  const crypto::TestPki pki;
  const auto vcek =
      query_vcek(kAmdKds, report, SnpProduct::milan)->read(answer(as_text(pki.leaf.der())));
  ASSERT_TRUE(vcek);
  EXPECT_EQ(vcek->valid_until, pki.leaf.not_after());
  const Query chain = query_cert_chain(kAmdKds, SnpSigningKey::vcek, SnpProduct::milan);
  const auto both = chain.read(answer(pki.intermediate.to_pem() + pki.root.to_pem()));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->valid_until, pki.root.not_after());
  EXPECT_EQ(refusal(chain, answer(pki.root.to_pem())), Errc::malformed);
  EXPECT_EQ(refusal(chain, answer("")), Errc::malformed);
  EXPECT_EQ(refusal(*query_vcek(kAmdKds, report, SnpProduct::milan), answer("<html>")),
            Errc::malformed);
}

struct NvidiaTest : ::testing::Test {
  std::string id = "NV_GPU_DRIVER_GH100_550.90.07";
  Query query = query_rim("https://rim", id, crypto::kTestNow).value();

  HttpAnswer rim(const std::string& named, std::string_view xml, std::string_view digest_of) {
    return answer(fmt::format(R"({{"id":"{}","rim":"{}","sha256":"{}"}})", named,
                              to_base64(as_bytes(xml)),
                              to_hex(crypto::sha256(as_bytes(digest_of)))));
  }
};

TEST_F(NvidiaTest, AManifestByItsId) {
  EXPECT_EQ(query.request.url, "https://rim/v1/rim/" + id);
  EXPECT_EQ(query.key, id);
  const auto entry = query.read(rim(id, "<rim/>", "<rim/>"));
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(as_text(entry->body), "<rim/>");
  EXPECT_TRUE(entry->holds_at(crypto::kTestNow));
  EXPECT_FALSE(entry->holds_at(crypto::kTestNow + kRimLifetime));
}

TEST_F(NvidiaTest, AnotherManifestOrDigestIsRefused) {
  EXPECT_EQ(refusal(query, rim("NV_GPU_DRIVER_GH100_1", "<rim/>", "<rim/>")), Errc::malformed);
  EXPECT_EQ(refusal(query, rim(id, "<rim/>", "<rim>")), Errc::malformed);
  EXPECT_EQ(refusal(query, answer("{}")), Errc::malformed);
}

TEST_F(NvidiaTest, AnIdFromEvidenceCannotLeadElsewhere) {
  for (const char* bad : {"", "../x", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\nb"}) {
    EXPECT_EQ(query_rim("https://rim", bad, crypto::kTestNow).error().code, Errc::malformed) << bad;
  }
}

TEST_F(NvidiaTest, AnAnswerThatIsNotRightlySignedIsNotKept) {
  const crypto::TestPki pki;
  const Query ocsp =
      query_ocsp("https://ocsp/", pki.leaf, pki.intermediate, crypto::kTestNow).value();
  EXPECT_EQ(ocsp.request.url, "https://ocsp");
  EXPECT_EQ(ocsp.request.content_type, "application/ocsp-request");
  EXPECT_FALSE(ocsp.request.body.empty());
  EXPECT_NE(ocsp.key,
            query_ocsp("https://ocsp/", pki.intermediate, pki.root, crypto::kTestNow)->key);
  const auto entry = ocsp.read(answer("no OCSP response"));
  ASSERT_TRUE(entry);
  EXPECT_FALSE(entry->holds_at(crypto::kTestNow));
  EXPECT_EQ(as_text(entry->body), "no OCSP response") << "the verifier says what is wrong with it";
}

}  // namespace
}  // namespace confide::collateral
