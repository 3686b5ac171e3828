"""The user's own function at hundreds of digits decides derivatives below the spacing of float64.

``Arbitrary`` is the oracle, ``value`` the function's value at these digits. Nothing here loads mpmath
before it is asked.
"""

from gradverify.oracles.arbitrary.slope import SOURCE, Arbitrary, value

__all__ = ["SOURCE", "Arbitrary", "value"]
