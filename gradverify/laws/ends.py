"""At an end of its range an entry has a slope from inside alone: what the claimed gradient tends to from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradverify._arrays import Array, largest
from gradverify._claim import Claim, equal
from gradverify._subject import Broken, Subject, ends
from gradverify._vectors import Estimate, Vectors
from gradverify.kinks import boundaries, chain_rule_values

DISTANCES = (2.0**-14, 2.0**-18)  # of the usual step: how far inside; both have to tend to the same
NEARER = tuple(2.0**-k for k in (16, 22, 28, 34, 40))  # of it: at each the function itself has to side with the limit
SETTLED = 0.01  # of the largest entry: a limit known to less than that says nothing, and less than that is not alleged
ASKED = 4  # of those distances, beyond its rounding, before anything is alleged
SIDES = 4  # times nearer to what the limit predicts than to what is claimed
NOISE = 32  # roundings of |v||f| that the two have to be apart by, to be told apart
NOT_JUDGED = "what lies at an end of its range is not judged"
SAYS = "at an end of its range, against what it tends to from inside"


def claims_at_ends(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """No oracle may step across an end; where the function is smooth, a rule that is right inside is so up to the end.

    The gradient at three points inside is extrapolated to the end, twice, from other distances and along other ways;
    where the two differ (a root, a norm at 0) nothing is claimed. What is not the limit is alleged where the function's
    own one-sided differences side with the limit at every scale that its rounding leaves, four at least, and no choice
    at a tie gives it by the chain rule.
    """
    inward = ends(f, x)
    if not inward:
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
    here, top = near[k], largest(np.abs(near[k]))
    known = (way != 0) & (np.abs(far[k] - here) <= apart + close + SETTLED**2 * np.abs(here)) & (close <= SETTLED * top)
    lost = f"{NOT_JUDGED} where its gradient has no limit" if np.any((way != 0) & ~known) else ""
    with np.errstate(all="ignore"):
        off = known & ~(np.abs(g[k] - here) <= SETTLED * top)
        step = np.where(off, way * x.usual_steps[k] * rng.uniform(0.5, 1.5, way.shape), 0.0)
        said, limit = (float(np.sum(np.where(off, p, 0.0) * step)) for p in (g[k], here))
    if np.any(off) and (why := _excused(f, x, v, {k: step}, said, limit, rng)):
        known, off, lost = known & ~off, np.zeros_like(off), f"{NOT_JUDGED}: {why}"
    if not np.any(known):
        return replace(equal(Estimate(0.0), Estimate(0.0)), remark=lost)
    parts, error = list(g.parts), [np.zeros(p.shape) for p in g]
    parts[k], error[k] = np.where(off, here, g[k]), np.where(off, 2 * close, 0.0).astype(np.float64)
    return replace(equal(g, replace(near, parts=tuple(parts), error=tuple(error)), SAYS), remark=lost)


def _excused(
    f: Subject, x: Vectors, v: Vectors, inward: dict[int, Array], said: float, limit: float, rng: np.random.Generator
) -> str:
    """Why a slope that is not the limit may be right: the function bends closer to the end, or stands on a tie."""
    met = boundaries(f, x)
    if met is None:
        return "whether the function compares there cannot be told"
    if met and np.isfinite(said):
        u = Vectors(tuple(inward.get(k, np.zeros(0)) for k in range(len(x))))
        values, width = chain_rule_values(f, x, u, v, rng), SETTLED * abs(said - limit)
        if not values or min(values) - width <= said <= max(values) + width:
            return f"{f.name} compares ({', '.join(met)})"
    y = f.values(x)
    size = sum(float(np.sum(np.abs(w.astype(np.float64) * p))) for w, p in zip(v, y, strict=True))
    asked = 0
    for distance in NEARER:
        z = f.values(_moved(x, inward, distance))
        change = sum(float(np.sum(w * (p.astype(np.longdouble) - q))) for w, p, q in zip(v, z, y, strict=True))
        if distance * abs(limit - said) <= NOISE * float(np.finfo(np.float64).eps) * size:
            continue
        asked += 1
        off = abs(change - distance * limit)
        if SIDES * off >= abs(change - distance * said) or SIDES * off >= distance * abs(limit):
            return "the function bends closer to the end than its gradient was followed"
    return "" if asked >= ASKED else "the function's own rounding hides which way it goes there"


def _moved(x: Vectors, inward: dict[int, Array], distance: float) -> Vectors:
    parts = ((p + distance * inward[k]).astype(p.dtype) if k in inward else p for k, p in enumerate(x))
    return Vectors(tuple(parts), bare=x.bare)


def pushed_at_ends(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """The same of a forward rule, along one direction that moves what lies at an end, an argument at a time."""
    rng = np.random.default_rng(20265)
    for k, way in ends(f, x).items():
        step = {k: way * x.usual_steps[k] * rng.uniform(0.5, 1.5, way.shape)}
        u = Vectors(tuple(step.get(j, np.zeros(0)) for j in range(len(x))))
        try:
            claimed = f.pushforward(x, u).inner(v)
            (far, apart), (near, close) = (_pushed_limit(f, x, u, v, step, distance) for distance in DISTANCES)
            if not (abs(far - near) <= apart + close + SETTLED**2 * abs(near) and close <= SETTLED * abs(near)):
                yield replace(equal(Estimate(0.0), Estimate(0.0)), remark=f"{NOT_JUDGED} where its slope has no limit")
            elif not abs(claimed.value - near) <= SETTLED * abs(near):
                why = _excused(f, x, v, step, claimed.value, near, rng)
                nothing = replace(equal(Estimate(0.0), Estimate(0.0)), remark=f"{NOT_JUDGED}: {why}")
                yield nothing if why else equal(claimed, Estimate(near, 2 * close), SAYS, about="output")
        except Broken:
            return


def _pushed_limit(
    f: Subject, x: Vectors, u: Vectors, v: Vectors, step: dict[int, Array], distance: float
) -> tuple[float, float]:
    first, second, third = (f.pushforward(_moved(x, step, n * distance), u).inner(v).value for n in (1, 2, 3))
    curve = 3 * first - 3 * second + third
    return curve, abs(curve - (2 * first - second))


def _limit(f: Subject, x: Vectors, v: Vectors, k: int, way: Array, rng: np.random.Generator) -> tuple[Vectors, Array]:
    """The gradient extrapolated to the ends from 1, 2 and 3 steps inside, and what the last one changes of part k."""
    step = {k: way * x.usual_steps[k] * rng.uniform(0.5, 1.5, way.shape)}
    first, second, third = (f.pullback(_moved(x, step, count), v) for count in (1, 2, 3))
    curve = 3.0 * first - 3.0 * second + third
    return curve, np.abs(np.asarray(curve[k]) - np.asarray((2.0 * first - second)[k]))
