"""How much the subject's own code rounds: granted by count, by the size without cancellation, or measured.

What is measured is how the code's answer scatters when inputs and cotangent move by units in the last
place (an ECnoise table, More and Wild, SIAM J. Sci. Comput. 33, 2011), capped so that a hidden
low-precision cast is not excused. The judge decides which of the three is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from gradverify._chance import NOISE
from gradverify._floating import is_floating, limits, unit
from gradverify._subject import Broken, step_of
from gradverify._vectors import Answer, Array, Vectors, deferred, largest, slices, wide

ROUNDINGS = 16  # roundings of its own size that every computed entry is granted unmeasured
ROUNDINGS_HALF = 4  # the same for 16-bit types
SUBNORMALS = 1024  # smallest subnormals granted: what rounding costs, times a factor, where eps has no meaning
BASES = 3  # points beside x on whose lines scatter is measured
CLOSE = 16  # eps: where scatter is measured beside a point at which the function itself loses digits
AMPLIFIED = 64  # eps: a function that is itself further off in norm has lost its digits at this point
CAP = 2**20  # no scatter excuses more than this many eps of |v||f|/s_i or the entry: float32 inside costs 2^29
FLOOR_TWIN = 4  # the same beside a twin in higher precision, where an entry is not saturated
FLOOR = 32  # and none is believed below this many: saturated code shows no scatter
# How far from x scatter is measured, in steps.
NEAR = {"float64": 2.0**-22, "float32": 2.0**-12, "float16": 2.0**-5, "bfloat16": 2.0**-3}
# In units in the last place; odd, since multiples of a power of two leave the low bits and their rounding alone.
SPACINGS = {"float64": (17, 2**26 - 5), "float32": (7, 509), "float16": (1, 3), "bfloat16": (1, 3)}
EXPONENTS = 2.0**-27  # of an entry at most: where sums as large as f are exponentiated inside, exp(a + da) is off by da
MANY = 8  # entries of a sum at most that are off by their floor together: |v||f| is what all of them have in common
CHANCE = 9.0  # a sum of random signs exceeds so many times the root of its squares once in 1e17 (Hoeffding, 1963)
SCATTERED = 3.0  # the same where the bars are ten standard deviations as it is
Sizes = Callable[[Answer], Mapping[int, Array]]


@dataclass(frozen=True)
class Rounding:
    """How much of the code's own rounding is granted, to every entry or to a sum of them.

    To each its own size's; with ``sizes`` a floor of the size it has without cancellation; and, if ``measured``, its
    scatter: min(10 sigma, cap) + twice the answer to one unit in the last place.
    """

    sizes: Sizes | None = None
    measured: bool = False
    floor: int = FLOOR
    capped: bool = True

    def __call__(self, answer: Answer) -> tuple[Array, ...]:
        """For every entry."""
        seen = self._seen(answer)
        floors = self._floors(answer)
        parts = zip(self._own(answer), seen, floors, strict=True)
        return tuple(deferred(lambda o, s, f: o + np.maximum(s, f), *part) for part in parts)

    def along(self, answer: Answer, u: Vectors) -> float:
        """For the inner product with u, whose signs were drawn at random, independent of the answer, if it says so."""
        total = 0.0
        parts = zip(self._own(answer), self._seen(answer), self._floors(answer), u, strict=True)
        for own, seen, floor, d in parts:
            if d.size and own.size:
                total += together(_moved(own, d), CHANCE if u.random else np.inf)
                total += together(_moved(seen, d), SCATTERED if u.random else np.inf) if self.measured else 0.0
                total += min(d.size, MANY) * largest(_moved(floor, d))
        return total

    def _own(self, answer: Answer) -> tuple[Array, ...]:
        """Some roundings of every entry's own size; if measured, also what exponentiating a sum as large as f costs."""
        most, out = answer.largest() if self.measured else 0.0, []
        for part, eps in zip(answer.parts, answer.eps, strict=True):
            if not is_floating(part.dtype):
                out.append(np.broadcast_to(0.0, part.shape))
                continue
            count = ROUNDINGS_HALF if eps > 1e-4 else ROUNDINGS
            kind = limits(part.dtype)
            least = min(SUBNORMALS * kind.subnormal, kind.tiny / 16)
            share = min(FLOOR * eps * most, EXPONENTS)
            out.append(deferred(partial(_counted, count * eps + share, least), part))
        return tuple(out)

    def _floors(self, answer: Answer) -> tuple[Array, ...]:
        sizes = self.sizes(answer) if self.sizes is not None else {}
        parts = enumerate(zip(answer.parts, answer.eps, strict=True))
        return tuple(
            deferred(partial(_floor, self.floor * eps), sizes[k]) if k in sizes else np.broadcast_to(0.0, p.shape)
            for k, (p, eps) in parts
        )

    def _seen(self, answer: Answer) -> tuple[Array, ...]:
        if not self.measured or self.sizes is None:
            return tuple(np.broadcast_to(0.0, p.shape) for p in answer.parts)
        sigma, response, lost = _scattered(answer)
        sizes, out = self.sizes(answer), []
        for k, part in enumerate(answer.parts):
            eps = answer.eps[k]
            natural = sizes.get(k, np.broadcast_to(0.0, part.shape))
            capped = partial(_measured, CAP * eps if self.capped and not lost else np.inf)
            out.append(deferred(capped, part, natural, sigma[k], response[k]))
        return tuple(out)


