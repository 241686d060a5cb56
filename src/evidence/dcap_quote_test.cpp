#include "evidence/dcap_quote.h"

#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/testing/quote_bytes.h"

namespace confide::evidence {
namespace {

using ::testing::HasSubstr;

template <std::size_t N>
ByteArray<N> filled(std::uint8_t value) {
  ByteArray<N> out{};
  out.fill(value);
  return out;
}

TdReport sample_td() {
  return {.tee_tcb_svn = filled<16>(3),
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
          .report_data = filled<64>(17),
          .td15 = std::nullopt};
}

EnclaveReport sample_enclave(std::uint8_t first) {
  auto next = [value = first]() mutable { return value++; };
  EnclaveReport out;
  out.cpu_svn.fill(next());
  out.misc_select = 0x01020304;
  out.isv_ext_prod_id.fill(next());
  out.attributes.fill(next());
  out.mr_enclave.fill(next());
  out.mr_signer.fill(next());
  out.config_id.fill(next());
  out.isv_prod_id = 0x0506;
  out.isv_svn = 0x0708;
  out.config_svn = 0x090a;
  out.isv_family_id.fill(next());
  out.report_data.fill(next());
  return out;
}

struct Form {
  const char* name;
  std::uint16_t version;
  std::string_view body_type;
  std::size_t signed_bytes;
};
void PrintTo(const Form& form, std::ostream* to) { *to << form.name; }

// Every field has a value of its own, so that a swapped pair shows.
DcapQuote sample(const Form& form) {
  DcapQuote out;
  const bool sgx = form.body_type == "sgx";
  out.header = {.version = form.version,
                .att_key_type = 2,
                .tee_type = sgx ? kTeeSgx : kTeeTdx,
                .qe_svn = 0x0102,
                .pce_svn = 0x0304,
                .qe_vendor_id = filled<16>(1),
                .user_data = filled<20>(2)};
  if (sgx) {
    out.body = sample_enclave(40);
  } else {
    TdReport td = sample_td();
    if (form.body_type == "td15") {
      td.td15 = {.tee_tcb_svn2 = filled<16>(30), .mr_service_td = filled<48>(31)};
    }
    out.body = td;
  }
  out.qe_report = sample_enclave(18);
  out.signed_bytes = testing::write_signed_bytes(out);
  out.qe_report_bytes = testing::write_enclave_report(out.qe_report);
  out.signature = filled<64>(33);
  out.attestation_key = filled<64>(34);
  out.qe_report_signature = filled<64>(35);
  out.qe_auth_data = Bytes(32, 36);
  out.pck_chain_pem = "certificates";
  return out;
}

constexpr Form kSgx3{"sgx3", 3, "sgx", 432};
constexpr Form kTd4{"td4", 4, "td10", 632};
constexpr Form kTd15{"td5", 5, "td15", 702};

std::optional<Error> error_of(const Bytes& bytes) {
  const auto quote = parse_dcap_quote(bytes);
  EXPECT_FALSE(quote);
  if (quote) return std::nullopt;
  return quote.error();
}

Errc code_of(const Bytes& bytes) {
  const auto error = error_of(bytes);
  return error ? error->code : Errc::internal;
}

class EachForm : public ::testing::TestWithParam<Form> {};

TEST_P(EachForm, ReadsEveryField) {
  const DcapQuote in = sample(GetParam());
  const Bytes bytes = testing::write_quote(in);
  const auto out = parse_dcap_quote(bytes);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->header.qe_svn, in.header.qe_svn);
  EXPECT_EQ(out->header.pce_svn, in.header.pce_svn);
  EXPECT_EQ(out->body_type(), GetParam().body_type);
  EXPECT_EQ(testing::write_signed_bytes(*out), in.signed_bytes);
  EXPECT_EQ(out->signed_bytes, in.signed_bytes);
  EXPECT_EQ(out->signed_bytes.size(), GetParam().signed_bytes);
  EXPECT_EQ(out->signature_data_size, bytes.size() - GetParam().signed_bytes - 4);
  EXPECT_EQ(out->trailing_zeros, 0U);
  EXPECT_EQ(testing::write_enclave_report(out->qe_report), in.qe_report_bytes);
  EXPECT_EQ(out->qe_report_bytes, in.qe_report_bytes);
  EXPECT_EQ(out->qe_report.misc_select, in.qe_report.misc_select);
  EXPECT_EQ(out->qe_report.isv_svn, in.qe_report.isv_svn);
  EXPECT_EQ(out->signature, in.signature);
  EXPECT_EQ(out->attestation_key, in.attestation_key);
  EXPECT_EQ(out->qe_report_signature, in.qe_report_signature);
  EXPECT_EQ(out->qe_auth_data, in.qe_auth_data);
  EXPECT_EQ(out->certification_type, 5);
  EXPECT_EQ(out->pck_chain_pem, in.pck_chain_pem);
}

TEST_P(EachForm, RefusesEveryTruncation) {
  const Bytes bytes = testing::write_quote(sample(GetParam()));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(code_of(to_bytes(ByteView(bytes).first(n))), Errc::malformed) << n;
  }
}

