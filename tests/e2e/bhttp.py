"""Binary HTTP and its padding, from docs/protocols/ohttp.md alone: O8 to O11, O16 to O19."""
from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Generator
from typing import TypeVar

CONTROL_LIMIT, SECTION_LIMIT, FIELD_LIMIT, INTERIM_LIMIT = 8 << 10, 64 << 10, 128, 16
CONTENT_LIMIT = 64 << 20

Fields = list[tuple[str, str]]
T = TypeVar("T")
Steps = Generator[None, None, T]


class ChannelError(Exception):
    """What came is not believed."""


class Truncated(ChannelError):
    """What came is genuine as far as it goes, and ends too early."""


# Bytes that come in pieces.

class Stage:
    """Takes bytes in any pieces and gives what they come to. `run` yields where it needs more."""

    def __init__(self) -> None:
        self._pending, self._out = bytearray(), bytearray()
        self._taken, self._ended = 0, False
        self._steps: Steps[None] | None = self.run()

    def run(self) -> Steps[None]:
        raise NotImplementedError

    def feed(self, piece: bytes, end: bool = False) -> bytes:
        steps, self._steps = self._steps, None  # gone for good if it raises
        if steps is None:
            raise ChannelError("nothing is opened after a failure")
        self._pending += piece
        self._ended = end
        next(steps, None)
        self._steps = steps
        out, self._out = bytes(self._out), bytearray()
        return out

    def at_end(self) -> Steps[bool]:
        while not self._pending and not self._ended:
            yield
        return not self._pending

    def take(self, count: int) -> Steps[bytes]:
        while len(self._pending) < count:
            if self._ended:
                raise Truncated("ends too early")
            yield
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        self._taken += count
        return taken

    def rest(self, limit: int) -> Steps[bytes]:
        while not self._ended and len(self._pending) <= limit:
            yield
        if len(self._pending) > limit:
            raise ChannelError("too long")
        return (yield from self.take(len(self._pending)))

    def varint(self) -> Steps[int]:
        first = (yield from self.take(1))[0]
        more = yield from self.take((1 << (first >> 6)) - 1)
        return int.from_bytes(bytes([first & 0x3f]) + more, "big")

    def string(self, limit: int) -> Steps[bytes]:
        size = yield from self.varint()
        if size > limit:
            raise ChannelError("too long")
        return (yield from self.take(size))


def varint(number: int) -> bytes:
    for power in range(4):
        if number < 1 << (8 << power) - 2:
            return (number | power << (8 << power) - 2).to_bytes(1 << power, "big")
    raise ValueError(number)


def string(value: str | bytes) -> bytes:
    value = value if isinstance(value, bytes) else value.encode("latin-1")
    return varint(len(value)) + value


# Binary HTTP, O8 to O11.

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
VALUE = re.compile(rb"(?![ \t])[^\x00-\x08\x0a-\x1f\x7f]*(?<![ \t])")
TARGET = re.compile(rb"[^\x00-\x20\x7f#]*")
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


@dataclasses.dataclass
class Request:
    method: str
    path: str
    fields: Fields = dataclasses.field(default_factory=list)
    content: bytes = b""
    scheme: str = "https"
    authority: str = ""

    def encode(self, known: bool = True) -> bytes:
        control = b"".join(map(string, (self.method, self.scheme, self.authority, self.path)))
        lines = b"".join(string(name) + string(value) for name, value in self.fields)
        if known:
            return b"\0" + control + string(lines) + string(self.content) + b"\0"
        content = string(self.content) if self.content else b""
        return b"\2" + control + lines + b"\0" + content + b"\0\0"


class MessageReader(Stage):
    """A request or an answer of either framing; `feed` gives content."""

    def __init__(self) -> None:
        self.control: tuple[str, ...] = ()  # a request's
        self.status: int | None = None      # an answer's
        self.interim: list[tuple[int, Fields]] = []
        self.fields: Fields = []
        self.trailers: Fields = []
        self.has_head = False
        super().__init__()

    def run(self) -> Steps[None]:
        framing = yield from self.varint()
        if framing > 3:
            raise ChannelError("another framing")
        known = framing < 2
        yield from self._answer_control(known) if framing % 2 else self._request_control()
        if not (yield from self.at_end()):
            self.fields = yield from self._section(known)
        self.has_head = True
        size = 0
        if not (yield from self.at_end()):
            size = yield from self._content(known)
        if any(name == "content-length" and value != str(size) for name, value in self.fields):
            raise ChannelError("content-length is not the content's")
        if not (yield from self.at_end()):
            self.trailers = yield from self._section(known)
        while not (yield from self.at_end()):
            if any((yield from self.take(len(self._pending)))):
                raise ChannelError("padding is not zero")

    def _request_control(self) -> Steps[None]:
        parts = []
        for allowed in (TOKEN, re.compile(b"https?"), TARGET, re.compile(b"/" + TARGET.pattern)):
            parts.append((yield from self.string(CONTROL_LIMIT)))
            if not allowed.fullmatch(parts[-1]):
                raise ChannelError("malformed control data")
        self.control = tuple(part.decode("latin-1") for part in parts)

    def _answer_control(self, known: bool) -> Steps[None]:
        while not 200 <= (status := (yield from self.varint())) <= 599:
            if not 100 <= status <= 199 or len(self.interim) == INTERIM_LIMIT:
                raise ChannelError("malformed status")
            self.interim.append((status, (yield from self._section(known))))
        self.status = status

    def _section(self, known: bool) -> Steps[Fields]:
        fields: Fields = []
        room = (yield from self.varint()) if known else SECTION_LIMIT
        if room > SECTION_LIMIT:
            raise ChannelError("too long")
        end = self._taken + room
        while not known or self._taken < end:
            name = yield from self.string(end - self._taken)
            if not name and not known:
                break
            value = yield from self.string(end - self._taken)
            if (self._taken > end or len(fields) == FIELD_LIMIT or not NAME.fullmatch(name)
                    or not VALUE.fullmatch(value) or name.decode() in HOP_BY_HOP):
                raise ChannelError("malformed field")
            fields.append((name.decode(), value.decode("latin-1")))
        return fields

    def _content(self, known: bool) -> Steps[int]:
        total = 0
        while size := (yield from self.varint()):
            total += size
            if total > CONTENT_LIMIT:
                raise ChannelError("too long")
            while size:
                piece = yield from self.take(min(size, len(self._pending) or 1))
                self._out += piece
                size -= len(piece)
            if known:
                break
        return total


# Padding, O16 to O19.

def bucket(size: int) -> int:
    if size <= 512:
        return 512
    exponent = (size - 1).bit_length() - 1
    step = 1 << (exponent + 1 if size <= 16384 else exponent - 3)
    return -(-size // step) * step


def padded(message: bytes, profile: str) -> bytes:
    return message if profile == "none" else message.ljust(bucket(len(message)), b"\0")


class Unpadder(Stage):
    """Takes off the content coding `confide-padded`."""

    def run(self) -> Steps[None]:
        while not (yield from self.at_end()):
            data, padding = struct.unpack(">HH", (yield from self.take(4)))
            content = yield from self.take(data)
            self._out += content
            if any((yield from self.take(padding))):
                raise ChannelError("padding is not zero")
