"""The judge turns a Claim on floats into agreement, disagreement or bluntness; every tolerance lives here.

A bar is worked out from what is known to be inexact: the error both sides carry, a few roundings of
the code's own answer, and, only where those do not suffice, that code's rounding as measured.

``judging`` is the way through: it hands numbers to ``numbers``, arrays to ``arrays``, and grants
roundings from ``rounding``, each more than the one before. How likely it is to be wrong: ``_chance``.
"""

from gradverify.judge.judgement import Judgement
from gradverify.judge.judging import judge
from gradverify.judge.rounding import measured_rounding

__all__ = ["Judgement", "judge", "measured_rounding"]