TEST_P(EachForm, TakesZeroPaddingAndNothingElseBehind) {
  Bytes bytes = testing::write_quote(sample(GetParam()));
  bytes.resize(bytes.size() + 100, 0);
  const auto padded = parse_dcap_quote(bytes);
  ASSERT_TRUE(padded);
  EXPECT_EQ(padded->trailing_zeros, 100U);
  bytes.back() = 1;
  EXPECT_EQ(code_of(bytes), Errc::malformed);
}

TEST_P(EachForm, RefusesLengthsThatDoNotAddUp) {
  const Bytes good = testing::write_quote(sample(GetParam()));
  const std::size_t size = GetParam().signed_bytes;
  const bool nested = GetParam().version > 3;
  const std::size_t outer = size + 4 + 128 + 2;
  const std::size_t auth = size + 4 + 128 + (nested ? 6 : 0) + 384 + 64;
  const std::size_t inner = auth + 2 + 32 + 2;
  for (const int change : {-1, 1}) {
    const auto changed = [&](std::size_t at) {
      Bytes bytes = good;
      bytes[at] = static_cast<std::uint8_t>(bytes[at] + change);
      return code_of(bytes);
    };
    EXPECT_EQ(changed(size), Errc::malformed) << change;
    if (nested) EXPECT_EQ(changed(outer), Errc::malformed) << change;
    EXPECT_EQ(changed(inner), Errc::malformed) << change;
    EXPECT_EQ(changed(auth), Errc::unsupported) << change;  // reads the type one byte off
  }
}

TEST_P(EachForm, RefusesOtherCertificationDataByName) {
  const DcapQuote quote = sample(GetParam());
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0, 1, 2, 3, 4, 6, 7, 8}) {
    const auto error = error_of(testing::write_quote(quote, {.inner = type}));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, Errc::unsupported) << type;
    EXPECT_THAT(error->message, HasSubstr("T3: certification data type " + std::to_string(type)));
  }
  EXPECT_THAT(error_of(testing::write_quote(quote, {.inner = 3}))->message, HasSubstr("RSA-3072"));
}

INSTANTIATE_TEST_SUITE_P(DcapQuote, EachForm,
                         ::testing::Values(kSgx3, Form{"sgx4", 4, "sgx", 432}, kTd4,
                                           Form{"sgx5", 5, "sgx", 438},
                                           Form{"td5_10", 5, "td10", 638}, kTd15),
                         [](const auto& instance) { return instance.param.name; });

TEST(DcapQuote, LiesWhereTheContractSays) {
  const Bytes bytes = testing::write_quote(sample(kTd4));
  EXPECT_EQ(bytes[168], 7);   // TD_ATTRIBUTES
  EXPECT_EQ(bytes[184], 9);   // MRTD
  EXPECT_EQ(bytes[376], 13);  // RTMR0
  EXPECT_EQ(bytes[520], 16);  // RTMR3
  EXPECT_EQ(bytes[568], 17);  // REPORTDATA
  EXPECT_EQ(bytes[631], 17);
}

TEST(DcapQuote, OfVersion5NamesItsBody) {
  const Bytes bytes = testing::write_quote(sample(kTd15));
  EXPECT_EQ(to_hex(ByteView(bytes).subspan(48, 6)), "030088020000");
  EXPECT_EQ(bytes[174], 7);   // TD_ATTRIBUTES, six bytes further on
  EXPECT_EQ(bytes[638], 30);  // TEE_TCB_SVN2
  EXPECT_EQ(bytes[654], 31);  // MRSERVICETD
  EXPECT_EQ(bytes[701], 31);
}

