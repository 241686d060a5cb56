"""What an operator does: keys, certificates, traces, checks. On the stub, which starts at once."""
import datetime
import hashlib
import http.server
import ipaddress
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat,
                                                          PublicFormat)

import ohttp_client as ohttp
import wire
from bhttp import Request
from conftest import BIN, MODEL
from test_server import until

pytestmark = pytest.mark.server
HELLO = {"model": "stub", "messages": [{"role": "user", "content": "hello"}]}


def run(*arguments, code=0):
    done = subprocess.run([BIN / "confide-server", *map(str, arguments)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def new_key(path, name, *options):
    return run("keys", "new", "--file", path, "--name", name, *options).stdout.strip()


def ask(server, key=None, path="/v1/chat/completions"):
    headers = {"Authorization": "Bearer " + key} if key else {}
    return wire.post(server, HELLO, path, headers)


def certificate(key, name="operator"):
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    alternatives = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(alternatives, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256()))


def write_pair(folder, key, signed_with=None):
    (folder / "cert.pem").write_bytes(certificate(signed_with or key).public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return ["--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem"]


def spki(key):
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def shown_spki(server):
    return spki(x509.load_pem_x509_certificate(
        ssl.get_server_certificate(("127.0.0.1", server.port)).encode()))


def listed_spkis(server):
    return [entry["spki_sha256"] for entry in wire.keyset(server)["tls_public_keys"]]


def test_keys_are_made_listed_and_revoked(tmp_path):
    path = tmp_path / "keys.toml"
    made = run("keys", "new", "--file", path, "--name", "alice", "--model", "*",
               "--requests-per-minute", 60, "--expires", "2100-01-31", "--json")
    key = json.loads(made.stdout)["key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in path.read_text() and len(key) > 40
    new_key(path, "bob", "--model", "stub", "--model", "other")
    listed = json.loads(run("keys", "list", "--file", path, "--json").stdout)["keys"]
    assert [one["name"] for one in listed] == ["alice", "bob"]
    assert listed[0]["models"] == ["*"] and listed[1]["models"] == ["other", "stub"]
    assert listed[0]["expires"] == "2100-01-31T00:00:00Z"
    assert "alice" in run("keys", "list", "--file", path).stdout

    run("keys", "new", "--file", path, "--name", "bob", "--model", "*", code=2)
    run("keys", "new", "--file", path, "--name", "carol", code=2)
    run("keys", "new", "--file", path, "--name", "a b", "--model", "*", code=2)
    run("keys", "revoke", "--file", path, "--name", "nobody", code=2)
    run("keys", "revoke", "--file", path, "--name", "alice")
    listed = json.loads(run("keys", "list", "--file", path, "--json").stdout)["keys"]
    assert [one["name"] for one in listed] == ["bob"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["keys.toml"]


def test_keys_made_at_once_are_all_there(tmp_path):
    path = tmp_path / "keys.toml"
    running = [subprocess.Popen([BIN / "confide-server", "keys", "new", "--file", path, "--name",
                                 f"key{i}", "--model", "*"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for i in range(6)]
    assert [one.wait(60) for one in running] == [0] * 6
    assert len(json.loads(run("keys", "list", "--file", path, "--json").stdout)["keys"]) == 6


def test_keys_come_and_go_while_the_server_runs(start_stub, tmp_path):
    path = tmp_path / "keys.toml"
    alice = new_key(path, "alice", "--model", "*")
    server = start_stub("--api-keys", path)
    assert ask(server, alice).status == 200
    assert wire.post(server, HELLO, headers={"X-Api-Key": alice}).status == 200
    for key in (None, alice + "x", "sk-confide-"):
        refused = ask(server, key)
        assert refused.status == 401 and refused.json()["error"]["code"] == "invalid_api_key"
    assert wire.request(server, "GET", "/v1/models").status == 401
    assert wire.request(server, "GET", "/health").status == 200
    wire.report(server)

    bob = new_key(path, "bob", "--model", "elsewhere", "--requests-per-minute", 5)
    until(lambda: ask(server, bob).status == 403, "the new key is known")
    good = path.read_text()
    path.write_text(good + "[[key]]\nname = 1\n")
    until(lambda: "API keys stay as they were" in server.logged(), "the broken file is noticed")
    assert ask(server, alice).status == 200
    path.write_text(good)
    run("keys", "revoke", "--file", path, "--name", "alice")
    until(lambda: ask(server, alice).status == 401, "the key is revoked")
    assert alice not in server.logged() and bob not in server.logged()


def test_limits_are_kept_and_said(start_stub, tmp_path):
    path = tmp_path / "keys.toml"
    key = new_key(path, "alice", "--model", "*", "--requests-per-minute", 2,
                  "--tokens-per-minute", 1000)
    server = start_stub("--api-keys", path)
    first = ask(server, key)
    assert first.headers["X-RateLimit-Limit-Requests"] == "2"
    assert first.headers["X-RateLimit-Remaining-Requests"] == "1"
    assert first.headers["X-RateLimit-Limit-Tokens"] == "1000"
    assert ask(server, key).status == 200
    refused = ask(server, key)
    assert refused.status == 429
    assert refused.json()["error"] == {
        "message": "This API key has reached its limit of requests per minute.",
        "type": "rate_limit_error", "code": "rate_limit_exceeded", "param": None}
    assert 25 <= int(refused.headers["Retry-After"]) <= 30


def test_the_key_inside_the_sealed_channel_counts(start_stub, tmp_path):
    path = tmp_path / "keys.toml"
    key = new_key(path, "alice", "--model", "*")
    server = start_stub("--api-keys", path)
    client = ohttp.Client(wire.connect(server),
                          lambda get: json.loads(get("/v1/aci/attestation?nonce=" + "0" * 64))
                          ["attestation"]["workload_keyset"])
    json_type = ("content-type", "application/json")
    body = json.dumps(HELLO).encode()
    for fields, status in (([], 401), ([("authorization", "Bearer " + key)], 200)):
        answer = client.send(Request("POST", "/v1/chat/completions", [*fields, json_type], body))
        answer.read()
        assert answer.status == status


def test_a_broken_file_at_start_is_an_error(tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text("[[key]]\nname = \"a\"\n")
    pair = write_pair(tmp_path, ec.generate_private_key(ec.SECP256R1()),
                      signed_with=ec.generate_private_key(ec.SECP256R1()))
    for options in (["--api-keys", keys], ["--api-keys", tmp_path / "none"], pair,
                    ["--otlp-endpoint", "http://192.0.2.1:4318"],
                    ["--otlp-endpoint", "https://192.0.2.1:4318"]):
        done = subprocess.run([BIN / "confide-server", "--model", MODEL, "--tee", "sim", "--state",
                               tmp_path / "state", "--listen", "127.0.0.1:0", *map(str, options)],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 2, (options, done.stderr)
        assert "SIMULATED" not in done.stderr, "nothing was begun"


def test_check_config_says_all_that_is_wrong(tmp_path):
    good = ["--model", MODEL, "--tee", "sim", "--state", tmp_path / "state", "--check-config"]
    run(*good)
    assert json.loads(run(*good, "--json").stdout) == {"ok": True, "problems": []}
    assert not (tmp_path / "state").exists()
    keys = tmp_path / "keys.toml"
    keys.write_text("nonsense")
    pair = write_pair(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    done = run("--model", tmp_path / "none.gguf", "--listen", "here", "--state",
               tmp_path / "no/such/folder", "--api-keys", keys, *pair, "--otlp-endpoint", "http://x",
               "--check-config", "--json", code=2)
    found = json.loads(done.stdout)
    assert not found["ok"]
    for word in ("--listen", "--state", "keys.toml", "key.pem", "--otlp-endpoint", "none.gguf"):
        assert any(word in problem for problem in found["problems"]), (word, found)
    assert len(found["problems"]) == 6
    config = tmp_path / "server.toml"
    config.write_text(f'model = "{MODEL}"\nlisten = "nowhere"\n')
    done = run("--config", config, "--check-config", code=2)
    assert "--listen" in done.stderr


@pytest.mark.parametrize("make", [lambda: ec.generate_private_key(ec.SECP256R1()),
                                  lambda: rsa.generate_private_key(65537, 2048)],
                         ids=["p256", "rsa"])
def test_a_certificate_is_replaced_without_dropping_a_connection(start_stub, tmp_path, make):
    first, second = make(), make()
    server = start_stub(*write_pair(tmp_path, first))
    assert shown_spki(server) == spki(first)
    assert listed_spkis(server) == [spki(first)]
    kept = wire.connect(server)

    def over_kept(path):
        kept.request("GET", path)
        return wire.Response(kept.getresponse())

    assert over_kept("/v1/models").status == 200
    write_pair(tmp_path, first, signed_with=second)  # a pair that does not match
    until(lambda: "TLS certificate stays as it was" in server.logged(), "it is refused")
    assert shown_spki(server) == spki(first)

    write_pair(tmp_path, second)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "TLS certificate replaced" in server.logged(), "it is taken")
    assert shown_spki(server) == spki(second), "new handshakes get the new one"
    assert listed_spkis(server) == [spki(second), spki(first)]
    digest = over_kept("/v1/models").headers["X-ACI-Keyset-Digest"]
    assert digest == wire.report(server)[1]["workload_keyset_digest"], "the same connection lives"
    assert server.stop() == 0


def test_a_renewed_certificate_leaves_the_keyset_alone(start_stub, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    server = start_stub(*write_pair(tmp_path, key))
    before = ssl.get_server_certificate(("127.0.0.1", server.port))
    keyset = wire.keyset(server)
    write_pair(tmp_path, key)
    until(lambda: "TLS certificate replaced" in server.logged(), "it is taken")
    shown = ssl.get_server_certificate(("127.0.0.1", server.port))
    assert shown != before, "it is renewed on the network"
    assert shown.strip() in server.certificate.read_text(), "and in its file"
    assert wire.keyset(server) == keyset


def test_confide_goes_on_after_a_change_of_certificate(start_stub, tmp_path, confide):
    server = start_stub(*write_pair(tmp_path, ec.generate_private_key(ec.SECP256R1())))

    def chat():
        done = confide("chat", "--url", server.url, "--trust-root", server.root, "hello")
        assert done.returncode == 0, done.stderr

    chat()
    key = ec.generate_private_key(ec.SECP256R1())
    write_pair(tmp_path, key)
    until(lambda: "TLS certificate replaced" in server.logged(), "it is taken")
    assert shown_spki(server) == spki(key)
    chat()


class Collector:
    """Takes OTLP over HTTP and keeps what it gets."""

    def __init__(self):
        self.spans = []
        outside = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                assert self.path == "/v1/traces"
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in body["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        outside.spans += scope["spans"]
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def test_traces_reach_a_collector_and_carry_no_content(start_stub):
    collector = Collector()
    server = start_stub("--otlp-endpoint", collector.url, "--log-requests")
    trace, parent = os.urandom(16).hex(), os.urandom(8).hex()
    body = {**HELLO, "messages": [{"role": "user", "content": "xylophone-marmalade"}]}
    got = wire.post(server, body, headers={"traceparent": f"00-{trace}-{parent}-01",
                                           "Authorization": "Bearer sk-hidden-key"})
    assert got.status == 200
    wire.post(server, body, headers={"traceparent": f"00-{'0' * 32}-{parent}-01"})
    until(lambda: len(collector.spans) >= 8, "both traces are there")
    mine = [span for span in collector.spans if span["traceId"] == trace]
    request = next(span for span in mine if span["name"] == "request")
    assert request["parentSpanId"] == parent
    assert {span["name"] for span in mine} == {"request", "queue", "prefill", "decode"}
    assert all(span["parentSpanId"] == request["spanId"] for span in mine if span is not request)
    attributes = {one["key"]: list(one["value"].values())[0] for one in request["attributes"]}
    assert attributes["gen_ai.usage.output_tokens"] == "16"
    assert attributes["confide.request.id"] == got.headers["X-Request-Id"]
    now = time.time_ns()
    assert now - 60_000_000_000 < int(request["startTimeUnixNano"]) <= now
    text = json.dumps(collector.spans) + server.logged()
    for word in ("xylophone", "sk-hidden-key", "word word", "address"):
        assert word not in text
    assert "127.0.0.1" not in json.dumps(collector.spans)
    assert "route=/v1/chat/completions status=200" in server.logged()


def test_a_collector_that_hangs_delays_nobody(start_stub):
    deaf = socket.create_server(("127.0.0.1", 0))
    server = start_stub("--otlp-endpoint", f"http://127.0.0.1:{deaf.getsockname()[1]}")
    for _ in range(3):
        start = time.monotonic()
        assert wire.post(server, HELLO).status == 200
        assert time.monotonic() - start < 5
    assert server.stop() == 0


def test_logs_as_json(start_stub):
    server = start_stub("--log-format", "json", "--log-requests", "--log-addresses", wait=False)
    until(lambda: "listening on" in server.logged(), "it listens")
    server.port = int(server.logged().split("listening on https://127.0.0.1:")[1].split('"')[0])
    wire.post(server, HELLO)
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.logged().splitlines()]
    request = next(line for line in lines if line["message"] == "request")
    assert request["route"] == "/v1/chat/completions" and request["status"] == 200
    assert request["completion_tokens"] == 16 and request["address"] == "127.0.0.1"
    assert request["complete"] and request["seconds"] >= request["first_token_seconds"] >= 0


def test_readiness(start_stub):
    server = start_stub("--slots", "1", "--queue", "1", "--tokens-per-second", "5")
    assert wire.request(server, "GET", "/ready").json() == {"status": "ready"}
    streams = []
    for _ in range(2):
        connection = wire.connect(server)
        connection.request("POST", "/v1/chat/completions", wire.compact({**HELLO, "stream": True}))
        streams.append(connection)
    until(lambda: wire.request(server, "GET", "/ready").status == 503, "the queue is full")
    assert "queue is full" in wire.request(server, "GET", "/ready").body.decode()
    assert wire.request(server, "GET", "/health").status == 200
    assert wire.post(server, HELLO).status == 429
    assert all(c.getresponse().read().endswith(b"data: [DONE]\n\n") for c in streams)
    until(lambda: wire.request(server, "GET", "/ready").status == 200, "there is room again")
