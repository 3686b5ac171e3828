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
from gradverify.explain.sides import SAME, Matrix, Sides

Pattern = Callable[[Sides], Cause | None]
LITTLE = 0.01  # of the largest entry: what is off by less everywhere is a small number's doing
FEW = 6  # entries: among fewer, which of them are wrong says nothing
CHANCE = 0.05  # that a structure shows though it means nothing
WHOLE = (1, 2, 3, 4)  # factors that one entry is enough to tell
NEAR_ONE = 1e-6  # a factor nearer to 1 is rounding to fewer digits


def number(value: float) -> str:
    """Four digits, and a plain word for what has one."""
    return f"{value:.4g}"


def place(flat: int, shape: tuple[int, ...]) -> str:
    """An entry's index as it is written after a name; nothing for a single number."""
    index = np.unravel_index(int(flat), shape) if shape else ()
    return f"[{', '.join(map(str, index))}]" if shape else ""


def of_all(s: Sides) -> str:
    """Which entries a pattern explains."""
    return f"all {s.claimed.size} entries of {s.name}" if s.claimed.size > 1 else s.name


def not_finite(s: Sides) -> Cause | None:
    """NaN or infinity where a finite number is expected."""
    bad = int(np.sum(~np.isfinite(s.claimed) & s.known))
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
    if not _fits(s, times * s.expected, abs(times)):
        return None
    known = named(times, () if s.matrix is not None and s.matrix.entrywise else s.x.shape)
    if abs(times - 1) < NEAR_ONE or abs(times) < SAME or (clear.sum() < 2 and not known and not _plain(times)):
        return None
    evidence = f"claimed = {times:.7g} x expected on {of_all(s)}"
    if abs(times + 1) < SAME:
        return Cause("sign", f"claimed = -expected on {of_all(s)}: the sign is wrong")
    kind = "count" if known.startswith("a count") else "factor"
    return Cause(kind, f"{evidence}{f' ({known})' if known else ''}")


def named(times: float, shape: tuple[int, ...]) -> str:
    """What a factor is by name: made of sizes, or of a count that is off by one; nothing for any other."""
    sizes = {f"the size of axis {k}": n for k, n in enumerate(shape) if n > 1}
    ratios = itertools.permutations(sizes.items(), 2)
    sizes |= {"the number of entries": int(np.prod(shape))} if len(shape) > 1 else {}
    table: dict[str, float] = {name: float(n) for name, n in sizes.items()}
    table |= {f"1 over {name}": 1 / n for name, n in sizes.items()}
    table |= {f"the root of {name}": math.sqrt(n) for name, n in sizes.items()}
    table |= {f"1 over the root of {name}": 1 / math.sqrt(n) for name, n in sizes.items()}
    table |= {f"{one} over {other}": n / m for (one, n), (other, m) in ratios if n != m}
    for n in dict.fromkeys(sizes.values()):
        table |= {f"a count of {n} for {m}": m / n for m in (n - 1, n + 1) if m}
        table |= {f"a count of {m} for {n}": n / m for m in (n - 1, n + 1) if m}
    return next((name for name, n in table.items() if abs(abs(times) - n) < 10 * SAME * n), "")


def _plain(times: float) -> bool:
    """Is it a small whole number or one over it, of either sign?"""
    size = abs(times)
    return any(abs(size - n) < 10 * SAME or abs(size * n - 1) < 10 * SAME for n in WHOLE)


def _fits(s: Sides, other: Array, gain: float = 1.0) -> bool:
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
        if other.shape == s.claimed.shape and not s.alike(other) and _fits(s, other):
            return Cause("transposed", f"claimed = expected with axes {i} and {j} exchanged, on {of_all(s)}")
    return None


