"""Tokens per second and time to first token: confide-server with everything on, llama-server plain.

Both run at the same time, with the same model, threads, slots and prompts; only one is asked at a
time, in turn. The client does the same for both: it sends, reads until the end, and counts nothing but
bytes and the usage that the server reports. Requests are sealed before the clock starts.

The second model has every layer of the first twice: it says nothing sensible, and costs twice as much.
"""
import argparse
import json
import os
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import wire

# The first piece of an answer: a non-empty content. Both servers send an empty one first.
FIRST = re.compile(rb'"content":"[^"]')
USAGE = re.compile(rb'"completion_tokens":\s*(\d+)')
PROMPT_TOKENS = re.compile(rb'"prompt_tokens":\s*(\d+)')
THREADS = os.cpu_count()
LAYERS = 30  # of the model that ./setup fetches
SLOTS = 16
CONTEXT = 2560  # tokens of a slot
LONG = 1024  # prompts from here on have fewer rounds: they take minutes


WORDS = ("river stone garden winter music letter window summer island bridge forest market "
         "silver morning shadow harbor").split()
OVERHEAD = 45  # tokens of the template and of the instruction


def prompts(count, size=64):
    """`count` different ones of about `size` tokens each, template and all."""
    def one(which):
        told = " ".join(WORDS[(which + place * (which % 7 + 1)) % len(WORDS)]
                        for place in range(max(size - OVERHEAD, 1)))
        return f"Write a very long and detailed story with these words: {told}."
    return [one(which) for which in range(count)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peer:
    name = "plain"

    def __init__(self, options, folder):
        self.port = free_port()
        self.process = subprocess.Popen(
            [options.peer, "-m", options.model, "--host", "127.0.0.1", "--port", str(self.port),
             "-t", str(THREADS), "-np", str(SLOTS), "-c", str(SLOTS * CONTEXT), "--no-webui"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(self.ready, "llama-server")

    def ready(self):
        try:
            return b" 200 " in self.exchange(b"GET /health HTTP/1.1\r\nHost: x\r\n"
                                             b"Connection: close\r\n\r\n")[0][:20]
        except OSError:
            return False

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def exchange(self, request):
        with self.connect() as connection:
            return read_answer(connection, request)

    def request(self, prompt, tokens):
        # Our server never shares a prompt cache between requests, so neither may its peer.
        return http_request(wire.compact(body(prompt, tokens, "any", cache_prompt=False)), {})


class Confide(Peer):
    name = "confide"
    says = b"listening on https"

    def __init__(self, options, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        state = folder / "state"
        self.log = open(folder / "confide.log", "w+b")
        self.process = subprocess.Popen(self.command(options, state), stderr=self.log)
        self.port = None
        wait(self.listening, "confide-server")
        self.trust(state)

    def trust(self, state):
        self.certificate = state / "tls-cert.pem"
        self.context = ssl.create_default_context(cafile=str(self.certificate))
        self.keys = wire.keyset(self)

    def command(self, options, state):
        return [options.server, "--model", options.model, "--listen", "127.0.0.1:0", "--tee", "sim",
                "--state", state, "--threads", str(THREADS), "--slots", str(SLOTS),
                "--context", str(CONTEXT), "--model-name", "model"]

    def listening(self):
        found = re.search(self.says + rb"://127.0.0.1:(\d+)",
                          pathlib.Path(self.log.name).read_bytes())
        self.port = int(found[1]) if found else None
        return self.port is not None

    def connect(self):
        return self.context.wrap_socket(super().connect(), server_hostname="127.0.0.1")

    def request(self, prompt, tokens):
        sealed = wire.Sealed(self.keys, wire.Sealed.X25519)
        sealed.model = "model"
        made = body(sealed.seal("messages.0.content", prompt), tokens, "model")
        return http_request(wire.compact(made), sealed.headers())


def body(content, tokens, model, **more):
    return {"model": model, "stream": True, "stream_options": {"include_usage": True},
            "temperature": 0, "max_tokens": tokens, **more,
            "messages": [{"role": "user", "content": content}]}


def http_request(data, headers):
    lines = ["POST /v1/chat/completions HTTP/1.1", "Host: 127.0.0.1", "Connection: close",
             "Content-Type: application/json", f"Content-Length: {len(data)}",
             *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def read_answer(connection, request):
    """All bytes, and the moment the first piece of the answer was there."""
    connection.sendall(request)
    received, first = bytearray(), None
    while data := connection.recv(65536):
        received += data
        if first is None and FIRST.search(received):
            first = time.perf_counter()
    return bytes(received), first


def wait(condition, what):
    deadline = time.monotonic() + 120
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"error: {what} did not start")
        time.sleep(0.1)


def measure(server, streams, tokens, size=64):
    """Tokens per second over all streams, the median time to first token in seconds, and the tokens
    of all prompts and answers.

    The clock starts before the connections are made: their handshakes are part of the price.
    """
    requests = [server.request(p, tokens) for p in prompts(streams, size)]
    counted, read, firsts, errors = [], [], [], []
    barrier = threading.Barrier(streams + 1)

    def run(request):
        barrier.wait()
        started = time.perf_counter()
        answer, first = server.exchange(request)
        usage = USAGE.findall(answer)
        if first is None or not usage:
            errors.append(answer[:300])
            return
        counted.append(int(usage[-1]))
        read.append(int(PROMPT_TOKENS.findall(answer)[-1]))
        firsts.append(first - started)

    threads = [threading.Thread(target=run, args=(r,)) for r in requests]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    if errors:
        sys.exit(f"error: {server.name} answered {errors[0]!r}")
    return sum(counted) / elapsed, statistics.median(firsts), sum(counted) + sum(read)


def show_progress():
    print(".", end="", file=sys.stderr, flush=True)


def parse_options(paths, streams):
    """Each of `paths` must be given; `streams` is how many at once unless it says otherwise."""
    parser = argparse.ArgumentParser()
    for name in paths:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--streams", default=streams)
    parser.add_argument("--prompts", default="64,512,2048")
    parser.add_argument("--times", default="1,2")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main():
    options = parse_options(("model", "deepen", "peer", "server"), "1,4,8,16")
    real, rows = options.model, []
    with tempfile.TemporaryDirectory() as folder:
        for times in options.times.split(","):
            options.model = pathlib.Path(folder) / f"{times}.gguf"
            subprocess.run([options.deepen, real, times, options.model], check=True)
            rows += compare_model(options, LAYERS * int(times), folder)
    if options.json:
        print(json.dumps({"efficiency": rows}))


def compare_model(options, layers, folder):
    rows = []
    servers = [Confide(options, pathlib.Path(folder) / str(layers)), Peer(options, folder)]
    try:
        for server in servers:
            measure(server, 1, 16)  # the first answer pays for pages never touched before
        for size in map(int, options.prompts.split(",")):
            for streams in map(int, options.streams.split(",")):
                rows.append({"layers": layers, "prompt": size,
                             **compare(servers, streams, options, size)})
                if not options.json:
                    show(rows[-1])
    finally:
        for server in servers:
            server.process.terminate()
            server.process.wait(60)
    return rows


def compare(servers, streams, options, size=64):
    """`servers[0]` beside `servers[1]`; the ratio is of their throughputs, round by round."""
    ours, peer = (server.name for server in servers)
    runs = {server.name: [] for server in servers}
    rounds = options.rounds if size < LONG else max(2, options.rounds // 2)
    for turn in range(rounds):
        for server in servers if turn % 2 == 0 else reversed(servers):
            measure(server, 1, 4)  # whoever was idle finds its pages in the cache again
            runs[server.name].append(measure(server, streams, options.tokens, size))
            show_progress()
    print(file=sys.stderr)

    def median(name, column):
        return statistics.median(run[column] for run in runs[name])

    ratios = [a[0] / b[0] for a, b in zip(runs[ours], runs[peer])]
    return {"streams": streams, ours: round(median(ours, 0), 1), peer: round(median(peer, 0), 1),
            "ratio": round(statistics.median(ratios), 3),
            f"ttft_{ours}_ms": round(median(ours, 1) * 1000, 1),
            f"ttft_{peer}_ms": round(median(peer, 1) * 1000, 1),
            "total_tokens": round(median(ours, 2)), "rounds": rounds, "tokens": options.tokens,
            "threads": THREADS}


def show(row):
    print(f"{row['layers']} layers, prompts of {row['prompt']} tokens, {row['streams']} streams: "
          f"confide {row['confide']} tokens/s, plain {row['plain']} tokens/s, ratio {row['ratio']}; "
          f"first token {row['ttft_confide_ms']} ms against {row['ttft_plain_ms']} ms", flush=True)


if __name__ == "__main__":
    main()
