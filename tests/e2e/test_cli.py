"""`confide chat` and `confide verify` against honest and dishonest services."""
import json
import os
import re
import subprocess

import pytest

import wire
from conftest import BIN, MODEL_NAME
from middleman import Middleman

SECRET = "What is the capital of France? my-secret-word"
pytestmark = pytest.mark.server


def failed(process, *check_ids):
    """The run refused, for the reason named, and printed no answer."""
    assert process.returncode == 1, process.stdout + process.stderr
    document = json.loads(process.stdout)
    assert document["verdict"] == "fail"
    assert "Paris" not in process.stdout
    failures = {c["id"] for c in document["checks"] if c["status"] == "fail"}
    assert failures & set(check_ids), document["checks"]


@pytest.fixture
def chat(confide, server):
    def run(*extra, url=None, root=None, prompt=SECRET):
        return confide("chat", "--url", url or server.url, "--trust-root", root or server.root,
                       "--max-tokens", "24", "--temperature", "0", *extra, prompt)

    return run


def test_chat_shows_every_check_the_answer_and_the_receipt(chat):
    done = chat()
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
    assert "SIMULATED" in done.stderr
    for check in ("tdx.pck.chain", "tdx.quote.signature", "tdx.tcb.status", "aci.report_data",
                  "aci.keyset_expiry", "aci.tls", "eventlog", "aci.model", "receipt.signature",
                  "receipt.request", "receipt.response"):
        assert check in done.stderr, check
    assert "\x1b" not in done.stdout + done.stderr, "colours belong on a terminal"


def test_chat_as_json(chat):
    done = chat("--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"] == "pass" and document["simulated"] is True
    assert all(c["status"] != "fail" for c in document["checks"])
    assert "Paris" in document["answer"]
    assert document["usage"]["completion_tokens"] > 0
    assert document["receipt"]["receipt_id"] == document["receipt_id"]
    assert document["claims"]["tcb_status"] == "UpToDate"


def test_prompt_from_standard_input(confide, server):
    done = confide("chat", "--url", server.url, "--trust-root", server.root, "--max-tokens", "8",
                   stdin="Say hello.")
    assert done.returncode == 0, done.stderr


