"""Attested, sealed access to confidential inference services.

``confide.openai`` has drop-in classes for the official client; ``Transport`` and
``AsyncTransport`` serve any httpx2 client; ``Client`` speaks plain HTTP requests; ``verify`` only
attests. All of it is the C++ verifier and channel behind a C interface: nothing is checked twice,
or differently, in Python.
"""
from __future__ import annotations

import typing

from confide._client import Answer, Client, Options, verify
from confide._errors import (ChannelError, ConfideError, ReceiptError, ServiceUnavailable,
                             VerificationError)
from confide._findings import Check, Proof, Service, Verdict
from confide._library import version as _version
from confide._policy import Policy
from confide.evidence import (Gpu, verify_event_log, verify_gpus, verify_quote, verify_snp)

if typing.TYPE_CHECKING:
    from confide.transport import AsyncTransport, Transport

__all__ = [
    "Answer", "AsyncTransport", "ChannelError", "Check", "Client", "ConfideError", "Gpu", "Options",
    "Policy", "Proof", "ReceiptError", "Service", "ServiceUnavailable", "Transport", "Verdict",
    "VerificationError", "verify", "verify_event_log", "verify_gpus", "verify_quote", "verify_snp",
]

__version__ = _version()


def __getattr__(name: str) -> object:
    # They need httpx2, which nothing else here does.
    if name in ("Transport", "AsyncTransport"):
        from confide import transport
        return getattr(transport, name)
    raise AttributeError(f"module 'confide' has no attribute {name!r}")
