#include "verify/gpu_claims.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "evidence/testing/spdm_bytes.h"
#include "verify/testing/gpu_lab.h"

namespace confide::verify {
namespace {

using crypto::Certificate;
using crypto::DerTag;
using evidence::testing::gpu_report;

Json claims_of(const evidence::SpdmReport& report) {
  Json out = Json::object();
  add_claims(out, report, evidence::parse_gpu_opaque(report).value());
  return out;
}

Certificate certificate_named(std::string common_name, std::string organization) {
  const auto key = crypto::SigningKey::generate(crypto::KeyKind::p256);
  crypto::CertificateRequest request;
  request.common_name = std::move(common_name);
  request.organization = std::move(organization);
  request.subject_key = key.public_key();
  request.not_before = from_unix(1'700'000'000);
  request.not_after = from_unix(1'900'000'000);
  return crypto::issue_certificate(request, key, nullptr).value();
}

// The certificate with `to` for `from` wherever that stands; both have the same size.
Certificate with_bytes(const Certificate& certificate, ByteView from, ByteView to) {
  EXPECT_EQ(from.size(), to.size());
  Bytes der = to_bytes(certificate.der());
  auto at = der.begin();
  while ((at = std::search(at, der.end(), from.begin(), from.end())) != der.end()) {
    at = std::copy(to.begin(), to.end(), at);
  }
  return Certificate::from_der(der).value();
}

std::string subject_claim(const Certificate& certificate) {
  Json out = Json::object();
  add_claims(out, std::vector<Certificate>{certificate});
  return out.at("chain").at(0).at("subject").get<std::string>();
}

const Bytes kCommonName{0x55, 0x04, 0x03};
const Bytes kSerialNumber{0x55, 0x04, 0x05};
const Bytes kOrganization{0x55, 0x04, 0x0A};

TEST(GpuClaims, ListMeasurementsThatWereTakenByRimIndex) {
  evidence::SpdmReport report = gpu_report();
  report.measurements.resize(3);
  report.measurements[1].value.assign(48, 0);
  report.measurements[2].value.assign(48, 0);
  report.measurements[2].value.back() = 1;
  const Json claims = claims_of(report);
  EXPECT_EQ(claims.at("number_of_measurements"), 3);
  EXPECT_EQ(claims.at("measurements_by_rim_index"),
            (Json{{"0", to_hex(Bytes(48, 1))}, {"2", to_hex(report.measurements[2].value)}}));
}

TEST(GpuClaims, SayWhatTheReportStates) {
  evidence::SpdmReport report = gpu_report();
  report.opaque.push_back({35, evidence::testing::text_field("GB202")});
  const Json claims = claims_of(report);
  EXPECT_EQ(claims.at("chip_info"), "GB202");
  EXPECT_EQ(claims.at("nvdec0"), "enabled");
  EXPECT_EQ(claims.at("protected_pcie"), "enabled");
  EXPECT_EQ(claims.at("opaque_data_version"), 1);
  EXPECT_EQ(claims.at("feature_flag"), "PPCIE");
  EXPECT_EQ(claims.at("cc_mode"), "on");
}

TEST(GpuClaims, LeaveOutWhatTheReportDoesNotState) {
  evidence::SpdmReport report = gpu_report();
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{11, 21, 34, 36}) {
    evidence::testing::drop_field(report, type);
  }
  const Json claims = claims_of(report);
  for (const char* name :
       {"chip_info", "nvdec0", "protected_pcie", "opaque_data_version", "feature_flag"}) {
    EXPECT_FALSE(claims.contains(name)) << name;
  }
  EXPECT_EQ(claims.at("cc_mode"), "unknown");
}

TEST(GpuClaims, AnUnknownModeIsNotOn) {
  evidence::SpdmReport report = gpu_report();
  *evidence::testing::find_field(report, 36) = {9};
  EXPECT_EQ(claims_of(report).at("cc_mode"), "unknown");
}

TEST(GpuClaims, WriteSerialNumbersOfNamesByTheirOid) {
  const Certificate plain = certificate_named("device", "maker");
  EXPECT_EQ(subject_claim(plain), "CN=device,O=maker");
  EXPECT_EQ(subject_claim(with_bytes(plain, kOrganization, kSerialNumber)),
            "CN=device,2.5.4.5=maker");
  EXPECT_EQ(subject_claim(with_bytes(plain, kCommonName, kSerialNumber)), "2.5.4.5=device,O=maker");
  EXPECT_EQ(subject_claim(certificate_named("xserialNumber=1", "maker")),
            "CN=xserialNumber=1,O=maker");
}

// One relative name of two attributes takes two bytes less than two of one.
TEST(GpuClaims, WriteSerialNumbersOfNamesWithSeveralAttributesToo) {
  const Certificate plain = certificate_named("device12", "maker");
  const auto attribute = [](const Bytes& type, std::string_view text) {
    return crypto::der_element(DerTag::sequence,
                               {crypto::der_element(DerTag::oid, type),
                                crypto::der_element(DerTag::utf8_string, as_bytes(text))});
  };
  const Bytes both = crypto::der_element(
      DerTag::sequence, {crypto::der_element(DerTag::set, {attribute(kSerialNumber, "maker34"),
                                                           attribute(kCommonName, "device12")})});
  EXPECT_EQ(subject_claim(with_bytes(plain, plain.subject_der(), both)),
            "CN=device12+2.5.4.5=maker34");
}

TEST(GpuClaims, TheChipIsNamedByTheCertificateAboveTheLeaf) {
  Json alone = Json::object();
  const Certificate leaf = certificate_named("GH100 A01 GSP FMC LF", "");
  add_claims(alone, std::vector<Certificate>{leaf});
  EXPECT_TRUE(alone.at("hwmodel").is_null());
  EXPECT_TRUE(alone.at("leaf_fwid").is_null());
  Json two = Json::object();
  add_claims(two, std::vector<Certificate>{leaf, certificate_named("GH100 A01 GSP BROM", "")});
  EXPECT_EQ(two.at("hwmodel"), "GH100 A01 GSP BROM");
}

TEST(GpuClaims, WriteSerialsInDecimal) {
  EXPECT_EQ(decimal_of("0"), "0");
  EXPECT_EQ(decimal_of("9"), "9");
  EXPECT_EQ(decimal_of("a"), "10");
  EXPECT_EQ(decimal_of("00ff"), "255");
  EXPECT_EQ(decimal_of("9a3f0bc9e1"), "662482700769");
}

}  // namespace
}  // namespace confide::verify
