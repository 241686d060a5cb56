"""The protocols in Python, from the specification alone: the oracle for our C++."""
import hashlib
import http.client
import json
import os
import ssl
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def jcs(value):
    """RFC 8785 for ASCII names and integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Response:
    def __init__(self, raw):
        self.status, self.headers, self.body = raw.status, raw.headers, raw.read()

    def json(self):
        return json.loads(self.body)


def connect(server):
    context = ssl.create_default_context(cafile=str(server.certificate))
    return http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=100)


def request(server, method, path, body=None, headers=None):
    connection = connect(server)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        return Response(connection.getresponse())
    finally:
        connection.close()


def post(server, body, path="/v1/chat/completions", headers=None):
    data = body if isinstance(body, bytes) else compact(body)
    return request(server, "POST", path, data, headers)


def events(stream):
    """The data of each server-sent event."""
    out = []
    for block in stream.decode().split("\n\n"):
        if block.startswith("data: "):
            out.append(block[6:])
    return out


def report(server, nonce=None):
    nonce = nonce or os.urandom(32).hex()
    got = request(server, "GET", f"/v1/aci/attestation?nonce={nonce}")
    assert got.status == 200, got.body
    return nonce, got.json()


def keyset(server):
    return report(server)[1]["attestation"]["workload_keyset"]


def check_receipt(document, keys):
    """The signature under the attested key, and the digest that names the keyset."""
    signature = bytes.fromhex(document["signature"])
    signed = {name: value for name, value in document.items() if name != "signature"}
    entry = next(k for k in keys["receipt_signing_keys"] if k["key_id"] == document["key_id"])
    public = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(entry["public_key"]))
    public.verify(signature, jcs(signed))
    assert document["workload_keyset_digest"] == sha256(jcs(keys))


def event(document, kind):
    found = [e for e in document["event_log"] if e["type"] == kind]
    assert len(found) == 1, (kind, document)
    return found[0]


class Sealed:
    """One E2EE version 2 exchange, contract 2.7."""

    X25519 = "x25519-aes-256-gcm-hkdf-sha256"
    SECP256K1 = "secp256k1-aes-256-gcm-hkdf-sha256"

    def __init__(self, keys, suite, timestamp=None):
        self.suite = suite
        self.service = next(k["public_key"] for k in keys["e2ee_public_keys"]
                            if k["algo"] == suite)
        self.private = (x25519.X25519PrivateKey.generate() if suite == self.X25519
                        else ec.generate_private_key(ec.SECP256K1()))
        self.nonce = os.urandom(32).hex()
        self.timestamp = int(time.time()) if timestamp is None else timestamp
        self.model = None

    def _public(self, private):
        if self.suite == self.X25519:
            return private.public_key().public_bytes_raw()
        return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def _agree(self, private, public):
        if self.suite == self.X25519:
            return private.exchange(x25519.X25519PublicKey.from_public_bytes(public))
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public)
        return private.exchange(ec.ECDH(), point)

    def _key(self, shared):
        info = "aci.e2ee.v2." + ("x25519" if self.suite == self.X25519 else "secp256k1")
        return HKDF(hashes.SHA256(), 32, None, info.encode()).derive(shared)

    def headers(self):
        return {"X-E2EE-Version": "2", "X-Client-Pub-Key": self._public(self.private).hex(),
                "X-Model-Pub-Key": self.service, "X-E2EE-Nonce": self.nonce,
                "X-E2EE-Timestamp": str(self.timestamp)}

    def seal(self, field, text):
        aad = jcs({"algo": self.suite, "field": field, "model": self.model, "nonce": self.nonce,
                   "purpose": "aci.e2ee.request.v2", "ts": self.timestamp})
        ephemeral = (x25519.X25519PrivateKey.generate() if self.suite == self.X25519
                     else ec.generate_private_key(ec.SECP256K1()))
        nonce = os.urandom(12)
        key = self._key(self._agree(ephemeral, bytes.fromhex(self.service)))
        return (self._public(ephemeral) + nonce
                + AESGCM(key).encrypt(nonce, text.encode(), aad)).hex()

    def open(self, field, value, response_id):
        raw = bytes.fromhex(value)
        size = 32 if self.suite == self.X25519 else 65
        aad = jcs({"algo": self.suite, "field": field, "id": response_id, "model": self.model,
                   "nonce": self.nonce, "purpose": "aci.e2ee.response.v2", "ts": self.timestamp})
        key = self._key(self._agree(self.private, raw[:size]))
        return AESGCM(key).decrypt(raw[size:size + 12], raw[size + 12:], aad).decode()

    def chat(self, model, *texts, **members):
        self.model = model
        return {"model": model, **members,
                "messages": [{"role": "user", "content": self.seal(f"messages.{i}.content", text)}
                             for i, text in enumerate(texts)]}
