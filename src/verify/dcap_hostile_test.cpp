// Evidence made wrong before it was signed, or put together wrongly: chains, CRLs and numbers. One
// thing at a time; the check named beside it must be the first that fails.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "verify/testing/dcap_trial.h"

namespace confide::verify {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using testing::DcapLab;
using testing::SgxLab;
using testing::TdxLab;
using testing::Trial;

template <class Lab>
class HostileDcap : public ::testing::Test {
 protected:
  Trial<Lab> trial;
};
using Labs = ::testing::Types<TdxLab, SgxLab>;
TYPED_TEST_SUITE(HostileDcap, Labs);

TYPED_TEST(HostileDcap, PckChainsPutTogetherWrongly) {
  const auto& made = this->trial.lab().made();
  const std::string leaf = made.pck.to_pem();
  const std::string ca = made.platform_ca.to_pem();
  const std::string root = made.root.to_pem();
  const std::string signer = made.tcb_signer.to_pem();
  const TypeParam stranger;
  const std::string other_leaf = stranger.made().pck.to_pem();
  const std::string other_ca = stranger.made().platform_ca.to_pem();
  const std::string other_root = stranger.made().root.to_pem();
  const std::vector<std::string> wrong{"",
                                       leaf,
                                       ca,
                                       root,
                                       leaf + leaf,
                                       leaf + root,
                                       ca + root,
                                       ca + leaf + root,
                                       leaf + root + ca,
                                       root + ca + leaf,
                                       leaf + leaf + ca,
                                       leaf + ca + ca,
                                       leaf + ca + ca + root,
                                       leaf + leaf + ca + root,
                                       leaf + ca + root + root,
                                       leaf + ca + leaf,
                                       leaf + ca + other_root,
                                       leaf + other_ca + root,
                                       leaf + other_ca + other_root,
                                       other_leaf + ca + root,
                                       other_leaf + other_ca + other_root,
                                       other_leaf + other_ca,
                                       other_leaf + other_ca + root,
                                       leaf + ca + root + other_ca,
                                       leaf + ca + signer,
                                       signer + root,
                                       signer + ca + root,
                                       signer + leaf + ca + root,
                                       leaf + signer + root,
                                       "text" + leaf + ca + root,
                                       leaf + "text" + ca + root,
                                       leaf + ca + root + "text",
                                       leaf.substr(1) + ca + root,
                                       leaf + ca.substr(0, ca.size() / 2),
                                       leaf + leaf + leaf + leaf + leaf + leaf + leaf + leaf + ca,
                                       std::string(60000, '\n'),
                                       leaf + ca + root + std::string(2, '\0')};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    this->trial.forged(fmt::format("chain {}", i), "pck.chain",
                       [&](auto& quote, auto&, auto&) { quote.pck_chain_pem = wrong[i]; });
  }
  EXPECT_EQ(this->trial.count(), 37);
}

TYPED_TEST(HostileDcap, CertificatesOutOfOrder) {
  using Lab = TypeParam;
  struct Role {
    const char* name;
    testing::LabCertificate DcapLab::* certificate;
    const char* check;
  };
  const Role roles[] = {{"root", &DcapLab::root, "pck.chain"},
                        {"CA", &DcapLab::platform_ca, "pck.chain"},
                        {"PCK", &DcapLab::pck, "pck.chain"},
                        {"signer", &DcapLab::tcb_signer, "tcb.info"}};
  for (const Role& role : roles) {
    const auto with = [&](const char* what, auto change) {
      this->trial.made(fmt::format("{} {}", role.name, what), role.check,
                       [&](Lab& lab) { change(lab.*role.certificate, lab); });
    };
    with("expired", [](auto& c, Lab& l) { c.request.not_after = l.at - seconds{1}; });
    with("expired long ago", [](auto& c, Lab& l) { c.request.not_after = l.at - days{300}; });
    with("not yet valid", [](auto& c, Lab& l) { c.request.not_before = l.at + seconds{1}; });
    with("valid in a year", [](auto& c, Lab& l) { c.request.not_before = l.at + days{200}; });
    if (role.certificate == &DcapLab::root) {
      with("no CA", [](auto& c, Lab&) { c.request.is_ca = false; });
      with("with too short a path", [](auto& c, Lab&) { c.request.path_length = 0; });
      continue;
    }
    with("revoked", [](auto& c, Lab&) { c.revoked = true; });
    with("with another name", [](auto& c, Lab&) { c.request.common_name = "Intel SGX Other"; });
    with("without a name", [](auto& c, Lab&) { c.request.common_name = "x"; });
    with("with the root's name",
         [](auto& c, Lab& l) { c.request.common_name = l.root.request.common_name; });
  }
  this->trial.made("CA no CA", "pck.chain", [](Lab& l) { l.platform_ca.request.is_ca = false; });
  this->trial.made("signer with the PCK's name", "tcb.info",
                   [](Lab& l) { l.tcb_signer.request.common_name = "Intel SGX PCK Certificate"; });
  this->trial.made("PCK with the signer's name", "pck.chain",
                   [](Lab& l) { l.pck.request.common_name = "Intel SGX TCB Signing"; });
  EXPECT_EQ(this->trial.count(), 33);
}

