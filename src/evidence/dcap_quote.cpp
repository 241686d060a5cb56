#include "evidence/dcap_quote.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::uint16_t kVersion3 = 3;
constexpr std::uint16_t kVersion5 = 5;
constexpr std::uint16_t kEcdsaP256 = 2;
constexpr std::uint16_t kPckChainPem = 5;
constexpr std::uint16_t kQeReportCertification = 6;
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kEnclaveReportBytes = 384;
constexpr std::size_t kTd10Bytes = 584;
constexpr std::size_t kTd15Bytes = 648;

// Version 5 names its body; before, the TEE type alone did.
enum class BodyType : std::uint16_t { sgx = 1, td10 = 2, td15 = 3 };

struct BodyLayout {
  BodyType type;
  std::size_t size;
};

std::string_view name_of_key_type(std::uint16_t type) {
  switch (type) {
    case 0:
    case 1:
      return "EPID";
    case 3:
      return "ECDSA P-384";
    default:
      return "unknown";
  }
}

std::string_view name_of_certification(std::uint16_t type) {
  switch (type) {
    case 1:
      return "PPID in the clear";
    case 2:
      return "PPID encrypted with RSA-2048";
    case 3:
      return "PPID encrypted with RSA-3072";
    case 4:
      return "PCK certificate without its chain";
    case kPckChainPem:
      return "PCK certificate chain";
    case kQeReportCertification:
      return "QE report";
    case 7:
      return "platform manifest";
    default:
      return "unknown";
  }
}

// T1: everything behind the header depends on these three.
Status check_header(const QuoteHeader& header) {
  if (header.version < kVersion3 || header.version > kVersion5) {
    return fail(Errc::unsupported, fmt::format("T1: quote version {}", header.version));
  }
  if (header.att_key_type != kEcdsaP256) {
    return fail(Errc::unsupported,
                fmt::format("T1: attestation key type {} ({})", header.att_key_type,
                            name_of_key_type(header.att_key_type)));
  }
  const bool known =
      header.tee_type == kTeeSgx || (header.tee_type == kTeeTdx && header.version > kVersion3);
  if (!known) {
    return fail(Errc::unsupported,
                fmt::format("T1: TEE type {:#x} in version {}", header.tee_type, header.version));
  }
  return {};
}

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
  TRY(check_header(out));
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
  if (in.left() == 0) return out;
  Td15& more = out.td15.emplace();
  TRY_ASSIGN(more.tee_tcb_svn2, in.array<16>("tee_tcb_svn2"));
  TRY_ASSIGN(more.mr_service_td, in.array<48>("mr_service_td"));
  return out;
}

Result<EnclaveReport> parse_enclave_report(ByteView bytes) {
  ByteReader in(bytes);
  EnclaveReport out;
  TRY_ASSIGN(out.cpu_svn, in.array<16>("cpu_svn"));
  TRY_ASSIGN(out.misc_select, in.u32le("misc_select"));
  TRY(in.take(12, "reserved1"));
  TRY_ASSIGN(out.isv_ext_prod_id, in.array<16>("isv_ext_prod_id"));
  TRY_ASSIGN(out.attributes, in.array<16>("attributes"));
  TRY_ASSIGN(out.mr_enclave, in.array<32>("mr_enclave"));
  TRY(in.take(32, "reserved2"));
  TRY_ASSIGN(out.mr_signer, in.array<32>("mr_signer"));
  TRY(in.take(32, "reserved3"));
  TRY_ASSIGN(out.config_id, in.array<64>("config_id"));
  TRY_ASSIGN(out.isv_prod_id, in.u16le("isv_prod_id"));
  TRY_ASSIGN(out.isv_svn, in.u16le("isv_svn"));
  TRY_ASSIGN(out.config_svn, in.u16le("config_svn"));
  TRY(in.take(42, "reserved4"));
  TRY_ASSIGN(out.isv_family_id, in.array<16>("isv_family_id"));
  TRY_ASSIGN(out.report_data, in.array<64>("report_data"));
  return out;
}

// T1: the body's type and size as version 5 states them, and that they fit each other and the TEE.
Result<BodyLayout> take_layout(ByteReader& in, std::uint32_t tee_type) {
  TRY_ASSIGN(const std::uint16_t type, in.u16le("body type"));
  TRY_ASSIGN(const std::uint32_t size, in.u32le("body size"));
  BodyLayout out{};
  switch (static_cast<BodyType>(type)) {
    case BodyType::sgx:
      out = {BodyType::sgx, kEnclaveReportBytes};
      break;
    case BodyType::td10:
      out = {BodyType::td10, kTd10Bytes};
      break;
    case BodyType::td15:
      out = {BodyType::td15, kTd15Bytes};
      break;
    default:
      return fail(Errc::unsupported, fmt::format("T1: quote body type {}", type));
  }
  if (size != out.size) {
    return fail(Errc::malformed, fmt::format("T1: body type {} of {} bytes", type, size));
  }
  if ((out.type == BodyType::sgx) != (tee_type == kTeeSgx)) {
    return fail(Errc::malformed,
                fmt::format("T1: body type {} for TEE type {:#x}", type, tee_type));
  }
  return out;
}

