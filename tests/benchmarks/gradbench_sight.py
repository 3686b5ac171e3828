"""What the derivative law alone costs, and sees, at a usual point of each of gradbench's subjects.

Run from gradbench: ``python PATH/gradbench_sight.py [--seeds 0 1 2] [--only NAME ...]``. A line for every subject that
falls short, and the shares: relative errors of 3e-10 in all entries and in the largest alone, and for each argument
three times what a verdict tells to be visible (to be seen), and a third of it (not to be alleged).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, os.getcwd())

import numpy as np
from gradbench import load
from gradbench.core import Subject, fresh
from gradbench.runner import off_by, points_for
from gradbench_adapter import GradVerify

import gradverify as gv

RESOLUTION = 3e-10
LAW = "pullback_is_the_derivative"


def planted(s: Subject, k: int, share: float, place: tuple[int, ...] | None) -> Callable[..., Any]:
    """The right backward, with argument k's entry at ``place``, or all of its entries, too large by this share."""

    def wrong(g: np.ndarray, *x: np.ndarray) -> tuple[Any, ...]:
        out = [None if d is None else np.array(d) for d in s.backward(g, *x)]
        out[k][... if place is None else place] *= 1 + share
        return tuple(out)

    return wrong


def check(s: Subject, backward: Callable[..., Any], inputs: tuple[Any, ...], seed: int) -> Any:
    """The derivative law alone, at these inputs."""
    given = tuple(GradVerify().given(a, x) for a, x in zip(s.args, fresh(inputs), strict=True))
    value, by = lambda *x: s.forward(*x), gv.Sampling(smallest=False)  # arguments are x0, x1 ...
    return gv.check(value, vjp=backward, inputs=given, seed=seed, laws=LAW, by=by)


def sights(s: Subject, seed: int) -> dict[str, list[bool]]:
    """What is seen, and what is not alleged, of every kind of mistake."""
    point = points_for(s, "point", seed, None, False)[0]
    out: dict[str, list[bool]] = defaultdict(list)
    for pattern in ("all", "one"):
        report = check(s, off_by(s, point, RESOLUTION, pattern), point.inputs, seed)
        out[f"{RESOLUTION:g} in {pattern}"].append(report.status == "FAILS")
    right = check(s, s.backward, point.inputs, seed).verdicts[0]
    out["right holds"].append(right.status == "HOLDS")
    answer = s.backward(point.cotangent.copy(), *fresh(point.inputs))
    for k in s.diff:
        name = f"x{k}"
        if not right.visible.get(name):
            continue
        place = np.unravel_index(int(np.abs(answer[k]).argmax()), answer[k].shape)
        for what, told, where in (
            ("entry", right.visible[name], place),
            ("norm", right.visible_in_norm[name], None),
        ):
            for times in (3, 1 / 3):
                report = check(s, planted(s, k, times * told, where), point.inputs, seed)
                word = "seen" if times > 1 else "not alleged"
                out[f"{what} x{times:.2g} {word}"].append((report.status == "FAILS") == (times > 1))
    return out


def cost(s: Subject) -> tuple[int, float]:
    """Calls of the function in one check of the law alone, and the CPU milliseconds of the fastest of three."""
    point, calls, spent = points_for(s, "point", 0, None, False)[0], [0], []

    def counted(*inputs: Any) -> Any:
        calls[0] += 1
        return s.forward(*inputs)

    given = tuple(GradVerify().given(a, x) for a, x in zip(s.args, fresh(point.inputs), strict=True))
    for _ in range(3):
        calls[0], start = 0, time.process_time()
        gv.check(counted, vjp=s.backward, inputs=given, laws=LAW)
        spent.append(1e3 * (time.process_time() - start))
    return calls[0], min(spent)


def main() -> int:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", help="names of subjects (default: all)")
    given = parser.parse_args()
    subjects = [s for s in load.subjects("public") if given.only is None or s.name in given.only]
    costs = [cost(s) for s in subjects]
    calls, spent = zip(*costs, strict=True)
    median = statistics.median
    print(f"law alone: {median(calls):g} calls of the function, {median(spent):.2f} ms CPU (medians)")
    total: dict[str, list[bool]] = defaultdict(list)
    for seed in given.seeds:
        for s in subjects:
            for what, seen in sights(s, seed).items():
                total[what].append(all(seen))
                if not all(seen):
                    print(f"  {s.name}, seed {seed}: {what}: {sum(seen)} of {len(seen)}", flush=True)
        shares = ", ".join(f"{what}: {sum(seen)}/{len(seen)}" for what, seen in total.items())
        print(f"to seed {seed}: {shares}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
