"""Certificate paths with CRLs, most of them wrong in something: extensions, names, times, key usages, signers."""
import datetime
import random

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime.datetime(2026, 6, 15, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
SECOND = datetime.timedelta(seconds=1)
EDGES = [(NOW + DAY, NOW + 2 * DAY), (NOW - 2 * DAY, NOW - DAY), (NOW - DAY, NOW - SECOND),
         (NOW - DAY, NOW + SECOND), (NOW + SECOND, NOW + DAY), (NOW, NOW + DAY)]
NO_SCOPE = {"full_name": None, "relative_name": None, "only_contains_user_certs": False,
            "only_contains_ca_certs": False, "only_some_reasons": None, "indirect_crl": False,
            "only_contains_attribute_certs": False}
SCOPES = [{"full_name": [x509.UniformResourceIdentifier("http://crl.example/")]},
          {"only_contains_user_certs": True}, {"only_contains_ca_certs": True},
          {"only_some_reasons": frozenset([x509.ReasonFlags.key_compromise])},
          {"indirect_crl": True}, {"only_contains_attribute_certs": True}]


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


class Maker:
    """Makes paths from `seed`; each property is wrong with probability `odds`."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.keys = ([ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
                     + [ec.generate_private_key(ec.SECP384R1()) for _ in range(2)]
                     + [rsa.generate_private_key(65537, 2048) for _ in range(2)])
        self.odds = 0.0

    def oddly(self, factor=1.0):
        return self.random.random() < self.odds * factor

    def sign(self, builder, key):
        digest = self.random.choice([hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
        pss = isinstance(key, rsa.RSAPrivateKey) and self.random.random() < 0.4
        return builder.sign(key, digest, rsa_padding=padding.PSS(
            padding.MGF1(digest), padding.PSS.DIGEST_LENGTH) if pss else None)

    def usage(self, is_ca):
        bits = dict.fromkeys(["content_commitment", "key_encipherment", "data_encipherment",
                              "key_agreement", "encipher_only", "decipher_only"], False)
        bits.update(digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca)
        for bit in ("digital_signature", "key_cert_sign", "crl_sign", "content_commitment"):
            bits[bit] ^= self.oddly()
        return x509.KeyUsage(**bits)

    def rare_extensions(self):
        choose = self.random.choice
        yield x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
        yield x509.ExtendedKeyUsage([choose([ExtendedKeyUsageOID.SERVER_AUTH,
                                             ExtendedKeyUsageOID.OCSP_SIGNING])])
        yield x509.NameConstraints([x509.DNSName("a.example")], None)
        yield x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("1.2.3"), None)])
        yield x509.SubjectAlternativeName([x509.DNSName("b.example")])

    def certificate(self, subject, key, issuer, issuer_key, is_ca):
        window = self.random.choice(EDGES) if self.oddly() else (NOW - 100 * DAY, NOW + 100 * DAY)
        builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(window[0]).not_valid_after(window[1]))
        extensions = []
        if is_ca != self.oddly():
            limit = self.random.choice([None, None, 0, 1]) if is_ca else None
            extensions.append((x509.BasicConstraints(is_ca, limit), not self.oddly()))
        if not self.oddly():
            extensions.append((self.usage(is_ca), not self.oddly()))
        if not self.oddly():
            extensions.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        if not self.oddly():
            signer = self.random.choice(self.keys) if self.oddly() else issuer_key
            extensions.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(
                signer.public_key()), False))
        extensions += [(extension, self.random.random() < 0.5)
                       for extension in self.rare_extensions() if self.oddly()]
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return self.sign(builder, issuer_key)

    def revocation_list(self, issuer, key, serials):
        window = self.random.choice(EDGES) if self.oddly() else (NOW - DAY, NOW + DAY)
        builder = (x509.CertificateRevocationListBuilder().issuer_name(name(issuer))
                   .last_update(window[0]).next_update(window[1])
                   .add_extension(x509.CRLNumber(7), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       key.public_key()), False))
        if self.oddly():
            builder = builder.add_extension(x509.DeltaCRLIndicator(3), True)
        if self.oddly():
            builder = builder.add_extension(x509.IssuingDistributionPoint(
                **{**NO_SCOPE, **self.random.choice(SCOPES)}), self.random.random() < 0.7)
        if self.oddly():
            builder = builder.add_extension(x509.UnrecognizedExtension(
                ObjectIdentifier("1.2.3.4.6"), b"\x05\x00"), self.random.random() < 0.5)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(
                self.random.choice([NOW - DAY, NOW + DAY]))
            if self.oddly(5):
                entry = entry.add_extension(x509.UnrecognizedExtension(
                    ObjectIdentifier("1.2.3.4.7"), b"\x05\x00"), self.random.random() < 0.5)
            builder = builder.add_revoked_certificate(entry.build())
        return self.sign(builder, key)

    def path(self):
        """Leaf first and without the root, the root, and CRLs of some of the issuers."""
        choose = self.random.choice
        keys = [choose(self.keys) for _ in range(4)]
        self.odds, odds = 0.0, choose([0, 0.01, 0.02, 0.05])
        # The root is pinned: it is right, and what it says of itself does not matter.
        root = self.certificate("root", keys[0], "root", keys[0], True)
        self.odds = odds
        issuer, path, issuers = ("root", keys[0]), [], [("root", keys[0])]
        for number in range(choose([0, 1, 1, 2])):
            subject = choose([None, issuer[0], "root"]) if self.oddly() else f"ca{number}"
            path.insert(0, self.certificate(
                subject, keys[number + 1], "another" if self.oddly() else issuer[0],
                choose(self.keys) if self.oddly() else issuer[1], True))
            issuer = (subject, keys[number + 1])
            issuers.append(issuer)
        path.insert(0, self.certificate(
            None if self.oddly() else "leaf", keys[3], "another" if self.oddly() else issuer[0],
            choose(self.keys) if self.oddly() else issuer[1], False))
        lists = []
        if self.random.random() < 0.6:
            for subject, key in issuers:
                if self.oddly():
                    continue
                serials = [x509.random_serial_number() for _ in range(choose([0, 2]))]
                if self.random.random() < 0.1:
                    serials.append(choose(path).serial_number)
                lists.append(self.revocation_list("another" if self.oddly() else subject,
                                                  choose(self.keys) if self.oddly() else key, serials))
        return path, root, lists


def der(thing):
    return thing.public_bytes(Encoding.DER)