def moved(s: Sides) -> Cause | None:
    """The expected numbers, rolled, flipped or in another order."""
    if s.claimed.size < 3 or s.claimed.ndim == 0:
        return None
    ways = ((k, n) for k, size in enumerate(s.claimed.shape) for n in range(-size // 2 + 1, size // 2 + 1) if n)
    for axis, by in ways:
        if _fits(s, np.roll(s.expected, by, axis)):
            kind = "place" if abs(by) == 1 and s.claimed.shape[axis] > 2 else "moved"
            return Cause(kind, f"claimed = expected moved by {by} along axis {axis}, on {of_all(s)}")
    for axis in range(s.claimed.ndim):
        if s.claimed.shape[axis] > 2 and _fits(s, np.flip(s.expected, axis)):
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
        if at in (0, size - 1) and _by_chance(s, int(s.wrong.sum()), s.claimed.size // size, size) < CHANCE:
            where = "first" if at == 0 else "last"
            return Cause("edge", f"wrong only in the {where} of {size} along axis {axis} of {s.name}{_inside(s)}")
    if s.claimed.ndim > 1 and min(s.claimed.shape[-2:]) > 2 and not s.wrong.all():
        inner = s.wrong[..., 1:-1, 1:-1]
        if not inner.any() and _by_chance(s, int(s.wrong.sum()), s.claimed.size - inner.size, 1) < CHANCE:
            return Cause("edge", f"wrong only at the border of the last two axes of {s.name}{_inside(s)}")
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


def _by_chance(s: Sides, wrong: int, room: int, times: int) -> float:
    """How likely so many wrong entries lie in so much room by chance, in one of so many places."""
    return times * math.comb(room, wrong) / math.comb(s.claimed.size, wrong)


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
    says = f"claimed = {float(ratios[0]):.7g} x expected on {count} of {s.claimed.size} entries of {s.name}"
    at = place(int(np.flatnonzero(wrong)[0]), wrong.shape)
    return Cause(kind, f"{says}, such as {s.name}{at}; the rest is right")


def _inside(s: Sides) -> str:
    """What is claimed where it is wrong: nothing, the negative, or one factor."""
    c, e = s.claimed[s.wrong], s.expected[s.wrong]
    if not np.any(c):
        return "; claimed = 0 there"
    with np.errstate(all="ignore"):
        ratios = c / e
    if np.all(np.isfinite(ratios)) and np.ptp(ratios) <= 10 * SAME * abs(ratios[0]):
        return f"; claimed = {number(float(ratios[0]))} x expected there"
    return ""


def elsewhere(s: Sides) -> Cause | None:
    """Every entry has its numbers, from other outputs."""
    m = s.matrix
    if m is None or not m.stray.any() or m.used.sum(axis=0).max(initial=0) != 1:
        return None
    used, taken = m.used.any(axis=0), np.argmax(np.abs(m.claimed), axis=0)
    due = np.argmax(m.used, axis=0)
    columns = np.arange(used.size)[used]
    if np.any(np.abs(m.claimed).astype(bool).sum(axis=0)[used] != 1):
        return None
    c, e = m.claimed[taken[used], columns], m.expected[due[used], columns]
    if not np.all(np.abs(c - e) <= 2 * m.width.max() + SAME * np.abs(e)):
        return None
    moves = {
        tuple(map(int, d))
        for d in (np.array(np.unravel_index(taken[used], m.shape)) - np.array(np.unravel_index(due[used], m.shape))).T
    }
    sizes = {tuple(abs(n) for n in move) for move in moves if any(move)}
    says = f"the claim for {s.name} takes the cotangent of other outputs than depend on it"
    one = len(moves) <= 2 and any(sum(size) == 1 for size in sizes)
    return Cause("place" if one else "moved", f"{says}{': off by one place' if one else ''}")


def mixed(s: Sides) -> Cause | None:
    """Looks at a cotangent where the function does not depend on the entry."""
    if s.matrix is None or not s.matrix.stray.any():
        return None
    stray = s.matrix.stray
    count, (out, at) = int(stray.sum()), np.argwhere(stray)[0]
    entry, output = f"{s.name}{place(at, s.claimed.shape)}", f"output{place(out, s.matrix.shape)}"
    says = f"the claim for {entry} depends on the cotangent of {output}, which does not depend on it"
    return Cause("mixed", f"{says} ({count} pairs of an output and an entry)")


def constant(s: Sides) -> Cause | None:
    """The same along an axis along which something else is expected."""
    for axis, size in enumerate(s.claimed.shape):
        if size < 2 or s.claimed.size < FEW:
            continue
        spread = np.ptp(s.claimed, axis=axis).max(), np.ptp(s.expected, axis=axis).max()
        if spread[0] <= SAME * s.size < spread[1] and np.any(s.claimed):
            return Cause("broadcast", f"claimed is the same all along axis {axis} of {s.name}; expected is not")
    return None


def masked(s: Sides) -> Cause | None:
    """Something is claimed of entries that the function does not depend on, or of outputs that stand still."""
    m = s.matrix
    if m is None or not m.stray.any():
        return None
    known = np.isfinite(m.width)
    columns, rows = ~m.used.any(axis=0) & known.all(axis=0), ~m.used.any(axis=1) & known.all(axis=1)
    whole = m.stray.any(axis=0) & columns
    rest = m.right | columns | (m.gone if m.entrywise else False)
    if whole.any() and rest.all():
        at = place(int(np.flatnonzero(whole)[0]), s.claimed.shape)
        says = f"the function does not depend on {int(whole.sum())} entries of {s.name}, such as {at}"
        return Cause("mask", f"{says}, where something is claimed")
    still = np.broadcast_to(np.expand_dims(rows, 1), m.stray.shape)
    if not (m.stray & ~still).any() and (m.right | still).all():
        at = place(int(np.flatnonzero(m.stray.any(axis=1))[0]), m.shape)
        return Cause("mask", f"output{at} stands still whatever {s.name} does, and a gradient is claimed for it")
    return None


def gone(s: Sides) -> Cause | None:
    """Some of the Jacobian is claimed to be zero, and nothing is claimed where nothing is expected."""
    m = s.matrix
    if m is None or not m.gone.any() or m.stray.any():
        return None
    lost = m.gone
    out, at = np.argwhere(lost)[0]
    entry, output = f"{s.name}{place(at, s.claimed.shape)}", f"output{place(out, m.shape)}"
    says = f"{output} depends on {entry}, and that is left out ({int(lost.sum())} pairs of an output and an entry)"
    if bool(np.all(m.right | lost)):
        return _all_else_right(s, m, says)
    return Cause("term", says)


def _all_else_right(s: Sides, m: Matrix, says: str) -> Cause:
    """What it means that some of the Jacobian is left out, and the rest is right."""
    lost, kept = m.gone, m.used & ~m.gone
    says = f"{says}; all the rest is right"
    if lost.shape[0] == lost.shape[1] and not np.any(lost & ~np.eye(len(lost)).astype(bool)) and not m.entrywise:
        return Cause("place", f"{says}: every entry's own share is missing")
    entries = lost.any(axis=0) & ~kept.any(axis=0)
    if not np.any(lost.any(axis=0) & ~entries):  # whole entries are left out
        at = np.argwhere(entries.reshape(s.claimed.shape))
        if at.shape[1] > 1 and len(at) > 1 and np.all(at[:, -1] == at[:, -2]):
            return Cause("place", f"{says}: the diagonal of {s.name} is left out")
        return edge(s) or Cause("term", says)
    several = (m.used.sum(axis=0) > 1) & m.adds
    if np.all(several | ~lost.any(axis=0)) and np.all(kept[:, lost.any(axis=0)].sum(axis=0) == 1):
        last = m.used.shape[0] - 1 - np.argmax(m.used[::-1], axis=0)
        if np.all(np.argmax(kept, axis=0)[lost.any(axis=0)] == last[lost.any(axis=0)]):
            return Cause("duplicates", f"{says}: of several outputs the last is kept; overwritten instead of added")
    outputs = lost.any(axis=1)
    if not np.any(kept[outputs]):  # whole outputs are left out
        for kind, which in (("first", ~outputs), ("edge", outputs)):
            found = one_line(which.reshape(m.shape))
            if found is not None and (kind == "edge" or found[1] == 0):
                axis, n = found
                told = "counts alone" if kind == "first" else "does not count"
                kind = "broadcast" if kind == "first" and axis else kind
                return Cause(kind, f"{says}: of the output the slice {n} along axis {axis} {told}")
    return Cause("term", says)


def another_function(s: Sides) -> Cause | None:
    """Every output depends on its own entry alone, and so is claimed, with another slope."""
    m = s.matrix
    if m is None or not m.entrywise or m.stray.any() or (s.clear & s.wrong).sum() < 2:
        return None
    worst = int(np.argmax(np.abs(np.diag(m.claimed - m.expected))))
    c, e = float(m.claimed[worst, worst]), float(m.expected[worst, worst])
    at = float(np.asarray(s.x, np.float64).ravel()[worst])
    return Cause("formula", f"the slope claimed at {s.name} = {number(at)} is {number(c)}, expected {number(e)}")


def averaged(s: Sides) -> Cause | None:
    """A mean over the outputs to which every entry adds alike, in place of their sum; or the other way round."""
    m = s.matrix
    if m is None or not np.any(m.used):
        return None
    counts = m.used.sum(axis=0)
    n = int(counts[0])
    if n < 2 or np.any(counts != n) or not m.adds.all():
        return None
    for times, says in ((1 / n, "a mean of"), (float(n), "the number times the mean of")):
        if _fits(s, times * s.expected, times):
            return Cause(
                "broadcast", f"claimed = {times:.4g} x expected on {of_all(s)}: {says} what {n} outputs each add"
            )
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
                if told.all() and _fits(
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
            if len(which) == 1 and _by_chance(s, count, wrong.size // parts, parts * wrong.ndim) < CHANCE:
                told = _inside(s)
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


PATTERNS: tuple[Pattern, ...] = (
    not_finite,
    dropped,
    averaged,
    factor,
    powers,
    one_entry,
    offset,
    proportional,
    slight,
    transposed,
    moved,
    block,
    partly,
    masked,
    gone,
    elsewhere,
    mixed,
    edge,
    constant,
    another_function,
)
