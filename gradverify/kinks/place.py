"""A point, a cotangent and the claimed gradient there; and the same at neighbours, near and nearer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gradverify._arrays import Array
from gradverify._method import Excuse
from gradverify._subject import Broken, Subject
from gradverify._vectors import Vectors
from gradverify._verdict import Outcome
from gradverify.oracles.line import relaid
from gradverify.quantifiers import tangent

NEAR, NEARER = 2.0**-24, 2.0**-44  # of a step: neighbours to judge, and neighbours that tell a jump from curvature
COUNT = 8  # neighbours at each distance


@dataclass(frozen=True)
class Place:
    """A point, the cotangent there, the arguments a gradient is claimed for, and the direction of a disagreement.

    All entries move, for a kink may lie where several meet; neighbours are judged by those that the direction moves.
    """

    f: Subject
    x: Vectors
    v: Vectors
    judged: tuple[int, ...]
    doubted: Vectors | None = None

    def claim(self, x: Vectors) -> Array:
        """The claimed gradient at x as one flat array over the judged arguments."""
        g = self.f.pullback(x, self.v)
        return np.concatenate([g[k].ravel().astype(np.float64) for k in self.judged])

    @property
    def steps(self) -> Array:
        """The natural step of every coordinate."""
        return np.concatenate([self.x.steps[k].ravel() for k in self.judged])

    def beside(self, distance: float, offset: Array) -> Vectors:
        """x moved by ``distance * offset`` natural steps, turned round where that would leave the domain."""
        parts, start = list(self.x.parts), 0
        for k in self.judged:
            a = self.x[k]
            d = distance * (offset[start : start + a.size].reshape(a.shape) * self.x.steps[k])
            start += a.size
            low, high = (np.asarray(b, np.float64) for b in self.f.domain.bounds(k))
            d = np.where((a + d < low) | (a + d > high), -d, d)
            parts[k] = relaid(np.asarray(a + d), a)
        return Vectors(tuple(parts), bare=self.x.bare)

    def seen(self, slopes: Array) -> tuple[int, ...]:
        """The arguments in which some neighbour has a slope."""
        out, start = [], 0
        for k in self.judged:
            if np.any(slopes[:, start : start + self.x[k].size]):
                out.append(k)
            start += self.x[k].size
        return tuple(out)

    def direction(self, z: Vectors, rng: np.random.Generator, *, even: bool) -> Vectors:
        """A random tangent at a neighbour that moves what is in doubt."""
        u = tangent(self.f, z, rng, self.judged, even=even)
        if self.doubted is None:
            return u
        kept = (p * (d != 0) if d.size else d for p, d in zip(u, self.doubted, strict=True))
        return replace(u, parts=tuple(kept))

    def named(self, i: int) -> str:
        """Flat coordinate i as a user writes it."""
        k, index = self.entry(i)
        return self.f.names[k] + (str(list(index)) if index else "")

    def along(self, i: int) -> Vectors:
        """One natural step of flat coordinate i."""
        k, index = self.entry(i)
        parts = [np.zeros(0)] * len(self.x)
        parts[k] = np.zeros(self.x[k].shape)
        parts[k][index] = self.steps[i]
        return Vectors(tuple(parts))

    def entry(self, i: int) -> tuple[int, tuple[int, ...]]:
        """The argument and index of flat coordinate i."""
        for k in self.judged:
            if i < self.x[k].size:
                return k, tuple(int(n) for n in np.unravel_index(i, self.x[k].shape))
            i -= self.x[k].size
        raise IndexError(i)


def offsets(rng: np.random.Generator, n: int) -> Array:
    """Random signs and magnitudes in [1/2, 3/2]."""
    return (rng.integers(0, 2, n) * 2.0 - 1.0) * rng.uniform(0.5, 1.5, n)


def ramps(n: int) -> tuple[Array, Array]:
    """Offsets that rise, and fall, with the index: so ties are broken by code that takes the first, or the last."""
    rising = 0.5 + np.arange(n) / max(n - 1, 1)
    return rising, rising[::-1].copy()


def finite(place: Place, distance: float, moves: Iterator[Array]) -> Iterator[tuple[Vectors, Array]]:
    """The neighbours at this distance where the function and the claim are finite, each with its claim."""
    for offset in moves:
        z = place.beside(distance, offset)
        try:
            value = place.f.forward(z)
            g = place.claim(z)
        except Broken:
            continue
        if all(bool(np.isfinite(p).all()) for p in value) and g.size == sum(place.x[k].size for k in place.judged):
            yield z, g


def outside(place: Place, i: int, claimed: float, slopes: Array) -> Excuse:
    """The verdict on a claim that lies outside the slopes nearby, at this coordinate."""
    k, index = place.entry(i)
    return Excuse(Outcome.DISAGREES, "", place=(k, index, float(claimed), float(slopes.min()), float(slopes.max())))


def convention(place: Place, g: Array, slopes: Array) -> str:
    """What is claimed at the largest jump, and what else would be valid."""
    i = int(np.argmax(np.ptp(slopes, axis=0)))
    name = place.named(i)
    low, high = slopes[:, i].min() + 0.0, slopes[:, i].max() + 0.0  # no -0
    claimed = g[i] + 0.0
    return f"a kink at {name}: {claimed:.3g} is claimed, any value from {low:.3g} to {high:.3g} is valid"
