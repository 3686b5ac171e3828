"""Two tuples of arrays are compared entry by entry, and a low-precision answer also as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradverify._arrays import Array, deferred, furthest, largest, slices, wide
from gradverify._claim import Claim
from gradverify._floating import is_floating, is_inexact, is_number, limits
from gradverify._vectors import Answer, Vectors
from gradverify._verdict import Outcome
from gradverify.judge.bars import conditioned, entry_bar, faintest, own_size
from gradverify.judge.judgement import ALL_SEEN, EDGE, FAULT, FAULT_EPS, TINY, ZERO, Judgement, Least
from gradverify.judge.rounding import levels
from gradverify.judge.sizes import Sizes, elsewhere_of, naturals_of
from gradverify.judge.twins import common_factor, is_twin, saturated

SHOWN = 1e-5  # of a factor: six digits show it


def compared(claim: Claim, left: Vectors, right: Vectors) -> Judgement:
    """Part by part; only a part that disagrees is granted more."""
    worst: Judgement | None = None
    ratio, hint = 0.0, ""
    sight: dict[int, str] = {}
    smallest: dict[int, Least] = {}
    exact = claim.relation == "same bits"
    for k, (a, b) in enumerate(zip(left, right, strict=True)):
        words = not is_number(a.dtype) or not is_number(b.dtype)
        if a.shape != b.shape or (words and not np.array_equal(a, b)):
            sides = (str(a), str(b)) if words else (f"shape {a.shape}", f"shape {b.shape}")
            return Judgement(Outcome.DISAGREES, math.inf, 0.0, k, None, *sides, note=claim.what)
        if not a.size:
            continue
        same = words or (a.dtype == b.dtype and _same(a, b))
        if same and (exact or words):
            sight[k] = "decisive"
            continue
        gap = _gap(claim, a, b)
        twin = is_twin(left, right, k)
        granted = levels(claim.relation, scatter=claim.scatter, twin=twin)
        for rounding in granted:
            bar = entry_bar(left, right, k, rounding)
            beyond = _exceeds(gap, bar)
            if not beyond:
                break
        wider = bar
        if beyond and not claim.scatter:
            bar = wider = deferred(partial(np.add, own_size(left, right, k)), bar)
        elif beyond and twin:
            wider = saturated(left, right, k, bar)
        elif beyond:
            bar = wider = deferred(partial(np.maximum, faintest(left, right)), bar)
        beyond = beyond and _exceeds(gap, wider)
        if beyond and not exact:
            bar = wider = conditioned(left, right, k, bar)
            beyond = _exceeds(gap, wider)
        sight[k], smallest[k] = _sight(claim, left, right, k, bar)
        bar = wider
        over, index = furthest(deferred(_over, gap, bar)) if beyond else (0.0, ())
        if over > ratio:
            ratio, entry = over, (_number(a[index]), _number(b[index]))
            found = float(gap[index]), float(bar[index])
            worst = Judgement(Outcome.DISAGREES, *found, k, index, *entry, note=claim.what)
        elif not exact and (factor := common_factor(left, right, k, granted[-1])):
            _, index = furthest(deferred(np.abs, b))
            entry, found = (_number(a[index]), _number(b[index])), (float(gap[index]), float(bar[index]))
            times = f"{factor:.6g} times it" if abs(factor - 1) > SHOWN else f"off by {factor - 1:.1e} of it"
            together = f"{claim.what}: all entries together are {times}"
            shared = Judgement(Outcome.DISAGREES, *found, k, index, *entry, note=together)
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


def _same(a: Array, b: Array) -> bool:
    """Are these the same numbers, NaN taken for NaN?"""
    return all(np.array_equal(p, q, equal_nan=is_inexact(p.dtype)) for p, q in slices(a, b))


def _exceeds(gap: Array, bar: Array) -> bool:
    return any(bool(np.any(g > b)) for g, b in slices(gap, bar))


def _over(gap: Array, bar: Array) -> Array:
    """How many times the bar a gap beyond it is."""
    with np.errstate(all="ignore"):
        return np.where(gap > bar, np.where(bar > 0, gap / np.where(bar > 0, bar, 1), np.inf), 0.0)


def _sight(claim: Claim, left: Vectors, right: Vectors, k: int, bar: Array) -> tuple[str, Least]:
    """Would a fault in an entry of part k have been seen, and the least that would."""
    sides = (left[k], right[k]) if claim.relation == "at most" else (right[k],)
    top = max(largest(deferred(lambda p: np.where(np.isfinite(p), np.abs(p), 0), p)) for p in sides)
    fault = max(FAULT, FAULT_EPS * max((w.answer.eps[k] for w in (*left.answers, *right.answers)), default=0.0))
    widest = largest(bar)
    if widest < fault * top:
        return "decisive", Least(widest / top, min(_least_share(p, bar) for p in sides))
    if top == 0:
        return ("zero" if _vanishes(left, right, k, bar, naturals_of) else "blunt"), ALL_SEEN
    return ("faint" if _vanishes(left, right, k, bar, elsewhere_of) else "blunt"), ALL_SEEN


def _least_share(p: Array, bar: Array) -> float:
    """The least share of an entry that its bar is: a factor that all entries have shows there first."""
    with np.errstate(all="ignore"):
        shares = (np.divide(bars, wide(np.abs(q)))[np.isfinite(q) & (q != 0)] for q, bars in slices(p, bar))
        return min(float(run.min(initial=np.inf)) for run in shares)


def _number(a: Any) -> float | str:
    return float(a) if np.asarray(a).dtype.kind != "c" else str(a)


def _gap(claim: Claim, a: Array, b: Array) -> Array:
    """|a - b| (or a - b for "at most"); 0 where both are the same infinity or NaN, infinite where one is."""
    signed = claim.relation == "at most"
    limit = EDGE * limits(a.dtype).max if is_floating(a.dtype) else np.inf

    @np.errstate(all="ignore")
    def gap(a: Array, b: Array) -> Array:
        difference = wide(a) - wide(b) if a.dtype.kind != "c" else np.abs(a - b)
        size = difference if signed else np.abs(difference)
        both = (a == b) | (np.isnan(a) & np.isnan(b)) if is_inexact(a.dtype) and is_inexact(b.dtype) else a == b
        excused = ~np.isfinite(a) & (~np.isfinite(b) | (np.abs(b) > limit))
        return np.where(both | excused, 0.0, np.where(np.isnan(size), np.inf, size))

    return deferred(gap, a, b)


def _vanishes(left: Vectors, right: Vectors, k: int, bar: Array, sizes: Callable[[Answer], Sizes]) -> bool:
    """Is the bar a small share of |v||f|: what both sides agree on within it is 0, or as good as 0?"""
    naturals = [sizes(w.answer).get(k) for w in (*left.answers, *right.answers)]
    return all(n is None or all(np.all(b <= ZERO * m + TINY) for b, m in slices(bar, n)) for n in naturals)
