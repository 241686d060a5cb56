"""The Python client when things go wrong: attacks, services that are down, users who leave early, many
of them at once, and nonsense for arguments."""
import asyncio
import concurrent.futures
import os
import signal
import threading

import httpx2
import openai
import pytest

from conftest import MODEL_NAME
from middleman import Middleman
from python_client import ask, installed, make, make_async, package, run_script, text, told
from test_man_in_the_middle import API_KEY, ATTACKS, FALSE, Attacker, error, genuine, known
from test_proxy import text_of

__all__ = ["genuine", "installed", "known", "make", "package"]  # fixtures
pytestmark = pytest.mark.packages
REPORT = "/v1/aci/attestation"


# What fails.

def test_what_is_not_verified_gets_nothing_and_is_not_asked_again(make, package, server):
    with Middleman(server) as middleman:
        with pytest.raises(package.VerificationError) as refused:
            ask(make(middleman.url, trust_roots=[], max_retries=4))
        assert refused.value.check == "tdx.pck.chain"
        assert middleman.seen.count(b"GET " + REPORT.encode()) == 1
        assert b"my-secret-word" not in middleman.seen and API_KEY.encode() not in middleman.seen


@pytest.mark.parametrize("status", [404, 429, 503])
def test_a_missing_receipt_withholds_the_answer_and_nothing_is_asked_twice(make, package, server,
                                                                           status):
    def act(method, path, body, pass_on):
        nonlocal sealed
        sealed += method == "POST"
        return error(status, "not_now") if method == "POST" and sealed == 2 else pass_on()

    with Middleman(server, act=act) as middleman:
        for streamed in (False, True):
            sealed, shown = 0, ""
            with pytest.raises(package.ReceiptError) as refused:
                got = ask(make(middleman.url, max_retries=4), stream=streamed)
                for chunk in got:
                    shown += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            assert refused.value.check == "receipt.fetch" and sealed == 2
            assert ("Paris" in shown) == streamed, "a stream's end alone is withheld"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_man_in_the_middle(make, package, server, known, genuine, attack):
    with Attacker(server, attack, known, armed=False) as attacker:
        client = make(attacker.url)
        assert client.models.list().data
        attacker.armed = True
        for streamed in (False, True):
            whole, shown = False, ""
            try:
                got = ask(client, stream=streamed)
                for chunk in got if streamed else ():
                    shown += (chunk.choices[0].delta.content or "") if chunk.choices else ""
                shown, whole = shown or text(got), True
            except (package.ConfideError, openai.APIConnectionError) as refused:
                for word in (FALSE, "my-secret-word", API_KEY, "Paris"):
                    assert word not in told(refused)
                cause = refused
                while not isinstance(cause, package.ConfideError):
                    cause = cause.__cause__
                assert cause.check and cause.check in told(refused)
            assert shown == genuine if whole else genuine.startswith(shown)
        if attacker.attacks:
            attacker.check()


@pytest.mark.parametrize("attack", ["report with his sealing key", "answer in clear", "broken, he says",
                                    "cut before the final chunk"])
def test_a_man_in_the_middle_of_tasks(package, server, known, genuine, attack):
    async def exchange(client, streamed):
        shown = ""
        try:
            got = await ask(client, stream=streamed)
            if not streamed:
                return True, text(got)
            async for chunk in got:
                shown += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            return True, shown
        except (package.ConfideError, openai.APIConnectionError) as refused:
            assert FALSE not in told(refused)
            return False, shown

    async def converse(attacker):
        async with make_async(package, server, attacker.url) as client:
            return [await exchange(client, streamed) for streamed in (False, True)]

    with Attacker(server, attack, known) as attacker:
        for whole, shown in asyncio.run(converse(attacker)):
            assert shown == genuine if whole else genuine.startswith(shown)
        attacker.check()


def test_a_service_that_is_down_says_so_and_is_tried_again(make, package, start_server, genuine):
    first = start_server(name="down")
    port, root = first.port, first.root
    client = make(first.url, trust_roots=[root])
    assert text(ask(client)) == genuine
    first.stop()
    with pytest.raises(openai.APIConnectionError) as refused:
        ask(client)
    assert isinstance(refused.value.__cause__, httpx2.ReadError)
    assert isinstance(refused.value.__cause__.__cause__, package.ServiceUnavailable)
    assert "channel.sent" in str(refused.value.__cause__)
    with pytest.raises(package.ServiceUnavailable):
        package.verify(first.url, trust_roots=[root])
    with pytest.raises(openai.APIConnectionError):
        ask(make(first.url, trust_roots=[root]))
    start_server(name="down", listen=f"127.0.0.1:{port}")
    assert text(ask(client)) == genuine


# Leaving early, and many at once.

def test_leaving_a_stream_leaves_the_client_usable(make, genuine):
    client = make()
    for _ in range(3):
        with ask(client, stream=True, max_tokens=500) as stream:
            next(iter(stream))
        assert text(ask(client)) == genuine
    abandoned = ask(client, stream=True, max_tokens=500)
    del abandoned
    assert text(ask(client)) == genuine


def test_a_cancelled_task_leaves_the_client_usable(package, server, genuine):
    async def first_chunk_then_wait(client, came):
        async for _ in await ask(client, stream=True, max_tokens=500):
            came.set()

    async def converse():
        async with make_async(package, server) as client:
            came = asyncio.Event()
            task = asyncio.create_task(first_chunk_then_wait(client, came))
            await came.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await ask(client, max_tokens=500)
            assert text(await ask(client)) == genuine

    asyncio.run(converse())


