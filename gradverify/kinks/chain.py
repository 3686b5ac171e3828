"""What no neighbour's slope allows may be the chain rule's own value, with a side taken at every tie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradverify._arrays import Array
from gradverify._method import Excuse
from gradverify._vectors import Vectors
from gradverify._verdict import Outcome
from gradverify.kinks.between import SEARCHED
from gradverify.kinks.boundary import boundaries, chain_rule_slopes, chain_rule_values
from gradverify.kinks.place import Place, offsets

JUMPS = 1e-3  # of the largest jump of a slope: what jumps by less stands still
CLOSE = 1e-9  # relative rounding of the chain rule's own value
ALONG = 16  # random directions that are asked where too many slopes jump to ask all
TOWARDS = 500  # steps in search of a plane


def or_the_chain_rule_s(
    place: Place, near: list[tuple[Vectors, Array]], found: Excuse, rng: np.random.Generator
) -> Excuse:
    """The excuse; a claim outside the slopes nearby holds where the chain rule gives it, with a side at every tie.

    So a ReLU of centred values has slope 0 where all are equal, whoever differentiates it, and no neighbour has.
    Where slopes do not jump neighbours have shown what is right.
    """
    if found.outcome is not Outcome.DISAGREES or found.place is None or not (met := boundaries(place.f, place.x)):
        return found
    g = place.claim(place.x)
    jumps = np.ptp(np.stack([gz for _, gz in near]), axis=0) * place.steps
    jumping = np.flatnonzero(jumps > JUMPS * jumps.max(initial=0.0))
    if not jumping.size or not np.all(np.isfinite(g)):
        return found
    if jumping.size <= SEARCHED:
        given = chain_rule_slopes(place.f, place.x, [place.along(int(i)) for i in jumping], place.v, rng)
        inside = bool(len(given)) and in_hull((g * place.steps)[jumping], given)
    else:
        inside = all(_given(place, g, jumping, rng) for _ in range(ALONG))
    if not inside:
        return found
    note = f"outside the slopes nearby, and what the chain rule gives ({', '.join(met)}); right at all neighbours"
    return replace(found, outcome=Outcome.AGREES, note=note, isolated=True, seen=place.judged)


def _given(place: Place, g: Array, jumping: Array, rng: np.random.Generator) -> bool:
    """Is what is claimed along a random direction among what the chain rule gives there?"""
    d = np.zeros(g.size)
    d[jumping] = (offsets(rng, g.size) * place.steps)[jumping]
    values, claimed = chain_rule_values(place.f, place.x, place.shaped(d), place.v, rng), float(g @ d)
    width = CLOSE * float(np.abs(g * d).sum())
    return bool(values) and min(values) - width <= claimed <= max(values) + width


def in_hull(target: Array, points: Array) -> bool:
    """Does no plane part the target from the points? Sought by Frank and Wolfe's steps to the nearest mixture."""
    mixture, scale = points.mean(axis=0), float(np.abs(points).max(initial=0.0))
    for _ in range(TOWARDS):
        r = target - mixture
        along = points @ r
        if target @ r - along.max() > CLOSE * scale * float(np.abs(r).sum()):
            return False
        step = points[int(np.argmax(along))] - mixture
        length = float(step @ step)
        if length == 0.0:
            break
        mixture = mixture + min(max(float(step @ r) / length, 0.0), 1.0) * step
    return True
