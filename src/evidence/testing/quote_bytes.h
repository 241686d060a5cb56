// Writes quotes byte for byte, so that tests can spoil one field at a time.
#pragma once

#include <cstdint>

#include "evidence/dcap_quote.h"

namespace confide::evidence::testing {

inline void put_u16le(Bytes& to, std::uint16_t value) {
  to.push_back(static_cast<std::uint8_t>(value & 0xFFU));
  to.push_back(static_cast<std::uint8_t>(value >> 8U));
}

inline void put_u32le(Bytes& to, std::uint32_t value) {
  put_u16le(to, static_cast<std::uint16_t>(value & 0xFFFFU));
  put_u16le(to, static_cast<std::uint16_t>(value >> 16U));
}

inline void put_zeros(Bytes& to, std::size_t n) { to.insert(to.end(), n, 0); }

// 648 bytes if the report has what TDX 1.5 added, else 584.
inline Bytes write_td_report(const TdReport& td) {
  Bytes out;
  append(out, td.tee_tcb_svn);
  append(out, td.mr_seam);
  append(out, td.mr_signer_seam);
  append(out, td.seam_attributes);
  append(out, td.td_attributes);
  append(out, td.xfam);
  append(out, td.mr_td);
  append(out, td.mr_config_id);
  append(out, td.mr_owner);
  append(out, td.mr_owner_config);
  for (const Measurement& rtmr : td.rtmr) append(out, rtmr);
  append(out, td.report_data);
  if (!td.td15) return out;
  append(out, td.td15->tee_tcb_svn2);
  append(out, td.td15->mr_service_td);
  return out;
}

inline Bytes write_enclave_report(const EnclaveReport& report) {
  Bytes out;
  append(out, report.cpu_svn);
  put_u32le(out, report.misc_select);
  put_zeros(out, 12);
  append(out, report.isv_ext_prod_id);
  append(out, report.attributes);
  append(out, report.mr_enclave);
  put_zeros(out, 32);
  append(out, report.mr_signer);
  put_zeros(out, 32);
  append(out, report.config_id);
  put_u16le(out, report.isv_prod_id);
  put_u16le(out, report.isv_svn);
  put_u16le(out, report.config_svn);
  put_zeros(out, 42);
  append(out, report.isv_family_id);
  append(out, report.report_data);
  return out;
}

// Header and body: what the attestation key signs.
inline Bytes write_signed_bytes(const DcapQuote& quote) {
  const QuoteHeader& header = quote.header;
  Bytes out;
  put_u16le(out, header.version);
  put_u16le(out, header.att_key_type);
  put_u32le(out, header.tee_type);
  put_u16le(out, header.qe_svn);
  put_u16le(out, header.pce_svn);
  append(out, header.qe_vendor_id);
  append(out, header.user_data);
  const Bytes body =
      quote.td() != nullptr ? write_td_report(*quote.td()) : write_enclave_report(*quote.enclave());
  if (header.version == 5) {
    const std::string_view type = quote.body_type();
    put_u16le(out, type == "sgx" ? 1 : type == "td10" ? 2 : 3);
    put_u32le(out, static_cast<std::uint32_t>(body.size()));
  }
  append(out, body);
  return out;
}

// Types of certification data; tests put other numbers in their place.
struct CertificationTypes {
  std::uint16_t outer = 6;
  std::uint16_t inner = 5;
};

// Takes signed_bytes and qe_report_bytes as they stand, not the structs they were made from.
inline Bytes write_quote(const DcapQuote& quote, const CertificationTypes& types = {}) {
  Bytes inner = quote.qe_report_bytes;
  append(inner, quote.qe_report_signature);
  put_u16le(inner, static_cast<std::uint16_t>(quote.qe_auth_data.size()));
  append(inner, quote.qe_auth_data);
  put_u16le(inner, types.inner);
  put_u32le(inner, static_cast<std::uint32_t>(quote.pck_chain_pem.size()));
  append(inner, as_bytes(quote.pck_chain_pem));

  Bytes outer = to_bytes(quote.signature);
  append(outer, quote.attestation_key);
  if (quote.header.version > 3) {
    put_u16le(outer, types.outer);
    put_u32le(outer, static_cast<std::uint32_t>(inner.size()));
  }
  append(outer, inner);

  Bytes out = quote.signed_bytes;
  put_u32le(out, static_cast<std::uint32_t>(outer.size()));
  append(out, outer);
  return out;
}

}  // namespace confide::evidence::testing
