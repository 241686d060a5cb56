"""One server, several models."""
import json

import pytest

import wire
from conftest import MODEL

pytestmark = pytest.mark.server


@pytest.fixture
def pair(start_server):
    return start_server("--model", f"second={MODEL}", "--slots", "2",
                        model=f"first={MODEL}")


def test_each_model_answers_to_its_name(pair):
    listed = [one["id"] for one in wire.request(pair, "GET", "/v1/models").json()["data"]]
    assert listed == ["first", "second"]
    for name in listed:
        answer = wire.post(pair, {
            "model": name, "max_tokens": 4, "messages": [{"role": "user", "content": "Hi"}]})
        assert answer.status == 200, answer.body
        assert answer.json()["model"] == name
    missing = wire.post(pair, {
        "model": "third", "messages": [{"role": "user", "content": "Hi"}]})
    assert missing.status == 404


def test_every_model_is_measured(pair, confide):
    done = confide("chat", "--url", pair.url, "--trust-root", pair.root, "--model", "second",
                   "--max-tokens", "4", "--json", "Hi")
    assert done.returncode == 0, done.stdout
    claims = json.loads(done.stdout)["claims"]
    digest = wire.sha256(MODEL.read_bytes()).removeprefix("sha256:")
    assert claims["models_sha256"] == [digest, digest]


def test_two_models_of_one_name_are_refused(start_server):
    refused = start_server("--model", MODEL, wait=False)
    assert refused.process.wait(timeout=60) == 2
