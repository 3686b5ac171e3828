"""Every function here has corners or ties, and a pullback for each convention there: those that are valid, and others.

A gradient is valid at a corner where it lies in Clarke's generalised gradient: the convex hull of the gradients
nearby. Beside a corner, 3e-9 away, there is one right gradient, and it is the mean of both sides that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from cases import SEEDS, Array, Case, pair_at, scaled
from peers import Pair

BESIDE = 3e-9
BLUR = 1e-6  # a pullback that is wrong beside a corner takes everything this close for the corner itself


# -- one slope on either side, another at the corner ----------------------------------------------


def slope(side: Array, below: float, above: float, at: float, blur: float = 0.0) -> Array:
    """``below`` or ``above`` by the sign of ``side``; ``at`` where it is 0, or within ``blur``."""
    return np.where(np.abs(side) <= blur, at, np.where(side < 0, below, above))


def relu_vjp(g: Array, x: Array, *, at: float, blur: float = 0.0) -> Array:
    return g * slope(x, 0, 1, at, blur)


def abs_vjp(g: Array, x: Array, *, at: float, blur: float = 0.0) -> Array:
    return g * slope(x, -1, 1, at, blur)


def clip(x: Array) -> Array:
    return np.clip(x, -1, 1)


def clip_vjp(g: Array, x: Array, *, at: float, blur: float = 0.0) -> Array:
    return g * slope(np.abs(x) - 1, 1, 0, at, blur)


def hinge(x: Array) -> Array:
    return np.sum(np.maximum(0, 1 - labels(x) * x))


def hinge_vjp(g: Array, x: Array, *, at: float, blur: float = 0.0) -> Array:
    return -g * labels(x) * slope(labels(x) * x - 1, 1, 0, at, blur)


def labels(x: Array) -> Array:
    """+1, -1, +1, ..., as many as there are entries."""
    return np.where(np.arange(x.size) % 2 == 0, 1.0, -1.0)


# -- ties: who of the greatest gets how much ------------------------------------------------------


def larger_vjp(g: Array, x: Array, y: Array, *, at: tuple[float, float], blur: float = 0.0) -> tuple[Array, Array]:
    return g * slope(x - y, 0, 1, at[0], blur), g * slope(x - y, 1, 0, at[1], blur)


def pool(x: Array) -> Array:
    """The greatest of every three."""
    return np.max(x.reshape(-1, 3), axis=-1)


def pool_vjp(g: Array, x: Array, *, at: Callable[[int], Array], blur: float = 0.0) -> Array:
    """Each window's cotangent to those that are greatest in it, in the shares that ``at`` gives for so many."""
    out = np.zeros((x.size // 3, 3))
    for row, window, v in zip(out, x.reshape(-1, 3), g, strict=True):
        tied = np.flatnonzero(window >= window.max() - blur)
        row[tied] = v * at(tied.size) if tied.size > 1 else v
    return out.reshape(x.shape)


def sort_vjp(g: Array, x: Array, *, at: Callable[[Array], Array], blur: float = 0.0) -> Array:
    """Each entry its place's cotangent; equal ones what ``at`` makes of those of their places."""
    order = np.argsort(x, kind="stable")
    out, start = np.zeros_like(x), 0
    while start < x.size:
        stop = start + 1
        while stop < x.size and x[order[stop]] - x[order[start]] <= blur:
            stop += 1
        out[order[start:stop]] = at(g[start:stop]) if stop - start > 1 else g[start:stop]
        start = stop
    return out


def first(count: int) -> Array:
    return np.eye(count)[0]


def last(count: int) -> Array:
    return np.eye(count)[-1]


def shared(count: int) -> Array:
    return np.full(count, 1 / count)


def lopsided(count: int) -> Array:
    """All of it in sum, and more than all of it to the first."""
    return 2 * first(count) - last(count)


def averaged(g: Array) -> Array:
    return np.full(g.size, g.mean())


def all_to_first(g: Array) -> Array:
    return g.sum() * first(g.size)


SIDED = {"valid": {"0": 0.0, "1": 1.0, "1/2": 0.5}, "invalid": {"-1/2": -0.5, "2": 2.0}}
SIGNED = {"valid": {"0": 0.0, "1": 1.0, "-1": -1.0, "0.3": 0.3}, "invalid": {"2": 2.0, "-3/2": -1.5}}
PAIRED = {
    "valid": {"to x": (1.0, 0.0), "to y": (0.0, 1.0), "shared": (0.5, 0.5)},
    "invalid": {"to both": (1.0, 1.0), "to none": (0.0, 0.0), "2 and -1": (2.0, -1.0)},
}
POOLED = {
    "valid": {"to the first": first, "to the last": last, "shared": shared},
    "invalid": {"to all": np.ones, "to none": np.zeros, "2 and -1": lopsided},
}
SORTED = {
    "valid": {"in order": np.array, "in reverse": lambda g: g[::-1], "averaged": averaged},
    "invalid": {"all to the first": all_to_first, "to none": np.zeros_like, "negative": np.negative},
}

# The function, its pullback by convention, the corner and the points beside it, the conventions,
# and two that are wrong beside the corner.
CORNERS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, Any, Any, dict[str, Any]]] = {
    "relu": (
        partial(np.maximum, 0),
        relu_vjp,
        ([0.0, 1.5, 0.0, -2.0, 0.3],),
        ([BESIDE, 1.5, -BESIDE, -2.0, 0.3],),
        SIDED,
        {"1/2": 0.5, "0": 0.0},
    ),
    "abs": (
        np.abs,
        abs_vjp,
        ([0.0, 1.5, 0.0, -2.0, 0.3],),
        ([BESIDE, 1.5, -BESIDE, -2.0, 0.3],),
        SIGNED,
        {"0": 0.0, "1": 1.0},
    ),
    "clip": (
        clip,
        clip_vjp,
        ([-1.0, 1.0, 0.3, 2.0],),
        ([-1.0 + BESIDE, 1.0 + BESIDE, 0.3, 2.0],),
        SIDED,
        {"1/2": 0.5, "0": 0.0},
    ),
    "hinge": (
        hinge,
        hinge_vjp,
        ([1.0, -1.0, 0.2, 0.4],),
        ([1.0 + BESIDE, -1.0 + BESIDE, 0.2, 0.4],),
        SIDED,
        {"1/2": 0.5, "0": 0.0},
    ),
    "L1 norm": (
        lambda x: np.sum(np.abs(x)),
        abs_vjp,
        ([0.0, 1.5, 0.0, -2.0, 0.3],),
        ([BESIDE, 1.5, -BESIDE, -2.0, 0.3],),
        SIGNED,
        {"0": 0.0, "1": 1.0},
    ),
    "max of two": (
        np.maximum,
        larger_vjp,
        ([0.5, 1.0, -1.0, 2.0], [0.5, 1.0, 0.3, 1.5]),
        ([0.5, 1.0, -1.0, 2.0], [0.5 + BESIDE, 1.0 - BESIDE, 0.3, 1.5]),
        PAIRED,
        {"shared": (0.5, 0.5), "to x": (1.0, 0.0)},
    ),
    "max-pool": (
        pool,
        pool_vjp,
        ([1.0, 1.0, 0.2, 2.0, 0.5, 2.0, 0.7, 0.7, 0.7, -1.0, 0.3, 0.1],),
        ([1.0, 1.0 + BESIDE, 0.2, 2.0, 0.5, 2.0 - BESIDE, 0.7, 0.4, 0.6, -1.0, 0.3, 0.1],),
        POOLED,
        {"shared": shared, "to the first": first},
    ),
    "sort": (
        np.sort,
        sort_vjp,
        ([1.0, 0.2, 1.0, -2.0, 0.2],),
        ([1.0, 0.2, 1.0 + BESIDE, -2.0, 0.2 - BESIDE],),
        SORTED,
        {"averaged": averaged, "in reverse": lambda g: g[::-1]},
    ),
}


