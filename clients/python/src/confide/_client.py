"""Attesting a service, and requests to it through the sealed channel."""
from __future__ import annotations

import contextlib
import ctypes
import enum
import functools
import json
import os
import select
import threading
import time
import urllib.parse
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

from confide import _library
from confide._errors import ConfideError, failure
from confide._findings import Proof, Service
from confide._policy import File, Policy, certificates, policy_text


class Options(TypedDict, total=False):
    """What may be said besides the URL and the policy; the names are the command line's."""

    #: Root certificates to accept besides the policy's, such as a simulated TEE's: files in PEM,
    #: or their content.
    trust_roots: Iterable[File | bytes]
    #: Further policies, each of which must be met as well.
    require: Iterable[File | Policy]
    #: File or folder with Intel's collateral, for a service that staples none.
    collateral: File
    #: Get collateral that is missing from the vendors' services.
    fetch: bool
    #: Folder that keeps what was fetched.
    cache: File
    #: How sizes are hidden.
    padding: Literal["none", "bucketed", "constant"]


def origin_of(url: str) -> tuple[str, str | None, int]:
    """Where a URL leads: scheme, host and port."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or 443


def _document(url: str, policy: File | Policy | None, options: Options,
              **more: object) -> bytes:
    if not isinstance(url, str):
        raise TypeError("url is a string, such as https://ai.example.com")
    if unknown := options.keys() - Options.__annotations__.keys():
        raise TypeError(f"there is no option {min(unknown)!r}")
    parts = urllib.parse.urlsplit(url)
    document: dict[str, object] = {"url": f"{parts.scheme}://{parts.netloc}", **more}
    if policy is not None:
        document["policy"] = policy_text(policy)
    for name, value in options.items():
        if name in ("fetch", "padding"):
            document[name] = value
    if "collateral" in options:
        document["collateral"] = os.fspath(options["collateral"])
    if "cache" in options:
        document["cache"] = os.fspath(options["cache"])
    roots = certificates(options.get("trust_roots", ()))
    document["trust_roots"] = [root.decode("latin-1") for root in roots]
    document["require"] = [policy_text(one) for one in options.get("require", ())]
    return json.dumps(document).encode()


def verify(url: str, policy: File | Policy | None = None, *, sealed: bool = False,
           **options: Unpack[Options]) -> Service:
    """Attests a live service with a fresh nonce.

    ``policy`` is a policy file or a `Policy`; without one the strict default holds. Unless
    ``sealed`` is true, the connection itself must end at an attested key, for others rely on this
    for connections of their own; with it, it is judged as for a `Client`.

    Raises `VerificationError` with the failed check's id, and `ServiceUnavailable`.
    """
    document = ctypes.c_void_p()
    wanted = _document(url, policy, options, sealed=bool(sealed))
    passed = _library.client().confide_service_verify(_library.borrow(wanted),
                                                      ctypes.byref(document))
    found = _library.take_document(document.value)
    if not passed:
        raise failure(found)
    return Service.from_document(found)


_LONGEST_POLL = 1e9  # milliseconds; poll() counts in 31 bits


class _Held:
    """An object of the library's, until it is freed.

    It is freed with the Python object that `owner` is, by this process alone. Of garbage that goes
    together it may be freed first, so whoever uses it asks whether it still is.
    """

    def __init__(self, owner: object, handle: int, free: Callable[[int], None]) -> None:
        self.handle: int | None = handle
        self._free, self._process = free, os.getpid()
        # At exit other threads may still be in the library, and the system takes all back anyway.
        weakref.finalize(owner, self.free).atexit = False

    def take(self) -> Callable[[], None]:
        """What frees it. From here on it is gone for everybody else."""
        handle, self.handle = self.handle, None
        if handle is None or os.getpid() != self._process:
            return lambda: None
        return functools.partial(self._free, handle)

    def free(self) -> None:
        self.take()()


class Channel:
    """Opens a sealed channel when it is first needed, and again in a forked child. Thread-safe."""

    def __init__(self, url: str, policy: File | Policy | None, options: Options) -> None:
        self.origin = origin_of(url)
        self._options = _document(url, policy, options)
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._closed = False
        _channels.add(self)

    @property
    def is_open(self) -> bool:
        return self._held is not None

    def open(self) -> None:
        with self._lock:
            self._opened()

    def service(self) -> Service:
        with self._lock:
            pointer = _library.client().confide_channel_service(self._opened())
        return Service.from_document(_library.take_document(pointer))

    def start(self, method: str, path: str, fields: Iterable[tuple[bytes, bytes]],
              content: bytes) -> Answer:
        head = json.dumps({"method": method, "path": path, "fields": [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in fields]}).encode()
        with self._lock:
            handle = _library.client().confide_exchange_start(
                self._opened(), _library.borrow(head), _library.borrow(content))
        if not handle:
            raise MemoryError
        return Answer(handle)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            free = self._held.take() if self._held is not None else None
        if free is not None:
            free()  # waits for what is under way; nobody else has to

    def forget(self) -> None:
        """In a forked child: the channel is its parent's."""
        self._lock = threading.Lock()
        self._held = None

    def _opened(self) -> int:
        if self._held is None and not self._closed:
            error = ctypes.c_void_p()
            handle: int | None = _library.client().confide_channel_open(
                _library.borrow(self._options), ctypes.byref(error))
            if handle is None:
                raise failure(_library.take_document(error.value))
            self._held = _Held(self, handle, _library.client().confide_channel_free)
        if self._held is None or self._held.handle is None:
            raise ConfideError("the client is closed")
        return self._held.handle


