"""What can go wrong, as exceptions that name the check which failed."""
from __future__ import annotations

from typing import Any

from confide._findings import Verdict


class ConfideError(Exception):
    """A refusal by the library. It carries nothing of a request or an answer."""

    #: Stable id of the check that failed, as ``tdx.pck.chain``; None if it was none.
    check: str | None
    #: How to react: malformed, unsupported, bad_signature, expired, untrusted, mismatch, policy,
    #: limit, not_found, unavailable or internal.
    code: str
    #: What went wrong, without the check's id.
    message: str
    #: All checks that were made; None if there were none.
    verdict: Verdict | None

    def __init__(self, message: str, code: str = "internal", check: str | None = None,
                 verdict: Verdict | None = None) -> None:
        super().__init__(f"{check}: {message}" if check else message)
        self.message, self.code, self.check, self.verdict = message, code, check, verdict

    def __reduce__(self) -> tuple[type[ConfideError], tuple[object, ...]]:  # for multiprocessing
        return type(self), (self.message, self.code, self.check, self.verdict)


class VerificationError(ConfideError):
    """What was shown does not prove what the policy demands. Nothing was sent."""


class ReceiptError(VerificationError):
    """An answer has no receipt, or none for it. Nothing of it, or not its end, was delivered."""


class ChannelError(ConfideError):
    """The sealed channel did not carry a request, or what came back was not what the service
    sealed."""


class ServiceUnavailable(ChannelError):
    """Nothing came, or not now: another try may succeed."""


def failure(document: dict[str, Any]) -> ConfideError:
    """The exception for a failure as ``confide/client.h`` describes it."""
    check, code = document["check"], document["code"]
    verdict = Verdict.from_document(document["verdict"]) if document["verdict"]["checks"] else None
    message = document["message"].removeprefix(f"{check}: ")
    return _kind(check, code)(message, code, check, verdict)


def _kind(check: str | None, code: str) -> type[ConfideError]:
    # Whatever kept the receipt away, the service took the request: it is not to be asked again.
    if check is not None and check.startswith("receipt."):
        return ReceiptError
    if code == "unavailable":
        return ServiceUnavailable
    if check is None:
        return ConfideError
    return ChannelError if check.startswith("channel.") else VerificationError
