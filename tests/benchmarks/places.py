"""One checker asked which entries of a large gradient are wrong, in a process of its own: what it says, as JSON.

``python tests/benchmarks/places.py "torch slow" "ten of 1e5" 60``: the last number is how many CPU seconds it may take.
``python tests/benchmarks/places.py right 200``: how many of so many right networks gradverify does not accept.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from peers import CHECKERS, Checker, Pair
from scale import OVER, counted, log_cosh, watched
from tables import ABSENT, Question, machine, table

LIMIT = {False: 60, True: 5}  # CPU seconds that a check may take, without and with --quick
Case = Callable[[], tuple[Pair, list[str]]]  # a pair, and its wrong entries as gradverify writes them


def network(seed: int, wrong: bool = True) -> tuple[Pair, list[str]]:
    """A ReLU network 784-256-10 on a batch of 32, its loss the mean cross-entropy: 203,530 parameters."""
    rng = np.random.default_rng(seed)
    images, labels = rng.normal(size=(32, 784)), np.eye(10)[rng.integers(0, 10, 32)]
    W1, W2 = rng.normal(size=(784, 256)) * 0.05, rng.normal(size=(256, 10)) * 0.1
    inputs = (W1, rng.normal(size=256) * 0.01, W2, np.zeros(10))
    at: list[tuple[int, tuple[int, ...]]] = []

    def scores(W1: Any, b1: Any, W2: Any, b2: Any) -> tuple[Any, Any, Any]:
        before = images @ W1 + b1
        hidden = np.maximum(before, 0)
        z = hidden @ W2 + b2
        return before, hidden, z - z.max(axis=1, keepdims=True)

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        z = scores(W1, b1, W2, b2)[2]
        return -(labels * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))).sum() / 32

    def vjp(g: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> tuple[Any, ...]:
        before, hidden, z = scores(W1, b1, W2, b2)
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        d = g * (p - labels) / 32
        e = (d @ W2.T) * (before > 0)
        out = (images.T @ e, e.sum(axis=0), hidden.T @ d, d.sum(axis=0))
        for k, index in at:
            out[k][index] *= 1.001
        return out

    pair = Pair(loss, vjp, inputs, np.asarray(1.0), (0, 1, 2, 3), seed)
    if not wrong:
        return pair, []
    steep = np.abs(vjp(1.0, *inputs)[0])
    candidates = np.argwhere(steep > 0.3 * np.sqrt(np.mean(steep**2)))
    index = tuple(int(i) for i in candidates[rng.integers(len(candidates))])
    at.append((0, index))
    return pair, [f"x0[{index[0]}, {index[1]}]"]


def vector(size: int, count: int) -> tuple[Pair, list[str]]:
    """So many of the entries of the gradient of 1/2 sum log cosh x are off by 10 % of the usual entry."""
    pair = log_cosh(size)
    at = np.random.default_rng(count).choice(size, count, replace=False)

    def vjp(g: Any, x: Any) -> Any:
        out = pair.vjp(g, x)
        out[at] += 0.1 * g * np.sqrt(np.mean(np.square(np.tanh(x) / 2)))
        return out

    return replace(pair, vjp=vjp), [f"x0[{i}]" for i in sorted(at.tolist())]


CASES: dict[str, Case] = {
    "one of 203,530, by 0.1 %": partial(network, 0),
    "ten of 1e5": partial(vector, 10**5, 10),
    "one of 1e6": partial(vector, 10**6, 1),
    "one of 1e7": partial(vector, 10**7, 1),
}


def of_places(question: Question) -> Iterator[str]:
    """Which entries of a large gradient are wrong: what is said, and what that costs."""
    limit = LIMIT[question.quick]
    cases = list(CASES)[: 2 if question.quick else None]
    rows = [[name, *(cell(checker, name, limit) for checker in question.checkers)] for name in cases]
    yield table(["wrong entries", *(c.name for c in question.checkers)], rows)
    yield ""
    yield (
        "A ReLU network's loss; then 1/2 sum log cosh x with entries off by 10 % of the usual one: how many of the "
        "wrong entries are named, calls of the function + of its pullback, CPU seconds; "
        f"bold: an answer that it is right; {machine(question)}."
    )


def cell(checker: Checker, case: str, limit: int) -> str:
    """What this checker says of this case, and its cost."""
    if not checker.version():
        return ABSENT
    command = [sys.executable, __file__, checker.name, case, str(limit)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == OVER:
        return f"> {limit} s"
    if done.returncode:
        return f"ended: {done.stderr.strip()[-60:]}"
    said = json.loads(done.stdout)
    word = f"**{said['word']}**" if said["word"] == "accepts" else f"names {said['named']} of {said['wrong']}"
    return f"{word}; {said['value']:,.0f} + {said['vjp']:,.0f}, {said['seconds']:.1f} s"


def asked(name: str, case: str, limit: float) -> dict[str, Any]:
    """The answer of the checker of this name, and how many wrong entries it names."""
    checker = next(c for c in CHECKERS if c.name == name)
    checker.ask(log_cosh(3))
    made, wrong = CASES[case]()
    pair, calls = counted(made)
    start = time.process_time()
    watched(start + limit)
    answer = checker.ask(pair)
    seconds = time.process_time() - start
    named = sum(bool(re.search(rf"(?<!\w){re.escape(place)}", answer.why)) for place in wrong)
    cost = {"value": calls["value"], "vjp": calls["vjp"], "seconds": seconds}
    return {"word": answer.word, "named": named, "wrong": len(wrong), **cost}


def right(count: int) -> str:
    """Of so many right networks, those that are not accepted, and the usual number of calls."""
    words, called = [], []
    for seed in range(count):
        pair, calls = counted(network(seed, wrong=False)[0])
        words.append(CHECKERS[0].ask(pair).word)
        called.append(calls["value"])
    return f"{count - words.count('accepts')} of {count} not accepted; {np.median(called):.0f} calls of the loss each"


if __name__ == "__main__":
    if sys.argv[1] == "right":
        print(right(int(sys.argv[2])))
    else:
        print(json.dumps(asked(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
