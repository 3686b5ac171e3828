"""Two tuples of arrays are compared entry by entry, and a low-precision answer also as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradverify._arrays import Array, deferred, largest, slices, wide
from gradverify._chance import NOISE
from gradverify._claim import Claim
from gradverify._floating import is_floating, is_inexact, is_number, limits
from gradverify._vectors import Answer, Vectors
from gradverify._verdict import Outcome
from gradverify.judge.judgement import ALL_SEEN, EDGE, FAULT, FAULT_EPS, TINY, ZERO, Judgement, Least
from gradverify.judge.rounding import FLOOR, FLOOR_TWIN, HALF, ROUNDINGS, ROUNDINGS_HALF, Rounding, levels
from gradverify.judge.scatter import response_of
from gradverify.judge.sizes import Sizes, by_chance_elsewhere_of, elsewhere_of, naturals_of, size_of

SLOPE_SIGMAS = NOISE  # standard deviations of a common factor
SMALL = 0.1  # of the largest entry, and ...
SATURATED = 0.03  # ... of what it is computed from: entries smaller than that may be all rounding in a low type
SHOWN = 1e-5  # of a factor: six digits show it
FEWEST = 4  # entries, in effect, that a common factor is worked out from


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
        twin = _is_twin(left, right, k)
        granted = levels(claim.relation, scatter=claim.scatter, twin=twin)
        for rounding in granted:
            bar = _entry_bar(left, right, k, rounding)
            beyond = _exceeds(gap, bar)
            if not beyond:
                break
        wider = bar
        if beyond and not claim.scatter:
            bar = wider = deferred(partial(np.add, _own_size(left, right, k)), bar)
        elif beyond and twin:
            wider = _saturated(left, right, k, bar)
        elif beyond:
            bar = wider = deferred(partial(np.maximum, _faintest(left, right)), bar)
        beyond = beyond and _exceeds(gap, wider)
        if beyond and not exact:
            bar = wider = _conditioned(left, right, k, bar)
            beyond = _exceeds(gap, wider)
        sight[k], smallest[k] = _sight(claim, left, right, k, bar)
        bar = wider
        over, index = _furthest(deferred(_over, gap, bar)) if beyond else (0.0, ())
        if over > ratio:
            ratio, entry = over, (_number(a[index]), _number(b[index]))
            found = float(gap[index]), float(bar[index])
            worst = Judgement(Outcome.DISAGREES, *found, k, index, *entry, note=claim.what)
        elif not exact and (factor := _common_factor(left, right, k, granted[-1])):
            _, index = _furthest(deferred(np.abs, b))
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


def _furthest(a: Array) -> tuple[float, tuple[int, ...]]:
    """The largest entry, and where it is."""
    best, place, start = -math.inf, 0, 0
    for (run,) in slices(a):
        i = int(np.argmax(run))
        if start == 0 or float(run.flat[i]) > best:
            best, place = float(run.flat[i]), start + i
        start += run.size
    return best, tuple(int(n) for n in np.unravel_index(place, a.shape))


def _is_twin(left: Vectors, right: Vectors, k: int) -> bool:
    """Is the right side the left one's formula in higher precision?"""
    low, high = (max((w.answer.eps[k] for w in side.answers), default=0.0) for side in (left, right))
    return low > high > 0


def _own_size(left: Vectors, right: Vectors, k: int) -> float:
    """Some roundings of the largest entry, and of |v||f|."""
    size = max(largest(deferred(np.abs, right[k])), *(size_of(w.answer, naturals_of) for w in left.answers))
    eps = _unit(left, k)
    return _roundings(eps) * eps * size


def _conditioned(left: Vectors, right: Vectors, k: int, bar: Array) -> Array:
    """The bar, and as many roundings of the inputs as of an answer: by what they change the right side where it stands.

    A row far from 0 beside its own spread is known so well and no better, whichever way its sums are taken.
    """
    eps = _unit(left, k) or _unit(right, k)
    for w in right.answers:
        change = deferred(partial(np.multiply, _roundings(eps)), response_of(w.answer, eps)[k])
        bar = deferred(partial(_widened, abs(w.weight)), bar, change)
    return bar


def _unit(side: Vectors, k: int) -> float:
    return max((w.answer.eps[k] for w in side.answers), default=0.0)


def _roundings(eps: float) -> int:
    """As many as every computed entry is granted."""
    return ROUNDINGS_HALF if eps > HALF else ROUNDINGS


