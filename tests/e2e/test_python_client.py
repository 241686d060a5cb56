"""The wheel of clients/python, installed from what CI built, with the official client on top."""
import asyncio
import concurrent.futures
import hashlib
import importlib
import importlib.metadata
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import httpx2
import openai
import pytest

import lab
from conftest import MODEL_NAME, ROOT
from middleman import Middleman
from test_man_in_the_middle import (API_KEY, ATTACKS, FALSE, PROMPT, Attacker, error, genuine, known)
from test_proxy import text_of

pytestmark = pytest.mark.server
__all__ = ["genuine", "known"]  # fixtures
CLIENT = ROOT / "clients/python"
REPORT = "/v1/aci/attestation"


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder that the wheel was installed to, as pip does it for users."""
    wheels = [os.environ["CONFIDE_WHEEL"]] if "CONFIDE_WHEEL" in os.environ else \
        sorted((ROOT / "build/python").glob("confide-*.whl"))
    assert len(wheels) == 1, "./test builds the wheel; CONFIDE_WHEEL names another one"
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                    "--no-index", "--no-deps", "--target", folder, wheels[0]], check=True)
    return folder


@pytest.fixture(scope="session")
def package(installed):
    sys.path.insert(0, str(installed))
    module = importlib.import_module("confide")
    importlib.import_module("confide.openai")
    assert pathlib.Path(module.__file__).is_relative_to(installed)
    return module


@pytest.fixture
def make(package, server):
    """Makes sync clients, closed at the test's end."""
    made = []

    def client(url=None, **options):
        settings = {"base_url": f"{url or server.url}/v1", "trust_roots": [server.root],
                    "api_key": API_KEY, "max_retries": 0}
        made.append(package.openai.OpenAI(**{**settings, **options}))
        return made[-1]

    yield client
    for one in made:
        one.close()


def question(**options):
    return {"model": MODEL_NAME, "messages": [{"role": "user", "content": PROMPT}],
            "temperature": 0, "max_tokens": 24, **options}


def ask(client, **options):
    return client.chat.completions.create(**question(**options))


def text(completion):
    return completion.choices[0].message.content


def told(failure):
    """All that is shown of an exception and of those behind it."""
    out = []
    while failure is not None:
        out.append(f"{failure} {failure!r}")
        failure = failure.__cause__ or failure.__context__
    return "\n".join(out)


def run_script(installed, source, *arguments, **environment):
    """A program of its own: what it does to its process is nobody else's concern."""
    return subprocess.run([sys.executable, "-c", source, *map(str, arguments)], text=True,
                          capture_output=True, timeout=100,
                          env={**os.environ, "PYTHONPATH": str(installed), **environment})


# Verifying.

def test_is_the_version_that_its_metadata_says(package, installed):
    found = importlib.metadata.distributions(path=[str(installed)])
    assert [one.version for one in found if one.name == "confide"] == [package.__version__]


def test_verifies_a_live_service(package, server, confide, tmp_path):
    service = package.verify(server.url, trust_roots=[server.root])
    assert service.simulated and service.verdict.passed
    assert {"tdx.quote.signature", "aci.tls"} <= {check.id for check in service.verdict.checks}
    assert package.verify(server.url, trust_roots=[server.root.read_bytes()]).model == service.model
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
    raw = client.chat.completions.with_raw_response.create(**question())
    assert raw.http_response.extensions["confide"].proof.receipt != proof.receipt


def test_the_official_classes_take_the_transport(package, server, genuine):
    transport = package.Transport(server.url, trust_roots=[server.root])
    with openai.OpenAI(base_url=server.url + "/v1", api_key=API_KEY,
                       http_client=httpx2.Client(transport=transport)) as client:
        assert text(ask(client)) == genuine
    transport = package.Transport(server.url, trust_roots=[server.root])
    assert transport.service.verdict.passed


def make_async(package, server, url=None, **options):
    settings = {"base_url": f"{url or server.url}/v1", "trust_roots": [server.root],
                "api_key": API_KEY, "max_retries": 0}
    return package.openai.AsyncOpenAI(**{**settings, **options})


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
    client = make(base_url=None).with_options(timeout=60)
    assert text(ask(client)) == genuine
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.001), max_tokens=500)
    assert text(ask(client)) == genuine