TYPED_TEST(HostileDcap, PckKeysThatDidNotSign) {
  using Lab = TypeParam;
  this->trial.made("PCK of P-384", "qe.signature", [](Lab& l) {
    l.pck.request.subject_key = crypto::SigningKey::generate(crypto::KeyKind::p384).public_key();
  });
  this->trial.made("PCK of RSA", "qe.signature", [](Lab& l) {
    l.pck.request.subject_key = crypto::SigningKey::generate(crypto::KeyKind::rsa).public_key();
  });
  this->trial.made("PCK with another key", "qe.signature", [](Lab& l) {
    l.pck.request.subject_key = crypto::P256Key::generate().public_key();
  });
  this->trial.made("signer of P-384", "tcb.info", [](Lab& l) {
    l.tcb_signer.request.subject_key =
        crypto::SigningKey::generate(crypto::KeyKind::p384).public_key();
  });
  this->trial.made("signer with another key", "tcb.info", [](Lab& l) {
    l.tcb_signer.request.subject_key = crypto::P256Key::generate().public_key();
  });
  EXPECT_EQ(this->trial.count(), 5);
}

TYPED_TEST(HostileDcap, Crls) {
  using Lab = TypeParam;
  auto& trial = this->trial;
  trial.made("just expired", "pck.chain", [](Lab& l) { l.crl_until = l.at - seconds{1}; });
  trial.made("from the future", "pck.chain", [](Lab& l) { l.crl_from = l.at + seconds{1}; });
  for (Bytes evidence::TdxCollateral::* crl :
       {&evidence::TdxCollateral::pck_crl, &evidence::TdxCollateral::root_ca_crl}) {
    const auto with = [&](const char* what, const char* check, auto change) {
      trial.forged(what, check, [&](auto&, auto& c, const Lab& o) { change(c.*crl, c, o); });
    };
    with("missing", "collateral", [](auto& der, auto&, auto&) { der.clear(); });
    with("one byte", "collateral", [](auto& der, auto&, auto&) { der.resize(1); });
    with("cut", "collateral", [](auto& der, auto&, auto&) { der.pop_back(); });
    with("half", "collateral", [](auto& der, auto&, auto&) { der.resize(der.size() / 2); });
    with("extended", "collateral", [](auto& der, auto&, auto&) { der.push_back(0); });
    with("text", "collateral", [](auto& der, auto&, auto&) { der.assign(400, 'A'); });
    with("flipped signature", "pck.chain", [](auto& der, auto&, auto&) { der.back() ^= 1U; });
    with("a certificate", "collateral",
         [](auto& der, auto&, const Lab& o) { der = to_bytes(o.made().pck.der()); });
    with("the other one", "pck.chain", [&](auto& der, auto& c, auto&) {
      der = crl == &evidence::TdxCollateral::pck_crl ? c.root_ca_crl : c.pck_crl;
    });
    with("of another root", "pck.chain",
         [&](auto& der, auto&, const Lab& o) { der = o.collateral().*crl; });
  }
  trial.forged("exchanged with another lab's", "pck.chain", [](auto&, auto& c, const Lab& o) {
    c.pck_crl = o.collateral().pck_crl;
    c.root_ca_crl = o.collateral().root_ca_crl;
  });
  EXPECT_EQ(trial.count(), 23);
}

