"""Reports and receipts as somebody else would check them."""
import hashlib
import json
import signal
import struct

import pytest

import wire
from conftest import MODEL, MODEL_NAME

pytestmark = pytest.mark.server
HELLO = {"model": MODEL_NAME, "max_tokens": 8, "temperature": 0,
         "messages": [{"role": "user", "content": "Say h\u00e9llo."}]}


def receipt(server, response, headers=None):
    got = wire.request(server, "GET", "/v1/aci/receipts/" + response.headers["X-Receipt-Id"],
                       headers=headers)
    assert got.status == 200, got.body
    return got.json()


def test_report_binds_nonce_and_keyset_into_the_quote(server):
    nonce, report = wire.report(server)
    attestation = report["attestation"]
    digest = wire.sha256(wire.jcs(attestation["workload_keyset"]))
    assert report["api_version"] == "aci/1"
    assert report["workload_keyset_digest"] == digest
    statement = (f'{{"keyset_digest":"{digest}","nonce":"{nonce}",'
                 '"purpose":"aci.report_data.v1"}').encode()
    assert len(statement) == 197
    expected = hashlib.sha256(statement).digest()
    assert attestation["report_data"] == expected.hex()
    quote = bytes.fromhex(attestation["evidence"]["quote"])
    assert struct.unpack_from("<HHI", quote) == (4, 2, 0x81)
    assert quote[568:632] == expected + bytes(32)
    assert attestation["evidence"]["quote_report_data"] == quote[568:632].hex()
    assert report["service_capabilities"] == {"supported_e2ee_versions": ["2"],
                                              "serving": "direct"}
    other_nonce, other = wire.report(server)
    assert other_nonce != nonce and other["workload_keyset_digest"] == digest
    assert other["attestation"]["report_data"] != attestation["report_data"]


def test_event_log_replays_and_names_the_model(server):
    evidence = wire.report(server)[1]["attestation"]["evidence"]
    quote = bytes.fromhex(evidence["quote"])
    registers = [bytes(48)] * 4
    models = []
    for entry in json.loads(evidence["event_log"]):
        digest = bytes.fromhex(entry["digest"])
        payload = bytes.fromhex(entry["event_payload"])
        if entry["event_type"] == 0x08000001:
            assert digest == hashlib.sha384(struct.pack("<I", entry["event_type"]) + b":"
                                            + entry["event"].encode() + b":" + payload).digest()
        imr = entry["imr"]
        registers[imr] = hashlib.sha384(registers[imr] + digest).digest()
        if entry["event"] == "confide.model":
            models.append(payload)
        if entry["event"] == "compose-hash":
            assert payload == hashlib.sha256(evidence["app_compose"].encode()).digest()
    assert [quote[376 + 48 * i:424 + 48 * i] for i in range(4)] == registers
    assert all(register != bytes(48) for register in registers)
    assert models == [hashlib.sha256(MODEL.read_bytes()).digest()]


@pytest.mark.parametrize("nonce", ["A" * 64, "a" * 32, "0x" + "a" * 64, "a" * 63, "a" * 65, "",
                                   "g" * 64])
def test_other_nonces_are_refused(server, nonce):
    got = wire.request(server, "GET", f"/v1/aci/attestation?nonce={nonce}")
    assert got.status == 400
    assert got.json()["error"]["type"] == "invalid_request_error"
    assert set(got.json()["error"]) == {"message", "type", "code", "param"}


def test_receipt_covers_the_exact_bytes_buffered_and_streamed(server):
    keys = wire.keyset(server)
    for stream in (False, True):
        # Odd whitespace and member order, non-ASCII text: nothing may be normalised.
        body = json.dumps({**HELLO, "stream": stream}, indent=3, ensure_ascii=False).encode()
        got = wire.post(server, body, headers={"X-Request-Hash": "0" * 64})
        assert got.status == 200
        document = receipt(server, got)
        wire.check_receipt(document, keys)
        assert document["event_log"][0]["type"] == "request.received"
        assert wire.event(document, "request.received")["body_hash"] == wire.sha256(body)
        assert wire.event(document, "request.forwarded")["body_hash"] == wire.sha256(body)
        assert wire.event(document, "response.returned")["body_hash"] == wire.sha256(got.body)
        ran = wire.event(document, "confide.execution")
        assert ran["model_digest"] == wire.sha256(MODEL.read_bytes())
        assert ran["completion_tokens"] <= 8 and ran["temperature"] == "0"
        assert document["model"] == MODEL_NAME and document["method"] == "POST"


def test_every_response_carries_the_headers(server):
    digest = wire.sha256(wire.jcs(wire.keyset(server)))
    for got in (wire.request(server, "GET", "/"), wire.request(server, "GET", "/nowhere"),
                wire.request(server, "OPTIONS", "/v1/chat/completions"), wire.post(server, HELLO),
                wire.post(server, b"{"), wire.post(server, b"x" * (33 << 20))):
        assert got.headers["X-ACI-Version"] == "aci/1", got.status
        assert got.headers["X-ACI-Keyset-Digest"] == digest, got.status


def test_oversize_and_malformed_bodies(server):
    big = wire.post(server, b"x" * (33 << 20))
    assert big.status == 413 and set(big.json()["error"]) == {"message", "type", "code", "param"}
    for body in (b"", b"{", b"[]", b"[" * 100000, b'{"model":"\xff"}', b'{"a":1,"a":1}', b"1e999"):
        got = wire.post(server, body)
        assert got.status == 400, body[:20]
        assert got.json()["error"]["type"] == "invalid_request_error"


def test_receipts_are_bound_to_their_owner(server):
    alice, bob = {"Authorization": "Bearer alice"}, {"Authorization": "Bearer bob"}
    got = wire.post(server, HELLO, headers=alice)
    path = "/v1/aci/receipts/" + got.headers["X-Receipt-Id"]
    assert wire.request(server, "GET", path).status == 401
    assert wire.request(server, "GET", path, headers=alice).status == 200
    assert wire.request(server, "GET", path, headers=bob).status == 404
    by_chat_id = "/v1/aci/receipts/" + got.json()["id"]
    assert wire.request(server, "GET", by_chat_id, headers=alice).status == 200


def test_acknowledged_receipts_survive_kill_9(start_server):
    first = start_server(name="durable")
    keys = wire.keyset(first)
    got = wire.post(first, HELLO)
    path = "/v1/aci/receipts/" + got.headers["X-Receipt-Id"]
    first.stop(signal.SIGKILL)
    second = start_server(name="durable")
    kept = wire.request(second, "GET", path)
    assert kept.status == 200
    wire.check_receipt(kept.json(), keys)
    # The root outlives the process too; the keys do not.
    assert wire.keyset(second) != keys


def test_pinned_sessions_are_refused_with_a_receipt(server):
    got = wire.post(server, {**HELLO, "provider": {"aci_session_ids": ["1" * 64]}})
    assert got.status == 412 and got.json()["error"]["type"] == "session_not_accepted"
    document = receipt(server, got)
    wire.check_receipt(document, wire.keyset(server))
    assert [e["type"] for e in document["event_log"]] == ["request.received", "response.returned"]
    assert wire.event(document, "response.returned")["body_hash"] == wire.sha256(got.body)
    assert wire.post(server, {**HELLO, "provider": {"aci_verified": True}}).status == 200
    assert wire.post(server, {**HELLO, "provider": {"aci_x": True}}).status == 400
