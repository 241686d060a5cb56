"""`confide verify tdx|snp|gpu|eventlog`: evidence of machines of our own making, and recorded
evidence where it is there."""
import base64
import hashlib
import json
import subprocess
import urllib.parse

import pytest

import lab
import mock
from conftest import BIN, ROOT
from middleman import Middleman

VECTORS = ROOT.parent / "shared/vectors"
vectors = pytest.mark.skipif(not VECTORS.exists(), reason="SKIPPED: no recorded evidence here")


@pytest.fixture(scope="session")
def tdx(tmp_path_factory):
    return lab.Intel(), tmp_path_factory.mktemp("intel") / "tdx"


@pytest.fixture(scope="session")
def tdx_folder(tdx):
    intel, folder = tdx
    return intel.write(folder)


@pytest.fixture(scope="session")
def sgx_folder(tmp_path_factory):
    return lab.Intel(tdx=False).write(tmp_path_factory.mktemp("intel") / "sgx")


@pytest.fixture(scope="session")
def amd():
    return lab.Amd()


@pytest.fixture(scope="session")
def snp_folder(amd, tmp_path_factory):
    return amd.write(tmp_path_factory.mktemp("amd") / "snp")


@pytest.fixture
def verify(confide):
    """Runs a verb at the lab's time."""
    def run(kind, evidence, *arguments, root=None, at=lab.AT, **options):
        trust = ["--trust-root", root] if root else []
        return confide("verify", kind, evidence, "--at", at, *trust, *arguments, **options)
    return run


def passed(process):
    assert process.returncode == 0, process.stdout + process.stderr
    document = json.loads(process.stdout)
    assert document["verdict"] == "pass"
    assert document["checks"] and all(c["status"] != "fail" for c in document["checks"])
    return document


def refused(process, *ids):
    assert process.returncode == 1, process.stdout + process.stderr
    document = json.loads(process.stdout)
    assert document["verdict"] == "fail"
    failed = [c["id"] for c in document["checks"] if c["status"] == "fail"]
    for one in ids:
        assert one in failed, document["checks"]
    assert all(c["detail"] for c in document["checks"] if c["status"] == "fail")
    return document


def unusable(process, *words):
    assert process.returncode == 2, process.stdout + process.stderr
    for word in words:
        assert str(word) in process.stderr
    return process


# TDX and SGX

def test_tdx_quote_with_a_folder(verify, tdx_folder):
    document = passed(verify("tdx", tdx_folder / "quote.bin", "--collateral", tdx_folder, "--json",
                             root=tdx_folder / "root.pem"))
    assert document["simulated"] is True
    claims = document["claims"]
    assert claims["tcb_status"] == "UpToDate" and claims["advisory_ids"] == []
    assert claims["mr_td"] == "0a" * 48 and claims["rtmr3"] == "03" * 48
    assert claims["report_data"] == bytes(range(64)).hex()
    assert claims["fmspc"] == "010203040506"
    # Genuine by its own root, which is no vendor's: no TEE is attested.
    assert claims["session"]["tee_attested"]["status"] == "refuted"
    assert claims["session"]["os_known_good"] == {"status": "unknown"}


def test_tdx_quote_as_people_see_it(verify, tdx_folder):
    done = verify("tdx", tdx_folder / "quote.bin", "--collateral", tdx_folder,
                  root=tdx_folder / "root.pem")
    assert done.returncode == 0 and done.stdout == "", done.stderr
    assert "SIMULATED" in done.stderr
    for seen in ("tdx.quote.signature", "tdx.tcb.status", "UpToDate", "0a" * 48, "rtmr3",
                 "What this proves:"):
        assert seen in done.stderr, done.stderr
    assert "\x1b" not in done.stderr


def test_sgx_quote(verify, sgx_folder):
    document = passed(verify("tdx", sgx_folder / "quote.bin", "--collateral", sgx_folder, "--json",
                             root=sgx_folder / "root.pem"))
    assert document["claims"]["mr_enclave"] == "42" * 32
    assert any(c["id"] == "sgx.quote.signature" for c in document["checks"])


@pytest.mark.parametrize("encode", [
    lambda raw: raw.hex(), lambda raw: "0x" + raw.hex().upper() + "\n",
    lambda raw: base64.b64encode(raw).decode(), lambda raw: base64.encodebytes(raw).decode()])
