"""Patterns of which outputs depend on which entries: what is left out, mixed in, taken from elsewhere, or averaged."""

from __future__ import annotations

import numpy as np

from gradverify._arrays import Array
from gradverify._cause import Cause
from gradverify.explain.patterns import CHANCE, by_chance, edge, fits, number, of_all, one_line, place
from gradverify.explain.sides import SAME, Matrix, Sides

LEAST = 3  # outputs and entries: any mismatch of two is nearly of rank one
SEVERAL = 6  # pairs of an output and an entry
FLAT = 1e-6  # of the largest singular value: rank one


def averaged(s: Sides) -> Cause | None:
    """A mean over the outputs to which every entry adds alike, in place of their sum; or the other way round."""
    m = s.matrix
    if m is None or not np.any(m.used):
        return None
    counts = m.used.sum(axis=0)
    n = int(counts[0])
    if n < 2 or np.any(counts != n) or not m.adds.all():
        return None
    for times, says in ((1 / n, "a mean over"), (float(n), "too often by a factor, summed over")):
        if fits(s, times * s.expected, times):
            return Cause(
                "broadcast",
                f"claimed = {times:.4g} x expected on {of_all(s)}: {says} the {n} outputs that it is added to",
            )
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


def turned(s: Sides) -> Cause | None:
    """The negative of what is expected on most of what is wrong of the Jacobian: one of its terms has another sign."""
    m = s.matrix
    if m is None or m.stray.any():
        return None
    wrong = ~m.right
    negative = wrong & m.used & (np.abs(m.claimed + m.expected) <= m.width + SAME * np.abs(m.expected))
    if negative.sum() < SEVERAL or 2 * negative.sum() < wrong.sum():
        return None
    out, at = np.argwhere(negative)[0]
    entry, output = f"{s.name}{place(at, s.claimed.shape)}", f"output{place(out, m.shape)}"
    says = f"how {output} depends on {entry} is claimed with the wrong sign, as for {int(negative.sum())} pairs"
    return Cause("sign", f"{says} of an output and an entry: one term has another sign")


def of_rank_one(s: Sides) -> Cause | None:
    """What is left over is, for each example, one vector times another: as a sum over an axis, multiplied back, is."""
    m = s.matrix
    if m is None or m.stray.any() or np.any(m.used.sum(axis=0) < LEAST) or not np.isfinite(m.width).all():
        return None
    rest = np.where(m.right, 0.0, m.claimed - m.expected)
    blocks = [(rows, columns) for rows, columns in _blocks(m.used) if rest[np.ix_(rows, columns)].any()]
    for rows, columns in blocks:
        if min(len(rows), len(columns)) < LEAST:
            return None
        left, whole = (np.linalg.svd(a[np.ix_(rows, columns)], compute_uv=False) for a in (rest, m.expected))
        if left[1] > FLAT * left[0] or whole[1] <= FLAT * whole[0]:
            return None
    if not blocks:
        return None
    says = "claimed - expected is one vector times another, as a sum over an axis makes"
    return Cause("term", f"{says}: such a term is missing, is wrong, or is one too many, on {of_all(s)}")


def _blocks(used: Array) -> list[tuple[Array, Array]]:
    """The outputs and the entries that depend on each other, and on no others."""
    found, left = [], set(range(used.shape[0]))
    while left:
        rows = np.zeros(used.shape[0], bool)
        rows[min(left)] = True
        while True:
            columns = used[rows].any(axis=0)
            grown = rows | used[:, columns].any(axis=1)
            if np.array_equal(grown, rows):
                break
            rows = grown
        left -= set(np.flatnonzero(rows).tolist())
        found.append((np.flatnonzero(rows), np.flatnonzero(columns)))
    return found


def mixed(s: Sides) -> Cause | None:
    """Looks at a cotangent where the function does not depend on the entry."""
    if s.matrix is None or not s.matrix.stray.any():
        return None
    stray = s.matrix.stray
    outputs = np.asarray(stray.any(axis=1)).reshape(s.matrix.shape)
    if outputs.ndim > 1 and min(outputs.shape[-2:]) > 2:
        inner, marked = outputs[..., 1:-1, 1:-1], int(outputs.sum())
        if not inner.any() and by_chance(marked, outputs.size - inner.size, outputs.size) < CHANCE:
            return Cause("edge", f"the claim for {s.name} depends on outputs at the border that do not depend on it")
    count, (out, at) = int(stray.sum()), np.argwhere(stray)[0]
    entry, output = f"{s.name}{place(at, s.claimed.shape)}", f"output{place(out, s.matrix.shape)}"
    says = f"the claim for {entry} depends on the cotangent of {output}, which does not depend on it"
    return Cause("mixed", f"{says} ({count} pairs of an output and an entry)")


def another_function(s: Sides) -> Cause | None:
    """Every output depends on its own entry alone, and so is claimed, with another slope."""
    m = s.matrix
    if m is None or not m.entrywise or m.stray.any() or (s.clear & s.wrong).sum() < 2:
        return None
    worst = int(np.argmax(np.abs(np.diag(m.claimed - m.expected))))
    c, e = float(m.claimed[worst, worst]), float(m.expected[worst, worst])
    at = float(np.asarray(s.x, np.float64).ravel()[worst])
    return Cause("formula", f"the slope claimed at {s.name} = {number(at)} is {number(c)}, expected {number(e)}")
