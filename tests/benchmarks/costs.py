"""What a verdict costs each checker: by the number of parameters, and at one point of small smooth functions."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cases import SMOOTH, smooth
from peers import Checker, by_gradverify
from scale import OVER, Cost, counted
from tables import ABSENT, Question, machine, table

LIMIT = {False: 60, True: 5}  # CPU seconds that a check may take, without and with --quick
SIZES = {False: (10**3, 10**4, 10**5, 10**6, 10**7), True: (10**3, 10**6)}
SHOWN = 10**6  # parameters from which on a check's memory is theirs, and not the interpreter's
REPEATS = 3  # the fastest of so many counts
COMPARED = ("torch slow", "jax")


# -- by the number of parameters ------------------------------------------------------------------


def of_scale(question: Question) -> Iterator[str]:
    """What one gradient costs by the number of parameters."""
    limit, sizes = LIMIT[question.quick], SIZES[question.quick]
    columns = [list(by_size(checker, sizes, limit)) for checker in question.checkers]
    rows = zip(sizes, zip(*columns, strict=True), strict=True)
    yield table(["parameters", *(c.name for c in question.checkers)], [[power(n), *cells] for n, cells in rows])
    yield ""
    yield (
        "1/2 sum log cosh x in float64, its pullback right: calls of the function + of its pullback, CPU seconds, and "
        f"from {power(SHOWN)} parameters on the most memory beyond what both take once, in copies of the parameters; "
        f"bold: an answer other than that it is right; {machine(question)}."
    )


def by_size(checker: Checker, sizes: Sequence[int], limit: int) -> Iterator[str]:
    """A cell for each size; from one that would take too long, or too much memory, on it says so."""
    known: list[tuple[int, Cost]] = []
    over = "" if checker.version() else ABSENT
    for size in sizes:
        if not over and predicted(known, size) > limit:
            over = f"> {limit} s"
        if not over:
            cost = apart(checker.name, size, limit)
            over = cost if isinstance(cost, str) else ""
            known += [(size, cost)] if isinstance(cost, Cost) else []
        yield over or figures(known[-1][1], size)


def predicted(known: list[tuple[int, Cost]], size: int) -> float:
    """The least CPU seconds at this size of one that calls for every parameter: by the last power, at least linear."""
    if not known or known[-1][1].value_calls < known[-1][0]:
        return 0.0
    (last, cost), growth = known[-1], 1.0
    if len(known) > 1:
        before, cheaper = known[-2]
        growth = max(growth, math.log(cost.seconds / cheaper.seconds) / math.log(last / before))
    return cost.seconds * (size / last) ** growth


def apart(name: str, size: int, limit: int) -> Cost | str:
    """The cost in a process of its own, or which limit it met."""
    command = [sys.executable, str(Path(__file__).with_name("scale.py")), name, str(size), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == OVER:
        return f"> {limit} s"
    if done.returncode:
        return "> 8 GB" if "MemoryError" in done.stderr else f"ended: {done.stderr.strip()[-60:]}"
    cost = Cost(**json.loads(done.stdout))
    return cost if cost.seconds <= limit else f"> {limit} s"


def power(size: int) -> str:
    """``1e6``."""
    return f"1e{round(math.log10(size))}"


# -- at one point ---------------------------------------------------------------------------------


def of_cost(question: Question) -> Iterator[str]:
    """What a verdict costs at one usual float64 point of a smooth function."""
    chosen = {c.name: c for c in question.present}
    law = partial(by_gradverify, laws="pullback_is_the_derivative")
    who = [
        replace(c, name=f"{c.name}, {what}", judge=judge)
        for c in chosen.values()
        if c.name == "gradverify"
        for what, judge in (("the law", law), ("whole check", c.judge))
    ]
    who += [chosen[name] for name in COMPARED if name in chosen]
    spent = {name: [spending(c, name) for c in who] for name in list(SMOOTH)[: 4 if question.quick else None]}
    middle = [median(column) for column in zip(*spent.values(), strict=True)]
    body = [[name, *map(figures, row)] for name, row in spent.items()]
    yield table(["function", *(c.name for c in who)], [*body, ["median", *map(figures, middle)]])
    yield ""
    ratios = [
        f"{c.name} takes {cost.value_calls / middle[0].value_calls:.2g} times the law's calls of the function "
        f"and {cost.seconds / middle[0].seconds:.2g} times its CPU"
        for c, cost in zip(who[2:], middle[2:], strict=True)
    ]
    what = f"Calls of the function + of its pullback, CPU seconds (the fastest of {REPEATS}), {len(spent)} functions"
    yield "; ".join([what, *ratios, machine(question)]) + "."


def spending(checker: Checker, name: str) -> Cost:
    """The calls of one check, and the CPU seconds of the fastest."""
    seconds = []
    for _ in range(REPEATS + 1):  # the first one imports, and is not counted
        pair, calls = counted(smooth(name))
        start = time.process_time()
        answer = checker.ask(pair)
        seconds.append(time.process_time() - start)
    return Cost(answer.word, calls["value"], calls["vjp"], min(seconds[1:]))


def median(costs: Sequence[Cost]) -> Cost:
    """Of each figure by itself."""
    calls = [statistics.median(getattr(c, what) for c in costs) for what in ("value_calls", "vjp_calls", "seconds")]
    return Cost("accepts", *calls)


def figures(cost: Cost, size: int = 0) -> str:
    """``4 + 5, 2.1 ms``, with the copies where the size is given and large, and the answer where it is not "right"."""
    time_taken = f"{cost.seconds:.2g} s" if cost.seconds >= 0.1 else f"{1e3 * cost.seconds:.1f} ms"
    parts = [f"{cost.value_calls:g} + {cost.vjp_calls:g}", time_taken]
    parts += [f"{cost.copies:.1f} copies"] if size >= SHOWN else []
    return ", ".join(parts + ([f"**{cost.word}**"] if cost.word != "accepts" else []))
