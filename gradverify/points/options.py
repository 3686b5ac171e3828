"""Options are swept one by one and in pairs: any two values of any two options meet in some combination.

Most faults that options cause show with one of them or with two together (Kuhn, Wallace and Gallo, IEEE Trans.
Softw. Eng. 30, 2004), and a covering set of pairs grows with the logarithm of the number of options, a product
with its exponential. The covering set is built greedily, row by row, as AETG does (Cohen et al., the same, 23, 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from math import prod
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
Row = tuple[int, ...]  # which value of each option: values need not be hashable
WHOLE = 8  # combinations that are all tried
CANDIDATES = 24  # rows of which the one with most new pairs is taken
RETRIES = 256  # pairs tried by themselves, where what the covering set pairs them with was refused


def combinations(options: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every first value; every other value alone; then all pairs of values. All combinations, where they are few."""
    return [_named(options, row) for row in rows(tuple(map(len, options.values())))]


def swept(
    options: Mapping[str, Sequence[Any]], made: Callable[[dict[str, Any]], T], answered: Callable[[T], bool]
) -> Iterator[T]:
    """What is ``made`` of every combination; what the refused ones alone would have shown, in others that answer.

    A refused combination shows none of its pairs. Those left are tried by themselves, every other option at
    its first value, except where one of the two values never answers at all.
    """
    sizes = tuple(map(len, options.values()))
    planned = rows(sizes)
    met: set[tuple[int, int, int, int]] = set()  # the pairs of values that were answered
    for row in planned:
        found = made(_named(options, row))
        yield found
        if len(planned) < prod(sizes) and answered(found):
            met |= set(_pairs(row))
    usable = {(i, a) for i, a, _, _ in met} | {(j, b) for _, _, j, b in met}
    tried = set(planned)
    for i, a, j, b in _every_pair(sizes) if met else ():
        row = tuple(a if k == i else b if k == j else 0 for k in range(len(sizes)))
        spent = len(tried) - len(planned) >= RETRIES
        if (i, a, j, b) in met or row in tried or spent or not {(i, a), (j, b)} <= usable:
            continue
        tried.add(row)
        found = made(_named(options, row))
        if answered(found):
            met |= set(_pairs(row))
            yield found


def plainest(
    options: Mapping[str, Sequence[Any]], at: Mapping[str, Any], fails: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """These values, with each option at its first value where that fails as well."""
    kept = dict(at)
    for name in changed(options, at):
        plainer = kept | {name: options[name][0]}
        kept = plainer if fails(plainer) else kept
    return kept


def changed(options: Mapping[str, Sequence[Any]], at: Mapping[str, Any]) -> list[str]:
    """The options that are not at their first value."""
    return [name for name, value in at.items() if name in options and value is not options[name][0]]


@cache
def rows(sizes: tuple[int, ...]) -> tuple[Row, ...]:
    """The combinations for options of so many values, plain ones first; the same for the same sizes."""
    if prod(sizes) <= WHOLE:
        return tuple(sorted(product(*map(range, sizes)), key=lambda row: (sum(map(bool, row)), row)))
    alone = [tuple(a if k == i else 0 for k in range(len(sizes))) for i, n in enumerate(sizes) for a in range(1, n)]
    return tuple(dict.fromkeys([(0,) * len(sizes), *alone, *_covering(sizes)]))


def _covering(sizes: tuple[int, ...]) -> list[Row]:
    """Rows in which every pair of values occurs that not all first values show."""
    start = np.cumsum((0, *sizes))
    option = np.repeat(np.arange(len(sizes)), sizes)
    left = option[:, None] != option[None, :]  # the pairs that no row has shown yet
    rng = np.random.default_rng(0)
    out: list[Row] = []

    def chosen() -> np.ndarray[Any, Any]:
        """The value of every option, in some order of options, each time one with most new pairs."""
        need = left.sum(axis=1)
        first = int(np.argmax(need + rng.random(need.size) / 2))
        value, gain = np.full(len(sizes), -1), left[first].astype(np.float64)
        value[option[first]] = first
        for k in rng.permutation(len(sizes)):
            if value[k] < 0:
                here = gain[start[k] : start[k + 1]]
                value[k] = start[k] + int(np.argmax(here + rng.random(here.size) / 2))
                gain += left[value[k]]
        return value

    def show(value: np.ndarray[Any, Any]) -> None:
        left[np.ix_(value, value)] = False

    show(start[:-1])
    while left.any():
        best = max((chosen() for _ in range(CANDIDATES)), key=lambda value: int(left[np.ix_(value, value)].sum()))
        show(best)
        out.append(tuple(int(n) for n in best - start[:-1]))
    return out


def _every_pair(sizes: tuple[int, ...]) -> Iterator[tuple[int, int, int, int]]:
    for j in range(len(sizes)):
        for i in range(j):
            yield from ((i, a, j, b) for a in range(sizes[i]) for b in range(sizes[j]))


def _pairs(row: Row) -> Iterator[tuple[int, int, int, int]]:
    return ((i, row[i], j, row[j]) for j in range(len(row)) for i in range(j))


def _named(options: Mapping[str, Sequence[Any]], row: Row) -> dict[str, Any]:
    return {name: values[k] for (name, values), k in zip(options.items(), row, strict=True)}
