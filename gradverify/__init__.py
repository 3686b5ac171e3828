"""gradverify tells whether a derivative written by hand is right: proved, refuted, or undecided with the reason.

    >>> import gradverify as gv
    >>> report = gv.check(softmax, vjp=softmax_vjp, inputs=gv.Box("n k"))

A **Law** ("the pullback is linear") makes a **Claim** about a **Subject**, which is a function with the
derivative it claims, at the points that a **Method** supplies: seeded floats, a search, or symbols. An
**Oracle** gives a trusted derivative together with its error. What is seen at the points are **Findings**;
they become a **Verdict** (HOLDS, FAILS or UNDECIDED), and verdicts a **Report**.

Start with :func:`check`, or with :func:`suite` in a file of tests; write a law with :func:`law`, try one with
:func:`examine`. A name is loaded when it is first used, so that importing gradverify costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradverify import experiments, laws, nn, oracles
    from gradverify._check import check
    from gradverify._claim import at_most, equal, raises, same_bits
    from gradverify._domain import At, Box, Domain
    from gradverify._errors import LawBroken, Misuse, NothingDecided
    from gradverify._examine import examine
    from gradverify._law import Law, law
    from gradverify._subject import Subject
    from gradverify._vectors import Estimate, Vectors
    from gradverify._verdict import Finding, Report, Verdict
    from gradverify.explain import load, sparse
    from gradverify.sampling import Sampling
    from gradverify.search import Search
    from gradverify.symbolic.proof import Proof
    from gradverify.testing import suite

__version__ = "0.1.0"

__all__ = [
    "At",
    "Box",
    "Domain",
    "Estimate",
    "Finding",
    "Law",
    "LawBroken",
    "Misuse",
    "NothingDecided",
    "Proof",
    "Report",
    "Sampling",
    "Search",
    "Subject",
    "Vectors",
    "Verdict",
    "at_most",
    "check",
    "equal",
    "examine",
    "experiments",
    "law",
    "laws",
    "load",
    "nn",
    "oracles",
    "raises",
    "same_bits",
    "sparse",
    "suite",
]

# The module that has each public name; the imports above tell type checkers the same, and a test compares the two.
_NAMES = {
    "_check": ("check",),
    "_subject": ("Subject",),
    "_domain": ("Box", "At", "Domain"),
    "_vectors": ("Vectors", "Estimate"),
    "_law": ("law", "Law"),
    "_claim": ("equal", "at_most", "same_bits", "raises"),
    "_examine": ("examine",),
    "sampling": ("Sampling",),
    "search": ("Search",),
    "symbolic.proof": ("Proof",),
    "_verdict": ("Finding", "Verdict", "Report"),
    "_errors": ("Misuse", "LawBroken", "NothingDecided"),
    "explain": ("load", "sparse"),
    "testing": ("suite",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

if not TYPE_CHECKING:  # a type checker would take any name at all for granted

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"gradverify has no {name!r}; its public names are {', '.join(__all__)}.")
        if name not in _HOME:
            return import_module(f"gradverify.{name}")
        found = globals()[name] = getattr(import_module(f"gradverify.{_HOME[name]}"), name)
        return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
