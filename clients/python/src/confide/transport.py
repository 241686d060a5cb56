"""The sealed channel as a transport of httpx2, which the official ``openai`` client is built on."""
from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Unpack

import anyio
import anyio.to_thread
import httpx2

from confide._client import Answer, Channel, Options, Step, cancelled_on_error, origin_of
from confide._errors import ConfideError, ServiceUnavailable
from confide._findings import Service
from confide._policy import File, Policy


def _target(channel: Channel, request: httpx2.Request) -> str:
    # What was verified is this service, and what the user wrote is for it alone.
    if origin_of(str(request.url)) != channel.origin:
        raise ConfideError("the request is for another service than the verified one", "policy")
    return request.url.raw_path.decode("latin-1")


def _timeout(request: httpx2.Request) -> float | None:
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    return timeouts.get("read")


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Of our own exceptions only what may pass by itself becomes httpx2's, which clients retry. What
    did not verify stays what it is: asking again would be asking to be served by it. A ConnectError
    would say that nothing was sent, which is not known."""
    try:
        yield
    except ServiceUnavailable as error:
        raise httpx2.ReadError(str(error)) from error
    except TimeoutError as error:
        raise httpx2.ReadTimeout("nothing came in time") from error


def _response(answer: Answer, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream,
              ) -> httpx2.Response:
    return httpx2.Response(answer.status, headers=answer.headers, stream=stream,
                           extensions={"http_version": b"HTTP/1.1", "confide": answer})


class _Stream(httpx2.SyncByteStream):
    def __init__(self, answer: Answer, timeout: float | None) -> None:
        self._answer, self._timeout = answer, timeout

    def __iter__(self) -> Iterator[bytes]:
        with _failures(), cancelled_on_error(self._answer):
            while self._answer.wait(self._timeout) is not Step.END:
                yield self._answer.piece

    def close(self) -> None:
        self._answer.cancel()


class Transport(httpx2.BaseTransport):
    """Sends every request of an `httpx2.Client` sealed to an attested service.

    Attests at the first request. The response's ``extensions["confide"]`` is the `Answer`, whose
    ``proof`` is the verified receipt. Failures are raised as `VerificationError`, `ReceiptError`
    and `ChannelError`; what may pass by itself as `httpx2.ReadError` from a `ServiceUnavailable`. Takes what `Client` takes. Thread-safe.
    """

    def __init__(self, url: str, policy: File | Policy | None = None,
                 **options: Unpack[Options]) -> None:
        self._channel = Channel(url, policy, options)

    @property
    def service(self) -> Service:
        """The service as it was attested last; attests it if it has not been yet."""
        return self._channel.service()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        timeout = _timeout(request)
        path = _target(self._channel, request)
        content = request.read()
        with _failures():
            answer = self._channel.start(request.method, path, request.headers.raw, content)
            with cancelled_on_error(answer):
                answer.wait(timeout)
        return _response(answer, _Stream(answer, timeout))

    def close(self) -> None:
        self._channel.close()


async def _wait(answer: Answer, timeout: float | None) -> Step:
    with anyio.fail_after(timeout):
        while (step := answer.advance()) is Step.WAIT:
            await anyio.wait_readable(answer)
    return step


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, answer: Answer, timeout: float | None) -> None:
        self._answer, self._timeout = answer, timeout

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _failures(), cancelled_on_error(self._answer):
            while await _wait(self._answer, self._timeout) is not Step.END:
                yield self._answer.piece

    async def aclose(self) -> None:
        self._answer.cancel()


class AsyncTransport(httpx2.AsyncBaseTransport):
    """The same for an `httpx2.AsyncClient`. Nothing blocks the event loop, and no request holds a
    thread of Python's; a task that is cancelled ends its request."""

    def __init__(self, url: str, policy: File | Policy | None = None,
                 **options: Unpack[Options]) -> None:
        self._channel = Channel(url, policy, options)

    async def service(self) -> Service:
        """The service as it was attested last; attests it if it has not been yet."""
        return await anyio.to_thread.run_sync(self._channel.service)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        timeout = _timeout(request)
        path = _target(self._channel, request)
        content = await request.aread()
        with _failures():
            if not self._channel.is_open:
                await anyio.to_thread.run_sync(self._channel.open, abandon_on_cancel=True)
            answer = self._channel.start(request.method, path, request.headers.raw, content)
            with cancelled_on_error(answer):
                await _wait(answer, timeout)
        return _response(answer, _AsyncStream(answer, timeout))

    async def aclose(self) -> None:
        await anyio.to_thread.run_sync(self._channel.close)
