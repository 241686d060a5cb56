"""The server built with CONFIDE_VULKAN, on Debian's software driver. `./test --lane vulkan`."""
import pytest

import wire
from conftest import CAPITAL

pytestmark = [pytest.mark.vulkan, pytest.mark.timeout(600)]


def test_answers_are_computed_by_vulkan(server):
    """And the receipt says so."""
    assert "on llvmpipe" in server.logged()
    answer = wire.post(server, {"model": "any", "messages": CAPITAL, "max_tokens": 8,
                                "temperature": 0})
    assert answer.status == 200, answer.body
    assert "Paris" in answer.json()["choices"][0]["message"]["content"]
    receipt = wire.request(server, "GET", f"/v1/aci/receipts/{answer.headers['X-Receipt-Id']}")
    ran = next(event for event in receipt.json()["event_log"]
               if event["type"] == "confide.execution")
    assert "llvmpipe" in ran["engine"] and "(Vulkan0)" in ran["engine"]


def test_a_sealed_question_is_answered(server, confide):
    question = ["chat", "--url", server.url, "--trust-root", server.root, "--temperature", "0",
                "--max-tokens", "8", CAPITAL[0]["content"]]
    done = confide(*question)
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