def _floor(times: float, natural: Array) -> Array:
    return np.asarray(times * np.nan_to_num(natural, nan=0.0, posinf=0.0))


def _measured(cap: float, part: Array, natural: Array, sigma: Array, response: Array) -> Array:
    """Standard deviations of the scatter, no more than the cap, and the response."""
    size = np.abs(part.astype(np.float64))
    most = np.maximum(cap * np.maximum(_floor(1.0, natural), size), 64 * response) if np.isfinite(cap) else np.inf
    return np.asarray(np.minimum(NOISE * sigma, most) + 2 * response)


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


def _sized(answer: Answer, **how: bool) -> dict[int, Array]:
    """|v||f|/s_i for every entry (the size without cancellation), worked out once for each answer."""
    key = "natural", *sorted(how)
    if key not in answer.memo:
        try:
            sizes = answer.natural(**how)
        except Broken:
            sizes = tuple(np.broadcast_to(0.0, p.shape) for p in answer.parts)
        answer.memo[key] = {k: n for k, n in enumerate(sizes) if n.size and n.shape == answer.parts[k].shape}
    return dict(answer.memo[key])


def naturals_of(answer: Answer) -> dict[int, Array]:
    """|v||f|/s_i for every entry, the size without cancellation."""
    return _sized(answer)


def elsewhere_of(answer: Answer) -> dict[int, Array]:
    """The same, no smaller than it is where the inputs have other signs: asked for only after a mismatch."""
    here, there = _sized(answer), _sized(answer, elsewhere=True)
    return {k: deferred(np.fmax, n, there[k]) for k, n in here.items()}


def scattered_of(answer: Answer) -> dict[int, Array]:
    """The same, as what adds up by chance does."""
    return _sized(answer, scattered=True)


def scattered_elsewhere_of(answer: Answer) -> dict[int, Array]:
    """And where the inputs have other signs."""
    return _sized(answer, scattered=True, elsewhere=True)


def size_of(answer: Answer) -> float:
    """|v||f|, here or elsewhere: what was summed, before it is divided by any step."""
    return max(
        (largest(deferred(np.multiply, n, step_of(answer.x[k]))) for k, n in elsewhere_of(answer).items()), default=0.0
    )


granted = Rounding()
reordered = Rounding(naturals_of)
measured_rounding = Rounding(naturals_of, measured=True)
rounding_elsewhere = Rounding(elsewhere_of, measured=True)
uncapped = Rounding(elsewhere_of, measured=True, capped=False)
TWIN = (granted, *(Rounding(scattered_of, measured, FLOOR_TWIN) for measured in (False, True)))


def _scattered(answer: Answer) -> tuple[list[Array], list[Array], bool]:
    """How each entry scatters and answers to a unit in the last place, and whether f itself is lost; kept."""
    if "scatter" not in answer.memo:
        answer.memo["scatter"] = _scatters(answer)
    sigma, response, lost = answer.memo["scatter"]
    return sigma, response, lost


def _scatters(answer: Answer) -> tuple[list[Array], list[Array], bool]:
    coarse = answer.low if answer.low in NEAR else "float64"
    rng = np.random.default_rng(20261)
    amplified = answer.amplified()  # what the function itself loses here, its rules may lose too
    lost = amplified > AMPLIFIED
    shapes = [p.shape for p in answer.parts]
    sigma = [np.zeros(s) for s in shapes]
    response = [np.zeros(s) for s in shapes]
    for _ in range(BASES):
        base = _beside(answer, CLOSE * unit(coarse) if lost else NEAR[coarse], rng)
        here = [np.full(s, np.nan) for s in shapes]  # the widest spacing that stays finite: noise is no response
        for spacing in reversed(SPACINGS[coarse]):
            table = _table(answer, base, spacing, rng)
            for k, rows in enumerate(table or ()):
                if rows is None:
                    continue
                orders = (3, 4) if spacing > 2**6 else (2, 3, 4)
                sigma[k] = np.asarray(deferred(partial(_widest, orders), sigma[k], *rows))
                here[k] = np.asarray(deferred(partial(_first_finite, spacing), here[k], *rows))
        response = [np.fmax(r, h.astype(np.float64)) for r, h in zip(response, here, strict=True)]
    return sigma, response, lost


