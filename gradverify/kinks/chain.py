"""What no neighbour's slope allows may be the chain rule's own value, with a side taken at every tie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradverify._arrays import Array
from gradverify._method import Excuse
from gradverify._vectors import Vectors
from gradverify._verdict import Outcome
from gradverify.kinks.between import SEARCHED
from gradverify.kinks.boundary import boundaries, chain_rule_slopes
from gradverify.kinks.place import Place

JUMPS = 1e-3  # of the largest jump of a slope: what jumps by less stands still
CLOSE = 1e-9  # relative rounding of the chain rule's own value
TOWARDS = 500  # steps in search of a plane


def or_the_chain_rule_s(
    place: Place, near: list[tuple[Vectors, Array]], found: Excuse, rng: np.random.Generator
) -> Excuse:
    """The excuse; a claim outside the slopes nearby holds where the chain rule gives it, with a side at every tie.

    So a ReLU of centred values has slope 0 where all are equal, whoever differentiates it, and no neighbour has.
    Where slopes do not jump neighbours have shown what is right; of those that do the furthest outside are asked about.
    """
    if found.outcome is not Outcome.DISAGREES or found.place is None or not (met := boundaries(place.f, place.x)):
        return found
    g, slopes = place.claim(place.x), np.stack([gz for _, gz in near])
    jumps = np.ptp(slopes, axis=0) * place.steps
    jumping = np.flatnonzero(jumps > JUMPS * jumps.max(initial=0.0))
    if not jumping.size or not np.all(np.isfinite(g)):
        return found
    outside = np.maximum(slopes.min(axis=0) - g, g - slopes.max(axis=0)) * place.steps
    asked = jumping[np.argsort(-outside[jumping])][:SEARCHED]
    given = chain_rule_slopes(place.f, place.x, [place.along(int(i)) for i in asked], place.v, rng)
    if not len(given) or not in_hull((g * place.steps)[asked], given):
        return found
    note = f"outside the slopes nearby, and what the chain rule gives ({', '.join(met)}); right at all neighbours"
    return replace(found, outcome=Outcome.AGREES, note=note, isolated=True, seen=place.judged)


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
