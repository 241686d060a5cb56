"""The server as a process: starting, stopping, sharing, surviving."""
import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import time

import pytest

import wire
from conftest import BIN, MODEL, MODEL_NAME, OPTIONS, Server

pytestmark = pytest.mark.server
STORY = {"model": MODEL_NAME, "temperature": 0,
         "messages": [{"role": "user", "content": "Tell me a long story about a fox."}]}


def metric(server, name):
    text = wire.request(server, "GET", "/v1/metrics").body.decode()
    return float(re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)[1])


def until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.02)


def open_stream(server, body):
    """A streamed request whose answer has begun."""
    connection = wire.connect(server)
    connection.request("POST", "/v1/chat/completions", wire.compact({**body, "stream": True}))
    response = connection.getresponse()
    assert response.status == 200
    assert response.readline().startswith(b"data: ")
    return connection, response


def test_requests_share_one_batch(server):
    alone = wire.post(server, {**STORY, "max_tokens": 40}).json()

    def one(_):
        return wire.post(server, {**STORY, "max_tokens": 40}).json()

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        running = [pool.submit(one, i) for i in range(6)]
        until(lambda: metric(server, "confide_num_requests_running") > 1, "two slots active at once")
        answers = [r.result() for r in running]
    for answer in answers:
        assert answer["usage"] == alone["usage"]
        assert answer["choices"][0]["message"]["content"]


def test_a_client_that_goes_away_frees_its_slot(server):
    connection, response = open_stream(server, {**STORY, "max_tokens": 900})
    until(lambda: metric(server, "confide_num_requests_running") == 1, "the slot is in use")
    response.close()
    connection.close()
    until(lambda: metric(server, "confide_num_requests_running") == 0, "the slot is free", seconds=3)


def test_a_buffered_client_that_goes_away_frees_its_slot(server):
    connection = wire.connect(server)
    connection.request("POST", "/v1/chat/completions",
                       wire.compact({**STORY, "max_tokens": 900}))
    until(lambda: metric(server, "confide_num_requests_running") == 1, "the slot is in use")
    connection.sock.close()
    connection.close()
    until(lambda: metric(server, "confide_num_requests_running") == 0, "the slot is free", seconds=3)


def test_stop_lets_running_answers_finish(start_server):
    server = start_server()
    connection, response = open_stream(server, {**STORY, "max_tokens": 60})
    server.process.send_signal(signal.SIGTERM)
    rest = response.read()
    assert rest.endswith(b"data: [DONE]\n\n"), "the running answer is completed"
    assert server.process.wait(30) == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 2)


def test_stop_cuts_what_takes_too_long(start_server):
    server = start_server("--drain-seconds", "0")
    connection, response = open_stream(server, {**STORY, "max_tokens": 900})
    assert server.stop() == 0
    with pytest.raises(http.client.IncompleteRead):
        response.read()


def test_a_second_signal_ends_it_at_once(start_server):
    server = start_server()
    connection, response = open_stream(server, {**STORY, "max_tokens": 900})
    server.process.send_signal(signal.SIGTERM)
    until(lambda: "finishing what runs" in server.logged(), "the server drains")
    assert server.stop() == -signal.SIGTERM
    with pytest.raises((http.client.IncompleteRead, OSError)):
        response.read()


def test_stop_while_the_model_loads(start_server):
    server = start_server(wait=False)
    until(lambda: "SIMULATED" in server.logged(), "the model is about to load")
    assert server.stop() == -signal.SIGTERM
    assert "listening" not in server.logged()


def test_a_port_in_use_and_a_foreign_database_are_clear_errors(server, tmp_path):
    done = run_to_failure(tmp_path, "--model", MODEL, "--tee", "sim",
                          listen=f"127.0.0.1:{server.port}")
    assert done.returncode == 3 and "in use" in done.stderr
    (tmp_path / "state/receipts.db").write_bytes(b"no database" * 1000)
    done = run_to_failure(tmp_path, "--model", MODEL, "--tee", "sim")
    assert done.returncode == 2 and "receipts.db" in done.stderr
    assert (tmp_path / "state/receipts.db").read_bytes() == b"no database" * 1000


def test_an_object_of_very_many_members_costs_no_time(server):
    bomb = b"{" + b",".join(b'"%06d":0' % i for i in range(100_000)) + b"}"
    start = time.monotonic()
    got = wire.post(server, bomb)
    assert got.status == 400 and "too many members" in got.json()["error"]["message"]
    assert time.monotonic() - start < 5


