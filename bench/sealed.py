"""What the sealed channel and `confide proxy` cost: beside the bare cryptography, and beside the same server
over plain TLS.

The server, the proxy and the client run at once; only one way is taken at a time, in turn.
"""
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import wire
from efficiency import (FIRST, Confide, body, compare, http_request, measure, parse_options, prompts,
                        wait)


class Direct(Confide):
    """Over TLS alone."""
    name = "direct"

    def request(self, prompt, tokens):
        return http_request(wire.compact(body(prompt, tokens, "model")), {})

    def kept(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context)


class Proxied(Direct):
    """The same server through `confide proxy`: sealed, and every receipt checked."""
    name = "proxied"
    says = b"listening on http"

    def __init__(self, options, folder, server):
        self.log = open(pathlib.Path(folder) / "proxy.log", "w+b")
        self.process = subprocess.Popen(
            [options.confide, "proxy", "--url", f"https://127.0.0.1:{server.port}",
             "--trust-root", server.certificate.parent / "sim-root.pem", "--listen", "127.0.0.1:0",
             "--state", pathlib.Path(folder) / "proxy-state"], stderr=self.log, stdout=self.log)
        self.port = None
        wait(self.listening, "confide proxy")

    def connect(self):
        return super(Confide, self).connect()

    def kept(self):
        return http.client.HTTPConnection("127.0.0.1", self.port)


def first_token(connection, request):
    """Seconds to the first piece of an answer on a connection that stands, as clients keep it."""
    started = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", request,
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    received, first = bytearray(), None
    while piece := answer.read1():
        received += piece
        if first is None and FIRST.search(received):
            first = time.perf_counter()
    if answer.status != 200 or first is None:
        sys.exit(f"error: answered {bytes(received[:300])!r}")
    return first - started


def compare_first_tokens(ways, rounds):
    request = wire.compact(body(prompts(1)[0], 4, "model"))
    connections = [way.kept() for way in ways]
    times = [[] for _ in ways]
    for turn in range(rounds):
        for i in (0, 1) if turn % 2 == 0 else (1, 0):
            times[i].append(first_token(connections[i], request))
    later = [proxied - direct for direct, proxied in zip(*times)]
    return {"first_token_direct_ms": round(statistics.median(times[0]) * 1000, 2),
            "first_token_proxied_ms": round(statistics.median(times[1]) * 1000, 2),
            "later_ms": round(statistics.median(later) * 1000, 2), "rounds": rounds}


def main():
    options = parse_options(("model", "server", "confide", "bench"), "1,8")
    channel = json.loads(subprocess.run([options.bench], stdout=subprocess.PIPE, check=True).stdout)
    for row in channel:
        row["ratio"] = round(row["ours_us"] / row["bare_us"], 2)
    if not options.json:
        for row in channel:
            print(f"{row['what']}, {row['padding']}, {row['content']} bytes: {row['ours_us']:.1f} us, "
                  f"bare {row['bare_us']:.1f} us, ratio {row['ratio']}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        ways = [Direct(options, folder)]
        try:
            ways.append(Proxied(options, folder, ways[0]))
            for way in ways:
                measure(way, 1, 16)  # the first answer pays for pages never touched before
            first = compare_first_tokens(ways, 20 * options.rounds)
            if not options.json:
                print(f"first token: {first['first_token_direct_ms']} ms, through the proxy "
                      f"{first['later_ms']} ms later (median of {first['rounds']})", flush=True)
            rows = [compare(ways[::-1], int(streams), options)
                    for streams in options.streams.split(",")]
        finally:
            for way in reversed(ways):
                way.process.terminate()
                way.process.wait(60)
    if options.json:
        print(json.dumps({"channel": channel, "first_token": first, "streams": rows}))
        return
    for row in rows:
        print(f"{row['streams']} streams: proxied {row['proxied']} tokens/s, direct {row['direct']} "
              f"tokens/s, ratio {row['ratio']}")


if __name__ == "__main__":
    main()
