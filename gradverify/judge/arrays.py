"""Two tuples of arrays are compared entry by entry: no entry's bar depends on the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradverify._claim import Claim
from gradverify._floating import is_floating, is_inexact, is_number, limits
from gradverify._vectors import Answer, Array, Vectors, wide
from gradverify._verdict import Outcome
from gradverify.judge.judgement import EDGE, FAULT, FAULT_EPS, TINY, ZERO, Judgement
from gradverify.judge.rounding import FLOOR, ROUNDINGS, Rounding, elsewhere_of, measured_rounding, naturals_of, size_of

SLOPE_SIGMAS = 10  # standard deviations of a common factor
FEWEST = 4  # entries, in effect, that a common factor is worked out from


def compared(claim: Claim, left: Vectors, right: Vectors, levels: tuple[Rounding, ...]) -> Judgement:
    """Part by part; only a part that disagrees is granted more."""
    worst: Judgement | None = None
    ratio, hint = 0.0, ""
    sight: dict[int, str] = {}
    smallest: dict[int, float] = {}
    exact = claim.relation == "same bits"
    for k, (a, b) in enumerate(zip(left, right, strict=True)):
        words = not is_number(a.dtype) or not is_number(b.dtype)
        if a.shape != b.shape or (words and not np.array_equal(a, b)):
            sides = (str(a), str(b)) if words else (f"shape {a.shape}", f"shape {b.shape}")
            return Judgement(Outcome.DISAGREES, math.inf, 0.0, k, None, *sides, note=claim.what)
        if not a.size:
            continue
        same = words or (a.dtype == b.dtype and np.array_equal(a, b, equal_nan=is_inexact(a.dtype)))
        if same and (exact or words):
            sight[k] = "decisive"
            continue
        gap = _gap(claim, a, b)
        for rounding in levels:
            bar = _entry_bar(left, right, k, rounding)
            if not np.any(gap > bar):
                break
        if np.any(gap > bar):
            bar = np.maximum(bar, _faintest(left, right))
        sight[k], smallest[k] = _sight(claim, left, right, k, bar)
        with np.errstate(all="ignore"):
            over = np.where(gap > bar, np.where(bar > 0, gap / np.where(bar > 0, bar, 1), np.inf), 0.0)
        i = np.unravel_index(int(np.argmax(over)), over.shape)
        if over[i] > ratio:
            ratio, index = float(over[i]), tuple(int(n) for n in i)
            entry = _number(a[i]), _number(b[i])
            worst = Judgement(Outcome.DISAGREES, float(gap[i]), float(bar[i]), k, index, *entry, note=claim.what)
        elif not exact and (factor := _common_factor(left, right, k)):
            i = np.unravel_index(int(np.argmax(np.abs(b))), b.shape)
            entry, index = (_number(a[i]), _number(b[i])), tuple(int(n) for n in i)
            together = f"{claim.what}: all entries together are {factor:.6g} times it"
            shared = Judgement(Outcome.DISAGREES, float(gap[i]), float(bar[i]), k, index, *entry, note=together)
            worst, ratio = worst or shared, ratio or 1.0  # an entry of another part, if it is out by itself, says more
        elif exact:
            hint = "not bit for bit, but within rounding"
    if worst is not None:
        return worst
    if not sight:
        return Judgement(Outcome.AGREES, sight=dict.fromkeys(range(len(left)), "decisive"))
    if all(s == "blunt" for s in sight.values()):
        return Judgement(Outcome.BLUNT, reason="rounding is too wide to have seen a mistake", sight=sight)
    return Judgement(Outcome.AGREES, note=hint or claim.remark, sight=sight, smallest=smallest)


def _common_factor(left: Vectors, right: Vectors, k: int) -> float:
    """The factor that a low-precision answer has beside its twin, where it is no accident of rounding; else 0.

    Rounding scatters about 0, so the slope of the difference on the twin is known far better than any entry:
    it must be beyond ``SLOPE_SIGMAS`` of its own scatter, and above two roundings of the type.
    """
    units = [max((w.answer.eps[k] for w in side.answers), default=0.0) for side in (left, right)]
    if not units[0] > units[1] > 0:
        return 0.0
    eps, g, twin = units[0], left[k].astype(np.float64), right[k].astype(np.float64)
    top = float(np.max(np.abs(twin), initial=0.0))
    if not 0 < top < np.inf or not np.all(np.isfinite(g)):
        return 0.0
    g, twin = g / top, twin / top
    squares = twin**2
    total, distinct = float(squares.sum()), np.unique(squares)  # equal entries are rounded alike, not apart
    count = float(distinct.sum()) ** 2 / float((distinct**2).sum())
    if count < FEWEST:
        return 0.0
    slope = float(((g - twin) * twin).sum()) / total
    rest = (g - twin - slope * twin) * twin
    scatter = math.hypot(float(np.sqrt((rest**2).sum())) / total, eps / 8)
    if abs(slope) <= max(2 * eps, ROUNDINGS * eps / count**0.5, SLOPE_SIGMAS * scatter):
        return 0.0
    i = int(np.argmax(np.abs(twin)))  # an error that all entries share, as of p - t near 1, is no fault
    budget = float(_entry_bar(left, right, k, measured_rounding).flat[i]) / top
    return 1 + slope if abs(slope * twin.flat[i]) > budget / count**0.5 else 0.0


def _faintest(left: Vectors, right: Vectors) -> float:
    """Roundings of |v||f|: p(1 - p) of a saturated softmax is off by so much, whatever the size of x.

    Nothing between an answer and its twin in higher precision, whose difference is what is asked about.
    """
    units = [{eps for w in side.answers for eps in w.answer.eps} for side in (left, right)]
    if not all(units) or units[0] != units[1]:
        return 0.0
    sizes = (abs(w.weight) * size_of(w.answer) for w in (*left.answers, *right.answers))
    return FLOOR * max(units[0]) * sum(sizes)


def _sight(claim: Claim, left: Vectors, right: Vectors, k: int, bar: Array) -> tuple[str, float]:
    """Would a fault in an entry of part k have been seen, and the least one relative to the part's largest entry."""
    sides = (left[k], right[k]) if claim.relation == "at most" else (right[k],)
    top = max(float(np.max(np.abs(p), initial=0.0, where=np.isfinite(p))) for p in sides)
    fault = max(FAULT, FAULT_EPS * max((w.answer.eps[k] for w in (*left.answers, *right.answers)), default=0.0))
    widest = float(np.max(bar, initial=0.0))
    if widest < fault * top:
        return "decisive", widest / top
    if top == 0:
        return ("zero" if _vanishes(left, right, k, bar, naturals_of) else "blunt"), 0.0
    return ("faint" if _vanishes(left, right, k, bar, elsewhere_of) else "blunt"), 0.0


