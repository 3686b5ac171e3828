"""One generator of points for every Method: patterns by entry and by slice, scales, special points, labels, shapes.

The plain kind comes first, the type's limits last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import At, Box, Domain
from gradverify._floating import typed
from gradverify.points.choices import Choices

AWAY = 2.0**-7  # of a range: what is mapped into it keeps so far from its ends, where little can be judged
SPECIAL = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0)


@dataclass(frozen=True)
class Kind:
    """A kind of point: how real entries are made, how sizes are chosen, which memory layout."""

    name: str
    fill: Callable[[Choices, tuple[int, ...], tuple[float, ...]], Array]
    sizes: str = "usual"  # usual | first one | last one | most | random
    layout: str = "C"
    ends: bool = False  # some entries at the ends of their range, some next to them


def gaussian(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """Moderate values, of three decimals: short to print, and no short binary fraction."""
    return np.asarray(np.round(c.rng.standard_normal(shape), 3))


def half_grid(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """Multiples of one half: ties, and zeros."""
    return np.asarray(np.round(2 * c.rng.standard_normal(shape)) / 2)


def exact_special(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """Kinks, literals of the source, 0, +-1 and 1/2, exactly, at a third of the entries."""
    x = gaussian(c, shape, special)
    chosen = c.rng.random(shape) < 1 / 3
    if chosen.size:
        chosen.reshape(-1)[c.integer(0, chosen.size - 1)] = True
    return np.where(chosen, c.rng.choice(special, shape), x)


def neighbours(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """Next to those by one unit in the last place, by 1e-8 and by 1e-3 of their size."""
    base = c.rng.choice(special, shape)
    step = c.rng.choice([0.0, 1e-8, 1e-3, 3e-2], shape) * np.maximum(np.abs(base), 1.0)
    sign = c.rng.integers(0, 2, shape) * 2 - 1
    beside = np.where(base == 0, sign * np.finfo(np.float32).tiny, np.nextafter(base, sign * np.inf))  # no subnormals
    return np.asarray(np.where(step == 0, beside, base + sign * step))


def tied_slices(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """A slice all zero, one constant, one whose maximum is tied."""
    x = gaussian(c, shape, special)
    if x.ndim == 0 or not x.size:
        return x
    rows = x.reshape(-1, shape[-1])
    for row, how in zip(rows, c.rng.permutation(np.arange(len(rows)) % 3), strict=True):
        if how == 0:
            row[:] = c.pick((0.0, 0.5))
        elif how == 1 and row.size > 1:
            row[c.rng.permutation(row.size)[:2]] = row.max() + 0.25
    return x


def zeros(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """Zeros, whole slices of them and single ones."""
    x = gaussian(c, shape, special)
    x = np.where(c.rng.random(shape) < 0.4, 0.0, x)
    if x.ndim:
        x[: max(1, len(x) // 2)] = 0.0
    return np.asarray(x)


def half_large(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """Half of the entries three decades larger."""
    x = gaussian(c, shape, special)
    return np.where(c.rng.random(shape) < 0.5, x * 2e3, x)


def decades(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """Nine decades, both signs."""
    return np.asarray(10 ** c.rng.uniform(-6, 3, shape) * (c.rng.integers(0, 2, shape) * 2 - 1))


def tiny(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """All of them around 1e-8."""
    return 1e-8 * gaussian(c, shape, special)


def offset(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """All of them near one large number."""
    return 100.0 * c.pick((1.0, -1.0)) + gaussian(c, shape, special)


def huge(c: Choices, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
    """A thousand and more: where exp overflows."""
    return 1e3 * gaussian(c, shape, special)


KINDS = (
    Kind("moderate values", gaussian),
    Kind("a grid of halves (ties)", half_grid, layout="F"),
    Kind("constant and tied slices", tied_slices),
    Kind("exact kinks and literals", exact_special),
    Kind("half of the entries large", half_large, layout="reversed"),
    Kind("nine decades", decades),
    Kind("zeros", zeros),
    Kind("next to kinks and literals", neighbours),
    Kind("first size 1", gaussian, sizes="first one"),
    Kind("last size 1", gaussian, sizes="last one"),
    Kind("largest sizes", gaussian, sizes="most"),
    Kind("near 100", offset, layout="strided"),
    Kind("all near 1e-8", tiny),
    Kind("at the ends of the domain", gaussian, ends=True),
    Kind("in the thousands", huge),
)


def sizes(domain: Domain, how: str, c: Choices) -> dict[str, int]:
    """Numbers for the symbols: about the middle, the most, any, or the least for the first or last symbol."""
    out = {}
    symbols = tuple(domain.sizes)
    for position, (symbol, least, most) in enumerate(domain.ranges):
        if how == "random":
            out[symbol] = c.integer(least, most)
            continue
        usual = min(max(least, 3 + position % 2), most)
        first, last = how == "first one" and position == 0, how == "last one" and symbol == symbols[-1]
        out[symbol] = most if how == "most" else least if first or last else usual
    return out


def point(domain: Domain, kind: Kind, dtype: str, c: Choices, literals: tuple[float, ...]) -> tuple[Array, ...]:
    """Inputs of this kind, one array for each argument, real ones in ``dtype`` unless the Box says another."""
    chosen = sizes(domain, kind.sizes, c)
    return tuple(_argument(a, kind, dtype, chosen, c, literals) for a in domain.arguments.values())


def _argument(
    a: Box | At, kind: Kind, dtype: str, chosen: dict[str, int], c: Choices, literals: tuple[float, ...]
) -> Array:
    if isinstance(a, At):
        return a.array
    shape = a.dims(chosen)
    if a.kind == "index":
        top = chosen[a.high] if isinstance(a.high, str) else int(a.high)
        values = c.rng.choice([0, max(top - 1, 0)], shape) if kind.ends else c.rng.integers(0, max(top, 1), shape)
        if kind.layout == "F" and values.size:
            values[...] = values.reshape(-1)[0]  # the same index throughout
        return np.asarray(values, a.dtype or np.int64)
    if a.kind == "mask":
        return np.asarray(c.rng.random(shape) < 0.6)
    real = typed(a.dtype or dtype)
    return laid(make_real(a, kind, shape, c, literals).astype(real), kind.layout)


def make_real(a: Box, kind: Kind, shape: tuple[int, ...], c: Choices, literals: tuple[float, ...]) -> Array:
    """Floating entries of the Box's own kind."""
    if a.kind == "one-hot":
        return np.eye(shape[-1])[c.rng.integers(0, shape[-1], shape[:-1])]
    if a.kind == "simplex":
        return corners(c, simplex(c, shape)) if kind.ends else simplex(c, shape)
    if a.kind == "sign":
        return c.rng.integers(0, 2, shape) * 2.0 - 1.0
    if a.kind == "positive-definite":
        root = c.rng.standard_normal(shape)
        return np.asarray(root @ np.swapaxes(root, -1, -2) / shape[-1] + 0.5 * np.eye(shape[-1]))
    negated = tuple(-n for n in literals)
    special = tuple(dict.fromkeys((*a.kinks, *SPECIAL, *literals, *negated)))
    x = inside(kind.fill(c, shape, special), a.low, a.high)
    return at_ends(c, x, a.low, a.high) if kind.ends else x


