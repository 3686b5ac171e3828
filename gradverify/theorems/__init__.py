"""Theorems for every size, written as derivations and judged step by step by two judges.

A theorem script writes its terms with the names below; see ``notation`` for the words, ``rules`` for the steps.
"""

from gradverify.theorems.derivation import Derivation, Hypothesis, step
from gradverify.theorems.notation import Array, D, Function, Sum, delta, each, exp, log, relu, slope
from gradverify.theorems.term import Size

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