TYPED_TEST(HostileDcap, IssuerChains) {
  using Lab = TypeParam;
  const auto& made = this->trial.lab().made();
  const std::string signer = made.tcb_signer.to_pem();
  const std::string root = made.root.to_pem();
  const std::string pck = made.pck.to_pem();
  const std::string ca = made.platform_ca.to_pem();
  const Lab stranger;
  const std::string other = stranger.collateral().tcb_info_issuer_chain;
  for (const bool tcb : {true, false}) {
    const std::string judged = tcb ? "tcb.info" : "qe.identity";
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"", "collateral"},
        {"text", "collateral"},
        {signer.substr(2), "collateral"},
        {signer + "text" + root, "collateral"},
        {root, judged},
        {root + signer, judged},
        {signer + signer, judged},
        {signer + ca + root, judged},
        {signer + root + root, judged},
        {pck + ca + root, judged},
        {ca + root, judged},
        {other, judged},
        {signer + stranger.made().root.to_pem(), judged}};
    for (const auto& [pem, check] : wrong) {
      this->trial.forged(fmt::format("{} by {} bytes", judged, pem.size()), check,
                         [&](auto&, auto& c, auto&) {
                           (tcb ? c.tcb_info_issuer_chain : c.qe_identity_issuer_chain) = pem;
                         });
    }
  }
  EXPECT_EQ(this->trial.count(), 26);
}

TYPED_TEST(HostileDcap, QuotingEnclavesOfOtherMake) {
  using Lab = TypeParam;
  for (unsigned bit = 0; bit < 32; ++bit) {
    this->trial.made("MISCSELECT", "qe.identity", [&](Lab& l) { l.qe().misc_select ^= 1U << bit; });
  }
  for (unsigned bit = 0; bit < 64; ++bit) {
    if (bit == 2) continue;  // the only one of FLAGS outside the mask
    this->trial.made(fmt::format("FLAGS {}", bit), "qe.identity", [&](Lab& l) {
      l.qe().attributes[bit / 8] =
          static_cast<std::uint8_t>(l.qe().attributes[bit / 8] ^ (1U << (bit % 8)));
    });
  }
  for (std::size_t i = 0; i < 32; i += 4) {
    this->trial.made("MRSIGNER", "qe.identity", [&](Lab& l) { l.qe().mr_signer[i] ^= 0x80U; });
  }
  for (const int product : {0, 3, 4, 256, 65535}) {
    this->trial.made("ISVPRODID", "qe.identity",
                     [&](Lab& l) { l.qe().isv_prod_id = static_cast<std::uint16_t>(product); });
  }
  EXPECT_EQ(this->trial.count(), 108);
}

TYPED_TEST(HostileDcap, NumbersBelowTheLevels) {
  using Lab = TypeParam;
  for (std::size_t i = 0; i < 16; ++i) {
    for (const std::uint8_t svn : {std::uint8_t{2}, std::uint8_t{1}, std::uint8_t{0}}) {
      this->trial.made(fmt::format("component {} of {}", i, svn), "tcb.status",
                       [&](Lab& l) { l.platform.tcb_components[i] = svn; });
    }
  }
  for (const int pce_svn : {0, 1, 9, 10}) {
    this->trial.made("PCESVN", "tcb.status",
                     [&](Lab& l) { l.platform.pce_svn = static_cast<std::uint16_t>(pce_svn); });
  }
  for (const int svn : {0, 1, 3, 4, 5}) {
    this->trial.made("QE ISVSVN", "tcb.status",
                     [&](Lab& l) { l.qe().isv_svn = static_cast<std::uint16_t>(svn); });
  }
  EXPECT_EQ(this->trial.count(), 57);
}

}  // namespace
}  // namespace confide::verify
