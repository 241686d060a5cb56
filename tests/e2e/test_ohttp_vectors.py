"""The vectors of docs/protocols/ohttp.md through the client that was written from it."""
import json
import random
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

import bhttp
import ohttp_client as ohttp
from bhttp import ChannelError, Truncated
from conftest import ROOT

VECTORS = json.loads((ROOT / "tests/vectors/ohttp.json").read_text())
EXCHANGES = VECTORS["exchanges"]
ANSWERED = [one for one in EXCHANGES if "encapsulated_response" in one]
CONFIGURATION = ohttp.key_configurations(bytes.fromhex(VECTORS["key_configurations_document"]))[0]


def each(exchanges):
    return pytest.mark.parametrize("vector", exchanges, ids=[one["name"] for one in exchanges])


def secret(text):
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(text))


def exchange(vector):
    one = ohttp.Exchange(CONFIGURATION, chunked="chunked" in vector["request_type"],
                         aead_id=vector["aead_id"], ephemeral=secret(vector["ephemeral_secret"]))
    assert (one.request_type, one.response_type) == (vector["request_type"],
                                                     vector["response_type"])
    return one


def request(vector):
    parts = vector["request"]
    return bhttp.Request(parts["method"], parts["path"], list(map(tuple, parts["fields"])),
                         parts["content"].encode(), parts["scheme"], parts["authority"])


class GatewayOpener(ohttp.SealedReader):
    """The other end of `Exchange.seal`."""

    def __init__(self, chunked):
        self.chunked = chunked
        super().__init__()

    def run(self):
        header = yield from self.take(7)
        enc = yield from self.take(32)
        assert header[:5] == bytes.fromhex("0100200001")
        shared = secret(VECTORS["key_secret"]).exchange(X25519PublicKey.from_public_bytes(enc))
        context = ohttp.Hpke(shared, enc, CONFIGURATION.public_key,
                             int.from_bytes(header[5:], "big"),
                             ohttp.request_info(header, self.chunked))
        yield from self.message(context.cipher, self.chunked)


def cuts(data, how):
    """`data` in pieces: at once, each byte, or cut by chance."""
    if how == "at once":
        return [data]
    if how == "each byte":
        return [data[i:i + 1] for i in range(len(data))]
    chance, out = random.Random(how), []
    while data:
        size = chance.randint(0, 700)
        out, data = [*out, data[:size]], data[size:]
    return out


def run(stage, pieces):
    out = b"".join([stage.feed(piece) for piece in pieces])
    return out + stage.feed(b"", end=True)


def test_key_configuration():
    assert CONFIGURATION.encoded.hex() == VECTORS["key_configuration"]
    assert CONFIGURATION.digest == VECTORS["digest"]
    assert CONFIGURATION.public_key == secret(
        VECTORS["key_secret"]).public_key().public_bytes_raw()
    assert CONFIGURATION.aeads == (ohttp.AES_128_GCM, ohttp.CHACHA20_POLY1305)
    document = bytes.fromhex(VECTORS["key_configurations_document"])
    keyset = {"ohttp_key_configurations": [{"key_id": "1", "digest": VECTORS["digest"]}]}
    assert ohttp.attested_configuration(document, keyset) == CONFIGURATION
    other = bytearray(CONFIGURATION.encoded)
    other[7] ^= 1
    for found in (document, struct.pack(">H", len(other)) + other + document):
        assert ohttp.attested_configuration(found, keyset) == CONFIGURATION
    for found, verified in ((document, {}), (document, {"ohttp_key_configurations": []}),
                            (struct.pack(">H", len(other)) + other, keyset)):
        with pytest.raises(ChannelError, match="attested keyset"):
            ohttp.attested_configuration(found, verified)
    for cut in range(1, len(document)):
        with pytest.raises(ChannelError, match="malformed"):
            ohttp.key_configurations(document[:cut])
    another_kem = bytes.fromhex("0007" "02" "0010" "01020304")
    assert ohttp.key_configurations(another_kem + document) == [CONFIGURATION]


