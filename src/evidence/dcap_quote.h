// Intel's attestation quotes as bytes define them: SGX quotes of versions 3 to 5, TDX quotes of
// versions 4 and 5. Parses; judges nothing. Intel SGX ECDSA Quoting Library API, appendix A, and
// Intel TDX DCAP Quoting Library API, appendix 3 (offsets in docs/protocols/tdx.md).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"

namespace confide::evidence {

using Measurement = ByteArray<48>;  // SHA-384
using ReportData = ByteArray<64>;

inline constexpr std::uint32_t kTeeSgx = 0;
inline constexpr std::uint32_t kTeeTdx = 0x81;

struct QuoteHeader {               // 48 bytes
  std::uint16_t version = 0;       // 3, 4 or 5
  std::uint16_t att_key_type = 0;  // 2: ECDSA P-256
  std::uint32_t tee_type = 0;      // kTeeSgx or kTeeTdx
  std::uint16_t qe_svn = 0;
  std::uint16_t pce_svn = 0;
  ByteArray<16> qe_vendor_id{};
  ByteArray<20> user_data{};
};

// What the body of TDX 1.5 has behind that of TDX 1.0.
struct Td15 {
  ByteArray<16> tee_tcb_svn2{};  // of the TDX module that runs now; tee_tcb_svn: at launch
  Measurement mr_service_td{};   // of the service TDs bound to this one; zero: none
};

struct TdReport {  // 584 bytes in TDX 1.0, 648 in TDX 1.5
  ByteArray<16> tee_tcb_svn{};
  Measurement mr_seam{};
  Measurement mr_signer_seam{};
  ByteArray<8> seam_attributes{};
  ByteArray<8> td_attributes{};  // little-endian bit field; bit 0 is DEBUG
  ByteArray<8> xfam{};           // likewise
  Measurement mr_td{};
  Measurement mr_config_id{};
  Measurement mr_owner{};
  Measurement mr_owner_config{};
  std::array<Measurement, 4> rtmr{};
  ReportData report_data{};
  std::optional<Td15> td15;
};

struct EnclaveReport {  // 384 bytes: an SGX report, of the Quoting Enclave or the one quoted
  ByteArray<16> cpu_svn{};
  std::uint32_t misc_select = 0;
  ByteArray<16> isv_ext_prod_id{};
  ByteArray<16> attributes{};  // FLAGS, little-endian (bit 1 is DEBUG), then XFRM
  ByteArray<32> mr_enclave{};
  ByteArray<32> mr_signer{};
  ByteArray<64> config_id{};
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  std::uint16_t config_svn = 0;
  ByteArray<16> isv_family_id{};
  ReportData report_data{};
};

struct DcapQuote {
  QuoteHeader header;
  std::variant<TdReport, EnclaveReport> body;
  Bytes signed_bytes;  // header || body (with its type and size in version 5), as received
  std::uint32_t signature_data_size = 0;
  std::size_t trailing_zeros = 0;   // bytes of padding behind the signature data
  ByteArray<64> signature{};        // r || s by the attestation key over signed_bytes
  ByteArray<64> attestation_key{};  // X || Y
  EnclaveReport qe_report;
  Bytes qe_report_bytes;  // 384 bytes, exactly as received
  ByteArray<64> qe_report_signature{};
  Bytes qe_auth_data;
  std::uint16_t certification_type = 0;  // 5: the PCK chain as PEM
  std::string pck_chain_pem;             // leaf first

  // Null if the quote is of the other kind.
  const TdReport* td() const noexcept { return std::get_if<TdReport>(&body); }
  const EnclaveReport* enclave() const noexcept { return std::get_if<EnclaveReport>(&body); }
  // sgx, td10 or td15
  std::string_view body_type() const noexcept;
};

inline constexpr std::size_t kMaxQuoteBytes = 64 * 1024;

// Fails with `malformed` on lengths that do not add up (zero bytes after the signature data are
// accepted, as quoting services pad), `unsupported` on another version, key type, TEE, body or
// certification data, `limit`.
Result<DcapQuote> parse_dcap_quote(ByteView bytes);

}  // namespace confide::evidence
