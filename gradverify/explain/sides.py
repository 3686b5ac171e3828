"""Both sides of a derivative at one point, entry by entry, and how well they are known: what a diagnosis looks at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array
from gradverify._method import Oracle
from gradverify._subject import Broken, Subject
from gradverify._vectors import CannotHere, Estimate, Misfit, Vectors
from gradverify.explain.locate import along
from gradverify.explain.matrix import output_name
from gradverify.explain.regions import places
from gradverify.judge.rounding import FLOORED
from gradverify.oracles import complex_step
from gradverify.oracles.finite_difference import slopes
from gradverify.oracles.line import Line, flat

MOST = 256  # entries of the inputs, and of the outputs, up to which a whole Jacobian is worked out
CALLS, DIFFERENCES = 1_000, 12  # of the function at most; so many for an entry where it takes no complex numbers
SAME = 1e-7  # of an entry: no pattern needs more digits
CLEAR = 100  # widths
ROUNDINGS = 64  # eps of the largest entry that a claimed Jacobian is granted


@dataclass(frozen=True)
class Matrix:
    """How every output depends on every entry of one argument: (outputs, entries), as claimed and as expected."""

    claimed: Array
    expected: Array
    width: Array
    shape: tuple[int, ...]  # of the output; flat where there are several

    @property
    def gone(self) -> Array:
        """Where nothing is claimed and something is expected."""
        return np.asarray((self.claimed == 0) & (np.abs(self.expected) > self.width))

    @property
    def used(self) -> Array:
        """Where something is expected."""
        return np.asarray(np.abs(self.expected) > self.width)

    @property
    def adds(self) -> Array:
        """The entries that add alike to every output that depends on them."""
        least = np.where(self.used, self.expected, np.inf).min(axis=0, initial=np.inf)
        most = np.where(self.used, self.expected, -np.inf).max(axis=0, initial=-np.inf)
        with np.errstate(all="ignore"):
            return np.asarray(most - least <= 2 * self.width.max(axis=0) + SAME * np.abs(most))

    @property
    def right(self) -> Array:
        """Where both are the same, to as many digits as a pattern needs."""
        with np.errstate(all="ignore"):
            near = np.abs(self.claimed - self.expected) <= self.width + SAME * np.abs(self.expected)
        return np.asarray(near | ~np.isfinite(self.width))

    @property
    def entrywise(self) -> bool:
        """Does every output depend on one entry alone, the one at its own place?"""
        rows, columns = self.expected.shape
        return rows == columns and not np.any(self.used & ~np.eye(rows, dtype=bool))

    @property
    def stray(self) -> Array:
        """Where something is claimed and nothing is expected."""
        return np.asarray((np.abs(self.claimed) > self.width) & (np.abs(self.expected) <= self.width))


@dataclass(frozen=True)
class Sides:
    """One argument's gradient for one cotangent: what is claimed, what is expected, and how far the two may differ.

    Entries that no oracle could tell have an infinite width.
    """

    name: str
    x: Array
    claimed: Array
    expected: Array
    width: Array
    matrix: Matrix | None  # none where there are too many entries, of which then some are known

    @property
    def known(self) -> Array:
        return np.isfinite(self.width)

    @property
    def clear(self) -> Array:
        """The entries expected to be something, and known so well that ratios can be formed."""
        return np.asarray(self.known & (np.abs(self.expected) > CLEAR * self.width))

    @property
    def wrong(self) -> Array:
        """The entries that are out."""
        return ~self.close(self.claimed)

    @property
    def size(self) -> float:
        """The largest entry expected."""
        return float(np.max(np.abs(self.expected), initial=0.0, where=self.known))

    def close(self, other: Array) -> Array:
        """Are these the numbers expected, entry by entry, as far as that is known?"""
        with np.errstate(all="ignore"):
            gap = np.abs(other - self.expected)
            return np.asarray((gap <= self.width) | ~self.known)

    def alike(self, other: Array) -> bool:
        """Are these the numbers expected, to as many digits as a pattern needs?"""
        with np.errstate(all="ignore"):
            near = np.abs(other - self.expected) <= self.width + SAME * np.maximum(np.abs(self.expected), np.abs(other))
        return bool(np.all(near | ~self.known))


def wrong_places(table: tuple[Sides, ...]) -> tuple[str, ...]:
    """All that is wrong of these arguments, as a user writes it; nothing where that is all, or not known."""
    if all(s.wrong.all() for s in table) or not all(s.known.all() for s in table):
        return ()
    told = [places(s.name, s.wrong) for s in table if s.wrong.any()]
    return sum(told, ()) if all(told) else ()


def wrong_outputs(f: Subject, x: Vectors, wrong: list[Sides]) -> tuple[str, ...]:
    """The outputs through which these arguments are wrong; nothing where that is all, or goes without saying."""
    y = f.forward(x)
    if not y.size or all(s.matrix is not None and s.matrix.entrywise for s in wrong):
        return ()
    rows = np.zeros(y.size, bool)
    for s in wrong:
        rows |= ~s.matrix.right.all(axis=1) if s.matrix is not None else True
    ends = np.cumsum([p.size for p in y])[:-1]
    parts = [part.reshape(p.shape) for part, p in zip(np.split(rows, ends), y, strict=True)]
    told = [places("value" + output_name(f, j, len(y)), part) for j, part in enumerate(parts) if part.any()]
    return sum(told, ()) if all(told) and not rows.all() else ()


SAMPLE = 48  # entries asked where there are too many for all


def few(f: Subject, x: Vectors, judged: tuple[int, ...], *, analytic: bool) -> bool:
    """Are there so few entries, of the inputs and of the outputs, that a whole Jacobian can be worked out?"""
    entries, outputs = sum(x[k].size for k in judged), f.forward(x).size
    return max(entries, outputs) <= MOST and entries * (1 if analytic else DIFFERENCES) <= CALLS


def sides(f: Subject, x: Vectors, v: Vectors, judged: tuple[int, ...], *, analytic: bool) -> tuple[Sides, ...]:
    """Both sides for each of these arguments, as whole Jacobians where those are small. May raise Broken or Misfit.

    A call of the rule for every output, and of the function for every entry (a dozen where it is not ``analytic``).
    """
    y = f.forward(x)
    if not all(np.all(np.isfinite(p)) for p in y) or not few(f, x, judged, analytic=analytic):
        return ()
    g = f.pullback(x, v)
    rounding = FLOORED(g.answers[0].answer)
    claimed = _claimed(f, x, y, judged)
    weights = flat(v.exact()).astype(np.float64)
    found = []
    for k in judged:
        expected, width = _expected(f, x, k, flat(y), analytic=analytic)
        one = np.nan_to_num(claimed[k])
        own = width + ROUNDINGS * np.finfo(np.float64).eps * np.max(np.abs(one), initial=0.0)
        shape = x[k].shape
        gradient = (weights @ expected).reshape(shape)
        bar = (np.abs(weights) @ width).reshape(shape) + (np.asarray(rounding[k]) if g[k].size else 0.0)
        own_side = like(g[k], x[k])
        found.append(
            Sides(
                f.names[k],
                np.asarray(x[k]),
                own_side,
                gradient,
                bar,
                Matrix(claimed[k], expected, own, y[0].shape if len(y) == 1 else (y.size,)),
            )
        )
    return tuple(found)


def around(index: tuple[int, ...], shape: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """An entry, its neighbours, the corners, and others at random."""
    rng = np.random.default_rng(20266)
    places = {index, tuple(0 for _ in shape), tuple(n - 1 for n in shape)}
    for axis, size in enumerate(shape):
        places |= {(*index[:axis], (index[axis] + by) % size, *index[axis + 1 :]) for by in (-1, 1)}
    while len(places) < min(SAMPLE, math.prod(shape)):
        places.add(tuple(int(rng.integers(n)) for n in shape))
    return places


def sampled(f: Subject, x: Vectors, v: Vectors, k: int, places: Iterable[tuple[int, ...]], oracle: Oracle) -> Sides:
    """One argument's gradient at these entries. May raise Broken."""
    g, shape = f.pullback(x, v), x[k].shape
    expected, width = np.zeros(shape), np.full(shape, np.inf)
    rounding = np.asarray(FLOORED(g.answers[0].answer)[k])
    for place in places:
        u = along(x, k, place)
        step = float(u[k][place])
        known = oracle.directional(f, x, u, v) if step else None
        if isinstance(known, Estimate):
            expected[place], width[place] = known.value / step, known.error / abs(step) + rounding[place]
    return Sides(f.names[k], np.asarray(x[k]), like(g[k], x[k]), expected, width, None)


