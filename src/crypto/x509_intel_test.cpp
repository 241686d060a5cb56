// Intel's own certificates and CRLs, as captured with real quotes.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing.h"
#include "crypto/x509.h"

namespace confide::crypto {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct IntelCase {
  Certificate root;
  Time at;
  std::vector<Crl> crls;
  std::vector<Certificate> pck_chain, tcb_chain, qe_chain, crl_chain;
};

// The PCK chain stands in the quote as PEM text.
std::vector<Certificate> pck_chain_of(const std::string& quote) {
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  const std::size_t begin = quote.find("-----BEGIN CERTIFICATE-----");
  const std::size_t end = quote.rfind(kEnd);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return parse_pem_chain(quote.substr(begin, end + kEnd.size() - begin)).value();
}

IntelCase load(const fs::path& folder) {
  const Json description = json::parse(read(folder / "case.json")).value();
  const Json collateral = json::parse(read(folder / "collateral.json")).value();
  const auto text = [&](const char* name) { return collateral[name].get<std::string>(); };
  return {.root = Certificate::from_der(
                      as_bytes(read(folder / description["files"]["root_ca"].get<std::string>())))
                      .value(),
          .at = parse_rfc3339(description["evaluation_time"].get<std::string>()).value(),
          .crls = {Crl::from_any(as_bytes(text("pck_crl"))).value(),
                   Crl::from_any(as_bytes(text("root_ca_crl"))).value()},
          .pck_chain = pck_chain_of(read(folder / "quote.bin")),
          .tcb_chain = parse_pem_chain(text("tcb_info_issuer_chain")).value(),
          .qe_chain = parse_pem_chain(text("qe_identity_issuer_chain")).value(),
          .crl_chain = parse_pem_chain(text("pck_crl_issuer_chain")).value()};
}

std::vector<fs::path> folders() {
  std::vector<fs::path> out;
  const fs::path top = fs::path(CONFIDE_VECTORS) / "tdx";
  if (!fs::is_directory(top)) return out;
  for (const auto& entry : fs::directory_iterator(top)) {
    if (fs::exists(entry.path() / "collateral.json")) out.push_back(entry.path());
  }
  return out;
}

TEST(IntelChains, GenuineOnesVerify) {
  if (folders().empty()) GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  int quotes = 0;
  for (const fs::path& folder : folders()) {
    SCOPED_TRACE(folder.filename());
    if (folder.filename() == "v5-preprod-root") continue;
    const IntelCase c = load(folder);
    for (const auto* chain : {&c.tcb_chain, &c.qe_chain, &c.crl_chain, &c.pck_chain}) {
      if (chain->empty()) continue;
      const Status status = verify_chain(*chain, c.root, c.at, c.crls);
      EXPECT_TRUE(status) << chain->front().subject() << ": " << status.error().message;
    }
    quotes += c.pck_chain.empty() ? 0 : 1;
    EXPECT_EQ(c.tcb_chain.front().common_name(), "Intel SGX TCB Signing");
  }
  EXPECT_GT(quotes, 20);
}

TEST(IntelChains, AnotherRootIsRefused) {
  const fs::path folder = fs::path(CONFIDE_VECTORS) / "tdx" / "v5-preprod-root";
  if (!fs::exists(folder)) GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  const IntelCase c = load(folder);  // chains to Intel's root for pre-production hardware
  EXPECT_EQ(refusal(verify_chain(c.pck_chain, c.root, c.at)), Errc::untrusted);
}

TEST(IntelChains, TimeAndCrlsCount) {
  const fs::path folder = fs::path(CONFIDE_VECTORS) / "tdx" / "v4-live-ccel";
  if (!fs::exists(folder)) GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  const IntelCase c = load(folder);
  ASSERT_TRUE(verify_chain(c.pck_chain, c.root, c.at, c.crls));
  EXPECT_EQ(refusal(verify_chain(c.pck_chain, c.root, c.at + std::chrono::days{60}, c.crls)),
            Errc::expired);
  EXPECT_EQ(refusal(verify_chain(c.pck_chain, c.root, c.at + std::chrono::days{36500})),
            Errc::expired);
  const std::vector<Crl> root_only = {c.crls[1]};
  EXPECT_EQ(refusal(verify_chain(c.pck_chain, c.root, c.at, root_only)), Errc::untrusted);
  EXPECT_TRUE(verify_chain(c.tcb_chain, c.root, c.at, root_only));
}

}  // namespace
}  // namespace confide::crypto
