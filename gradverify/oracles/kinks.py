"""At a kink a claim is right if, along every direction tried, it lies between the slopes of smooth neighbours.

The neighbours' own claims are first held against the oracle; then the extremes of their slopes are
searched (by flipping which side of each kink a neighbour lies on), not sampled. This is the
directional form of Clarke's generalised gradient (Optimization and Nonsmooth Analysis, 1983, 2.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradverify._method import Excuse
from gradverify._rounding import measured_rounding
from gradverify._subject import Broken, Subject, step_of
from gradverify._vectors import Array, Estimate, Vectors
from gradverify._verdict import Outcome
from gradverify.oracles.boundary import boundaries, chain_rule_values
from gradverify.oracles.line import relaid, tangent

NEAR, NEARER = 2.0**-24, 2.0**-44  # of a step: neighbours to judge, and neighbours that tell a jump from curvature
COUNT = 8
GROWS = 100  # so much steeper at the nearer neighbours: a slope without bound
SHRINKS = 1e-3  # of the slopes' spread at the farther neighbours: a jump keeps all of it, x|x|^(1/2) loses this much
SLIGHT = 1e-6  # of an entry's slope: the smallest jump worth a word
FAINT = 1e-7  # of the largest slope, step for step: the same beside larger entries
CLOSE = 1e-9  # relative rounding of the chain rule's own value
LEADS = (4.0, 3.0, 0.25, -0.25, -4.0)  # offsets tried for one coordinate: first, second, near, far behind
SEARCHED = 24  # jumping coordinates up to which extremes are searched one sign at a time


@dataclass(frozen=True)
class Place:
    """A point, the cotangent there, the claimed gradient, and the arguments it is claimed for."""

    f: Subject
    x: Vectors
    v: Vectors
    judged: tuple[int, ...]

    def claim(self, x: Vectors) -> Array:
        """The claimed gradient at x as one flat array over the judged arguments."""
        g = self.f.pullback(x, self.v)
        return np.concatenate([g[k].ravel().astype(np.float64) for k in self.judged])

    @property
    def steps(self) -> Array:
        """The natural step of every coordinate."""
        return np.concatenate([step_of(self.x[k]).ravel() for k in self.judged])

    def beside(self, distance: float, offset: Array) -> Vectors:
        """x moved by ``distance * offset`` natural steps, turned round where that would leave the domain."""
        parts, start = list(self.x.parts), 0
        for k in self.judged:
            a = self.x[k]
            d = distance * (offset[start : start + a.size].reshape(a.shape) * step_of(a))
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


@np.errstate(all="ignore")
def look(place: Place, oracle: Any, rng: np.random.Generator) -> Excuse:
    """Does the claim at this point lie among the slopes nearby?"""
    try:
        g = place.claim(place.x)
        n = g.size
        near = list(_finite(place, NEAR, (offsets(rng, n) for _ in range(COUNT))))
        nearer = list(_finite(place, NEARER, (offsets(rng, n) for _ in range(COUNT))))
    except Broken as failure:
        return Excuse(Outcome.BLUNT, str(failure))
    if not near or not nearer:
        return Excuse(Outcome.BLUNT, "no neighbour of this point could be judged: the function is not finite beside it")
    right, wrong = _judge_neighbours(place, near[:4], oracle, rng)
    if wrong and wrong >= right:
        return Excuse(Outcome.DISAGREES, "")
    if not right:
        return Excuse(Outcome.BLUNT, "a kink, a jump or noise: no neighbour could be judged either")
    slopes = np.stack([gz for _, gz in nearer])
    tolerance = _tolerance(place, near, slopes)
    if np.abs(slopes).max() > GROWS * np.abs(np.stack([gz for _, gz in near])).max() > 0:
        return Excuse(Outcome.BLUNT, "the slope is infinite here: the neighbours' grow without end")
    if not np.all(np.isfinite(g)):
        i = int(np.flatnonzero(~np.isfinite(g))[0])
        return (
            _outside(place, i, g[i], slopes[:, i])
            if np.all(np.isfinite(slopes))
            else Excuse(Outcome.BLUNT, "not finite here nor beside")
        )
    if np.any(np.all(np.abs(slopes - g) <= tolerance, axis=1)):
        jumps = bool(np.any(np.ptp(slopes, axis=0) > tolerance))
        return Excuse(Outcome.AGREES, _convention(place, g, slopes) if jumps else "", seen=place.seen(slopes))
    jumping = np.flatnonzero(np.ptp(slopes, axis=0) > tolerance)
    settled = np.setdiff1d(np.arange(n), jumping)
    off = settled[np.abs(g - slopes[0])[settled] > tolerance[settled]]
    if off.size:
        return _isolated(place, int(off[np.argmax(np.abs(g - slopes[0])[off])]), g, slopes, rng)
    if _is_a_neighbour(place, g, tolerance, jumping, rng):
        return Excuse(Outcome.AGREES, _convention(place, g, slopes), seen=place.seen(slopes))
    return _between(place, g, tolerance, jumping, slopes, rng)


def _finite(place: Place, distance: float, moves: Iterator[Array]) -> Iterator[tuple[Vectors, Array]]:
    for offset in moves:
        z = place.beside(distance, offset)
        try:
            value = place.f.forward(z)
            g = place.claim(z)
        except Broken:
            continue
        if all(bool(np.isfinite(p).all()) for p in value) and g.size == sum(place.x[k].size for k in place.judged):
            yield z, g


def _judge_neighbours(
    place: Place, near: list[tuple[Vectors, Array]], oracle: Any, rng: np.random.Generator
) -> tuple[int, int]:
    """How many neighbours' claims the oracle confirms, and how many it refutes along two directions."""
    right = wrong = 0
    for z, _ in near:
        outcomes: list[bool | None] = []
        for _ in range(2):
            u = tangent(place.f, z, rng, place.judged)
            known = oracle.directional(place.f, z, u, place.v)
            if not isinstance(known, Estimate):
                outcomes.append(None)
                continue
            g = place.f.pullback(z, place.v)
            claimed = g.inner(u)
            bar = known.error + claimed.error
            gap = abs(claimed.value - known.value)
            if gap > bar:
                own = measured_rounding(g.answers[0].answer)
                bar += sum(float((own[k] * np.abs(u[k])).sum()) for k in place.judged)
            outcomes.append(bool(gap <= bar))
        right += outcomes.count(True) == 2 or outcomes == [True, None] or outcomes == [None, True]
        wrong += outcomes.count(False) == 2
    return right, wrong


