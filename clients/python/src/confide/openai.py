"""The official client's classes, whose every request is sealed to an attested service.

    from confide.openai import OpenAI

    client = OpenAI(base_url="https://ai.example.com/v1", policy="policy.toml")

All other arguments and everything that the client does are the official ones.
"""
from __future__ import annotations

import os
from typing import Any, Unpack

import httpx2
import openai

from confide._client import Options
from confide._policy import File, Policy
from confide.transport import AsyncTransport, Transport

__all__ = ["AsyncOpenAI", "OpenAI"]

# WebSockets would leave unsealed. No name under .invalid is anybody's (RFC 6761).
_NO_WEBSOCKETS = "wss://websockets-are-not-sealed.invalid"


class _Client(openai.DefaultHttpxClient):
    """With the official client's own defaults."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport=transport)
        self.transport = transport


class _AsyncClient(openai.DefaultAsyncHttpxClient):
    def __init__(self, transport: AsyncTransport) -> None:
        super().__init__(transport=transport)
        self.transport = transport


def _service_url(base_url: str | httpx2.URL | None) -> str:
    url = base_url if base_url is not None else os.environ.get("OPENAI_BASE_URL")
    if not url:
        raise TypeError("base_url names the service, such as https://ai.example.com/v1")
    return str(url)


def _without_websockets(arguments: dict[str, Any]) -> dict[str, Any]:
    if arguments.get("websocket_base_url") not in (None, _NO_WEBSOCKETS):
        raise TypeError("WebSockets do not travel through the sealed channel")
    return {**arguments, "websocket_base_url": _NO_WEBSOCKETS}


_FOREIGN = "http_client would send what is to be sealed; the options of confide.Transport do instead"


class OpenAI(openai.OpenAI):
    """`openai.OpenAI` through the sealed channel.

    Takes what the official class takes, but ``http_client`` and ``websocket_base_url``, and what
    `confide.Transport` takes. ``base_url`` (or ``OPENAI_BASE_URL``) is the service.
    """

    def __init__(self, *, base_url: str | httpx2.URL | None = None,
                 policy: File | Policy | None = None, http_client: httpx2.Client | None = None,
                 **arguments: Any) -> None:
        options = {name: arguments.pop(name) for name in Options.__annotations__
                   if name in arguments}
        url = _service_url(base_url)
        if http_client is None:
            http_client = _Client(Transport(url, policy, **options))
        elif policy is not None or options or not isinstance(http_client, _Client):  # with_options() hands on ours
            raise TypeError(_FOREIGN)
        #: What carries the requests, and knows the attested service.
        self.confide = http_client.transport
        super().__init__(base_url=url, http_client=http_client, **_without_websockets(arguments))


class AsyncOpenAI(openai.AsyncOpenAI):
    """`openai.AsyncOpenAI` through the sealed channel. Takes what `OpenAI` takes."""

    def __init__(self, *, base_url: str | httpx2.URL | None = None,
                 policy: File | Policy | None = None, http_client: httpx2.AsyncClient | None = None,
                 **arguments: Any) -> None:
        options = {name: arguments.pop(name) for name in Options.__annotations__
                   if name in arguments}
        url = _service_url(base_url)
        if http_client is None:
            http_client = _AsyncClient(AsyncTransport(url, policy, **options))
        elif policy is not None or options or not isinstance(http_client, _AsyncClient):
            raise TypeError(_FOREIGN)
        #: What carries the requests, and knows the attested service.
        self.confide = http_client.transport
        super().__init__(base_url=url, http_client=http_client, **_without_websockets(arguments))
