"""How often gradverify errs, and how often it does not decide: ``python tests/benchmarks/rates.py [--seeds 50]``.

The twelve smooth functions of ``cases`` at a point of its own for every seed, in four types. In low types: right; wrong
by a little more than their rounding (the formula itself, which the twin shows); and wrong in the low type alone, the
twin right, in all entries and in the largest. ``--scales`` asks about right code at other scales instead.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from cases import SMOOTH, WRONG_BY, scaled, smooth, type_named
from peers import Pair
from tables import table

import gradverify as gv

LOW_ALONE = {"float32": 1e-4, "float16": 0.2}  # how wrong an answer is in the low type, its twin right
SCALES = (1 / 16, 1.0, 4.0)


def verdict(pair: Pair) -> str:
    """HOLDS, FAILS or UNDECIDED."""
    return str(gv.check(pair.value, vjp=pair.vjp, inputs=pair.inputs, seed=pair.seed).status)


def off_in(pair: Pair, dtype: Any, share: float, *, largest: bool) -> Pair:
    """The same with what it answers in this type alone too large, in all entries or in the largest."""

    def wrong(g: np.ndarray, *inputs: np.ndarray) -> tuple[Any, ...]:
        return tuple(grown(np.array(a)) if a.dtype == dtype else a for a in pair.pullback(g, *inputs))

    def grown(a: np.ndarray) -> np.ndarray:
        chosen = np.unravel_index(np.abs(a).argmax(), a.shape) if largest else ...
        a[chosen] = (a[chosen].astype(np.float64) * (1 + share)).astype(a.dtype)
        return a

    return replace(pair, vjp=wrong)


def low(seed: int) -> Iterator[tuple[str, Pair]]:
    """Every question about low types at this seed, under the name of its row."""
    for name in SMOOTH:
        for word, by in WRONG_BY.items():
            dtype = type_named(word)
            pair = smooth(name, dtype, seed)
            yield f"{word}, right", pair
            yield f"{word}, times 1 + {by:g}", scaled(pair, 1 + by)
            if word in LOW_ALONE:
                share = LOW_ALONE[word]
                yield f"{word} alone, all entries + {share:g}", off_in(pair, dtype, share, largest=False)
                yield f"{word} alone, largest entry + {share:g}", off_in(pair, dtype, share, largest=True)


def scales(seed: int) -> Iterator[tuple[str, Pair]]:
    """Right code in every type at every scale (the logarithm takes what is above 0)."""
    for name in SMOOTH:
        for word in ("float64", *WRONG_BY):
            pair = smooth(name, type_named(word), seed)
            for scale in SCALES:
                inputs = tuple((a.astype(np.float64) * scale).astype(a.dtype) for a in pair.inputs)
                yield f"{word}, scale {scale:g}", replace(pair, inputs=inputs)


def counted(asked: Callable[[int], Iterator[tuple[str, Pair]]], seeds: int) -> dict[str, Counter[str]]:
    """The verdicts of every row."""
    rows: dict[str, Counter[str]] = {}
    for seed in range(seeds):
        for row, pair in asked(seed):
            rows.setdefault(row, Counter())[verdict(pair)] += 1
    return rows


def main() -> int:
    """Print how many hold, fail and stay undecided."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--scales", action="store_true", help="right code at other scales")
    given = parser.parse_args()
    words = ("HOLDS", "FAILS", "UNDECIDED")
    rows = counted(scales if given.scales else low, given.seeds)
    total = sum(rows.values(), Counter())
    print(table(["type and claim", *words], [[row, *(str(c[w]) for w in words)] for row, c in rows.items()]))
    if given.scales:
        decided = 1 - total["UNDECIDED"] / total.total()
        print(f"\n{total.total()} right checks: {total['FAILS']} false alarms, {100 * decided:.1f} % decided.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
