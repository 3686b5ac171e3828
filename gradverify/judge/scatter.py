"""How the subject's code scatters: its answers when inputs and cotangent move by units in the last place.

An ECnoise table (More and Wild, SIAM J. Sci. Comput. 33, 2011) at three points beside x, at two spacings: what rounding
does there by chance, and how much the answer changes for each unit.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np

from gradverify._arrays import SLICE, Array, deferred, wide
from gradverify._floating import is_floating, unit
from gradverify._subject import Broken
from gradverify._vectors import Answer, Vectors

BASES = 3  # points beside x on whose lines scatter is measured
CLOSE = 16  # eps: where scatter is measured beside a point at which the function itself loses digits
MOVES = 4  # of all inputs and cotangents at once, each both ways
AMPLIFIED = 64  # eps: a function that is itself further off in norm has lost its digits at this point
# How far from x scatter is measured, in steps.
NEAR = {"float64": 2.0**-22, "float32": 2.0**-12, "float16": 2.0**-5, "bfloat16": 2.0**-3}
# In units in the last place; not powers of two, whose multiples leave the low bits and their rounding alone.
SPACINGS = {"float64": (17, 2**26 - 5), "float32": (7, 509), "float16": (1, 3), "bfloat16": (1, 3)}
FEW = 64  # entries that move: of the others nothing is measured
WIDE = 2**6  # a spacing from which second differences are curvature, not noise


def scatter_of(answer: Answer, u: Vectors | None = None) -> tuple[list[Array], list[Array], bool]:
    """How each entry scatters and answers to a unit in the last place, and whether f itself is lost; kept.

    Along a tangent ``u`` that moves a few entries of very many, of those alone: of others 0.
    """
    marked = _few_of_many(answer, u)
    key = "scatter", *(tuple(m.tolist()) for m in marked or ())
    if key not in answer.memo:
        answer.memo[key] = _measured(answer) if marked is None else _filled(answer, marked)
    sigma, response, lost = answer.memo[key]
    return sigma, response, lost


def _few_of_many(answer: Answer, u: Vectors | None) -> list[Array] | None:
    """The entries that a tangent moves in every part, where those are a few of many, and all is not known yet."""
    if u is None or ("scatter",) in answer.memo or sum(p.size for p in answer.parts) <= SLICE:
        return None
    marked = [np.flatnonzero(d) if p.size else np.zeros(0, int) for p, d in zip(answer.parts, u, strict=True)]
    return marked if sum(m.size for m in marked) <= FEW else None


def _filled(answer: Answer, marked: list[Array]) -> tuple[list[Array], list[Array], bool]:
    """What is measured of the entries marked, and 0 elsewhere."""

    def again(x: Vectors, v: Vectors) -> tuple[Array, ...]:
        return tuple(_taken(p, q, m) for p, q, m in zip(answer.again(x, v), answer.parts, marked, strict=True))

    parts = tuple(_taken(p, p, m) for p, m in zip(answer.parts, marked, strict=True))
    *found, lost = _measured(replace(answer, again=again, parts=parts, memo={}))
    whole: list[list[Array]] = []
    for some in found:
        every = [np.zeros(p.shape) for p in answer.parts]
        for to, numbers, m in zip(every, some, marked, strict=True):
            to.reshape(-1)[m] = numbers
        whole.append(every)
    return whole[0], whole[1], lost


def _taken(p: Array, like: Array, marked: Array) -> Array:
    """The entries marked; all, where the shape is not the one that was marked, so that it will not do."""
    return p.reshape(-1)[marked] if p.shape == like.shape else p


def _measured(answer: Answer) -> tuple[list[Array], list[Array], bool]:
    coarse = answer.low if answer.low in NEAR else "float64"
    rng = np.random.default_rng(20261)
    lost = answer.amplified() > AMPLIFIED  # what the function loses here its rules may lose too; never in float64
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
                orders = (3, 4) if spacing > WIDE else (2, 3, 4)
                sigma[k] = np.asarray(deferred(partial(_widest, orders), sigma[k], *rows))
                here[k] = np.asarray(deferred(partial(_first_finite, spacing), here[k], *rows))
        response = [np.fmax(r, h.astype(np.float64)) for r, h in zip(response, here, strict=True)]
    return sigma, response, lost


def response_of(answer: Answer, share: float) -> tuple[Array, ...]:
    """The most that every entry changed by in a few moves of all inputs and cotangents by this share, either way."""
    key = "response", share
    if key not in answer.memo:
        rng, most = np.random.default_rng(20263), tuple(np.zeros(p.shape) for p in answer.parts)
        for _ in range(MOVES):
            signs = [rng.integers(0, 2, p.shape) * 2 - 1 for p in (*answer.x, *answer.v)]
            for way in (share, -share):
                moved = iter(signs)
                x = [_within(p, way * next(moved), answer, k) for k, p in enumerate(answer.x)]
                v = [_scaled(p, way * next(moved)) for p in answer.v]
                try:
                    parts = answer.again(Vectors(tuple(x), bare=answer.x.bare), Vectors(tuple(v), bare=answer.v.bare))
                except Broken:
                    continue
                pairs = zip(most, parts, answer.parts, strict=True)
                most = tuple(m if p.shape != q.shape else np.fmax(m, np.abs(wide(p) - wide(q))) for m, p, q in pairs)
        answer.memo[key] = most
    found: tuple[Array, ...] = answer.memo[key]
    return found


def _within(p: Array, share: Array, answer: Answer, k: int) -> Array:
    """The input moved by this share of itself, within its bounds; as it is where it may not move."""
    return np.clip(_scaled(p, share), *answer.bounds(k)).astype(p.dtype) if k in answer.moves else p


def _scaled(p: Array, share: Array) -> Array:
    return _as(p + share * p, p) if is_floating(p.dtype) else p


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
            step = np.minimum(distance * x.steps[k] * rng.uniform(0.5, 1.5, a.shape), np.where(room > 0, room, np.inf))
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
        d = np.diff(rows, n=orders[0] - 1, axis=0)
        for order in orders:  # one after another
            d = np.diff(d, axis=0)
            factor = math.factorial(order) ** 2 / math.factorial(2 * order)
            best = np.maximum(best, np.sqrt(factor * np.mean(d.astype(np.float64) ** 2, axis=0)))
    return np.nan_to_num(best, nan=0.0, posinf=0.0)
