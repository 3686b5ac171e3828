"""A Setting is one place where a proof is tried: options, sizes and labels in numbers, everything real in symbols."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq

from gradverify._domain import At, Box
from gradverify._subject import NOTHING, Subject
from gradverify._vectors import Vectors
from gradverify.points import combinations
from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import Unsupported, exactly
from gradverify.symbolic.decide import Assumptions, Point
from gradverify.symbolic.expression import Expr
from gradverify.symbolic.trace import Symbolic, entries

MOST_SYMBOLS = 600  # entries of all arguments together
MOST_LABELS = 81  # combinations of labels, masks, signs and indices that are all tried
USUAL = (2, 3)  # sizes in turn, so that no two neighbouring axes are mistaken for each other


@dataclass
class Setting:
    """A subject with its options, a point x of symbols beside another, and what is assumed of them."""

    subject: Subject
    scope: str
    x: Vectors
    other: Vectors
    simplices: tuple[tuple[Expr, ...], ...]
    made: dict[str, Expr] = field(default_factory=dict)  # cotangents, tangents and reals, by name

    @property
    def assume(self) -> Assumptions:
        """All symbols, and the rows that sum to 1."""
        own = [e for part in (*self.x, *self.other) if isinstance(part, Symbolic) for e in entries(part)]
        symbols = [e for e in (*own, *self.made.values()) if e.kind == ex.SYMBOL]
        return Assumptions(tuple(dict.fromkeys(symbols)), self.simplices)

    def real(self, name: str) -> Symbolic:
        """One real symbol."""
        return self._free(name, ())

    def cotangent(self, name: str, y: Vectors) -> Vectors:
        """Free symbols in the shape of an output."""
        return Vectors(tuple(self._free(f"{name}{j or ''}", p.shape) for j, p in enumerate(y)), bare=y.bare)

    def tangent(self, judged: list[int]) -> Vectors:
        """Free symbols in the shape of these inputs, nothing elsewhere."""
        names = self.subject.names
        parts = (self._free(f"u_{names[k]}", p.shape) if k in judged else NOTHING for k, p in enumerate(self.x))
        return Vectors(tuple(parts))

    def _free(self, name: str, shape: tuple[int, ...]) -> Symbolic:
        while name in self.subject.names:  # an argument may be called v
            name += "_"
        part, symbols = _symbols(name, shape, None, None)
        self.made |= {str(s.args[0]): s for s in symbols}
        return part

    def plain(self, part: Vectors) -> bool:
        """Is every entry a symbol or a number, so that floats can stand for it exactly?"""
        kinds = (ex.SYMBOL, ex.NUMBER)
        return all(e.kind in kinds for p in part if isinstance(p, Symbolic) for e in entries(p))

    def floats(self, at: Point) -> Vectors:
        """x at a rational point, in float64."""
        x: Vectors = self.numbers(self.x, at)
        return x

    def numbers(self, value: Any, at: Point) -> Any:
        """What stands for symbols, in numbers at a point."""
        if isinstance(value, Vectors):
            return Vectors(tuple(self._numbers(p, at) for p in value), bare=value.bare)
        return float(self._numbers(value, at)[()]) if isinstance(value, Symbolic) else value

    def _numbers(self, part: Any, at: Point) -> Any:
        if not isinstance(part, Symbolic):
            return part
        values = [at[e] if e.kind == ex.SYMBOL else e.args[0] for e in entries(part)]
        return np.array([int(q.p) / int(q.q) for q in values], np.float64).reshape(part.shape)


def settings(subject: Subject, sizes: Mapping[str, int] | None, *, several: bool) -> Iterator[Setting]:
    """Options alone and in pairs, at the usual sizes, under every label; ``several``: at others too."""
    for options in combinations(subject.options):
        for chosen in _sizes(subject, sizes)[: None if several else 1]:
            yield from _at_sizes(subject.given(options), chosen, options)


def _sizes(subject: Subject, given: Mapping[str, int] | None) -> list[dict[str, int]]:
    ranges = subject.domain.ranges
    if given is not None:
        return [{s: given.get(s, max(least, 1)) for s, least, _ in ranges}]
    chosen = [
        {s: min(max(least, USUAL[(i + turn) % 2]), most) for i, (s, least, most) in enumerate(ranges)}
        for turn in (0, 1)
    ]
    chosen.append({s: min(max(least, 1), most) for s, least, most in ranges})
    return [c for i, c in enumerate(chosen) if c not in chosen[:i]]


def _at_sizes(subject: Subject, chosen: dict[str, int], options: Mapping[str, Any]) -> Iterator[Setting]:
    kinds = subject.domain.arguments
    whole = {name: _discrete(a, chosen) for name, a in kinds.items() if _is_discrete(a)}
    count = int(np.prod([n for n, _ in whole.values()])) if whole else 1
    if count > MOST_LABELS and not any(m > 1 for m in chosen.values()):
        raise Unsupported(f"{count} combinations of labels")
    tried: Iterator[tuple[Any, ...]]
    tried = itertools.islice(itertools.product(*(values() for _, values in whole.values())), MOST_LABELS)
    if count > MOST_LABELS:
        tried = _spread([values for _, values in whole.values()])
    for labels in tried:
        fixed = dict(zip(whole, labels, strict=True))
        x, simplices = _point(subject, chosen, fixed, "")
        other, more = _point(subject, chosen, fixed, "'")
        yield Setting(subject, _said(subject, chosen, options, whole, count), x, other, simplices + more)


def _said(
    subject: Subject, chosen: Mapping[str, int], options: Mapping[str, Any], whole: Mapping[str, Any], count: int
) -> str:
    """The sizes, options and labels of a setting, in words."""
    shapes = (str(a.array.shape) for a in subject.domain.arguments.values() if isinstance(a, At))
    said = [f"{s}={n}" for s, n in chosen.items()] or [f"shapes {' '.join(shapes)}"]
    said += [f"{k}={o!r}" for k, o in options.items()]
    some = f"{count}" if count <= MOST_LABELS else f"{MOST_LABELS} of {count}"
    labels = f" ({some} combinations of {', '.join(whole)})" if whole else ""
    return ", ".join(said) + labels


def _spread(values: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Some of many combinations, from all over."""
    rng = np.random.default_rng(0)
    pools = [list(itertools.islice(v(), 4096)) for v in values]
    for _ in range(MOST_LABELS):
        yield tuple(pool[int(rng.integers(len(pool)))] for pool in pools)


