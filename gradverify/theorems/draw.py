"""Numbers that look random and are the same on every machine, in every run and version: drawn from a hash of words."""

from __future__ import annotations

import hashlib
from fractions import Fraction


def drawn(*words: object) -> Fraction:
    """A rational number between 1/7 and 4, or minus one, that belongs to these words."""
    hashed = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    size = Fraction(1 + hashed[0] % 12, 3 + hashed[1] % 5)
    return size if hashed[2] % 2 else -size


def whole(below: int, *words: object) -> int:
    """A whole number from 0 to below - 1 that belongs to these words."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, words)).encode()).digest()[:4], "big") % below
