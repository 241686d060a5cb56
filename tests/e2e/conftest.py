"""Starts the real programs.

CONFIDE_BIN names the folder they lie in, CONFIDE_SERVER_OPTIONS what every server gets besides.
"""
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CONFIDE_BIN", ROOT / "build/bin")).resolve()
OPTIONS = os.environ.get("CONFIDE_SERVER_OPTIONS", "").split()
MODEL = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_NAME = "SmolLM2-135M-Instruct.Q4_1"


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


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server") / "state")
    yield running
    assert running.stop() == 0, running.logged()


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
