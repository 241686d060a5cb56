// The Intel TDX quote, version 4, as bytes define it. Parses; judges nothing.
// Intel TDX DCAP Quoting Library API, appendix 3 (offsets in docs/protocols/tdx.md).
#pragma once

#include <array>
#include <string>

#include "base/bytes.h"

namespace confide::evidence {

using Measurement = ByteArray<48>;  // SHA-384
using ReportData = ByteArray<64>;

struct QuoteHeader {               // 48 bytes
  std::uint16_t version = 0;       // 4
  std::uint16_t att_key_type = 0;  // 2: ECDSA P-256
  std::uint32_t tee_type = 0;      // 0x81: TDX
  std::uint16_t qe_svn = 0;
  std::uint16_t pce_svn = 0;
  ByteArray<16> qe_vendor_id{};
  ByteArray<20> user_data{};
};

struct TdReport {  // 584 bytes, TDX 1.0
  ByteArray<16> tee_tcb_svn{};
  Measurement mr_seam{};
  Measurement mr_signer_seam{};
  ByteArray<8> seam_attributes{};
  ByteArray<8> td_attributes{};  // little-endian bit field; bit 0 is DEBUG
  ByteArray<8> xfam{};
  Measurement mr_td{};
  Measurement mr_config_id{};
  Measurement mr_owner{};
  Measurement mr_owner_config{};
  std::array<Measurement, 4> rtmr{};
  ReportData report_data{};
};

struct EnclaveReport {  // 384 bytes: the SGX report of the Quoting Enclave
  ByteArray<16> cpu_svn{};
  std::uint32_t misc_select = 0;
  ByteArray<16> attributes{};
  ByteArray<32> mr_enclave{};
  ByteArray<32> mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  ByteArray<64> report_data{};
};

struct TdxQuote {
  QuoteHeader header;
  TdReport td;
  Bytes signed_bytes;               // header || body, exactly as received
  ByteArray<64> signature{};        // r || s by the attestation key over signed_bytes
  ByteArray<64> attestation_key{};  // X || Y
  EnclaveReport qe_report;
  Bytes qe_report_bytes;  // 384 bytes, exactly as received
  ByteArray<64> qe_report_signature{};
  Bytes qe_auth_data;
  std::string pck_chain_pem;  // certification data type 5, leaf first
};

inline constexpr std::size_t kMaxQuoteBytes = 64 * 1024;

// Fails with `malformed` on lengths that do not add up (zero bytes after the signature data are
// accepted, as quoting services pad), `unsupported` on another version, key type or TEE, `limit`.
Result<TdxQuote> parse_tdx_quote(ByteView bytes);

}  // namespace confide::evidence
