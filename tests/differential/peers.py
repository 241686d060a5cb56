"""Public verifiers, each asked about a case through the same few words."""
import dataclasses
import datetime
import json
import os
import pathlib
import subprocess

import dcap_qvl


@dataclasses.dataclass
class Judgement:
    """What a verifier says. `status` and `advisories` are None where it says nothing of them."""
    ok: bool
    status: str | None = None
    advisories: frozenset | None = None
    error: str = ""


class Case:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.description = json.loads((self.folder / "case.json").read_text())
        self.id = self.description["id"]
        self.kind = self.description["kind"]
        self.synthetic = self.kind.endswith("-synthetic") or self.description.get("synthetic", False)

    def path(self, role):
        name = self.description["files"].get(role)
        return None if name is None else self.folder / name

    def time(self):
        text = self.description["evaluation_time"].replace("Z", "+00:00")
        return int(datetime.datetime.fromisoformat(text).timestamp())

    def anchor(self):
        """The root that the case is judged by, or None for the vendor's."""
        anchor = self.description.get("trust_anchor", "")
        if not self.synthetic or anchor == "AMD":
            return None
        if (self.folder / anchor).is_file():
            return self.folder / anchor
        # The collection leaves AMD's roots out of their place; the product's base case brings it.
        base = self.folder.parent / f"base-{self.description['product'].lower()}"
        return Case(base).path("ark")


class DcapQvl:
    """Phala's dcap-qvl: a status and advisories, or a refusal."""
    name = "dcap-qvl"
    kinds = {"tdx-quote", "tdx-quote-synthetic", "sgx-quote"}

    def judge(self, case):
        quote = case.path("quote").read_bytes()
        collateral = dcap_qvl.QuoteCollateralV3.from_json(case.path("collateral_v3").read_text())
        root = case.path("root_ca").read_bytes()
        try:
            report = dcap_qvl.verify_with_root_ca(quote, collateral, root, case.time())
        except ValueError as refusal:
            return Judgement(False, error=str(refusal))
        return Judgement(True, report.status, frozenset(report.advisory_ids))


class Google:
    """go-tdx-guest and go-sev-guest, in one process that answers line by line."""

    def __init__(self, program=None):
        program = program or os.environ["CONFIDE_GO_PEERS"]
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError("the driver of Google's verifiers ended")

    def judge(self, case):
        answer = self.ask(self.request(case))
        return Judgement(answer["ok"], error=answer["error"])


class GoTdxGuest(Google):
    """Accepts UpToDate and nothing else."""
    name = "go-tdx-guest"
    kinds = {"tdx-quote", "tdx-quote-synthetic"}

    def request(self, case):
        files = {role: str(case.path(role))
                 for role in ("quote", "tcb_info", "qe_identity", "pck_crl", "root_ca_crl")}
        for role in ("tcb_info", "qe_identity", "pck_crl"):
            files[role + "_chain"] = str(case.folder / f"{role}_issuer_chain.pem")
        return {"evidence": "tdx", "files": files, "root": str(case.path("root_ca")),
                "time": case.time()}


class GoSevGuest(Google):
    name = "go-sev-guest"
    kinds = {"snp-report"}

    def request(self, case):
        files = {role: str(case.path(role))
                 for role in ("report", "leaf", "ica", "ark", "crl") if case.path(role)}
        anchor = case.anchor()
        return {"evidence": "snp", "files": files, "root": "" if anchor is None else str(anchor),
                "time": case.time()}


PEERS = (DcapQvl, GoTdxGuest, GoSevGuest)
