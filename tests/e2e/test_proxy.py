"""The official client, unchanged, through `confide proxy`."""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading

import openai
import pytest

from conftest import MODEL_NAME, Proxy
from middleman import Middleman
from nginx import Nginx, needs_nginx

pytestmark = pytest.mark.server
SECRET = "What is the capital of France? my-secret-word"
QUESTION = [{"role": "user", "content": SECRET}]


@pytest.fixture
def start_proxy(tmp_path):
    running = []

    def start(*arguments, **options):
        folder = tmp_path / f"proxy{len(running)}"
        folder.mkdir()
        running.append(Proxy(folder, *arguments, **options))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def proxy(start_proxy, server):
    started = start_proxy("--url", server.url, "--trust-root", server.root)
    assert started.port, started.logged()
    return started


def ask(client, **options):
    settings = {"model": MODEL_NAME, "messages": QUESTION, "temperature": 0, "max_tokens": 24}
    return client.chat.completions.create(**{**settings, **options})


def text_of(stream):
    return "".join(c.choices[0].delta.content or "" for c in stream if c.choices)


def test_answers_and_streams_alike(proxy):
    with proxy.client() as client:
        assert [m.id for m in client.models.list()] == [MODEL_NAME]
        whole = ask(client).choices[0].message.content
        assert "Paris" in whole
        assert text_of(ask(client, stream=True)) == whole
    status = proxy.status()
    assert status["receipts"] == {"verified": 2, "failed": 0}
    assert status["services"][0]["simulated"] is True


def test_the_services_own_errors_come_through(proxy):
    with proxy.client() as client:
        with pytest.raises(openai.NotFoundError) as refused:
            ask(client, model="no-such-model")
        assert refused.value.code == "model_not_found"


def test_receipts_are_kept_shown_and_verified_again(proxy, server, confide):
    with proxy.client() as client:
        ask(client)
    state = ["--state", proxy.state]
    entries = json.loads(confide("receipts", "list", *state, "--json").stdout)
    assert len(entries) == 1 and entries[0]["verified"] and entries[0]["model"] == MODEL_NAME
    number = entries[0]["id"]
    shown = json.loads(confide("receipts", "show", number, *state, "--json").stdout)
    assert shown["receipt"]["receipt_id"] == entries[0]["receipt_id"]
    good = confide("receipts", "verify", number, *state, "--trust-root", server.root, "--json")
    assert good.returncode == 0, good.stdout
    assert confide("receipts", "verify", number, *state).returncode == 1, "no root was named"
    exported = confide("receipts", "export", number, *state).stdout
    assert "report_document" in exported
    for file in proxy.state.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
        assert b"my-secret-word" not in file.read_bytes()
        assert MODEL_NAME.encode() not in file.read_bytes()
    with contextlib.closing(sqlite3.connect(proxy.state / "history.db")) as history:
        history.execute("UPDATE entries SET blob = zeroblob(length(blob))")
        history.commit()
    assert confide("receipts", "verify", number, *state,
                   "--trust-root", server.root).returncode == 1, "the row was changed"
    assert confide("receipts", "show", number, *state).returncode == 1
    changed = json.loads(confide("receipts", "list", *state, "--json").stdout)
    assert changed[0]["check"] == "history.row"


def test_whoever_ends_tls_in_between_sees_nothing(start_proxy, server):
    with Middleman(server) as middleman:
        proxy = start_proxy("--url", middleman.url, "--trust-root", server.root)
        with proxy.client() as client:
            assert "Paris" in text_of(ask(client, stream=True))
        for secret in (b"my-secret-word", b"sk-user-key", b"Paris", b"chat/completions"):
            assert secret not in middleman.seen


def test_changed_answers_are_errors_in_the_clients_shape(start_proxy, server):
    spoil = threading.Event()

    def change(path, body):
        if not spoil.is_set() or "ohttp-gateway" not in path:
            return body
        return body[:-1] + bytes([body[-1] ^ 1])

    with Middleman(server, change) as middleman:
        proxy = start_proxy("--url", middleman.url, "--trust-root", server.root)
        spoil.set()
        with proxy.client() as client:
            with pytest.raises(openai.APIStatusError) as refused:
                ask(client)
        assert refused.value.status_code == 502 and refused.value.code == "channel.answer"


