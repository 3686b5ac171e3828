"""How a claimed gradient goes with its cotangent, where that is not linearly: which other one it answers for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradverify._arrays import Array
from gradverify._cause import Cause
from gradverify._subject import Subject
from gradverify._vectors import Vectors
from gradverify.explain.sides import Sides, like
from gradverify.oracles.line import relaid

SAME = 1e-9  # of the largest entry: no rule is linear to more digits, and none that is not is to as many
FEW_DIGITS = 2.0**-9  # of it: a rule that is linear to so much rounds to fewer digits on its way
CLOSE = 1e-6  # of the largest entry: it is the derivative for another cotangent
TIMES = -8.0  # a power of two, so that nothing is rounded; negative, and not small
MOVED = 1 / 8  # of every entry: another point
OTHERS: dict[str, Callable[[Array], Array]] = {
    "ones: the cotangent itself is ignored": np.ones_like,
    "|v| where v is the cotangent: signs are lost": np.abs,
    "v**2 where v is the cotangent: it enters twice": np.square,
}


def nonlinear(f: Subject, x: Vectors, v: Vectors, judged: tuple[int, ...], table: tuple[Sides, ...]) -> Cause | None:
    """What is said of a claim that is not linear in v; nothing of one that is. May raise Broken or Misfit."""
    w = _each(lambda p: np.sign(p) * np.round(np.abs(p) + 1), v)
    sums = Vectors(tuple(p + q for p, q in zip(v, w, strict=True)), bare=v.bare)

    def answer(at: Vectors, given: Vectors) -> Array:
        found = zip(f.pullback(at, given), at, strict=True)
        return np.concatenate([like(g, a).ravel() for k, (g, a) in enumerate(found) if k in judged])

    once, times = answer(x, v), answer(x, _each(lambda p: TIMES * p, v))
    other, both = answer(x, w), answer(x, sums)
    size = max(_largest(a) for a in (once, other, both))
    scaled, added = _largest(times - TIMES * once), _largest(both - once - other)
    gap = max(scaled, added)
    if gap <= SAME * size or not np.isfinite(gap):
        return None
    if gap <= FEW_DIGITS * size:
        return Cause("slight", f"linear in the cotangent to {gap / size:.0e} only: digits are lost on the way")
    for how, change in OTHERS.items():
        if table and _is_for(table, once, change(_flat(v))):
            return Cause("cotangent", f"claimed is the derivative for a cotangent of {how}")
    if np.array_equal(once, times):
        if np.ptp(once) > 0 and np.array_equal(once, answer(_beside(x), v)):
            return Cause("state", "the same gradient whatever the cotangent and the inputs: an earlier answer is kept")
        return Cause("cotangent", f"the cotangent is ignored: {TIMES:g} times it gives the same gradient")
    if scaled > SAME * size:
        none = answer(x, _each(np.zeros_like, v))
        if _largest(times - none - TIMES * (once - none)) <= SAME * size:
            return Cause("cotangent", f"up to {_largest(none):.4g} of the gradient does not come from the cotangent")
        return Cause(
            "cotangent", f"not linear: {TIMES:g} times the cotangent does not give {TIMES:g} times the gradient"
        )
    return Cause("cotangent", "not linear: the gradient for a sum of cotangents is not the sum of their gradients")


def _is_for(table: tuple[Sides, ...], claimed: Array, v: Array) -> bool:
    """Are these gradients, one after another, the derivative for this cotangent?"""
    known = [s.matrix for s in table if s.matrix is not None]
    expected = np.concatenate([v @ m.expected for m in known])
    width = np.concatenate([np.abs(v) @ m.width for m in known])
    size = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(width)))
    near = np.abs(claimed - expected) <= width + CLOSE * size
    return claimed.shape == expected.shape and bool(np.all(near | ~np.isfinite(width)))


def _beside(x: Vectors) -> Vectors:
    """Another point, near enough to be in every domain that is open."""
    moved = (relaid(a * (1 + MOVED), a) if a.dtype.kind == "f" else a for a in x)
    return Vectors(tuple(moved), bare=x.bare)


def _each(change: Callable[[Array], Array], v: Vectors) -> Vectors:
    return Vectors(tuple(change(p) for p in v), bare=v.bare)


def _flat(v: Vectors) -> Array:
    return np.concatenate([np.asarray(p, np.float64).ravel() for p in v])


def _largest(a: Array) -> float:
    return float(np.max(np.abs(a), initial=0.0))
