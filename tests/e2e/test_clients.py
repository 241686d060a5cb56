"""Clients that people already use, unchanged, through `confide proxy`: each from its package, in a process of
its own (tests/e2e/clients)."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import MODEL_NAME, ROOT

CLIENTS = pathlib.Path(__file__).parent / "clients"
INSTALLED = ROOT / "build/clients"
pytestmark = pytest.mark.packages
PROMPT = "What is the capital of France? my-secret-word"


def run(proxy, interpreter, script):
    """What it printed: an answer and a call of a tool, each whole and streamed, and an answer to the call's result.
    It leaves a verified receipt for each."""
    before = proxy.status()["receipts"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"),
                   "LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # else it asks the network for prices
    done = subprocess.run(
        [INSTALLED / interpreter, script, f"http://127.0.0.1:{proxy.port}/v1", MODEL_NAME, PROMPT],
        capture_output=True, text=True, timeout=200, env=environment)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])  # some say more than they are asked
    assert "Paris" in seen["whole"] and seen["streamed"] == seen["whole"]
    after = proxy.status()["receipts"]
    assert after["failed"] == 0 and after["verified"] >= before["verified"] + 5
    calls = seen["tools"]["whole"]
    assert calls and seen["tools"]["streamed"] == calls
    assert all(name == "get_weather" and isinstance(given["city"], str) for name, given in calls)
    assert seen["tools"]["answered"]
    return seen


def test_openai_for_node(proxy):
    # It finds its package beside itself.
    script = shutil.copy(CLIENTS / "openai_chat.mjs", INSTALLED / "node")
    seen = run(proxy, "python/bin/node", script)
    assert seen["models"] == [MODEL_NAME]
    assert seen["refused"] == {"kind": "NotFoundError", "status": 404, "code": "model_not_found"}


def test_litellm(proxy):
    seen = run(proxy, "python/bin/python", CLIENTS / "litellm_chat.py")
    assert seen["refused"] == {"kind": "NotFoundError", "status": 404}


def test_pydantic_ai(proxy):
    seen = run(proxy, "python/bin/python", CLIENTS / "agent_chat.py")
    assert seen["again"], "a conversation goes on"
    assert seen["refused"] == {"kind": "ModelHTTPError", "status": 404}