def test_a_stream_cut_short_is_an_error(start_proxy, server):
    cut = threading.Event()

    def change(path, body):
        return body[:len(body) // 2] if cut.is_set() and "ohttp-gateway" in path else body

    with Middleman(server, change) as middleman:
        proxy = start_proxy("--url", middleman.url, "--trust-root", server.root)
        cut.set()
        with proxy.client() as client:
            with pytest.raises(Exception):
                for _ in ask(client, stream=True):
                    pass


def test_does_not_listen_before_the_service_has_passed(start_proxy, server):
    proxy = start_proxy("--url", server.url)
    assert proxy.port is None and proxy.process.wait(30) == 1
    assert "tdx.pck.chain" in proxy.logged()
    assert start_proxy("--url", "https://127.0.0.1:1").process.wait(30) == 3


def test_listens_for_this_machine_alone(start_proxy, server):
    bad = start_proxy("--url", server.url, "--trust-root", server.root, listen="0.0.0.0:0")
    assert bad.process.wait(30) == 2 and "--allow-remote" in bad.logged()
    assert "--allow-host" in bad.logged()


def test_web_pages_are_refused(proxy):
    assert proxy.get("/")[0] == 200
    assert proxy.get("/confide/status.json", Host="evil.example")[0] == 403
    assert proxy.get("/v1/models", Origin="https://evil.example")[0] == 403


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_the_pages_script_is_one(proxy, tmp_path):
    page = proxy.get("/")[1].decode()
    script = tmp_path / "page.js"
    script.write_text(re.search("<script>(.*)</script>", page, re.DOTALL)[1])
    checked = subprocess.run(["node", "--check", script], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_server_that_started_anew_is_verified_anew(start_server, start_proxy):
    first = start_server(name="replaced")
    port = first.port
    proxy = start_proxy("--url", first.url, "--trust-root", first.root)
    with proxy.client() as client:
        assert "Paris" in ask(client).choices[0].message.content
        first.stop()
        with pytest.raises(openai.APIStatusError) as refused:
            ask(client)
        assert refused.value.status_code == 503
        start_server(name="replaced", listen=f"127.0.0.1:{port}")
        assert "Paris" in ask(client).choices[0].message.content
    assert proxy.status()["services"][0]["appraisals"] == 2


def test_ends_tidily_while_it_answers(proxy):
    with proxy.client() as client:
        stream = iter(ask(client, stream=True, max_tokens=200))
        next(stream)
        os.kill(proxy.process.pid, signal.SIGTERM)
        assert proxy.process.wait(60) == 0


@needs_nginx
def test_two_replicas_with_keysets_of_their_own_behind_a_balancer(start_server, start_proxy,
                                                                  tmp_path):
    replicas = [start_server(name=f"replica{i}") for i in range(2)]
    with Nginx(tmp_path / "nginx", replicas, "hash $connection;", curious=True) as balancer:
        proxy = start_proxy("--url", balancer.url, "--trust-root", replicas[0].root,
                            "--trust-root", replicas[1].root)
        assert proxy.port, proxy.logged()
        with proxy.client() as client, concurrent.futures.ThreadPoolExecutor(8) as pool:
            def answered(stream):
                return text_of(ask(client, stream=True)) if stream else \
                    ask(client).choices[0].message.content

            assert all("Paris" in text for text in pool.map(answered, [True, False] * 3))
            replicas[0].stop(signal.SIGKILL)
            assert all("Paris" in text for text in pool.map(answered, [True, False] * 2))
        status = proxy.status()
        assert status["receipts"] == {"verified": 10, "failed": 0}
        assert status["services"][0]["appraisals"] < 10, "what is known of a replica is kept"
    for word in (b"my-secret-word", b"sk-user-key"):
        assert word not in b"".join(balancer.kept("bodies") + balancer.kept("answers"))