def simplex(c: Choices, shape: tuple[int, ...]) -> Array:
    """Positive rows that sum to 1 exactly in every floating type: multiples of a power of two."""
    n = shape[-1] if shape else 1
    grid = 2 ** max(6, int(np.ceil(np.log2(2 * n + 1))))
    counts = 1 + c.rng.multinomial(grid - n, np.full(n, 1 / n), size=shape[:-1])
    return np.asarray(counts / grid)


def corners(c: Choices, p: Array) -> Array:
    """p with two thirds of its rows at a corner of the simplex: all of it on one entry."""
    if not p.size:
        return p
    hard = np.eye(p.shape[-1])[c.rng.integers(0, p.shape[-1], p.shape[:-1])]
    return np.where(c.rng.random(p.shape[:-1])[..., None] < 2 / 3, hard, p)


def inside(x: Array, low: object, high: object) -> Array:
    """x mapped into (low, high): folded where it lies outside or at an end, squeezed where that is an end again."""
    lo, hi = np.broadcast_to(np.asarray(low, float), x.shape), np.broadcast_to(np.asarray(high, float), x.shape)
    if not (np.isfinite(lo).any() or np.isfinite(hi).any()):
        return x
    width = np.where(np.isfinite(lo) & np.isfinite(hi), hi - lo, np.inf)
    with np.errstate(all="ignore"):
        unit = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
        turn = np.abs((x - lo) / width % 2 - 1)  # 1 at the lower end, 0 at the upper one
        both = lo + width * np.where((turn < AWAY) | (turn > 1 - AWAY), np.clip(unit, AWAY, 1 - AWAY), 1 - turn)
        below = np.where(x > lo, x, lo + np.where(lo == x, 1e-3, np.abs(lo - x)))
        above = np.where(x < hi, x, hi - np.where(hi == x, 1e-3, np.abs(hi - x)))
    fallen = (x <= lo) | (x >= hi)
    return np.where(
        np.isfinite(width),
        np.where(fallen, both, x),
        np.where(np.isfinite(lo), below, np.where(np.isfinite(hi), above, x)),
    )


def at_ends(c: Choices, x: Array, low: object, high: object) -> Array:
    """x with a third of its entries at a finite end of their range (one at least), or 1e-8 or 1e-3 of it inside."""
    lo, hi = (np.broadcast_to(np.asarray(end, float), x.shape) for end in (low, high))
    upper = (c.rng.random(x.shape) < 0.5) & np.isfinite(hi) | ~np.isfinite(lo)
    end, sign = np.where(upper, hi, lo), np.where(upper, -1.0, 1.0)
    chosen = np.array((c.rng.random(x.shape) < 1 / 3) & np.isfinite(end))
    far = np.array(c.rng.choice([0.0, 1e-8, 1e-3], x.shape))
    if np.isfinite(end).any():
        one = c.rng.choice(np.flatnonzero(np.isfinite(end)))
        chosen.reshape(-1)[one], far.reshape(-1)[one] = True, 0.0
    with np.errstate(invalid="ignore"):
        inward = end + sign * far * np.maximum(np.abs(end), 1.0)
    return np.where(chosen, np.clip(inward, lo, hi), x)


def laid(x: Array, layout: str) -> Array:
    """The same numbers in another memory layout."""
    if layout == "F" and x.ndim > 1:
        return np.asfortranarray(x)
    if layout == "reversed" and x.ndim:
        return np.ascontiguousarray(x[::-1])[::-1]
    if layout == "strided" and x.ndim:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    return x
