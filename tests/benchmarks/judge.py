"""Checkers side by side, as Markdown tables: ``python tests/benchmarks/judge.py [--only faults,kinks] [--quick]``.

Everything runs on one core and from fixed seeds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

from cases import dtypes, faults
from corners import corners
from costs import of_cost, of_scale
from peers import CHECKERS
from places import of_places
from tables import Question, settings
from verdicts import of_dtypes, of_faults, of_kinks

TABLES: dict[str, Callable[[Question], Iterator[str]]] = {
    "faults": of_faults,
    "scale": of_scale,
    "dtype": of_dtypes,
    "kinks": of_kinks,
    "cost": of_cost,
    "places": of_places,
}


def main(words: Sequence[str] | None = None) -> int:
    """Print the tables asked for, or one report."""
    everyone = ",".join(c.name for c in CHECKERS)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(TABLES), help="tables by name; default: %(default)s")
    parser.add_argument("--checkers", default=everyone, help="checkers by name; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a few cases of each")
    parser.add_argument("--case", metavar="NAME", help="print gradverify's whole report on this case alone")
    given = parser.parse_args(words)
    if given.case:
        return report(given.case)
    for asked, known in ((given.only, TABLES), (given.checkers, everyone.split(","))):
        for name in asked.split(","):
            if name not in known:
                parser.error(f"{name!r} is not known; choose from {', '.join(known)}")
    question = Question(tuple(c for c in CHECKERS if c.name in given.checkers.split(",")), given.quick)
    print(settings(question))
    for name in given.only.split(","):
        start = time.perf_counter()
        print(f"\n## {name}: {TABLES[name].__doc__}\n")
        for line in TABLES[name](question):
            print(line, flush=True)
        print(f"\n({time.perf_counter() - start:.0f} s)")
    return 0


def report(name: str) -> int:
    """Print what gradverify says of one case."""
    for case in (*corners(), *dtypes(), *faults()):
        if case.name == name:
            print(f"{name}: {'right' if case.right else 'wrong'} by construction\n")
            print(CHECKERS[0].ask(case.make()).why)
            return 0
    print(f"no case is called {name!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