def test_a_quote_in_text(verify, tdx_folder, encode):
    text = encode((tdx_folder / "quote.bin").read_bytes())
    passed(verify("tdx", "-", "--collateral", tdx_folder, "--json", root=tdx_folder / "root.pem",
                  stdin=text))


def test_a_root_in_der_and_one_of_several(verify, tdx, tdx_folder, snp_folder, tmp_path):
    intel, _ = tdx
    (tmp_path / "root.der").write_bytes(intel.root.der)
    passed(verify("tdx", tdx_folder, "--collateral", tdx_folder, "--json", "--trust-root",
                  snp_folder / "root.pem", root=tmp_path / "root.der"))


def test_options_may_stand_before_what_they_are_about(confide, tdx_folder):
    root = ["--trust-root", tdx_folder / "root.pem"]
    passed(confide("verify", "tdx", "--json", "--at", lab.AT, "--collateral", tdx_folder, *root,
                   tdx_folder / "quote.bin"))
    asked = confide("chat", "--url", "https://127.0.0.1:1", *root, *root, "a question")
    assert asked.returncode == 3, asked.stderr


def test_without_its_root_nothing_of_our_own_making_passes(verify, tdx_folder, snp_folder):
    done = verify("tdx", tdx_folder, "--collateral", tdx_folder, "--json")
    assert "--trust-root" in refused(done, "tdx.pck.chain")["hint"]
    refused(verify("tdx", tdx_folder, "--collateral", tdx_folder, "--json",
                   root=snp_folder / "root.pem"), "tdx.pck.chain")
    refused(verify("snp", snp_folder, "--certs", snp_folder, "--json"), "snp.chain")


def test_without_collateral_the_error_says_what_to_do(verify, tdx_folder):
    done = verify("tdx", tdx_folder, "--json", root=tdx_folder / "root.pem")
    assert "--fetch" in refused(done, "tdx.collateral")["hint"]
    plain = verify("tdx", tdx_folder, root=tdx_folder / "root.pem")
    assert plain.returncode == 1 and "give --collateral DIR or --fetch" in plain.stderr
    assert "NOT VERIFIED" in plain.stderr and "does not prove" in plain.stderr


def test_every_part_that_is_missing_or_spoiled_refuses(verify, tdx, tmp_path):
    intel, _ = tdx
    parts = [p.name for p in intel.write(tmp_path / "whole").iterdir()
             if p.name not in ("quote.bin", "root.pem", "pck_crl_issuer_chain.pem")]
    for name in parts:
        for spoil in ("gone", "empty", "garbage"):
            folder = intel.write(tmp_path / "spoiled")
            if spoil == "gone":
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(b"" if spoil == "empty" else b"garbage")
            done = verify("tdx", folder, "--collateral", folder, "--json",
                          root=folder / "root.pem")
            refused(done)


def test_a_flipped_bit_in_the_quote(verify, tdx_folder):
    quote = bytearray((tdx_folder / "quote.bin").read_bytes())
    quote[600] ^= 1
    refused(verify("tdx", "-", "--collateral", tdx_folder, "--json", root=tdx_folder / "root.pem",
                   stdin=quote.hex()), "tdx.quote.signature")


def test_the_time_is_the_users(verify, tdx_folder):
    for at in ("2025-01-01T00:00:00Z", "2036-01-01T00:00:00Z"):
        refused(verify("tdx", tdx_folder, "--collateral", tdx_folder, "--json", at=at,
                       root=tdx_folder / "root.pem"), "tdx.pck.chain")
    unusable(verify("tdx", tdx_folder, "--collateral", tdx_folder, at="yesterday"), "--at")


def test_a_policy_tolerates_and_pins(verify, tmp_path):
    intel = lab.Intel()
    intel.status = "OutOfDate"
    folder = intel.write(tmp_path / "old")
    trusting = 'version = 1\ntrust_roots = ["""' + intel.root.pem.decode() + '"""]\n'
    tolerant = ('[tdx]\ntolerated = [{ name = "OutOfDate", until = 2027-01-01 }]\n'
                'tolerated_advisories = [{ name = "INTEL-SA-1", until = 2027-01-01 }]\n')
    policy = tmp_path / "policy.toml"

    def judge():
        return verify("tdx", folder, "--collateral", folder, "--json", "--policy", policy)

    policy.write_text(trusting)
    refused(judge(), "tdx.tcb.status", "tdx.tcb.advisories")
    policy.write_text(trusting + tolerant)
    passed(judge())
    policy.write_text(trusting + tolerant + f'[measurements]\nmr_td = ["{"0b" * 48}"]\n')
    refused(judge(), "policy.measurements")
    policy.write_text(trusting + "nonsense = 1\n")
    unusable(judge(), policy)


