"""How much of the subject's own rounding is granted, level by level: the next only if the one before is too little.

``OWN``: a few roundings of an entry's own size. ``FLOORED``: and of the size it has without cancellation. ``MEASURED``:
and what the code is seen to scatter by, which has a cap, so that a hidden float32 cast is not excused.
``ELSEWHERE``: and what f is rounded by where it is larger (at generated points that is known, and the same).
Where accuracy is the question, neither of the last two: what roundings of the inputs change is granted in their place
(``bars``).
An answer in few digits beside its twin in many has levels of its own: the twin is what sees a cast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from gradverify._arrays import Array, deferred, largest, slices
from gradverify._chance import NOISE
from gradverify._floating import is_floating, limits
from gradverify._vectors import Answer, Vectors
from gradverify.judge.scatter import scatter_of
from gradverify.judge.sizes import Sizes, by_chance_of, elsewhere_of, naturals_of

ROUNDINGS = 16  # roundings of its own size that every computed entry is granted unmeasured
ROUNDINGS_HALF = 4  # the same for 16-bit types, ...
HALF = 1e-4  # ... whose eps is above this
SUBNORMALS = 1024  # smallest subnormals granted, tiny / 16 at most: where eps means nothing
CAP = 2**20  # eps of |v||f|/s_i or of the entry, or 64 responses: no scatter excuses more. float32 inside costs 2^29
FLOOR = 32  # eps of |v||f|/s_i that every entry is granted at least: saturated code shows no scatter
FLOOR_TWIN = 4  # in place of FLOOR, beside a twin in higher precision
EXPONENTS = 2.0**-27  # of an entry at most: where sums as large as f are exponentiated inside, exp(a + da) is off by da
MANY = 8  # entries of a sum at most that are off by their floor together: |v||f| is what all of them have in common
# A sum of random signs exceeds so many times the root of its squares once in 1e17, one of signs in pairs, as they are
# in a symmetric matrix, once in 3e8 (Hoeffding, 1963).
CHANCE = 9.0
SCATTERED = 3.0  # the same where the bars are ten standard deviations as it is


@dataclass(frozen=True)
class Rounding:
    """One level: own + max(floor, scatter) for an entry; for a sum own + scatter + floor, each added as chance adds it.

    The floor is ``floor`` eps of ``sizes``; the scatter, if ``measured``, min(10 sigma, cap) + twice the change for a
    unit in the last place.
    """

    sizes: Callable[[Answer], Sizes] | None = None
    measured: bool = False
    floor: int = FLOOR
    capped: bool = True

    def __call__(self, answer: Answer) -> tuple[Array, ...]:
        """For every entry."""
        seen = self._seen(answer)
        floors = self._floors(answer)
        none = [np.broadcast_to(0.0, p.shape) for p in answer.parts]
        parts = ((o, seen.get(k, none[k]), floors.get(k, none[k])) for k, o in enumerate(self._own(answer)))
        return tuple(deferred(lambda o, s, f: o + np.maximum(s, f), *part) for part in parts)

    def along(self, answer: Answer, u: Vectors) -> float:
        """For the inner product with u, whose signs were drawn at random, independent of the answer, if it says so."""
        total, seen, floors = 0.0, self._seen(answer, u), self._floors(answer)
        for k, (own, d) in enumerate(zip(self._own(answer), u, strict=True)):
            if d.size and own.size:
                total += together(_moved(own, d), CHANCE if u.random else np.inf)
                total += together(_moved(seen[k], d), SCATTERED if u.random else np.inf) if k in seen else 0.0
                if k in floors:
                    total += min(d.size, MANY) * largest(_moved(_over_usual_steps(answer, k, floors[k]), d))
        return total

    def _own(self, answer: Answer) -> tuple[Array, ...]:
        """Some roundings of every entry's own size; if measured, also what exponentiating a sum as large as f costs."""
        out = []
        for k, (part, eps) in enumerate(zip(answer.parts, answer.eps, strict=True)):
            if not is_floating(part.dtype):
                out.append(np.broadcast_to(0.0, part.shape))
                continue
            count = ROUNDINGS_HALF if eps > HALF else ROUNDINGS
            kind = limits(part.dtype)
            least = min(SUBNORMALS * kind.subnormal, kind.tiny / 16)
            share = exponents(answer, k) if self.measured else 0.0
            out.append(deferred(partial(_counted, count * eps + share, least), part))
        return tuple(out)

    def _floors(self, answer: Answer) -> Sizes:
        sizes = self.sizes(answer) if self.sizes is not None else {}
        return {k: deferred(partial(_floor, self.floor * answer.eps[k]), size) for k, size in sizes.items()}

    def _seen(self, answer: Answer, u: Vectors | None = None) -> Sizes:
        if not self.measured or self.sizes is None:
            return {}
        sigma, response, lost = scatter_of(answer, u)
        sizes, out = self.sizes(answer), {}
        for k, part in enumerate(answer.parts):
            eps = answer.eps[k]
            natural = sizes.get(k, np.broadcast_to(0.0, part.shape))
            within = partial(_capped, CAP * eps if self.capped and not lost else np.inf)
            out[k] = deferred(within, part, natural, sigma[k], response[k])
        return out