def _number(a: Any) -> float | str:
    return float(a) if np.asarray(a).dtype.kind != "c" else str(a)


def _gap(claim: Claim, a: Array, b: Array) -> Array:
    """|a - b| (or a - b for "at most"); 0 where both are the same infinity or NaN, infinite where one is."""
    with np.errstate(all="ignore"):
        difference = wide(a) - wide(b) if a.dtype.kind != "c" else np.abs(a - b)
        gap = difference if claim.relation == "at most" else np.abs(difference)
        both = (a == b) | (np.isnan(a) & np.isnan(b)) if is_inexact(a.dtype) and is_inexact(b.dtype) else a == b
        limit = EDGE * limits(a.dtype).max if is_floating(a.dtype) else np.inf
        excused = ~np.isfinite(a) & (~np.isfinite(b) | (np.abs(b) > limit))
    return np.where(both | excused, 0.0, np.where(np.isnan(gap), np.inf, gap))


def _entry_bar(left: Vectors, right: Vectors, k: int, rounding: Rounding) -> Array:
    bar = np.nan_to_num(left.bars()[k] + right.bars()[k], nan=0.0, posinf=0.0)
    for w in (*left.answers, *right.answers):
        bar = bar + abs(w.weight) * np.nan_to_num(rounding(w.answer)[k], nan=0.0, posinf=0.0)
    return np.asarray(bar)


def _vanishes(left: Vectors, right: Vectors, k: int, bar: Array, sizes: Callable[[Answer], dict[int, Array]]) -> bool:
    """Is the bar no more than rounding of |v||f|: what both sides agree on within it is 0, or as good as 0?"""
    naturals = [sizes(w.answer).get(k) for w in (*left.answers, *right.answers)]
    return all(n is None or bool(np.all(bar <= ZERO * n + TINY)) for n in naturals)
