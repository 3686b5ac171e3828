"""Proofs: code run on symbols (``proof``), and theorems for every size, written as derivations (``derivation``).

A theorem script writes its terms with the names below; see ``notation`` for the words, ``rules`` for the steps.
"""

from gradverify.symbolic.derivation import Derivation, Hypothesis, step
from gradverify.symbolic.notation import Array, D, Function, Sum, delta, each, exp, log, relu, slope
from gradverify.symbolic.term import Size

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
