"""A client of the sealed channel, written from docs/protocols/ohttp.md alone; O1... are its rules.

It shares nothing with src/seal, so that each shows where the other reads the document differently.
"""
from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import hmac
import http.client
import itertools
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from bhttp import (CONTENT_LIMIT, ChannelError, Fields, MessageReader, Request, Stage, Steps,
                   Unpadder, padded, varint)

GATEWAY = "/.well-known/ohttp-gateway"
KEM, KDF = 0x0020, 0x0001
AES_128_GCM, CHACHA20_POLY1305 = 0x0001, 0x0003
AEADS = {AES_128_GCM: (AESGCM, 16), CHACHA20_POLY1305: (ChaCha20Poly1305, 32)}
TAG = 16
PLAINTEXT_LIMIT = 16384
KEY_PROBLEM = "https://iana.org/assignments/http-problem-types#ohttp-key"
DATE_PROBLEM = "https://iana.org/assignments/http-problem-types#date"


class NotSealed(ChannelError):
    """Somebody on the way, or the gateway, answered in clear."""

    def __init__(self, status: int, body: bytes):
        super().__init__(f"not sealed: status {status}")
        self.status, self.body = status, body


# HPKE, RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256.

def extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, "sha256")


def expand(prk: bytes, info: bytes, size: int) -> bytes:
    return HKDFExpand(hashes.SHA256(), size, info).derive(prk)


def labeled_extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    return expand(prk, struct.pack(">H", size) + b"HPKE-v1" + suite + label + info, size)


@dataclasses.dataclass(frozen=True)
class Cipher:
    """Seals and opens numbered messages: HPKE's, and those of an answer."""
    aead_id: int
    key: bytes
    base: bytes

    def _nonce(self, index: int) -> bytes:
        return (int.from_bytes(self.base, "big") ^ index).to_bytes(12, "big")

    def seal(self, index: int, aad: bytes, plaintext: bytes) -> bytes:
        return AEADS[self.aead_id][0](self.key).encrypt(self._nonce(index), plaintext, aad)

    def open(self, index: int, aad: bytes, sealed: bytes) -> bytes:
        try:
            return AEADS[self.aead_id][0](self.key).decrypt(self._nonce(index), sealed, aad)
        except InvalidTag:
            raise ChannelError("does not open") from None


class Hpke:
    """One end's context, from the result of the Diffie-Hellman exchange."""

    def __init__(self, shared: bytes, enc: bytes, public: bytes, aead_id: int, info: bytes):
        kem = b"KEM" + struct.pack(">H", KEM)
        secret = labeled_expand(kem, labeled_extract(kem, b"", b"eae_prk", shared),
                                b"shared_secret", enc + public, 32)
        self.suite = b"HPKE" + struct.pack(">HHH", KEM, KDF, aead_id)
        schedule = (b"\0" + labeled_extract(self.suite, b"", b"psk_id_hash", b"")
                    + labeled_extract(self.suite, b"", b"info_hash", info))
        secret = labeled_extract(self.suite, secret, b"secret", b"")

        def derive(label: bytes, size: int) -> bytes:
            return labeled_expand(self.suite, secret, label, schedule, size)

        self.cipher = Cipher(aead_id, derive(b"key", AEADS[aead_id][1]), derive(b"base_nonce", 12))
        self.exporter = derive(b"exp", 32)

    def export(self, label: bytes, size: int) -> bytes:
        return labeled_expand(self.suite, self.exporter, b"sec", label, size)


# Key configurations, O1 and O2.

@dataclasses.dataclass(frozen=True)
class KeyConfiguration:
    key_id: int
    public_key: bytes
    aeads: tuple[int, ...]
    encoded: bytes

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.encoded).hexdigest()


def key_configurations(document: bytes) -> list[KeyConfiguration]:
    """Those of a published document that can be used here."""
    usable, at = [], 0
    try:
        for _ in range(16):
            if at == len(document):
                break
            size, = struct.unpack_from(">H", document, at)
            encoded = document[at + 2:at + 2 + size]
            at += 2 + size
            key_id, kem = struct.unpack_from(">BH", encoded)
            if at > len(document):
                raise ChannelError("malformed key configuration")
            if kem != KEM:
                continue
            length, = struct.unpack_from(">H", encoded, 35)
            suites = encoded[37:]
            if length != len(suites) or length % 4 or not length:
                raise ChannelError("malformed key configuration")
            aeads = tuple(aead for kdf, aead in struct.iter_unpack(">HH", suites)
                          if kdf == KDF and aead in AEADS)
            if aeads:
                usable.append(KeyConfiguration(key_id, encoded[3:35], aeads, encoded))
    except struct.error:
        raise ChannelError("malformed key configuration") from None
    return usable


