"""One checker asked about one gradient of many parameters, in a process of its own: what that cost is printed as JSON.

``python tests/benchmarks/scale.py "torch fast" 100000 60``. The function and its pullback are called once, and the
checker once on a few parameters, before anything is measured: imports and their own memory do not count. The last
number is how many CPU seconds it may take.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from peers import CHECKERS, Pair

MEMORY = 8 * 2**30  # bytes that a process may hold
OVER = 3  # its exit status when its time is up


@dataclass(frozen=True)
class Cost:
    """What was answered, and what it took."""

    word: str
    value_calls: float
    vjp_calls: float
    seconds: float  # of CPU
    copies: float = 0.0  # of the parameters: the most memory beyond the function's and its pullback's own


def counted(pair: Pair) -> tuple[Pair, Counter[str]]:
    """The pair with its calls counted."""
    calls: Counter[str] = Counter()

    def value(*inputs: Any) -> Any:
        calls["value"] += 1
        return pair.value(*inputs)

    def vjp(g: Any, *inputs: Any) -> Any:
        calls["vjp"] += 1
        return pair.vjp(g, *inputs)

    return replace(pair, value=value, vjp=vjp), calls


def log_cosh(size: int) -> Pair:
    """1/2 sum log cosh x at normal x: smooth, every entry counts, and nothing but vectors of its size is needed."""

    def value(x: np.ndarray) -> Any:
        return np.sum(np.logaddexp(x, -x) - np.log(2)) / 2

    def vjp(g: np.ndarray, x: np.ndarray) -> np.ndarray:
        return g * np.tanh(x) / 2

    return Pair(value, vjp, (np.random.default_rng(size).standard_normal(size),), np.asarray(-0.75))


def peak() -> int:
    """The most bytes this process has held; ``ru_maxrss`` would start from what its parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def watched(end: float) -> None:
    """End this process once it has spent so many CPU seconds (a limit of the system's would coarsen its clock)."""

    def watch() -> None:
        while time.process_time() < end:
            time.sleep(0.1)
        os._exit(OVER)

    threading.Thread(target=watch, daemon=True).start()


def measured(name: str, size: int, limit: float) -> Cost:
    """The cost of asking the checker of this name, for at most so many CPU seconds."""
    checker = next(c for c in CHECKERS if c.name == name)
    checker.ask(log_cosh(3))
    pair, calls = counted(log_cosh(size))
    pair.value(*pair.inputs)
    pair.vjp(pair.cotangent, *pair.inputs)
    calls.clear()
    before, start = peak(), time.process_time()
    watched(start + limit)
    answer = checker.ask(pair)
    seconds = time.process_time() - start
    copies = (peak() - before) / (8 * size)
    return Cost(answer.word, calls["value"], calls["vjp"], seconds, copies)


if __name__ == "__main__":
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    print(json.dumps(vars(measured(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