def test_nothing_leaves_unsealed(make, package, server):
    with pytest.raises(TypeError, match="http_client"):
        make(http_client=httpx2.Client())
    with pytest.raises(TypeError, match="WebSockets"):
        make(websocket_base_url="wss://127.0.0.1")
    client = make()
    assert client.websocket_base_url.endswith(".invalid")
    assert client.with_options(max_retries=1).websocket_base_url.endswith(".invalid")
    with Middleman(server) as elsewhere:
        with pytest.raises(package.ConfideError, match="another service"):
            ask(client.with_options(base_url=elsewhere.url + "/v1"))
        assert elsewhere.seen == b""


# What fails.

def test_what_is_not_verified_gets_nothing_and_is_not_asked_again(make, package, server):
    with Middleman(server) as middleman:
        with pytest.raises(package.VerificationError) as refused:
            ask(make(middleman.url, trust_roots=[], max_retries=4))
        assert refused.value.check == "tdx.pck.chain"
        assert middleman.seen.count(b"GET " + REPORT.encode()) == 1
        assert b"my-secret-word" not in middleman.seen and API_KEY.encode() not in middleman.seen


def test_a_missing_receipt_withholds_the_answer(make, package, server):
    def act(method, path, body, pass_on):
        nonlocal sealed
        sealed += method == "POST"
        return error(404, "not_found") if method == "POST" and sealed == 2 else pass_on()

    with Middleman(server, act=act) as middleman:
        for streamed in (False, True):
            sealed, shown = 0, ""
            with pytest.raises(package.ReceiptError) as refused:
                got = ask(make(middleman.url, max_retries=4), stream=streamed)
                for chunk in got:
                    shown += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            assert refused.value.check == "receipt.fetch" and sealed == 2
            assert ("Paris" in shown) == streamed, "a stream's end alone is withheld"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_man_in_the_middle(make, package, server, known, genuine, attack):
    with Attacker(server, attack, known, armed=False) as attacker:
        client = make(attacker.url)
        assert client.models.list().data
        attacker.armed = True
        for streamed in (False, True):
            whole, shown = False, ""
            try:
                got = ask(client, stream=streamed)
                for chunk in got if streamed else ():
                    shown += (chunk.choices[0].delta.content or "") if chunk.choices else ""
                shown, whole = shown or text(got), True
            except (package.ConfideError, openai.APIConnectionError) as refused:
                for word in (FALSE, "my-secret-word", API_KEY, "Paris"):
                    assert word not in told(refused)
                cause = refused
                while not isinstance(cause, package.ConfideError):
                    cause = cause.__cause__
                assert cause.check and cause.check in told(refused)
            assert shown == genuine if whole else genuine.startswith(shown)
        if attacker.attacks:
            attacker.check()


def test_a_service_that_is_down_says_so_and_is_tried_again(make, package, start_server, genuine):
    first = start_server(name="down")
    port, root = first.port, first.root
    client = make(first.url, trust_roots=[root])
    assert text(ask(client)) == genuine
    first.stop()
    with pytest.raises(openai.APIConnectionError) as refused:
        ask(client)
    assert isinstance(refused.value.__cause__, httpx2.ConnectError)
    assert isinstance(refused.value.__cause__.__cause__, package.ServiceUnavailable)
    assert "channel.sent" in str(refused.value.__cause__)
    with pytest.raises(package.ServiceUnavailable):
        package.verify(first.url, trust_roots=[root])
    with pytest.raises(openai.APIConnectionError):
        ask(make(first.url, trust_roots=[root]))
    start_server(name="down", listen=f"127.0.0.1:{port}")
    assert text(ask(client)) == genuine


# Leaving early, and many at once.

def test_leaving_a_stream_leaves_the_client_usable(make, genuine):
    client = make()
    for _ in range(3):
        with ask(client, stream=True, max_tokens=500) as stream:
            next(iter(stream))
        assert text(ask(client)) == genuine
    abandoned = ask(client, stream=True, max_tokens=500)
    del abandoned
    assert text(ask(client)) == genuine


def test_a_cancelled_task_leaves_the_client_usable(package, server, genuine):
    async def first_chunk_then_wait(client, came):
        async for _ in await ask(client, stream=True, max_tokens=500):
            came.set()

    async def converse():
        async with make_async(package, server) as client:
            came = asyncio.Event()
            task = asyncio.create_task(first_chunk_then_wait(client, came))
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await ask(client, max_tokens=500)
            assert text(await ask(client)) == genuine

    asyncio.run(converse())


