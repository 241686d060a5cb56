#include "evidence/tdx_quote.h"

#include <algorithm>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::uint16_t kVersion4 = 4;
constexpr std::uint16_t kEcdsaP256 = 2;
constexpr std::uint32_t kTeeTdx = 0x81;
constexpr std::uint16_t kPckChainPem = 5;
constexpr std::uint16_t kQeReportCertification = 6;
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kTdReportBytes = 584;
constexpr std::size_t kEnclaveReportBytes = 384;

Result<QuoteHeader> parse_header(ByteView bytes) {
  ByteReader in(bytes);
  QuoteHeader out;
  TRY_ASSIGN(out.version, in.u16le("version"));
  TRY_ASSIGN(out.att_key_type, in.u16le("att_key_type"));
  TRY_ASSIGN(out.tee_type, in.u32le("tee_type"));
  TRY_ASSIGN(out.qe_svn, in.u16le("qe_svn"));
  TRY_ASSIGN(out.pce_svn, in.u16le("pce_svn"));
  TRY_ASSIGN(out.qe_vendor_id, in.array<16>("qe_vendor_id"));
  TRY_ASSIGN(out.user_data, in.array<20>("user_data"));
  // T1: everything behind the header depends on these three.
  if (out.version != kVersion4) {
    return fail(Errc::unsupported, fmt::format("quote version {}", out.version));
  }
  if (out.att_key_type != kEcdsaP256) {
    return fail(Errc::unsupported, fmt::format("attestation key type {}", out.att_key_type));
  }
  if (out.tee_type != kTeeTdx) {
    return fail(Errc::unsupported, fmt::format("TEE type {:#x}", out.tee_type));
  }
  return out;
}

Result<TdReport> parse_td_report(ByteView bytes) {
  ByteReader in(bytes);
  TdReport out;
  TRY_ASSIGN(out.tee_tcb_svn, in.array<16>("tee_tcb_svn"));
  TRY_ASSIGN(out.mr_seam, in.array<48>("mr_seam"));
  TRY_ASSIGN(out.mr_signer_seam, in.array<48>("mr_signer_seam"));
  TRY_ASSIGN(out.seam_attributes, in.array<8>("seam_attributes"));
  TRY_ASSIGN(out.td_attributes, in.array<8>("td_attributes"));
  TRY_ASSIGN(out.xfam, in.array<8>("xfam"));
  TRY_ASSIGN(out.mr_td, in.array<48>("mr_td"));
  TRY_ASSIGN(out.mr_config_id, in.array<48>("mr_config_id"));
  TRY_ASSIGN(out.mr_owner, in.array<48>("mr_owner"));
  TRY_ASSIGN(out.mr_owner_config, in.array<48>("mr_owner_config"));
  for (Measurement& rtmr : out.rtmr) {
    TRY_ASSIGN(rtmr, in.array<48>("rtmr"));
  }
  TRY_ASSIGN(out.report_data, in.array<64>("report_data"));
  TRY(in.expect_end("TD report"));
  return out;
}

Result<EnclaveReport> parse_enclave_report(ByteView bytes) {
  ByteReader in(bytes);
  EnclaveReport out;
  TRY_ASSIGN(out.cpu_svn, in.array<16>("cpu_svn"));
  TRY_ASSIGN(out.misc_select, in.u32le("misc_select"));
  TRY(in.take(28, "reserved1"));
  TRY_ASSIGN(out.attributes, in.array<16>("attributes"));
  TRY_ASSIGN(out.mr_enclave, in.array<32>("mr_enclave"));
  TRY(in.take(32, "reserved2"));
  TRY_ASSIGN(out.mr_signer, in.array<32>("mr_signer"));
  TRY(in.take(96, "reserved3"));
  TRY_ASSIGN(out.isv_prod_id, in.u16le("isv_prod_id"));
  TRY_ASSIGN(out.isv_svn, in.u16le("isv_svn"));
  TRY(in.take(60, "reserved4"));
  TRY_ASSIGN(out.report_data, in.array<64>("report_data"));
  TRY(in.expect_end("QE report"));
  return out;
}

// A type, a length and that many bytes, which must be all that is left (T1).
Result<ByteView> take_certification(ByteReader& in, std::uint16_t wanted) {
  TRY_ASSIGN(const std::uint16_t type, in.u16le("certification data type"));
  if (type != wanted) {
    return fail(Errc::unsupported, fmt::format("certification data type {}, not {}", type, wanted));
  }
  TRY_ASSIGN(const std::uint32_t size, in.u32le("certification data size"));
  TRY_ASSIGN(const ByteView data, in.take(size, "certification data"));
  TRY(in.expect_end("certification data"));
  return data;
}

Status parse_qe_certification(ByteView bytes, TdxQuote& out) {
  ByteReader in(bytes);
  TRY_ASSIGN(const ByteView report, in.take(kEnclaveReportBytes, "QE report"));
  TRY_ASSIGN(out.qe_report, parse_enclave_report(report));
  out.qe_report_bytes = to_bytes(report);
  TRY_ASSIGN(out.qe_report_signature, in.array<64>("QE report signature"));
  TRY_ASSIGN(const std::uint16_t auth_size, in.u16le("QE authentication data size"));
  TRY_ASSIGN(const ByteView auth, in.take(auth_size, "QE authentication data"));
  out.qe_auth_data = to_bytes(auth);
  TRY_ASSIGN(const ByteView pem, take_certification(in, kPckChainPem));
  out.pck_chain_pem = as_text(pem);
  return {};
}

Status parse_signature_data(ByteView bytes, TdxQuote& out) {
  ByteReader in(bytes);
  TRY_ASSIGN(out.signature, in.array<64>("quote signature"));
  TRY_ASSIGN(out.attestation_key, in.array<64>("attestation key"));
  TRY_ASSIGN(const ByteView data, take_certification(in, kQeReportCertification));
  return parse_qe_certification(data, out);
}

}  // namespace

Result<TdxQuote> parse_tdx_quote(ByteView bytes) {
  if (bytes.size() > kMaxQuoteBytes) return fail(Errc::limit, "quote: too long");
  TdxQuote out;
  ByteReader in(bytes);
  TRY_ASSIGN(const ByteView header, in.take(kHeaderBytes, "quote header"));
  TRY_ASSIGN(out.header, parse_header(header));
  TRY_ASSIGN(const ByteView body, in.take(kTdReportBytes, "TD report"));
  TRY_ASSIGN(out.td, parse_td_report(body));
  out.signed_bytes = to_bytes(bytes.first(kHeaderBytes + kTdReportBytes));

  TRY_ASSIGN(const std::uint32_t size, in.u32le("signature data size"));
  TRY_ASSIGN(const ByteView signature_data, in.take(size, "signature data"));
  TRY(parse_signature_data(signature_data, out));
  if (!std::ranges::all_of(in.rest(), [](std::uint8_t b) { return b == 0; })) {
    return fail(Errc::malformed, "quote: bytes other than zero behind the signature data");
  }
  return out;
}

}  // namespace confide::evidence
