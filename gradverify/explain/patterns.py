"""A pattern is a way in which all of a mismatch can be what it is: numbers claimed against numbers expected.

Each takes the Sides of one argument and answers with a Cause or with None; the simplest come first. What is said of a
pattern is evidence, so that each wants more agreement than chance gives: several entries, to seven digits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from gradverify._arrays import Array
from gradverify._cause import Cause
from gradverify.explain.sides import SAME, Sides

Pattern = Callable[[Sides], Cause | None]
LITTLE = 0.01  # of the largest entry: what is off by less everywhere is a small number's doing
FEW = 6  # entries: among fewer, which of them are wrong says nothing
CHANCE = 0.05  # that a structure shows though it means nothing
WHOLE = (1, 2, 3, 4)  # factors that one entry is enough to tell
NEAR_ONE = 3 * SAME  # a factor nearer to 1 is rounding to fewer digits


def number(value: float) -> str:
    """Four digits, and a plain word for what has one."""
    return f"{value:.4g}"


def place(flat: int, shape: tuple[int, ...]) -> str:
    """An entry's index as it is written after a name; nothing for a single number."""
    index = np.unravel_index(int(flat), shape) if shape else ()
    return f"[{', '.join(map(str, index))}]" if shape else ""


def of_all(s: Sides) -> str:
    """Which entries a pattern explains."""
    if not s.known.all():
        return f"all {int(s.known.sum())} entries of {s.name} that were asked"
    return f"all {s.claimed.size} entries of {s.name}" if s.claimed.size > 1 else s.name


def not_finite(s: Sides) -> Cause | None:
    """NaN or infinity where a finite number is expected."""
    bad = int(np.sum(~np.isfinite(s.claimed)))
    if not bad:
        return None
    return Cause("range", f"claimed is not finite on {bad} of {s.claimed.size} entries of {s.name}")


def dropped(s: Sides) -> Cause | None:
    """Zero throughout."""
    if np.any(s.claimed) or s.clear.sum() < min(2, s.claimed.size):
        return None
    return Cause("dropped", f"claimed = 0 on {of_all(s)}: {s.name} is taken for a constant")


def factor(s: Sides) -> Cause | None:
    """One factor throughout."""
    clear = s.clear
    if not clear.any():
        return None
    e, c = s.expected[clear], s.claimed[clear]
    times = float(np.sum(c * e) / np.sum(e * e))
    if not fits(s, times * s.expected, abs(times)):
        return None
    known = named(times, () if s.matrix is not None and s.matrix.entrywise else s.x.shape)
    if abs(times - 1) < NEAR_ONE or abs(times) < SAME or (clear.sum() < 2 and not known and not _plain(times)):
        return None
    evidence = f"claimed = {times:.7g} x expected on {of_all(s)}"
    if abs(times + 1) < SAME:
        return Cause("sign", f"claimed = -expected on {of_all(s)}: the sign is wrong")
    kind = "count" if known.startswith("a count") else "factor"
    return Cause(kind, f"{evidence}{f', which is {known}' if known else ''}")


def named(times: float, shape: tuple[int, ...]) -> str:
    """What a factor is by name: made of sizes, or of a count that is off by one; nothing for any other."""
    sizes = {f"the size of axis {k}": n for k, n in enumerate(shape) if n > 1}
    ratios = itertools.permutations(sizes.items(), 2)
    sizes |= {"the number of entries": int(np.prod(shape))} if len(shape) > 1 else {}
    table: dict[str, float] = {name: float(n) for name, n in sizes.items()}
    table |= {f"1 over {name}": 1 / n for name, n in sizes.items()}
    table |= {f"the root of {name}": math.sqrt(n) for name, n in sizes.items()}
    table |= {f"1 over the root of {name}": 1 / math.sqrt(n) for name, n in sizes.items()}
    for n in dict.fromkeys(sizes.values()):
        table |= {f"a count of {n} for {m}": m / n for m in (n - 1, n + 1) if m}
        table |= {f"a count of {m} for {n}": n / m for m in (n - 1, n + 1) if m}
    table |= {f"{one} over {other}": n / m for (one, n), (other, m) in ratios if n != m}
    return next((name for name, n in table.items() if abs(abs(times) - n) < 10 * SAME * n), "")


