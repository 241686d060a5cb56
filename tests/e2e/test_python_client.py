"""The Python client as its users have it, with the official client on top."""
import asyncio
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys

import httpx2
import openai
import pytest

import lab
from conftest import MODEL_NAME, ROOT
from middleman import Middleman
from python_client import ask, installed, make, make_async, package, question, text
from test_man_in_the_middle import API_KEY, genuine
from test_proxy import text_of

__all__ = ["genuine", "installed", "make", "package"]  # fixtures
pytestmark = pytest.mark.packages
CLIENT = ROOT / "clients/python"


# Verifying.

def test_is_the_version_that_its_metadata_says(package, installed):
    found = importlib.metadata.distributions(path=[str(installed)])
    assert [one.version for one in found if one.name == "confide"] == [package.__version__]


def test_verifies_a_live_service(package, server, confide, tmp_path):
    service = package.verify(server.url, trust_roots=[server.root])
    assert service.simulated and service.verdict.passed
    assert {"tdx.quote.signature", "aci.tls"} <= {check.id for check in service.verdict.checks}
    assert package.verify(server.url, trust_roots=[server.root.read_bytes()]).models == service.models
    saved = tmp_path / "report.json"
    saved.write_text(service.report)
    assert confide("verify", "report", saved, "--nonce", service.nonce, "--trust-root",
                   server.root).returncode == 0


def test_names_the_check_that_failed(package, server, tmp_path):
    with pytest.raises(package.VerificationError) as refused:
        package.verify(server.url)
    assert refused.value.check == refused.value.verdict.failure.id == "tdx.pck.chain"
    assert refused.value.code == "untrusted" and "tdx.pck.chain" in str(refused.value)
    pinned = f'version = 1\n[measurements]\nmr_td = ["{"0" * 96}"]\n'
    policy = tmp_path / "policy.toml"
    policy.write_text(pinned)
    for options in ({"policy": policy}, {"policy": package.Policy(pinned)}, {"require": [policy]}):
        with pytest.raises(package.VerificationError) as refused:
            package.verify(server.url, **options, trust_roots=[server.root])
        assert refused.value.check == "policy.measurements"
        with pytest.raises(package.VerificationError):
            package.Client(server.url, **options, trust_roots=[server.root])


def test_a_policy_written_by_the_program_is_met(package, server, confide, tmp_path):
    policy = tmp_path / "policy.toml"
    assert confide("verify", "--url", server.url, "--trust-root", server.root, "--write-policy",
                   policy).returncode == 0
    assert package.verify(server.url, policy).verdict.passed


def test_the_connection_counts_unless_requests_are_sealed(package, server):
    with Middleman(server) as middleman:
        with pytest.raises(package.VerificationError) as refused:
            package.verify(middleman.url, trust_roots=[server.root])
        assert refused.value.check == "aci.tls"
        assert package.verify(middleman.url, trust_roots=[server.root], sealed=True).verdict.passed


def test_judges_evidence_offline(package, server):
    report = json.loads(package.verify(server.url, trust_roots=[server.root]).report)
    evidence = report["attestation"]["evidence"]
    quote = bytes.fromhex(evidence["quote"])
    collateral = json.dumps(evidence["collateral"]).encode()
    log = evidence["event_log"].encode()
    known = {"collateral": collateral, "trust_roots": [server.root]}
    assert package.verify_quote(quote, **known).simulated
    assert package.verify_event_log(log, quote, **known).passed
    for check, judge in {
            "tdx.quote.signature": lambda: package.verify_quote(
                quote[:200] + b"\1" + quote[201:], **known),
            "tdx.collateral": lambda: package.verify_quote(quote, trust_roots=[server.root]),
            "tdx.quote.parse": lambda: package.verify_quote(b"junk"),
            "eventlog.parse": lambda: package.verify_event_log(b"junk", quote, **known),
            "gpu.report.parse": lambda: package.verify_gpus([package.Gpu(b"x", b"y")], bytes(32)),
            "snp.report.parse": lambda: package.verify_snp(b"x", leaf=b"", ica=b"")}.items():
        with pytest.raises(package.VerificationError) as refused:
            judge()
        assert refused.value.check == check and not refused.value.verdict.passed
    with pytest.raises(package.ConfideError, match="certificate"):
        package.verify_quote(quote, trust_roots=[b"junk"])
    amd = lab.Amd()
    held = {"leaf": amd.vcek.der, "ica": amd.ask.der, "ark": amd.ark.der, "at": lab.NOW}
    assert package.verify_snp(amd.report(), **held, trust_roots=[amd.ark.pem]).passed
    with pytest.raises(package.VerificationError):
        package.verify_snp(amd.report(), **held)


# The sealed channel, bare.

