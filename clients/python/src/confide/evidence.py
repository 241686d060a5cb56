"""Evidence that is at hand, judged offline: no socket, no file, no clock but yours.

Each function gives the `Verdict` if every check that the policy demands was made and passed, and
raises `VerificationError` otherwise. ``at`` is the time to judge by; default: now. ``policy`` and
``trust_roots`` are what `confide.verify` takes.
"""
from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import datetime
import json
import time
from collections.abc import Iterable, Iterator, Sequence

from confide import _library
from confide._errors import ConfideError, VerificationError
from confide._findings import Verdict
from confide._policy import File, Policy, certificates, policy_text

_Roots = Iterable[File | bytes]


@dataclasses.dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU's or NVSwitch's evidence."""

    report: bytes  #: the SPDM request and response
    chain: bytes  #: the device's certificates in PEM, leaf first
    is_switch: bool = False


def verify_quote(quote: bytes, *, collateral: bytes | None = None,
                 policy: File | Policy | None = None, trust_roots: _Roots = (),
                 at: datetime.datetime | None = None) -> Verdict:
    """An Intel TDX or SGX quote. ``collateral`` is a QuoteCollateralV3 object in JSON."""
    with _policy(policy, trust_roots) as accepted, _endorsements(collateral) as known:
        return _judged(_library.verifier().confide_verify_quote(
            _library.borrow(quote), known, accepted, _seconds(at)))


def verify_snp(report: bytes, *, leaf: bytes, ica: bytes, ark: bytes = b"", crl: bytes = b"",
               policy: File | Policy | None = None, trust_roots: _Roots = (),
               at: datetime.datetime | None = None) -> Verdict:
    """An AMD SEV-SNP report, with its certificates in DER or PEM: VCEK or VLEK, ASK or ASVK, ARK."""
    held = _library.SnpCertificates(*map(_library.borrow, (leaf, ica, ark, crl)))
    with _policy(policy, trust_roots) as accepted:
        return _judged(_library.verifier().confide_verify_snp(
            _library.borrow(report), ctypes.byref(held), accepted, _seconds(at)))


def verify_gpus(devices: Sequence[Gpu], nonce: bytes, *, driver_rims: Sequence[bytes] = (),
                vbios_rims: Sequence[bytes] = (), ocsp: Sequence[bytes] = (),
                policy: File | Policy | None = None, trust_roots: _Roots = (),
                at: datetime.datetime | None = None) -> Verdict:
    """All devices of one machine, against your own nonce of 32 bytes."""
    evidence = (_library.GpuEvidence * len(devices))(*(
        _library.GpuEvidence(_library.borrow(one.report), _library.borrow(one.chain), one.is_switch)
        for one in devices))
    drivers, vbioses, answers = map(_array, (driver_rims, vbios_rims, ocsp))
    references = _library.GpuReferences(drivers, len(driver_rims), vbioses, len(vbios_rims),
                                        answers, len(ocsp))
    with _policy(policy, trust_roots) as accepted:
        return _judged(_library.verifier().confide_verify_gpus(
            evidence, len(devices), ctypes.byref(references), _library.borrow(nonce), accepted,
            _seconds(at)))


def verify_event_log(log: bytes, quote: bytes, *, collateral: bytes | None = None,
                     policy: File | Policy | None = None, trust_roots: _Roots = (),
                     at: datetime.datetime | None = None) -> Verdict:
    """The event log behind a TDX quote: dstack's JSON or the TCG's binary CCEL."""
    with _policy(policy, trust_roots) as accepted, _endorsements(collateral) as known:
        return _judged(_library.verifier().confide_verify_event_log(
            _library.borrow(log), _library.borrow(quote), known, accepted, _seconds(at)))


def _array(items: Sequence[bytes]) -> ctypes.Array[_library.Bytes]:
    return (_library.Bytes * len(items))(*map(_library.borrow, items))


def _seconds(at: datetime.datetime | None) -> int:
    return int(time.time() if at is None else at.timestamp())


def _refusal(error: ctypes.c_void_p) -> ConfideError:
    message = ctypes.string_at(error.value).decode() if error.value else "out of memory"
    _library.verifier().confide_text_free(error)
    return ConfideError(message, "malformed")


@contextlib.contextmanager
def _policy(policy: File | Policy | None, roots: _Roots) -> Iterator[int]:
    library, error = _library.verifier(), ctypes.c_void_p()
    text = None if policy is None else policy_text(policy).encode()
    trusted = certificates(roots)
    handle = library.confide_policy_strict() if text is None else \
        library.confide_policy_parse(_library.borrow(text), ctypes.byref(error))
    if handle is None:
        raise _refusal(error)
    try:
        for root in trusted:
            if not library.confide_policy_trust(handle, _library.borrow(root)):
                raise ConfideError("a trust root is no certificate", "malformed")
        yield handle
    finally:
        library.confide_policy_free(handle)


@contextlib.contextmanager
def _endorsements(collateral: bytes | None) -> Iterator[int | None]:
    if collateral is None:
        yield None
        return
    library, error = _library.verifier(), ctypes.c_void_p()
    handle = library.confide_endorsements_read(_library.borrow(collateral), ctypes.byref(error))
    if handle is None:
        raise _refusal(error)
    try:
        yield handle
    finally:
        library.confide_endorsements_free(handle)


def _judged(handle: int | None) -> Verdict:
    if handle is None:
        raise MemoryError
    library = _library.verifier()
    try:
        verdict = Verdict.from_document(json.loads(library.confide_verdict_json(handle)))
    finally:
        library.confide_verdict_free(handle)
    if verdict.passed:
        return verdict
    failed = verdict.failure
    raise VerificationError(failed.detail if failed else "nothing was checked", "untrusted",
                            failed.id if failed else None, verdict)