def _saturated(left: Vectors, right: Vectors, k: int, bar: Array) -> Array:
    """The bar; for small entries also roundings of the largest one, and of what they are without cancellation."""
    top = largest(deferred(np.abs, right[k]))
    for w in left.answers:
        sizes, own = by_chance_elsewhere_of(w.answer), by_chance_elsewhere_of(w.answer, usual=False)
        if k in sizes:
            eps = w.answer.eps[k]
            floor = (FLOOR_TWIN if eps > HALF else FLOOR) * eps
            bar = deferred(partial(_raised, top, floor), bar, right[k], sizes[k], own[k])
    return bar


def _raised(top: float, floor: float, bar: Array, twin: Array, size: Array, own: Array) -> Array:
    small = np.abs(twin) <= np.maximum(SMALL * top, SATURATED * size)
    return np.where(small, np.maximum(bar, floor * np.maximum(top, own)), bar)


def _common_factor(left: Vectors, right: Vectors, k: int, most: Rounding) -> float:
    """The factor that a low-precision answer has beside its twin, where it is no accident of rounding; else 0.

    Rounding scatters about 0, so the slope of the difference on the twin is known far better than any entry:
    it must be beyond ``SLOPE_SIGMAS`` of its own scatter, and above two roundings of the type.
    """
    units = [max((w.answer.eps[k] for w in side.answers), default=0.0) for side in (left, right)]
    if not units[0] > units[1] > 0:
        return 0.0
    eps, g, twin = units[0], left[k], right[k]
    top, index = _furthest(deferred(lambda t: np.abs(t.astype(np.float64)), twin))
    if not 0 < top < np.inf or not all(np.all(np.isfinite(run)) for (run,) in slices(g)):
        return 0.0

    def summed(term: Callable[[Array, Array], Array]) -> float:
        runs = slices(g, twin)
        return sum(float(term(p.astype(np.float64) / top, q.astype(np.float64) / top).sum()) for p, q in runs)

    total, count = summed(lambda p, q: q**2), _distinct(deferred(lambda q: (q.astype(np.float64) / top) ** 2, twin))
    if count < FEWEST:
        return 0.0
    slope = summed(lambda p, q: (p - q) * q) / total
    scatter = math.hypot(math.sqrt(summed(lambda p, q: ((p - q - slope * q) * q) ** 2)) / total, eps / 8)
    if abs(slope) <= max(2 * eps, ROUNDINGS * eps / count**0.5, SLOPE_SIGMAS * scatter):
        return 0.0
    # An error that all entries share, as of p - t near 1, is no fault.
    budget = float(_entry_bar(left, right, k, most)[index]) / top
    return 1 + slope if abs(slope * float(twin[index]) / top) > budget / count**0.5 else 0.0


def _distinct(squares: Array) -> float:
    """How many entries, in effect, are unlike each other: equal ones are rounded alike, not apart."""
    ordered = np.array(squares).ravel()
    ordered.sort()
    above = np.diff(ordered, prepend=-1.0) > 0
    total = float(ordered.sum(where=above))
    np.square(ordered, out=ordered)
    return total**2 / float(ordered.sum(where=above))


def _faintest(left: Vectors, right: Vectors) -> float:
    """Roundings of |v||f|: p(1 - p) of a saturated softmax is off by so much, whatever the size of x.

    Nothing between an answer and its twin in higher precision, whose difference is what is asked about.
    """
    units = [{eps for w in side.answers for eps in w.answer.eps} for side in (left, right)]
    if not all(units) or units[0] != units[1]:
        return 0.0
    sizes = (abs(w.weight) * size_of(w.answer) for w in (*left.answers, *right.answers))
    return FLOOR * max(units[0]) * sum(sizes)


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


def _entry_bar(left: Vectors, right: Vectors, k: int, rounding: Rounding) -> Array:
    bar = deferred(lambda e, e2: _bounded(e + e2), left.bars()[k], right.bars()[k])
    for w in (*left.answers, *right.answers):
        bar = deferred(partial(_widened, abs(w.weight)), bar, rounding(w.answer)[k])
    return bar


def _widened(weight: float, bar: Array, more: Array) -> Array:
    return np.asarray(bar + weight * _bounded(more))


def _bounded(bar: Array) -> Array:
    return np.nan_to_num(bar, nan=0.0, posinf=0.0)


def _vanishes(left: Vectors, right: Vectors, k: int, bar: Array, sizes: Callable[[Answer], Sizes]) -> bool:
    """Is the bar no more than rounding of |v||f|: what both sides agree on within it is 0, or as good as 0?"""
    naturals = [sizes(w.answer).get(k) for w in (*left.answers, *right.answers)]
    return all(n is None or all(np.all(b <= ZERO * m + TINY) for b, m in slices(bar, n)) for n in naturals)
