"""Where public verifiers and ours differ, and why ours is right. An entry whose difference is gone
fails the test as an unexplained one does. Rule numbers are those of docs/protocols."""
import typing


class Reason(typing.NamedTuple):
    says: str  # part of what differs
    because: str


UPPER_CASE_FMSPC = Reason(
    "is not equal to FMSPC value from Intel PCS's reported TDX TCB info",
    "Intel's service writes the FMSPC in capitals; it is a number (PCS API, TCB info: hex string), "
    "compared as bytes by T15. This release compares the letters.")
NO_FMC = Reason(
    "not an AMD KDS OID: 1.3.6.1.4.1.3704.1.3.9",
    "Turin's certificates carry the FMC level under that OID (AMD 57230, VCEK certificate "
    "extensions; S8). This release does not know it.")
NO_SIENA = Reason(
    "no embedded roots available for product line: \"Unknown\"",
    "Siena is family 19h, models A0h to AFh, and has Genoa's keys (S11). This release does not know "
    "the models.")
LAB_NAMES = Reason(
    "VCEK subject has 0 countries, want 1",
    "Our lab's certificates are named as AMD's are only where a name says what they are (S5); this "
    "package wants AMD's address as well.")

EXPLAINED = {
    "dcap-qvl": {
        "tdx-synthetic/s-auth-len0": Reason(
            "Invalid QE auth data length",
            "The quote format allows QE authentication data of no bytes; Intel's library "
            "accepts it."),
        "tdx-synthetic/s-pceid-mismatch": Reason(
            "T15", "The PCE-ID of the TCB info must be the PCK certificate's (T15); it compares the "
            "FMSPC alone."),
        "tdx-synthetic/s-pck-cn": Reason(
            "T5", "Intel's certificates have fixed names, by which a PCK certificate is told from "
            "others below the same root (T5)."),
        "tdx-synthetic/s-pckcrl-future": Reason(
            "not yet valid", "RFC 5280 section 6.3.3: a CRL counts from thisUpdate on (T7)."),
        "tdx-synthetic/s-tcb-signed-by-pck": Reason(
            "T12", "Only a TCB signing certificate may sign TCB info (T12); it takes any chain "
            "below the root."),
    },
    "go-tdx-guest": {
        "lab/tdx-debug": Reason(
            "T27: td_debug", "The host may read a TD in debug mode (T27). This package leaves a TD's "
            "attributes to its caller, through another package."),
        "lab/tdx-v5": Reason(
            "quote format not supported", "This release reads quotes of version 4 alone."),
        "tdx-synthetic/s-qe-rd-tail": Reason(
            "QE Report Data does not match",
            "The first 32 bytes of the QE's report data bind the attestation key (T10); Intel's "
            "library ignores the rest, which Intel's QE leaves zero."),
        **dict.fromkeys((
            "tdx-synthetic/s-auth-len0", "tdx-synthetic/s-cert-trailing-nul",
            "tdx-synthetic/s-crl-other-revoked", "tdx-synthetic/s-module-lowercase-id",
            "tdx-synthetic/s-svn0-exempt", "tdx-synthetic/s-tdx10-module",
            "tdx/v4-automata-20a0", "tdx/v4-flashbots-ev17", "tdx/v4-nearai-vllm-proxy",
            "tdx/v4-oasis-ev17", "tdx/v4-openpcc-azure", "tdx/v4-openpcc-gcp-oldsigner",
        ), UPPER_CASE_FMSPC),
    },
    "go-sev-guest": {
        "lab/snp-genoa": LAB_NAMES,
        "lab/snp-milan": LAB_NAMES,
        "snp-synthetic/base-genoa-siena": NO_SIENA._replace(says="VCEK could not be verified"),
        "snp-synthetic/base-turin": NO_FMC,
        "snp-synthetic/cpuid-zero-v3": Reason(
            "S11", "A report of version 3 names its processor; zero is none (S11). It then takes the "
            "product from the certificate alone, as for version 2."),
        "snp-synthetic/leaf-pkcs1v15": Reason(
            "expected SHA-384 with RSASSA-PSS",
            "AMD signs with PSS; the older padding is AMD's signature all the same (S6), and nobody "
            "but AMD can make one."),
        "snp/genoa-v5-siena": NO_SIENA,
        "snp/genoa-v5-siena-2": NO_SIENA,
        "snp/milan-v3-vlek-aws": Reason(
            "missing intermediate certificate authority certificate for key VLEK",
            "The ASVK comes with the evidence and chains to AMD's ARK (S5, S6). This package carries "
            "the ASK only."),
        "snp/turin-v5-oak": NO_FMC,
    },
}