@each(EXCHANGES)
def test_requests_are_sealed_and_opened(vector):
    message = bhttp.padded(request(vector).encode(), vector["padding"])
    assert message.hex() == vector["request_message"]
    capsule = exchange(vector).seal(message)
    assert capsule.hex() == vector["encapsulated_request"]
    for how in ("at once", "each byte", 1):
        gateway = GatewayOpener("chunked" in vector["request_type"])
        assert run(gateway, cuts(capsule, how)) == message
        reader = bhttp.MessageReader()
        parts = vector["request"]
        assert run(reader, cuts(message, how)) == parts["content"].encode()
        assert reader.control == tuple(parts[n] for n in ("method", "scheme", "authority", "path"))
        assert reader.fields == list(map(tuple, parts["fields"])) and not reader.trailers


@each(ANSWERED)
def test_answers_are_opened(vector):
    for how in ("at once", "each byte", 1, 2, 3):
        reader = ohttp.ResponseReader(exchange(vector))
        body = bytes.fromhex(vector["encapsulated_response"])
        expected = vector["response"]
        assert run(reader, cuts(body, how)) == expected["content"].encode()
        assert reader.status == expected["status"]
        assert reader.fields == list(map(tuple, expected["fields"]))
        assert reader.trailers == list(map(tuple, expected["trailers"]))


@each(ANSWERED)
def test_answers_are_sealed(vector):
    one, nonce = exchange(vector), bytes.fromhex(vector["response_nonce"])
    cipher = ohttp.response_cipher(one.context, one.enc, nonce, one.chunked)
    *pieces, last = map(bytes.fromhex, vector["response_plaintexts"])
    body = nonce
    for index, piece in enumerate(pieces):
        sealed = cipher.seal(index, b"", piece)
        body += bhttp.varint(len(sealed)) + sealed
    body += b"\0" + cipher.seal(len(pieces), b"final", last) if one.chunked else \
        cipher.seal(0, b"", last)
    assert body.hex() == vector["encapsulated_response"]
    sizes = {len(piece) for piece in [*pieces, last]}
    if vector["padding"] == "constant":
        assert sizes == {1024}
    if vector["padding"] == "bucketed":
        assert sizes == {bhttp.bucket(size) for size in sizes}


@each(ANSWERED)
def test_no_part_of_an_answer_passes_for_the_whole(vector):
    one, body = exchange(vector), bytes.fromhex(vector["encapsulated_response"])
    for end in range(len(body)):
        with pytest.raises(ChannelError):
            run(ohttp.ResponseReader(one), [body[:end]])


@each(ANSWERED)
def test_a_flipped_bit_anywhere_is_noticed(vector):
    one, body = exchange(vector), bytes.fromhex(vector["encapsulated_response"])
    for at in range(len(body)):
        changed = body[:at] + bytes([body[at] ^ 1 << at % 8]) + body[at + 1:]
        with pytest.raises(ChannelError):
            run(ohttp.ResponseReader(one), [changed])


def test_answers_of_another_exchange_and_reflected_requests_do_not_open():
    for vector in ANSWERED:
        for other in EXCHANGES:
            if other is not vector:
                with pytest.raises(ChannelError):
                    run(ohttp.ResponseReader(exchange(other)),
                        [bytes.fromhex(vector["encapsulated_response"])])
        capsule = bytes.fromhex(vector["encapsulated_request"])
        for nonce in (b"", bytes.fromhex(vector["response_nonce"])):
            for body in (capsule, nonce + capsule[39:]):
                with pytest.raises(ChannelError):
                    run(ohttp.ResponseReader(exchange(vector)), [body])


REFUSED = EXCHANGES[-1]["refused_responses"]


@pytest.mark.parametrize("refused", REFUSED, ids=[one["why"] for one in REFUSED])
@pytest.mark.parametrize("how", ["at once", "each byte"])
def test_refused_answers(refused, how):
    reader = ohttp.ResponseReader(exchange(EXCHANGES[-1]))
    expected = Truncated if refused["why"].startswith("truncated") else ChannelError
    with pytest.raises(expected) as caught:
        run(reader, cuts(bytes.fromhex(refused["encapsulated_response"]), how))
    assert isinstance(caught.value, Truncated) == (expected is Truncated)
    with pytest.raises(ChannelError, match="after a failure"):
        reader.feed(b"", end=True)


def test_a_chunk_too_long_is_refused_before_it_is_waited_for():
    reader = ohttp.ResponseReader(exchange(EXCHANGES[-1]))
    for length in (b"\x80\x00\x40\x11", b"\xc0" + b"\xff" * 7):
        with pytest.raises(ChannelError, match="too long"):
            ohttp.ResponseReader(exchange(EXCHANGES[-1])).feed(bytes(16) + length)
    reader.feed(bytes(16) + b"\0" + bytes(16400))
    with pytest.raises(ChannelError, match="too long"):
        reader.feed(b"\0")


