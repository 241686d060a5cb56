"""What protection costs a request and a streamed chunk, where the engine costs nothing.

confide-stub-server with everything on beside the same server with everything off, asked in turn. "Off" is plain HTTP,
no sealing, and receipts that nobody keeps; since every answer's receipt is signed even there, the bare cost of a
signature is added to the difference.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import wire
from efficiency import Confide, parse_options, show_progress

PACE = 2000  # requests a second
REQUESTS = 10_000  # of one round
CHUNKS = {"connections": 16, "count": 32, "max_tokens": 1000}
TICK = os.sysconf("SC_CLK_TCK")


class Stub(Confide):
    """Another program, and no model: `more` says what it does besides."""

    def __init__(self, options, folder, name, *more):
        self.name, self.more = name, more
        self.plain = "--plain" in more
        self.says = b"listening on http" if self.plain else Confide.says
        super().__init__(options, pathlib.Path(folder) / name)

    def command(self, options, state):
        return [options.stub, "--listen", "127.0.0.1:0", "--state", state, "--model-name", "stub",
                "--streams", "64", "--queue", "4096", *self.more]

    def trust(self, state):
        if not self.plain:
            super().trust(state)

    def url(self):
        return f"http{'' if self.plain else 's'}://127.0.0.1:{self.port}"

    def ask(self, options, *seals, **settings):
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        done = subprocess.run([options.bench, "ask", "--url", self.url(), *seals, *arguments],
                              stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def ways(self):
        """The arguments that seal a request to this server: fields of it, or all of it."""
        configs = wire.request(self, "GET", "/.well-known/ohttp-gateway").body
        field_key = next(key["public_key"] for key in self.keys["e2ee_public_keys"]
                         if key["algo"] == wire.Sealed.X25519)
        size = int.from_bytes(configs[:2], "big")
        return {"tls": [], "e2ee": ["--field-key", field_key],
                "ohttp": ["--ohttp-key", configs[2:2 + size].hex()]}


def in_turn(rounds, runs):
    """Each of `runs` once a round; their results by name, in the order of rounds."""
    out = {name: [] for name in runs}
    for turn in range(rounds):
        for name in runs if turn % 2 == 0 else reversed(runs):
            out[name].append(runs[name]())
            show_progress()
    print(file=sys.stderr)
    return out


def median(results, member):
    return statistics.median(result[member] for result in results)


def fixed_costs(options, on, off, bare):
    ways = on.ways()
    runs = {"off": lambda: off.ask(options, per_second=PACE, count=REQUESTS)}
    for name, seals in ways.items():
        runs[name] = lambda seals=seals: on.ask(options, *seals, per_second=PACE, count=REQUESTS)
    found = in_turn(options.rounds, runs)
    base = median(found["off"], "p50_us") - bare["signature_us"]
    return [{"way": name, "p50_us": round(median(results, "p50_us"), 1),
             "added_p50_us": round(median(results, "p50_us") - base, 1),
             "p99_us": round(median(results, "p99_us"), 1)} for name, results in found.items()]


def chunk_costs(options, on, off, bare):
    """Of the same answers. Under E2EE they come in fewer and larger events, so what it costs more than
    off is told by its own number of events."""
    def processor_time(server, seals):
        before = server.cpu_seconds()
        events = server.ask(options, *seals, "--stream", per_second=1000, **CHUNKS)["events"]
        return {"us": (server.cpu_seconds() - before) * 1e6, "events": events}

    runs = {"off": lambda: processor_time(off, [])}
    for name, seals in on.ways().items():
        runs[name] = lambda seals=seals: processor_time(on, seals)
    found = in_turn(options.rounds, runs)
    base = median(found["off"], "us")
    rows = []
    for name, results in found.items():
        events = median(results, "events")
        row = {"way": name, "events": events, "us": round(median(results, "us") / events, 2)}
        if name != "off":
            row["added_us"] = round((median(results, "us") - base) / events, 2)
            row["bare_us"] = round(bare[f"{name}_chunk_us"], 2)
            row["ratio"] = round(row["added_us"] / row["bare_us"], 2)
        rows.append(row)
    return rows


def receipt_cost(options, kept, gone):
    """Requests a second, as many as eight connections can ask."""
    found = in_turn(options.rounds, {
        server.name: lambda server=server: server.ask(options, per_second=1e6, count=REQUESTS)
        for server in (kept, gone)})
    ratios = [a["per_second"] / b["per_second"] for a, b in zip(found[kept.name], found[gone.name])]
    return {"kept_per_second": round(median(found[kept.name], "per_second")),
            "gone_per_second": round(median(found[gone.name], "per_second")),
            "ratio": round(statistics.median(ratios), 3)}


def main():
    options = parse_options(("stub", "bench"), "")
    bare = json.loads(subprocess.run([options.bench, "bare"], stdout=subprocess.PIPE,
                                     check=True).stdout)
    paced = ["--tokens-per-second", "500", "--answer-tokens", "1000"]
    servers = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, more in (("on", []), ("off", ["--plain", "--no-receipts"]),
                               ("gone", ["--no-receipts"]), ("on-paced", paced),
                               ("off-paced", ["--plain", "--no-receipts", *paced])):
                servers.append(Stub(options, folder, name, *more))
            on, off, gone, on_paced, off_paced = servers
            found = {"requests": fixed_costs(options, on, off, bare),
                     "chunks": chunk_costs(options, on_paced, off_paced, bare),
                     "receipts": receipt_cost(options, on, gone), "bare": bare}
        finally:
            for server in servers:
                server.process.terminate()
                server.process.wait(60)
    if options.json:
        print(json.dumps(found))
        return
    for row in found["requests"]:
        print(f"request, {row['way']}: p50 {row['p50_us']} us ({row['added_p50_us']:+} us), "
              f"p99 {row['p99_us']} us")
    for row in found["chunks"]:
        print(f"chunk, {row['way']}: {row['us']} us of processor time"
              + (f", {row['added_us']} more, bare {row['bare_us']}, ratio {row['ratio']}"
                 if "ratio" in row else ""))
    kept = found["receipts"]
    print(f"receipts kept: {kept['kept_per_second']} requests/s, not kept "
          f"{kept['gone_per_second']}, ratio {kept['ratio']}")


if __name__ == "__main__":
    main()
