"""Adapters turn what people write into Subjects; each is the only home of its framework.

``numpy`` reads pairs, forward rules, Jacobians, the (out, cache) form and layer objects; ``inputs``
reads what was given to differentiate at.
"""

from gradverify.adapters import inputs, numpy

__all__ = ["inputs", "numpy"]
