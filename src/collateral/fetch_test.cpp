#include "collateral/fetch.h"

#include <map>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"
#include "crypto/sgx_extension.h"
#include "crypto/x509_testing.h"
#include "evidence/testing/snp_bytes.h"

namespace confide::collateral {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Time kNow = crypto::kTestNow;

// Answers from a table; 404 for the rest.
class FakeHttp final : public Http {
 public:
  Result<HttpAnswer> send(const HttpRequest& request) override {
    asked.push_back(request.url);
    if (failure) return tl::unexpected<Error>(*failure);
    const auto found = answers.find(request.url);
    return found == answers.end() ? HttpAnswer{404, {}, {}} : found->second;
  }
  void serve(const std::string& url, ByteView body, int status = 200) {
    answers[url] = {status, {}, to_bytes(body)};
  }

  std::map<std::string, HttpAnswer> answers;
  std::vector<std::string> asked;
  std::optional<Error> failure;
};

struct FetchTest : ::testing::Test {
  crypto::TestPki pki;
  evidence::SnpReport report;
  FakeHttp http;
  TempFolder temp;
  Cache cache = Cache::open(temp.file("cache")).value();
  Bytes crl = to_bytes(pki.root_crl().der());
  std::string kds = "https://kds/vcek/v1/Milan";