# SEV-SNP

def test_snp_report(verify, snp_folder):
    document = passed(verify("snp", snp_folder / "report.bin", "--certs", snp_folder, "--json",
                             root=snp_folder / "root.pem"))
    assert document["simulated"] is True
    assert document["claims"]["measurement"] == "5a" * 48
    assert document["claims"]["product"] == "Milan"
    done = verify("snp", snp_folder, "--certs", snp_folder, root=snp_folder / "root.pem")
    assert done.returncode == 0 and "SIMULATED" in done.stderr and "5a" * 48 in done.stderr


def test_snp_certificates_as_files(verify, amd, snp_folder, tmp_path):
    (tmp_path / "chain.pem").write_bytes(amd.ask.pem + amd.ark.pem)
    (tmp_path / "leaf").write_bytes(amd.vcek.pem)
    for certs in (["--certs", tmp_path / "leaf", tmp_path / "chain.pem"],
                  ["--certs", tmp_path / "leaf", "--certs", tmp_path / "chain.pem"]):
        passed(verify("snp", snp_folder, *certs, "--json", root=snp_folder / "root.pem"))


def test_snp_refusals(verify, snp_folder, tmp_path):
    root = snp_folder / "root.pem"
    report = bytearray((snp_folder / "report.bin").read_bytes())
    report[0x90] ^= 1
    refused(verify("snp", "-", "--certs", snp_folder, "--json", root=root, stdin=report.hex()),
            "snp.report.signature")
    done = verify("snp", snp_folder, "--json", root=root)
    assert "--certs" in refused(done)["hint"]
    (tmp_path / "garbage").write_bytes(b"garbage")
    document = refused(verify("snp", snp_folder, "--certs", tmp_path / "garbage", "--json",
                              root=root))
    assert "garbage" in document["error"]


# Event logs

def runtime_event(name, payload):
    kind = (0x08000001).to_bytes(4, "little")
    digest = hashlib.sha384(kind + b":" + name.encode() + b":" + payload).digest()
    return {"imr": 3, "event_type": 0x08000001, "digest": digest.hex(), "event": name,
            "event_payload": payload.hex()}


@pytest.fixture
def logged(tmp_path):
    """A machine whose third register a log explains."""
    log = [runtime_event("app-id", b"1"), runtime_event("compose-hash", hashlib.sha256(b"{}").digest()),
           runtime_event("system-ready", b"")]
    register = bytes(48)
    for event in log:
        register = hashlib.sha384(register + bytes.fromhex(event["digest"])).digest()
    intel = lab.Intel()
    intel.rtmrs = [bytes(48)] * 3 + [register]
    folder = intel.write(tmp_path / "logged")
    (folder / "eventlog.json").write_text(json.dumps(log))
    return folder


def test_event_log_against_a_quote(verify, logged):
    log = logged / "eventlog.json"
    document = passed(verify("eventlog", log, "--quote", logged / "quote.bin", "--json"))
    skipped = [c for c in document["checks"] if c["id"] == "tdx.quote"]
    assert skipped and skipped[0]["status"] == "skip", "the quote itself was not judged"
    whole = passed(verify("eventlog", log, "--quote", logged / "quote.bin", "--collateral", logged,
                          "--json", root=logged / "root.pem"))
    ids = {c["id"] for c in whole["checks"]}
    assert {"tdx.quote.signature", "eventlog.rtmr3"} <= ids and whole["simulated"] is True
    done = verify("eventlog", log, "--quote", logged / "quote.bin")
    assert done.returncode == 0 and "not judged" in done.stderr


