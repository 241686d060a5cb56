"""The sealed channel of the real server, spoken by a client that was written from the document."""
import concurrent.futures
import http.client
import json
import os
import ssl
import time

import pytest

import bhttp
import ohttp_client as ohttp
import wire
from bhttp import ChannelError, Request, Truncated
from conftest import MODEL_NAME
from middleman import Middleman
from ohttp_client import DATE_PROBLEM, GATEWAY, KEY_PROBLEM
from test_server import until

pytestmark = pytest.mark.server
SECRET = "Name the capital city of France in one word."
API_KEY = "sk-this-key-is-for-the-service-alone"
PROFILES = ["none", "bucketed", "constant"]
JSON = ("content-type", "application/json")


def served_keyset(get):
    """Takes the report's word for it: verifying quotes is for the verifier's tests."""
    report = json.loads(get(f"/v1/aci/attestation?nonce={os.urandom(32).hex()}"))
    keyset = report["attestation"]["workload_keyset"]
    assert report["workload_keyset_digest"] == wire.sha256(wire.jcs(keyset))
    return keyset


def client(server, **options):
    return ohttp.Client(wire.connect(server), served_keyset, **options)


def chat(text=SECRET, key=None, **members):
    body = {"model": MODEL_NAME, "max_tokens": 8, "temperature": 0, **members,
            "messages": [{"role": "user", "content": text}]}
    fields = [("authorization", "Bearer " + key)] if key else []
    # Odd whitespace: nothing may be normalised before it is hashed.
    return Request("POST", "/v1/chat/completions", [*fields, JSON],
                   json.dumps(body, indent=3, ensure_ascii=False).encode())


def check_receipt(one, request, answer, key=None):
    """Fetched through the channel; covers these bytes, and this request of all equal ones."""
    fields = [("authorization", "Bearer " + key)] if key else []
    got = one.send(Request("GET", "/v1/aci/receipts/" + answer.headers["x-receipt-id"], fields))
    assert got.status == 200, got.read()
    document = json.loads(got.read())
    wire.check_receipt(document, one.keyset)
    assert wire.event(document, "request.received")["body_hash"] == wire.sha256(request.content)
    assert wire.event(document, "response.returned")["body_hash"] == wire.sha256(answer.content)
    assert wire.event(document, "confide.sealed")["client_nonce"] == answer.nonce
    return document


def text_of(stream):
    data = wire.events(stream)
    assert data[-1] == "[DONE]"
    return "".join(json.loads(one)["choices"][0]["delta"].get("content") or "" for one in data[:-1])


def outer(server, capsule, body=None, **headers):
    """What an eavesdropper sees of the answer to a capsule."""
    return wire.request(server, "POST", GATEWAY, capsule.body if body is None else body,
                        {"Content-Type": capsule.exchange.request_type, **headers})


def opened(capsule, got):
    assert got.status == 200 and got.headers["Content-Type"] == capsule.exchange.response_type
    return ohttp.Answer(ohttp.ResponseReader(capsule.exchange), [got.body], capsule.nonce)


def pieces(body, nonce=16):
    """The chunks of an answer, each with its length before it; the last is the final one."""
    out, at = [], nonce
    while body[at]:
        width = 1 << (body[at] >> 6)
        size = int.from_bytes(body[at:at + width], "big") & (1 << 8 * width - 2) - 1
        out, at = [*out, body[at:at + width + size]], at + width + size
    return [*out, body[at:]]


@pytest.fixture(scope="module")
def one(server):
    return client(server)


# Served.

@pytest.mark.parametrize("padding, chunked, aead", [
    ("none", True, ohttp.AES_128_GCM), ("bucketed", True, ohttp.AES_128_GCM),
    ("constant", True, ohttp.AES_128_GCM), ("bucketed", True, ohttp.CHACHA20_POLY1305),
    ("none", False, ohttp.CHACHA20_POLY1305), ("bucketed", False, ohttp.AES_128_GCM)])
def test_buffered(server, padding, chunked, aead):
    one = client(server, padding=padding, chunked=chunked, aead_id=aead)
    request = chat()
    answer = one.send(request)
    assert answer.status == 200, answer.read()
    assert "Paris" in json.loads(answer.read())["choices"][0]["message"]["content"]
    assert wire.event(check_receipt(one, request, answer), "confide.execution")
    assert one.attestations == 1


