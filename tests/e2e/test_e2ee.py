"""E2EE version 2, spoken by an independent client."""
import concurrent.futures
import json
import time

import pytest

import wire
from conftest import MODEL_NAME
from wire import Sealed

pytestmark = pytest.mark.server
SUITES = [Sealed.X25519, Sealed.SECP256K1]
SECRET = "Name the capital city of France in one word."


def error_type(response):
    assert response.status == 400, response.body
    return response.json()["error"]["type"]


@pytest.fixture(scope="module")
def keys(server):
    return wire.keyset(server)


@pytest.mark.parametrize("suite", SUITES)
def test_buffered(server, keys, suite):
    sealed = Sealed(keys, suite)
    body = sealed.chat(MODEL_NAME, SECRET, max_tokens=24, temperature=0)
    got = wire.post(server, body, headers=sealed.headers())
    assert got.status == 200, got.body
    assert got.headers["X-E2EE-Applied"] == "true" and got.headers["X-E2EE-Version"] == "2"
    assert got.headers["X-E2EE-Algo"] == suite
    assert b"Paris" not in got.body
    answer = got.json()
    text = sealed.open("choices.0.message.content", answer["choices"][0]["message"]["content"],
                       answer["id"])
    assert "Paris" in text
    clear = {**body, "messages": [{"role": "user", "content": SECRET}]}
    document = wire.request(server, "GET",
                            "/v1/aci/receipts/" + got.headers["X-Receipt-Id"]).json()
    wire.check_receipt(document, keys)
    assert wire.event(document, "request.received")["body_hash"] == \
        wire.sha256(wire.compact(clear))
    assert wire.event(document, "response.returned")["body_hash"] == wire.sha256(got.body)


@pytest.mark.parametrize("suite", SUITES)
def test_streaming(server, keys, suite):
    sealed = Sealed(keys, suite)
    body = sealed.chat(MODEL_NAME, SECRET, max_tokens=24, temperature=0, stream=True)
    got = wire.post(server, body, headers=sealed.headers())
    assert got.status == 200 and b"Paris" not in got.body
    data = wire.events(got.body)
    assert data[-1] == "[DONE]"
    text, values = "", []
    for chunk in map(json.loads, data[:-1]):
        delta = chunk["choices"][0]["delta"]
        if delta.get("content"):
            values.append(delta["content"])
            text += sealed.open("choices.0.delta.content", values[-1], chunk["id"])
    assert "Paris" in text
    size = 64 if suite == Sealed.X25519 else 130
    assert len({v[:size] for v in values}) == len(values), "each field has a fresh ephemeral key"


def test_completions(server, keys):
    sealed = Sealed(keys, Sealed.X25519)
    sealed.model = MODEL_NAME
    body = {"model": MODEL_NAME, "max_tokens": 4, "temperature": 0,
            "prompt": sealed.seal("prompt", "The capital of France is")}
    got = wire.post(server, body, path="/v1/completions", headers=sealed.headers())
    assert got.status == 200, got.body
    answer = got.json()
    assert "Paris" in sealed.open("choices.0.text", answer["choices"][0]["text"], answer["id"])


def test_replay_is_refused_whatever_the_case_of_the_nonce(server, keys):
    sealed = Sealed(keys, Sealed.X25519)
    sealed.nonce = "ab" * 32
    body = sealed.chat(MODEL_NAME, SECRET, max_tokens=1)
    assert wire.post(server, body, headers=sealed.headers()).status == 200
    assert error_type(wire.post(server, body, headers=sealed.headers())) == "e2ee_replay_detected"
    upper = {**sealed.headers(), "X-E2EE-Nonce": sealed.nonce.upper()}
    assert error_type(wire.post(server, body, headers=upper)) == "e2ee_replay_detected"


def test_of_many_copies_sent_at_once_one_is_served(server, keys):
    exchange = wire.Sealed(keys, wire.Sealed.X25519)
    body = wire.compact(exchange.chat(MODEL_NAME, "Hello.", max_tokens=1))
    headers = exchange.headers()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda _: wire.post(server, body, headers=headers), range(16)))
    assert sorted(one.status for one in got) == [200] + [400] * 15
    assert {one.json()["error"]["type"] for one in got if one.status == 400} == {
        "e2ee_replay_detected"}


@pytest.mark.parametrize("change, expected", [
    ({"X-E2EE-Version": "3"}, "e2ee_invalid_version"),
    ({"X-E2EE-Nonce": None}, "e2ee_header_missing"),
    ({"X-E2EE-Nonce": "ab"}, "e2ee_invalid_nonce"),
    ({"X-E2EE-Timestamp": "soon"}, "e2ee_invalid_timestamp"),
    ({"X-E2EE-Timestamp": "1"}, "e2ee_invalid_timestamp"),
    ({"X-Model-Pub-Key": "00" * 32}, "e2ee_model_key_mismatch"),
    ({"X-Client-Pub-Key": "zz"}, "e2ee_invalid_public_key"),
    ({"X-Signing-Algo": "ecdsa"}, "e2ee_invalid_version"),
])
def test_header_errors(server, keys, change, expected):
    sealed = Sealed(keys, Sealed.X25519)
    body = sealed.chat(MODEL_NAME, SECRET)
    headers = {k: v for k, v in {**sealed.headers(), **change}.items() if v is not None}
    assert error_type(wire.post(server, body, headers=headers)) == expected


def test_body_errors(server, keys):
    def refused(alter):
        sealed = Sealed(keys, Sealed.X25519)
        body = sealed.chat(MODEL_NAME, SECRET, "and more")
        body = alter(body) or body
        return error_type(wire.post(server, body, headers=sealed.headers()))

    def flip(body):
        content = body["messages"][0]["content"]
        body["messages"][0]["content"] = content[:-1] + ("0" if content[-1] != "0" else "1")

    def swap(body):
        first, second = body["messages"]
        first["content"], second["content"] = second["content"], first["content"]

    def clear(body):
        body["messages"][1]["content"] = "not sealed"

    def other_model(body):
        body["model"] = "another"

    def no_model(body):
        del body["model"]

    assert refused(flip) == "e2ee_decryption_failed"
    assert refused(swap) == "e2ee_decryption_failed"
    assert refused(clear) == "e2ee_decryption_failed"
    assert refused(other_model) == "e2ee_decryption_failed"
    assert refused(no_model) == "e2ee_invalid_payload_model"
    assert refused(lambda body: b"{") == "e2ee_decryption_failed"


def test_timestamps_at_the_edge(server, keys):
    for offset, served in ((-290, True), (290, True), (-310, False), (310, False)):
        sealed = Sealed(keys, Sealed.X25519, timestamp=int(time.time()) + offset)
        got = wire.post(server, sealed.chat(MODEL_NAME, SECRET, max_tokens=1),
                        headers=sealed.headers())
        if served:
            assert got.status == 200, got.body
        else:
            assert error_type(got) == "e2ee_invalid_timestamp"


def test_low_order_client_key_is_refused(server, keys):
    sealed = Sealed(keys, Sealed.X25519)
    body = sealed.chat(MODEL_NAME, SECRET)
    headers = {**sealed.headers(), "X-Client-Pub-Key": "00" * 32}
    assert error_type(wire.post(server, body, headers=headers)) == "e2ee_invalid_public_key"
