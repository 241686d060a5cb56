#include "crypto/sgx_extension.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace confide::crypto {
namespace {

// From a real PCK certificate: a platform of FMSPC B0C06F000000.
constexpr std::string_view kReal =
    "30820226301E060A2A864886F84D010D01010410811DCA2A26B952E85BB6448B097BA4FD30820163060A2A864886F8"
    "4D010D0102308201533010060B2A864886F84D010D0102010201033010060B2A864886F84D010D0102020201033010"
    "060B2A864886F84D010D0102030201023010060B2A864886F84D010D0102040201023010060B2A864886F84D010D01"
    "02050201043010060B2A864886F84D010D0102060201013010060B2A864886F84D010D0102070201003010060B2A86"
    "4886F84D010D0102080201053010060B2A864886F84D010D0102090201003010060B2A864886F84D010D01020A0201"
    "003010060B2A864886F84D010D01020B0201003010060B2A864886F84D010D01020C0201003010060B2A864886F84D"
    "010D01020D0201003010060B2A864886F84D010D01020E0201003010060B2A864886F84D010D01020F020100301006"
    "0B2A864886F84D010D0102100201003010060B2A864886F84D010D01021102010B301F060B2A864886F84D010D0102"
    "120410030302020401000500000000000000003010060A2A864886F84D010D0103040200003014060A2A864886F84D"
    "010D01040406B0C06F000000300F060A2A864886F84D010D01050A0101301E060A2A864886F84D010D010604100782"
    "8474603E7019DC930775FFE8CDD23044060A2A864886F84D010D010730363010060B2A864886F84D010D0107010101"
    "FF3010060B2A864886F84D010D0107020101FF3010060B2A864886F84D010D0107030101FF";

SgxExtension sample() {
  SgxExtension out;
  out.ppid.fill(0x11);
  for (std::size_t i = 0; i < 16; ++i) out.tcb_components[i] = static_cast<std::uint8_t>(200 + i);
  out.pce_svn = 0x8001;
  out.cpu_svn.fill(0x22);
  out.pce_id = {0x01, 0x02};
  out.fmspc = {1, 2, 3, 4, 5, 6};
  return out;
}

TEST(SgxExtension, ReadsIntelsOwn) {
  const auto out = parse_sgx_extension(from_hex(kReal, HexCase::any).value());
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(to_hex(out->ppid), "811dca2a26b952e85bb6448b097ba4fd");
  EXPECT_EQ(to_hex(out->tcb_components), "03030202040100050000000000000000");
  EXPECT_EQ(to_hex(out->cpu_svn), "03030202040100050000000000000000");
  EXPECT_EQ(out->pce_svn, 11);
  EXPECT_EQ(to_hex(out->pce_id), "0000");
  EXPECT_EQ(to_hex(out->fmspc), "b0c06f000000");
}

TEST(SgxExtension, ReadsWhatItWrote) {
  const auto out = parse_sgx_extension(encode_sgx_extension(sample()));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->tcb_components, sample().tcb_components);
  EXPECT_EQ(out->pce_svn, 0x8001);
  EXPECT_EQ(out->cpu_svn, sample().cpu_svn);
  EXPECT_EQ(out->ppid, sample().ppid);
  EXPECT_EQ(out->pce_id, sample().pce_id);
  EXPECT_EQ(out->fmspc, sample().fmspc);
}

TEST(SgxExtension, RefusesEveryTruncation) {
  const Bytes der = encode_sgx_extension(sample());
  for (std::size_t n = 0; n < der.size(); ++n) {
    const auto out = parse_sgx_extension(ByteView(der).first(n));
    ASSERT_FALSE(out) << n;
    EXPECT_EQ(out.error().code, Errc::malformed);
  }
}

TEST(SgxExtension, RefusesTrailingBytes) {
  Bytes der = encode_sgx_extension(sample());
  der.push_back(0);
  EXPECT_EQ(parse_sgx_extension(der).error().code, Errc::malformed);
}

TEST(SgxExtension, RefusesDoubledAndMissingEntries) {
  Bytes der = from_hex(kReal, HexCase::any).value();
  // The last byte of the FMSPC entry's OID: .4 becomes .3, which is there already.
  const Bytes fmspc_oid = from_hex("060a2a864886f84d010d0104").value();
  const auto at = std::search(der.begin(), der.end(), fmspc_oid.begin(), fmspc_oid.end());
  ASSERT_NE(at, der.end());
  *(at + 11) = 3;
  EXPECT_EQ(parse_sgx_extension(der).error().code, Errc::malformed);
  *(at + 11) = 9;
  EXPECT_EQ(parse_sgx_extension(der).error().code, Errc::malformed);
}

TEST(SgxExtension, NeverReadsAFlippedBitAsTheSameValuesUnlessItIsIgnored) {
  const Bytes der = encode_sgx_extension(sample());
  for (std::size_t bit = 0; bit < der.size() * 8; ++bit) {
    Bytes spoiled = der;
    spoiled[bit / 8] = static_cast<std::uint8_t>(spoiled[bit / 8] ^ (1U << (bit % 8)));
    const auto out = parse_sgx_extension(spoiled);
    if (out) {
      EXPECT_NE(encode_sgx_extension(*out), der) << bit;
    }
  }
}

}  // namespace
}  // namespace confide::crypto
