"""An active man in the middle at every hop: he learns nothing, and no false answer is believed.

He ends TLS with a key of his own, before a relay, behind it, or without one, and each attack is tried on
each of our clients. What is shown of an answer must be the genuine one's beginning, and what counts as
a whole answer must be all of it.
"""
import json
import os
import threading

import openai
import pytest

import ohttp_client as ohttp
import wire
from conftest import MODEL_NAME, Proxy, Server
from middleman import Middleman, answer
from nginx import Nginx, needs_nginx
from ohttp_client import DATE_PROBLEM, GATEWAY, KEY_PROBLEM
from test_proxy import ask
from test_sealed import chat as sealed_chat
from test_sealed import client, outer, pieces

PROMPT = "What is the capital of France? my-secret-word"
API_KEY = "sk-user-key"
FALSE = "London"
REPORT = "/v1/aci/attestation"
SEALED = "message/ohttp-chunked-res"


def completion():
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                       "model": MODEL_NAME,
                       "choices": [{"index": 0, "finish_reason": "stop",
                                    "message": {"role": "assistant", "content": FALSE}}]}).encode()


def stream():
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL_NAME,
             "choices": [{"index": 0, "delta": {"content": FALSE}, "finish_reason": "stop"}]}
    return f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()


def problem(kind, **headers):
    body = json.dumps({"type": kind, "title": "no", "status": 422}).encode()
    return answer(422, body, content_type="application/problem+json", **headers)


def error(status, code):
    body = json.dumps({"error": {"message": FALSE, "type": code, "code": code}}).encode()
    return answer(status, body, content_type="application/json")


# What he does with the requests that he sees. Each is given what he knows, and what it returns decides
# what becomes of a request; None passes it on.

def to_sealed(reply):
    """Answers sealed requests by `reply`."""
    return lambda known: lambda method, path, body, pass_on: (
        reply(known, body, pass_on) if method == "POST" and path == GATEWAY else None)


def with_answers(change, chunks=1):
    """Passes sealed requests on, and changes those answers that have at least so many chunks."""
    def reply(known, body, pass_on):
        got = pass_on()
        if len(pieces(got.body)) < chunks:
            return got
        return answer(got.status, change(got.body), content_type=got.headers["Content-Type"])
    return to_sealed(reply)


def at(place, reply):
    """Answers what is fetched at `place`."""
    return lambda known: lambda method, path, body, pass_on: (
        reply(known, pass_on) if method == "GET" and path.startswith(place) else None)


def either(*attacks):
    def all_of(known):
        acts = [attack(known) for attack in attacks]
        return lambda *request: next(filter(None, (act(*request) for act in acts)), None)
    return all_of


def edited_report(edit):
    def reply(known, pass_on):
        document = pass_on().json()
        keyset = document["attestation"]["workload_keyset"]
        edit(keyset, known)
        # All that can be put right without the hardware's key.
        document["workload_keyset_digest"] = wire.sha256(wire.jcs(keyset))
        return answer(200, json.dumps(document).encode(), content_type="application/json",
                      x_aci_keyset_digest=document["workload_keyset_digest"])
    return at(REPORT, reply)


def own_sealing_key(keyset, known):
    keyset["ohttp_key_configurations"][0]["digest"] = wire.sha256(known.own_configuration[2:])


OWN_CONFIGURATION = at(GATEWAY, lambda known, pass_on: answer(
    200, known.own_configuration, content_type="application/ohttp-keys"))


def rearranged(order):
    """Of the first chunks; the rest stays."""
    def change(body):
        chunks = pieces(body)
        return body[:16] + b"".join([chunks[i] for i in order] + chunks[max(order) + 1:])
    return change


def cut(body):
    return body[:16] + pieces(body)[0]