def corners(quick: bool = False) -> Iterator[Case]:
    """Every function at its corner by every convention, and beside it, right and blurred."""
    for seed in SEEDS[: 1 if quick else None]:
        for name, (_, _, _, _, conventions, blurred) in CORNERS.items():
            case = partial(corner, name, seed)
            for group, ways in conventions.items():
                for word, way in list(ways.items())[: 1 if quick else None]:
                    yield case(f"{word} at the corner", group, at=way)
            yield case("zero throughout", "invalid", factor=0.0)
            yield case("right beside it", "right beside it")
            for word, way in list(blurred.items())[: 1 if quick else None]:
                yield case(f"{word} beside it", "wrong beside it", at=way, blur=BLUR)


def corner(name: str, seed: int, word: str, group: str, *, factor: float = 1.0, **way: Any) -> Case:
    """One claim of the function of this name, at its corner or beside it by the group it belongs to."""
    value, vjp, at, beside, conventions, _ = CORNERS[name]
    place = tuple(map(np.array, beside if "beside" in group else at))
    claimed = partial(vjp, **{"at": next(iter(conventions["valid"].values())), **way})

    def make() -> Pair:
        pair = pair_at(value, claimed, place, name, seed)
        return pair if factor == 1 else scaled(pair, factor)

    return Case(f"{name}: {word}, seed {seed}", name, group, group in ("valid", "right beside it"), make)
