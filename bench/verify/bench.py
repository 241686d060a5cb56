"""How long one appraisal takes: ours, public verifiers, and the bare signature checks in it.

Every program reads its evidence first and is then asked in turn, round by round; each figure is the
median over the rounds. A ratio is our time over the other's: below 1, ours is faster.
"""
import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "../shared/vectors"

# What an appraisal must check, whoever makes it. Cold: a PCK certificate and its CA, the TCB
# signer, two CRLs, TCB info, QE identity, QE report, quote. With chains cached, the last two.
TDX_COLD, TDX_CACHED = {"p256": 9}, {"p256": 2}
# VCEK and ASK, the CRL if given; the report.
SNP = {"rsa-pss": 2, "p384": 1}
SNP_CRL = {"rsa-pss": 3, "p384": 1}
# Four device certificates and the report; twice three signers' certificates and a manifest.
GPU = {"p384": 4 + 1 + 2 * (3 + 1)}


class Driver:
    def __init__(self, name, *command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                return answer["microseconds"] if answer["ok"] else None
        raise SystemExit(f"the driver of {self.name} ended")


def unix(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def load(folder):
    return json.loads((folder / "case.json").read_text())


def paths(folder, case, roles):
    return {role: str(folder / case["files"][role]) for role in roles if role in case["files"]}


def tdx_requests(folder, case):
    """The same evidence for ours, dcap-qvl and go-tdx-guest."""
    common = {"evidence": "tdx", "time": unix(case["evaluation_time"])}
    root = str(folder / case["files"]["root_ca"])
    files = paths(folder, case, ("quote", "tcb_info", "qe_identity", "pck_crl", "root_ca_crl"))
    for role in ("tcb_info", "qe_identity", "pck_crl"):
        files[role + "_chain"] = str(folder / f"{role}_issuer_chain.pem")
    ours = common | {"folder": str(folder), "mode": "cold", "roots": [root]}
    qvl = common | {"files": paths(folder, case, ("quote", "collateral_v3")), "root": root}
    return ours, qvl, common | {"files": files, "root": root}


def snp_requests(folder, case):
    common = {"evidence": "snp", "time": unix(case["evaluation_time"])}
    files = paths(folder, case, ("report", "leaf", "ica", "ark", "crl"))
    root = files["ark"] if case.get("synthetic") else ""
    return (common | {"folder": str(folder), "roots": [root] if root else []},
            common | {"files": files, "root": root})


def gpu_requests(folder, case):
    device = case["files"]["devices"][0]
    files = paths(folder, case, ("driver_rim", "vbios_rim")) | {
        role: str(folder / device[role]) for role in ("report", "chain")}
    common = {"evidence": "gpu", "time": unix(case["evaluation_time"]), "nonce": case["nonce"]}
    return common | {"folder": str(folder)}, common | {"files": files}


def first_accepted(folders, make, drivers):
    """The requests for the first case that all of them accept: a refusal ends early."""
    for folder in folders:
        requests = make(folder, load(folder))
        if all(driver.ask(request | {"rounds": 1}) is not None
               for driver, request in zip(drivers, requests)):
            return folder, requests
    raise SystemExit("no evidence that all verifiers accept")


def measure(contestants, rounds, target=0.3):
    """Medians in microseconds. Each contestant runs for about `target` seconds a round."""
    counts = [max(1, int(target * 1e6 / driver.ask(request | {"rounds": 2})))
              for driver, request in contestants]
    times = [[] for _ in contestants]
    for _ in range(rounds):
        for (driver, request), count, series in zip(contestants, counts, times):
            series.append(driver.ask(request | {"rounds": count}))
    return [statistics.median(series) for series in times]


def signature_requests(counts):
    return [({"evidence": "signature", "scheme": scheme}, count) for scheme, count in counts.items()]


class Table:
    def __init__(self, ours, rounds):
        self.ours, self.rounds, self.rows = ours, rounds, []

    def add(self, evidence, mode, request, peers, counts):
        bare = signature_requests(counts)
        contestants = [(self.ours, request), *peers, *((self.ours, each) for each, _ in bare)]
        confide, *others = measure(contestants, self.rounds)
        named = [(driver.name, time) for (driver, _), time in zip(peers, others)]
        checks = sum(time * count for time, (_, count) in zip(others[len(peers):], bare))
        named.append((f"{sum(counts.values())} bare signature checks", checks))
        for peer, time in named:
            self.rows.append({"evidence": evidence, "mode": mode, "confide_us": round(confide, 1),
                              "peer": peer, "peer_us": round(time, 1),
                              "ratio": round(confide / time, 3)})

    def show(self, as_json):
        if as_json:
            return print(json.dumps({"verify": self.rows}, indent=1))
        print(f"{'evidence':10}{'mode':8}{'ours':>10}  {'peer':28}{'theirs':>12}{'ratio':>8}")
        for row in self.rows:
            print(f"{row['evidence']:10}{row['mode']:8}{row['confide_us']:8.0f}us  "
                  f"{row['peer']:28}{row['peer_us']:10.0f}us{row['ratio']:8.2f}")


def cases(lab, kind, prefix):
    real = sorted(file.parent for file in (VECTORS / kind).glob("*/case.json"))
    return real or sorted(file.parent for file in lab.glob(f"{prefix}*/case.json"))


def main():
    parser = argparse.ArgumentParser()
    for name in ("ours", "rust", "go", "nvidia", "lab"):
        parser.add_argument("--" + name, required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    ours = Driver("confide", options.ours)
    qvl, go = Driver("dcap-qvl", options.rust), Driver("go-tdx-guest", options.go)
    table = Table(ours, options.rounds)

    _, (request, to_qvl, to_go) = first_accepted(cases(options.lab, "tdx", "tdx"), tdx_requests,
                                                 (ours, qvl, go))
    peers = [(qvl, to_qvl), (go, to_go)]
    table.add("tdx", "cold", request, peers, TDX_COLD)
    table.add("tdx", "cached", request | {"mode": "cached"}, peers, TDX_CACHED)

    sev = Driver("go-sev-guest", options.go)
    folder, (request, to_sev) = first_accepted(cases(options.lab, "snp", "snp"), snp_requests,
                                               (ours, sev))
    counts = SNP_CRL if "crl" in load(folder)["files"] else SNP
    table.add("snp", "cold", request, [(sev, to_sev)], counts)

    gpu = VECTORS / "nvidia/h100-550.90.07-full"
    if gpu.is_dir():
        nvidia = Driver("nv-local-gpu-verifier", options.nvidia, ROOT / "bench/verify/nvidia/driver.py")
        _, (request, to_nvidia) = first_accepted([gpu], gpu_requests, (ours, nvidia))
        table.add("gpu", "cold", request, [(nvidia, to_nvidia)], GPU)
    else:
        print("SKIPPED: no evidence of a GPU in ../shared/vectors", file=sys.stderr)
    table.show(options.json)


if __name__ == "__main__":
    main()