def exponents(answer: Answer, k: int) -> float:
    """The share of every entry of a part that exponentiating a sum as large as f costs."""
    return min(FLOOR * answer.eps[k] * answer.largest(), EXPONENTS)


def _floor(times: float, natural: Array) -> Array:
    return times * np.where(np.isfinite(natural), natural, 0.0)


def _capped(cap: float, part: Array, natural: Array, sigma: Array, response: Array) -> Array:
    """Standard deviations of the scatter, no more than the cap, and the response."""
    size = np.abs(part.astype(np.float64))
    most = np.maximum(cap * np.maximum(_floor(1.0, natural), size), 64 * response) if np.isfinite(cap) else np.inf
    return np.asarray(np.minimum(NOISE * sigma, most) + 2 * response)


def _over_usual_steps(answer: Answer, k: int, floor: Array) -> Array:
    """The floors over steps of the argument's usual size at least: small entries moved as far as others are no more."""
    if k >= len(answer.x) or answer.x[k].shape != floor.shape:
        return floor
    usual = answer.x.usual_steps[k]
    return deferred(lambda f, s: f * (s / np.maximum(s, usual)), floor, answer.x.steps[k])


def _moved(bars: Array, u: Array) -> Array:
    """What each entry is off by along u."""
    return deferred(lambda bar, d: bar * np.abs(d), bars, u)


def together(bars: Array, times: float) -> float:
    """What entries off by up to these bars add up to: their sum, or so many times the root of their squares."""
    sums = [(float(run.sum()), float((run**2).sum())) for (run,) in slices(bars)]
    total, squares = (sum(column) for column in zip(*sums, strict=True))
    return float(min(total, times * math.sqrt(squares)))


def _counted(times: float, least: float, part: Array) -> Array:
    size = np.abs(part.astype(np.float64))
    return np.asarray(times * np.where(np.isfinite(size), size, 0) + least)


OWN = Rounding()
FLOORED = Rounding(naturals_of)
MEASURED = Rounding(naturals_of, measured=True)
ELSEWHERE = Rounding(elsewhere_of, measured=True)
UNCAPPED = Rounding(elsewhere_of, measured=True, capped=False)
BESIDE_TWIN = (OWN, *(Rounding(by_chance_of, measured, FLOOR_TWIN) for measured in (False, True)))


def levels(relation: str, *, scatter: bool, twin: bool = False) -> tuple[Rounding, ...]:
    """What is granted, one after another; equal bits come of equal inputs, so that no scatter excuses others."""
    granted = BESIDE_TWIN if twin else (OWN, FLOORED, MEASURED, ELSEWHERE)
    return granted[:2] if not scatter or (relation == "same bits" and not twin) else granted
