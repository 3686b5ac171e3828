"""The judge turns a Claim on floats into agreement, disagreement or bluntness; the bars of claims live here.

A bar is worked out from what is known to be inexact: the error both sides carry, a few roundings of
the code's own answer, and, only where those do not suffice, that code's rounding as measured.

``judging`` is the way through: it hands numbers to ``numbers``, arrays to ``arrays`` (an entry's bar: ``bars``; an
answer beside its twin: ``twins``), and grants the levels of ``rounding``, each more than the one before, from ``sizes``
and ``scatter``. How likely it is to be wrong: ``_chance``. What a kink allows: ``kinks``; what an oracle
knows in ``oracles``. An oracle may refute only a gap that the careful ladder, asked when a disagreement is looked at
again, can confirm: ``Estimate.refutes`` and ``share`` say in advance how small that may be.
"""

from gradverify.judge.judgement import ALL_SEEN, FAULT, Judgement, Least
from gradverify.judge.judging import judge
from gradverify.judge.numbers import effects

__all__ = ["ALL_SEEN", "FAULT", "Judgement", "Least", "effects", "judge"]
