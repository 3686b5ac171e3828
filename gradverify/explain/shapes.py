"""A failing point of smaller sizes: rows or columns are left out of every array that has them, while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import At, Box

Arrays = tuple[Array, ...]
MOST = 24  # calls of the predicate


def shorter(
    arrays: Arrays, fails: Callable[[Arrays], bool], domain: Sequence[Box | At], least: Mapping[str, int]
) -> Arrays:
    """The arrays with every named size as small as is found to fail still, and no smaller than its least."""
    tries = MOST
    for symbol in _movable(domain):
        now = next(size for place, a in zip(domain, arrays, strict=True) for size in _sizes(place, a, symbol))
        for size in _smaller(least[symbol], now):
            for first in dict.fromkeys((0, now - size)):
                if tries <= 0:
                    return arrays
                tries -= 1
                kept = slice(first, first + size)
                shorter = tuple(_kept(place, a, symbol, kept) for place, a in zip(domain, arrays, strict=True))
                if fails(shorter):
                    arrays = shorter
                    break
            else:
                continue
            break
    return arrays


def _movable(domain: Sequence[Box | At]) -> list[str]:
    """The sizes that may change: of arrays with plain bounds, and not how many classes there are."""
    boxes = [place for place in domain if isinstance(place, Box)]
    found = dict.fromkeys(symbol for box in boxes for symbol in box.symbols)
    for box in boxes:
        held = {str(box.high)} if box.kind == "index" else set()
        held |= {box.tokens[-1]} if box.kind in ("one-hot", "simplex") and box.tokens else set()
        held |= set(box.symbols) if np.ndim(box.low) or np.ndim(box.high) else set()
        found = {symbol: None for symbol in found if symbol not in held}
    return list(found)


def _sizes(place: Box | At, a: Array, symbol: str) -> Iterator[int]:
    """How large this array is along the axes that have that size."""
    if isinstance(place, Box):
        yield from (size for token, size in zip(place.tokens, a.shape, strict=True) if token == symbol)


def _smaller(least: int, now: int) -> Iterator[int]:
    """From the least on, in steps that double; none where nothing would be left."""
    size = max(least, 1)
    while size < now:
        yield size
        size *= 2


def _kept(place: Box | At, a: Array, symbol: str, kept: slice) -> Array:
    """The array with this part of every axis that has the size."""
    if isinstance(place, At) or symbol not in place.symbols:
        return a
    return np.ascontiguousarray(a[tuple(kept if token == symbol else slice(None) for token in place.tokens)])