def test_event_log_refusals(verify, logged, tmp_path):
    quote = ["--quote", logged / "quote.bin", "--json"]
    log = json.loads((logged / "eventlog.json").read_text())
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(log[:-1]))
    refused(verify("eventlog", changed, *quote), "eventlog.rtmr3")
    log[0]["event_payload"] = "32"
    changed.write_text(json.dumps(log))
    refused(verify("eventlog", changed, *quote), "eventlog.digests")
    changed.write_text("no log")
    refused(verify("eventlog", changed, *quote))
    assert "--quote" in refused(verify("eventlog", logged, "--json"))["hint"]
    refused(verify("eventlog", logged, *quote, "--collateral", logged), "tdx.pck.chain")
    (tmp_path / "compose").write_text("{}")
    passed(verify("eventlog", logged, *quote, "--app-compose", tmp_path / "compose"))
    (tmp_path / "compose").write_text("{ }")
    refused(verify("eventlog", logged, *quote, "--app-compose", tmp_path / "compose"),
            "eventlog.compose")


# GPUs

@pytest.fixture(scope="session")
def gpu_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nvidia")
    (folder / "ocsp").mkdir()
    subprocess.run([BIN / "evidence-lab", folder], check=True, timeout=100)
    return folder


@pytest.fixture
def gpu(confide, gpu_folder):
    """Verifies at the lab's time, for its nonce, under its roots."""
    def run(evidence, *arguments, nonce=(gpu_folder / "nonce").read_text(), trust=True):
        roots = ["--trust-root", gpu_folder / "device_root.pem",
                 "--trust-root", gpu_folder / "rim_root.pem"] if trust else []
        challenge = ["--nonce", nonce] if nonce else []
        return confide("verify", "gpu", evidence, *challenge, "--at",
                       (gpu_folder / "at").read_text(), *roots, *arguments)
    return run


def evidence_list(folder):
    certificate = base64.b64encode((folder / "chain.pem").read_bytes()).decode()
    report = base64.b64encode((folder / "report.bin").read_bytes()).decode()
    return [{"certificate": certificate, "evidence": report, "arch": "HOPPER"}]


def test_gpu_in_every_form(gpu, gpu_folder, tmp_path):
    rim = ["--rim", gpu_folder, "--json"]
    document = passed(gpu(gpu_folder, *rim))
    assert document["simulated"] is True and document["claims"]["driver_version"] == "599.01"
    passed(gpu(gpu_folder / "report.bin", *rim))
    (tmp_path / "report.bin").write_bytes((gpu_folder / "report.bin").read_bytes())
    refused(gpu(tmp_path / "report.bin", *rim), "gpu.device.chain")
    passed(gpu(tmp_path / "report.bin", "--chain", gpu_folder / "chain.pem", *rim))
    listed = evidence_list(gpu_folder)
    for form in (listed, {"nonce": "00" * 32, "evidence_list": listed, "arch": "HOPPER"}):
        (tmp_path / "evidence.json").write_text(json.dumps(form))
        passed(gpu(tmp_path / "evidence.json", *rim))
    assert document["claims"]["session"]["gpu_attested"]["status"] in ("refuted", "unknown")
    done = gpu(gpu_folder, "--rim", gpu_folder)
    assert done.returncode == 0 and "SIMULATED" in done.stderr and "599.01" in done.stderr
    passed(gpu(gpu_folder, "--rim", gpu_folder / "driver_rim.xml", gpu_folder / "vbios_rim.xml",
               "--ocsp", gpu_folder / "ocsp", "--json"))


def test_gpu_refusals(gpu, gpu_folder, tmp_path):
    rim = ["--rim", gpu_folder, "--json"]
    refused(gpu(gpu_folder, *rim, nonce="00" * 32), "gpu.report.nonce")
    refused(gpu(gpu_folder, *rim, trust=False), "gpu.device.chain")
    assert "--rim" in refused(gpu(gpu_folder, "--json"))["hint"]
    refused(gpu(gpu_folder, "--rim", gpu_folder / "vbios_rim.xml", "--json"))
    refused(gpu(gpu_folder, *rim, "--ocsp", gpu_folder / "ocsp/0.der"))
    (tmp_path / "none.json").write_text('{"nonce": "", "evidence_list": [], "arch": "HOPPER"}')
    assert refused(gpu(tmp_path / "none.json", *rim))["claims"].get("gpus") != "all"
    (tmp_path / "driver.xml").write_bytes(
        (gpu_folder / "driver_rim.xml").read_bytes().replace(b"599.01", b"599.02"))
    refused(gpu(gpu_folder, "--rim", tmp_path / "driver.xml", gpu_folder / "vbios_rim.xml",
                "--json"), "rim.driver.signature")
    unusable(gpu(gpu_folder, "--rim", tmp_path / "gone"), "gone")


