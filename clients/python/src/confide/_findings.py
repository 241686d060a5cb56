"""What the library found, as values."""
from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any, Literal


@dataclasses.dataclass(frozen=True)
class Check:
    """One check of an appraisal."""

    id: str
    status: Literal["pass", "fail", "skip"]
    detail: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Every check that was made, and what the evidence claims."""

    passed: bool
    #: True if the evidence is anchored in a root that is no hardware vendor's: it then proves
    #: nothing about hardware.
    simulated: bool
    checks: tuple[Check, ...]
    claims: Mapping[str, Any]

    @property
    def failure(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if check.status == "fail"), None)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Verdict:
        return cls(passed=document["verdict"] == "pass", simulated=document["simulated"],
                   checks=tuple(Check(**check) for check in document["checks"]),
                   claims=document["claims"])


@dataclasses.dataclass(frozen=True)
class Service:
    """A service that passed every check which the policy demands."""

    url: str
    verified_at: datetime.datetime
    simulated: bool
    models: list[str]  #: digests of its models, ``sha256:...``
    manifest: str  #: digest of the application's manifest
    keyset: str  #: digest of its keys
    keyset_expires: datetime.datetime
    nonce: str  #: that the report was asked for with
    #: The report as served, for keeping: ``confide verify report`` reads it.
    report: str = dataclasses.field(repr=False)
    verdict: Verdict = dataclasses.field(repr=False)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Service:
        facts = dict(document)
        for name in ("verified_at", "keyset_expires"):
            facts[name] = datetime.datetime.fromisoformat(facts[name])
        facts["verdict"] = Verdict.from_document(facts["verdict"])
        return cls(**facts)


@dataclasses.dataclass(frozen=True)
class Proof:
    """A receipt that has verified against the very bytes of its exchange."""

    #: The document, as signed.
    receipt: str = dataclasses.field(repr=False)
    request_hash: str
    response_hash: str
    client_nonce: str  #: that went with the request, and stands in the receipt
    keyset: str  #: digest of the attested keys, one of which signed
    verdict: Verdict = dataclasses.field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        """The receipt, parsed."""
        parsed: dict[str, Any] = json.loads(self.receipt)
        return parsed

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Proof:
        return cls(**{**document, "verdict": Verdict.from_document(document["verdict"])})