@pytest.mark.parametrize("padding", PROFILES)
def test_streamed(server, padding):
    one = client(server, padding=padding)
    request = chat(stream=True)
    answer = one.send(request)
    assert answer.status == 200 and answer.headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in answer.headers
    assert "Paris" in text_of(answer.read())
    check_receipt(one, request, answer)


def test_the_same_answers_as_over_tls(server, one):
    for request in (chat(), Request("GET", "/v1/models"), Request("GET", "/nowhere"),
                    chat(model="another"), Request("POST", "/v1/chat/completions", [JSON], b"{"),
                    Request("GET", "/v1/aci/receipts/rcpt-0"),
                    Request("DELETE", "/v1/chat/completions")):
        clear = wire.request(server, request.method, request.path, request.content or None,
                             dict(request.fields))
        answer = one.send(request)
        assert answer.status == clear.status
        sealed = json.loads(answer.read())
        if "error" in sealed:
            assert sealed == clear.json()
        elif "choices" in sealed:
            assert sealed["choices"] == clear.json()["choices"]


def test_two_equal_requests_have_two_receipts(one):
    request = chat(max_tokens=1)
    documents = []
    for _ in range(2):
        answer = one.send(request)
        answer.read()
        documents.append(check_receipt(one, request, answer))
    nonces = {wire.event(document, "confide.sealed")["client_nonce"] for document in documents}
    assert len(nonces) == 2 and len({document["receipt_id"] for document in documents}) == 2


def test_a_refusal_has_a_receipt_with_the_nonce_too(one):
    request = chat(provider={"aci_session_ids": ["1" * 64]})
    answer = one.send(request)
    assert answer.status == 412
    answer.read()
    check_receipt(one, request, answer)


def test_nonce_and_padding_may_be_left_out(server, one):
    request = chat(max_tokens=1, stream=True)
    request.fields.append(("date", ohttp.http_date()))
    exchange = ohttp.Exchange(one.configuration or one.verify())
    capsule = ohttp.Capsule(exchange, exchange.seal(request.encode()), "")
    got = outer(server, capsule)
    answer = opened(capsule, got)
    assert text_of(answer.read())
    assert len({len(piece) for piece in pieces(got.body)}) > 2, "nobody asked for padding"
    fetched = one.send(Request("GET", "/v1/aci/receipts/" + answer.headers["x-receipt-id"]))
    document = json.loads(fetched.read())
    assert "confide.sealed" not in [event["type"] for event in document["event_log"]]


def test_requests_of_the_other_framing_and_cut_at_will(server, one):
    request = chat(max_tokens=1)
    request.fields.append(("date", ohttp.http_date()))
    for cut in (1, 100, 16384):
        exchange = ohttp.Exchange(one.configuration or one.verify())
        capsule = ohttp.Capsule(exchange, exchange.seal(request.encode(known=False), cut), "")
        assert opened(capsule, outer(server, capsule)).status == 200


def test_the_api_key_is_inside(server, one):
    request = chat(key=API_KEY, max_tokens=1)
    answer = one.send(request)
    answer.read()
    check_receipt(one, request, answer, API_KEY)
    fetch = Request("GET", "/v1/aci/receipts/" + answer.headers["x-receipt-id"])
    assert one.send(fetch).status == 401
    capsule = one.seal(fetch)
    got = opened(capsule, outer(server, capsule, Authorization="Bearer " + API_KEY))
    assert got.status == 401, "a key outside is nobody's"
    fetch.fields.append(("authorization", "Bearer another"))
    assert one.send(fetch).status == 404


# Refused.

def test_a_replay_is_refused_sealed(server, one):
    capsule = one.seal(chat(max_tokens=1))
    assert opened(capsule, outer(server, capsule)).status == 200
    for _ in range(2):
        again = opened(capsule, outer(server, capsule))
        assert again.status == 409 and again.problem() == "about:blank"
        assert again.headers["cache-control"] == "no-store" and again.headers["date"]


def test_of_many_copies_sent_at_once_one_is_served(server, one):
    capsule = one.seal(chat(max_tokens=1))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda _: outer(server, capsule), range(16)))
    assert sorted(opened(capsule, each).status for each in got) == [200] + [409] * 15


@pytest.mark.parametrize("offset, served", [(-290, True), (290, True), (-310, False),
                                            (310, False)])
