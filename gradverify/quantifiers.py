"""The quantifiers of one attempt, fresh from a seed: a tangent, cotangents, a number, and a point beside x."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradverify._arrays import Array, deferred
from gradverify._floating import is_floating
from gradverify._subject import Broken, Subject
from gradverify._vectors import Vectors
from gradverify.oracles.line import addable, relaid

# Powers of two: v + a w is exact where v is short. Negative and large: it has w's sign turned at every entry.
FACTORS = (-8.0, -16.0)
GRID = 8  # short cotangents are multiples of 1/8 below 2: four bits and a sign


@dataclass(frozen=True)
class Cotangents:
    """v, w and a for a value like ``y``, the same in whatever order they are asked for; v is ``fixed``, if it was."""

    y: Vectors
    rng: np.random.Generator
    short: bool
    fixed: tuple[Any, ...] | None = None

    @cached_property
    def v(self) -> Vectors:
        """Dense, with every bit in use unless ``short``."""
        drawn = cotangent(self.y, self.rng, short=self.short)
        if self.fixed is None:
            return drawn
        parts = (np.asarray(c, p.dtype) for c, p in zip(self.fixed, self.y, strict=True))
        return Vectors(tuple(parts), bare=self.y.bare)

    @cached_property
    def others(self) -> tuple[Vectors, float]:
        """w and a, which come after v."""
        _ = self.v
        return cotangent(self.y, self.rng, short=True), FACTORS[int(self.rng.integers(len(FACTORS)))]


@dataclass(frozen=True)
class RandomQuantifiers:
    """What a law at ``x`` may ask for, drawn when first looked up; ``even`` has all steps of the tangent alike."""

    subject: Subject
    x: Vectors
    judged: tuple[int, ...]
    rng: np.random.Generator
    even: Callable[[], bool]
    cotangents: Cotangents

    @cached_property
    def u(self) -> Vectors:
        """A tangent that moves the arguments judged."""
        kept = _constrained(self.subject, self.x, self.judged)
        return tangent(self.subject, self.x.higher, self.rng, self.judged, constrained=kept, even=self.even())

    @cached_property
    def y(self) -> Vectors:
        """x moved by a sixteenth of the tangent, in its own type; other arguments stay."""
        pairs = zip(self.x, self.u, strict=True)
        parts = tuple(relaid(deferred(_sixteenth, a, d), a) if d.size else a for a, d in pairs)
        return Vectors(parts, bare=self.x.bare)

    @property
    def v(self) -> Vectors:
        """A cotangent."""
        return self.cotangents.v

    @property
    def w(self) -> Vectors:
        """Another cotangent, whose sums with v are exact."""
        return self.cotangents.others[0]

    @property
    def a(self) -> float:
        """A number that turns the sign of v + a w."""
        return self.cotangents.others[1]


def cotangent(y: Vectors, rng: np.random.Generator, *, short: bool) -> Vectors:
    """A dense cotangent in the output's type: random signs, sizes between 1/2 and 3/2, so that every entry counts.

    ``short`` ones are multiples of 1/8, so that sums of them stay exact; the others have three
    decimals and so need every bit: a detour through a coarser type shows.
    """
    parts = []
    for p in y:
        v = rng.uniform(0.5, 1.5, p.shape)
        v = np.round(GRID * v) / GRID if short else np.round(v, 3)
        v = (rng.integers(0, 2, p.shape) * 2 - 1) * v
        parts.append(np.asarray(v).astype(p.dtype if is_floating(p.dtype) else np.float64))
    return Vectors(tuple(parts), bare=y.bare)


def _sixteenth(a: Array, d: Array) -> Array:
    return np.asarray(a + (d / 16).astype(a.dtype)).astype(a.dtype)


def tangent(
    subject: Subject,
    x: Vectors,
    rng: np.random.Generator,
    positions: tuple[int, ...],
    *,
    constrained: bool = False,
    even: bool = False,
) -> Vectors:
    """A random tangent: u_i = s_i (+-1) U[1/2, 3/2], at most a quarter of the way to a bound, exactly addable to x.

    s_i is each entry's own step, so that entries of all sizes count; if ``even``, their usual step, so that entries
    near 0 count as others do: for oracles that need no step. Symmetric for positive definite arguments;
    ``constrained`` keeps the sums of simplex arguments.
    """
    parts = []
    kinds = tuple(subject.domain.arguments.values())
    for k, a in enumerate(x):
        if k not in positions:
            parts.append(np.zeros(0))
            continue
        steps = np.broadcast_to(x.usual_steps[k], a.shape) if even else x.steps[k]
        u = np.asarray(deferred(partial(_drawn, rng), a, steps, *_ends(subject, a, k)))
        if kinds[k].kind == "simplex" and constrained:
            parts.append(along_simplex(a, rng))
            continue
        if kinds[k].kind == "positive-definite":
            u = (u + np.swapaxes(u, -1, -2)) / 2 / a.shape[-1]
        parts.append(addable(a, u))
    return Vectors(tuple(parts), random=True)


def _ends(subject: Subject, a: Array, k: int) -> tuple[Array, ...]:
    """The least and the greatest value of every entry; nothing where none has any."""
    low, high = (np.asarray(end, np.float64) for end in subject.domain.bounds(k))
    if (low == -np.inf).all() and (high == np.inf).all():
        return ()
    return np.broadcast_to(low, a.shape), np.broadcast_to(high, a.shape)


def _drawn(rng: np.random.Generator, a: Array, steps: Array, *ends: Array) -> Array:
    """Steps of random signs and sizes, at most a quarter of the way to an end."""
    signs = rng.integers(0, 2, a.shape) * 2.0 - 1.0
    if ends:
        with np.errstate(all="ignore"):
            room = np.maximum(np.minimum(a.astype(np.float64) - ends[0], ends[1] - a.astype(np.float64)), 0) / 4
        steps = np.minimum(steps, room / 1.5)
    return np.asarray(steps * signs * rng.uniform(0.5, 1.5, a.shape))


def along_simplex(a: Array, rng: np.random.Generator) -> Array:
    """+-2^m on pairs of entries of every last-axis slice, a quarter of the least of them at most: sums stay exact."""
    out = np.zeros(a.shape)
    for row in np.ndindex(a.shape[:-1]):
        p = np.asarray(a[row], np.float64)
        large = rng.permutation(np.flatnonzero(p > p.max(initial=0.0) / 2**14))
        pairs = large[: large.size - large.size % 2]
        if pairs.size:
            out[row][pairs] = 2.0 ** np.floor(np.log2(p[pairs].min() / 4)) * np.tile([1.0, -1.0], pairs.size // 2)
    return out


def _constrained(subject: Subject, x: Vectors, judged: tuple[int, ...]) -> bool:
    """Must simplex arguments keep their sums? Only where the function refuses inputs off the simplex."""
    kinds = tuple(subject.domain.arguments.values())
    simplex = [k for k in judged if kinds[k].kind == "simplex"]
    if not simplex:
        return False
    parts = list(x.parts)
    for k in simplex:
        parts[k] = (
            x[k] + np.asarray(2.0**-8 * x.steps[k] * np.arange(x[k].size).reshape(x[k].shape), x[k].dtype)
        ).astype(x[k].dtype)
    try:
        subject.forward(Vectors(tuple(parts)))
    except Broken:
        return True
    return False
