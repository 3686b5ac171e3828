"""The user's own function at hundreds of digits decides derivatives below the spacing of float64.

``Arbitrary`` is the oracle, ``value`` and ``pullback`` what the function and its rule answer at these digits.
Nothing here loads mpmath before it is asked.
"""

from gradverify.oracles.arbitrary.slope import SOURCE, Arbitrary, pullback, value

__all__ = ["SOURCE", "Arbitrary", "pullback", "value"]