def test_gpu_bound_to_a_cpu(gpu, gpu_folder, tmp_path):
    rim = ["--rim", gpu_folder, "--json"]
    quote = ["--quote", gpu_folder / "quote.bin", "--trust-root", gpu_folder / "sgx_root.pem"]
    collateral = ["--collateral", gpu_folder / "collateral.json"]
    document = passed(gpu(gpu_folder, *rim, *quote, *collateral, nonce=None))
    ids = {c["id"] for c in document["checks"]}
    assert {"tdx.quote.signature", "gpu.report.nonce", "binding.gpu.nonce"} <= ids
    assert "--collateral" in refused(gpu(gpu_folder, *rim, *quote, nonce=None))["hint"]
    refused(gpu(gpu_folder, *rim, *quote, *collateral, "--nonce-rule", "report-data-tail",
                nonce=None), "gpu.report.nonce")
    other = tmp_path / "other"  # a genuine GPU, of another machine
    (other / "ocsp").mkdir(parents=True)
    subprocess.run([BIN / "evidence-lab", other], check=True, timeout=100)
    document = refused(gpu(other, "--rim", other, "--json", *quote, *collateral,
                           "--trust-root", other / "device_root.pem",
                           "--trust-root", other / "rim_root.pem", nonce=None))
    failed = {c["id"] for c in document["checks"] if c["status"] == "fail"}
    assert failed >= {"gpu.report.nonce", "binding.gpu.nonce"}
    assert gpu(gpu_folder, *rim, nonce=None).returncode == 2


def test_gpu_references_are_fetched_and_kept(gpu, gpu_folder, tmp_path):
    ids = passed(gpu(gpu_folder, "--rim", gpu_folder, "--json"))["claims"]["rim_ids"]
    with mock.Vendors(mock.nvidia(gpu_folder, ids)) as vendors:
        def fetch(*more):
            return gpu(gpu_folder, "--cache", tmp_path / "cache", "--json", *more)

        online = ["--fetch", "--rim-url", vendors.url, "--ocsp-url", vendors.url]
        document = passed(fetch(*online))
        assert not [c for c in document["checks"] if "ocsp" in c["id"] and c["status"] != "pass"]
        asked = len(vendors.asked)
        assert asked == 2 + 3 + 6, vendors.asked
        passed(fetch(*online))
        passed(fetch())
        assert len(vendors.asked) == asked
        vendors.answers.clear()
        assert gpu(gpu_folder, "--cache", tmp_path / "new", *online).returncode == 3


# Input that nobody can use

VERBS = {"tdx": [], "snp": [], "gpu": ["--nonce", "00" * 32], "eventlog": []}


@pytest.mark.parametrize("verb", VERBS)
def test_unusable_evidence(verify, tmp_path, verb):
    more = VERBS[verb]
    unusable(verify(verb, tmp_path / "none", *more), tmp_path / "none")
    unusable(verify(verb, tmp_path, *more), tmp_path)
    huge = tmp_path / "huge"
    with open(huge, "wb") as file:
        file.truncate(1 << 30)
    unusable(verify(verb, huge, *more), huge, "larger")
    unusable(verify(verb, "/dev/zero", *more), "/dev/zero")
    json.loads(unusable(verify(verb, tmp_path / "none", "--json", *more)).stdout)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", b"[]", bytes(1184), b"\xff" * 5000,
                                     b"[" * 100000])
def test_what_is_no_evidence_is_refused(verify, tmp_path, verb, content):
    (tmp_path / "evidence").write_bytes(content)
    document = refused(verify(verb, tmp_path / "evidence", "--json", *VERBS[verb]))
    assert document["simulated"] is False


def test_evidence_of_another_kind_is_refused(verify, tdx_folder, snp_folder):
    for verb in ("snp", "gpu", "eventlog"):
        refused(verify(verb, tdx_folder / "quote.bin", "--json", *VERBS[verb]))
    for verb in ("tdx", "gpu", "eventlog"):
        refused(verify(verb, snp_folder / "report.bin", "--json", *VERBS[verb]))


