"""A forward rule at a kink is right if, along the direction asked about, it lies among the slopes of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradverify._method import Excuse
from gradverify._subject import Broken, Subject
from gradverify._vectors import Estimate, Vectors
from gradverify._verdict import Outcome
from gradverify.kinks.chain import CLOSE
from gradverify.kinks.look import SLIGHT
from gradverify.kinks.place import COUNT, NEAR, NEARER, Place, offsets


def look_forward(f: Subject, x: Vectors, u: Vectors, v: Vectors, oracle: Any, rng: np.random.Generator) -> Excuse:
    """The same question for a forward rule, along the one direction it was asked about."""
    judged = tuple(k for k, p in enumerate(u) if p.size)
    place = Place(f, x, v, judged)
    n = sum(x[k].size for k in judged)
    claimed, values, right = f.pushforward(x, u).inner(v).value, [], 0
    for j in range(2 * COUNT):
        z = place.beside(NEAR if j < COUNT else NEARER, offsets(rng, n))
        try:
            slope = f.pushforward(z, u).inner(v)
            if j < 4:
                known = oracle.directional(f, z, u, v)
                if isinstance(known, Estimate):
                    gap = abs(known.value - slope.value)
                    right += 1 if gap <= known.error + slope.error + CLOSE * abs(known.value) else -4
        except Broken:
            continue
        values.append(slope.value)
    if right <= 0 or not values:
        return Excuse(
            Outcome.DISAGREES if right < 0 else Outcome.BLUNT, "" if right < 0 else "no neighbour could be judged"
        )
    width = SLIGHT * max(abs(s) for s in values)
    if min(values) - width <= claimed <= max(values) + width:
        return Excuse(Outcome.AGREES, "a kink: the claim lies among the slopes nearby", seen=judged)
    return Excuse(Outcome.DISAGREES, "")
