// The certificates that a SEV-SNP report needs: as given one by one, or as the host's certificate
// table, which comes with an extended report. Cuts bytes; reads no certificate, judges nothing.
// AMD SEV-ES Guest-Hypervisor Communication Block Standardization (56421), section 4.1.8.1.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "evidence/snp_report.h"

namespace confide::evidence {

// Each is one certificate in DER or PEM (the CRL: DER, PEM or hex). What is absent is not there at
// all: an empty value is a damaged one.
struct SnpCertificates {
  std::optional<Bytes> leaf;  // VCEK or VLEK, as it names itself
  std::optional<Bytes> ica;   // ASK for a VCEK, ASVK for a VLEK
  std::optional<Bytes> ark;   // may be left out: roots are the policy's
  std::optional<Bytes> crl;   // AMD's, signed by the ARK
};

inline constexpr std::size_t kMaxSnpCertificateTableBytes = 64 * 1024;
inline constexpr std::size_t kMaxSnpCertificateTableEntries = 16;

// Entries of unknown kind are passed over, as the specification demands of guests. `key` chooses
// where the table holds a VCEK and a VLEK; without it such a table is refused. Fails with
// `malformed` if there is no end mark, or an entry lies outside the table, on another entry, is
// empty, or of a kind that was there before; with `limit`.
Result<SnpCertificates> parse_snp_certificate_table(
    ByteView table, std::optional<SnpSigningKey> key = std::nullopt);

}  // namespace confide::evidence
