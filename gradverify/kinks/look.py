"""Where neighbours' claims are right, the claim at the point is held against theirs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._method import Excuse
from gradverify._subject import Broken
from gradverify._vectors import Vectors
from gradverify._verdict import Outcome
from gradverify.judge.rounding import MEASURED
from gradverify.kinks.between import LEADS, SEARCHED, Slopes, between, is_a_neighbour, turned
from gradverify.kinks.boundary import boundaries, chain_rule_values
from gradverify.kinks.chain import CLOSE, or_the_chain_rule_s
from gradverify.kinks.neighbours import judged_neighbours, refuted
from gradverify.kinks.place import COUNT, NEAR, NEARER, Place, convention, finite, offsets, outside, ramps

GROWS = 100  # so much steeper at the nearer neighbours: a slope without bound
SHRINKS = 1e-3  # of the slopes' spread at the farther neighbours: a jump keeps all of it, x|x|^(1/2) keeps 2^-10
SLIGHT = 1e-6  # of an entry's slope: the smallest jump worth a word
FAINT = 1e-7  # of the largest slope, step for step: the same beside larger entries
TURNS = 3  # other cotangents for which a claim at a kink must be valid too ...
PAIRS = 2  # ... where no more slopes jump than this: ties of two, whose search is short


@np.errstate(all="ignore")
def look(place: Place, oracle: Any, quick: Any, rng: np.random.Generator, *, even: bool) -> Excuse:
    """Does the claim at this point lie among the slopes nearby, for this cotangent and for others?

    A rule may be valid at a tie for cotangents of one sign and wrong for those of another. ``quick`` is asked about
    neighbours first, and the oracle where that disagrees; ``even`` is how tangents there are drawn.
    """
    try:
        near = list(finite(place, NEAR, (offsets(rng, place.claim(place.x).size) for _ in range(COUNT))))
    except Broken as failure:
        return Excuse(Outcome.BLUNT, str(failure))
    right, wrong = judged_neighbours(place, near[:4], oracle, quick, rng, even=even)
    if wrong and wrong >= right:
        return Excuse(Outcome.DISAGREES, "", beside=partial(refuted, place, near[:4] if not right else [], oracle))
    if near and not right:
        return Excuse(Outcome.BLUNT, "a kink, a jump or noise: no neighbour could be judged either")
    first = _compared(place, near, rng)
    if first.outcome is Outcome.AGREES and first.note and not first.isolated and _jumping(near) <= PAIRS:
        for _ in range(TURNS):
            other = _turned(place, near, rng)
            found = _compared(*other, rng)
            if found.outcome is Outcome.DISAGREES:
                return or_the_chain_rule_s(*other, found, rng)
    return or_the_chain_rule_s(place, near, first, rng)


def _jumping(near: list[tuple[Vectors, Array]]) -> int:
    """The coordinates whose slope is not the same at all neighbours."""
    slopes = np.stack([g for _, g in near])
    return int(np.count_nonzero(np.ptp(slopes, axis=0) > 2 * SHRINKS * np.abs(slopes).max(axis=0)))


def _turned(
    place: Place, near: list[tuple[Vectors, Array]], rng: np.random.Generator
) -> tuple[Place, list[tuple[Vectors, Array]]]:
    """The same place and neighbours, seen with another cotangent: other signs and sizes."""
    parts = (np.asarray(p * offsets(rng, p.size).reshape(p.shape)).astype(p.dtype) for p in place.v)
    other = replace(place, v=Vectors(tuple(parts), bare=place.v.bare))
    return other, [(z, other.claim(z)) for z, _ in near]


def _compared(place: Place, near: list[tuple[Vectors, Array]], rng: np.random.Generator) -> Excuse:
    """The claim for this cotangent beside those of neighbours that are right."""
    try:
        g = place.claim(place.x)
        n = g.size
        nearer = list(finite(place, NEARER, iter((*(offsets(rng, n) for _ in range(COUNT)), *ramps(n)))))
    except Broken as failure:
        return Excuse(Outcome.BLUNT, str(failure))
    if not near or not nearer:
        return Excuse(
            Outcome.BLUNT,
            "no neighbour could be judged: the function or the rule is not finite beside this point, or refuses",
        )
    slopes = np.stack([gz for _, gz in nearer])
    tolerance = _tolerance(place, near, slopes)
    if np.abs(slopes).max() > GROWS * np.abs(np.stack([gz for _, gz in near])).max() > 0:
        return Excuse(Outcome.BLUNT, "the slope is infinite here: the neighbours' grow without end")
    if not np.all(np.isfinite(g)):
        i = int(np.flatnonzero(~np.isfinite(g))[0])
        return (
            outside(place, i, g[i], slopes[:, i])
            if np.all(np.isfinite(slopes))
            else Excuse(Outcome.BLUNT, "not finite here nor beside")
        )
    if np.any(np.all(np.abs(slopes - g) <= tolerance, axis=1)):
        jumps = bool(np.any(np.ptp(slopes, axis=0) > tolerance))
        return Excuse(Outcome.AGREES, convention(place, g, slopes) if jumps else "", seen=place.seen(slopes))
    off = _off(g, slopes, tolerance)
    if off.size:  # in a tie of many not every one leads at some neighbour by chance
        each = np.split(off, off.size) if off.size <= SEARCHED else [off]
        leading = (turned(offsets(rng, n), i, lead, rng) for i in each for lead in (LEADS[0], LEADS[-1]))
        slopes = np.vstack([slopes, *(gz for _, gz in finite(place, NEARER, leading))])
        off = _off(g, slopes, tolerance)
    jumping = np.flatnonzero(np.ptp(slopes, axis=0) > tolerance)
    if off.size:
        return _isolated(place, int(off[np.argmax(np.abs(g - slopes[0])[off])]), g, slopes, rng)
    known = Slopes(place, jumping, slopes, rng)
    if is_a_neighbour(known, g, tolerance):
        return Excuse(Outcome.AGREES, convention(place, g, slopes), seen=place.seen(slopes))
    return between(known, g, tolerance, slopes)


def _off(g: Array, slopes: Array, tolerance: Array) -> Array:
    """The coordinates at which all neighbours have one slope, and the claim is another."""
    settled = np.ptp(slopes, axis=0) <= tolerance
    return np.flatnonzero(settled & (np.abs(g - slopes[0]) > tolerance))


def _tolerance(place: Place, near: list[tuple[Vectors, Array]], slopes: Array) -> Array:
    """Rounding (measured beside the kink, not at it), and what is no jump because it shrinks with the distance."""
    own = MEASURED(place.f.pullback(near[0][0], place.v).answers[0].answer)
    budget = np.concatenate([own[k].ravel() for k in place.judged])
    size, steps = np.max(np.abs(slopes), axis=0), place.steps
    shrinking = SHRINKS * np.ptp(np.stack([g for _, g in near]), axis=0)
    return np.asarray(budget + shrinking + SLIGHT * size + FAINT * float(np.max(size * steps, initial=0.0)) / steps)


def _isolated(place: Place, i: int, g: Array, slopes: Array, rng: np.random.Generator) -> Excuse:
    """A mismatch at this point alone: wrong on smooth ground, the chain rule's where kinks cancel, or unknown."""
    met = boundaries(place.f, place.x)
    k, index = place.entry(i)
    if met is None:
        why = "whether the function stands on a tie or a kink here cannot be told"
        return Excuse(Outcome.BLUNT, f"wrong at this isolated point, and {why}")
    if not met:
        return Excuse(Outcome.DISAGREES, "")
    spot = (k, index, float(g[i]), float(slopes[:, i].min()), float(slopes[:, i].max()))
    values = chain_rule_values(place.f, place.x, place.along(i), place.v, rng)
    if not values:
        return Excuse(
            Outcome.BLUNT, f"not the slope nearby, and what the chain rule gives at {met[0]} could not be found"
        )
    low, high = min(values) / place.steps[i], max(values) / place.steps[i]
    if not low - abs(low) * CLOSE <= g[i] <= high + abs(high) * CLOSE:
        return Excuse(Outcome.DISAGREES, "", place=(k, index, float(g[i]), low, high))
    met_here = f"{', '.join(met)} at {place.f.names[k]}"
    note = f"not the derivative at this isolated point, where kinks cancel ({met_here}); right at all neighbours"
    return Excuse(Outcome.AGREES, note, isolated=True, place=spot, seen=place.seen(slopes))