@pytest.mark.parametrize("nonce", ["", "00", "00" * 31, "00" * 33, "zz" * 32, "0x" + "00" * 32])
def test_a_nonce_has_32_bytes(verify, tdx_folder, nonce):
    unusable(verify("gpu", tdx_folder / "quote.bin", "--nonce", nonce), "nonce")


def test_a_gpu_needs_a_nonce(verify, tdx_folder):
    unusable(verify("gpu", tdx_folder / "quote.bin"), "--nonce")


@pytest.mark.parametrize("arguments", [
    ["tdx"], ["tdx", "q", "--collateral", ""], ["tdx", "q", "--bogus"], ["snp", "r", "--certs"],
    ["tdx", "q", "--policy", "a", "--trust-root", "b"], ["tdx", "q", "--timeout", "0", "--fetch"],
    ["tdx", "q", "--pcs-url", "https://127.0.0.1"], ["eventlog"], ["tdx", "q", "more"],
    ["nonsense"]])
def test_bad_usage(confide, arguments):
    assert confide("verify", *arguments).returncode == 2


@pytest.mark.parametrize("option", ["--policy", "--trust-root", "--collateral"])
def test_named_files_must_be_there(verify, tdx_folder, tmp_path, option):
    unusable(verify("tdx", tdx_folder, option, tmp_path / "none"), tmp_path / "none")
    unusable(verify("tdx", tdx_folder, option, tmp_path))


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_examples(confide, verb):
    done = confide("verify", verb, "--help")
    assert done.returncode == 0
    for word in ("Examples:", f"confide verify {verb}", "--fetch", "--trust-root", "--json",
                 "Exit codes", "--at"):
        assert word in done.stdout, word


# Fetching

@pytest.fixture
def vendors(tdx, amd):
    with mock.Vendors({**mock.pcs(tdx[0]), **mock.kds(amd)}) as running:
        yield running


@pytest.fixture
def fetch(verify, tdx_folder, snp_folder, vendors, tmp_path):
    """Verifies with nothing but what the vendors serve."""
    def run(kind, *arguments, cache=tmp_path / "cache", online=True, url=None, **options):
        folder = tdx_folder if kind == "tdx" else snp_folder
        service = ["--fetch", "--pcs-url" if kind == "tdx" else "--kds-url", url or vendors.url]
        return verify(kind, folder / ("quote.bin" if kind == "tdx" else "report.bin"), "--json",
                      *(service if online else []), *(["--cache", cache] if cache else []),
                      *arguments, root=folder / "root.pem", **options)
    return run


@pytest.mark.parametrize("kind, requests", [("tdx", 4), ("snp", 3)])
def test_fetch_then_cache(fetch, vendors, tmp_path, kind, requests):
    passed(fetch(kind))
    assert len(vendors.asked) == requests
    passed(fetch(kind))
    passed(fetch(kind, online=False))
    assert len(vendors.asked) == requests, "the cache has it"
    cache = tmp_path / "cache"
    assert cache.stat().st_mode & 0o777 == 0o700
    entries = list(cache.iterdir())
    assert len(entries) == requests
    assert all(e.stat().st_mode & 0o777 == 0o600 for e in entries)


def test_without_a_cache_or_a_service_there_is_nothing(fetch, tmp_path):
    refused(fetch("tdx", online=False, cache=tmp_path / "another"), "tdx.collateral")


def test_the_users_own_cache_is_used_only_with_fetch(fetch, verify, tdx_folder, tmp_path):
    home = {"XDG_CACHE_HOME": str(tmp_path / "home")}
    passed(fetch("tdx", cache=None, env=home))
    assert (tmp_path / "home/confide").is_dir()
    refused(verify("tdx", tdx_folder, "--json", root=tdx_folder / "root.pem", env=home),
            "tdx.collateral")


def test_what_was_fetched_is_told(verify, tdx_folder, vendors, tmp_path):
    done = verify("tdx", tdx_folder, "--fetch", "--pcs-url", vendors.url, "--cache",
                  tmp_path / "cache", root=tdx_folder / "root.pem")
    assert done.returncode == 0 and f"from {vendors.url}/tdx" in done.stderr, done.stderr