def test_tls_1_2_is_refused(server):
    context = ssl.create_default_context(cafile=str(server.certificate))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(raw, server_hostname="127.0.0.1")


def test_nothing_sensitive_is_logged_or_dumped(start_server):
    server = start_server("--verbose")
    word = "xylophone-marmalade"
    headers = {"Authorization": "Bearer sk-hidden-key"}
    body = {**STORY, "max_tokens": 8, "messages": [{"role": "user", "content": word}]}
    wire.post(server, body, headers=headers)
    wire.post(server, wire.compact(body)[:-1], headers=headers)
    wire.post(server, {**body, "temperature": word})
    limits = open(f"/proc/{server.process.pid}/limits").read()
    assert re.search(r"Max core file size\s+0\s+0", limits)
    metrics = wire.request(server, "GET", "/v1/metrics").body.decode()
    server.stop()
    for text in (server.logged(), metrics):
        assert word not in text and "sk-hidden-key" not in text


def test_state_is_private_and_root_is_kept(start_server):
    server = start_server(name="kept")
    for path in server.state.rglob("*"):
        if path.name not in ("sim-root.pem", "tls-cert.pem"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    before = server.root.read_bytes()
    server.stop()
    assert start_server(name="kept").root.read_bytes() == before


def run_to_failure(tmp_path, *arguments, env=None, listen="127.0.0.1:0"):
    return subprocess.run([BIN / "confide-server", "--listen", listen, "--state",
                           tmp_path / "state", *OPTIONS, *map(str, arguments)], capture_output=True,
                          text=True, timeout=60, env=env)


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "truncated", "header", "folder"])
def test_damaged_models_are_a_clear_error(tmp_path, damage):
    path = tmp_path / "model.gguf"
    whole = MODEL.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("this is no model\n" * 100)
    elif damage == "truncated":
        path.write_bytes(whole[:len(whole) // 2])
    elif damage == "header":
        path.write_bytes(whole[:8] + b"\xff" * 64 + whole[72:4096])
    elif damage == "folder":
        path.mkdir()
    done = run_to_failure(tmp_path, "--model", path, "--tee", "sim")
    assert done.returncode in (2, 3), (done.returncode, done.stderr)
    assert "model" in done.stderr.lower() or str(path) in done.stderr
    assert len(done.stderr.splitlines()) <= 4, done.stderr


def test_auto_never_takes_the_simulator(tmp_path):
    done = run_to_failure(tmp_path, "--model", MODEL)
    assert done.returncode == 3
    assert "--tee sim" in done.stderr


def test_loader_tricks_are_refused(tmp_path):
    done = run_to_failure(tmp_path, "--model", MODEL, "--tee", "sim",
                          env={**os.environ, "LD_LIBRARY_PATH": "/tmp"})
    assert done.returncode == 2 and "LD_LIBRARY_PATH" in done.stderr


def test_usage_errors_and_help(tmp_path):
    assert run_to_failure(tmp_path, "--model", MODEL, "--listen", "nowhere").returncode == 2
    assert run_to_failure(tmp_path, "--bogus").returncode == 2
    done = run_to_failure(tmp_path, "--help")
    assert done.returncode == 0 and "Examples" in done.stdout


def test_configuration_file(tmp_path):
    config = tmp_path / "confide.toml"
    config.write_text(f'model = "{MODEL}"\nmodel-name = "from-file"\n')
    server = Server(tmp_path / "configured", "--config", config)
    try:
        assert wire.request(server, "GET", "/v1/models").json()["data"][0]["id"] == "from-file"
    finally:
        server.stop()
    config.write_text("no-such-option = 1\n")
    assert run_to_failure(tmp_path, "--config", config, "--model", MODEL).returncode == 2


def test_bad_requests_leave_others_alone(server):
    connection, response = open_stream(server, {**STORY, "max_tokens": 60})
    for junk in (b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100, b"POST /v1/chat/completions HTTP/1.1\r\n"
                 b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        context = ssl.create_default_context(cafile=str(server.certificate))
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                tls.sendall(junk)
                assert tls.recv(4096).startswith(b"HTTP/1.1 400 ")
    chunks = wire.events(b"data: {}\n\n" + response.read())
    assert chunks[-1] == "[DONE]"
    assert all(json.loads(c) is not None for c in chunks[:-1])