def test_verify_live_and_pin_by_policy(confide, server, tmp_path):
    policy = tmp_path / "policy.toml"
    done = confide("verify", "--url", server.url, "--trust-root", server.root, "--json",
                   "--write-policy", policy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["simulated"] is True
    again = confide("verify", "--url", server.url, "--policy", policy)
    assert again.returncode == 0, again.stderr
    assert "SIMULATED" in again.stdout + again.stderr

    digest = re.search(r"[0-9a-f]{64}", json.loads(done.stdout)["claims"]["model_sha256"])[0]
    text = policy.read_text()
    assert digest in text
    policy.write_text(text.replace(digest, "0" * 64))
    failed(confide("chat", "--url", server.url, "--policy", policy, "--json", SECRET), "aci.model",
           "policy.models", "policy.model")


def test_simulated_evidence_needs_a_named_root(confide, server):
    done = confide("chat", "--url", server.url, "--json", SECRET)
    failed(done, "tdx.pck.chain")
    plain = confide("verify", "--url", server.url)
    assert plain.returncode == 1
    assert "--trust-root" in plain.stdout + plain.stderr, "the error says what would accept it"


def test_another_simulators_root_is_refused(confide, server, start_server):
    other = start_server()
    failed(confide("verify", "--url", server.url, "--trust-root", other.root, "--json"),
           "tdx.pck.chain")


def test_unreachable_and_bad_usage(confide, server, tmp_path):
    assert confide("verify", "--url", "https://127.0.0.1:1", "--trust-root",
                   server.root).returncode == 3
    assert confide("verify", "--url", "not a url").returncode == 2
    assert confide("chat", "--bogus").returncode == 2
    assert confide("verify", "report", tmp_path / "none", "--nonce", "a" * 64).returncode == 2
    (tmp_path / "root.pem").write_text("nonsense")
    assert confide("verify", "--url", server.url, "--trust-root",
                   tmp_path / "root.pem").returncode == 2


def one_document(process):
    """Exactly one JSON document on stdout, and a message for people."""
    document = json.loads(process.stdout)
    assert document["verdict"] == "fail" and document["error"]
    assert process.stderr.strip()
    return document


@pytest.mark.parametrize("arguments", [
    ["verify", "--json", "--url", "not a url"],
    ["verify", "--json", "--url", "https://127.0.0.1:1", "--policy", "/nonexistent"],
    ["verify", "--json", "--bogus"],
    ["chat", "--json", "--url", "https://127.0.0.1:1", "--trust-root", "/nonexistent", "hi"],
    ["verify", "report", "/nonexistent", "--nonce", "a" * 64, "--json"],
])
def test_unusable_input_as_json(confide, arguments):
    done = confide(*arguments)
    assert done.returncode == 2, done.stderr
    one_document(done)


@pytest.mark.parametrize("arguments", [
    ["verify", "--url", "https://127.0.0.1:1", "--policy", ""],
    ["verify", "--url", "https://127.0.0.1:1", "--trust-root", ""],
    ["verify", "report", "x", "--nonce", ""],
    ["verify", "receipt", "x", "--report", "x", "--request", ""],
    ["chat", "--url", "https://127.0.0.1:1", ""],
])
def test_an_empty_value_is_not_an_absent_option(confide, arguments):
    """A shell's unset variable must not drop a policy or a check."""
    done = confide(*arguments)
    assert done.returncode == 2 and "empty" in done.stderr, done.stderr


def test_questions_nobody_can_answer_are_not_sent(confide, server):
    url = ["chat", "--url", "https://127.0.0.1:1", "--trust-root", server.root]
    assert confide(*url, "--temperature", "nan", "hi").returncode == 2
    bad = subprocess.run([BIN / "confide", *map(str, url)], input=b"\xff\xfehello",
                         capture_output=True, timeout=100)
    assert bad.returncode == 2 and b"UTF-8" in bad.stderr


def test_saved_files_are_private_and_follow_no_link(chat, tmp_path):
    saved, outside = tmp_path / "saved", tmp_path / "outside"
    saved.mkdir(mode=0o755)
    outside.write_text("untouched")
    (saved / "request.json").symlink_to(outside)
    done = chat("--save", saved)
    assert done.returncode == 2 and "request.json" in done.stderr, done.stderr
    assert outside.read_text() == "untouched"
    (saved / "request.json").unlink()
    (saved / "receipt.json").write_text("old")
    (saved / "receipt.json").chmod(0o644)
    assert chat("--save", saved).returncode == 0
    for file in saved.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_a_closed_stdout_is_no_socket(confide, server):
    """What is printed must not go to whatever got the number of a closed stream."""
    command = [BIN / "confide", "chat", "--url", server.url, "--trust-root", server.root,
               "--max-tokens", "8", SECRET]
    for closed in ([1], [0, 1, 2]):
        done = subprocess.run(command, preexec_fn=lambda: [os.close(fd) for fd in closed],
                              timeout=100)
        assert done.returncode == 0, closed


def test_help_has_examples(confide):
    for command in ([], ["chat"], ["verify"], ["verify", "report"], ["verify", "receipt"],
                    ["proxy"], ["receipts"]):
        done = confide(*command, "--help")
        assert done.returncode == 0 and "confide " in done.stdout, command
        if command:
            assert "Example" in done.stdout, command


# What a man in the middle with his own TLS key tries. The prompt and the API key must not reach him.

def nothing_sensitive(middleman):
    assert b"my-secret-word" not in middleman.seen and b"sk-user-key" not in middleman.seen
    assert b"POST" not in middleman.seen, "no prompt may be sent before every check has passed"


def test_relay_with_another_tls_key(chat, server):
    with Middleman(server) as middleman:
        done = chat("--json", "--channel", "e2ee", url=middleman.url)
        failed(done, "aci.tls")
        nothing_sensitive(middleman)


def test_a_service_behind_a_load_balancer_is_good_for_sealed_requests_alone(confide, server):
    with Middleman(server) as middleman:
        verify = ["verify", "--url", middleman.url, "--trust-root", server.root, "--json"]
        failed(confide(*verify), "aci.tls")
        assert confide(*verify, "--sealed").returncode == 0


def test_relay_with_another_tls_key_sees_nothing_of_sealed_requests(confide, server):
    with Middleman(server) as middleman:
        done = confide("chat", "--url", middleman.url, "--trust-root", server.root, "--json",
                       "--max-tokens", "24", "--temperature", "0", SECRET,
                       env={"CONFIDE_API_KEY": "sk-user-key"})
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["channel"] == "ohttp" and "Paris" in document["answer"]
        assert {c["id"]: c["status"] for c in document["checks"]}["aci.tls"] == "skip"
        for secret in (b"my-secret-word", b"sk-user-key", b"Paris", b"/v1/chat", MODEL_NAME.encode()):
            assert secret not in middleman.seen


def test_relay_that_changes_sealed_answers(chat, server):
    def spoil(path, body):
        return body[:-1] + bytes([body[-1] ^ 1]) if len(body) > 100 and "ohttp" in path else body

    with Middleman(server, spoil) as middleman:
        done = chat("--json", url=middleman.url)
        assert done.returncode == 1, done.stdout
        assert json.loads(done.stdout)["answer"] == ""


def test_relay_that_takes_the_sealed_channel_away(chat, server):
    """What is attested is insisted on: there is no falling back."""
    def hide(path, body):
        return b"" if "ohttp" in path else body

    with Middleman(server, hide) as middleman:
        failed(chat("--json", url=middleman.url), "channel.key")
        nothing_sensitive(middleman)


def test_api_key_stays_until_verified(confide, server):
    with Middleman(server) as middleman:
        done = confide("chat", "--url", middleman.url, "--trust-root", server.root, "--json",
                       "--channel", "e2ee", SECRET, env={"CONFIDE_API_KEY": "sk-user-key"})
        failed(done, "aci.tls")
        assert b"sk-user-key" not in middleman.seen
    with_key = confide("chat", "--url", server.url, "--trust-root", server.root, "--json",
                       "--max-tokens", "4", SECRET, env={"CONFIDE_API_KEY": "sk-user-key"})
    assert with_key.returncode == 0, with_key.stderr


def test_replayed_report_of_another_nonce(chat, server):
    _, old = wire.report(server)

    def replay(path, body):
        return json.dumps(old).encode() if "attestation" in path else body

    with Middleman(server, replay) as middleman:
        failed(chat("--json", url=middleman.url), "aci.report_data")
        nothing_sensitive(middleman)


def test_another_servers_report(chat, server, start_server):
    other = start_server()

    def swap(path, body):
        return (wire.request(other, "GET", path).body if "attestation" in path else body)

    with Middleman(server, swap) as middleman:
        failed(chat("--json", url=middleman.url, root=other.root), "aci.keyset_header")
        nothing_sensitive(middleman)


@pytest.mark.parametrize("where, check", [
    ("quote.signed", "tdx.quote.signature"), ("quote.signature", "tdx.quote.signature"),
    ("quote.report_data", "tdx.quote.signature"), ("keyset", "aci.keyset_digest"),
    ("report_data", "aci.report_data"), ("event_log", "eventlog.digests"),
    ("app_compose", "aci.compose"), ("no quote", "aci.report"),
    ("no collateral", "tdx.collateral"), ("collateral", "tdx.tcb.info"),
])
def test_a_flipped_bit_anywhere_in_the_report(chat, server, where, check):
    def spoil(path, body):
        if "attestation" not in path:
            return body
        document = json.loads(body)
        attestation = document["attestation"]
        evidence = attestation["evidence"]

        def flip(holder, name, at):
            holder[name] = (holder[name][:at] + format(int(holder[name][at], 16) ^ 1, "x")
                            + holder[name][at + 1:])

        if where == "quote.signed":
            flip(evidence, "quote", 2 * 184)
        elif where == "quote.report_data":
            flip(evidence, "quote", 2 * 568)
        elif where == "quote.signature":
            flip(evidence, "quote", 2 * 640)
        elif where == "keyset":
            flip(attestation["workload_keyset"]["receipt_signing_keys"][0], "public_key", 3)
        elif where == "report_data":
            flip(attestation, "report_data", 0)
        elif where == "event_log":
            log = json.loads(evidence["event_log"])
            flip(log[-1], "event_payload", 0)
            evidence["event_log"] = json.dumps(log)
        elif where == "app_compose":
            evidence["app_compose"] += " "
        elif where == "no quote":
            del evidence["quote"]
        elif where == "no collateral":
            del evidence["collateral"]
        elif where == "collateral":
            flip(evidence["collateral"], "tcb_info_signature", 10)
        return json.dumps(document).encode()

    with Middleman(server, spoil) as middleman:
        failed(chat("--json", url=middleman.url), check, "aci.report", "eventlog.rtmr3")
        nothing_sensitive(middleman)


def test_saved_exchange_verifies_offline_and_any_change_is_refused(chat, confide, server, tmp_path):
    saved = tmp_path / "saved"
    done = chat("--save", saved)
    assert done.returncode == 0, done.stderr
    nonce = (saved / "nonce.txt").read_text().strip()
    client_nonce = (saved / "client-nonce.txt").read_text().strip()
    trust = ["--trust-root", server.root]

    def verify_report(*extra):
        return confide("verify", "report", saved / "report.json", "--nonce", nonce, *trust, "--json",
                       *extra)

    def verify_receipt():
        return confide("verify", "receipt", saved / "receipt.json", "--report",
                       saved / "report.json", "--nonce", nonce, "--request",
                       saved / "request.json", "--response", saved / "response.txt",
                       "--client-nonce", client_nonce, *trust, "--json")

    assert verify_report().returncode == 0, verify_report().stdout
    assert verify_receipt().returncode == 0, verify_receipt().stdout
    failed(confide("verify", "report", saved / "report.json", "--nonce", "0" * 64, *trust, "--json"),
           "aci.report_data")
    failed(verify_report("--at", "2200-01-01T00:00:00Z"), "aci.keyset_expiry")
    client_nonce, sent = "0" * 64, client_nonce
    failed(verify_receipt(), "receipt.nonce")
    client_nonce = sent
    for name, check in (("request.json", "receipt.request"), ("response.txt", "receipt.response"),
                        ("receipt.json", "receipt.signature")):
        good = (saved / name).read_bytes()
        at = good.index(b"served_at") + 12 if name == "receipt.json" else len(good) // 2
        (saved / name).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        failed(verify_receipt(), check)
        (saved / name).write_bytes(good)
