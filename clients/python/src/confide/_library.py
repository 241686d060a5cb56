"""The two shared libraries that the wheel carries, and the types of their functions."""
from __future__ import annotations

import ctypes
import functools
import json
import pathlib
from typing import Any


class Bytes(ctypes.Structure):
    """``confide_bytes``: borrowed for one call."""

    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def borrow(data: bytes) -> Bytes:
    """The caller keeps ``data`` alive during the call."""
    return Bytes(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data))


def copied(data: Bytes) -> bytes:
    return ctypes.string_at(data.data, data.size) if data.size else b""


def _load(name: str) -> ctypes.CDLL:
    path = pathlib.Path(__file__).parent / "lib" / f"lib{name}.so.0"
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(f"confide: {error}; the package's README lists the system libraries "
                          "that it needs") from None


_HANDLE = ctypes.c_void_p
_TEXT_OUT = ctypes.POINTER(ctypes.c_void_p)
_FLAG = ctypes.c_bool


def _declare(library: ctypes.CDLL, functions: dict[str, tuple[Any, list[Any]]]) -> ctypes.CDLL:
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@functools.cache
def client() -> ctypes.CDLL:
    """``confide/client.h``"""
    return _declare(_load("confide-client"), {
        "confide_client_version": (ctypes.c_char_p, []),
        "confide_document_free": (None, [ctypes.c_void_p]),
        "confide_service_verify": (_FLAG, [Bytes, _TEXT_OUT]),
        "confide_channel_open": (_HANDLE, [Bytes, _TEXT_OUT]),
        "confide_channel_service": (ctypes.c_void_p, [_HANDLE]),
        "confide_channel_free": (None, [_HANDLE]),
        "confide_exchange_start": (_HANDLE, [_HANDLE, Bytes, Bytes]),
        "confide_exchange_next": (ctypes.c_int, [_HANDLE, ctypes.POINTER(Bytes)]),
        "confide_exchange_descriptor": (ctypes.c_int, [_HANDLE]),
        "confide_exchange_cancel": (None, [_HANDLE]),
        "confide_exchange_free": (None, [_HANDLE]),
    })


class SnpCertificates(ctypes.Structure):
    _fields_ = [("leaf", Bytes), ("ica", Bytes), ("ark", Bytes), ("crl", Bytes)]


class GpuEvidence(ctypes.Structure):
    _fields_ = [("report", Bytes), ("chain", Bytes), ("is_switch", _FLAG)]


class GpuReferences(ctypes.Structure):
    _fields_ = [("driver_rims", ctypes.POINTER(Bytes)), ("driver_rim_count", ctypes.c_size_t),
                ("vbios_rims", ctypes.POINTER(Bytes)), ("vbios_rim_count", ctypes.c_size_t),
                ("ocsp", ctypes.POINTER(Bytes)), ("ocsp_count", ctypes.c_size_t)]


@functools.cache
def verifier() -> ctypes.CDLL:
    """``confide/verify.h``"""
    at = ctypes.c_int64
    return _declare(_load("confide-verify"), {
        "confide_policy_strict": (_HANDLE, []),
        "confide_policy_parse": (_HANDLE, [Bytes, _TEXT_OUT]),
        "confide_policy_trust": (_FLAG, [_HANDLE, Bytes]),
        "confide_policy_free": (None, [_HANDLE]),
        "confide_text_free": (None, [ctypes.c_void_p]),
        "confide_verdict_json": (ctypes.c_char_p, [_HANDLE]),
        "confide_verdict_free": (None, [_HANDLE]),
        "confide_endorsements_read": (_HANDLE, [Bytes, _TEXT_OUT]),
        "confide_endorsements_free": (None, [_HANDLE]),
        "confide_verify_quote": (_HANDLE, [Bytes, _HANDLE, _HANDLE, at]),
        "confide_verify_snp": (_HANDLE, [Bytes, ctypes.POINTER(SnpCertificates), _HANDLE, at]),
        "confide_verify_gpus": (_HANDLE, [ctypes.POINTER(GpuEvidence), ctypes.c_size_t,
                                          ctypes.POINTER(GpuReferences), Bytes, _HANDLE, at]),
        "confide_verify_event_log": (_HANDLE, [Bytes, Bytes, _HANDLE, _HANDLE, at]),
    })


def version() -> str:
    text: bytes = client().confide_client_version()
    return text.decode()


def take_document(pointer: int | None) -> dict[str, Any]:
    """Reads and frees a document of the client library's."""
    if not pointer:
        raise MemoryError
    try:
        document: dict[str, Any] = json.loads(ctypes.string_at(pointer))
    finally:
        client().confide_document_free(pointer)
    return document