def test_an_interrupt_is_heard_while_nothing_comes(make, server):
    go = threading.Event()

    def act(method, path, body, pass_on):
        if method == "POST":
            os.kill(os.getpid(), signal.SIGINT)
            go.wait(60)
        return pass_on()

    # Whoever starts this in the background has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Middleman(server, act=act) as middleman:
        try:
            with pytest.raises(KeyboardInterrupt):
                ask(make(middleman.url))
        finally:
            go.set()
            signal.signal(signal.SIGINT, before)


def test_many_threads_share_a_client(make, genuine):
    client = make()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def answered(i):
            return text_of(ask(client, stream=True)) if i % 2 else text(ask(client))

        assert list(pool.map(answered, range(8))) == [genuine] * 8


def test_many_tasks_share_a_client(package, server, genuine):
    async def answered(client, i):
        if i % 2:
            stream = await ask(client, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
        return text(await ask(client))

    async def converse():
        async with make_async(package, server) as client:
            return await asyncio.gather(*(answered(client, i) for i in range(8)))

    assert asyncio.run(converse()) == [genuine] * 8


def test_a_forked_process_opens_a_channel_of_its_own(installed, server):
    done = run_script(installed, """
import os, sys
import confide
client = confide.Client(sys.argv[1], trust_roots=[sys.argv[2]])
under_way = client.request("GET", "/v1/models")
child = os.fork()
assert client.request("GET", "/v1/models").status == 200
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""", server.url, server.root)
    assert done.returncode == 0, done.stderr


def test_a_program_may_end_while_an_answer_comes(installed, server):
    done = run_script(installed, """
import sys
from confide.openai import OpenAI
client = OpenAI(base_url=sys.argv[1] + "/v1", trust_roots=[sys.argv[2]], api_key="any")
stream = client.chat.completions.create(model=sys.argv[3], stream=True, max_tokens=500,
                                        messages=[{"role": "user", "content": "Count to 1000."}])
next(iter(stream))
print("ends", flush=True)
""", server.url, server.root, MODEL_NAME)
    assert done.returncode == 0 and done.stdout == "ends\n", done.stderr


def test_a_program_may_end_while_threads_wait_for_answers(installed, server):
    done = run_script(installed, """
import sys, threading
import confide
client = confide.Client(sys.argv[1], trust_roots=[sys.argv[2]])
answers = [client.request("GET", "/v1/models") for _ in range(2)]
started = threading.Barrier(3)
def spin(answer):
    started.wait()
    while True:
        answer.advance()
for answer in answers:
    threading.Thread(target=spin, args=(answer,), daemon=True).start()
started.wait()
print("ends", flush=True)
""", server.url, server.root)
    assert done.returncode == 0 and done.stdout == "ends\n" and not done.stderr, done.stderr


def test_garbage_may_be_freed_in_any_order(installed, server):
    done = run_script(installed, """
import gc, sys
from confide.openai import OpenAI
client = OpenAI(base_url=sys.argv[1] + "/v1", trust_roots=[sys.argv[2]], api_key="any")
for _ in range(3):
    stream = client.chat.completions.create(model=sys.argv[3], stream=True, max_tokens=500,
                                            messages=[{"role": "user", "content": "Count."}])
    pieces = iter(stream)
    next(pieces)
    stream.circle = [stream, pieces, stream.response.extensions["confide"]]
    del stream, pieces
    gc.collect()
print(client.models.list().data[0].id)
""", server.url, server.root, MODEL_NAME)
    assert done.returncode == 0 and done.stdout.strip() == MODEL_NAME, done.stderr


def test_no_argument_crashes_the_process(installed, server):
    done = run_script(installed, """
import sys
import confide
url, root = sys.argv[1:]
odd = [None, 7, 1.5, b"", b"\\0\\xff", "", "\\0", "\\ud800", "x" * 1_000_000, "\\u20ac", [], {}, [None],
       object(), True, float("nan"), confide.Policy("\\0"), confide.Policy(None)]
allowed = (confide.ConfideError, TypeError, ValueError, AttributeError, OSError)
tried = 0
def attempt(function, *arguments, **options):
    global tried
    tried += 1
    try:
        function(*arguments, **options)
    except allowed:
        pass
client = confide.Client(url, trust_roots=[root])
for one in odd:
    attempt(confide.verify, one)
    attempt(confide.verify, "https://" + str(one))
    for name in ("policy", "trust_roots", "require", "collateral", "cache", "padding", "nonsense"):
        attempt(confide.Client, "https://127.0.0.1:1", **{name: one})
    attempt(confide.Client, "https://127.0.0.1:1", trust_roots=[one])
    attempt(client.request, one, "/")
    attempt(client.request, "GET", one)
    attempt(client.request, "GET", "/", headers=one)
    attempt(client.request, "GET", "/", headers={"a": one})
    attempt(client.request, "POST", "/v1/chat/completions", content=one)
    for judge in (confide.verify_quote, lambda x: confide.verify_event_log(x, x),
                  lambda x: confide.verify_quote(b"", collateral=x),
                  lambda x: confide.verify_quote(b"", at=x),
                  lambda x: confide.verify_snp(x, leaf=x, ica=x),
                  lambda x: confide.verify_gpus(x, x),
                  lambda x: confide.verify_gpus([confide.Gpu(x, x)], bytes(32), ocsp=[x])):
        attempt(judge, one)
assert client.request("GET", "/v1/models").status == 200
print(tried)
""", server.url, server.root)
    assert done.returncode == 0 and int(done.stdout) > 300, done.stderr
