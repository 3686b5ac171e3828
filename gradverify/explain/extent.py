"""How far a mistake extends: which entries of an argument are wrong, where those are few or a part of a plain shape."""

from __future__ import annotations

import numpy as np

from gradverify._arrays import Array
from gradverify.explain.groups import DRAWN, FEW, TWO, Gap, Groups, Unknown
from gradverify.explain.mismatch import Mismatch

EVERY = 64  # entries of a part: all are asked; of more, some
MANY = 512  # entries: of fewer every 64th says nothing


def extent(m: Mismatch, k: int) -> Array | None:
    """Which entries of argument k are wrong: some, runs, slices, a block, every so-manyth, or all; None if unknown.

    That all others are right is measured. Of what is told to be wrong throughout a few entries are asked.
    """
    shape = m.x[k].shape
    whole = m.weighed({k: np.ones(shape)})
    if not whole.wrong:
        return None
    try:
        wrong = _wrong(m, k, whole).reshape(shape)
        return wrong if wrong.all() or _all_others_right(m, k, wrong) else None
    except Unknown:
        return None


def _wrong(m: Mismatch, k: int, whole: Gap) -> Array:
    """Single entries, runs or slices; raises Unknown where it is none of them."""
    entries = m.entries_of(k)
    if (one := _alone(m, k, whole)) is not None and _throughout(entries, one):
        return one
    if entries.throughout(0, entries.count):
        return np.ones(entries.count, bool)
    try:
        found = entries.wrong(whole, TWO if entries.count > MANY and entries.spread() else FEW)
        if not _throughout(m.entries_of(k), found):
            raise Unknown
        return found
    except Unknown:
        wrong = _of_slices(m, k, whole)
        if wrong.all() or not _throughout(m.entries_of(k), wrong):
            raise
        return wrong


def _alone(m: Mismatch, k: int, whole: Gap) -> Array | None:
    """The entries of the one slice that is wrong along an axis, or along several."""
    shape = m.x[k].shape
    found = [m.slices_of(k, axis).alone(whole) for axis in range(len(shape))]
    if all(at is None for at in found):
        return None
    inside = np.zeros(shape, bool)
    inside[tuple(slice(None) if at is None else at for at in found)] = True
    return inside


def _throughout(entries: Groups, wrong: Array) -> bool:
    """Are the entries that are marked all wrong: every one, or of many some drawn at random?"""
    marked = np.flatnonzero(wrong)
    some = marked if marked.size <= EVERY else np.random.default_rng(0).choice(marked, 2 * DRAWN)
    drawn = {marked[0], marked[-1], *some}
    return all(entries.together(i, i + 1).wrong for i in map(int, drawn))


def _of_slices(m: Mismatch, k: int, whole: Gap) -> Array:
    """The entries in the slices that are wrong, along every axis."""
    shape = m.x[k].shape
    inside = np.ones(shape, bool)
    for axis, size in enumerate(shape):
        slices = m.slices_of(k, axis)
        chosen = _chosen(slices, whole, halved=len(shape) > 1)
        inside &= chosen.reshape([size if i == axis else 1 for i in range(len(shape))])
    return inside


def _chosen(slices: Groups, whole: Gap, *, halved: bool) -> Array:
    """The slices that are wrong; all, where that cannot be told. ``halved``: few may be found by halves."""
    try:
        if slices.throughout(0, slices.count):
            return np.ones(slices.count, bool)
        if halved:
            return slices.wrong(whole, TWO)
    except Unknown:
        pass
    try:
        return slices.strided()
    except Unknown:
        return np.ones(slices.count, bool)


def _all_others_right(m: Mismatch, k: int, wrong: Array) -> bool:
    """Are the entries that are not marked right, all together?"""
    rest = m.weighed({k: (~wrong).astype(np.float64)})
    return np.isfinite(rest.bar) and not rest.wrong