def test_carries_any_request(package, server, confide, tmp_path):
    with package.Client(server.url, trust_roots=[server.root]) as client:
        models = client.request("GET", "/v1/models")
        assert models.status == 200 and json.loads(models.read())["data"][0]["id"] == MODEL_NAME
        assert models.proof is None, "only what was made for the user has a receipt"
        body = json.dumps(question(), indent=3).encode()
        got = client.request("POST", "/v1/chat/completions", content=body,
                             headers={"Authorization": "Bearer " + API_KEY,
                                      "Content-Type": "application/json"})
        content = got.read()
        assert dict(got.headers)[b"content-type"] == b"application/json"
        assert got.proof.request_hash == "sha256:" + hashlib.sha256(body).hexdigest()
        assert got.proof.response_hash == "sha256:" + hashlib.sha256(content).hexdigest()
        assert got.proof.document["model"] == MODEL_NAME
        service = client.service
    files = {"report": service.report.encode(), "receipt": got.proof.receipt.encode(),
             "request": body, "response": content}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert confide("verify", "receipt", tmp_path / "receipt", "--report", tmp_path / "report",
                   "--nonce", service.nonce, "--request", tmp_path / "request", "--response",
                   tmp_path / "response", "--client-nonce", got.proof.client_nonce, "--trust-root",
                   server.root).returncode == 0
    with pytest.raises(package.ConfideError, match="closed"):
        client.request("GET", "/v1/models")


def test_requests_that_cannot_be_sealed_are_refused(package, server):
    with package.Client(server.url, trust_roots=[server.root]) as client:
        for refused in ({"path": "nowhere"}, {"method": "G T"}, {"headers": {"a b": "c"}},
                        {"headers": {"a": "b\r\nc: d"}}):
            with pytest.raises(package.ChannelError) as caught:
                client.request(**{"method": "GET", "path": "/v1/models", **refused})
            assert caught.value.check == "channel.request"


# The official client.

def test_answers_and_streams_alike(make, genuine):
    client = make()
    assert [model.id for model in client.models.list()] == [MODEL_NAME]
    assert text(ask(client)) == genuine
    stream = ask(client, stream=True)
    assert text_of(stream) == genuine
    proof = stream.response.extensions["confide"].proof
    assert proof.verdict.passed and proof.document["model"] == MODEL_NAME
    assert proof.keyset == client.confide.service.keyset
    raw = client.chat.completions.with_raw_response.create(**question())
    assert raw.http_response.extensions["confide"].proof.receipt != proof.receipt


def test_the_official_classes_take_the_transport(package, server, genuine):
    transport = package.Transport(server.url, trust_roots=[server.root])
    with openai.OpenAI(base_url=server.url + "/v1", api_key=API_KEY,
                       http_client=httpx2.Client(transport=transport)) as client:
        assert text(ask(client)) == genuine
    transport = package.Transport(server.url, trust_roots=[server.root])
    assert transport.service.verdict.passed


def test_asynchronously_too(package, server, genuine):
    async def converse():
        async with make_async(package, server) as client:
            assert text(await ask(client)) == genuine
            stream = await ask(client, stream=True)
            chunks = [chunk async for chunk in stream]
            assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == genuine
            assert stream.response.extensions["confide"].proof.verdict.passed
            assert [model.id async for model in client.models.list()] == [MODEL_NAME]

    asyncio.run(converse())


def test_the_services_own_errors_come_through(make):
    with pytest.raises(openai.NotFoundError) as refused:
        ask(make(), model="no-such-model")
    assert refused.value.code == "model_not_found"


def test_settings_of_the_official_client_hold(make, server, monkeypatch, genuine):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v1")
    client = make(base_url=None).with_options(timeout=300)
    assert text(ask(client)) == genuine
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.001), max_tokens=500)
    assert text(ask(client)) == genuine


def test_nothing_leaves_unsealed(make, package, server):
    with pytest.raises(TypeError, match="http_client"):
        make(http_client=httpx2.Client())
    with pytest.raises(TypeError, match="http_client"):  # its policy would be another client's
        make(http_client=make()._client, policy="policy.toml", trust_roots=[])
    with pytest.raises(TypeError, match="WebSockets"):
        make(websocket_base_url="wss://127.0.0.1")
    client = make()
    assert client.websocket_base_url.endswith(".invalid")
    assert client.with_options(max_retries=1).websocket_base_url.endswith(".invalid")
    with Middleman(server) as elsewhere:
        with pytest.raises(package.ConfideError, match="another service"):
            ask(client.with_options(base_url=elsewhere.url + "/v1"))
        assert elsewhere.seen == b""


# Types.

def test_is_typed(installed, tmp_path):
    user = tmp_path / "user.py"
    user.write_text("""
import confide

def model(url: str) -> str:
    try:
        service: confide.Service = confide.verify(url, "policy.toml", sealed=True)
    except confide.VerificationError as refused:
        return refused.check or "none"
    with confide.Client(url, confide.Policy("version = 1"), padding="none") as client:
        answer = client.request("GET", "/v1/models", headers={"a": "b"})
        piece: bytes = answer.read()
    return service.models[0] + piece.decode()
""")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ROOT / "build/mypy"]
    for what, where in ((CLIENT / "src/confide", CLIENT / "src"), (user, installed)):
        done = subprocess.run([*mypy, what], text=True, capture_output=True,
                              env={**os.environ, "MYPYPATH": str(where)})
        assert done.returncode == 0, done.stdout + done.stderr
