/* Confide's verifier for other languages and programs: evidence in, verdict out. Link with
 * -lconfide-verify.
 *
 * Nothing here opens a socket, reads a file or looks at a clock: time, collateral and policy are
 * arguments. All functions may be called from many threads at once; a policy must not be changed
 * while another thread uses it. Bytes that are passed in are read during the call and not kept.
 * Objects that are returned belong to the caller, who frees each with its own function; text that
 * is read from an object lives as long as the object. A null object may be freed.
 *
 * There are two outcomes only. Malformed, missing or stale evidence is a failed verdict with its
 * reason, exactly like a false signature. A verifying function returns null for one reason: memory
 * ran out.
 */
#ifndef CONFIDE_VERIFY_H
#define CONFIDE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define CONFIDE_API
#else
#define CONFIDE_API __attribute__((visibility("default")))
#endif

/* Borrowed bytes; `data` may be null where `size` is 0, which means that they are not given. */
typedef struct confide_bytes {
  const uint8_t* data;
  size_t size;
} confide_bytes;

/* The library's version, as in "0.1.0". */
CONFIDE_API const char* confide_version(void);

/* ---- Appraisal policy: what the relying party accepts.
 * ---------------------------------------------------------------- */

typedef struct confide_policy confide_policy;

/* The strict default: the hardware vendors' built-in roots, best TCB status, no debug, any
 * measurement. */
CONFIDE_API confide_policy* confide_policy_strict(void);
/* From an appraisal policy in TOML (docs/protocols/policy.md). Null if it is not one; then
 * `*error`, unless `error` is null, is a message that names the line, to be freed with
 * confide_text_free(). */
CONFIDE_API confide_policy* confide_policy_parse(confide_bytes toml, char** error);
/* Trusts one more root, a certificate in PEM or DER. What it anchors is reported as simulated.
 * False if it is no certificate. */
CONFIDE_API bool confide_policy_trust(confide_policy* policy, confide_bytes certificate);
CONFIDE_API void confide_policy_free(confide_policy* policy);
CONFIDE_API void confide_text_free(char* text);

/* ---- Verdicts.
 * --------------------------------------------------------------------------------------------------------
 */

typedef struct confide_verdict confide_verdict;

/* True only if every check that the policy demands was made and passed. */
CONFIDE_API bool confide_verdict_passed(const confide_verdict* verdict);
/* True if the evidence is anchored in a root that is no hardware vendor's: such a verdict proves
 * nothing about hardware. */
CONFIDE_API bool confide_verdict_simulated(const confide_verdict* verdict);
/* Stable id of the first check that failed, as "tdx.tcb.status", and why; null where none did. */
CONFIDE_API const char* confide_verdict_failure(const confide_verdict* verdict);
CONFIDE_API const char* confide_verdict_reason(const confide_verdict* verdict);
/* All of it, as UTF-8 JSON:
 * {"verdict":"pass"|"fail","simulated":bool,"checks":[{"id","status","detail"}],"claims":{...}}. */
CONFIDE_API const char* confide_verdict_json(const confide_verdict* verdict);
CONFIDE_API void confide_verdict_free(confide_verdict* verdict);

/* ---- Evidence. `at` is the time to judge by, in seconds since 1970-01-01T00:00:00Z.
 * ----------------------------------- */

/* What Intel says about platforms: a QuoteCollateralV3 object in JSON, parsed and its signatures
 * checked once, to judge any number of quotes. Dates, revocation and roots are judged anew for each
 * quote. Null if it cannot be read; `error` as above. */
typedef struct confide_endorsements confide_endorsements;
CONFIDE_API confide_endorsements* confide_endorsements_read(confide_bytes collateral, char** error);
CONFIDE_API void confide_endorsements_free(confide_endorsements* endorsements);

/* Intel TDX or SGX quote (versions 3 to 5). Null endorsements fail the checks that need them. */
CONFIDE_API confide_verdict* confide_verify_quote(confide_bytes quote,
                                                  const confide_endorsements* endorsements,
                                                  const confide_policy* policy, int64_t at);

/* What endorses a SEV-SNP report, each in DER or PEM. Roots are the policy's: `ark` may be left
 * out. */
typedef struct confide_snp_certificates {
  confide_bytes leaf; /* VCEK or VLEK */
  confide_bytes ica;  /* ASK or ASVK */
  confide_bytes ark;
  confide_bytes crl; /* optional: without it revocation is not judged, and the verdict says so */
} confide_snp_certificates;

/* AMD SEV-SNP attestation report (1,184 bytes). */
CONFIDE_API confide_verdict* confide_verify_snp(confide_bytes report,
                                                const confide_snp_certificates* certificates,
                                                const confide_policy* policy, int64_t at);

/* One NVIDIA GPU or NVSwitch: the SPDM request and response, and the device's certificate chain in
 * PEM, leaf first. */
typedef struct confide_gpu_evidence {
  confide_bytes report;
  confide_bytes chain;
  bool is_switch;
} confide_gpu_evidence;

/* NVIDIA's signed reference values, in XML, and DER OCSP answers about the certificates involved,
 * in any order. */
typedef struct confide_gpu_references {
  const confide_bytes* driver_rims;
  size_t driver_rim_count;
  const confide_bytes* vbios_rims; /* those of NVSwitches too */
  size_t vbios_rim_count;
  const confide_bytes* ocsp;
  size_t ocsp_count;
} confide_gpu_references;

/* All devices of one machine, against the relying party's own 32-byte `nonce`. `references` may be
 * null. */
CONFIDE_API confide_verdict* confide_verify_gpus(const confide_gpu_evidence* devices,
                                                 size_t device_count,
                                                 const confide_gpu_references* references,
                                                 confide_bytes nonce, const confide_policy* policy,
                                                 int64_t at);

/* The event log behind a TDX quote: dstack's JSON or the TCG's binary CCEL. The quote is verified
 * first: a log explains the registers of a genuine quote or nothing. */
CONFIDE_API confide_verdict* confide_verify_event_log(confide_bytes log, confide_bytes quote,
                                                      const confide_endorsements* endorsements,
                                                      const confide_policy* policy, int64_t at);

#ifdef __cplusplus
}
#endif

#endif