def hung_up(known, body, pass_on):
    got = pass_on()
    short = answer(got.status, got.body[:len(got.body) // 2], content_type=SEALED)
    short.withheld = 1
    return short


def twice(known, body, pass_on):
    pass_on()
    return pass_on()


def kept_back(known, body, pass_on):
    pass_on()
    return problem(KEY_PROBLEM)


ATTACKS = {
    "report of another service": at(REPORT, lambda known, pass_on: wire.request(
        known.other, "GET", f"{REPORT}?nonce={os.urandom(32).hex()}")),
    "report of yesterday": at(REPORT, lambda known, pass_on: answer(
        200, json.dumps(known.report).encode(), content_type="application/json")),
    "report with his sealing key": either(edited_report(own_sealing_key), OWN_CONFIGURATION),
    "report without the sealed channel": edited_report(
        lambda keyset, known: keyset.pop("ohttp_key_configurations")),
    "report refused": at(REPORT, lambda known, pass_on: error(404, "not_found")),
    "report elsewhere": at(REPORT, lambda known, pass_on: answer(
        307, location=known.other.url + REPORT)),
    "configuration of his own": OWN_CONFIGURATION,
    "configuration of another service": at(GATEWAY, lambda known, pass_on: wire.request(
        known.other, "GET", GATEWAY)),
    "no configuration": at(GATEWAY, lambda known, pass_on: error(404, "not_found")),
    "no gateway": to_sealed(lambda known, body, pass_on: error(404, "not_found")),
    "no such method": to_sealed(lambda known, body, pass_on: error(405, "method_not_allowed")),
    "answer in clear": to_sealed(lambda known, body, pass_on: answer(
        200, completion(), content_type="application/json")),
    "stream in clear": to_sealed(lambda known, body, pass_on: answer(
        200, stream(), content_type="text/event-stream")),
    "answer in clear, called sealed": to_sealed(lambda known, body, pass_on: answer(
        200, completion(), content_type=SEALED)),
    "wrong key, he says": to_sealed(lambda known, body, pass_on: error(401, "invalid_api_key")),
    "too many, he says": to_sealed(lambda known, body, pass_on: error(429, "rate_limit")),
    "broken, he says": to_sealed(lambda known, body, pass_on: error(500, "internal")),
    "go elsewhere": to_sealed(lambda known, body, pass_on: answer(
        307, location=known.other.url + "/v1/chat/completions")),
    "speak plainly": to_sealed(lambda known, body, pass_on: answer(
        426, upgrade="TLS/1.3", content_type="text/plain")),
    "key changed, always": to_sealed(lambda known, body, pass_on: problem(KEY_PROBLEM)),
    "date wrong, always": to_sealed(lambda known, body, pass_on: problem(
        DATE_PROBLEM, date="Mon, 01 Jan 2035 00:00:00 GMT")),
    "served, and the key changed": to_sealed(kept_back),
    "answer to another request": to_sealed(lambda known, body, pass_on: answer(
        200, known.answer, content_type=SEALED)),
    "request of another client": to_sealed(lambda known, body, pass_on: pass_on(known.capsule)),
    "request reflected": to_sealed(lambda known, body, pass_on: answer(
        200, body, content_type=SEALED)),
    "served twice": to_sealed(twice),
    "chunks swapped": with_answers(rearranged([1, 0]), chunks=3),
    "chunk left out": with_answers(rearranged([1]), chunks=3),
    "chunk repeated": with_answers(rearranged([0, 0]), chunks=3),
    "cut between chunks": with_answers(cut, chunks=3),
    "cut before the final chunk": with_answers(
        lambda body: body[:16] + b"".join(pieces(body)[:-1]), chunks=3),
    "cut within": with_answers(lambda body: body[:-1]),
    "hung up": to_sealed(hung_up),
    "nothing": with_answers(lambda body: b""),
    "ended at once": with_answers(lambda body: body[:16] + b"\0"),
    "bit flipped at the start": with_answers(lambda body: bytes([body[0] ^ 1]) + body[1:]),
    "bit flipped in the middle": with_answers(
        lambda body: body[:len(body) // 2] + bytes([body[len(body) // 2] ^ 1])
        + body[len(body) // 2 + 1:]),
    "bit flipped at the end": with_answers(lambda body: body[:-1] + bytes([body[-1] ^ 1])),
    "more than the end": with_answers(lambda body: body + body[16:]),
}


class Known:
    """What he has seen of other exchanges, and a service of his own."""

    def __init__(self, server, other):
        self.other = other
        _, self.report = wire.report(server)
        mine = ohttp.X25519PrivateKey.generate().public_key().public_bytes_raw()
        configuration = wire.request(server, "GET", GATEWAY).body
        self.own_configuration = configuration[:5] + mine + configuration[37:]
        capsule = client(server).seal(sealed_chat(stream=True))
        self.answer = outer(server, capsule).body
        self.capsule = client(server).seal(sealed_chat(max_tokens=1)).body


@pytest.fixture(scope="module")
def known(server, tmp_path_factory):
    other = Server(tmp_path_factory.mktemp("other") / "state")
    yield Known(server, other)
    other.stop()


class Attacker(Middleman):
    """Tries `attack` once he is `armed`; counts how often."""

    def __init__(self, server, attack, known, armed=True):
        self.attack, self.armed, self.attacks = ATTACKS[attack](known), armed, 0
        super().__init__(server, act=self.decide)

    def decide(self, method, path, body, pass_on):
        made = self.attack(method, path, body, pass_on) if self.armed else None
        self.attacks += made is not None
        return made or pass_on()

    def check(self):
        """He had his chance, and nothing to show for it."""
        assert self.attacks, "the attack was never tried"
        for word in (b"my-secret-word", API_KEY.encode(), b"Paris", b"chat/completions",
                     MODEL_NAME.encode(), b"messages"):
            assert word not in self.seen, word


@pytest.fixture(scope="module")
def genuine(server):
    """The answer that the same question gets undisturbed."""
    body = {"model": MODEL_NAME, "max_tokens": 24, "temperature": 0,
            "messages": [{"role": "user", "content": PROMPT}]}
    text = wire.post(server, body).json()["choices"][0]["message"]["content"]
    assert "Paris" in text
    return text


def try_chat(confide, server, attacker, url, genuine):
    done = confide("chat", "--url", url, "--trust-root", server.root, "--json", "--max-tokens", "24",
                   "--temperature", "0", PROMPT, env={"CONFIDE_API_KEY": API_KEY})
    document = json.loads(done.stdout)
    attacker.check()
    assert FALSE not in done.stdout + done.stderr
    shown = document.get("answer", "")
    if done.returncode == 0:
        assert document["verdict"] == "pass" and shown == genuine
    else:
        assert document["error"] and genuine.startswith(shown), document


@pytest.mark.parametrize("attack", ATTACKS)
def test_chat(confide, server, known, genuine, attack):
    with Attacker(server, attack, known) as attacker:
        try_chat(confide, server, attacker, attacker.url, genuine)


# With a relay in between he may stand on either side of it: one attack of each kind.

KINDS = ["report of another service", "report without the sealed channel", "configuration of his own",
         "stream in clear", "wrong key, he says", "answer to another request", "served twice",
         "chunks swapped", "cut before the final chunk", "hung up"]


@pytest.fixture(scope="module")
def relay(server, tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("relay") / "nginx", [server]) as running:
        yield running


@needs_nginx
@pytest.mark.parametrize("attack", KINDS)
def test_chat_before_a_relay(confide, server, known, genuine, relay, attack):
    with Attacker(relay, attack, known) as attacker:
        try_chat(confide, server, attacker, attacker.url, genuine)


@needs_nginx
@pytest.mark.parametrize("attack", KINDS)
def test_chat_behind_a_relay(confide, server, known, genuine, tmp_path, attack):
    with Attacker(server, attack, known) as attacker, \
            Nginx(tmp_path / "nginx", [attacker]) as relay:
        try_chat(confide, server, attacker, relay.url, genuine)


# Through `confide proxy`, who has verified the service before the attack begins.

@pytest.mark.parametrize("attack", ATTACKS)
def test_proxy(server, known, genuine, tmp_path, attack):
    with Attacker(server, attack, known, armed=False) as attacker:
        proxy = Proxy(tmp_path, "--url", attacker.url, "--trust-root", server.root)
        try:
            attacker.armed = True
            with openai.OpenAI(base_url=f"http://127.0.0.1:{proxy.port}/v1", api_key=API_KEY,
                               max_retries=0) as user:
                believed = [exchange(user, streamed) for streamed in (False, True)]
        finally:
            proxy.stop()
        for whole, shown in believed:
            assert shown == genuine if whole else genuine.startswith(shown)
        if attacker.attacks:
            attacker.check()
        else:  # what he would forge is not fetched again
            assert all(whole for whole, _ in believed)


def exchange(user, streamed):
    """Whether a whole answer came, and what was shown of it."""
    shown = ""
    try:
        if not streamed:
            return True, ask(user).choices[0].message.content
        for chunk in ask(user, stream=True):
            shown += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        return True, shown
    except openai.OpenAIError as refused:
        assert FALSE not in str(refused)
        return False, shown
