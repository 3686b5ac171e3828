"""The entry at fault in a rule that returns a whole matrix, or its product with a tangent: ``hess[0, 1]``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array
from gradverify._method import Oracle
from gradverify._subject import Broken, Subject
from gradverify._vectors import Estimate, Vectors

ALL = 32  # outputs up to which every one is asked; beyond, halves are followed
Place = tuple[int, int]  # an output, and the rank of an entry of it
Sides = tuple[float, float, float]  # claimed, expected, and how well that is known


@dataclass(frozen=True)
class Entry:
    """An entry of the derivative, both sides there, and the cotangent that looks at this output alone."""

    argument: str
    index: tuple[int, ...]
    claimed: float
    expected: float
    error: float
    cotangent: tuple[Array, ...]
    cause: str = ""


def matrix_entry(f: Subject, x: Vectors, u: Vectors, oracle: Oracle, *, forward: bool) -> Entry | None:
    """The entry most in error in the column of ``u``, which is one step of one input entry.

    None where the rule returns no matrix and no product with a tangent, or where no entry by itself is in error.
    """
    if not forward and f.entry is None:
        return None
    try:
        value = f.forward(x)
        compare = _comparison(f, x.higher, u, oracle, forward)
        rng = np.random.default_rng(1)
        places = [(out, i) for out, p in enumerate(value) for i in range(p.size)]
        while len(places) > ALL:
            halves = places[: len(places) // 2], places[len(places) // 2 :]
            places = max(halves, key=lambda some: _excess(compare(_cotangent(value, some, rng))))
        found = [(place, compare(_cotangent(value, [place]))) for place in places]
        place, sides = max(found, key=lambda pair: _excess(pair[1]))
        if _excess(sides) <= 1 or sides is None:
            return None
        return _named(f, x, u, value, place, sides, forward)
    except Broken:
        return None


def _comparison(f: Subject, y: Vectors, u: Vectors, oracle: Oracle, forward: bool) -> Callable[[Vectors], Sides | None]:
    """Both sides of <w, Df(y) u>, as a function of w."""
    column = f.pushforward(y, u) if forward else None

    def compare(w: Vectors) -> Sides | None:
        known = oracle.directional(f, y, u, w.higher)
        claimed = column.inner(w.higher) if column is not None else f.pullback(y, w.higher).inner(u)
        return (claimed.value, known.value, known.error + claimed.error) if isinstance(known, Estimate) else None

    return compare


def _excess(sides: Sides | None) -> float:
    """How many bars both sides are apart."""
    if sides is None:
        return 0.0
    gap, bar = abs(sides[0] - sides[1]), sides[2]
    return gap / bar if bar > 0 else float(np.inf if gap > 0 else 0.0)


def _cotangent(value: Vectors, places: list[Place], rng: np.random.Generator | None = None) -> Vectors:
    """1 at these places (a random sign and size, where a generator is given), 0 elsewhere, in the outputs' types."""
    parts = [np.zeros(p.size) for p in value]
    for out, i in places:
        parts[out][i] = 1.0 if rng is None else (rng.integers(0, 2) * 2 - 1) * rng.integers(4, 13) / 8
    shaped = (flat.reshape(p.shape).astype(p.dtype) for flat, p in zip(parts, value, strict=True))
    return Vectors(tuple(shaped), bare=value.bare)


def _named(
    f: Subject, x: Vectors, u: Vectors, value: Vectors, place: Place, sides: Sides, forward: bool
) -> Entry | None:
    """The entry by the name that it has where it was returned."""
    out, rank = place
    i = tuple(int(n) for n in np.unravel_index(rank, value[out].shape))
    k = next(k for k, p in enumerate(u) if p.size)
    j = tuple(int(n) for n in np.argwhere(u[k])[0])
    step = float(u[k][j])
    cotangent = _cotangent(value, [place]).parts
    if forward:
        which = output_name(f, out, len(value))
        at = f"{f.names[k]}[{', '.join(map(str, j))}]" if j else f.names[k]
        cause = f"the tangent u is {step:.9g} at {at}, and 0 elsewhere"
        return Entry(f"pushforward(x, u){which}", i, *sides, cotangent, cause)
    assert f.entry is not None
    argument, index = f.entry(x, out, i, k, j, f.at)
    claimed, expected, error = (side / step for side in sides)
    return Entry(argument, index, claimed, expected, abs(error), cotangent)


def output_name(f: Subject, part: int, count: int) -> str:
    """Which output of ``count`` this is, as it is written after the value: ``[1]``, ``.imag``."""
    if f.form is not None:
        return f.form.output(part)
    return f"[{part}]" if count > 1 else ""
