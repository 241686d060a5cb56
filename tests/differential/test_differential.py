"""Every case through our verifier and public ones: each difference is explained, or it is a bug.

Ours answers through evidence-conformance, which puts each case through the library under the strict
policy; that it also compares with what the case expects plays no part here. The corpus is
../shared/vectors where that is there, and always evidence of our own test labs.
"""
import json
import os
import pathlib
import subprocess

import pytest

from explained import EXPLAINED
from peers import PEERS, Case, Judgement

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CONFIDE_BIN", ROOT / "build/bin")).resolve()
VECTORS = ROOT / "../shared/vectors"


@pytest.fixture(scope="session")
def corpora(tmp_path_factory):
    lab = tmp_path_factory.mktemp("lab")
    subprocess.run([BIN / "lab-cases", lab], check=True)
    return [folder for folder in (VECTORS, lab) if folder.is_dir()]


@pytest.fixture(scope="session")
def cases(corpora):
    found = [Case(file.parent) for folder in corpora for file in folder.rglob("case.json")]
    return {case.id: case for case in sorted(found, key=lambda case: case.id)}


@pytest.fixture(scope="session")
def ours(corpora):
    """Our answers by case: accepted, genuine, status, advisories."""
    out = {}
    for folder in corpora:
        run = subprocess.run([BIN / "evidence-conformance", folder, "--json"], check=False,
                             capture_output=True, text=True, timeout=600)
        for case in json.loads(run.stdout)["cases"]:
            out[case["id"]] = case["answer"] | {"first_failure": case["first_failure"]}
    return out


def difference(answer, theirs: Judgement):
    """What differs, in words; None if nothing. A refusal says nothing of what came after it."""
    accepted = answer["verdict_strict"] == "accept"
    if not theirs.ok:
        return f"we accept, they refuse: {theirs.error}" if accepted else None
    if theirs.status is None:
        return None if accepted else f"they accept, we refuse: {answer['first_failure']}"
    if not answer["crypto_ok"]:
        return f"they say {theirs.status}, we refuse: {answer['first_failure']}"
    if theirs.status != answer["tcb_status"]:
        return f"they say {theirs.status}, we say {answer['tcb_status']}"
    if theirs.advisories != frozenset(answer["advisory_ids"]):
        return f"they list {sorted(theirs.advisories)}, we list {answer['advisory_ids']}"
    return None


def judged(peer, cases):
    verifier = peer()
    for case in cases.values():
        if case.kind in peer.kinds and "evaluation_time" in case.description:
            yield case, verifier.judge(case)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_difference_is_explained(peer, cases, ours):
    explained = EXPLAINED[peer.name]
    problems, agreed = [], 0
    for case, theirs in judged(peer, cases):
        found = difference(ours[case.id], theirs)
        reason = explained.get(case.id)
        if found is None and reason is None:
            agreed += 1
        elif found is None:
            problems.append(f"{case.id}: explained, but there is no difference any more")
        elif reason is None:
            problems.append(f"{case.id}: not explained: {found}")
        elif reason.says not in found:
            problems.append(f"{case.id}: explained as '{reason.says}', but: {found}")
    assert not problems, "\n".join(problems)
    assert agreed > 0


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_the_peer_sees_both_good_and_bad(peer, cases):
    """A driver that always refuses, or always accepts, would prove nothing."""
    if not VECTORS.is_dir():
        pytest.skip("SKIPPED: some peers accept nothing but the vendors' own evidence")
    assert {theirs.ok for _, theirs in judged(peer, cases)} == {True, False}
