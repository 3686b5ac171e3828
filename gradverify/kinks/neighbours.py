"""Are the claims at smooth neighbours right? An oracle says so, by steps that stay beside them if need be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._vectors import FAR, Estimate, Vectors
from gradverify.judge.numbers import ALONE, LONE
from gradverify.judge.rounding import MEASURED
from gradverify.judge.sizes import size_of
from gradverify.kinks.place import NEAR, Place
from gradverify.oracles.ladder import is_final

ASKED = 256  # coordinates that a neighbour which is wrong is asked about


def judged_neighbours(
    place: Place, near: list[tuple[Vectors, Array]], oracle: Any, quick: Any, rng: np.random.Generator, *, even: bool
) -> tuple[int, int]:
    """How many neighbours' claims the oracle confirms, and how many it refutes along two directions.

    No more are asked than can change which of the two is larger.
    """
    right = wrong = 0
    for asked, (z, _) in enumerate(near):
        left = len(near) - asked
        if wrong >= right + left or right > wrong + left:
            break
        outcomes = [_judged(place, z, oracle, quick, rng, even=even) for _ in range(2)]
        right += outcomes.count(True) == 2 or outcomes == [True, None] or outcomes == [None, True]
        wrong += outcomes.count(False) == 2
    return right, wrong


def _judged(place: Place, z: Vectors, oracle: Any, quick: Any, rng: np.random.Generator, *, even: bool) -> bool | None:
    """Does the claim at a neighbour agree with the oracle along a fresh direction? None where that cannot be told.

    An even direction steps over the kinks of small entries; where none answers along it, one scaled to them is tried.
    """
    u = place.direction(z, rng, even=even)
    g = place.f.pullback(z, place.v)
    claimed = g.inner(u)
    known = quick.directional(place.f, z, u, place.v)
    if isinstance(known, Estimate) and abs(claimed.value - known.value) <= known.error + claimed.error:
        return True
    known = known if is_final(known) else oracle.directional(place.f, z, u, place.v)
    if not isinstance(known, Estimate):
        return _judged(place, z, oracle, quick, rng, even=False) if even else None
    bar = known.error + claimed.error
    gap = abs(claimed.value - known.value)
    sharp = known.second is not None and known.second.error <= FAR * gap
    if not (sharp and known.source in LONE):  # which took no step at all, and is confirmed
        inside = replace(oracle, within=NEAR / 4).directional(place.f, z, u, place.v)  # none crosses what is at x
        near = isinstance(inside, Estimate) and inside.error <= FAR * gap
        if near and abs(claimed.value - inside.value) <= inside.error + claimed.error:
            return True
    if known.source in LONE and gap < ALONE * size_of(g.answers[0].answer) and not sharp:
        return True if gap <= bar else None
    if gap > bar:
        bar += _rounding(place, g, u)
    return bool(gap <= bar)


def _rounding(place: Place, g: Vectors, u: Vectors) -> float:
    """What the code scatters by along a tangent: measured beside the point, as near as any neighbour, and once."""
    here = MEASURED.along(place.f.pullback(place.x, place.v).answers[0].answer, u)
    return here if np.isfinite(here) else MEASURED.along(g.answers[0].answer, u)


def _asked(sizes: Array) -> list[int]:
    """The coordinates that are asked: all, or of many half of them the steepest, and half from everywhere."""
    if sizes.size <= ASKED:
        return list(range(sizes.size))
    some = np.linspace(0, sizes.size - 1, ASKED // 2).astype(int)
    return list(dict.fromkeys([*np.argsort(-sizes)[: ASKED // 2].tolist(), *some.tolist()]))


def refuted(
    place: Place, near: list[tuple[Vectors, Array]], oracle: Any
) -> tuple[int, tuple[int, ...], float, float, float] | None:
    """The entry of a neighbour's claim that is furthest from the slope there; of many some are asked."""
    worst, found = 0.0, None
    for z, g in near:
        for i in _asked(np.abs(g) * place.steps):
            step = place.steps[i]
            known = oracle.directional(place.f, z, place.along(i), place.v)
            if not isinstance(known, Estimate):
                continue
            gap = abs(g[i] * step - known.value)
            if gap > max(worst, known.error / FAR, known.refutes):
                k, index = place.entry(i)
                worst, found = gap, (k, index, float(g[i]), known.value / step, known.value / step)
        if found is not None:
            return found
    return None