def like(g: Array, a: Array) -> Array:
    """A gradient in the shape of its input, zeros where there is none; raises Misfit where it has another shape."""
    if g.shape == a.shape:
        return g.astype(np.float64)
    if g.size:
        raise Misfit(f"a gradient has shape {g.shape} for an input of shape {a.shape}")
    return np.zeros(a.shape)


def _claimed(f: Subject, x: Vectors, y: Vectors, judged: tuple[int, ...]) -> dict[int, Array]:
    """The rows of the claimed Jacobian: the gradients for cotangents of one 1."""
    rows: dict[int, list[Array]] = {k: [] for k in judged}
    for part, p in enumerate(y):
        for i in range(p.size):
            units = [np.zeros(q.size) for q in y]
            units[part][i] = 1.0
            e = Vectors(tuple(u.reshape(q.shape) for u, q in zip(units, y, strict=True)), bare=y.bare)
            g = f.pullback(x, e)
            for k in judged:
                rows[k].append(like(g[k], x[k]).ravel())
    return {k: np.array(found) for k, found in rows.items()}


def _expected(f: Subject, x: Vectors, k: int, f0: Array, *, analytic: bool) -> tuple[Array, Array]:
    """The columns of the expected Jacobian, and their widths."""
    values, widths = np.zeros((f0.size, x[k].size)), np.full((f0.size, x[k].size), np.inf)
    for j, index in enumerate(np.ndindex(x[k].shape)):
        u = along(x, k, index)
        step = float(u[k][index])
        if not step:
            continue
        try:
            line = Line(f, x, u, f0)
            raw = complex_step.raw(line) if analytic else CannotHere("")
            found = slopes(line, "float64", np.ones(f0.size)) if isinstance(raw, CannotHere) else None
            settled = complex_step.settled(line, raw) if found is None and not isinstance(raw, CannotHere) else found
        except Broken:
            continue
        if settled is not None:
            values[:, j], widths[:, j] = settled.value / step, settled.bar / abs(step)
    return np.nan_to_num(values), widths