  FetchTest() {
    report.version = 3;
    report.cpuid = {25, 1, 1};
    report.chip_id.fill(0xab);
    http.serve(vcek_url("Milan"), pki.leaf.der());
    http.serve(kds + "/cert_chain", as_bytes(pki.intermediate.to_pem() + pki.root.to_pem()));
    http.serve(kds + "/crl", crl);
  }
  std::string vcek_url(const std::string& product) const {
    return fmt::format("https://kds/vcek/v1/{}/{}?blSPL=00&teeSPL=00&snpSPL=00&ucodeSPL=00",
                       product, to_hex(report.chip_id));
  }
  Bytes bytes() const {
    return evidence::testing::write_snp_report(evidence::testing::write_snp_signed_bytes(report),
                                               Bytes(96, 1));
  }
  Fetcher fetcher(bool online = true, Time at = kNow) {
    Sources sources;
    sources.kds = "https://kds";
    return {sources, online ? &http : nullptr, &cache, at};
  }
  void expect_all(const evidence::SnpCertificates& found) const {
    EXPECT_EQ(found.leaf, to_bytes(pki.leaf.der()));
    EXPECT_EQ(found.ica, to_bytes(pki.intermediate.der()));
    EXPECT_EQ(found.ark, to_bytes(pki.root.der()));
    EXPECT_EQ(found.crl, crl);
  }
};

TEST_F(FetchTest, GetsWhatIsMissingAndSaysSo) {
  Fetcher fetch = fetcher();
  evidence::SnpCertificates found;
  const Status status = fetch.complete(bytes(), found);
  ASSERT_TRUE(status) << status.error().message;
  expect_all(found);
  EXPECT_THAT(http.asked, ElementsAre(vcek_url("Milan"), kds + "/cert_chain", kds + "/crl"));
  EXPECT_THAT(fetch.notes(), SizeIs(3));
  EXPECT_THAT(fetch.notes()[0], HasSubstr(vcek_url("Milan")));
}

TEST_F(FetchTest, WhatIsThereIsNotAskedFor) {
  evidence::SnpCertificates found;
  found.leaf = Bytes{1};
  found.crl = Bytes{2};
  ASSERT_TRUE(fetcher().complete(bytes(), found));
  EXPECT_EQ(found.leaf, Bytes{1});
  EXPECT_EQ(found.crl, Bytes{2});
  EXPECT_THAT(http.asked, ElementsAre(kds + "/cert_chain"));
}

TEST_F(FetchTest, TheCacheIsAskedFirst) {
  evidence::SnpCertificates found;
  ASSERT_TRUE(fetcher().complete(bytes(), found));
  http.asked.clear();
  for (const bool online : {true, false}) {
    evidence::SnpCertificates again;
    ASSERT_TRUE(fetcher(online).complete(bytes(), again));
    expect_all(again);
  }
  EXPECT_THAT(http.asked, IsEmpty());
}

TEST_F(FetchTest, AStaleEntryIsAskedForAgain) {
  evidence::SnpCertificates found;
  ASSERT_TRUE(fetcher().complete(bytes(), found));
  http.asked.clear();
  const Time later = crypto::Crl::from_der(crl)->next_update();
  const Bytes fresh = to_bytes(crypto::TestPki::crl_at(later, pki.root, pki.root_key).der());
  http.serve(kds + "/crl", fresh);
  evidence::SnpCertificates again;
  ASSERT_TRUE(fetcher(true, later).complete(bytes(), again));
  EXPECT_EQ(again.crl, fresh);
  EXPECT_THAT(http.asked, ElementsAre(kds + "/crl"));
  evidence::SnpCertificates offline;
  ASSERT_TRUE(fetcher(false, later + std::chrono::days{60}).complete(bytes(), offline));
  EXPECT_FALSE(offline.crl) << "stale, and nobody to ask";
}

TEST_F(FetchTest, WithoutServicesNothingIsNoFailure) {
  evidence::SnpCertificates found;
  ASSERT_TRUE(fetcher(false).complete(bytes(), found));
  EXPECT_FALSE(found.leaf || found.ica || found.ark || found.crl);
  report.key_info.raw = 1U << 2U;  // a VLEK, which no service has
  ASSERT_TRUE(fetcher(false).complete(bytes(), found));
}

TEST_F(FetchTest, EachWayAServiceFailsHasItsCode) {
  const auto refusal = [&] {
    evidence::SnpCertificates found;
    found.ica = found.crl = Bytes{1};
    const Status status = fetcher().complete(bytes(), found);
    return status ? Error{Errc::internal, "it was fetched"} : status.error();
  };
  http.answers.clear();
  EXPECT_EQ(refusal().code, Errc::not_found);
  for (const int status : {301, 401, 403, 429, 500, 503, 204}) {
    http.serve(vcek_url("Milan"), pki.leaf.der(), status);
    EXPECT_EQ(refusal().code, Errc::unavailable) << status;
    EXPECT_THAT(refusal().message, HasSubstr(fmt::format("answered {}", status)));
    EXPECT_THAT(refusal().message, HasSubstr("the VCEK certificate"));
  }
  http.serve(vcek_url("Milan"), as_bytes("<html>"));
  EXPECT_EQ(refusal().code, Errc::unavailable);
  http.failure = Error{Errc::limit, "too large"};
  EXPECT_EQ(refusal().code, Errc::unavailable);
  http.failure = Error{Errc::policy, "not https"};
  EXPECT_EQ(refusal().code, Errc::policy);
}

TEST_F(FetchTest, ReportsThatDoNotNameTheirProductAreAskedForAsEither) {
  report.version = 2;
  report.cpuid = {};
  http.answers.clear();
  http.serve(vcek_url("Genoa"), pki.leaf.der());
  http.serve("https://kds/vcek/v1/Genoa/cert_chain",
             as_bytes(pki.intermediate.to_pem() + pki.root.to_pem()));
  http.serve("https://kds/vcek/v1/Genoa/crl", crl);
  evidence::SnpCertificates found;
  const Status status = fetcher().complete(bytes(), found);
  ASSERT_TRUE(status) << status.error().message;
  expect_all(found);
}

TEST_F(FetchTest, CertificatesAtHandNameTheProductOfAnOldReport) {
  report.version = 2;
  report.cpuid = {};
  evidence::SnpCertificates found;
  found.ark = to_bytes(crypto::issue_certificate(crypto::test_request("ARK-Genoa", pki.root_key),
                                                 pki.root_key, nullptr)
                           ->der());
  EXPECT_FALSE(fetcher().complete(bytes(), found));
  EXPECT_THAT(http.asked, ElementsAre(vcek_url("Genoa")));
}

TEST_F(FetchTest, EvidenceThatCannotBeReadNeedsNothing) {
  evidence::SnpCertificates found;
  EXPECT_TRUE(fetcher().complete(Bytes(10), found));
  evidence::TdxCollateral collateral;
  EXPECT_TRUE(fetcher().complete(Bytes(10), collateral));
  evidence::GpuReferences references;
  const std::vector<evidence::GpuEvidence> devices(1);
  EXPECT_TRUE(fetcher().complete(devices, references));
  EXPECT_THAT(http.asked, IsEmpty());
}

TEST_F(FetchTest, ACacheThatCannotBeWrittenIsNoFailure) {
  std::filesystem::remove_all(temp.file("cache"));
  Fetcher fetch = fetcher();
  evidence::SnpCertificates found;
  ASSERT_TRUE(fetch.complete(bytes(), found));
  expect_all(found);
  EXPECT_THAT(fetch.notes(), ::testing::Contains(HasSubstr("not kept")));
}

}  // namespace
}  // namespace confide::collateral
