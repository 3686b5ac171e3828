"""How much the subject's own code rounds: granted by count, by the size without cancellation, or measured.

What is measured is how the code's answer scatters when inputs and cotangent move by units in the last
place (an ECnoise table, More and Wild, SIAM J. Sci. Comput. 33, 2011), capped so that a hidden
low-precision cast is not excused. The judge decides which of the three is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from gradverify._floating import is_floating, limits, unit
from gradverify._subject import Broken, step_of
from gradverify._vectors import Answer, Array, Vectors, wide

ROUNDINGS = 16  # roundings of its own size that every computed entry is granted unmeasured
ROUNDINGS_HALF = 4  # the same for 16-bit types
SUBNORMALS = 1024  # smallest subnormals granted: what rounding costs, times a factor, where eps has no meaning
BASES = 3  # points beside x on whose lines scatter is measured
CLOSE = 16  # eps: where scatter is measured beside a point at which the function itself loses digits
NOISE = 10  # standard deviations of measured rounding
AMPLIFIED = 64  # eps: a function that is itself further off in norm has lost its digits at this point
CAP = 2**20  # no scatter excuses more than this many eps of |v||f|/s_i or the entry: float32 inside costs 2^29
FLOOR = 32  # and none is believed below this many: saturated code shows no scatter
# How far from x scatter is measured, in steps.
NEAR = {"float64": 2.0**-22, "float32": 2.0**-12, "float16": 2.0**-5, "bfloat16": 2.0**-3}
# In units in the last place; odd, since multiples of a power of two leave the low bits and their rounding alone.
SPACINGS = {"float64": (17, 2**26 - 5), "float32": (7, 509), "float16": (1, 3), "bfloat16": (1, 3)}
EXPONENTS = 2.0**-27  # of an entry at most: where sums as large as f are exponentiated inside, exp(a + da) is off by da
Rounding = Callable[[Answer], tuple[Array, ...]]


def granted(answer: Answer) -> tuple[Array, ...]:
    """A few roundings of every entry's own size."""
    out = []
    for part, eps in zip(answer.parts, answer.eps, strict=True):
        count = ROUNDINGS_HALF if eps > 1e-4 else ROUNDINGS
        if not is_floating(part.dtype):
            out.append(np.zeros(part.shape))
            continue
        kind = limits(part.dtype)
        least = min(SUBNORMALS * kind.subnormal, kind.tiny / 16)
        size = np.abs(part.astype(np.float64))
        out.append(count * eps * np.where(np.isfinite(size), size, 0) + least)
    return tuple(out)


def reordered(answer: Answer) -> tuple[Array, ...]:
    """And of the size it has without cancellation: what another order of summation may change."""
    naturals = naturals_of(answer)
    return tuple(
        own + FLOOR * eps * np.nan_to_num(naturals.get(k, np.zeros(own.shape)), nan=0.0, posinf=0.0)
        for k, (own, eps) in enumerate(zip(granted(answer), answer.eps, strict=True))
    )


def naturals_of(answer: Answer) -> dict[int, Array]:
    """|v||f|/s_i for every entry (the size without cancellation), worked out once for each answer."""
    if "natural" not in answer.memo:
        try:
            sizes = answer.natural()
        except Broken:
            sizes = tuple(np.zeros(p.shape) for p in answer.parts)
        answer.memo["natural"] = {k: n for k, n in enumerate(sizes) if n.size and n.shape == answer.parts[k].shape}
    return dict(answer.memo["natural"])


def elsewhere_of(answer: Answer) -> dict[int, Array]:
    """The same, no smaller than it is where the inputs have other signs: asked for only after a mismatch."""
    if "elsewhere" not in answer.memo:
        here = naturals_of(answer)
        there = answer.elsewhere() if answer.elsewhere is not None else here
        answer.memo["elsewhere"] = {k: np.fmax(n, there[k]) for k, n in here.items()}
    return dict(answer.memo["elsewhere"])


def size_of(answer: Answer) -> float:
    """|v||f|, here or elsewhere: what was summed, before it is divided by any step."""
    return max(
        (float(np.max(n * step_of(answer.x[k]), initial=0.0)) for k, n in elsewhere_of(answer).items()), default=0.0
    )


def measured_rounding(answer: Answer) -> tuple[Array, ...]:
    """min(10 sigma, cap) + twice the answer to one unit in the last place, and never below the floor."""
    if "rounding" not in answer.memo:
        answer.memo["rounding"] = _budget(answer, naturals_of(answer))
    return tuple(answer.memo["rounding"])


def rounding_elsewhere(answer: Answer) -> tuple[Array, ...]:
    """The same with the cap and the floor of the size that f has elsewhere."""
    return _budget(answer, elsewhere_of(answer))


def _budget(answer: Answer, naturals: Mapping[int, Array]) -> tuple[Array, ...]:
    sigma, response, lost = _scattered(answer)
    own, largest, out = granted(answer), answer.largest(), []
    for k, part in enumerate(answer.parts):
        eps, size = answer.eps[k], np.abs(part.astype(np.float64))
        natural = np.nan_to_num(naturals.get(k, np.zeros(part.shape)), nan=0.0, posinf=0.0)
        cap = np.inf if lost else np.maximum(CAP * eps * np.maximum(natural, size), 64 * response[k])
        budget = np.minimum(NOISE * sigma[k], cap) + 2 * response[k]
        share = min(FLOOR * eps * largest, EXPONENTS)
        out.append(np.maximum(budget, FLOOR * eps * natural) + own[k] + share * size)
    return tuple(out)


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
                sigma[k] = np.maximum(sigma[k], _scatter(rows, orders))
                with np.errstate(all="ignore"):
                    change = np.median(np.abs(np.diff(rows, axis=0)), axis=0) / spacing
                here[k] = np.where(np.isfinite(here[k]), here[k], change)
        response = [np.fmax(r, h.astype(np.float64)) for r, h in zip(response, here, strict=True)]
    return sigma, response, lost


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


def _table(answer: Answer, base: Vectors, spacing: int, rng: np.random.Generator) -> list[Array | None] | None:
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
    out: list[Array | None] = []
    for k, part in enumerate(answer.parts):
        same = part.size and all(r[k].shape == part.shape for r in rows)
        out.append(np.stack([wide(r[k]) for r in rows]) if same else None)
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