def _tolerance(place: Place, near: list[tuple[Vectors, Array]], slopes: Array) -> Array:
    """Rounding (measured beside the kink, not at it), and what is no jump because it shrinks with the distance."""
    own = measured_rounding(place.f.pullback(near[0][0], place.v).answers[0].answer)
    budget = np.concatenate([own[k].ravel() for k in place.judged])
    size, steps = np.max(np.abs(slopes), axis=0), place.steps
    shrinking = SHRINKS * np.ptp(np.stack([g for _, g in near]), axis=0)
    return np.asarray(budget + shrinking + SLIGHT * size + FAINT * float(np.max(size * steps, initial=0.0)) / steps)


def _convention(place: Place, g: Array, slopes: Array) -> str:
    i = int(np.argmax(np.ptp(slopes, axis=0)))
    k, index = place.entry(i)
    name = place.f.names[k] + (str(list(index)) if index else "")
    low, high = slopes[:, i].min(), slopes[:, i].max()
    return f"a kink at {name}: {g[i]:.3g} is claimed, any value from {low:.3g} to {high:.3g} is valid"


def _isolated(place: Place, i: int, g: Array, slopes: Array, rng: np.random.Generator) -> Excuse:
    """A mismatch at this point alone: wrong on smooth ground, the chain rule's where kinks cancel, or unknown."""
    met = boundaries(place.f, place.x)
    k, index = place.entry(i)
    if met is None:
        why = "whether the function stands on a tie or a kink here cannot be told"
        return Excuse(Outcome.BLUNT, f"wrong at this isolated point, and {why}")
    if not met:
        return Excuse(Outcome.DISAGREES, "")
    spot = (k, index, float(g[i]), float(slopes[:, i].min()), float(slopes[:, i].max()))
    values = chain_rule_values(place.f, place.x, place.along(i), place.v, rng)
    if not values:
        return Excuse(
            Outcome.BLUNT, f"not the slope nearby, and what the chain rule gives at {met[0]} could not be found"
        )
    low, high = min(values) / place.steps[i], max(values) / place.steps[i]
    if not low - abs(low) * CLOSE <= g[i] <= high + abs(high) * CLOSE:
        return Excuse(Outcome.DISAGREES, "", place=(k, index, float(g[i]), low, high))
    met_here = f"{', '.join(met)} at {place.f.names[k]}"
    note = f"not the derivative at this isolated point, where kinks cancel ({met_here}); right at all neighbours"
    return Excuse(Outcome.AGREES, note, isolated=True, place=spot, seen=place.seen(slopes))


def _outside(place: Place, i: int, claimed: float, slopes: Array) -> Excuse:
    k, index = place.entry(i)
    return Excuse(Outcome.DISAGREES, "", place=(k, index, float(claimed), float(slopes.min()), float(slopes.max())))


def _is_a_neighbour(place: Place, g: Array, tolerance: Array, jumping: Array, rng: np.random.Generator) -> bool:
    """Is the claim the whole gradient of some neighbour? Found by moving one coordinate after another to match more."""
    if jumping.size > SEARCHED:
        return False

    def missed(offset: Array) -> float:
        found = next(_finite(place, NEARER, iter((offset,))), None)
        return np.inf if found is None else float(np.maximum(np.abs(found[1] - g) - tolerance, 0).sum())

    best = offsets(rng, g.size)
    least = missed(best)
    for _ in range(2):
        for i in jumping:
            for lead in LEADS:
                trial = best.copy()
                trial[i] = lead * rng.uniform(0.95, 1.05)  # never two alike: that would be the tie again
                value = missed(trial)
                if value < least:
                    least, best = value, trial
                if least == 0.0:
                    return True
    return False


