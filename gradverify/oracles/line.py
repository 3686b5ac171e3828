"""A subject along a line through x is a function of one real number; every oracle differentiates that.

The tangent is rounded to few bits, so that x + h u is exact for the steps h that are used: input rounding then vanishes
instead of having to be budgeted. What is left is half a unit where the sum crosses a power of two, or where u is larger
than x: as much as f rounds by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradverify._arrays import Array, deferred
from gradverify._subject import Broken, Subject
from gradverify._vectors import Vectors


@dataclass(frozen=True)
class Line:
    """t -> f(x + t u), all outputs as one flat array; ``f0`` is the value at t = 0, ``within`` the largest step.

    ``memo`` is for what has been worked out along it.
    """

    subject: Subject
    x: Vectors
    u: Vectors
    f0: Array
    within: float = 1.0
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, t: float, kind: Any = None) -> Array:
        """The outputs at t, with x and u in the type ``kind``; raises Broken as the subject does."""
        return flat(self.subject.values(moved(self.x, self.u, t, kind)), kind)


def moved(x: Vectors, u: Vectors, t: Any, kind: Any = None) -> Vectors:
    """x + t u in the type ``kind`` (default: x's own); parts without a tangent are x's own arrays, untouched."""
    parts, spare = [], set()
    for k, (a, d) in enumerate(zip(x, u, strict=True)):
        if not d.size or not d.any():
            parts.append(a if kind is None or a.dtype.kind not in "f" or not d.size else a.astype(kind))
            continue
        wide = np.longdouble if a.dtype != np.float64 or kind is np.longdouble else np.float64
        parts.append(relaid(np.asarray(deferred(_step(t, kind or wide, kind or a.dtype), a, d)), a))
        spare.add(k)
    return Vectors(tuple(parts), spare=frozenset(spare))


def _step(t: Any, inside: Any, kind: Any) -> Callable[[Array, Array], Array]:
    """a + t d, added in the one type and answered in the other."""

    def step(a: Array, d: Array) -> Array:
        wide, way = a.astype(inside, copy=False), d.astype(inside, copy=False)
        return np.asarray(wide + np.asarray(t, inside) * way).astype(kind, copy=False)

    return step


def relaid(b: Array, like: Array) -> Array:
    """b's numbers in an array that lies in memory in the order ``like`` does."""
    if like.flags.c_contiguous:
        return b
    out = np.empty_like(like, dtype=b.dtype)
    out[...] = b
    return out


def flat(y: Vectors | tuple[Array, ...], kind: Any = None) -> Array:
    """All parts of y one after another."""
    kinds = "c" if kind is not None and np.dtype(kind).kind == "c" else "f"
    for p in y:
        if kind is None or p.dtype.kind in kinds or p.dtype.kind in "iub":
            continue
        if p.dtype.kind == "c":
            raise Broken("the function", "returned complex numbers for real inputs")
    return np.concatenate([p.ravel() for p in y]) if len(y) != 1 else y[0].ravel()


def addable(a: Array, u: Array) -> Array:
    """u rounded to 16 bits relative to max(|a|, |u|), so that a + h u has room for h down to 2^-36 in float64."""
    return np.asarray(deferred(_rounded, a, u))


def _rounded(a: Array, u: Array) -> Array:
    size = np.maximum(np.abs(a).astype(np.float64), np.abs(u))
    with np.errstate(all="ignore"):
        quantum = np.where(size > 0, np.ldexp(1.0, np.frexp(size)[1] - 16), 0.0)
        out = np.where(quantum > 0, np.round(u / quantum) * quantum, 0.0)
    return np.asarray(out)