def _plain(times: float) -> bool:
    """Is it a small whole number or one over it, of either sign?"""
    size = abs(times)
    return any(abs(size - n) < 10 * SAME or abs(size * n - 1) < 10 * SAME for n in WHOLE)


def fits(s: Sides, other: Array, gain: float = 1.0) -> bool:
    """Is the claim these numbers, as far as those are known?"""
    with np.errstate(all="ignore"):
        gap = np.abs(s.claimed - other)
        near = gap <= (1 + gain) * s.width + SAME * np.maximum(np.abs(other), np.abs(s.claimed))
    return bool(np.all(near | ~s.known))


def slight(s: Sides) -> Cause | None:
    """Off by little everywhere."""
    gap = np.abs(s.claimed - s.expected)
    most = float(gap.max(initial=0.0, where=s.known))
    if not most < LITTLE * s.size or s.wrong.mean() < 0.5:
        return None
    share = most / s.size
    return Cause("slight", f"claimed is within {share:.1e} of expected on {of_all(s)}: a small number is off")


def transposed(s: Sides) -> Cause | None:
    """Two axes exchanged."""
    for i, j in itertools.combinations(range(s.claimed.ndim), 2):
        other = np.swapaxes(s.expected, i, j)
        if other.shape == s.claimed.shape and not s.alike(other) and fits(s, other):
            return Cause("transposed", f"claimed = expected with axes {i} and {j} exchanged, on {of_all(s)}")
    return None


