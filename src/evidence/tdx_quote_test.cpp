#include "evidence/tdx_quote.h"

#include <gtest/gtest.h>

#include "evidence/testing/quote_bytes.h"

namespace confide::evidence {
namespace {

constexpr std::size_t kSignatureDataSize = 632;  // where its length stands

template <std::size_t N>
ByteArray<N> filled(std::uint8_t value) {
  ByteArray<N> out{};
  out.fill(value);
  return out;
}

// Every field has a value of its own, so that a swapped pair shows.
TdxQuote sample() {
  TdxQuote out;
  out.header = {.version = 4,
                .att_key_type = 2,
                .tee_type = 0x81,
                .qe_svn = 0x0102,
                .pce_svn = 0x0304,
                .qe_vendor_id = filled<16>(1),
                .user_data = filled<20>(2)};
  out.td = {.tee_tcb_svn = filled<16>(3),
            .mr_seam = filled<48>(4),
            .mr_signer_seam = filled<48>(5),
            .seam_attributes = filled<8>(6),
            .td_attributes = filled<8>(7),
            .xfam = filled<8>(8),
            .mr_td = filled<48>(9),
            .mr_config_id = filled<48>(10),
            .mr_owner = filled<48>(11),
            .mr_owner_config = filled<48>(12),
            .rtmr = {filled<48>(13), filled<48>(14), filled<48>(15), filled<48>(16)},
            .report_data = filled<64>(17)};
  out.qe_report = {.cpu_svn = filled<16>(18),
                   .misc_select = 0x01020304,
                   .attributes = filled<16>(19),
                   .mr_enclave = filled<32>(20),
                   .mr_signer = filled<32>(21),
                   .isv_prod_id = 0x0506,
                   .isv_svn = 0x0708,
                   .report_data = filled<64>(22)};
  out.signed_bytes = testing::write_signed_bytes(out.header, out.td);
  out.qe_report_bytes = testing::write_enclave_report(out.qe_report);
  out.signature = filled<64>(23);
  out.attestation_key = filled<64>(24);
  out.qe_report_signature = filled<64>(25);
  out.qe_auth_data = Bytes(32, 26);
  out.pck_chain_pem = "certificates";
  return out;
}

Errc error_of(const Bytes& bytes) {
  const auto quote = parse_tdx_quote(bytes);
  EXPECT_FALSE(quote);
  return quote ? Errc::internal : quote.error().code;
}

TEST(TdxQuote, LiesWhereTheContractSays) {
  const Bytes bytes = testing::write_quote(sample());
  EXPECT_EQ(sample().signed_bytes.size(), kSignatureDataSize);
  EXPECT_EQ(bytes[168], 7);   // TD_ATTRIBUTES
  EXPECT_EQ(bytes[184], 9);   // MRTD
  EXPECT_EQ(bytes[376], 13);  // RTMR0
  EXPECT_EQ(bytes[520], 16);  // RTMR3
  EXPECT_EQ(bytes[568], 17);  // REPORTDATA
  EXPECT_EQ(bytes[631], 17);
}

TEST(TdxQuote, ReadsEveryField) {
  const TdxQuote in = sample();
  const auto out = parse_tdx_quote(testing::write_quote(in));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->header.qe_svn, in.header.qe_svn);
  EXPECT_EQ(out->header.pce_svn, in.header.pce_svn);
  EXPECT_EQ(testing::write_signed_bytes(out->header, out->td), in.signed_bytes);
  EXPECT_EQ(out->signed_bytes, in.signed_bytes);
  EXPECT_EQ(testing::write_enclave_report(out->qe_report), in.qe_report_bytes);
  EXPECT_EQ(out->qe_report_bytes, in.qe_report_bytes);
  EXPECT_EQ(out->td.rtmr[3], in.td.rtmr[3]);
  EXPECT_EQ(out->td.report_data, in.td.report_data);
  EXPECT_EQ(out->qe_report.misc_select, in.qe_report.misc_select);
  EXPECT_EQ(out->qe_report.isv_svn, in.qe_report.isv_svn);
  EXPECT_EQ(out->signature, in.signature);
  EXPECT_EQ(out->attestation_key, in.attestation_key);
  EXPECT_EQ(out->qe_report_signature, in.qe_report_signature);
  EXPECT_EQ(out->qe_auth_data, in.qe_auth_data);
  EXPECT_EQ(out->pck_chain_pem, in.pck_chain_pem);
}

TEST(TdxQuote, RefusesEveryTruncation) {
  const Bytes bytes = testing::write_quote(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(error_of(to_bytes(ByteView(bytes).first(n))), Errc::malformed) << n;
  }
}

TEST(TdxQuote, TakesZeroPaddingAndNothingElseBehind) {
  Bytes bytes = testing::write_quote(sample());
  bytes.resize(bytes.size() + 100, 0);
  EXPECT_TRUE(parse_tdx_quote(bytes));
  bytes.back() = 1;
  EXPECT_EQ(error_of(bytes), Errc::malformed);
}

TEST(TdxQuote, RefusesLengthsThatDoNotAddUp) {
  const Bytes good = testing::write_quote(sample());
  const std::size_t outer = kSignatureDataSize + 4 + 128 + 2;
  const std::size_t inner = outer + 4 + 384 + 64 + 2 + 32 + 2;
  const std::size_t auth = inner - 2 - 32 - 2;
  for (const int change : {-1, 1}) {
    for (const std::size_t at : {kSignatureDataSize, outer, inner}) {
      Bytes bytes = good;
      bytes[at] = static_cast<std::uint8_t>(bytes[at] + change);
      EXPECT_EQ(error_of(bytes), Errc::malformed) << at << " " << change;
    }
    Bytes bytes = good;
    bytes[auth] = static_cast<std::uint8_t>(bytes[auth] + change);
    EXPECT_EQ(error_of(bytes), Errc::unsupported) << change;  // reads the type one byte off
  }
}

TEST(TdxQuote, RefusesOtherVersionsKeysAndTees) {
  const Bytes good = testing::write_quote(sample());
  for (const std::size_t at : {0U, 2U, 4U}) {  // version, key type, TEE type
    Bytes bytes = good;
    bytes[at] ^= 1U;
    EXPECT_EQ(error_of(bytes), Errc::unsupported) << at;
  }
  EXPECT_EQ(error_of(testing::write_quote(sample(), {.outer = 5})), Errc::unsupported);
  EXPECT_EQ(error_of(testing::write_quote(sample(), {.inner = 4})), Errc::unsupported);
}

TEST(TdxQuote, RefusesMoreThanTheLimit) {
  Bytes bytes = testing::write_quote(sample());
  bytes.resize(kMaxQuoteBytes, 0);
  EXPECT_TRUE(parse_tdx_quote(bytes));
  bytes.push_back(0);
  EXPECT_EQ(error_of(bytes), Errc::limit);
}

}  // namespace
}  // namespace confide::evidence