def _widest(orders: tuple[int, ...], known: Array, *rows: Array) -> Array:
    return np.maximum(known, _scatter(np.stack([wide(r) for r in rows]), orders))


def _first_finite(spacing: int, known: Array, *rows: Array) -> Array:
    """How much an entry changes by from row to row, in units of the spacing, where that is not known yet."""
    with np.errstate(all="ignore"):
        change = np.median(np.abs(np.diff(np.stack([wide(r) for r in rows]), axis=0)), axis=0) / spacing
    return np.where(np.isfinite(known), known, change)


def _beside(answer: Answer, distance: float, rng: np.random.Generator) -> Vectors:
    """A point beside x, a quarter of the way to a bound at most."""
    x = answer.x
    parts = list(x.parts)
    for k in answer.moves:
        a = x[k].astype(np.float64)
        low, high = (np.asarray(end, np.float64) for end in answer.bounds(k))
        with np.errstate(all="ignore"):
            room = np.maximum(np.minimum(a - low, high - a), 0) / 4
            step = np.minimum(
                distance * step_of(x[k]) * rng.uniform(0.5, 1.5, a.shape), np.where(room > 0, room, np.inf)
            )
        sign = np.where(a <= low, 1, np.where(a >= high, -1, rng.integers(0, 2, a.shape) * 2 - 1))
        parts[k] = _as(a + sign * step, x[k])
    return Vectors(tuple(parts), bare=x.bare)


def _as(numbers: Array, like: Array) -> Array:
    """These numbers in the type and the memory order of ``like``."""
    out = np.empty_like(like)
    out[...] = numbers
    return out


def _table(
    answer: Answer, base: Vectors, spacing: int, rng: np.random.Generator
) -> list[tuple[Array, ...] | None] | None:
    """Seven answers on a line through ``base``, inputs and (co)tangent moved by ``spacing`` ulps a step."""
    steps = [_steps(p, spacing, rng) if k in answer.moves else None for k, p in enumerate(base)]
    turn = [_steps(p, spacing, rng) if is_floating(p.dtype) else None for p in answer.v]

    def ulps(p: Array, step: Array | None, count: int) -> Array:
        if step is None or not is_floating(p.dtype):
            return p
        return _as(p + (count * step * np.spacing(np.abs(p))).astype(p.dtype), p)

    rows: list[tuple[Array, ...]] = []
    for j in range(-3, 4):
        x = Vectors(tuple(ulps(p, s, j) for p, s in zip(base, steps, strict=True)), bare=base.bare)
        v = Vectors(tuple(ulps(p, s, j) for p, s in zip(answer.v, turn, strict=True)), bare=answer.v.bare)
        try:
            rows.append(answer.again(x, v))
        except Broken:
            return None
    out: list[tuple[Array, ...] | None] = []
    for k, part in enumerate(answer.parts):
        same = part.size and all(r[k].shape == part.shape for r in rows)
        out.append(tuple(r[k] for r in rows) if same else None)
    return out


def _steps(p: Array, spacing: int, rng: np.random.Generator) -> Array:
    """How many units each entry moves a step, either way: even and odd numbers, so that sums of them are odd too."""
    return np.asarray((spacing + rng.integers(0, 2, p.shape)) * (rng.integers(0, 2, p.shape) * 2 - 1))


def _scatter(rows: Array, orders: tuple[int, ...]) -> Array:
    """The standard deviation of the noise in seven equally spaced values, from differences of these orders."""
    best = np.zeros(rows.shape[1:])
    with np.errstate(all="ignore"):
        for order in orders:
            d = np.diff(rows, n=order, axis=0)
            factor = math.factorial(order) ** 2 / math.factorial(2 * order)
            best = np.maximum(best, np.sqrt(factor * np.mean(d.astype(np.float64) ** 2, axis=0)))
    return np.nan_to_num(best, nan=0.0, posinf=0.0)
