"""At an end of its range an entry has a slope from inside alone: what the claimed gradient tends to from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradverify._arrays import Array, largest
from gradverify._claim import Claim, equal
from gradverify._subject import Broken, Subject, ends, usual_step
from gradverify._vectors import Estimate, Vectors
from gradverify.kinks import boundaries

DISTANCES = (2.0**-14, 2.0**-18)  # of the usual step: how far inside; both have to tend to the same
SETTLED = 0.01  # of the largest entry: a limit known to less than that says nothing
NOT_JUDGED = "what lies at an end of its range is not judged"
SAYS = "at an end of its range, against what it tends to from inside"


def claims_at_ends(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """No oracle may step across an end; where the function is smooth, a rule that is right inside is so up to the end.

    The gradient at three points inside is extrapolated to the end, twice, from other distances and along other ways;
    where the two differ (a root, a corner, a norm at 0), or the function compares there, nothing is claimed.
    """
    inward = ends(f, x)
    if not inward:
        return
    if (met := boundaries(f, x)) != []:
        why = f"{f.name} compares there ({', '.join(met)})" if met else "whether it compares there cannot be told"
        yield replace(equal(Estimate(0.0), Estimate(0.0)), remark=f"{NOT_JUDGED}: {why}")
        return
    try:
        g = f.pullback(x, v)
        claims = [_claim(f, x, v, k, way) for k, way in inward.items() if g[k].size]
    except Broken:
        return
    yield from claims


def _claim(f: Subject, x: Vectors, v: Vectors, k: int, way: Array) -> Claim:
    """The gradient by argument k against its limit from inside, where that is known."""
    g, rng = f.pullback(x, v), np.random.default_rng(20264)
    (far, apart), (near, close) = (_limit(f, x, v, k, distance * way, rng) for distance in DISTANCES)
    here = near[k]
    settled = np.abs(far[k] - here) <= apart + close + SETTLED**2 * np.abs(here)
    known = (way != 0) & settled & (close <= SETTLED * largest(np.abs(here)))
    parts, error = list(g.parts), [np.zeros(p.shape) for p in g]
    parts[k], error[k] = np.where(known, here, g[k]), np.where(known, 2 * close, 0.0).astype(np.float64)
    lost = f"{NOT_JUDGED} where its gradient has no limit" if np.any((way != 0) & ~known) else ""
    return replace(equal(g, replace(near, parts=tuple(parts), error=tuple(error)), SAYS), remark=lost)


def _limit(f: Subject, x: Vectors, v: Vectors, k: int, way: Array, rng: np.random.Generator) -> tuple[Vectors, Array]:
    """The gradient extrapolated to the ends from 1, 2 and 3 steps inside, and what the last one changes of part k."""
    step = way * usual_step(x[k]) * rng.uniform(0.5, 1.5, way.shape)

    def inside(count: int) -> Vectors:
        moved = (x[k] + count * step).astype(x[k].dtype)
        return f.pullback(replace(x, parts=(*x.parts[:k], moved, *x.parts[k + 1 :]), spare=frozenset()), v)

    first, second, third = inside(1), inside(2), inside(3)
    curve = 3.0 * first - 3.0 * second + third
    return curve, np.abs(np.asarray(curve[k]) - np.asarray((2.0 * first - second)[k]))