TEST(DcapQuote, OfSgxLiesWhereTheContractSays) {
  const Bytes bytes = testing::write_quote(sample(kSgx3));
  EXPECT_EQ(bytes[48], 40);        // CPUSVN
  EXPECT_EQ(bytes[48 + 48], 42);   // ATTRIBUTES
  EXPECT_EQ(bytes[48 + 64], 43);   // MRENCLAVE
  EXPECT_EQ(bytes[48 + 128], 44);  // MRSIGNER
  EXPECT_EQ(bytes[48 + 192], 45);  // CONFIGID
  EXPECT_EQ(bytes[48 + 304], 46);  // ISVFAMILYID
  EXPECT_EQ(bytes[48 + 320], 47);  // REPORTDATA
}

TEST(DcapQuote, RefusesOtherVersionsKeysAndTees) {
  const Bytes good = testing::write_quote(sample(kTd4));
  const auto changed = [&good](std::size_t at, std::uint8_t value) {
    Bytes bytes = good;
    bytes[at] = value;
    return error_of(bytes).value_or(Error{});
  };
  for (const std::uint8_t version : std::initializer_list<std::uint8_t>{0, 1, 2, 6, 255}) {
    EXPECT_EQ(changed(0, version).code, Errc::unsupported) << int{version};
  }
  EXPECT_EQ(changed(1, 1).code, Errc::unsupported);
  EXPECT_THAT(changed(2, 3).message, HasSubstr("ECDSA P-384"));
  EXPECT_THAT(changed(2, 0).message, HasSubstr("EPID"));
  EXPECT_EQ(changed(2, 4).code, Errc::unsupported);
  EXPECT_EQ(changed(4, 0x80).code, Errc::unsupported);
  EXPECT_EQ(error_of(testing::write_quote(sample(kTd4), {.outer = 5}))->code, Errc::unsupported);
}

TEST(DcapQuote, RefusesSgxBeforeVersion3) {
  const auto error = error_of(testing::write_quote(sample({"sgx2", 2, "sgx", 432})));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::unsupported);
  EXPECT_THAT(error->message, HasSubstr("T1: quote version 2"));
}

TEST(DcapQuote, RefusesTdxInVersion3) {
  Bytes bytes = testing::write_quote(sample(kTd4));
  bytes[0] = 3;
  EXPECT_THAT(error_of(bytes)->message, HasSubstr("TEE type 0x81 in version 3"));
}

TEST(DcapQuote, RefusesABodyThatDoesNotFit) {
  const Bytes good = testing::write_quote(sample(kTd15));
  const auto with = [&good](std::size_t at, std::uint8_t value) {
    Bytes bytes = good;
    bytes[at] = value;
    return error_of(bytes).value_or(Error{});
  };
  EXPECT_EQ(with(48, 0).code, Errc::unsupported);
  EXPECT_EQ(with(48, 4).code, Errc::unsupported);
  EXPECT_THAT(with(48, 4).message, HasSubstr("body type 4"));
  EXPECT_EQ(with(48, 2).code, Errc::malformed);  // of 648 bytes
  EXPECT_EQ(with(50, 0x87).code, Errc::malformed);
  EXPECT_EQ(with(51, 0xff).code, Errc::malformed);
  EXPECT_THAT(with(4, 0).message, HasSubstr("body type 3 for TEE type 0x0"));
  Bytes enclave = testing::write_quote(sample({"sgx5", 5, "sgx", 438}));
  enclave[4] = 0x81;
  EXPECT_THAT(error_of(enclave)->message, HasSubstr("body type 1 for TEE type 0x81"));
}

TEST(DcapQuote, RefusesMoreThanTheLimit) {
  Bytes bytes = testing::write_quote(sample(kTd4));
  bytes.resize(kMaxQuoteBytes, 0);
  EXPECT_TRUE(parse_dcap_quote(bytes));
  bytes.push_back(0);
  EXPECT_EQ(code_of(bytes), Errc::limit);
}

}  // namespace
}  // namespace confide::evidence