def test_a_folder_is_completed(fetch, tdx, vendors, tmp_path):
    folder = tdx[0].write(tmp_path / "part")
    (folder / "root_ca_crl.der").unlink()
    passed(fetch("tdx", "--collateral", folder))
    assert vendors.asked == ["/sgx/certification/v4/rootcacrl"]


def test_damaged_cache_entries_are_fetched_again(fetch, vendors, tmp_path):
    passed(fetch("tdx"))
    for entry in (tmp_path / "cache").iterdir():
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 1
        entry.write_bytes(content)
    passed(fetch("tdx"))
    assert len(vendors.asked) == 8


def test_stale_cache_entries_are_fetched_again_and_never_used(fetch, vendors):
    passed(fetch("tdx"))
    later = lab.stamp(lab.NOW + 40 * lab.DAY)
    refused(fetch("tdx", online=False, at=later), "tdx.collateral")
    refused(fetch("tdx", at=later), "tdx.tcb.info")
    assert len(vendors.asked) == 8, "asked again, and judged what came"


def test_a_cache_is_believed_no_more_than_a_service(fetch, vendors, tmp_path):
    """Another Intel's documents, kept under the right names, are still another Intel's."""
    other = mock.pcs(lab.Intel())
    vendors.answers.update(other)
    refused(fetch("tdx"), "tdx.tcb.info")
    vendors.answers.clear()
    refused(fetch("tdx", online=False), "tdx.tcb.info")


def test_a_cache_that_cannot_be_made(fetch, tmp_path):
    (tmp_path / "file").write_text("")
    done = fetch("tdx", cache=tmp_path / "file")
    assert done.returncode == 3 and "file" in done.stderr


@pytest.mark.parametrize("spoil, words", [
    (mock.status(404), "404"), (mock.status(429), "429"), (mock.status(500), "500"),
    (mock.status(503), "503"), (mock.status(401), "401"), (mock.redirect, "302"),
    (mock.truncated, ""), (mock.endless, "more than"), (mock.hangs_up, ""), (mock.html, "no use")])
def test_services_that_misbehave(fetch, vendors, spoil, words):
    vendors.spoil = spoil
    done = fetch("tdx")
    assert done.returncode == 3, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"] == "fail" and words in document["error"]
    assert vendors.url in document["error"]
    assert fetch("snp").returncode == 3


def test_a_slow_service_is_not_waited_for(fetch, vendors):
    vendors.spoil = mock.slow
    done = fetch("tdx", "--timeout", "1")
    assert done.returncode == 3 and "imed out" in done.stderr, done.stderr


@pytest.mark.parametrize("spoil", [mock.status(500), mock.status(429), mock.hangs_up])
def test_a_service_that_fails_once_is_asked_again(fetch, vendors, spoil):
    vendors.spoil = mock.once(spoil)
    passed(fetch("tdx"))


def test_a_service_that_cannot_be_reached(fetch):
    done = fetch("tdx", url="http://127.0.0.1:1")
    assert done.returncode == 3 and "127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("url", ["http://pccs.example", "ftp://127.0.0.1", "nonsense",
                                 "https://user:secret@pccs.example", "file:///etc"])
def test_urls_that_are_not_asked(fetch, url):
    done = unusable(fetch("tdx", url=url))
    assert json.loads(done.stdout)["verdict"] == "fail"


def test_evidence_that_cannot_be_read_is_not_asked_about(verify, vendors, tmp_path):
    (tmp_path / "quote").write_bytes(b"no quote")
    refused(verify("tdx", tmp_path / "quote", "--fetch", "--pcs-url", vendors.url, "--json"))
    assert vendors.asked == []


