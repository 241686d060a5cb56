#include "attest/sim_quote.h"

#include "attest/sim_platform.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace confide::attest {
namespace {

constexpr std::uint16_t kVersion = 4;
constexpr std::uint16_t kEcdsaP256 = 2;
constexpr std::uint32_t kTeeTdx = 0x81;
constexpr std::uint16_t kPckChainPem = 5;
constexpr std::uint16_t kQeReportCertification = 6;
constexpr std::size_t kAuthDataBytes = 32;
// Intel's, since verifiers compare it: quotes of another vendor have other rules.
constexpr ByteArray<16> kQeVendorId{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                    0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

void put_u16le(Bytes& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value & 0xffU));
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
}

void put_u32le(Bytes& out, std::size_t value) {
  put_u16le(out, static_cast<std::uint16_t>(value & 0xffffU));
  put_u16le(out, static_cast<std::uint16_t>(value >> 16U));
}

void put_zeros(Bytes& out, std::size_t count) { out.insert(out.end(), count, 0); }

Bytes header_and_body(const evidence::TdReport& td) {
  Bytes out;
  put_u16le(out, kVersion);
  put_u16le(out, kEcdsaP256);
  put_u32le(out, kTeeTdx);
  put_zeros(out, 4);  // QE and PCE version: in the QE report since version 4
  append(out, kQeVendorId);
  put_zeros(out, 20);  // user data

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
  for (const evidence::Measurement& rtmr : td.rtmr) append(out, rtmr);
  append(out, td.report_data);
  return out;
}

// The SGX report of the quoting enclave, which binds the attestation key.
Bytes qe_report(const crypto::P256Public& attestation_key, ByteView auth_data) {
  Bytes bound = to_bytes(attestation_key);
  append(bound, auth_data);
  Bytes out;
  append(out, kSimSgxSvn);  // CPUSVN
  put_zeros(out, 4);        // MISCSELECT
  put_zeros(out, 28);
  append(out, kSimQeAttributes);
  append(out, sim_qe_mr_enclave());
  put_zeros(out, 32);
  append(out, sim_qe_mr_signer());
  put_zeros(out, 96);
  put_u16le(out, kSimQeProdId);
  put_u16le(out, kSimQeSvn);
  put_zeros(out, 60);
  append(out, crypto::sha256(bound));
  put_zeros(out, 32);
  return out;
}

Bytes certification_of(const crypto::P256Public& attestation_key, const SimPki& pki) {
  const Bytes auth_data = crypto::random_bytes(kAuthDataBytes);
  Bytes out = qe_report(attestation_key, auth_data);
  append(out, pki.sign_qe_report(out));
  put_u16le(out, static_cast<std::uint16_t>(auth_data.size()));
  append(out, auth_data);
  put_u16le(out, kPckChainPem);
  put_u32le(out, pki.pck_chain_pem().size());
  append(out, as_bytes(pki.pck_chain_pem()));
  return out;
}

}  // namespace

SimQuotingEnclave::SimQuotingEnclave(const SimPki& pki)
    : attestation_key_(crypto::P256Key::generate()),
      certification_(certification_of(attestation_key_.public_key(), pki)) {}

Bytes SimQuotingEnclave::quote(const evidence::TdReport& td) const {
  Bytes out = header_and_body(td);
  const crypto::P256Signature signature = attestation_key_.sign(out);
  Bytes signature_data = to_bytes(signature);
  append(signature_data, attestation_key_.public_key());
  put_u16le(signature_data, kQeReportCertification);
  put_u32le(signature_data, certification_.size());
  append(signature_data, certification_);
  put_u32le(out, signature_data.size());
  append(out, signature_data);
  return out;
}

}  // namespace confide::attest
