"""Proofs: code run on symbols (``proof``), and theorems for every size, written as derivations (``derivation``).

A theorem script writes its terms with the names below; see ``term`` for the words, ``rules`` for the steps.
"""

from gradverify.symbolic.derivation import Derivation, Hypothesis, step
from gradverify.symbolic.term import Array, D, Function, Size, Sum, delta, each, exp, log, relu, slope

__all__ = [
    "Array",
    "D",
    "Derivation",
    "Function",
    "Hypothesis",
    "Size",
    "Sum",
    "delta",
    "each",
    "exp",
    "log",
    "relu",
    "slope",
    "step",
]
