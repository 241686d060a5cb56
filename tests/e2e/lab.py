"""Machines of our own making: evidence and collateral as Intel's and AMD's specifications have them,
under roots made here. Another reading of those specifications than the C++ one."""
import datetime
import hashlib
import json
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

NOW = datetime.datetime(2026, 6, 15, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
AT = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else (
        bytes([0x81, size]) if size < 256 else b"\x82" + struct.pack(">H", size))
    return bytes([tag]) + length + content


def der_integer(number):
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def der_oid(dotted):
    arcs = [int(arc) for arc in dotted.split(".")]
    out = bytes([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        seven = [arc & 0x7f]
        while arc := arc >> 7:
            seven.insert(0, arc & 0x7f | 0x80)
        out += bytes(seven)
    return der(6, out)


def raw_signature(key, message, algorithm, size):
    """r and s, big-endian, of fixed length."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(algorithm)))
    return r.to_bytes(size, "big"), s.to_bytes(size, "big")


class Authority:
    """A key and its certificate; `issue` makes those below it."""

    def __init__(self, name, key, issuer=None, *, ca=True, pss=False, extensions=(), days=365,
                 organization="Confide test lab", identifiers=True):
        self.key, self.pss = key, pss
        issuer = issuer or self
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name),
                             x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])
        self.subject = subject
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(NOW - days * DAY).not_valid_after(NOW + days * DAY)
                   .add_extension(x509.BasicConstraints(ca, None), True)
                   .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False,
                                                False), True))
        if identifiers:
            builder = (builder
                       .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                                      False)
                       .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                           issuer.key.public_key()), False))
        for oid, value in extensions:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False)
        self.certificate = issuer.signed(builder)

    def signed(self, builder):
        if self.pss:
            return builder.sign(self.key, hashes.SHA384(), rsa_padding=padding.PSS(
                padding.MGF1(hashes.SHA384()), 48))
        p256 = getattr(getattr(self.key, "curve", None), "name", "") == "secp256r1"
        return builder.sign(self.key, hashes.SHA256() if p256 else hashes.SHA384())

    def crl(self, revoked=(), until=NOW + 29 * DAY):
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.subject)
                   .last_update(NOW - DAY).next_update(until)
                   .add_extension(x509.CRLNumber(1), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       self.key.public_key()), False))
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
                .revocation_date(NOW - DAY).build())
        return self.signed(builder).public_bytes(Encoding.DER)

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(Encoding.PEM)


def p256():
    return ec.generate_private_key(ec.SECP256R1())


def p384():
    return ec.generate_private_key(ec.SECP384R1())


class Intel:
    """A platform, its quotes and what Intel's PCS says about it."""

    fmspc = bytes.fromhex("010203040506")

    def __init__(self, tdx=True):
        self.tdx = tdx
        self.root = Authority("Intel SGX Root CA", p256())
        self.ca = Authority("Intel SGX PCK Platform CA", p256(), self.root)
        self.pck = Authority("Intel SGX PCK Certificate", p256(), self.ca, ca=False,
                             extensions=[("1.2.840.113741.1.13.1", self.sgx_extension())])
        self.signer = Authority("Intel SGX TCB Signing", p256(), self.root, ca=False)
        self.status = "UpToDate"
        self.report_data = bytes(range(64))
        self.rtmrs = [bytes([n]) * 48 for n in range(4)]
        self.crl_until = NOW + 29 * DAY

    def sgx_extension(self):
        base = "1.2.840.113741.1.13.1"

        def pair(arc, value):
            return der(0x30, der_oid(f"{base}.{arc}") + value)

        levels = b"".join(pair(f"2.{i + 1}", der_integer(3)) for i in range(16))
        levels += pair("2.17", der_integer(11)) + pair("2.18", der(4, bytes(16)))
        return der(0x30, pair(1, der(4, bytes(16))) + pair(2, der(0x30, levels))
                   + pair(3, der(4, bytes(2))) + pair(4, der(4, self.fmspc)))

    def enclave_report(self, report_data, signer=b"\x5e" * 32, product=0, svn=6):
        return (bytes(16) + bytes(4) + bytes(28) + b"\x11".ljust(16, b"\0") + b"\x42" * 32
                + bytes(32) + signer + bytes(96) + struct.pack("<HH", product, svn) + bytes(60)
                + report_data)

    def quote(self):
        header = struct.pack("<HHIHH", 4 if self.tdx else 3, 2, 0x81 if self.tdx else 0, 0, 0)
        header += bytes.fromhex("939a7233f79c4ca9940a0db3957f0607") + bytes(20)
        if self.tdx:
            attributes = struct.pack("<Q", 1 << 28)
            body = (bytes([3, 0] + [3] * 14) + b"\x01" * 48 + bytes(48) + bytes(8) + attributes
                    + bytes.fromhex("e702060000000000") + b"\x0a" * 48 + bytes(3 * 48)
                    + b"".join(self.rtmrs) + self.report_data)
        else:
            body = self.enclave_report(self.report_data, product=1, svn=1).replace(
                b"\x11".ljust(16, b"\0"), struct.pack("<QQ", 5, 3), 1)
        attestation = p256()
        public = attestation.public_key().public_bytes(Encoding.X962,
                                                       PublicFormat.UncompressedPoint)[1:]
        nonce = b"\x7a" * 32
        qe = self.enclave_report(hashlib.sha256(public + nonce).digest() + bytes(32),
                                 product=2 if self.tdx else 1)
        chain = self.pck.pem + self.ca.pem + self.root.pem
        inner = (qe + b"".join(raw_signature(self.pck.key, qe, hashes.SHA256(), 32))
                 + struct.pack("<H", len(nonce)) + nonce + struct.pack("<HI", 5, len(chain)) + chain)
        data = b"".join(raw_signature(attestation, header + body, hashes.SHA256(), 32)) + public
        data += struct.pack("<HI", 6, len(inner)) + inner if self.tdx else inner
        return header + body + struct.pack("<I", len(data)) + data

    def signed(self, member, document):
        """The body of a PCS answer: the signature is over the member's exact text."""
        text = json.dumps(document, separators=(",", ":"))
        signature = b"".join(raw_signature(self.signer.key, text.encode(), hashes.SHA256(), 32))
        return f'{{"{member}":{text},"signature":"{signature.hex()}"}}'.encode()

    def dates(self):
        return {"issueDate": stamp(NOW - DAY), "nextUpdate": stamp(self.crl_until)}

    def tcb_info(self):
        tcb = {"sgxtcbcomponents": [{"svn": 3}] * 16, "pcesvn": 11}
        if self.tdx:
            tcb["tdxtcbcomponents"] = [{"svn": 3}, {"svn": 0}] + [{"svn": 3}] * 14
        info = {"id": "TDX" if self.tdx else "SGX", "version": 3, **self.dates(),
                "fmspc": self.fmspc.hex(), "pceId": "0000", "tcbType": 0,
                "tcbEvaluationDataNumber": 20}
        if self.tdx:
            info["tdxModule"] = {"mrsigner": "00" * 48, "attributes": "00" * 8,
                                 "attributesMask": "ff" * 8}
        info["tcbLevels"] = [{"tcb": tcb, "tcbDate": stamp(NOW - 100 * DAY),
                              "tcbStatus": self.status,
                              "advisoryIDs": [] if self.status == "UpToDate" else ["INTEL-SA-1"]}]
        return self.signed("tcbInfo", info)

    def qe_identity(self):
        return self.signed("enclaveIdentity", {
            "id": "TD_QE" if self.tdx else "QE", "version": 2, **self.dates(),
            "tcbEvaluationDataNumber": 20, "miscselect": "00000000", "miscselectMask": "ffffffff",
            "attributes": "11" + "00" * 15, "attributesMask": "fb" + "ff" * 7 + "00" * 8,
            "mrsigner": "5e" * 32, "isvprodid": 2 if self.tdx else 1,
            "tcbLevels": [{"tcb": {"isvsvn": 6}, "tcbDate": stamp(NOW - 100 * DAY),
                           "tcbStatus": "UpToDate"}]})

    @property
    def signing_chain(self):
        return self.signer.pem + self.root.pem

    def write(self, folder):
        """The quote, and the collateral as the PCS serves it."""
        folder.mkdir(exist_ok=True)
        for name, content in {
                "quote.bin": self.quote(), "root.pem": self.root.pem,
                "tcb_info_response.json": self.tcb_info(),
                "qe_identity_response.json": self.qe_identity(),
                "tcb_info_issuer_chain.pem": self.signing_chain,
                "qe_identity_issuer_chain.pem": self.signing_chain,
                "pck_crl.der": self.ca.crl(until=self.crl_until),
                "pck_crl_issuer_chain.pem": self.ca.pem + self.root.pem,
                "root_ca_crl.der": self.root.crl(until=self.crl_until)}.items():
            (folder / name).write_bytes(content)
        return folder


class Amd:
    """A Milan, its reports and AMD's certificates for it."""

    def __init__(self):
        def rsa_key():
            return rsa.generate_private_key(65537, 4096)

        amd = {"organization": "Advanced Micro Devices", "identifiers": False}
        self.ark = Authority("ARK-Milan", rsa_key(), pss=True, **amd)
        self.ask = Authority("SEV-Milan", rsa_key(), self.ark, pss=True, **amd)
        self.chip_id = b"\xab" * 64
        self.tcb = bytes([3, 1, 0, 0, 0, 0, 24, 217])
        self.policy = 1 << 17 | 1 << 16
        self.report_data = bytes(range(64))
        base = "1.3.6.1.4.1.3704.1"
        levels = {"3.1": 3, "3.2": 1, "3.4": 0, "3.5": 0, "3.6": 0, "3.7": 0, "3.3": 24, "3.8": 217}
        extensions = [(f"{base}.1", der_integer(1)), (f"{base}.2", der(0x16, b"Milan-B0"))]
        extensions += [(f"{base}.{arc}", der_integer(svn)) for arc, svn in levels.items()]
        extensions.append((f"{base}.4", self.chip_id))
        self.vcek = Authority("SEV-VCEK", p384(), self.ask, ca=False, extensions=extensions, **amd)

    def report(self):
        signed = struct.pack("<IIQ", 3, 0, self.policy) + bytes(32) + struct.pack("<II", 0, 1)
        signed += self.tcb + struct.pack("<QII", 1, 0, 0) + self.report_data + b"\x5a" * 48
        signed += bytes(32) + bytes(48) + bytes(48) + b"\x1d" * 32 + b"\xff" * 32 + self.tcb
        signed = (signed + bytes([0x19, 1, 1])).ljust(0x1a0, b"\0") + self.chip_id + self.tcb
        signed += bytes([29, 55, 1, 0]) * 2 + self.tcb
        signed = signed.ljust(0x2a0, b"\0")
        r, s = raw_signature(self.vcek.key, signed, hashes.SHA384(), 48)
        return signed + r[::-1].ljust(72, b"\0") + s[::-1].ljust(72, b"\0") + bytes(368)

    @property
    def vcek_path(self):
        return (f"/vcek/v1/Milan/{self.chip_id.hex()}"
                "?blSPL=03&teeSPL=01&snpSPL=24&ucodeSPL=217")

    def write(self, folder):
        folder.mkdir(exist_ok=True)
        for name, content in {"report.bin": self.report(), "vcek.der": self.vcek.der,
                              "ask.der": self.ask.der, "ark.der": self.ark.der,
                              "crl.der": self.ark.crl(), "root.pem": self.ark.pem}.items():
            (folder / name).write_bytes(content)
        return folder