Result<BodyLayout> find_layout(ByteReader& in, const QuoteHeader& header) {
  if (header.version == kVersion5) return take_layout(in, header.tee_type);
  if (header.tee_type == kTeeSgx) return BodyLayout{BodyType::sgx, kEnclaveReportBytes};
  return BodyLayout{BodyType::td10, kTd10Bytes};
}

// T1, T3: a type, a length and that many bytes, which must be all that is left.
Result<ByteView> take_certification(ByteReader& in, std::uint16_t wanted) {
  TRY_ASSIGN(const std::uint16_t type, in.u16le("certification data type"));
  if (type != wanted) {
    return fail(Errc::unsupported, fmt::format("T3: certification data type {} ({}), not {}", type,
                                               name_of_certification(type), wanted));
  }
  TRY_ASSIGN(const std::uint32_t size, in.u32le("certification data size"));
  TRY_ASSIGN(const ByteView data, in.take(size, "certification data"));
  TRY(in.expect_end("certification data"));
  return data;
}

Status parse_qe_certification(ByteReader& in, DcapQuote& out) {
  TRY_ASSIGN(const ByteView report, in.take(kEnclaveReportBytes, "QE report"));
  TRY_ASSIGN(out.qe_report, parse_enclave_report(report));
  out.qe_report_bytes = to_bytes(report);
  TRY_ASSIGN(out.qe_report_signature, in.array<64>("QE report signature"));
  TRY_ASSIGN(const std::uint16_t auth_size, in.u16le("QE authentication data size"));
  TRY_ASSIGN(const ByteView auth, in.take(auth_size, "QE authentication data"));
  out.qe_auth_data = to_bytes(auth);
  TRY_ASSIGN(const ByteView pem, take_certification(in, kPckChainPem));
  out.certification_type = kPckChainPem;
  out.pck_chain_pem = as_text(pem);
  return {};
}

// Version 4 wrapped what version 3 has in plain sequence into certification data of its own.
Status parse_signature_data(ByteView bytes, DcapQuote& out) {
  ByteReader in(bytes);
  TRY_ASSIGN(out.signature, in.array<64>("quote signature"));
  TRY_ASSIGN(out.attestation_key, in.array<64>("attestation key"));
  if (out.header.version == kVersion3) return parse_qe_certification(in, out);
  TRY_ASSIGN(const ByteView data, take_certification(in, kQeReportCertification));
  ByteReader inner(data);
  return parse_qe_certification(inner, out);
}

}  // namespace

std::string_view DcapQuote::body_type() const noexcept {
  const TdReport* const report = td();
  if (report == nullptr) return "sgx";
  return report->td15 ? "td15" : "td10";
}

Result<DcapQuote> parse_dcap_quote(ByteView bytes) {
  if (bytes.size() > kMaxQuoteBytes) return fail(Errc::limit, "T1: quote: too long");
  DcapQuote out;
  ByteReader in(bytes);
  TRY_ASSIGN(const ByteView header, in.take(kHeaderBytes, "quote header"));
  TRY_ASSIGN(out.header, parse_header(header));
  TRY_ASSIGN(const BodyLayout layout, find_layout(in, out.header));
  TRY_ASSIGN(const ByteView body, in.take(layout.size, "quote body"));
  if (layout.type == BodyType::sgx) {
    TRY_ASSIGN(out.body, parse_enclave_report(body));
  } else {
    TRY_ASSIGN(out.body, parse_td_report(body));
  }
  out.signed_bytes = to_bytes(bytes.first(bytes.size() - in.left()));

  TRY_ASSIGN(out.signature_data_size, in.u32le("signature data size"));
  TRY_ASSIGN(const ByteView signature_data, in.take(out.signature_data_size, "signature data"));
  TRY(parse_signature_data(signature_data, out));
  if (!std::ranges::all_of(in.rest(), [](std::uint8_t b) { return b == 0; })) {
    return fail(Errc::malformed, "T1: bytes other than zero behind the signature data");
  }
  out.trailing_zeros = in.left();
  return out;
}

}  // namespace confide::evidence
