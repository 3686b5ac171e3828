"""An Oracle gives a trusted derivative with its error, or says why it cannot here.

``FiniteDifference`` (several steps, an error bar), ``ComplexStep``, ``Extended`` and ``Arbitrary`` (more
digits), each with its self-test, and the ``Ladder`` that asks the cheapest one that can decide (and once a trial, by
which one a doubt could be settled).
``remainder_rate`` needs no step: does the Taylor remainder of a claimed slope fall as it must?
"""

from gradverify.oracles.arbitrary import Arbitrary
from gradverify.oracles.complex_step import ComplexStep
from gradverify.oracles.extended import Extended
from gradverify.oracles.finite_difference import FiniteDifference
from gradverify.oracles.ladder import Ladder
from gradverify.oracles.taylor import remainder_rate

ORACLES = (FiniteDifference, ComplexStep, Extended, Arbitrary, Ladder)

__all__ = ["ORACLES", "Arbitrary", "ComplexStep", "Extended", "FiniteDifference", "Ladder", "remainder_rate"]
