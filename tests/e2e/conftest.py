"""Starts the real programs.

CONFIDE_BIN names the folder they lie in, CONFIDE_SERVER_OPTIONS what every server gets besides.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import time

import openai
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CONFIDE_BIN", ROOT / "build/bin")).resolve()
OPTIONS = os.environ.get("CONFIDE_SERVER_OPTIONS", "").split()
MODEL = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_NAME = "SmolLM2-135M-Instruct.Q4_1"
CAPITAL = [{"role": "user", "content": "Name the capital city of France in one word."}]


class Server:
    """A running confide-server with a simulated TEE."""

    program = "confide-server"

    def __init__(self, state, *extra, model=MODEL, listen="127.0.0.1:0", wait=True):
        self.state = pathlib.Path(state)
        self.log_path = self.state.parent / f"{self.state.name}.log"
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.log = open(self.log_path, "ab")
        start = self.log.tell()
        self.process = subprocess.Popen(
            [BIN / self.program, *self.choose(model), "--listen", listen, "--tee", "sim",
             "--state", self.state, "--context", "1024", *OPTIONS, *map(str, extra)],
            stderr=self.log, stdout=self.log)
        self.url = None
        if wait:
            deadline = time.monotonic() + 90
            while self.url is None:
                text = self.log_path.read_bytes()[start:].decode()
                if found := re.search(r"listening on (https://\S+)", text):
                    self.url = found[1]
                elif self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError("the server did not start:\n" + text)
                else:
                    time.sleep(0.02)
            self.port = int(self.url.rsplit(":", 1)[1])

    @staticmethod
    def choose(model):
        return ["--model", model]

    @property
    def root(self):
        return self.state / "sim-root.pem"

    @property
    def certificate(self):
        return self.state / "tls-cert.pem"

    def logged(self):
        return self.log_path.read_text()

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(60)


class StubServer(Server):
    """The same server around an engine that computes nothing; its model is called "stub"."""

    program = "confide-stub-server"

    @staticmethod
    def choose(model):
        return []


class Proxy:
    """A running `confide proxy`; without a port if it did not start."""

    def __init__(self, folder, *arguments, listen="127.0.0.1:0"):
        self.state = folder / "proxy-state"
        self.log_path = folder / "proxy.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [BIN / "confide", "proxy", "--listen", listen, "--state", self.state,
                 *map(str, arguments)], stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not (found := re.search(r"listening on http://127.0.0.1:(\d+)", self.logged())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        self.port = int(found[1]) if found else None

    def logged(self):
        return self.log_path.read_text()

    def client(self):
        return openai.OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key="sk-user-key",
                             max_retries=0)

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def status(self):
        return json.loads(self.get("/confide/status.json")[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def running_proxy(server, folder):
    running = Proxy(folder, "--url", server.url, "--trust-root", server.root)
    assert running.port, running.logged()
    yield running
    assert running.stop() == 0, running.logged()


def openai_client(server):
    """The official client, unchanged, pointed at a server with its certificate."""
    context = ssl.create_default_context(cafile=str(server.certificate))
    return openai.OpenAI(base_url=server.url + "/v1", api_key="a-user's-key", max_retries=0,
                         http_client=openai.DefaultHttpxClient(verify=context))


def ask(client, **options):
    settings = {"model": MODEL_NAME, "messages": CAPITAL, "temperature": 0, "max_tokens": 24}
    return client.chat.completions.create(**{**settings, **options})


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server") / "state")
    yield running
    assert running.stop() == 0, running.logged()


@pytest.fixture(scope="module")
def client(server):
    with openai_client(server) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(server, tmp_path_factory):
    with running_proxy(server, tmp_path_factory.mktemp("proxy")) as running:
        yield running


def starter(kind, tmp_path):
    running = []

    def start(*extra, name=None, **options):
        running.append(kind(tmp_path / (name or f"state{len(running)}"), *extra, **options))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)


@pytest.fixture
def start_server(tmp_path):
    """Starts further servers, stopped at the test's end."""
    yield from starter(Server, tmp_path)


@pytest.fixture
def start_stub(tmp_path):
    yield from starter(StubServer, tmp_path)


@pytest.fixture
def confide():
    """Runs `confide` and gives its finished process."""

    def run(*arguments, stdin=None, env=None):
        return subprocess.run([BIN / "confide", *map(str, arguments)], input=stdin, text=True,
                              capture_output=True, timeout=100,
                              env={"PATH": "/usr/bin:/bin", **(env or {})})

    return run