def test_an_interrupt_is_heard_while_nothing_comes(make, server):
    go = threading.Event()

    def act(method, path, body, pass_on):
        if method == "POST":
            os.kill(os.getpid(), signal.SIGINT)
            go.wait(60)
        return pass_on()

    with Middleman(server, act=act) as middleman:
        try:
            with pytest.raises(KeyboardInterrupt):
                ask(make(middleman.url))
        finally:
            go.set()


def test_many_threads_share_a_client(make, genuine):
    client = make()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        def answered(i):
            return text_of(ask(client, stream=True)) if i % 2 else text(ask(client))

        assert list(pool.map(answered, range(16))) == [genuine] * 16


def test_many_tasks_share_a_client(package, server, genuine):
    async def answered(client, i):
        if i % 2:
            stream = await ask(client, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
        return text(await ask(client))

    async def converse():
        async with make_async(package, server) as client:
            return await asyncio.gather(*(answered(client, i) for i in range(16)))

    assert asyncio.run(converse()) == [genuine] * 16


def test_a_forked_process_opens_a_channel_of_its_own(installed, server):
    done = run_script(installed, """
import os, sys
import confide
client = confide.Client(sys.argv[1], trust_roots=[sys.argv[2]])
under_way = client.request("GET", "/v1/models")
child = os.fork()
assert client.request("GET", "/v1/models").status == 200
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""", server.url, server.root)
    assert done.returncode == 0, done.stderr


def test_a_program_may_end_while_an_answer_comes(installed, server):
    done = run_script(installed, """
import sys
from confide.openai import OpenAI
client = OpenAI(base_url=sys.argv[1] + "/v1", trust_roots=[sys.argv[2]], api_key="any")
stream = client.chat.completions.create(model=sys.argv[3], stream=True, max_tokens=500,
                                        messages=[{"role": "user", "content": "Count to 1000."}])
next(iter(stream))
print("ends", flush=True)
""", server.url, server.root, MODEL_NAME)
    assert done.returncode == 0 and done.stdout == "ends\n", done.stderr


def test_no_argument_crashes_the_process(installed, server):
    done = run_script(installed, """
import sys
import confide
url, root = sys.argv[1:]
odd = [None, 7, 1.5, b"", b"\\0\\xff", "", "\\0", "\\ud800", "x" * 1_000_000, "\\u20ac", [], {}, [None],
       object(), True, float("nan"), confide.Policy("\\0"), confide.Policy(None)]
allowed = (confide.ConfideError, TypeError, ValueError, AttributeError, OSError)
tried = 0
def attempt(function, *arguments, **options):
    global tried
    tried += 1
    try:
        function(*arguments, **options)
    except allowed:
        pass
client = confide.Client(url, trust_roots=[root])
for one in odd:
    attempt(confide.verify, one)
    attempt(confide.verify, "https://" + str(one))
    for name in ("policy", "trust_roots", "require", "collateral", "cache", "padding", "nonsense"):
        attempt(confide.Client, "https://127.0.0.1:1", **{name: one})
    attempt(confide.Client, "https://127.0.0.1:1", trust_roots=[one])
    attempt(client.request, one, "/")
    attempt(client.request, "GET", one)
    attempt(client.request, "GET", "/", headers=one)
    attempt(client.request, "GET", "/", headers={"a": one})
    attempt(client.request, "POST", "/v1/chat/completions", content=one)
    for judge in (confide.verify_quote, lambda x: confide.verify_event_log(x, x),
                  lambda x: confide.verify_quote(b"", collateral=x),
                  lambda x: confide.verify_quote(b"", at=x),
                  lambda x: confide.verify_snp(x, leaf=x, ica=x),
                  lambda x: confide.verify_gpus(x, x),
                  lambda x: confide.verify_gpus([confide.Gpu(x, x)], bytes(32), ocsp=[x])):
        attempt(judge, one)
assert client.request("GET", "/v1/models").status == 200
print(tried)
""", server.url, server.root)
    assert done.returncode == 0 and int(done.stdout) > 300, done.stderr


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
    return service.model + piece.decode()
""")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", ROOT / "build/mypy"]
    for what, where in ((CLIENT / "src/confide", CLIENT / "src"), (user, installed)):
        done = subprocess.run([*mypy, what], text=True, capture_output=True,
                              env={**os.environ, "MYPYPATH": str(where)})
        assert done.returncode == 0, done.stdout + done.stderr
