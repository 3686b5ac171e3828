"""Is the claim a neighbour's gradient, or between the slopes nearby? The extremes are searched, not sampled."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gradverify._method import Excuse
from gradverify._vectors import Array
from gradverify._verdict import Outcome
from gradverify.kinks.place import NEARER, Place, convention, finite, offsets

LEADS = (4.0, 3.0, 0.25, -0.25, -4.0)  # offsets tried for one coordinate: first, second, near, far behind
SEARCHED = 24  # jumping coordinates up to which extremes are searched one sign at a time


def is_a_neighbour(place: Place, g: Array, tolerance: Array, jumping: Array, rng: np.random.Generator) -> bool:
    """Is the claim the whole gradient of some neighbour? Found by moving one coordinate after another to match more."""
    if jumping.size > SEARCHED:
        return False

    def missed(offset: Array) -> float:
        found = next(finite(place, NEARER, iter((offset,))), None)
        return np.inf if found is None else float(np.maximum(np.abs(found[1] - g) - tolerance, 0).sum())

    best = offsets(rng, g.size)
    least = missed(best)
    for _ in range(2):
        for i in jumping:
            for lead in LEADS:
                trial = best.copy()
                trial[i] = lead * rng.uniform(0.95, 1.05)  # never two alike: that would be the tie again
                value = missed(trial)
                if value < least:
                    least, best = value, trial
                if least == 0.0:
                    return True
    for i, j in itertools.combinations(jumping, 2):  # in a tie of many the order matters, not only who leads
        trial = best.copy()
        trial[[i, j]] = best[[j, i]]
        value = missed(trial)
        if value < least:
            least, best = value, trial
        if least == 0.0:
            return True
    return False


def between(
    place: Place, g: Array, tolerance: Array, jumping: Array, slopes: Array, rng: np.random.Generator
) -> Excuse:
    """Along coordinates, all of them at once and random mixtures: is the claim between the extremes?"""
    excess = np.maximum(slopes.min(0) - g, g - slopes.max(0)) - tolerance
    worst = int(jumping[np.argmax(excess[jumping])])
    mixes = [_unit(g.size, [worst]), _unit(g.size, jumping)]
    turns = [offsets(rng, g.size) for _ in range(8)]  # half of one sign: sums over a tied set are seen along those
    mixes += [_unit(g.size, jumping) * (np.abs(turn) if k % 2 else turn) for k, turn in enumerate(turns)]
    if jumping.size <= SEARCHED:
        mixes += [_unit(g.size, [int(i)]) for i in jumping if i != worst]
    misses = 0
    for mix in mixes:
        d = mix * place.steps
        value, bar = float(g @ d), float(tolerance @ np.abs(d))
        low, high = _extremes(place, d, jumping, slopes, rng)
        if low - bar <= value <= high + bar:
            continue
        again = _extremes(place, d, jumping, slopes, rng)
        if min(low, again[0]) - bar <= value <= max(high, again[1]) + bar:
            continue
        misses += 1
        alone = np.count_nonzero(mix) == 1
        if alone or misses >= 2:
            i = int(np.flatnonzero(mix)[0]) if alone else worst
            k, index = place.entry(i)
            return Excuse(Outcome.DISAGREES, "", place=(k, index, float(g[i]), *_range(place, i, jumping, slopes, rng)))
    if misses:
        return Excuse(Outcome.BLUNT, "outside the slopes found nearby along one direction only")
    return Excuse(Outcome.AGREES, convention(place, g, slopes), seen=place.seen(slopes))


def _range(place: Place, i: int, jumping: Array, slopes: Array, rng: np.random.Generator) -> tuple[float, float]:
    """The least and greatest slope nearby along coordinate i alone."""
    return _extremes(place, _unit(place.steps.size, [i]), jumping, slopes, rng)


def _unit(n: int, entries: Any) -> Array:
    out = np.zeros(n)
    out[entries] = 1.0
    return out


def _extremes(place: Place, d: Array, jumping: Array, slopes: Array, rng: np.random.Generator) -> tuple[float, float]:
    """The least and greatest slope <g(z), d> over neighbours z, searched by turning coordinates round."""
    known = slopes @ d
    low, high = float(known.min()), float(known.max())
    n = d.size

    def slope(offset: Array) -> float | None:
        found = next(finite(place, NEARER, iter((offset,))), None)
        return None if found is None else float(found[1] @ d)

    if jumping.size > SEARCHED:
        patterns = [offsets(rng, n) for _ in range(12)]
        values = np.array([np.nan if (s := slope(p)) is None else s for p in patterns])
        kept = np.isfinite(values)
        if kept.sum() >= 2:
            signs = np.sign(np.stack(patterns)[kept])
            own = np.sign((signs * (values[kept] - values[kept].mean())[:, None]).sum(0))
            values = np.append(
                values[kept], [s for p in (own, -own) if (s := slope(np.where(p == 0, 1.0, p))) is not None]
            )
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        return low, high
    for sign in (1.0, -1.0):
        best = offsets(rng, n)
        top = slope(best)
        for _ in range(2):
            for i in jumping:
                for lead in LEADS:
                    trial = best.copy()
                    trial[i] = lead * rng.uniform(0.95, 1.05)  # never two alike: that would be the tie again
                    value = slope(trial)
                    if value is not None and (top is None or sign * value > sign * top):
                        top, best = value, trial
        if top is not None:
            low, high = min(low, top), max(high, top)
    return low, high