def moved(s: Sides) -> Cause | None:
    """The expected numbers, rolled, flipped or in another order."""
    if s.claimed.size < 3 or s.claimed.ndim == 0:
        return None
    ways = ((k, n) for k, size in enumerate(s.claimed.shape) for n in range(-size // 2 + 1, size // 2 + 1) if n)
    for axis, by in ways:
        if fits(s, np.roll(s.expected, by, axis)):
            kind = "place" if abs(by) == 1 and s.claimed.shape[axis] > 2 else "moved"
            return Cause(kind, f"claimed = expected moved by {by} along axis {axis}, on {of_all(s)}")
    for axis in range(s.claimed.ndim):
        if s.claimed.shape[axis] > 2 and fits(s, np.flip(s.expected, axis)):
            return Cause("moved", f"claimed = expected in reverse order along axis {axis}, on {of_all(s)}")
    c, e = np.sort(s.claimed, axis=None), np.sort(s.expected, axis=None)
    width = float(np.max(s.width)) if s.known.all() else np.inf
    distinct = np.unique(np.round(e / max(s.size, 1e-300), 6)).size
    if np.isfinite(width) and distinct > 2 and np.all(np.abs(c - e) <= 2 * width + SAME * np.abs(e)):
        return Cause("moved", f"claimed has the numbers expected, at other places, on {of_all(s)}")
    return None


def one_entry(s: Sides) -> Cause | None:
    """One entry among many."""
    if s.wrong.sum() != 1 or (s.clear & ~s.wrong).sum() < FEW - 1:
        return None
    at = place(int(np.flatnonzero(s.wrong)[0]), s.claimed.shape)
    return Cause("entry", f"one entry of {s.claimed.size} is wrong: {s.name}{at}")


def edge(s: Sides) -> Cause | None:
    """Wrong in the first or last slice along one axis, or on the border of the last two, and right everywhere else."""
    found = line(s) if (s.clear & ~s.wrong).sum() > 1 else None
    if found is not None:
        axis, at = found
        size = s.claimed.shape[axis]
        if at in (0, size - 1) and by_chance(int(s.wrong.sum()), s.claimed.size // size, s.claimed.size, size) < CHANCE:
            where = "first" if at == 0 else "last"
            return Cause("edge", f"wrong only in the {where} of {size} along axis {axis} of {s.name}{inside(s)}")
    if s.claimed.ndim > 1 and min(s.claimed.shape[-2:]) > 2 and not s.wrong.all():
        inner = s.wrong[..., 1:-1, 1:-1]
        if not inner.any() and by_chance(int(s.wrong.sum()), s.claimed.size - inner.size, s.claimed.size) < CHANCE:
            return Cause("edge", f"wrong only at the border of the last two axes of {s.name}{inside(s)}")
    return None


def line(s: Sides) -> tuple[int, int] | None:
    """The one slice along an axis in which all wrong entries lie."""
    return one_line(s.wrong)


def one_line(marked: Array) -> tuple[int, int] | None:
    """The axis and the one slice along it in which all that is marked lies."""
    for axis, size in enumerate(marked.shape):
        lines = np.flatnonzero(marked.any(axis=tuple(k for k in range(marked.ndim) if k != axis)))
        if size > 1 and len(lines) == 1:
            return axis, int(lines[0])
    return None


def by_chance(wrong: int, room: int, size: int, times: int = 1) -> float:
    """How likely so many wrong entries of so many lie in so much room by chance, in one of so many places."""
    return times * math.comb(room, wrong) / math.comb(size, wrong)


def partly(s: Sides) -> Cause | None:
    """One plain factor on several of the entries, and the rest right."""
    wrong = s.wrong & s.known
    count = int(wrong.sum())
    if count < 2 or wrong.all():
        return None
    c, e = s.claimed[wrong], s.expected[wrong]
    if not s.clear[wrong].all():
        return None
    ratios = c / e
    if np.ptp(ratios) > 10 * SAME * abs(ratios[0]) or not ratios[0]:
        return None
    kind = "sign" if abs(ratios[0] + 1) < 10 * SAME else "factor"
    among = (
        f"{s.claimed.size} entries of {s.name}" if s.known.all() else f"{int(s.known.sum())} of them that were asked"
    )
    says = f"claimed = {float(ratios[0]):.7g} x expected on {count} of {among}"
    at = place(int(np.flatnonzero(wrong)[0]), wrong.shape)
    rest = "the rest is right" if s.known.all() else "the rest of these is right"
    return Cause(kind, f"{says}, such as {s.name}{at}; {rest}")


def inside(s: Sides) -> str:
    """What is claimed where it is wrong: nothing, the negative, or one factor."""
    wrong = s.wrong & s.known
    c, e = s.claimed[wrong], s.expected[wrong]
    if not c.size:
        return ""
    if not np.any(c):
        return "; claimed = 0 there"
    with np.errstate(all="ignore"):
        ratios = c / e
    if np.all(np.isfinite(ratios)) and np.ptp(ratios) <= 10 * SAME * abs(ratios[0]):
        return f"; claimed = {number(float(ratios[0]))} x expected there"
    return ""


def constant(s: Sides) -> Cause | None:
    """The same along an axis along which something else is expected."""
    for axis, size in enumerate(s.claimed.shape):
        if size < 2 or s.claimed.size < FEW:
            continue
        spread = np.ptp(s.claimed, axis=axis).max(), np.ptp(s.expected, axis=axis).max()
        if spread[0] <= SAME * s.size < spread[1] and np.any(s.claimed):
            return Cause("broadcast", f"claimed is the same all along axis {axis} of {s.name}; expected is not")
    return None


def powers(s: Sides) -> Cause | None:
    """The argument itself, its exponential, or one over them is a factor too many, or is missing, where it is wrong."""
    x, wrong = np.asarray(s.x, np.float64), s.wrong & s.known
    if x.shape != s.claimed.shape or not np.any(wrong & s.clear):
        return None
    with np.errstate(all="ignore"):
        for says, times in ((s.name, x), (f"{s.name}**2", x**2), (f"exp({s.name})", np.exp(x))):
            for how, gain in (("*", times), ("/", 1 / times)):
                told = np.isfinite(gain[wrong]) & (gain[wrong] != 0) & (np.abs(np.abs(gain[wrong]) - 1) > LITTLE)
                if told.all() and fits(
                    s, np.where(wrong, s.expected * gain, s.expected), float(np.max(np.abs(gain[wrong])))
                ):
                    where = of_all(s) if wrong.all() else f"the {int(wrong.sum())} entries of {s.name} that are wrong"
                    return Cause("formula", f"claimed = expected {how} {says} on {where}")
    return None


def block(s: Sides) -> Cause | None:
    """Wrong in one of three or four equal parts along an axis: of a matrix of gates, one gate."""
    wrong, count = s.wrong, int(s.wrong.sum())
    for axis, size in enumerate(wrong.shape):
        for parts in (3, 4):
            if size % parts or size == parts:
                continue
            lines = np.flatnonzero(wrong.any(axis=tuple(k for k in range(wrong.ndim) if k != axis)))
            which = set((lines // (size // parts)).tolist())
            if len(which) == 1 and by_chance(count, wrong.size // parts, wrong.size, parts * wrong.ndim) < CHANCE:
                told = inside(s)
                kind = "formula" if not told else "term" if "= 0" in told else "sign" if "= -1 x" in told else "factor"
                says = f"wrong only in part {which.pop()} of {parts} along axis {axis} of {s.name}{told}"
                return Cause(kind, f"{says}: one of equal parts, as gates, or q, k and v, are")
    return None


def offset(s: Sides) -> Cause | None:
    """Off by the same amount all along an axis."""
    rest = s.claimed - s.expected
    if s.claimed.size < 3 or not s.known.all():
        return None
    size = float(np.max(np.abs(rest)))
    for axes in _axes(s.claimed.ndim):
        if np.prod([s.claimed.shape[k] for k in axes]) < 3:
            continue
        spread = rest.max(axis=axes) - rest.min(axis=axes)
        if np.all(spread <= SAME * size + 2 * s.width.max()):
            along = "throughout" if len(axes) == s.claimed.ndim else f"all along axis {', '.join(map(str, axes))}"
            says = f"claimed - expected is the same {along} of {s.name}: a sum is missing, or one too many"
            return Cause("term", says)
    return None


def _axes(ndim: int) -> Iterator[tuple[int, ...]]:
    yield tuple(range(ndim))
    if ndim > 1:
        yield from ((k,) for k in range(ndim))


def proportional(s: Sides) -> Cause | None:
    """What is left over is a multiple of the argument itself."""
    rest = s.claimed - s.expected
    if s.claimed.size < 3 or not s.known.all() or not np.any(s.x):
        return None
    times = float(np.sum(rest * s.x) / np.sum(s.x * s.x))
    if times and np.all(np.abs(rest - times * s.x) <= 2 * s.width + SAME * np.abs(rest)):
        return Cause("term", f"claimed - expected = {number(times)} x {s.name} on {of_all(s)}: one term of that kind")
    return None


def no_pattern(s: Sides) -> Cause:
    """How large what is left over is, and where."""
    wrong = s.wrong & s.known
    with np.errstate(all="ignore"):
        shares = np.abs(s.claimed - s.expected)[wrong] / s.size if s.size else np.full(int(wrong.sum()), np.inf)
    if s.claimed.size == 1 and s.size:
        return Cause(
            "", f"no simple pattern: claimed is {number(float(s.claimed.item() / s.expected.item()))} x expected"
        )
    count = f"{int(wrong.sum())} of {int(s.known.sum())} entries of {s.name}"
    off = (
        f"off by {number(float(shares.min(initial=np.inf)))} to {number(float(shares.max(initial=0.0)))} of the largest"
    )
    return Cause("", f"no simple pattern: {off}, on {count}")
