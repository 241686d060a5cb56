"""Policies, certificates and collateral as callers name them."""
from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterable
from typing import TypeAlias

#: A file's name.
File: TypeAlias = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Policy:
    """An appraisal policy as TOML text. Where a policy is asked for, a file's name does as well."""

    text: str


def policy_text(policy: File | Policy) -> str:
    return policy.text if isinstance(policy, Policy) else pathlib.Path(policy).read_text("utf-8")


def certificates(roots: Iterable[File | bytes]) -> list[bytes]:
    if isinstance(roots, (str, bytes, os.PathLike)):
        raise TypeError("trust_roots is a list of files, or of certificates as bytes")
    return [one if isinstance(one, bytes) else pathlib.Path(one).read_bytes() for one in roots]