_channels: weakref.WeakSet[Channel] = weakref.WeakSet()


def _forget_all() -> None:
    for channel in list(_channels):
        channel.forget()


os.register_at_fork(after_in_child=_forget_all)


class _Event(enum.IntEnum):
    """``confide_event``"""

    NONE = 0
    HEAD = 1
    CONTENT = 2
    PROOF = 3
    END = 4
    FAILED = 5


class Step(enum.Enum):
    """What `Answer.advance` came to."""

    WAIT = enum.auto()
    HEAD = enum.auto()
    CONTENT = enum.auto()
    END = enum.auto()


class Answer:
    """An answer through the sealed channel, as far as it has come.

    Iterating gives its content: of a stream as it arrives, its end and all else once the receipt
    has verified. Not thread-safe but for `cancel`.
    """

    status: int = 0
    headers: list[tuple[bytes, bytes]]
    #: The verified receipt; None until it has, and for what needs none: all but a POST that was
    #: answered 2xx.
    proof: Proof | None = None
    #: The latest piece of content.
    piece: bytes = b""

    def __init__(self, handle: int) -> None:
        self.headers = []
        self._lock = threading.Lock()
        # It lives as long as anyone can reach this object: no thread uses it when it is freed.
        self._held = _Held(self, handle, _library.client().confide_exchange_free)

    def fileno(self) -> int:
        """Readable when `advance` would not say WAIT."""
        descriptor: int = _library.client().confide_exchange_descriptor(self._held.handle)
        return descriptor

    def advance(self) -> Step:
        """Takes what has come, without waiting. Raises what went wrong."""
        while True:
            with self._lock:  # what the library shows is its own until it is asked again
                bytes_ = _library.Bytes()
                event = _Event(_library.client().confide_exchange_next(self._held.handle,
                                                                       ctypes.byref(bytes_)))
                data = _library.copied(bytes_)
            if event is _Event.NONE:
                return Step.WAIT
            if event is _Event.END:
                return Step.END
            if event is _Event.FAILED:
                raise failure(json.loads(data))
            if event is _Event.CONTENT:
                self.piece = data
                return Step.CONTENT
            if event is _Event.HEAD:
                head = json.loads(data)
                self.status = head["status"]
                self.headers = [(name.encode("latin-1"), value.encode("latin-1"))
                                for name, value in head["fields"]]
                return Step.HEAD
            self.proof = Proof.from_document(json.loads(data))

    def wait(self, timeout: float | None = None) -> Step:
        """The same, waiting ``timeout`` seconds at most. Raises `TimeoutError`."""
        until = None if timeout is None else time.monotonic() + timeout
        while (step := self.advance()) is Step.WAIT:
            left = _LONGEST_POLL if until is None else (until - time.monotonic()) * 1000
            if left <= 0:
                raise TimeoutError("nothing came in time")
            poll = select.poll()
            poll.register(self.fileno(), select.POLLIN)
            poll.poll(min(left, _LONGEST_POLL))
        return step

    def cancel(self) -> None:
        """Ends it, from any thread. What was not taken is gone."""
        _library.client().confide_exchange_cancel(self._held.handle)

    def __iter__(self) -> Iterator[bytes]:
        while self.wait() is not Step.END:
            yield self.piece

    def read(self) -> bytes:
        """All of the content that is left."""
        return b"".join(self)


class Client:
    """A verified service and a sealed channel to it. Thread-safe.

    Attests when it is made, and again by itself when the service's keys expire or change. Raises
    `VerificationError`, `ChannelError` if the service offers no sealed channel, and
    `ServiceUnavailable`.
    """

    def __init__(self, url: str, policy: File | Policy | None = None,
                 **options: Unpack[Options]) -> None:
        self._channel = Channel(url, policy, options)
        self._channel.open()

    @property
    def service(self) -> Service:
        """The service as it was attested last."""
        return self._channel.service()

    def request(self, method: str, path: str, *, headers: Mapping[str, str] = {},
                content: bytes = b"") -> Answer:
        """Sends a request sealed, and waits for the head of its answer."""
        fields = [(name.encode("latin-1"), value.encode("latin-1"))
                  for name, value in headers.items()]
        answer = self._channel.start(method, path, fields, content)
        with cancelled_on_error(answer):
            answer.wait()
        return answer

    def close(self) -> None:
        """Cancels what is under way."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()


@contextlib.contextmanager
def cancelled_on_error(answer: Answer) -> Iterator[None]:
    """Whoever is interrupted while waiting leaves nothing running."""
    try:
        yield
    except BaseException:
        answer.cancel()
        raise