def _between(
    place: Place, g: Array, tolerance: Array, jumping: Array, slopes: Array, rng: np.random.Generator
) -> Excuse:
    """Along coordinates, all of them at once and random mixtures: is the claim between the extremes?"""
    excess = np.maximum(slopes.min(0) - g, g - slopes.max(0)) - tolerance
    worst = int(jumping[np.argmax(excess[jumping])])
    mixes = [_unit(g.size, [worst]), _unit(g.size, jumping)]
    turns = [offsets(rng, g.size) for _ in range(8)]  # half of one sign: sums over a tied set are seen along those
    mixes += [_unit(g.size, jumping) * (np.abs(turn) if k % 2 else turn) for k, turn in enumerate(turns)]
    if jumping.size <= SEARCHED:
        mixes += [_unit(g.size, [int(i)]) for i in jumping if i != worst]
    misses = 0
    for mix in mixes:
        d = mix * place.steps
        value, bar = float(g @ d), float(tolerance @ np.abs(d))
        low, high = _extremes(place, d, jumping, slopes, rng)
        if low - bar <= value <= high + bar:
            continue
        again = _extremes(place, d, jumping, slopes, rng)
        if min(low, again[0]) - bar <= value <= max(high, again[1]) + bar:
            continue
        misses += 1
        alone = np.count_nonzero(mix) == 1
        if alone or misses >= 2:
            i = int(np.flatnonzero(mix)[0]) if alone else worst
            k, index = place.entry(i)
            return Excuse(Outcome.DISAGREES, "", place=(k, index, float(g[i]), *_range(place, i, jumping, slopes, rng)))
    if misses:
        return Excuse(Outcome.BLUNT, "outside the slopes found nearby along one direction only")
    return Excuse(Outcome.AGREES, _convention(place, g, slopes), seen=place.seen(slopes))


def _range(place: Place, i: int, jumping: Array, slopes: Array, rng: np.random.Generator) -> tuple[float, float]:
    """The least and greatest slope nearby along coordinate i alone."""
    return _extremes(place, _unit(place.steps.size, [i]), jumping, slopes, rng)


def _unit(n: int, entries: Any) -> Array:
    out = np.zeros(n)
    out[entries] = 1.0
    return out


def _extremes(place: Place, d: Array, jumping: Array, slopes: Array, rng: np.random.Generator) -> tuple[float, float]:
    """The least and greatest slope <g(z), d> over neighbours z, searched by turning coordinates round."""
    known = slopes @ d
    low, high = float(known.min()), float(known.max())
    n = d.size

    def slope(offset: Array) -> float | None:
        found = next(_finite(place, NEARER, iter((offset,))), None)
        return None if found is None else float(found[1] @ d)

    if jumping.size > SEARCHED:
        patterns = [offsets(rng, n) for _ in range(12)]
        values = np.array([np.nan if (s := slope(p)) is None else s for p in patterns])
        kept = np.isfinite(values)
        if kept.sum() >= 2:
            signs = np.sign(np.stack(patterns)[kept])
            own = np.sign((signs * (values[kept] - values[kept].mean())[:, None]).sum(0))
            values = np.append(
                values[kept], [s for p in (own, -own) if (s := slope(np.where(p == 0, 1.0, p))) is not None]
            )
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        return low, high
    for sign in (1.0, -1.0):
        best = offsets(rng, n)
        top = slope(best)
        for _ in range(2):
            for i in jumping:
                for lead in LEADS:
                    trial = best.copy()
                    trial[i] = lead * rng.uniform(0.95, 1.05)  # never two alike: that would be the tie again
                    value = slope(trial)
                    if value is not None and (top is None or sign * value > sign * top):
                        top, best = value, trial
        if top is not None:
            low, high = min(low, top), max(high, top)
    return low, high


def look_forward(f: Subject, x: Vectors, u: Vectors, v: Vectors, oracle: Any, rng: np.random.Generator) -> Excuse:
    """The same question for a forward rule, along the one direction it was asked about."""
    judged = tuple(k for k, p in enumerate(u) if p.size)
    place = Place(f, x, v, judged)
    n = sum(x[k].size for k in judged)
    claimed, values, right = f.pushforward(x, u).inner(v).value, [], 0
    for j in range(2 * COUNT):
        z = place.beside(NEAR if j < COUNT else NEARER, offsets(rng, n))
        try:
            slope = f.pushforward(z, u).inner(v)
            if j < 4:
                known = oracle.directional(f, z, u, v)
                if isinstance(known, Estimate):
                    gap = abs(known.value - slope.value)
                    right += 1 if gap <= known.error + slope.error + CLOSE * abs(known.value) else -4
        except Broken:
            continue
        values.append(slope.value)
    if right <= 0 or not values:
        return Excuse(
            Outcome.DISAGREES if right < 0 else Outcome.BLUNT, "" if right < 0 else "no neighbour could be judged"
        )
    width = SLIGHT * max(abs(s) for s in values)
    if min(values) - width <= claimed <= max(values) + width:
        return Excuse(Outcome.AGREES, "a kink: the claim lies among the slopes nearby", seen=judged)
    return Excuse(Outcome.DISAGREES, "")
