"""A thousand streams at once, and readers who are slow: what one connection costs, and whether it
costs others. `./test --lane load`."""
import asyncio
import json
import re
import socket
import ssl
import time

import pytest

pytestmark = pytest.mark.load
STREAMS = 1000
SLOW = 50
TOKENS = 60
PER_SECOND = 3  # so that 3,000 chunks a second leave, each sealed by TLS
TOKEN_BYTES = 4096  # more than the kernel keeps for a reader who does not read
KIB_PER_STREAM = 256
REST = 20  # seconds that a slow reader does not read
BODY = json.dumps({"model": "stub", "stream": True, "max_tokens": TOKENS,
                   "messages": [{"role": "user", "content": "hello"}]}).encode()
REQUEST = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
           b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)) + BODY


def resident_kib(process):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{process.pid}/status").read())[1])


@pytest.fixture
def stub(start_stub):
    return start_stub("--streams", STREAMS, "--queue", STREAMS, "--connections", STREAMS + 100,
                      "--answer-tokens", TOKENS, "--token-bytes", TOKEN_BYTES,
                      "--tokens-per-second", PER_SECOND)


async def one_stream(server, context, limit, rest=0):
    """Status, seconds to the head and to the end, and whether the answer is whole."""
    async with limit:  # handshakes of a few at a time: they are not what is measured
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096 if rest else 65536)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", server.port))
        reader, writer = await asyncio.open_connection(sock=plain, ssl=context,
                                                       server_hostname="127.0.0.1", limit=4096)
    start = time.monotonic()
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    first = time.monotonic() - start
    if rest:
        writer.transport.pause_reading()
        await asyncio.sleep(rest)
        writer.transport.resume_reading()
    rest_of_it = await reader.read(-1)
    writer.close()
    whole = b"data: [DONE]\n\n" in rest_of_it and rest_of_it.endswith(b"\r\n0\r\n\r\n")
    return status, first, time.monotonic() - start, whole


async def all_streams(server, slow, count=STREAMS):
    context = ssl.create_default_context(cafile=str(server.certificate))
    limit = asyncio.Semaphore(20)
    peak = resident_kib(server.process)
    tasks = [asyncio.create_task(one_stream(server, context, limit, REST if i < slow else 0))
             for i in range(count)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0.25)
        peak = max(peak, resident_kib(server.process))
    return peak, [task.result() for task in tasks]


def shown(name, values):
    values = sorted(values)
    return f"{name}: median {values[len(values) // 2]:.1f} s, longest {values[-1]:.1f} s"


@pytest.mark.timeout(600)
def test_a_thousand_streams_and_slow_readers(stub):
    before = resident_kib(stub.process)
    peak, results = asyncio.run(all_streams(stub, SLOW))
    per_stream = (peak - before) / STREAMS
    quick = [end for status, _, end, _ in results[SLOW:] if status == 200]
    lagging = [end for status, _, end, _ in results[:SLOW] if status == 200]
    print(f"\n{STREAMS} streams: {per_stream:.1f} KiB each; {shown('quick', quick)}; "
          f"{shown('slow', lagging)}; {sum(r[0] == 429 for r in results)} refused")
    assert all(whole if status == 200 else status == 429 for status, _, _, whole in results)
    assert len(quick) + len(lagging) >= STREAMS * 0.9
    assert per_stream < KIB_PER_STREAM
    assert stub.process.poll() is None
    # Nobody waits for those who do not read; twice over, for a machine with other work.
    assert max(quick) < 2 * TOKENS / PER_SECOND + 30
    # All is given back: the server is as it was, and serves.
    _, again = asyncio.run(all_streams(stub, slow=0, count=10))
    assert all(status == 200 and whole for status, _, _, whole in again)
    assert stub.stop() == 0

