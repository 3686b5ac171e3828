"""Is the claim a neighbour's gradient, or between the slopes nearby? Of few, the extremes are searched."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._method import Excuse
from gradverify._verdict import Outcome
from gradverify.kinks.place import NEARER, Place, convention, finite, offsets

LEADS = (4.0, 3.0, 0.25, -0.25, -4.0)  # offsets tried for one coordinate: first, second, near, far behind
NAMED = 8  # entries that tie
SEARCHED = 24  # jumping coordinates up to which extremes are searched one sign at a time; above, sampled
ROUNDS = 2  # over all coordinates in one search
SEARCHES = 2  # along one direction, before a claim counts as outside


class Slopes:
    """The slopes of neighbours at the coordinates that jump: those met so far, and a search for more.

    Whatever one search meets is kept, so that the next one starts from all that is known.
    """

    def __init__(self, place: Place, jumping: Array, known: Array, rng: np.random.Generator) -> None:
        self.place, self.jumping, self.rng = place, jumping, rng
        self.met = [row[jumping] for row in known]

    @property
    def searchable(self) -> bool:
        """Whether the coordinates are few enough to turn one by one."""
        return self.jumping.size <= SEARCHED

    def at(self, offset: Array) -> Array | None:
        """The whole gradient claimed at the neighbour with this offset; None where it is not finite."""
        found = next(finite(self.place, NEARER, iter((offset,))), None)
        if found is None:
            return None
        self.met.append(found[1][self.jumping])
        return found[1]

    def range(self, d: Array) -> tuple[float, float]:
        """The least and the greatest slope met so far along d, which moves jumping coordinates only."""
        along = np.stack(self.met) @ d[self.jumping]
        return float(along.min()), float(along.max())

    def search(self, d: Array, sign: float, target: float = np.inf) -> None:
        """Meet steeper slopes along ``sign * d``, until one is as steep as the target or no turn is left to try."""
        if not self.searchable:
            self._sample(d)
            return
        best = offsets(self.rng, d.size)
        top = self._slope(best, d, sign)
        for _, i, lead in itertools.product(range(ROUNDS), self.jumping, LEADS):
            if top >= target:
                return
            trial = turned(best, i, lead, self.rng)
            value = self._slope(trial, d, sign)
            if value > top:
                top, best = value, trial

    def _slope(self, offset: Array, d: Array, sign: float) -> float:
        g = self.at(offset)
        return -np.inf if g is None else sign * float(g @ d)

    def _sample(self, d: Array) -> None:
        """Random neighbours, and the two whose every sign is the one that went with the steeper of them."""
        patterns = [offsets(self.rng, d.size) for _ in range(12)]
        values = np.array([self._slope(p, d, 1.0) for p in patterns])
        kept = np.isfinite(values)
        if kept.sum() >= 2:
            signs = np.sign(np.stack(patterns)[kept])
            steepest = np.sign((signs * (values[kept] - values[kept].mean())[:, None]).sum(0))
            steepest = np.where(steepest == 0, 1.0, steepest)
            for pattern in (steepest, -steepest):
                self.at(pattern)


def turned(offset: Array, i: Any, lead: float, rng: np.random.Generator) -> Array:
    """The offset with coordinate i, or several, in another place; never two alike, for that would be the tie again."""
    out = offset.copy()
    out[i] = lead * rng.uniform(0.95, 1.05, np.shape(i))
    return out


def is_a_neighbour(slopes: Slopes, g: Array, tolerance: Array) -> bool:
    """Is the claim the whole gradient of some neighbour? Found by moving one coordinate after another to match more."""
    if not slopes.searchable:
        return False

    def missed(offset: Array) -> float:
        found = slopes.at(offset)
        return np.inf if found is None else float(np.maximum(np.abs(found - g) - tolerance, 0).sum())

    best = offsets(slopes.rng, g.size)
    least = missed(best)
    for _, i, lead in itertools.product(range(ROUNDS), slopes.jumping, LEADS):
        if least == 0.0:
            return True
        trial = turned(best, i, lead, slopes.rng)
        value = missed(trial)
        if value < least:
            least, best = value, trial
    for i, j in itertools.combinations(slopes.jumping, 2):  # in a tie of many the order matters, not only who leads
        if least == 0.0:
            return True
        trial = best.copy()
        trial[[i, j]] = best[[j, i]]
        value = missed(trial)
        if value < least:
            least, best = value, trial
    return least == 0.0


def between(slopes: Slopes, g: Array, tolerance: Array, nearer: Array) -> Excuse:
    """Along coordinates, all of them at once and random mixtures: is the claim between the extremes?"""
    place, jumping, rng = slopes.place, slopes.jumping, slopes.rng
    excess = np.maximum(nearer.min(0) - g, g - nearer.max(0)) - tolerance
    worst = int(jumping[np.argmax(excess[jumping])])
    mixes = [_unit(g.size, [worst]), _unit(g.size, jumping)]
    turns = [offsets(rng, g.size) for _ in range(8)]  # half of one sign: sums over a tied set are seen along those
    mixes += [_unit(g.size, jumping) * (np.abs(turn) if k % 2 else turn) for k, turn in enumerate(turns)]
    if slopes.searchable:
        mixes += [_unit(g.size, [int(i)]) for i in jumping if i != worst]
    misses = 0
    for mix in mixes:
        if _inside(slopes, g, tolerance, mix * place.steps):
            continue
        misses += 1
        alone = np.count_nonzero(mix) == 1
        if alone or misses >= 2:
            i = int(np.flatnonzero(mix)[0]) if alone else worst
            k, index = place.entry(i)
            slopes.search(_unit(g.size, [i]), 1.0)
            slopes.search(_unit(g.size, [i]), -1.0)
            low, high = slopes.range(_unit(g.size, [i]))
            spot = k, index, float(g[i]), low, high
            if alone:
                return Excuse(Outcome.DISAGREES, "", place=spot)
            tied = tuple(place.entry(int(i)) for i in jumping[:SEARCHED])
            return Excuse(Outcome.DISAGREES, _in_sum(slopes, g, tolerance), place=spot, tied=tied)
    if misses:
        return Excuse(Outcome.BLUNT, "outside the slopes found nearby along one direction only")
    return Excuse(Outcome.AGREES, convention(place, g, nearer), seen=place.seen(nearer))


def _in_sum(slopes: Slopes, g: Array, tolerance: Array) -> str:
    """What is claimed of all entries together whose slopes jump, if that alone is too much or too little."""
    d = _unit(g.size, slopes.jumping)
    if _inside(slopes, g, tolerance, d):
        return ""
    low, high = slopes.range(d)
    valid = f"{low:.6g}" if f"{low:.6g}" == f"{high:.6g}" else f"from {low:.6g} to {high:.6g}"
    names = [slopes.place.named(int(i)) for i in slopes.jumping[:NAMED]]
    names += [f"{len(slopes.jumping) - NAMED} more"] if len(slopes.jumping) > NAMED else []
    total = float(g[slopes.jumping].sum())
    return f"{', '.join(names)} tie, or meet at a kink: in sum {total:.6g} is claimed, and {valid} is valid"


def _inside(slopes: Slopes, g: Array, tolerance: Array, d: Array) -> bool:
    """Whether the claim along d lies between the slopes nearby, searched where those met so far do not say so."""
    value, bar = float(g @ d), float(tolerance @ np.abs(d))
    low, high = slopes.range(d)
    for _ in range(SEARCHES):
        sign = 1.0 if value > high else -1.0
        if not low - bar <= value <= high + bar:
            slopes.search(d, sign, sign * value - bar)
            low, high = slopes.range(d)
    return low - bar <= value <= high + bar


def _unit(n: int, entries: Any) -> Array:
    out = np.zeros(n)
    out[entries] = 1.0
    return out