def test_dates(server, one, offset, served):
    capsule = one.seal(chat(max_tokens=1), date=ohttp.http_date(time.time() + offset))
    answer = opened(capsule, outer(server, capsule))
    assert answer.status == (200 if served else 400)
    assert answer.problem() == (None if served else DATE_PROBLEM)


def test_a_client_whose_clock_is_wrong_asks_once_more(server, monkeypatch):
    late = ohttp.http_date(time.time() - 5000)
    monkeypatch.setattr(ohttp, "http_date", lambda: late)
    one = client(server)
    request = chat(max_tokens=1)
    answer = one.send(request)
    assert answer.status == 200 and one.attestations == 1
    answer.read()


NONCE = ("confide-nonce", "ab" * 32)


@pytest.mark.parametrize("fields", [
    [], [("date", "now")], ["date", "date"], ["date", ("confide-nonce", "ab")],
    ["date", ("confide-nonce", "AB" * 32)], ["date", NONCE, NONCE],
    ["date", ("confide-padding", "much")], ["date", ("confide-padding", "")],
    ["date", ("confide-padding", "none"), ("confide-padding", "none")],
    ["date", ("expect", "100-continue")], ["date", ("connection", "close")],
    ["date", ("content-length", "1")],
], ids=str)
def test_fields_the_channel_refuses(server, one, fields):
    request = Request("GET", "/v1/models")
    request.fields = [("date", ohttp.http_date()) if field == "date" else field
                      for field in fields]
    exchange = ohttp.Exchange(one.configuration or one.verify())
    capsule = ohttp.Capsule(exchange, exchange.seal(request.encode()), "")
    answer = opened(capsule, outer(server, capsule))
    assert answer.status == 400
    assert answer.problem() == ("about:blank" if fields else DATE_PROBLEM)


@pytest.mark.parametrize("message", [b"", b"\0", b"\1\x40\xc8", b"{}", b"\0\3GET",
                                     Request("GET", "no-slash").encode(),
                                     Request("GET", "/v1/models", scheme="ftp").encode(),
                                     Request("GET", "/v1/models").encode() + b"\1"], ids=bytes.hex)
def test_what_is_no_request_is_refused_sealed(server, one, message):
    exchange = ohttp.Exchange(one.configuration or one.verify())
    capsule = ohttp.Capsule(exchange, exchange.seal(message), "")
    answer = opened(capsule, outer(server, capsule))
    assert answer.status == 400 and answer.problem() == "about:blank"


def test_the_gateway_is_not_reached_through_itself(one):
    for path in (GATEWAY, GATEWAY + "?x", GATEWAY + "/x"):
        for method in ("GET", "POST"):
            assert one.send(Request(method, path)).status == 400


def clear_problem(got):
    assert got.headers["Content-Type"] == "application/problem+json"
    document = got.json()
    assert document["status"] == got.status and document["title"]
    assert SECRET.encode() not in got.body
    return got.status, document["type"]


LOW_ORDER = [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18,
             325606250916557431795983626356110631294008115727848805560023387167927233504,
             39382357235489614581723060781553021112529911719440698176882885853963445705823]


def test_what_does_not_open_is_refused_in_clear(server, one):
    def refused(at, replacement):
        capsule = one.seal(chat())
        body = bytearray(capsule.body)
        body[at:at + len(replacement)] = replacement
        return clear_problem(outer(server, capsule, bytes(body)))

    unknown = (422, KEY_PROBLEM)
    key_id = one.configuration.key_id
    assert refused(0, bytes([key_id ^ 1])) == unknown
    assert refused(1, b"\x00\x10") == unknown   # a KEM that is not in the configuration
    assert refused(3, b"\x00\x03") == unknown   # a KDF
    assert refused(5, b"\x00\x02") == unknown   # an AEAD
    assert refused(5, b"\x00\x03") == unknown   # one that is, but was not sealed with
    for point in LOW_ORDER:
        assert refused(7, point.to_bytes(32, "little")) == (400, "about:blank")
    for at in (7, 39, 40, 41, 100, -1):
        capsule = one.seal(chat())
        body = bytearray(capsule.body)
        body[at] ^= 1
        assert clear_problem(outer(server, capsule, bytes(body)))[0] in (400, 413, 422)