@pytest.mark.server
@pytest.mark.parametrize("verb", ["verify", "chat"])
def test_a_service_that_staples_no_collateral(confide, server, tmp_path, verb):
    """All about the quote then passes; only the relay's own TLS key is in the way."""
    stapled = {}

    def unstaple(path, body):
        if "attestation" not in path:
            return body
        document = json.loads(body)
        stapled.update(document["attestation"]["evidence"].pop("collateral"))
        return json.dumps(document).encode()

    def chained(name, header, body):
        chain = urllib.parse.quote(stapled[name + "_issuer_chain"])
        return lambda _: (200, {header: chain}, body())

    def signed(name, member):
        return (f'{{"{member}":{stapled[name]},"signature":"{stapled[name + "_signature"]}"}}'
                .encode())

    with Middleman(server, unstaple) as middleman:
        question = ["--channel", "e2ee", "hello"] if verb == "chat" else []
        run = [verb, "--url", middleman.url, "--trust-root", server.root, "--json"]
        claims = refused(confide(*run, *question), "tdx.collateral")["claims"]
        base = "certification/v4"
        answers = {
            f"/tdx/{base}/tcb?fmspc={claims['fmspc']}":
                chained("tcb_info", "TCB-Info-Issuer-Chain", lambda: signed("tcb_info", "tcbInfo")),
            f"/tdx/{base}/qe/identity":
                chained("qe_identity", "SGX-Enclave-Identity-Issuer-Chain",
                        lambda: signed("qe_identity", "enclaveIdentity")),
            f"/sgx/{base}/pckcrl?ca=platform&encoding=der":
                chained("pck_crl", "SGX-PCK-CRL-Issuer-Chain",
                        lambda: bytes.fromhex(stapled["pck_crl"])),
            f"/sgx/{base}/rootcacrl": lambda _: (200, {}, stapled["root_ca_crl"].encode())}
        with mock.Vendors(answers) as vendors:
            done = confide(*run, "--fetch", "--pcs-url", vendors.url, "--cache",
                           tmp_path / "cache", *question)
            document = refused(done, "aci.tls")
            failed = [c["id"] for c in document["checks"] if c["status"] == "fail"]
            assert failed == ["aci.tls"]
            vendors.answers.clear()
            assert confide(*run, "--fetch", "--pcs-url", vendors.url, "--cache",
                           tmp_path / "new", *question).returncode == 3


# Recorded evidence

def cases(kind):
    return sorted((VECTORS / kind).glob("*/case.json")) if VECTORS.exists() else []


def judge_case(confide, case, verb, role, *arguments):
    document = json.loads(case.read_text())
    evidence = case.parent if role == "devices" else case.parent / document["files"][role]
    time = ["--at", document["evaluation_time"]] if "evaluation_time" in document else []
    done = confide("verify", verb, evidence, *time, "--json", *arguments)
    expected = document["expected"].get("verdict_strict", "either")
    if expected != "either":
        assert done.returncode == (0 if expected == "accept" else 1), (case, done.stderr)
    return document, json.loads(done.stdout)


@vectors
@pytest.mark.parametrize("case", cases("tdx") + cases("sgx"), ids=lambda c: c.parent.name)
def test_recorded_quotes(confide, case):
    document, got = judge_case(confide, case, "tdx", "quote", "--collateral", case.parent)
    if document["expected"].get("crypto_ok"):
        assert got["claims"]["tcb_status"] == document["expected"]["tcb_status"]
    assert got["simulated"] is False
    if document["expected"]["verdict_strict"] == "accept":
        attested = got["claims"]["session"]["tee_attested"]
        assert attested["status"] == "asserted" and attested["source"] == "hardware_proven"


@vectors
@pytest.mark.parametrize("case", cases("snp"), ids=lambda c: c.parent.name)
def test_recorded_snp_reports(confide, case):
    document, got = judge_case(confide, case, "snp", "report", "--certs", case.parent)
    assert got["claims"]["report_data"] == document["parsed"]["report_data"]


@vectors
@pytest.mark.parametrize("case", cases("nvidia"), ids=lambda c: c.parent.name)
def test_recorded_gpus(confide, case):
    nonce = json.loads(case.read_text())["nonce"]
    judge_case(confide, case, "gpu", "devices", "--nonce", nonce, "--rim", case.parent)


@vectors
@pytest.mark.parametrize("case", cases("eventlog"), ids=lambda c: c.parent.name)
def test_recorded_event_logs(confide, case):
    document = json.loads(case.read_text())
    files = document["files"]
    quote = ["--quote", case.parent / files["quote"]] if "quote" in files else []
    done = confide("verify", "eventlog", case.parent, *quote, "--json")
    accepts = quote and document["expected"].get("verdict") == "accept"
    assert done.returncode == (0 if accepts else 1), done.stderr
