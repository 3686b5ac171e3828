"""What the theorems cost and how sharp their judges are; run by hand: ``python tests/benchmarks/theorems.py``.

CPU seconds of loading, of proving and printing everything, of comparing with what is committed, and of reading every
certificate back and judging it again; then how many wrong statements were shown, and right ones in other words missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print the CPU seconds that the block took."""
    start = time.process_time()
    yield
    print(f"{time.process_time() - start:6.2f} s CPU  {what}")


def main() -> None:
    with measured("importing SymPy and python-flint"):
        import flint  # noqa: F401
        import sympy  # noqa: F401
    from gradverify.theorems.theorem import files, folder, load, prove, recheck, stale

    with measured("loading the scripts"):
        theorems = load(folder())
    with measured(f"proving {len(theorems)} theorems, each step twice, and printing their files"):
        texts = files(theorems)
    with measured("the same once more, and comparing with what is committed"):
        print(stale(folder()) or "         nothing is stale")
    with measured("reading every certificate back and judging it again"):
        derivations = {t.name: t.derivation for t in theorems}
        for name, text in texts.items():
            if name.endswith(".json"):
                recheck(text, derivations)
    for theorem in theorems:
        with measured(f"  {theorem.name} alone, with what it leans on"):
            prove(theorem)

    from symbolic.test_planted import TABLE, spoiled
    from symbolic.test_statements import NOT_OUTRIGHT, reworded, seed, shown, wrong

    with measured("wrong statements"):
        accepted = sum(shown(left, right, seed()[name]) for name, _, left, right in wrong())
        print(f"         {accepted} of {len(wrong())} wrong statements shown")
    with measured("other words"):
        tried = [row for row in reworded() if row[0] not in NOT_OUTRIGHT]
        right = sum(shown(x, y, seed()[name]) for name, _, x, y in tried)
        print(f"         {right} of {len(tried)} theorems in other words shown outright")
    steps = len(list(spoiled()))
    print(f"         {len(TABLE)} wrong steps by hand and {steps} spoiled steps of the seed: see test_planted")


if __name__ == "__main__":
    main()
