"""Floating types are NumPy's and bfloat16; each has a unit roundoff and a range."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradverify._errors import Misuse

LOW = ("float32", "float16", "bfloat16")  # types whose numbers float64 holds exactly
BFLOAT16 = "bfloat16"  # ml_dtypes registers it with NumPy, as a type of kind V


@dataclass(frozen=True)
class Limits:
    """The spacing next to 1, the largest number, and the smallest normal and subnormal ones."""

    eps: float
    max: float
    tiny: float
    subnormal: float


@cache
def is_floating(dtype: Any) -> bool:
    """Is this a type of real floating numbers?"""
    kind = np.dtype(dtype)
    return bool(kind.kind == "f" or kind.name == BFLOAT16)


@cache
def is_inexact(dtype: Any) -> bool:
    """Is this a type of real or complex floating numbers?"""
    return np.dtype(dtype).kind == "c" or is_floating(dtype)


@cache
def is_low(dtype: Any) -> bool:
    """Is this a floating type whose numbers float64 holds exactly, and in which it has more?"""
    return np.dtype(dtype).name in LOW


@cache
def is_number(dtype: Any) -> bool:
    """Is this a type of numbers at all, booleans included?"""
    return np.dtype(dtype).kind in "iub" or is_inexact(dtype)


@cache
def limits(dtype: Any) -> Limits:
    """The limits of a floating type, or of a complex type's parts."""
    kind = np.dtype(dtype)
    if kind.name == BFLOAT16:  # 8 exponent bits, as float32 has, and 7 of fraction
        return Limits(2.0**-7, 2.0**128 - 2.0**120, 2.0**-126, 2.0**-133)
    info = np.finfo(kind)
    return Limits(float(info.eps), float(info.max), float(info.tiny), float(info.smallest_subnormal))


@cache
def unit(dtype: Any) -> float:
    """The spacing of numbers of this type next to 1; 0 for types that round nothing."""
    return limits(np.dtype(dtype)).eps if is_inexact(dtype) else 0.0


def floating_type(name: Any) -> np.dtype[Any]:
    """The floating type of this name; Misuse for anything else, and for bfloat16 without what defines it."""
    known = "write float64, float32, float16 or bfloat16"
    try:
        kind = typed(name)
    except TypeError:
        raise Misuse(f"dtype={name!r} is not a NumPy dtype; {known}.") from None
    if not is_floating(kind):
        raise Misuse(f"dtype={name!r} is not a floating type; a derivative needs one: {known}.")
    return kind


def typed(name: Any) -> np.dtype[Any]:
    """The type of this name, as ``np.dtype`` gives it; bfloat16 too, or Misuse without what defines it."""
    if isinstance(name, str) and name == BFLOAT16:
        try:
            import ml_dtypes
        except ImportError:
            raise Misuse('dtype="bfloat16" needs the package ml_dtypes; run: pip install ml_dtypes') from None
        name = ml_dtypes.bfloat16
    kind: np.dtype[Any] = np.dtype(name)
    return kind