def test_the_second_spelling_of_a_key_does_not_open(server, one):
    capsule = one.seal(chat())
    body = bytearray(capsule.body)
    body[38] |= 0x80
    assert clear_problem(outer(server, capsule, bytes(body))) == (422, KEY_PROBLEM)
    assert opened(capsule, outer(server, capsule)).status == 200, "it took nobody's slot"


def test_what_is_no_capsule_is_refused_in_clear(server, one):
    capsule = one.seal(chat())
    long = one.seal(chat("x" * 40000))
    for body in (b"", capsule.body[:20], capsule.body[:39], long.body[:20000]):
        assert clear_problem(outer(server, capsule, body)) == (400, "about:blank")
    announced = capsule.body[:39] + b"\x80\x00\x40\x11" + bytes(20000)
    assert clear_problem(outer(server, capsule, announced)) == (413, "about:blank")
    # A request cut at a chunk's end has no final chunk.
    size = 39 + 4 + 16400
    assert clear_problem(outer(server, long, long.body[:size])) == (400, "about:blank")


def test_a_replaced_key_is_refused_sealed_and_the_client_attests_again(start_server):
    server = start_server("--sealing-epoch", "10s")
    one = client(server)
    old = one.verify()
    until(lambda: wire.sha256(wire.request(server, "GET", GATEWAY).body[2:]) != old.digest,
          "another key, with its whole epoch ahead")
    capsule = one.seal(chat())
    refused = opened(capsule, outer(server, capsule))
    assert refused.status == 422 and refused.problem() == KEY_PROBLEM
    request = chat(max_tokens=1)
    answer = one.send(request)
    assert answer.status == 200 and one.attestations == 2
    assert one.configuration.digest != old.digest
    answer.read()
    check_receipt(one, request, answer)


# Seen and tampered with on the way.

