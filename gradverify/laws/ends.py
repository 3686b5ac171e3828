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
        rng = np.random.default_rng(20264)
        far, near = (_limit(f, x, v, inward, distance, rng) for distance in DISTANCES)
    except Broken:
        return
    parts, error, unknown = list(g.parts), [np.zeros(p.shape) for p in g], False
    for k, way in inward.items():
        if not g[k].size:
            continue
        here, there, apart = near[0][k], near[1][k], far[1][k] + near[1][k]
        top = largest(np.abs(here))
        known = (way != 0) & (np.abs(far[0][k] - here) <= apart + SETTLED**2 * np.abs(here)) & (there <= SETTLED * top)
        unknown |= bool(np.any((way != 0) & ~known))
        parts[k] = np.where(known, here, g[k])
        error[k] = np.where(known, 2 * there, 0.0).astype(np.float64)
    limit = replace(near[0], parts=tuple(parts), error=tuple(error))
    yield replace(equal(g, limit, SAYS), remark=f"{NOT_JUDGED} where its gradient has no limit" if unknown else "")


def _limit(
    f: Subject, x: Vectors, v: Vectors, inward: dict[int, Array], distance: float, rng: np.random.Generator
) -> tuple[Vectors, tuple[Array, ...]]:
    """The gradient extrapolated to the ends from 1, 2 and 3 steps inside, and what the last point changes of it."""
    steps = {k: way * distance * usual_step(x[k]) * rng.uniform(0.5, 1.5, way.shape) for k, way in inward.items()}

    def inside(count: int) -> Vectors:
        parts = ((p + count * steps[k]).astype(p.dtype) if k in steps else p for k, p in enumerate(x))
        return f.pullback(Vectors(tuple(parts), bare=x.bare), v)

    first, second, third = inside(1), inside(2), inside(3)
    line = 2.0 * first - second
    curve = 3.0 * first - 3.0 * second + third
    return curve, tuple(np.abs(np.asarray(c) - np.asarray(a)) for c, a in zip(curve, line, strict=True))