def attested_configuration(document: bytes, keyset: dict) -> KeyConfiguration:
    """The first one that the verified keyset names."""
    attested = {entry["digest"] for entry in keyset.get("ohttp_key_configurations", [])}
    for one in key_configurations(document):
        if one.digest in attested:
            return one
    raise ChannelError("no key configuration is in the attested keyset")


# Encapsulation, O3 to O7.

def seal_message(cipher: Cipher, message: bytes, chunked: bool,
                 cut: int = PLAINTEXT_LIMIT) -> bytes:
    if not chunked:
        return cipher.seal(0, b"", message)
    out, index = b"", 0
    while len(message) - index * cut > cut:
        sealed = cipher.seal(index, b"", message[index * cut:(index + 1) * cut])
        out, index = out + varint(len(sealed)) + sealed, index + 1
    return out + b"\0" + cipher.seal(index, b"final", message[index * cut:])


def request_info(header: bytes, chunked: bool) -> bytes:
    return b"message/bhttp " + (b"chunked " if chunked else b"") + b"request\0" + header


def response_cipher(context: Hpke, enc: bytes, nonce: bytes, chunked: bool) -> Cipher:
    aead_id = context.cipher.aead_id
    size = AEADS[aead_id][1]
    secret = context.export(b"message/bhttp " + (b"chunked " if chunked else b"") + b"response",
                            size)
    prk = extract(enc + nonce, secret)
    return Cipher(aead_id, expand(prk, b"key", size), expand(prk, b"nonce", 12))


class Exchange:
    """One request and the keys of its answer."""

    def __init__(self, configuration: KeyConfiguration, *, chunked: bool = True,
                 aead_id: int | None = None, ephemeral: X25519PrivateKey | None = None):
        ephemeral = ephemeral or X25519PrivateKey.generate()
        aead_id = aead_id or configuration.aeads[0]
        self.chunked = chunked
        self.header = struct.pack(">BHHH", configuration.key_id, KEM, KDF, aead_id)
        self.enc = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(configuration.public_key))
        self.context = Hpke(shared, self.enc, configuration.public_key, aead_id,
                            request_info(self.header, chunked))
        form = "ohttp-chunked-" if chunked else "ohttp-"
        self.request_type, self.response_type = f"message/{form}req", f"message/{form}res"

    def seal(self, message: bytes, cut: int = PLAINTEXT_LIMIT) -> bytes:
        sealed = seal_message(self.context.cipher, message, self.chunked, cut)
        return self.header + self.enc + sealed


class SealedReader(Stage):
    """Opens what follows `enc` in a request and the nonce in an answer: O3 to O6."""

    def message(self, cipher: Cipher, chunked: bool) -> Steps[None]:
        if not chunked:
            sealed = yield from self.rest(CONTENT_LIMIT + (1 << 20))
            self._out += cipher.open(0, b"", sealed)
            return
        for index in itertools.count():
            size = yield from self.varint()
            if size > PLAINTEXT_LIMIT + TAG:
                raise ChannelError("a chunk is too long")
            final = size == 0
            sealed = yield from (self.rest(PLAINTEXT_LIMIT + TAG) if final else self.take(size))
            self._out += cipher.open(index, b"final" if final else b"", sealed)
            if final:
                return


class ResponseOpener(SealedReader):
    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        super().__init__()

    def run(self) -> Steps[None]:
        one = self._exchange
        nonce = yield from self.take(AEADS[one.context.cipher.aead_id][1])
        yield from self.message(
            response_cipher(one.context, one.enc, nonce, one.chunked), one.chunked)


class ResponseReader:
    """An answer as it arrives: pieces of the outer body in, pieces of the inner content out."""

    def __init__(self, exchange: Exchange):
        self._opener, self._message = ResponseOpener(exchange), MessageReader()
        self._unpadder: Unpadder | None = None
        self._head = False
        self.fields: Fields = []

    def feed(self, piece: bytes, end: bool = False) -> bytes:
        content = self._message.feed(self._opener.feed(piece, end), end)
        if not self._head and self._message.has_head:
            if self._message.status is None:
                raise ChannelError("a request, not an answer")
            coding = ("content-encoding", "confide-padded")
            self._head = True
            self._unpadder = Unpadder() if coding in self._message.fields else None
            self.fields = [one for one in self._message.fields if one != coding]
        return self._unpadder.feed(content, end) if self._unpadder else content

    @property
    def status(self) -> int | None:
        return self._message.status if self._head else None

    @property
    def trailers(self) -> Fields:
        return self._message.trailers