def through(middleman, source="127.0.0.1", **options):
    """A client that takes any TLS key: what stands between must not matter."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        "127.0.0.1", int(middleman.url.rsplit(":", 1)[1]), context=context, timeout=100,
        source_address=(source, 0))
    return ohttp.Client(connection, served_keyset, **options)


def sealed_only(change):
    """Applies to sealed answers, and leaves what is fetched in clear alone."""
    def apply(path, body):
        return change(body) if path == GATEWAY and body[:2] != b"\0\x2d" else body
    return apply


@pytest.mark.parametrize("padding", PROFILES)
def test_who_stands_between_sees_nothing_of_it(server, padding):
    answers = []
    with Middleman(server, sealed_only(lambda body: answers.append(body) or body)) as relay:
        one = through(relay, padding=padding)
        for request in (chat(key=API_KEY), chat(key=API_KEY, stream=True),
                        chat(key=API_KEY, model="another")):
            answer = one.send(request)
            answer.read()
        assert answer.status == 404
    seen = relay.seen + b"".join(answers)
    assert len(answers) == 3 and len(seen) > 3000
    for word in (SECRET, "capital", API_KEY, "Paris", MODEL_NAME, "chat/completions", "messages",
                 "content", "[DONE]", answer.nonce, "another"):
        assert word.lower().encode() not in seen.lower().replace(b"content-", b""), word
    assert b"authorization" not in seen.lower()


def test_served_and_refused_look_alike(server):
    requests = [chat(max_tokens=1), chat(model="another", max_tokens=1),
                Request("POST", "/v1/chat/completions", [JSON], b"{"), Request("GET", "/nowhere")]
    one = client(server, padding="constant")
    seen = []
    for request in requests:
        capsule = one.seal(request)
        got = outer(server, capsule)
        assert opened(capsule, got).status in (200, 400, 404)
        seen.append((len(capsule.body), got.status, sorted(got.headers.keys()),
                     got.headers["Content-Type"]))
    assert len(set(map(str, seen))) == 1, seen


def test_lengths_under_bucketed(server):
    one = client(server)
    assert len({len(one.seal(chat("x" * size)).body) for size in range(0, 400, 7)}) <= 2
    sizes = set()
    for text in ("Tell me a story.", SECRET):
        capsule = one.seal(chat(text, stream=True))
        assert len(capsule.body) == bhttp.bucket(len(capsule.body) - 56) + 56
        got = outer(server, capsule)
        assert text_of(opened(capsule, got).read())
        *chunks, final = pieces(got.body)
        sizes |= {len(chunk) - 2 - 16 for chunk in chunks} | {len(final) - 1 - 16}
        whole = one.seal(chat(text))
        answer = pieces(outer(server, whole).body)
        assert len(answer) == 1
        sizes.add(len(answer[0]) - 17)
    assert sizes <= {512, 1024, 2048, 4096}, "the bucket is all there is to see"


def test_lengths_under_constant(server):
    one = client(server, padding="constant")
    for text in ("Hello.", "Tell me a story."):
        for stream in (False, True):
            capsule = one.seal(chat(text, stream=stream))
            got = outer(server, capsule)
            assert opened(capsule, got).read()
            *chunks, final = pieces(got.body)
            assert {len(chunk) for chunk in chunks} | {len(final) + 1} == {1024 + 16 + 2}


def cut_after(count):
    return lambda body: body[:16] + b"".join(pieces(body)[:count])


def rearranged(order):
    def change(body):
        chunks = pieces(body)
        return body[:16] + b"".join(chunks[i] for i in order) + b"".join(chunks[4:])
    return change


def flipped(at):
    return lambda body: body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_cut_short_on_its_way_is_noticed(server, count):
    with Middleman(server, sealed_only(cut_after(count))) as relay:
        shown = b""
        with pytest.raises(Truncated):
            for piece in through(relay).send(chat(stream=True)):
                shown += piece
        assert b"[DONE]" not in shown
        assert (b"data: " in shown) == (count == 3), "what is genuine may be shown"


@pytest.fixture(scope="module")
def streamed(server, one):
    """A capsule and its answer of five chunks or more."""
    capsule = one.seal(chat(stream=True, max_tokens=16))
    body = outer(server, capsule).body
    assert len(pieces(body)) >= 5
    return capsule, body


def read(streamed, change):
    capsule, body = streamed
    reader = ohttp.ResponseReader(capsule.exchange)
    return ohttp.Answer(reader, [change(body)], capsule.nonce).read()


@pytest.mark.parametrize("change", [
    rearranged([0, 2, 1, 3]), rearranged([0, 2, 3]), rearranged([0, 1, 1, 2, 3]),
    cut_after(2), cut_after(-1), lambda body: body + b"\0", lambda body: body[:-1],
    lambda body: b"", lambda body: body[:16] + b"\0", lambda body: body + body[16:],
    *map(flipped, (0, 15, 16, 17, 18, 19, 100, 700, -17, -1)),
], ids=["reordered", "left out", "repeated", "cut", "final left out", "appended", "cut within",
        "empty", "ended", "twice", *(f"flipped {i}" for i in range(10))])
def test_a_tampered_answer_is_noticed(streamed, change):
    assert text_of(read(streamed, lambda body: body))
    with pytest.raises(ChannelError):
        read(streamed, change)


def test_a_request_reflected_is_no_answer(streamed):
    capsule, body = streamed
    for reflected in (capsule.body, body[:16] + capsule.body[39:]):
        with pytest.raises(ChannelError):
            read(streamed, lambda _: reflected)


def test_an_answer_to_another_request_is_not_believed(server, one):
    capsule = one.seal(chat(max_tokens=1))
    kept = outer(server, capsule).body
    with Middleman(server, sealed_only(lambda body: kept)) as relay:
        with pytest.raises(ChannelError):
            through(relay).send(chat(max_tokens=1)).read()


def test_a_relay_cannot_put_a_key_of_its_own(server):
    mine = ohttp.X25519PrivateKey.generate().public_key().public_bytes_raw()
    tried = []

    def change(path, body):
        if path == GATEWAY and body[:2] == b"\0\x2d":
            tried.append(body)
            return body[:5] + mine + body[37:]
        return body

    with Middleman(server, change) as relay:
        with pytest.raises(ChannelError, match="attested keyset"):
            through(relay).send(chat(key=API_KEY))
    assert tried and SECRET.encode() not in relay.seen and API_KEY.encode() not in relay.seen


def test_an_answer_in_clear_is_not_believed(server):
    requests = []

    def change(path, body):
        if path == GATEWAY and body[:2] != b"\0\x2d":
            requests.append(body)
            return b'{"choices":[{"message":{"content":"London"}}]}'
        return body

    with Middleman(server, change) as relay, pytest.raises(ChannelError):
        through(relay).send(chat()).read()
    assert requests