def _is_discrete(a: Box | At) -> bool:
    return isinstance(a, Box) and a.kind in ("one-hot", "index", "mask", "sign")


def _discrete(a: Any, chosen: dict[str, int]) -> tuple[int, Any]:
    """How many arrays of this kind there are, and a way to go through them."""
    shape = a.dims(chosen)
    if a.kind == "one-hot":
        k, rows = shape[-1], int(np.prod(shape[:-1]))
        eye = np.eye(k)
        return k**rows, lambda: (eye[list(i)].reshape(shape) for i in itertools.product(range(k), repeat=rows))
    entries_ = int(np.prod(shape))
    if a.kind == "index":
        top = max(1, chosen[a.high] if isinstance(a.high, str) else int(a.high))
        values: tuple[Any, ...] = tuple(range(top))
        dtype: Any = a.dtype or np.int64
    else:
        values, dtype = ((False, True), bool) if a.kind == "mask" else ((-1.0, 1.0), np.float64)
    every = lambda: (np.array(i, dtype).reshape(shape) for i in itertools.product(values, repeat=entries_))  # noqa: E731
    return len(values) ** entries_, every


def _point(
    subject: Subject, chosen: dict[str, int], fixed: Mapping[str, Any], mark: str
) -> tuple[Vectors, tuple[tuple[Expr, ...], ...]]:
    """Symbols x[i, j] (x'[i, j] for the other point) in every real argument, the labels as they are."""
    parts: list[Any] = []
    rows: list[tuple[Expr, ...]] = []
    total = 0
    for name, a in subject.domain.arguments.items():
        if name in fixed:
            parts.append(fixed[name])
            continue
        if isinstance(a, At) and not a.smooth:
            parts.append(a.array)
            continue
        shape = a.dims(chosen) if isinstance(a, Box) else a.array.shape
        total += int(np.prod(shape))
        if total > MOST_SYMBOLS:
            raise Unsupported(f"more than {MOST_SYMBOLS} entries; a proof is for small sizes")
        simplex = a.kind == "simplex"
        part, symbols = _symbols(name + mark, shape, 0.0 if simplex else a.low, 1.0 if simplex else a.high)
        if simplex:
            k = shape[-1]
            rows += [tuple(symbols[i : i + k]) for i in range(0, len(symbols), k)]
        parts.append(part)
    return Vectors(tuple(parts)), tuple(rows)


def _symbols(name: str, shape: tuple[int, ...], low: Any, high: Any) -> tuple[Symbolic, list[Expr]]:
    lows = np.broadcast_to(np.asarray(-np.inf if low is None else low, float), shape)
    highs = np.broadcast_to(np.asarray(np.inf if high is None else high, float), shape)
    out = np.empty(shape, object)
    for index in np.ndindex(shape):
        place = f"[{', '.join(map(str, index))}]" if index else ""
        out[index] = ex.symbol(f"{name}{place}", _bound(float(lows[index])), _bound(float(highs[index])))
    return out.view(Symbolic), list(out.reshape(-1))


def _bound(value: float) -> fmpq | None:
    return exactly(value).value if np.isfinite(value) else None
