"""Adapters turn what people write into Subjects; each is the only home of its framework.

``numpy`` reads pairs, forward rules, the (out, cache) form and layer objects, ``jacobian`` gradients, Jacobians and
Hessians, ``complex`` all of these on complex arrays (``misread``: what is mixed up there); ``inputs`` reads what was
given to differentiate at; ``subjects`` puts these together, and ``discover`` finds what a file or a module holds.
"""

from gradverify.adapters import discover, inputs, numpy, subjects

__all__ = ["discover", "inputs", "numpy", "subjects"]