# The client, O7, O12, O13, O16 and O22.

def http_date(seconds: float | None = None) -> str:
    """Of a time, or of now."""
    return email.utils.formatdate(seconds, usegmt=True)


class Answer:
    """What the attested process answered. Iterating gives content as it comes, and raises if the
    answer breaks off or is tampered with."""

    def __init__(self, reader: ResponseReader, pieces: Iterable[bytes], nonce: str):
        self._reader, self.nonce = reader, nonce
        self._content = self._read(pieces)
        self._first = next(self._content)
        self.status: int = reader.status or 0
        self.headers = dict(reader.fields)

    def _read(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        early = b""
        for piece in pieces:
            early += self._reader.feed(piece)
            if self._reader.status is not None:
                yield early
                early = b""
        yield early + self._reader.feed(b"", end=True)

    def __iter__(self) -> Iterator[bytes]:
        first, self._first = self._first, b""
        yield from filter(None, itertools.chain([first], self._content))

    def read(self) -> bytes:
        self.content = b"".join(self)
        return self.content

    def problem(self) -> str | None:
        if self.headers.get("content-type") != "application/problem+json":
            return None
        self._first = self.read()
        return json.loads(self._first)["type"]


@dataclasses.dataclass
class Capsule:
    """A sealed request, and what opens its answer."""
    exchange: Exchange
    body: bytes
    nonce: str


class Client:
    """One user's end of the channel to one service.

    `attest` gets a function that fetches a path in clear, and gives a keyset that it has verified.
    """

    def __init__(self, connection: http.client.HTTPConnection,
                 attest: Callable[[Callable[[str], bytes]], dict], *, padding: str = "bucketed",
                 chunked: bool = True, aead_id: int | None = None):
        self.connection, self.attest = connection, attest
        self.padding, self.chunked, self.aead_id = padding, chunked, aead_id
        self.keyset: dict = {}
        self.configuration: KeyConfiguration | None = None
        self.attestations = 0

    def _get(self, path: str) -> bytes:
        self.connection.request("GET", path)
        return self.connection.getresponse().read()

    def verify(self) -> KeyConfiguration:
        self.attestations += 1
        self.keyset = self.attest(self._get)
        self.configuration = attested_configuration(self._get(GATEWAY), self.keyset)
        return self.configuration

    def seal(self, request: Request, *, nonce: str | None = None,
             date: str | None = None) -> Capsule:
        nonce = nonce or os.urandom(32).hex()
        channel = [("date", date or http_date()), ("confide-nonce", nonce),
                   ("confide-padding", self.padding)]
        exchange = Exchange(self.configuration or self.verify(), chunked=self.chunked,
                            aead_id=self.aead_id)
        message = dataclasses.replace(request, fields=request.fields + channel).encode()
        return Capsule(exchange, exchange.seal(padded(message, self.padding)), nonce)

    def post(self, capsule: Capsule) -> Answer:
        exchange = capsule.exchange
        headers = {"Content-Type": exchange.request_type}
        if exchange.chunked:
            headers["Incremental"] = "?1"
        self.connection.request("POST", GATEWAY, capsule.body, headers)
        outer = self.connection.getresponse()
        if outer.status != 200 or outer.headers["Content-Type"] != exchange.response_type:
            raise NotSealed(outer.status, outer.read())
        return Answer(ResponseReader(exchange), arriving(outer), capsule.nonce)

    def send(self, request: Request) -> Answer:
        """Attests and repeats once where O22 says so."""
        date, tried = None, set()
        while True:
            try:
                answer = self.post(self.seal(request, date=date))
                refused = answer.problem()
                if refused not in (KEY_PROBLEM, DATE_PROBLEM) or refused in tried:
                    return answer
            except NotSealed:
                refused = KEY_PROBLEM
                if refused in tried:
                    raise
            tried.add(refused)
            if refused == KEY_PROBLEM:
                self.verify()
            else:
                date = answer.headers["date"]


def arriving(outer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The pieces of a body; where the transport breaks off is for the channel to judge."""
    with outer:
        try:
            while piece := outer.read1(1 << 16):
                yield piece
        except (http.client.HTTPException, OSError):
            return