def test_messages_of_many_chunks():
    one = exchange(EXCHANGES[1])
    for size in (0, 1, 16384, 16385, 32768, 100000):
        message = random.Random(size).randbytes(size)
        gateway = GatewayOpener(chunked=True)
        capsule = one.seal(message)
        assert run(gateway, cuts(capsule, 7)) == message
        assert run(GatewayOpener(chunked=True), [one.seal(message, cut=5000)]) == message
        assert len(capsule) == size + 56 + 20 * (max(0, size - 1) // 16384)


def test_buckets():
    assert [bhttp.bucket(n) for n in (0, 1, 512, 513, 1025, 16384, 16385, 18433, 65537)] == [
        512, 512, 512, 1024, 2048, 16384, 18432, 20480, 73728]
    assert all(bhttp.bucket(n) <= n * 1.125 and bhttp.bucket(bhttp.bucket(n)) == bhttp.bucket(n)
               for n in range(16385, 300000, 997))


# Binary HTTP: what the vectors do not show.

def read(message, how="at once"):
    reader = bhttp.MessageReader()
    content = run(reader, cuts(message, how))
    return reader, content


def test_both_framings_and_messages_that_end_early():
    asked = bhttp.Request("GET", "/v1/models?x=1", [("a", "b"), ("c", "")], b"text")
    for known in (True, False):
        for how in ("at once", "each byte"):
            reader, content = read(asked.encode(known) + bytes(9), how)
            assert content == b"text" and reader.fields == asked.fields
            assert reader.control == ("GET", "https", "", "/v1/models?x=1")
    for text in ("0140c8", "0140c800", "0140c80000", "0140c8000000", "0340c8", "0340c800",
                 "0340c80000", "0340c8000000", "400140c8"):
        reader, content = read(bytes.fromhex(text))
        assert (reader.status, reader.fields, content) == (200, [], b"")
    interim = bytes.fromhex("01" "4067" "00" "40c8")
    assert read(interim)[0].interim == [(103, [])]


@pytest.mark.parametrize("text, why", [
    ("04", "framing"),
    ("01", "too early"),
    ("0140", "too early"),
    ("0140c803" "0161", "too early"),           # within a field section
    ("0340c8" "01610162", "too early"),         # the same, of indeterminate length
    ("0340c800" "0161", "too early"),           # within a sequence of content chunks
    ("0140c800" "0561", "too early"),
    ("0140c8" "000000" "01", "not zero"),
    ("014064", "too early"),                    # an interim answer alone
    ("0132", "status"),
    ("014258", "status"),                       # 600
    ("0140c804" "01410162", "malformed field"),       # upper case
    ("0140c804" "013a0162", "malformed field"),       # a pseudo field
    ("0140c804" "01610120", "malformed field"),       # a blank at the end
    ("0140c804" "0161010a", "malformed field"),
    ("0140c803" "01610162", "malformed field"),       # a line beyond its section
    ("0140c80b" "077570677261646501" "61", "malformed field"),
    ("0140c8a0000001", "too long"),
    ("0140c800" "84000001", "too long"),
    ("0340c800" "84000001", "too long"),
    ("0140c811" "0e636f6e74656e742d6c656e677468" "0132" "0161", "content-length"),
    ("0003474554" "05687474707300" "0161", "control"),              # a path without its slash
    ("0003474554" "0568747470730000" "022f23", "control"),
    ("0003472054" "056874747073" "00" "012f", "control"),
    ("0003474554" "03667470" "00" "012f", "control"),
    ("006001", "too long"),
])
def test_malformed_messages(text, why):
    for how in ("at once", "each byte"):
        with pytest.raises(ChannelError, match=why):
            read(bytes.fromhex(text), how)


@pytest.mark.parametrize("text", ["0001", "00010000", "0001000261" "00", "0001000161" "01"])
def test_padded_coding_refuses_what_is_no_record(text):
    genuine = bytes.fromhex("0001000261" "0000" "00000000")
    assert run(bhttp.Unpadder(), cuts(genuine, "each byte")) == b"a"
    with pytest.raises(ChannelError):
        run(bhttp.Unpadder(), cuts(bytes.fromhex(text), "each byte"))
