"""How large an entry of an answer would be if nothing cancelled: |v||f|/s_i.

A term v_j f_j that cancels out of entry i was rounded at its own size; over a step s_i of the input that may leave
eps |v||f|/s_i in the entry, however small it is itself. Of values and forward rules all these sizes are one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradverify._arrays import Array, deferred, largest
from gradverify._subject import Broken
from gradverify._vectors import Answer

Sizes = dict[int, Array]  # by the part of the answer; none for parts without entries


def _sized(answer: Answer, **how: bool) -> Sizes:
    """The sizes of every entry, worked out once for each answer."""
    key = "natural", *sorted(how)
    if key not in answer.memo:
        try:
            sizes = answer.natural(**how)
        except Broken:
            sizes = tuple(np.broadcast_to(0.0, p.shape) for p in answer.parts)
        answer.memo[key] = {k: n for k, n in enumerate(sizes) if n.size and n.shape == answer.parts[k].shape}
    return dict(answer.memo[key])


def naturals_of(answer: Answer) -> Sizes:
    """|v||f|/s_i for every entry, the size without cancellation."""
    return _sized(answer)


def elsewhere_of(answer: Answer) -> Sizes:
    """The same, no smaller than it is where the inputs have other signs: eight more values, at given points."""
    here, there = _sized(answer), _sized(answer, elsewhere=True)
    return {k: deferred(np.fmax, n, there[k]) for k, n in here.items()}


def by_chance_of(answer: Answer) -> Sizes:
    """The same, as the root of the sum of squares: what rounds by chance adds up so."""
    return _sized(answer, scattered=True, usual=True)


def by_chance_elsewhere_of(answer: Answer, *, usual: bool = True) -> Sizes:
    """And where the inputs have other signs; over each entry's own step, however small, if not ``usual``."""
    return _sized(answer, scattered=True, elsewhere=True, **({"usual": True} if usual else {}))


def size_of(answer: Answer, sizes: Callable[[Answer], Sizes] = elsewhere_of) -> float:
    """|v||f|, here or elsewhere: what was summed, before it is divided by any step."""
    return max((largest(deferred(np.multiply, n, answer.x.steps[k])) for k, n in sizes(answer).items()), default=0.0)
