"""Among many entries, those that are wrong: why a part is, when all others are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradverify._arrays import Array
from gradverify._cause import Cause
from gradverify._verdict import Finding
from gradverify.explain.circumstances import LARGE, special
from gradverify.explain.extent import EVERY, extent
from gradverify.explain.mismatch import Mismatch
from gradverify.explain.patterns import inside
from gradverify.explain.regions import listed, places
from gradverify.explain.sides import sampled

ASKED = 8  # entries of a part that are asked what is claimed there
ENOUGH = 2.0**-10  # of what one entry is off by: with such bars entries are told apart
SIGNS = 8  # wrong entries from which it says something that all have one sign


def of_a_part(m: Mismatch, finding: Finding) -> Cause | None:
    """The cause where some entries are wrong, and nothing is peculiar about them but where they are; else None."""
    k = m.f.names.index(finding.argument)
    m = replace(m, oracle=replace(m.oracle, enough=ENOUGH * _gap(m, k, finding)))
    wrong = _alone(m, k, finding.index) or _extents(m, k)
    if not wrong or not all(m.moves(j) for j in m.judged) or not wrong[k][finding.index or ()].all():
        return None
    if any(_peculiar(m.x[j], marked) for j, marked in wrong.items()):
        return None
    where = {j: places(m.f.names[j], marked) for j, marked in wrong.items()}
    if not all(where.values()):
        return None
    count, all_places = sum(int(marked.sum()) for marked in wrong.values()), sum(where.values(), ())
    what = f"{all_places[0]} alone is wrong" if count == 1 else f"{count:,} entries are wrong"
    what += ", as far as some of them were asked" if any(marked.sum() > EVERY for marked in wrong.values()) else ""
    found = sampled(m.f, m.x, m.v, k, _some(wrong[k]), m.oracle)
    pattern = inside(found)
    kind = _kind(wrong) if count == 1 or pattern or not _scattered(wrong) else ""
    return Cause(kind, f"{what}{pattern}; all others, moved together, are right", all_places)


def _gap(m: Mismatch, k: int, finding: Finding) -> float:
    """What the entry that was named is off by when it moves."""
    if isinstance(finding.claimed, str) or isinstance(finding.expected, str) or not finding.index:
        return 0.0
    return abs(finding.claimed - finding.expected) * float(m.x.steps[k][finding.index])


def _alone(m: Mismatch, k: int, index: tuple[int, ...] | None) -> dict[int, Array]:
    """The one entry, if all others are right along a direction that moves each of them; else nothing."""
    if index is None:
        return {}
    one = np.zeros(m.x[k].shape, bool)
    one[index] = True
    rest = m.weighed({j: np.ones(m.x[j].shape) if j != k else (~one).astype(np.float64) for j in m.judged})
    return {k: one} if np.isfinite(rest.bar) and not rest.wrong else {}


def _extents(m: Mismatch, k: int) -> dict[int, Array]:
    """For every argument that is wrong the entries that are; nothing where that is all of one, or is not known."""
    found = {}
    for j in (k, *(j for j in m.judged if j != k)):
        whole = m.weighed({j: np.ones(m.x[j].shape)})
        if not np.isfinite(whole.bar):
            return {}
        if j != k and not whole.wrong:
            continue
        marked = extent(m, j)
        if marked is None or marked.all():
            return {}
        found[j] = marked
    return found


def _peculiar(a: Array, wrong: Array) -> bool:
    """Are all entries that are wrong special, large or of one sign, and most others not?"""
    traits = [special(a), np.abs(a) > LARGE]
    traits += [a < 0, a > 0] if wrong.sum() >= SIGNS else []
    return any(bool(trait[wrong].all()) and 2 * np.mean(trait[~wrong]) < 1 for trait in traits)


def _some(wrong: Array) -> list[tuple[int, ...]]:
    """A few of the entries that are marked."""
    marked = np.flatnonzero(wrong)
    chosen = np.unique(np.linspace(0, len(marked) - 1, ASKED).astype(int))
    return [tuple(int(n) for n in np.unravel_index(i, wrong.shape)) for i in marked[chosen]]


def _scattered(wrong: dict[int, Array]) -> bool:
    """Are these entries here and there, which says where and not why?"""
    return all(listed(marked) for marked in wrong.values())


def _kind(wrong: dict[int, Array]) -> str:
    """Entries one by one; the first or last slices; or another part."""
    if _scattered(wrong):
        return "entry"
    return "edge" if all(_at_an_end(marked) for marked in wrong.values()) else "part"


def _at_an_end(wrong: Array) -> bool:
    """Is it the first or last entries, or slices along an axis?"""
    flat = [
        wrong.ravel(),
        *(wrong.all(axis=tuple(k for k in range(wrong.ndim) if k != axis)) for axis in range(wrong.ndim)),
    ]
    runs = (rows for rows in flat if rows.any() and rows.sum() * (wrong.size // rows.size) == wrong.sum())
    return any(np.count_nonzero(np.diff(rows)) == 1 for rows in runs)
